"""``rasterize``: Gaussians to pictures, differentiable, whichever engine draws."""

from __future__ import annotations

from torch import Tensor

from ft2os import device
from ft2os.errors import MissingError, RequestError
from ft2os.render import cpu
from ft2os.render.screen_gradients import ScreenGradients
from ft2os.tiles.layout import PLAIN

ENGINES = ("gsplat", "tiles")


def engine_name() -> str:
    """The engine that draws on this machine's best device: ``gsplat`` or ``tiles``."""
    return "gsplat" if device.best_device() == device.CUDA and device.has_gsplat() else "tiles"


def _choose(engine: str | None, means: Tensor) -> str:
    if engine is None:
        return engine_name() if means.is_cuda else "tiles"
    if engine not in ENGINES:
        raise RequestError(
            f"There is no rasterizer called {engine!r}.", f"Choose one of {', '.join(ENGINES)}."
        )
    if engine == "gsplat" and engine_name() != "gsplat":
        raise MissingError(
            "The gsplat rasterizer needs an NVIDIA GPU and the package gsplat.",
            "Install ft2os[cuda] on such a machine, or leave the engine unset.",
        )
    return engine


def _colours(colors: Tensor, n: int, cameras: int, sh_degree: int | None) -> tuple[Tensor, int]:
    """``colors`` as [1 or C, N, K, 3], and the degree to use."""
    if sh_degree is None:
        colors, wanted = colors.unsqueeze(-2), 1
    else:
        wanted = (sh_degree + 1) ** 2
    if colors.dim() == 3:
        colors = colors.unsqueeze(0)
    if (
        colors.dim() != 4
        or colors.shape[0] not in (1, cameras)
        or colors.shape[1] != n
        or colors.shape[2] < wanted
        or colors.shape[3] != 3
    ):
        raise ValueError(
            f"colors of shape {tuple(colors.shape)} do not fit {n} Gaussians, sh_degree {sh_degree}"
        )
    return colors, PLAIN if sh_degree is None else sh_degree


def rasterize(
    means: Tensor,  # [N, 3]
    quats: Tensor,  # [N, 4]
    scales: Tensor,  # [N, 3]
    opacities: Tensor,  # [N]
    colors: Tensor,  # [N, 3] or [C, N, 3]; with sh_degree [N, K, 3] or [C, N, K, 3]
    viewmats: Tensor,  # [C, 4, 4]
    Ks: Tensor,  # [C, 3, 3]
    width: int,
    height: int,
    *,
    sh_degree: int | None = None,
    backgrounds: Tensor | None = None,  # [3] or [C, 3]
    antialiased: bool = False,
    engine: str | None = None,
    screen_gradients: ScreenGradients | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw Gaussians for a batch of cameras (Kerbl et al. 2023; semantics of gsplat 1.5.3).

    Parameters
    ----------
    quats : Tensor, [N, 4]
        wxyz, of any length.
    scales : Tensor, [N, 3]
        Linear.
    opacities : Tensor, [N]
        In 0..1.
    colors : Tensor
        Spherical harmonics when ``sh_degree`` is given (shown: max(SH·Y + ½, 0)), else plain colours.
    viewmats, Ks : Tensor
        World to camera, and intrinsics in pixels; constants, no gradient.
    backgrounds : Tensor, optional
        Black if left out.
    antialiased : bool
        Lower a splat's opacity by what the blur adds to its area.
    engine : {"gsplat", "tiles"}, optional
        By default gsplat for CUDA tensors, tiles otherwise.
    screen_gradients : ScreenGradients, optional
        Told, in the backward pass, how hard each Gaussian is pulled across the screen.

    Returns
    -------
    rgb : Tensor, [C, H, W, 3]
    alpha : Tensor, [C, H, W, 1]
    depth : Tensor, [C, H, W, 1]
        Expected camera z, 0 where nothing is seen.

    All three carry gradients to means, quats, scales, opacities, colors and backgrounds.
    """
    n, cameras = len(means), len(viewmats)
    colours, degree = _colours(colors, n, cameras, sh_degree)
    if _choose(engine, means) == "gsplat":
        from ft2os.render import cuda as draw
    else:
        draw = cpu
    features, rest = draw.features(
        means,
        quats,
        scales,
        opacities,
        colours,
        degree,
        viewmats,
        Ks,
        width,
        height,
        antialiased,
        screen_gradients,
    )
    features, rest = features.to(means.device), rest.to(means.device).unsqueeze(-1)
    rgb, alpha = features[..., :3], 1.0 - rest
    if backgrounds is not None:
        rgb = rgb + rest * backgrounds.to(rgb).reshape(-1, 1, 1, 3)
    return rgb, alpha, features[..., 3:] / alpha.clamp_min(1e-10)

"""Whether the look fits its words, said by a CLIP that did not guide it.

A look that was made by pleasing one CLIP pleases that CLIP; only another one's opinion is a measurement. So
the one that guided is refused where it is named and passed over where it is not, and without a second CLIP
there is no number at all.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ft2os.errors import MissingError, RequestError
from ft2os.evaluate.views import Drawn

if TYPE_CHECKING:
    from torch import Tensor

    from ft2os.guidance.clip_judge import ClipJudge

log = logging.getLogger(__name__)

SECOND_JUDGES = (  # looked for on this machine, in this order, where none is named
    ("ViT-L-14", "openai"),
    ("ViT-B-16", "laion2b_s34b_b88k"),
    ("ViT-B-16", "openai"),
    ("ViT-B-32", "laion2b_s34b_b79k"),
    ("ViT-B-32", "openai"),
)
_BATCH = 8
_NOTHING = dict.fromkeys(
    ("judge", "similarity_before", "similarity_after", "similarity_gain", "direction", "direction_worst")
)


def measure(
    windows: Sequence[Drawn],
    prompt: str,
    source: str,
    *,
    judge: tuple[str | None, str | None] = (None, None),
    guide: str = "",
) -> dict[str, float | str | None]:
    """Text–image similarity and direction over windows of the object alone.

    Parameters
    ----------
    windows : sequence of Drawn
    prompt, source : str
        What the object should be and what it was.
    judge : (model, pretrained)
        As ``clip_judge.load`` takes them; both None: a second CLIP that is on this machine.
    guide : str
        Name of the CLIP that guided, as far as it is known.

    Returns
    -------
    dict
        ``similarity_before``, ``similarity_after``: mean cosine of picture and prompt; ``similarity_gain``;
        ``direction``: mean cosine of ΔE_image and ΔE_text (Gal et al., "StyleGAN-NADA", 2022), with the
        lowest view's as ``direction_worst``; ``judge``; or all null, and the ``reason``.

    Raises
    ------
    RequestError
        If the judge that is named guided the run, has random weights, or does not exist.
    """
    texts = {"prompt": prompt, "source": source, "guide": guide or None}
    if not windows:
        return _NOTHING | texts | {"reason": "no view shows the object well enough"}
    try:
        chosen = _second(judge, guide)
    except MissingError as error:
        if judge[0]:
            log.warning("%s", error)
        return _NOTHING | texts | {"reason": error.message}
    return _scores(windows, chosen, prompt, source) | texts | {"reason": None}


def _second(named: tuple[str | None, str | None], guide: str) -> ClipJudge:
    """The judge that is named, or the first of `SECOND_JUDGES` that is here and did not guide."""
    model, pretrained = named
    _refuse(model, pretrained, guide)
    lacking = [name for name in ("torch", "open_clip") if importlib.util.find_spec(name) is None]
    if lacking:
        raise MissingError(f"{' and '.join(lacking)} not installed: a CLIP cannot be asked.")
    from ft2os.guidance import clip_judge

    if model:
        return clip_judge.load(model, pretrained)
    for model, pretrained in SECOND_JUDGES:
        if not same_judge(f"{model} {pretrained}", guide) and clip_judge.available(model, pretrained):
            return clip_judge.load(model, pretrained)
    raise MissingError("No weights of a second CLIP are on this machine.", "Name one with --judge.")


def _refuse(model: str | None, pretrained: str | None, guide: str) -> None:
    if pretrained == "random":
        raise RequestError(
            "A judge with random weights has no opinion.", "Name a CLIP with weights, or none at all."
        )
    if model and guide and same_judge(f"{model} {pretrained or 'openai'}", guide):
        raise RequestError(
            f"The CLIP {guide} guided this look, so its opinion measures nothing.",
            "Name another with --judge and --pretrained, or none at all.",
        )


def same_judge(a: str, b: str) -> bool:
    """Whether two names, "model tag" or a folder, mean the same network."""
    return _normal(a) == _normal(b)


def _normal(name: str) -> str:
    model, _, tag = name.strip().rpartition(" ")
    folder = Path(model or tag)
    if folder.is_dir():
        return str(folder.resolve())
    # "ViT-B/32" is OpenAI's own way to write it; QuickGELU is how its tag is built anyway.
    return f"{model.replace('/', '-').removesuffix('-quickgelu')} {tag}".casefold()


def _scores(windows: Sequence[Drawn], judge: ClipJudge, prompt: str, source: str) -> dict:
    import torch

    with torch.no_grad():
        before = _embedded([d.before for d in windows], judge)
        after = _embedded([d.after for d in windows], judge)
        to, start = judge.embed_texts([prompt, source])
        direction = torch.cosine_similarity(after - before, (to - start)[None], dim=1)
    change = float((after - before).norm(dim=1).max())
    has_direction = change > 1e-6 and float((to - start).norm()) > 1e-6  # a zero vector has no direction
    was, now = float((before @ to).mean()), float((after @ to).mean())
    return {
        "judge": judge.name,
        "similarity_before": was,
        "similarity_after": now,
        "similarity_gain": now - was,
        "direction": float(direction.mean()) if has_direction else None,
        "direction_worst": float(direction.min()) if has_direction else None,
    }


def _embedded(pictures: list[np.ndarray], judge: ClipJudge) -> Tensor:  # [B, D]
    import torch

    stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).to(judge.device)
    return torch.cat([judge.embed_images(part) for part in stacked.split(_BATCH)])

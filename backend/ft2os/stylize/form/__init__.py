"""Forms by name: "spiky ice", "furry gold", "melting chocolate" and "inflated rubber" without any model.

`parse_form` finds the form in a prompt. `give_form` gives a prepared object that form: its Gaussians move,
others grow out of them, and the result is looked at once more, so that every colour is found on the shape
that it will be seen on. The object as it was stays the neutral state: a look's strength grows the form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ft2os.gaussians import C0, Gaussians, concatenate, dc_of
from ft2os.stylize.form.forms import FORMS, REACH, Body
from ft2os.stylize.form.strands import Strands
from ft2os.stylize.form.surface import surface_of
from ft2os.stylize.form.words import FormRequest, parse_form, resolve_form
from ft2os.stylize.prepare import PreparedObject
from ft2os.stylize.view_buffers import cameras_around, surface_views_of

__all__ = ["FORMS", "GROWN", "REACH", "FormRequest", "give_form", "parse_form", "resolve_form"]

GROWN = 70_000
"""More Gaussians than any form adds to an object of the usual surface."""
_SEED = 0.25  # size of what has not grown yet, over what it will be
_HIDDEN = 0.02  # its opacity


def give_form(
    prepared: PreparedObject,
    form: str,
    amount: float = 1.0,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
) -> PreparedObject:
    """The object in another form.

    Parameters
    ----------
    prepared : PreparedObject
        As `ft2os.stylize.prepare.prepare` made it.
    form : str
        A key of `FORMS`.
    amount : float
        How much of it: lengths and displacements times this.
    seed : int
        Of where things grow.
    on_progress : callable, optional
        Called with the finished share, 0..1; may raise to stop.

    Returns
    -------
    PreparedObject
        ``fine`` has what grows at its end, hidden at its roots; ``shown`` is the form.
    """
    on_progress = on_progress or (lambda share: None)
    rng = np.random.default_rng((seed, 17))
    fine = prepared.fine
    surface = surface_of(fine, prepared.surface_views, prepared.frame.extent)
    made = FORMS[form](Body(fine, surface, prepared.frame, amount, rng))
    on_progress(0.3)
    before, after = fine, fine.replace(**made.moved)
    parent, neutral = prepared.parent, prepared.neutral
    shade = np.ones(len(fine)) if made.shade is None else made.shade
    if made.grown is not None and len(made.grown):
        grown = made.grown
        rows, seen = surface.rows[grown.root], surface.colours[grown.root].astype(np.float32)
        full = _grown(
            grown, fine.subset(rows), surface.points[grown.root], seen, REACH * prepared.frame.extent
        )
        before = concatenate([before, _hidden(full, surface.points[grown.root])])
        after = concatenate([after, full])
        parent = np.concatenate([parent, parent[rows]])
        neutral = np.concatenate([neutral, seen])
        shade = np.concatenate([shade, grown.shade])
    lit = after.replace(sh=_shaded(after.sh, shade))
    pixels = prepared.surface_views[0].view.camera.width
    cameras = cameras_around(lit, len(prepared.surface_views), pixels)
    surface_views = surface_views_of(lit, cameras, lambda share: on_progress(0.3 + 0.7 * share))
    return replace(
        prepared, fine=before, parent=parent, neutral=neutral, surface_views=surface_views, deformed=lit
    )


def _grown(
    strands: Strands, hosts: Gaussians, roots: np.ndarray, colours: np.ndarray, reach: float
) -> Gaussians:
    """What grows out of ``hosts`` (K) at ``roots`` [K, 3], at full length, in ``colours`` [K, 3]."""
    arrays = {n: getattr(strands, n).astype(np.float32) for n in ("quats", "scales", "opacities")}
    away = strands.means - roots
    away *= np.minimum(1.0, reach / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-12))
    sh = np.zeros_like(hosts.sh)
    sh[:, 0] = dc_of(colours)
    return hosts.replace(means=(roots + away).astype(np.float32), sh=sh, **arrays)


def _hidden(grown: Gaussians, roots: np.ndarray) -> Gaussians:
    """What grows, before it has: faint, small, at its roots [K, 3]."""
    return grown.replace(
        means=roots.astype(np.float32),
        scales=np.float32(_SEED) * grown.scales,
        opacities=np.full(len(grown), _HIDDEN, np.float32),
    )


def _shaded(sh: np.ndarray, shade: np.ndarray) -> np.ndarray:
    """Coefficients [M, K, 3] of colours times a factor [M]."""
    out = sh * shade[:, None, None]
    out[:, 0] += (shade[:, None] - 1) * 0.5 / C0  # the colour is 0.5 more than what the coefficients give
    return out.astype(np.float32)

"""A look: one version of an object, kept apart from it, with a strength from 0 to 1.

A look names only the Gaussians that it replaces, so that floaters and whatever a method leaves alone keep
their bits. It holds two states of its own set: the neutral one (the object as it was, finer split) and the
target. ``apply`` blends between them; strength 0 is the object itself, and just above it the object still
is most of what one sees.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ft2os.activations import logit, sigmoid
from ft2os.errors import FileError, RequestError
from ft2os.files import replacing, write_array
from ft2os.gaussians import Gaussians
from ft2os.npy import read_rows
from ft2os.strict_json import read_json, to_json

FADE = 0.2
"""Below this strength the object's own Gaussians and the look's set are both drawn, thinned.

However well the finer set was fitted it differs a little from the object; so that comes in with the strength
too, always small beside the look itself.
"""

_WORDS = {"name": str, "prompt": str, "method": str, "seed": int, "stats": dict}
_TARGETS = ("means", "quats", "scales", "opacities")
_COLUMNS = {"dc": 3, "dc0": 3, "means": 3, "quats": 4, "scales": 3, "opacities": 1}


@dataclass(frozen=True)
class Look:
    """M Gaussians that stand for some of an object's N.

    Parameters
    ----------
    parent : ndarray, int32, [M]
        Row in the object's Gaussians that each of these stands for. Rows that none names stay as they are.
    dc : ndarray, float32, [M, 3]
        Raw colour of degree 0 at strength 1.
    dc0 : ndarray, float32, [M, 3], optional
        Raw colour of degree 0 as the strength nears 0; by default the parent's.
    means, quats, scales, opacities : ndarray, float32
        The neutral geometry, as the strength nears 0; units as in `Gaussians`.
    target : dict of ndarray, optional
        Any of ``means, quats, scales, opacities`` at strength 1; what is absent does not move.
    sh : ndarray, float32, [M, K-1, 3], optional
        Raw coefficients from degree 1 at strength 1; by default the parent's fade to zero.
    name, prompt, method : str
        What the artist sees in the list; what she typed; how it was made.
    seed : int
    stats : dict
        Figures of the run, for people; JSON values only.
    """

    parent: np.ndarray
    dc: np.ndarray
    dc0: np.ndarray | None
    means: np.ndarray
    quats: np.ndarray
    scales: np.ndarray
    opacities: np.ndarray
    target: dict[str, np.ndarray] | None = None
    sh: np.ndarray | None = None
    name: str = ""
    prompt: str = ""
    method: str = ""
    seed: int = 0
    stats: dict = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.parent)

    def columns(self) -> dict[str, np.ndarray]:
        """All that a look holds for each of its Gaussians, by name; what it does not have is not there.

        Files, point clouds and names of content are made of these. The target's are ``target_<name>``.
        """
        columns = {"parent": self.parent, "dc": self.dc, "dc0": self.dc0, "sh": self.sh}
        columns |= {name: getattr(self, name) for name in _TARGETS}
        columns |= {f"target_{name}": value for name, value in (self.target or {}).items()}
        return {name: np.asarray(value) for name, value in columns.items() if value is not None}

    @staticmethod
    def of(columns: Mapping[str, np.ndarray], **words: Any) -> Look:
        """The look whose `columns` these are; ``words`` are its name, prompt, method, seed and stats.

        Raises
        ------
        TypeError
            If one is missing or unknown.
        """
        own = dict(columns)
        target = {name: own.pop(f"target_{name}") for name in _TARGETS if f"target_{name}" in columns}
        return Look(**{"dc0": None, **own}, target=target or None, **words)

    def digest(self) -> str:
        """Hex hash of the columns: equal content, equal name. The words do not count."""
        state = hashlib.blake2b(digest_size=16)
        for name, values in sorted(self.columns().items()):
            state.update(f"{name}{values.shape}{values.dtype.str}".encode())
            state.update(np.ascontiguousarray(values).data if values.size else b"")
        return state.hexdigest()

    def save(self, path: Path) -> None:
        """Write one structured .npy, and the words as .json beside it, both whole or not at all.

        Raises
        ------
        FileError
            If they cannot be written.
        """
        path = Path(path)
        columns = self.columns()
        rows = np.empty(
            len(self), [(n, "<i4" if n == "parent" else "<f4", v.shape[1:]) for n, v in columns.items()]
        )
        for name, value in columns.items():
            rows[name] = value
        words = {name: getattr(self, name) for name in _WORDS}
        with replacing(path) as temporary:
            write_array(temporary, rows)
            with replacing(path.with_suffix(".json")) as words_file:
                words_file.write_text(json.dumps(to_json(words), allow_nan=False), encoding="utf-8")

    @staticmethod
    def load(path: Path) -> Look:
        """Read what `save` wrote.

        Raises
        ------
        FileError
            If the file is missing, truncated or not a look.
        """
        path = Path(path)
        try:
            columns = read_rows(path)
            beside = path.with_suffix(".json")
            words = _checked_words(read_json(beside)) if beside.exists() else {}
            return _checked(Look.of(columns, **words))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise FileError(f"{path.name} is not a look, or it is cut short.", "Stylize again.") from error


def apply(gaussians: Gaussians, look: Look, strength: float) -> Gaussians:
    """The object with a look at some strength.

    Parameters
    ----------
    gaussians : Gaussians
        The object that the look was made for.
    look : Look
    strength : float
        0 gives ``gaussians`` itself. Above it the rows that the look replaces make room for its own set:
        colour and position blend linearly, scale in its logarithm, opacity in its logit, rotation by
        normalised lerp on the short way, and the parent's higher bands fade. Below `FADE` both sets are drawn
        and share what they cover, so that nothing jumps where the neutral state differs from the original:
        at strength 0.02 the object still has nine tenths.

    Returns
    -------
    Gaussians
        The rows that stay, in order, then the look's M.

    Raises
    ------
    RequestError
        If the look names rows that the object does not have.
    """
    s = float(np.clip(strength, 0.0, 1.0))
    if s == 0.0 or not len(look):
        return gaussians
    if look.parent.min() < 0 or look.parent.max() >= len(gaussians):
        raise RequestError(
            "The look belongs to another object: it names Gaussians that this one does not have.",
            "Stylize this object again.",
        )
    replaced = np.zeros(len(gaussians), bool)
    replaced[look.parent] = True
    fade = min(s / FADE, 1.0)
    own = _blended(gaussians, look, s, fade)
    if fade == 1.0:
        return _append(gaussians.subset(~replaced), own)
    return _append(_giving_way(gaussians, replaced, look, s, 1.0 - fade), own)


def _giving_way(gaussians: Gaussians, replaced: np.ndarray, look: Look, s: float, share: float) -> Gaussians:
    """The object with what the look replaces thinned, in the mean colours of what stands for it.

    Kept in its own colours it would shine through the look in patches.
    """
    count = np.maximum(np.bincount(look.parent, minlength=len(gaussians)), 1)[:, None]
    goal = np.stack([np.bincount(look.parent, c, len(gaussians)) for c in look.dc.T], axis=1) / count
    opacities, sh = gaussians.opacities.copy(), gaussians.sh.copy()
    opacities[replaced] = _thinned(opacities[replaced], share)
    sh[replaced, 0] = _mix(sh[replaced, 0], goal[replaced], s)
    sh[replaced, 1:] *= 1.0 - s
    return gaussians.replace(opacities=opacities, sh=sh)


def _blended(gaussians: Gaussians, look: Look, s: float, fade: float) -> Gaussians:
    """The look's own set at strength s."""
    parents = gaussians.subset(look.parent)
    goal = {name: getattr(look, name) for name in _TARGETS} | (look.target or {})
    bands = parents.sh.shape[1] - 1
    target_bands = np.zeros_like(parents.sh[:, 1:])
    if look.sh is not None and bands:
        width = min(bands, look.sh.shape[1])
        target_bands[:, :width] = look.sh[:, :width]
    dc0 = parents.sh[:, 0] if look.dc0 is None else look.dc0
    dc = _mix(dc0, look.dc, s)
    sh = np.concatenate([dc[:, None], _mix(parents.sh[:, 1:], target_bands, s)], axis=1)
    opacities = look.opacities
    if "opacities" in (look.target or {}):
        opacities = sigmoid(_mix(logit(look.opacities), logit(goal["opacities"]), s))
    scales = look.scales
    if "scales" in (look.target or {}):
        scales = np.exp(_mix(np.log(look.scales), np.log(goal["scales"]), s))
    return Gaussians(
        means=_f32(_mix(look.means, goal["means"], s)),
        quats=_f32(_nlerp(look.quats, goal["quats"], s)),
        scales=_f32(scales),
        opacities=_f32(_thinned(opacities, fade) if fade < 1.0 else opacities),
        sh=_f32(sh),
        group=parents.group,
        source=gaussians.source,
        row=None if gaussians.row is None else np.full(len(look), -1, np.int32),
    )


def _append(stay: Gaussians, own: Gaussians) -> Gaussians:
    """Both sets in one; the identity features of new Gaussians are their parents' business, not ours."""
    fields = {}
    for name in ("means", "quats", "scales", "opacities", "sh", "group", "row"):
        first, second = getattr(stay, name), getattr(own, name)
        fields[name] = None if first is None else np.concatenate([first, second])
    return Gaussians(**fields, source=stay.source)


def _checked_words(found: object) -> dict:
    """The words beside a look, if each is of its type."""
    if not isinstance(found, dict):
        raise ValueError("its words are no object")
    words = {name: found[name] for name in _WORDS if name in found}
    for name, value in words.items():
        if type(value) is not _WORDS[name]:
            raise ValueError(f"{name} is {type(value).__name__}")
    return words


def _checked(look: Look) -> Look:
    """The look itself, if its arrays fit together: a file may hold anything."""
    m = len(look.parent)
    if look.parent.shape != (m,) or look.parent.dtype.kind != "i":
        raise ValueError(f"parent is {look.parent.dtype} of shape {look.parent.shape}")
    if look.sh is not None and (look.sh.ndim != 3 or look.sh.shape[::2] != (m, 3)):
        raise ValueError(f"sh has shape {look.sh.shape}")
    for name, width in _COLUMNS.items():
        for value in (getattr(look, name), (look.target or {}).get(name)):
            if value is None:
                continue
            if value.shape != ((m,) if width == 1 else (m, width)):
                raise ValueError(f"{name} has shape {value.shape}")
    return look


def _thinned(opacities: np.ndarray, share: float) -> np.ndarray:
    """Opacities for a ``share`` of a pair that lies in one place and together covers what the whole did.

    Splitting the optical depth would keep the middle of a footprint and fatten its flanks. Here the integral
    of the footprint is kept: with a and b = 1 − a the shares and c a common gain, c − ½·a·b·o·c² = 1.
    """
    gain = 2.0 / (1.0 + np.sqrt(1.0 - 2.0 * share * (1.0 - share) * opacities))
    return _f32(share * opacities * gain)


def _mix(a: np.ndarray, b: np.ndarray, s: float) -> np.ndarray:
    return a if a is b else a * (1.0 - s) + b * s


def _nlerp(a: np.ndarray, b: np.ndarray, s: float) -> np.ndarray:
    if a is b:
        return a
    short = np.where((a * b).sum(1, keepdims=True) < 0, -b, b)
    q = _mix(a, short, s)
    return q / np.maximum(np.linalg.norm(q, axis=1, keepdims=True), 1e-12)


def _f32(a: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(a, np.float32)

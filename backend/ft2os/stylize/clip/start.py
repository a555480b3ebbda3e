"""Where to start: the material that the prompt names or CLIP finds nearest, or the object as it was.

A start near the goal is worth hundreds of steps. The words decide which materials come into question, where
they can; CLIP ranks those, and their size and strength, by pictures that are painted and never solved for,
which takes a tenth of a second each. The same request gives the same choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch

from ft2os.errors import UnknownPromptError
from ft2os.guidance import text_cache
from ft2os.guidance.clip_judge import ClipJudge
from ft2os.materials import MATERIALS, match
from ft2os.stylize import form, painting
from ft2os.stylize.clip.objective import Judgement
from ft2os.stylize.clip.settings import AUTO, ORIGINAL, Settings
from ft2os.stylize.clip.texts import Texts
from ft2os.stylize.controls import PATTERN_SCALE
from ft2os.stylize.painting import Brush
from ft2os.stylize.prepare import PreparedObject
from ft2os.stylize.request import StylizeRequest

SCALES = (1.0, 0.7, 1.45)  # of the pattern, times its usual size
KEEPS = (1.0, 0.7)  # of the material's own share of the object's light and dark
VIEWS = 2  # pictures to judge a brush by
NEAR_SHARE = 0.98  # of the bank's words that a material has to be nearer to the prompt than
RANKED = "ranked"  # how a material came that no word names
_FEW = 3  # materials that the words may suggest
_BACKGROUND = 0.5


@dataclass(frozen=True)
class Candidates:
    """Names of the materials that come into question, the likeliest first; none means the original.

    ``how`` is one of name, synonym, similar, ranked, asked, original.
    """

    names: list[str]
    how: str


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why.

    ``brush`` is None where the original is the start. ``scores`` has every picture's that was ranked, by what
    it shows; higher is better. ``how`` is that of the candidates.
    """

    brush: Brush | None
    how: str
    scores: dict[str, float] = field(default_factory=dict)

    @staticmethod
    def restored(facts: dict, seed: int) -> Choice:
        """The choice of which these are the `stats`."""
        name, keep = facts["from"], facts.get("luminance_keep")
        brush = None if name == ORIGINAL else Brush(MATERIALS[name], seed, facts["scale"], keep)
        return Choice(brush, facts["how"], facts["scores"])

    def stats(self) -> dict:
        """For a result's ``stats["start"]``."""
        brush = self.brush
        facts = {"from": brush.material.name if brush else ORIGINAL, "how": self.how, "scores": self.scores}
        if brush:
            keep = brush.material.luminance_keep if brush.luminance_keep is None else brush.luminance_keep
            facts |= {"scale": round(brush.scale, 3), "luminance_keep": round(keep, 3)}
        return facts


def choose(
    candidates: Candidates,
    request: StylizeRequest,
    settings: Settings,
    judgement: Judgement,
    prepared: PreparedObject,
    on_progress: Callable[[float], None],
) -> Choice:
    """Rank the candidates.

    Parameters
    ----------
    candidates : Candidates
    on_progress : callable
        Called as ``on_progress(share)`` after every picture; may raise to stop.
    """
    if not candidates.names:
        return Choice(None, candidates.how)
    variants = _variants(candidates.names, request.seed, settings)
    brushes = list(islice(variants, settings.candidates))
    if len(brushes) == 1 and candidates.how != RANKED:
        return Choice(brushes[0], candidates.how)
    scores = _ranked(brushes, prepared, judgement, on_progress)
    best = max(brushes, key=lambda brush: scores[_label(brush)])  # the first of equals: the usual size
    # A material that the artist named is meant; one that CLIP came up with has to beat the original.
    if candidates.how == RANKED and scores[_label(best)] <= scores[ORIGINAL]:
        return Choice(None, ORIGINAL, scores)
    return Choice(best, candidates.how, scores)


def find_candidates(
    request: StylizeRequest, settings: Settings, judge: ClipJudge, texts: Texts
) -> Candidates:
    """The materials that the words suggest, or CLIP where they name none."""
    if settings.start != AUTO:
        return (
            Candidates([], ORIGINAL) if settings.start == ORIGINAL else Candidates([settings.start], "asked")
        )
    wanted = form.resolve_form(request.prompt, settings.start_form, settings.form_amount, request.object_name)
    if not wanted.coloured:  # "spiky" alone keeps the object's own colours
        return Candidates([], ORIGINAL)
    try:
        matched = match(wanted.rest, object_name=request.object_name)
    except UnknownPromptError:
        return Candidates(nearest(judge, texts), RANKED)
    if matched.how != "similar":
        return Candidates([matched.material.name], matched.how)
    names = list(dict.fromkeys([matched.material.name, *nearest(judge, texts)]))
    return Candidates(names[:_FEW], matched.how)


def likely_brush(candidates: Candidates, request: StylizeRequest, settings: Settings) -> Brush | None:
    """The material that a run will most likely start from; None where only pictures can tell."""
    if not candidates.names or candidates.how == RANKED:
        return None
    return next(_variants(candidates.names, request.seed, settings))


def nearest(judge: ClipJudge, texts: Texts) -> list[str]:
    """Materials whose words CLIP finds near the prompt, nearest first; none where that could be chance.

    Chance is measured on the bank: a material has to be nearer than `NEAR_SHARE` of everyday words are.
    """
    names = list(MATERIALS)
    words = [word for name in names for word in _words(name)]
    near = text_cache.embed_all(judge, words) @ texts.crop
    rows = np.repeat(np.arange(len(names)), [len(_words(name)) for name in names])
    values = near.cpu().numpy()
    best = np.array([values[rows == i].max() for i in range(len(names))])
    chance = torch.quantile(texts.bank.embeddings @ texts.crop, NEAR_SHARE).item()
    order = np.argsort(-best, kind="stable")
    return [names[i] for i in order[:_FEW] if best[i] > chance]


def _words(name: str) -> tuple[str, ...]:
    return (MATERIALS[name].title.lower(), *MATERIALS[name].words[:2])


def _variants(names: list[str], seed: int, settings: Settings) -> Iterator[Brush]:
    """Every material as usual first, then in other sizes and strengths."""
    scales = SCALES if settings.scale is None else (settings.scale / PATTERN_SCALE,)
    keeps = KEEPS if settings.luminance_keep is None else (None,)
    for keep in keeps:
        for scale in scales:
            for name in names:
                share = settings.luminance_keep if keep is None else keep * MATERIALS[name].luminance_keep
                yield Brush(MATERIALS[name], seed, scale * PATTERN_SCALE, share)


def _label(brush: Brush) -> str:
    return f"{brush.material.name} ×{brush.scale / PATTERN_SCALE:.2g}, keep {brush.luminance_keep:.2g}"


def _ranked(
    brushes: list[Brush],
    prepared: PreparedObject,
    judgement: Judgement,
    on_progress: Callable[[float], None],
) -> dict[str, float]:
    """The mean score of each brush, and of the original."""
    tone = painting.tone_of(prepared.surface_views)
    few = prepared.surface_views[
        : VIEWS * (len(prepared.surface_views) // VIEWS) : max(1, len(prepared.surface_views) // VIEWS)
    ]

    def score(pictures: list[np.ndarray]) -> float:
        over = [p + _BACKGROUND * (1 - s.view.alpha.reshape(*s.mask.shape, 1)) for p, s in zip(pictures, few)]
        batch = torch.from_numpy(np.stack(over).astype(np.float32)).permute(0, 3, 1, 2)
        return round(float(judgement.score(batch).mean()), 5)

    scores = {ORIGINAL: score([s.original for s in few])}
    for i, brush in enumerate(brushes):
        scores[_label(brush)] = score([painting.picture(s, prepared.frame, brush, tone) for s in few])
        on_progress((i + 1) / len(brushes))
    return scores

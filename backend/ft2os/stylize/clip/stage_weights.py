"""How long the stages of a run of the fast CLIP method take, for the bar and the remaining time."""

from __future__ import annotations

from ft2os.guidance import text_cache
from ft2os.guidance.clip_judge import ClipJudge
from ft2os.guidance.negatives import Bank
from ft2os.stylize import prepare
from ft2os.stylize.clip import start
from ft2os.stylize.clip.settings import Settings

NEW_WORDS = "encoding words, once"  # the stage of a judge's first run
# What stages take beside each other on two cores, seconds: whole ones, and a picture that is only scored, one
# that is judged, a word of the bank that is encoded for the first time.
_SECONDS = {"words": 0.1, "prepare": 3.0, "form": 3.0, "paint": 0.5, "solve": 0.5}
_SCORED, _JUDGED, _WORD = 0.12, 0.16, 0.003


def stage_weights(settings: Settings, strength: float, judge: ClipJudge) -> dict[str, float]:
    """The stages of a run in order, and about how long each takes; ``strength`` is the geometry stage's."""
    judged, whole = _JUDGED * settings.batch, sum(prepare.STAGES.values())
    weights = {"words": _SECONDS["words"], NEW_WORDS: _WORD * _new_words(settings, judge)}
    weights |= {name: _SECONDS["prepare"] * share / whole for name, share in prepare.STAGES.items()}
    if strength > 0:
        weights["form"] = _SECONDS["form"]
    weights |= {"rank": _SCORED * start.VIEWS * (settings.candidates - 1)}
    weights |= {name: _SECONDS[name] for name in ("paint", "solve")}
    weights["colours"] = judged * settings.steps
    if strength > 0:
        weights["geometry"] = 1.3 * judged * settings.steps_of_geometry(strength)
        weights["finish"] = judged * settings.finishing_steps
    return weights


def _new_words(settings: Settings, judge: ClipJudge) -> int:
    """Words that this machine has never encoded for this judge: the first run with it waits for them."""
    words = Bank.words(settings.bank) if settings.negatives is None else ()
    return 0 if text_cache.knows(judge, list(words)) else len(words)

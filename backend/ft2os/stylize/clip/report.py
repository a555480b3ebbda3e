"""How long the stages of a run of the fast CLIP method take, for the bar and the remaining time."""

from __future__ import annotations

from ft2os.guidance import text_cache
from ft2os.guidance.clip_judge import ClipJudge
from ft2os.guidance.negatives import Bank
from ft2os.stylize import prepare
from ft2os.stylize.clip import second, start
from ft2os.stylize.clip.settings import Settings

NEW_WORDS = "encoding words, once"  # the stage of a judge's first run
# What stages take beside each other on two cores, seconds: whole ones, and a picture that is only scored, one
# that is judged, a word of the bank that is encoded for the first time.
_SECONDS = {"words": 0.1, "prepare": 3.0, "form": 3.0, "paint": 0.5, "solve": 0.5}
_SCORED, _JUDGED, _WORD = 0.12, 0.16, 0.003


def shares(settings: Settings, strength: float, judge: ClipJudge) -> dict[str, float]:
    """The stages of a run in order, and about how long each takes; ``strength`` is the second gear's."""
    judged, whole = _JUDGED * settings.batch, sum(prepare.STAGES.values())
    found = {"words": _SECONDS["words"], NEW_WORDS: _WORD * _new_words(settings, judge)}
    found |= {name: _SECONDS["prepare"] * weight / whole for name, weight in prepare.STAGES.items()}
    if strength > 0:
        found["form"] = _SECONDS["form"]
    found |= {"rank": _SCORED * start.VIEWS * (settings.candidates - 1)}
    found |= {name: _SECONDS[name] for name in ("paint", "solve")}
    found["colours"] = judged * settings.steps
    if strength > 0:
        found["geometry"] = 1.3 * judged * second.steps(settings, strength)
        found["finish"] = judged * second.finishing_steps(settings)
    return found


def _new_words(settings: Settings, judge: ClipJudge) -> int:
    """Words that this machine has never encoded for this judge: the first run with it waits for them."""
    words = Bank.words(settings.bank) if settings.negatives is None else ()
    return 0 if text_cache.knows(judge, list(words)) else len(words)

"""The prompt as the judge reads it: what to move to, what to move from, and what to keep away from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ft2os import prompts
from ft2os.guidance import templates
from ft2os.guidance.clip_judge import ClipJudge
from ft2os.guidance.negatives import Bank
from ft2os.materials.words import tokens
from ft2os.stylize.clip.settings import Settings
from ft2os.stylize.request import StylizeRequest

SOURCE = "object"  # where the artist has not said what it is


class Texts:
    """Embedded texts of a run; ``on_progress(share)`` is called while words are encoded for the first time.

    Attributes
    ----------
    whole, crop : Tensor [D]
        The prompt in sentences about whole pictures and about crops.
    direction : Tensor [D]
        From the source's words to the target's; zero where they are the same.
    bank : Bank
        Words that do not mean the prompt.
    """

    def __init__(
        self,
        request: StylizeRequest,
        settings: Settings,
        judge: ClipJudge,
        on_progress: Callable[[float], None] | None = None,
    ) -> None:
        prompt = request.prompt.strip()
        self.source = described(request.object_name)
        self.target = phrase(prompt, request.object_name)
        self.whole = templates.embed(judge, self.target)
        self.crop = templates.embed(judge, prompt, templates.CROP)
        self._source = templates.embed(judge, self.source)
        self.direction = self.whole - self._source
        self._count = settings.contrast
        if settings.negatives is None:
            self.bank = Bank.of(judge, settings.bank, on_progress).without(self.whole)
            self._fixed = None
        else:
            embeddings = judge.embed_texts(list(settings.negatives))
            self.bank = Bank(tuple(settings.negatives), embeddings)
            self._fixed = embeddings

    def negatives(self, rng: np.random.Generator) -> Tensor:  # [J, D]
        """The source's description and words of the bank drawn anew; or those that the artist named."""
        if self._fixed is not None:
            return self._fixed
        return torch.cat([self._source[None], self.bank.draw(self._count - 1, rng)])

    def against(self) -> Tensor:  # [J, D]
        """All there is to compare with, for scores that must not depend on a draw."""
        return torch.cat([self._source[None], self.bank.embeddings])


def described(object_name: str | None) -> str:
    """The source in words: the object's noun, without what stands in brackets and underscores."""
    name = prompts.plain((object_name or "")[: prompts.MAX_LENGTH])
    return name.split("(")[0].replace("_", " ").strip() or SOURCE


def phrase(prompt: str, object_name: str | None) -> str:
    """The prompt with the object's noun, unless it is there already or nobody knows it.

    "lava" and "a toy robot" differ in more than the material: CLIP would be told to take the robot away.
    """
    if not object_name:
        return prompt
    noun = described(object_name)
    return prompt if set(tokens(noun)) & set(tokens(prompt)) else f"{prompt} {noun}"

"""The figures of a run, step by step: the loss and its terms."""

from __future__ import annotations

from collections.abc import Mapping


class History:
    """Losses, and the values of each term by name; all lists are of the same steps.

    Attributes
    ----------
    losses : list of float
    terms : dict of str to list of float
    """

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.terms: dict[str, list[float]] = {}

    def add(self, loss: float, terms: Mapping[str, float]) -> None:
        """A step's figures. A term that is not there repeats its last value, one that is new its first."""
        before = len(self.losses)
        self.losses.append(loss)
        for name, value in terms.items():
            past = self.terms.setdefault(name, [])
            past += [past[-1] if past else value] * (before - len(past)) + [value]

    def restore(self, losses: list[float], terms: Mapping[str, list[float]]) -> None:
        """Go on from the figures of a run that broke off."""
        self.losses, self.terms = list(losses), {name: list(values) for name, values in terms.items()}

    def ends(self) -> dict[str, object]:
        """How many steps there were, and the losses of the first and the last, for a result's ``stats``."""
        first, last = (self.losses[0], self.losses[-1]) if self.losses else (None, None)
        return {"steps": len(self.losses), "loss_first": first, "loss_last": last}

    def copied(self) -> dict[str, object]:
        """Copies of both as they are now, for a result's ``stats``."""
        return {"losses": list(self.losses), "terms": {n: list(values) for n, values in self.terms.items()}}

"""What a method is: its names, presets and settings, what it takes and what it needs.

Each method describes itself in ``stylize/<method>/about.py`` and works in ``stylize/<method>/run.py``;
``methods`` lists them. The command line, the worker, the panel and the benchmarks read these descriptions and
know no method by name. The standard library only: Blender imports them too.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from ft2os.errors import MissingError, RequestError
from ft2os.extras import extra_of
from ft2os.stylize import settings

Wanted = Literal["needed", "optional", "no"]


def duration(seconds: float) -> str:
    """A time in words: "6 s", "3 min"."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


@dataclass(frozen=True)
class Takes:
    """What a method works from.

    Parameters
    ----------
    words, picture : str
        "needed", "optional" or "no".
    cameras : bool
        Whether it makes use of the capture's own cameras.
    """

    words: Wanted = "needed"
    picture: Wanted = "no"
    cameras: bool = False


@dataclass(frozen=True)
class Needs:
    """What has to be on the machine.

    Parameters
    ----------
    modules : tuple of str
        Top-level modules that are imported.
    weights : tuple of str
        Weights of networks: keys of `ft2os.extras.WEIGHTS`, which says how to get them.
    """

    modules: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()

    def lacking(self) -> list[str]:
        """The modules that are not installed."""
        return [name for name in self.modules if importlib.util.find_spec(name) is None]


@dataclass(frozen=True)
class Preset:
    """A method's settings under a name.

    Parameters
    ----------
    name, title, doc : str
        As typed, as shown, and what it is good for.
    number : int
        What a .blend stores: never changed, never given again.
    seconds : float
        Expected on two cores for an object of some thousand Gaussians.
    settings : dataclass
        See `ft2os.stylize.settings`.
    needs : Needs
        What the method needs for it.
    formerly : str, optional
        Its name in the version before, which is still understood.
    """

    name: str
    title: str
    doc: str
    number: int
    seconds: float
    settings: Any
    needs: Needs = field(default_factory=Needs)
    formerly: str | None = None

    @property
    def time(self) -> str:
        """The expected time in words."""
        return duration(self.seconds)


# The three that most methods have.
draft = partial(Preset, "draft", "Draft", "Faster and rougher", 1)
standard = partial(Preset, "standard", "Standard", number=0)
high = partial(Preset, "high", "High", number=3)


@dataclass(frozen=True)
class Method:
    """One way to make a look.

    Parameters
    ----------
    name, title, line : str
        As typed, as shown, and what it does, in a line.
    number : int
        What a .blend stores: never changed, never given again.
    presets : tuple of Preset
        ``standard`` among them.
    takes : Takes
    resumes : bool
        Whether a run that broke off can go on from its checkpoint.
    prompt_hint : str
        What the panel shows in an empty prompt.
    check_words : callable, optional
        Called as ``check_words(prompt, object_name)`` before any work; raises where the words say nothing.
    """

    name: str
    title: str
    line: str
    number: int
    presets: tuple[Preset, ...]
    takes: Takes = field(default_factory=Takes)
    resumes: bool = False
    prompt_hint: str = ""
    check_words: Callable[[str, str | None], None] | None = None

    def preset(self, name: str) -> Preset:
        """The preset of that name, or of that name in the version before.

        Raises
        ------
        RequestError
            If there is none.
        """
        for preset in self.presets:
            if name in (preset.name, preset.formerly):
                return preset
        known = ", ".join(preset.name for preset in self.presets)
        raise RequestError(f'The method {self.title} has no preset "{name}".', f"Choose one of {known}.")

    def settings(self, preset: str, overrides: Mapping[str, object] | None = None) -> Any:
        """The preset's settings with some of them changed.

        Raises
        ------
        RequestError
            If the preset, a setting or one of its values does not exist.
        """
        return settings.changed(self.preset(preset).settings, self.title, overrides or {})

    def check_inputs(self, prompt: str, picture: bool) -> None:
        """Refuse a request that lacks what the method works from, or brings what it cannot use.

        Raises
        ------
        RequestError
        """
        if self.takes.picture == "needed" and not picture:
            raise RequestError(
                f"The method {self.title} needs a picture of the style.",
                "Choose the picture whose style the object should take, or another method.",
            )
        if self.takes.picture == "no" and picture:
            raise RequestError(
                f"The method {self.title} takes words, no picture.",
                "Leave the picture out, or choose a method that takes one.",
            )
        if self.takes.words == "needed" and not prompt.strip():
            raise RequestError(
                "The prompt is empty.", "Say what the object should become, for example: lava."
            )

    def lacking(self, preset: str) -> MissingError | None:
        """What has to be installed before a preset can run; None where all of it is."""
        modules = self.preset(preset).needs.lacking()
        if not modules:
            return None
        extra = "engine" if any(extra_of(name) != "lite" for name in modules) else "lite"
        return MissingError(
            f"{self.title} with the preset {self.preset(preset).title} needs {', '.join(modules)}.",
            f'Install "{extra.title()}" in the Preferences, or run: pip install "ft2os[{extra}]".',
        )

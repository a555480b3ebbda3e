"""What ``ft2os stylize`` is asked for: which groups take which words and which pictures."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ft2os import prompts
from ft2os.errors import RequestError
from ft2os.stylize import methods

if TYPE_CHECKING:
    from ft2os.formats import Scene

ALL = "all"


@dataclass(frozen=True)
class Style:
    """Words, a picture, or both, for one group; ``group`` None is the scene's only one."""

    group: str | None
    prompt: str = ""
    picture: Path | None = None

    def __str__(self) -> str:
        picture = f"@{self.picture.name}" if self.picture else ""
        return f"{self.prompt} {picture}".strip()


@dataclass(frozen=True)
class StyleTarget:
    """A style and the object it is for: ``mask`` [N] of the scene, ``name`` None for the whole scene."""

    style: Style
    mask: np.ndarray
    name: str | None


def style(text: str) -> Style:
    """``GROUP=WORDS``, ``GROUP=@PICTURE`` or ``GROUP=WORDS@PICTURE``, for argparse."""
    group, equals, rest = text.partition("=")
    words, at, picture = rest.partition("@")
    if not group.strip() or not equals or not (words.strip() or picture.strip()) or (at and not picture):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not GROUP=WORDS, GROUP=@PICTURE or GROUP=WORDS@PICTURE"
        )
    return Style(group.strip(), words.strip(), Path(picture).expanduser() if picture else None)


def requested(args: argparse.Namespace) -> list[Style]:
    """The styles that a command line asks for; contradictory options are wrong usage."""
    single = args.prompt is not None or args.style_image is not None
    if args.style and (single or args.group is not None):
        args.wrong(
            "--style says which group takes what; --group, --prompt and --style-image do not go with it"
        )
    for style in args.style:
        prompts.checked(style.prompt)
    if args.style:
        return args.style
    if not single and (args.method is None or methods.find(args.method).takes.words == "needed"):
        args.wrong("one of --prompt, --style-image and --style is required")
    return [Style(args.group, prompts.checked(args.prompt or ""), args.style_image)]


def method_of(style: Style, method: str | None) -> str:
    """The method asked for, or the one that is meant by words or a picture.

    Raises
    ------
    RequestError
        If the method asked for lacks words or a picture, or takes none.
    """
    chosen = methods.default(picture=style.picture is not None) if method is None else methods.find(method)
    chosen.check_inputs(style.prompt, style.picture is not None)
    return chosen.name


def place(styles: list[Style], scene: Scene) -> list[StyleTarget]:
    """Find each style's object.

    Raises
    ------
    RequestError
        If a group does not exist, or a Gaussian would take two styles.
    """
    targets = [StyleTarget(style, *choose_object(scene, style.group)) for style in styles]
    taken = np.zeros(len(scene.gaussians), np.int32)
    for target in targets:
        taken += target.mask
    if (taken > 1).any():
        raise RequestError("Two styles are for the same group.", "Give each group one --style.")
    return targets


def choose_object(scene: Scene, group: str | None) -> tuple[np.ndarray, str | None]:
    """Mask [N] of the object and its name, None for the whole scene."""
    if group is None and scene.group_ids():
        raise RequestError(
            "The scene has several groups.", f"Choose one with --group; see: ft2os groups {scene.path}"
        )
    if group is None or group.strip().casefold() == ALL:
        return np.ones(len(scene.gaussians), bool), None
    group_id = scene.resolve_group(group)
    return scene.mask(group_id), scene.group_name(group_id)


def check(target: StyleTarget, method: str) -> None:
    """Refuse pictures that cannot be read and words that say nothing before any work begins."""
    if target.style.picture:
        from ft2os.guidance import style_image

        style_image.load(target.style.picture)
    check_words = methods.find(method).check_words
    if check_words:
        check_words(target.style.prompt, target.name)

"""What the verbs share: shared arguments, printing results and errors, the progress bar."""

from __future__ import annotations

import argparse
import codecs
import json
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from ft2os.extras import PACKAGES, extra_of
from ft2os.process import open_standard_streams
from ft2os.strict_json import to_json

INTERRUPTED = 130  # 128 + SIGINT, the exit code that shells expect after Ctrl-C


class Report(Protocol):
    """Tells a command's progress: the stage, how many of how many, and a note beside the bar."""

    def __call__(self, stage: str, step: int, total: int, note: str = "") -> None: ...


def install_command(extra: str) -> str:
    """The command that installs an extra into the Python that runs now."""
    return f"{sys.executable} -m pip install 'ft2os[{extra}]'"


def missing_module(name: str) -> tuple[str, str] | None:
    """Message and hint for a module that is not installed; None where no extra of ours brings it."""
    top = name.partition(".")[0]
    extra = extra_of(top)
    if extra is None:
        return None
    package = PACKAGES[extra][top]
    return f"This needs {package}, which is not installed.", f"Install it: {install_command(extra)}"


def settle_output() -> None:
    """Let the streams print anything: names that are not UTF-8 as they are, lone surrogates as escapes."""
    open_standard_streams()
    codecs.register_error("ft2os", _as_bytes_or_escape)
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="ft2os")


def _as_bytes_or_escape(error: UnicodeError) -> tuple[str | bytes, int]:
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


def complain(message: str, hint: str = "") -> None:
    """One line that says what is wrong and one that says what to do, on stderr."""
    try:
        print(f"ft2os: {_one_line(message)}", file=sys.stderr)
        if hint:
            print(f"       {_one_line(hint)}", file=sys.stderr)
    except BrokenPipeError:  # nobody reads it
        drop(sys.stderr)


def drop(stream: TextIO) -> None:
    """Discard what is still buffered, so that it does not fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _one_line(text: str) -> str:
    return " ".join(text.split())


def print_json(value: object) -> None:
    """Strict JSON on stdout; what is not finite becomes null."""
    print(json.dumps(to_json(value), indent=1, ensure_ascii=False, allow_nan=False))


def add_scene(parser: argparse.ArgumentParser) -> None:
    """The arguments of every verb that reads a scene."""
    parser.add_argument("scene", metavar="SCENE", help="a splat file, or the output folder of a training")
    parser.add_argument(
        "--drop-invalid", action="store_true", help="leave out Gaussians with NaN or infinite values"
    )


def add_download(parser: argparse.ArgumentParser) -> None:
    """The argument of every verb that may need weights which are not here; `allow_download` obeys it."""
    parser.add_argument(
        "--download", action="store_true", help="download CLIP weights that are not on this machine"
    )


def allow_download(args: argparse.Namespace) -> None:
    """Tell whoever looks for weights that they may be downloaded, if that was asked for."""
    if args.download:
        os.environ["FT2OS_DOWNLOAD"] = "1"


def size(text: str) -> tuple[int, int]:
    """``WxH`` in pixels, for argparse."""
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, such as 640x480")
    if not (1 <= int(width) <= 16384 and 1 <= int(height) <= 16384):
        raise argparse.ArgumentTypeError("each side must be 1 to 16384 pixels")
    return int(width), int(height)


def within(low: int, high: int) -> Callable[[str], int]:
    """A whole number between two limits, for argparse."""

    def number(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return number


positive = within(1, 10_000)


def share(text: str) -> float:
    """A number in 0..1, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Give ``interrupted()``: whether Ctrl-C was pressed. A second one raises KeyboardInterrupt as usual."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's business
        yield pressed.is_set
        return

    def once(number: int, frame: object) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, once)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress() -> Iterator[Report]:
    """Give ``report(stage, step, total, note)``: a bar on a terminal, silence in a pipe."""
    if not sys.stderr.isatty():
        yield lambda stage, step, total, note="": None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    except ImportError:  # the core runs without the extra that brings rich
        yield lambda stage, step, total, note="": None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None, note="")

        def report(stage: str, step: int, total: int, note: str = "") -> None:
            bars.update(task, description=stage, completed=step, total=total or None, note=note)

        yield report

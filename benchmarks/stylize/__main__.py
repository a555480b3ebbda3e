"""The command line of ``python -m benchmarks.stylize``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import ft2os.threads  # noqa: F401  # settles the thread pools, which counts only before torch

# isort: split
from benchmarks import stylize
from benchmarks.stylize import presets, report, subject
from ft2os.errors import Ft2osError
from ft2os.formats import load_scene


def main(argv: list[str] | None = None) -> None:
    """Measure and print; write the report where ``--json`` says."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stylize", description=stylize.__doc__.split("\n")[0]
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there as well")
    parser.add_argument(
        "--parts", type=_parts, default=report.ALL, metavar="PART,…", help=", ".join(report.ALL)
    )
    parser.add_argument(
        "--presets",
        type=_presets,
        metavar="METHOD:PRESET,…",
        help="run these whole; by default all, CLIP High extrapolated: "
        + ", ".join(":".join(pair) for pair in presets.ALL),
    )
    parser.add_argument("--steps", type=int, default=100, help="steps of the paper's loop to measure")
    parser.add_argument("--model", help="the judge, as ft2os names it; ViT-B-32 by default")
    parser.add_argument("--scene", type=Path, default=subject.default_scene())
    parser.add_argument("--group", help="id or name of the object")
    arguments = parser.parse_args(argv)
    if arguments.steps < 1:
        parser.error("--steps must be at least 1")
    try:
        scene = load_scene(arguments.scene)
        named = arguments.group
        group = scene.resolve_group(named) if named else subject.default_group(scene)
        found = report.make(
            subject.choose(scene, group, arguments.model),
            arguments.parts,
            steps=arguments.steps,
            wanted=arguments.presets,
            say=lambda line: print(line, flush=True),
        )
    except Ft2osError as error:
        parser.exit(1, f"{error}\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _parts(text: str) -> tuple[str, ...]:
    return _some(text, report.ALL)


def _presets(text: str) -> tuple[tuple[str, str], ...]:
    chosen = _some(text, [":".join(pair) for pair in presets.ALL])
    return tuple(pair for pair in presets.ALL if ":".join(pair) in chosen)


def _some(text: str, known) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
    return chosen


if __name__ == "__main__":
    main()

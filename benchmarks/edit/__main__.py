"""The command line of ``python -m benchmarks.edit``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import ft2os.threads  # noqa: F401  # settles the thread pools, which counts only before torch

# isort: split
from benchmarks import edit
from benchmarks.edit import filters, oracle, subject
from benchmarks.edit.filters import FilterEditor
from benchmarks.edit.oracle import MaterialOracle
from benchmarks.edit.placing import registration
from benchmarks.edit.rows import ROUNDS, SOLVERS, Case, Editor, table
from benchmarks.edit.subject import Subject
from ft2os.errors import Ft2osError
from ft2os.gaussians import Gaussians
from ft2os.materials import match
from ft2os.stylize.painting import Brush

_SCALE = 2.0  # of the pattern
EDITORS = ("material", "filters")


def main(argv: list[str] | None = None) -> None:
    """Measure and print; write the report where ``--json`` says."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.edit", description=edit.__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--scene", type=Path, help="by default the demo's truck and two objects of the test data"
    )
    parser.add_argument("--group", help="id or name of the object; the whole scene if left out")
    parser.add_argument("--subjects", default=",".join(subject.REPORTED), metavar="NAME,…",
                        help=f"without --scene: {', '.join(subject.REPORTED | subject.TUNED)}")  # fmt: skip
    parser.add_argument("--material", help="the right answer of the editor 'material'")
    parser.add_argument("--level", default="medium", metavar="LEVEL,…", help=", ".join(oracle.LEVELS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--editors", default=",".join(EDITORS), metavar="EDITOR,…", help=", ".join(EDITORS))
    parser.add_argument("--presets", default="draft,one round,standard,high", metavar="PRESET,…")
    parser.add_argument("--fits", default=",".join(SOLVERS), metavar="FIT,…", help=", ".join(SOLVERS))
    parser.add_argument("--pixels", type=int, default=208, help="side of a view")
    parser.add_argument("--registration", action="store_true", help="measure that instead")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there as well")
    arguments = parser.parse_args(argv)
    _check(parser, arguments)
    rows = []
    try:
        for row in place(arguments) if arguments.registration else measure(arguments):
            rows.append(row)
            print(json.dumps(row) if arguments.registration else line(row), flush=True)
    except Ft2osError as error:
        parser.exit(1, f"{error}\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _check(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    known = {
        "subjects": subject.REPORTED | subject.TUNED,
        "level": oracle.LEVELS,
        "editors": EDITORS,
        "presets": ROUNDS,
        "fits": SOLVERS,
    }
    for name, names in known.items():
        chosen = [part.strip() for part in getattr(arguments, name).split(",")]
        if unknown := [part for part in chosen if part not in names]:
            parser.error(f"--{name}: {unknown[0]!r} is none of {', '.join(names)}")
        setattr(arguments, name, chosen)


def measure(arguments: argparse.Namespace) -> Iterator[dict]:
    """A row for every subject, editor, level, preset and fit."""
    for name, target, material in _targets(arguments):
        made: dict[int, Subject] = {}
        for preset in arguments.presets:
            count = ROUNDS[preset][0]
            made = made if count in made else {count: subject.subject(name, target, count, arguments.pixels)}
            for kind in arguments.editors:
                for level in arguments.level:
                    editor = _editor(kind, made[count], material, level, arguments.seed)
                    about = {
                        "subject": name,
                        "editor": material if kind == "material" else kind,
                        "level": level,
                    }
                    for row in table(Case.of(made[count], editor), preset, arguments.fits):
                        yield about | row


def place(arguments: argparse.Namespace) -> Iterator[dict]:
    """A row for every subject: what registration puts back and refuses."""
    targets = list(_targets(arguments))
    views = ROUNDS["standard"][0]
    subjects = [subject.subject(name, target, views, arguments.pixels) for name, target, _ in targets]
    yield from registration(subjects, [material for *_, material in targets], arguments.seed)


def _targets(arguments: argparse.Namespace) -> Iterator[tuple[str, Gaussians, str]]:
    """Name, object and material of what is measured."""
    if arguments.scene:
        name = arguments.group or arguments.scene.stem
        yield name, subject.load(arguments.scene, arguments.group), arguments.material or "marble"
        return
    for name in arguments.subjects:
        scene, group, material = (subject.REPORTED | subject.TUNED)[name]
        yield name, subject.load(scene, group), arguments.material or material


def _editor(kind: str, of: Subject, material: str, level: str, seed: int) -> Editor:
    views = of.prepared.surface_views
    if kind == "filters":
        return FilterEditor(views, filters.LEVELS[level], seed)
    brush = Brush(match(material).material, scale=_SCALE)
    return MaterialOracle(views, of.prepared.frame, brush, oracle.LEVELS[level], seed)


def line(row: dict) -> str:
    """A row as it is printed."""
    about = f"{row['subject']:9} {row['editor']:9} {row['level']:7} {row['preset']:9} {row['edits']:3} edits"
    if "skipped" in row:
        return f"{about}  {row['fit']:22} {row['skipped']}"
    scores = f"{row['psnr']:6.2f} dB  SSIM {row['ssim']:.3f}"
    scores += f"  LPIPS {row['lpips_vgg']:.3f}" if "lpips_vgg" in row else ""
    return f"{about}  {row['fit']:22} {scores}  {row['seconds']:6.1f} s"


if __name__ == "__main__":
    main()

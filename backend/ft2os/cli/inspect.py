"""``ft2os info``, ``groups`` and ``convert``: what a file holds, without numba or torch."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ft2os.cli import console

if TYPE_CHECKING:
    from ft2os.formats import Scene

_FORMATS = "formats"  # where help puts them


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the three verbs."""
    info = verbs.add_parser("info", help="say what a file holds")
    groups = verbs.add_parser("groups", help="list the groups of a scene")
    for parser, run in ((info, run_info), (groups, run_groups)):
        console.add_scene(parser)
        parser.add_argument("--json", action="store_true", help="machine-readable output")
        parser.set_defaults(run=run)
    convert = verbs.add_parser(
        "convert",
        help="write a scene in another format",
        formatter_class=_WithFormats,
        epilog=_FORMATS,
    )
    console.add_scene(convert)
    convert.add_argument(
        "out", metavar="OUT", type=Path, help="the file to write; its ending names the format"
    )
    convert.set_defaults(run=run_convert)


class _WithFormats(argparse.RawDescriptionHelpFormatter):
    """Asks for the formats only where help is shown: what describes them imports numpy."""

    def add_text(self, text: str | None) -> None:
        super().add_text(format_table() if text == _FORMATS else text)


def format_table() -> str:
    """The formats in lines: what each is read and written as, and what it loses."""
    from ft2os.formats import registry

    lines = ["formats, by the ending of the file's name:"]
    for row in registry.table():
        lines.append(f"  {row['Format']}; degree {row['SH degree']}; written: {row['Writes']}")
        if row["What is lost"]:
            lines += textwrap.wrap(
                f"lost: {row['What is lost']}", 92, initial_indent=" " * 6, subsequent_indent=" " * 6
            )
    return "\n".join(lines)


def run_info(args: argparse.Namespace) -> None:
    """Print the facts of a scene."""
    scene = _load(args)
    facts = describe(scene)
    if args.json:
        console.print_json(facts)
        return
    low, high = facts["bounds"]["min"], facts["bounds"]["max"]
    print(f"{scene.path}")
    print(f"  format      {facts['title']}, {facts['bytes']:,} bytes")
    print(f"  gaussians   {facts['gaussians']:,}, spherical harmonics of degree {facts['degree']}")
    for axis, a, b in zip("xyz", low, high, strict=True):
        print(f"  {'bounds' if axis == 'x' else '':<10}  {axis} {a:.4g} … {b:.4g}")
    print(f"  groups      {len(scene.group_ids())}")
    print(f"  cameras     {facts['cameras']}")
    if facts["properties"]:
        print(f"  properties  {' '.join(shortened(facts['properties']))}")


def run_groups(args: argparse.Namespace) -> None:
    """Print the groups of a scene, one a line."""
    scene = _load(args)
    groups = list_groups(scene)
    if args.json:
        console.print_json(groups)
    elif not groups:
        print("no groups")
    else:
        width = max(len(f"{g['gaussians']:,}") for g in groups)
        for g in groups:
            print(f"{g['id']:>4}  {g['gaussians']:>{width},}  {g['name']}")


def run_convert(args: argparse.Namespace) -> None:
    """Write a scene; a PLY that needs no change is copied byte for byte."""
    from dataclasses import replace

    from ft2os.formats import grouping, registry, save_scene

    registry.for_writing(args.out)  # before the work
    scene = _load(args)
    gaussians, source = scene.gaussians, scene.gaussians.source
    if scene.format == grouping.NAME and gaussians.group is not None and source is not None:
        # The classifier stays behind, so the groups that it makes go into a column.
        gaussians = gaussians.replace(source=replace(source, group=None))
    with console.progress() as report:
        save_scene(args.out, gaussians, labels=scene.labels, progress=report)
    print(args.out)


def describe(scene: Scene) -> dict[str, Any]:
    """The facts that ``info --json`` prints."""
    from ft2os.formats import grouping, registry

    g = scene.gaussians
    grouped = scene.format == grouping.NAME
    return {
        "path": str(scene.path),
        "format": scene.format,
        "title": grouping.TITLE if grouped else registry.named(scene.format).title,
        "bytes": scene.path.stat().st_size,
        "gaussians": len(g),
        "degree": g.degree,
        "bounds": {"min": g.means.min(axis=0), "max": g.means.max(axis=0)},
        "groups": list_groups(scene),
        "cameras": len(scene.cameras),
        "properties": list(g.source.names) if g.source is not None else [],
    }


def shortened(names: list[str]) -> list[str]:
    """Property names with numbered runs drawn together: ``f_rest_0..44``."""
    runs: list[list[str]] = []
    for name in names:
        stem, _, number = name.rpartition("_")
        before = runs[-1][-1].rpartition("_") if runs else ("", "", "")
        follows = number.isdecimal() and before[2].isdecimal() and int(number) == int(before[2]) + 1
        if follows and stem == before[0]:
            runs[-1].append(name)
        else:
            runs.append([name])
    return [r[0] if len(r) == 1 else f"{r[0]}..{r[-1].rpartition('_')[2]}" for r in runs]


def list_groups(scene: Scene) -> list[dict[str, object]]:
    """Id, name and number of Gaussians of each group; those of none come last, as −1."""
    if scene.gaussians.group is None:
        return []
    groups = [(i, int(scene.mask(i).sum())) for i in [*scene.group_ids(), -1]]
    return [{"id": i, "name": scene.group_name(i), "gaussians": n} for i, n in groups if n]


def _load(args: argparse.Namespace) -> Scene:
    from ft2os.formats import load_scene

    with console.progress() as report:
        return load_scene(args.scene, drop_invalid=args.drop_invalid, progress=report)

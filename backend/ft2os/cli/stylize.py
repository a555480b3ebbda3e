"""``ft2os stylize``: one group of a scene takes the look that the words name; a new PLY is the result."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ft2os.cli import console
from ft2os.errors import RequestError

if TYPE_CHECKING:
    from ft2os.formats import Scene
    from ft2os.gaussians import Gaussians
    from ft2os.looks import Look

ALL = "all"


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("stylize", help="give one group of a scene another look")
    console.add_scene(parser)
    parser.add_argument("--group", metavar="ID|NAME", help="the object ('all': the whole scene)")
    parser.add_argument("--prompt", required=True, metavar="TEXT", help="the look, such as 'lava'")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the PLY file to write")
    parser.add_argument("--method", choices=("material", "clip"), default="material")
    parser.add_argument("--preset", choices=("draft", "standard", "high", "seed"), default="standard")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another number, another variation")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=setting,
        metavar="NAME=VALUE",
        help="a setting of the method, such as temperature=0.07 or freeze=opacity,scale (repeatable)",
    )
    parser.add_argument("--strength", type=console.share, default=1.0, metavar="S", help="0 (source) to 1")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.set_defaults(run=run)


def setting(text: str) -> tuple[str, object]:
    """NAME=VALUE; a value that is JSON (a number, true, a list) is read as such, anything else is text."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def run(args: argparse.Namespace) -> None:
    """Stylize, write the PLY, say what was done."""
    from ft2os.files import check_writable
    from ft2os.formats import load_scene, save_ply

    if not args.prompt.strip():
        raise RequestError("The prompt is empty.", "Name a look, for example --prompt lava.")
    if args.out.suffix.lower() != ".ply":
        raise RequestError(f"Cannot write {args.out.name}: the result is a PLY file.", "Name a .ply file.")
    check_writable(args.out)
    started = time.perf_counter()
    with console.progress() as report:
        scene = load_scene(args.scene, drop_invalid=args.drop_invalid, progress=report)
        mask, name = choose_object(scene, args.group)
        look, stats = _stylize(scene, mask, name, args, report)
        report("writing", 0, 1)
        gaussians, inherit = blend_in(scene.gaussians, mask, look, args.strength)
        save_ply(args.out, gaussians, labels=scene.labels, inherit=inherit)
    seconds = time.perf_counter() - started
    if args.json:
        console.print_json(
            {
                "out": str(args.out),
                "group": name or ALL,
                "prompt": args.prompt,
                "method": args.method,
                "preset": args.preset,
                "seed": args.seed,
                "strength": args.strength,
                "gaussians": len(gaussians),
                "seconds": round(seconds, 3),
                "stats": stats,
            }
        )
    else:
        print(f"{args.out}  ({name or 'the whole scene'}: {args.prompt}, {seconds:.1f} s)")


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


def blend_in(
    gaussians: Gaussians, mask: np.ndarray, look: Look, strength: float
) -> tuple[Gaussians, np.ndarray | None]:
    """The scene with the object at this strength of its look, and the rows that new Gaussians inherit from.

    Strength 0 gives the scene itself. Children belong to their parent's group and take over its further
    properties, the identity features of Gaussian Grouping among them.
    """
    from ft2os import looks
    from ft2os.gaussians import concatenate

    if strength == 0:
        return gaussians, None
    gaussians = gaussians.replace(identity=None)  # nothing here changes it, so the source's columns have it
    target, context = gaussians.subset(mask), gaussians.subset(~mask)
    styled = looks.apply(target, look, strength)
    kept = len(styled) - len(look.parent)  # apply puts the children last
    inherit = np.concatenate([context.row, styled.row[:kept], target.row[look.parent]])
    return concatenate([context, styled]), inherit


def _stylize(
    scene: Scene, mask: np.ndarray, name: str | None, args: argparse.Namespace, report: console.Report
) -> tuple[Look, dict[str, object]]:
    from ft2os.stylize import StylizeRequest, stylize

    def show(p: object) -> None:
        left = "" if p.eta_s is None else f"{p.eta_s:.0f} s left"
        report(p.stage, p.step, p.total, left)

    request = StylizeRequest(
        target=scene.gaussians.subset(mask),
        context=None if mask.all() else scene.gaussians.subset(~mask),
        prompt=args.prompt,
        object_name=name,
        method=args.method,
        preset=args.preset,
        seed=args.seed,
        overrides=dict(args.set),
        cameras=scene.cameras or None,
    )
    result = stylize(request, progress=show)
    return result.look, result.stats

"""``ft2os views``: pictures of an object for an artist to edit, which ``stylize --editor DIR`` then fits."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ft2os.cli import console, styles
from ft2os.errors import CancelledError
from ft2os.stylize import methods

if TYPE_CHECKING:
    from ft2os.gaussians import Gaussians

_LOOK = ".npy"  # the ending of a look's own file


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("views", help="write pictures of an object, to be edited in any program")
    console.add_scene(parser)
    parser.add_argument("--group", metavar="ID|NAME", help="the object ('all': the whole scene)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    parser.add_argument(
        "--views", type=console.within(3, 1000), metavar="N", help="about how many pictures (default: 20)"
    )
    parser.add_argument(
        "--pixels",
        type=console.within(64, 2048),
        default=512,
        metavar="P",
        help="side of a picture, 64 to 2048 (default: 512)",
    )
    parser.add_argument(
        "--look",
        type=Path,
        metavar="FILE",
        help="what 'ft2os stylize' wrote of this scene, or a look's own .npy: the pictures show it, "
        "for another round of edits",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Write the folder and say how to go on."""
    from ft2os.files import check_new_folder
    from ft2os.formats import load_scene
    from ft2os.stylize.edit.artist_views import write_views

    check_new_folder(args.out)
    with console.progress() as report, console.interruptible() as interrupted:

        def tell(share: float) -> None:
            report("drawing", round(100 * share), 100)
            if interrupted():
                raise CancelledError

        scene = load_scene(args.scene, drop_invalid=args.drop_invalid, progress=report)
        mask, name = styles.choose_object(scene, args.group)
        target = scene.gaussians.subset(mask)
        shown = _in_look(args, target, report) if args.look else None
        names = write_views(
            target,
            args.out,
            views=args.views or methods.find("edit").preset("standard").settings.views,
            pixels=args.pixels,
            scene=Path(args.scene).name,
            group=name or "",
            shown=shown,
            look=args.look.name if args.look else "",
            on_progress=tell,
        )
    command = ["ft2os", "stylize", args.scene, *(["--group", args.group] if args.group else [])]
    command += ["--method", "edit", "--editor", str(args.out), "--out", "FILE"]
    print(f"{args.out}  ({len(names)} views of {name or 'the whole scene'}, {args.pixels} × {args.pixels})")
    print(f"Change view_….png in any program, then: {shlex.join(command)}")


def _in_look(args: argparse.Namespace, target: Gaussians, report: console.Report) -> Gaussians:
    """The object as the file shows it."""
    from ft2os import looks
    from ft2os.formats import load_scene

    if args.look.suffix.lower() == _LOOK:
        return looks.apply(target, looks.Look.load(args.look), 1.0)
    scene = load_scene(args.look, progress=report)
    mask, _ = styles.choose_object(scene, args.group)
    return scene.gaussians.subset(mask)

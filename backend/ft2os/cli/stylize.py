"""``ft2os stylize``: groups of a scene take the looks that words or pictures name; a new PLY is the result.

Ctrl-C stops within a step and keeps what there is; a second one stops at once and keeps nothing.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ft2os.cli import console, run_record, styles
from ft2os.errors import CancelledError
from ft2os.process import peak_memory
from ft2os.stylize import methods
from ft2os.stylize.methods import METHODS
from ft2os.stylize.settings import Setting, described

if TYPE_CHECKING:
    from ft2os.cli.styles import StyleTarget
    from ft2os.formats import Scene
    from ft2os.gaussians import Gaussians
    from ft2os.looks import Look
    from ft2os.stylize import Progress, StylizeResult
    from ft2os.stylize.about import Method

log = logging.getLogger(__name__)

Done = list[tuple["StyleTarget", "StylizeResult"]]


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("stylize", help="give groups of a scene another look")
    console.add_scene(parser)
    parser.add_argument("--group", metavar="ID|NAME", help="the object ('all': the whole scene)")
    parser.add_argument("--prompt", metavar="TEXT", help="the look, such as 'lava'")
    parser.add_argument(
        "--style-image",
        type=lambda text: Path(text).expanduser(),
        metavar="FILE",
        help="a picture whose palette and strokes the object takes, instead of a prompt or beside it",
    )
    parser.add_argument(
        "--style",
        action="append",
        default=[],
        type=styles.style,
        metavar="GROUP=WORDS|GROUP=@FILE",
        help="one of several objects and its look, such as truck=lava or tree=@starry.jpg (repeatable)",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the file to write; its ending says how"
    )
    parser.add_argument("--method", choices=tuple(METHODS), help="; ".join(_meant()))
    before = methods.presets_of_before()
    parser.add_argument(
        "--preset",
        choices=methods.presets(),
        type=lambda name: before.get(name, name),
        default="standard",
        help="; ".join(f"{method.name}: {', '.join(_times(method))}" for method in METHODS.values()),
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another number, another variation")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=setting,
        metavar="NAME=VALUE",
        help="a setting of the method, such as temperature=0.07 or freeze=opacity,scale (repeatable); "
        "'ft2os methods' lists them",
    )
    for name, option in _options().items():
        parser.add_argument(f"--{name}", metavar=option.option, help=option.doc)
    parser.add_argument("--strength", type=console.share, default=1.0, metavar="S", help="0 (source) to 1")
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="where a long run keeps its state as it goes"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint (OUT.checkpoint, if none is named)"
    )
    console.add_download(parser)
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.set_defaults(run=run, wrong=parser.error)


def _options() -> dict[str, Setting]:
    """The settings that have an option of their own, beside --set, by name."""
    every = (
        setting
        for method in METHODS.values()
        for preset in method.presets
        for setting in described(preset.settings).values()
    )
    return {setting.name: setting for setting in every if setting.option}


def _overrides(args: argparse.Namespace) -> dict[str, object]:
    """The settings that the command line changes."""
    given = {name: getattr(args, name) for name in _options()}
    return {name: value for name, value in given.items() if value is not None} | dict(args.set)


def _meant() -> list[str]:
    """When each method is meant without being named."""
    return [
        f"by default {methods.default(picture=True).name} where there is a picture",
        f"{methods.default(picture=False).name} where there are words",
    ]


def _times(method: Method) -> list[str]:
    """The presets of a method with their expected times."""
    return [f"{preset.name} {preset.time}" for preset in method.presets]


def setting(text: str) -> tuple[str, object]:
    """NAME=VALUE; a value that is JSON (a number, true, a list) is read as such, anything else is text."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value


def run(args: argparse.Namespace) -> int:
    """Stylize, write the scene and its record, say what was done."""
    from ft2os.files import check_writable
    from ft2os.formats import load_scene, registry, save_scene

    console.allow_download(args)
    asked = styles.requested(args)
    methods = [styles.method_of(style, args.method) for style in asked]
    registry.for_writing(args.out)
    check_writable(args.out)
    started = time.perf_counter()
    with console.progress() as report:
        scene = load_scene(args.scene, drop_invalid=args.drop_invalid, progress=report)
        targets = styles.place(asked, scene)
        for target, method in zip(targets, methods):
            styles.check(target, method)
        done, stopped = _stylize_all(scene, targets, methods, args, report)
        looks = [(target.mask, result.look) for target, result in done]
        gaussians, inherit = blend_in(scene.gaussians, looks, args.strength)
        save_scene(args.out, gaussians, labels=scene.labels, inherit=inherit, progress=report)
    facts = {
        "out": str(args.out),
        "source": str(args.scene),
        "gaussians": len(gaussians),
        "seconds": round(time.perf_counter() - started, 3),
        "peak_memory": peak_memory(),
        "stopped": stopped,
    }
    record = run_record.build(facts, [_facts(target, result, args) for target, result in done])
    run_record.write(args.out, record)
    if args.json:
        console.print_json(record)
    else:
        looks = "; ".join(f"{target.name or 'the whole scene'}: {target.style}" for target, _ in done)
        print(f"{args.out}  ({looks}, {facts['seconds']:.1f} s)")
    if stopped:
        console.complain(f"Stopped; what there was is in {args.out}.")
    return console.INTERRUPTED if stopped else 0


def blend_in(
    gaussians: Gaussians, looks: list[tuple[np.ndarray, Look]], strength: float
) -> tuple[Gaussians, np.ndarray | None]:
    """The scene with objects at this strength of their looks, and the rows that new Gaussians inherit from.

    Strength 0 gives the scene itself. Children belong to their parent's group and take over its further
    properties, the identity features of Gaussian Grouping among them.

    Parameters
    ----------
    looks : list of (ndarray, bool, [N]; Look)
        Which Gaussians are the object, no two the same; its look.
    """
    from ft2os import looks as looks_module
    from ft2os.gaussians import concatenate

    if strength == 0:
        return gaussians, None
    gaussians = gaussians.replace(identity=None)  # nothing here changes it, so the source's columns have it
    others = gaussians.subset(~np.any([mask for mask, _ in looks], axis=0))
    parts, inherit = [others], [] if others.row is None else [others.row]
    for mask, look in looks:
        target = gaussians.subset(mask)
        styled = looks_module.apply(target, look, strength)
        kept = len(styled) - len(look.parent)  # apply puts the children last
        parts.append(styled)
        if styled.row is not None and target.row is not None:
            inherit += [styled.row[:kept], target.row[look.parent]]
    return concatenate(parts), np.concatenate(inherit) if inherit else None


def _stylize_all(
    scene: Scene,
    targets: list[StyleTarget],
    methods: list[str],
    args: argparse.Namespace,
    report: console.Report,
) -> tuple[Done, bool]:
    """The results in order, and whether Ctrl-C cut them short. Of the last one there may be a part only.

    Raises
    ------
    CancelledError
        If there is nothing to keep.
    """
    done: Done = []
    with console.interruptible() as interrupted:
        for target, method in zip(targets, methods):
            try:
                done.append((target, _stylize(scene, target, method, args, report, interrupted)))
            except CancelledError as error:
                if error.partial is not None:
                    done.append((target, error.partial))
                if not done:
                    raise
                return done, True
    return done, False


def _stylize(
    scene: Scene,
    target: StyleTarget,
    method: str,
    args: argparse.Namespace,
    report: console.Report,
    interrupted: Callable[[], bool],
) -> StylizeResult:
    from ft2os.stylize import StylizeRequest, stylize

    several = len(args.style) > 1

    def show(p: Progress) -> None:
        left = "" if p.eta_s is None else f"{p.eta_s:.0f} s left"
        report(f"{target.name}: {p.stage}" if several else p.stage, p.step, p.total, left)

    mask, checkpoint = target.mask, args.checkpoint
    if args.resume and checkpoint is None:
        checkpoint = args.out.with_name(f"{args.out.name}.checkpoint")
    if checkpoint and not METHODS[method].resumes:
        log.warning("the method %s is short and keeps no checkpoint", method)
    groups = scene.gaussians.group
    if checkpoint and several and groups is not None:  # each object has a run, and so a state, of its own
        checkpoint = checkpoint.with_name(f"{checkpoint.name}.{int(groups[mask][0])}")
    request = StylizeRequest(
        target=scene.gaussians.subset(mask),
        context=None if mask.all() else scene.gaussians.subset(~mask),
        prompt=target.style.prompt,
        object_name=target.name,
        method=method,
        preset=args.preset,
        seed=args.seed,
        overrides=_overrides(args),
        cameras=scene.cameras or None,
        style_image=target.style.picture,
        checkpoint=checkpoint,
        resume=args.resume,
    )
    return stylize(request, progress=show, cancelled=interrupted)


def _facts(target: StyleTarget, result: StylizeResult, args: argparse.Namespace) -> dict[str, object]:
    """What the record says of one object."""
    return {
        "group": target.name or "all",
        "prompt": target.style.prompt,
        "style_image": str(target.style.picture) if target.style.picture else None,
        "method": result.look.method,
        "preset": args.preset,
        "seed": args.seed,
        "strength": args.strength,
        "settings": _overrides(args),
        "seconds": result.stats.get("seconds"),
        "stats": result.stats,
    }

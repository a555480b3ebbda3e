"""``ft2os evaluate``: what a stylization did to a scene, as a table, as JSON and as a page."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ft2os.cli import console


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("evaluate", help="measure what a stylization did")
    parser.add_argument("before", metavar="BEFORE", help="the scene as it was: a splat file or output folder")
    parser.add_argument("after", metavar="AFTER", help="the stylized scene")
    parser.add_argument("--group", required=True, metavar="ID|NAME", help="the object ('all': whole scene)")
    parser.add_argument("--prompt", default="", metavar="TEXT", help="the look (default: the run's own)")
    parser.add_argument("--source", default="", metavar="TEXT", help="what it was, such as 'a truck'")
    parser.add_argument(
        "--judge", metavar="MODEL", help="a CLIP that did not guide: open_clip's name, or a folder"
    )
    parser.add_argument("--pretrained", metavar="TAG", help="the judge's weights: a tag or a file")
    parser.add_argument("--cameras", type=Path, metavar="FILE", help="a cameras.json (default: BEFORE's)")
    parser.add_argument("--views", type=console.positive, default=12, metavar="N", help="how many cameras")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with pictures there")
    console.add_download(parser)
    parser.add_argument(
        "--drop-invalid", action="store_true", help="leave out Gaussians with NaN or infinite values"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Measure, print the table, write the files."""
    from ft2os import prompts
    from ft2os.cameras import load_cameras
    from ft2os.evaluate import EvaluationRequest, evaluate, page, table
    from ft2os.files import check_writable, replacing
    from ft2os.formats import load_scene
    from ft2os.strict_json import to_json

    console.allow_download(args)
    prompts.checked(args.prompt)
    prompts.checked(args.source, "source")
    for path in (args.json, args.html):
        if path:
            check_writable(path)
    with console.progress() as report:
        before, after = (
            load_scene(path, drop_invalid=args.drop_invalid, progress=report)
            for path in (args.before, args.after)
        )
        request = EvaluationRequest(
            group=args.group,
            prompt=args.prompt,
            source=args.source,
            judge=(args.judge, args.pretrained),
            cameras=load_cameras(args.cameras) if args.cameras else None,
            views=args.views,
        )
        evaluation = evaluate(before, after, request, tick=report)
        if args.json:
            text = json.dumps(to_json(evaluation.report), indent=1, ensure_ascii=False, allow_nan=False)
            with replacing(args.json) as temporary:
                temporary.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        if args.html:
            report("writing the page", 0, 1)
            text = page.build(evaluation)
            with replacing(args.html) as temporary:
                temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
    table.show(evaluation.report)
    for path in (args.json, args.html):
        if path:
            print(path)

"""``ft2os worker``: serve the protocol on standard input and output, as Blender starts it."""

from __future__ import annotations

import argparse
from typing import NoReturn


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("worker", help="serve Blender on standard input and output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> NoReturn:
    """Serve until standard input ends."""
    from ft2os.worker import main

    main()

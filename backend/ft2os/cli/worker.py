"""``ft2os worker``: serve the protocol on standard input and output, as Blender starts it."""

from __future__ import annotations

import argparse


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("worker", help="serve Blender on standard input and output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until standard input ends."""
    from ft2os.worker import main

    return main()

"""The command ``ft2os``: one verb a module, each imported by the parser but heavy only once it runs.

Exit codes: 0 done, 1 it could not be done (one line that says what, one that says what to do), 2 the command
line itself is wrong, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import errno
import logging
import sys
from collections.abc import Sequence

from ft2os import __version__
from ft2os.cli import console, doctor, editors, evaluate, inspect, methods, render, stylize, views, worker
from ft2os.device import lacks_memory
from ft2os.errors import CancelledError, Ft2osError
from ft2os.process import NO_MEMORY_HINT


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs; each sets ``run``, a function of the parsed arguments."""
    parser = argparse.ArgumentParser(
        prog="ft2os",
        description="Stylize single objects of 3D Gaussian-splat scenes from the words you give.",
    )
    parser.add_argument("--version", action="version", version=f"ft2os {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="say more about what is being done")
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    for module in (inspect, render, views, stylize, methods, editors, evaluate, doctor, worker):
        module.add(verbs)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the result is the exit code."""
    console.settle_output()
    try:
        return _run(argv)
    except (KeyboardInterrupt, CancelledError):
        console.complain("Stopped; nothing was changed.")
        return console.INTERRUPTED
    except Ft2osError as error:
        console.complain(error.message, error.hint)
        return 1
    except ModuleNotFoundError as error:
        lacking = console.missing_module(error.name or "")
        if lacking is None:
            raise
        console.complain(*lacking)
        return 1
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        console.complain("There is not enough memory for this.", NO_MEMORY_HINT)
        return 1
    except BrokenPipeError:  # the reader of our output (head, less) has seen enough
        console.drop(sys.stdout)
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        console.drop(sys.stdout)
        where = error.filename or "The output"
        console.complain(f"{where} cannot be written: the disk is full.", "Free some space.")
        return 1


def _run(argv: Sequence[str] | None) -> int:
    try:
        args = build_parser().parse_args(argv)
        logging.basicConfig(
            stream=sys.stderr,
            level=logging.INFO if args.verbose else logging.WARNING,
            format="ft2os: %(message)s",
        )
        return args.run(args) or 0
    finally:
        sys.stdout.flush()  # so that a full disk or a closed pipe behind our output is told here

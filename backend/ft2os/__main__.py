"""``python -m ft2os`` and the command ``ft2os``: the way in, where Ctrl-C counts before other imports."""

from __future__ import annotations

import os
import signal
import sys


def main() -> int:
    """Run the command line; the result is the exit code."""
    # There is nothing to undo yet, and an import that is interrupted may end as any error.
    signal.signal(signal.SIGINT, lambda number, frame: os._exit(130))
    from ft2os.cli import main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    return main()


if __name__ == "__main__":
    sys.exit(main())

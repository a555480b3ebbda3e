"""The server half of the protocol: one warm process that renders and stylizes for a client on its stdio.

``channel`` owns the pipes, ``params`` says what messages may hold, ``server`` has the order of things,
``store`` the data, ``compose`` the scene; ``drawing`` and ``job`` are the two methods that take time. Nothing
heavy is imported before it is needed, so that the first answer comes in a fraction of a second.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Serve standard input until it ends; then the process ends too, whatever its threads still do."""
    from ft2os.worker.channel import Channel, take_stdio
    from ft2os.worker.server import Server

    source, sink = take_stdio()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    Server(Channel(source, sink)).run()
    logging.shutdown()
    os._exit(0)

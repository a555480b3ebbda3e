"""The client half of the protocol: process, reader thread, queue, and the one timer.

``client`` and ``process`` know nothing of Blender; ``manager`` holds the session's client.
"""

from __future__ import annotations


def start() -> None:
    """Called when the extension is enabled."""
    from . import manager

    manager.start()


def stop() -> None:
    """Called when the extension is disabled, and at exit: no timer and no process stays."""
    from . import manager

    manager.stop()

"""What this session knows of its backend: which Python it is, what the last Test said, the installation.

``preferences`` says where to look and keeps it up to date; operators and panels read it. No bpy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .find import Found
from .install import Installer

_LOG_LINES = 6
_FRESH_S = 2.0


@dataclass(frozen=True)
class Tested:
    """What a Test found out: that it works, that it does not, or that there is no answer yet."""

    state: Literal["runs", "works", "fails"]
    text: str


def _nowhere() -> None:
    return None


search: Callable[[], Found | None] = _nowhere  # `preferences.start` puts its own here
installer: Installer | None = None  # the session's installation, running or ended
tested: Tested | None = None  # what the last Test said; None: the chosen backend was not tested
_backend: tuple[float, Found | None] = (-_FRESH_S, None)  # when it was looked for, and what was there


def backend() -> Found | None:
    """The backend that will be used, or None; remembered for two seconds because panels ask."""
    global _backend
    if time.monotonic() - _backend[0] > _FRESH_S:
        _backend = (time.monotonic(), search())
    return _backend[1]


def forget() -> None:
    """Look for the backend again at the next question; what was tested may be another one."""
    global _backend, tested
    _backend, tested = (-_FRESH_S, None), None


def installing() -> bool:
    """Does an installation run?"""
    return installer is not None and not installer.poll()


def log_tail() -> list[str]:
    """The newest lines of the installation."""
    return [] if installer is None else list(installer.lines)[-_LOG_LINES:]

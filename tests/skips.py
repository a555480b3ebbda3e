"""Skips that were expected: the hooks of pytest that fail a run for any other.

A test that skips proves nothing, and nobody reads a green run. Where ``FT2OS_ALLOWED_SKIPS`` names a file of
reasons (patterns of ``fnmatch``, one a line, # for remarks), as ``.ci/run`` does, any other reason fails.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ENV = "FT2OS_ALLOWED_SKIPS"


def unexpected(config: pytest.Config) -> list[str]:
    """Where and why tests were skipped for reasons that the list does not have; nothing without a list."""
    if not os.environ.get(ENV):
        return []
    lines = Path(os.environ[ENV]).read_text("utf-8").splitlines()
    allowed = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    reporter = config.pluginmanager.getplugin("terminalreporter")
    found = set()
    for report in reporter.stats.get("skipped", []) if reporter else []:
        path, _, reason = report.longrepr
        reason = reason.removeprefix("Skipped: ")
        if not any(fnmatchcase(reason, pattern) for pattern in allowed):
            found.add(f"{Path(path).name}: {reason}")
    return sorted(found)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    passed = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    if passed and unexpected(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in unexpected(config):
        terminalreporter.write_line(f"SKIPPED WITHOUT LEAVE {line}", red=True)

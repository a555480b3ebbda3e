"""torchvision beside a CPU torch, in fresh processes: the import can fail only once in each."""

import subprocess
import sys

import pytest

pytest.importorskip("torch")


def _python(code: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )


def test_everything_that_needs_torchvision_imports_after_ensure_and_a_second_call_declares_nothing():
    # Declaring an operator that exists raises, and a new library object would unload the first.
    done = _python(
        "from ft2os.guidance import torchvision_shim as s; s.ensure(); before = s._library; s.ensure(); "
        "import open_clip, lpips, torchvision; "
        "print(s._library is before, torchvision.transforms.functional.resize.__name__)"
    )
    assert done.stdout.strip() == "True resize", done.stderr


def test_another_failure_is_reported_and_not_papered_over():
    done = _python(
        "import sys; sys.modules['torchvision'] = None\n"
        "from ft2os.errors import MissingError\n"
        "from ft2os.guidance import torchvision_shim as s\n"
        "try: s.ensure()\n"
        "except MissingError as e: print(s._library is None, bool(e.hint))"
    )
    assert done.stdout.strip() == "True True", done.stderr

"""A copy of the tree to make mistakes in, with Pythons that see this copy and nothing of the original.

The copy keeps times and place from one run to the next, so that compiled kernels and modules stay valid.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mutants.mutant import Mistake

ROOT = Path(__file__).resolve().parents[2]
_KEPT = (".venv", ".venv-blender", "build", "dist", ".baseline", ".cache")


class Tree:
    """One copy; only one run at a time may use it.

    Parameters
    ----------
    path : Path
        Where it lies. Files of the work tree that git does not ignore are brought up to date there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._synchronise()
        self._make_python()
        self._baseline = path / ".baseline"
        self._cache = path / ".cache"

    def run(self, tests: list[str], *, fresh: bool, timeout: float | None = None) -> tuple[int, str]:
        """Run tests until the first fails; pytest's exit code and its output.

        Parameters
        ----------
        tests : list of str
            All for Blender's Python or all for the backend's.
        fresh : bool
            Begin with a copy of the baseline's compiled kernels and leave nothing behind; else add to them.

        Raises
        ------
        subprocess.TimeoutExpired
            If it takes longer than ``timeout`` seconds; its processes are ended.
        """
        if fresh:
            shutil.rmtree(self._cache, ignore_errors=True)
            self._baseline.mkdir(exist_ok=True)
            shutil.copytree(self._baseline, self._cache)
        python = ".venv-blender" if tests[0].startswith("tests/blender/") else ".venv"
        command = [
            self.path / python / "bin" / "python",
            "-m",
            "pytest",
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
        ]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environment |= {"FT2OS_CACHE": str(self._cache if fresh else self._baseline)}
        environment |= {"FT2OS_ALLOWED_SKIPS": str(self.path / ".ci" / "allowed_skips.txt")}
        environment |= {"PYTHONDONTWRITEBYTECODE": "1"} if fresh else {}
        return _run([*map(str, command), *tests], self.path, environment, timeout)

    def warm(self) -> None:
        """Compile the kernels, unless an earlier run has."""
        environment = os.environ | {"FT2OS_CACHE": str(self._baseline)}
        _run([str(self.path / ".venv/bin/python"), "-m", "ft2os.warm"], self.path, environment, None)

    @contextmanager
    def with_mistake(self, mistake: Mistake) -> Iterator[None]:
        """Make a mistake; afterwards the file is as it was, its time too."""
        file = self.path / mistake.file
        before, times = file.read_text("utf-8"), file.stat()
        self._forget_built()
        file.write_text(mistake.applied(before), "utf-8")
        try:
            yield
        finally:
            file.write_text(before, "utf-8")
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
            self._forget_built()

    def _forget_built(self) -> None:
        """The extension's zip may hold a mistake."""
        shutil.rmtree(self.path / "dist", ignore_errors=True)

    def _synchronise(self) -> None:
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
        )
        wanted = {name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()}
        if self.path.exists():
            _remove_all_but(self.path, wanted)
        for name in wanted:
            source, target = ROOT / name, self.path / name
            if not target.exists() or _stamp(source) != _stamp(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)

    def _make_python(self) -> None:
        """The backend's Python with this copy in front of its packages; Blender's as it is."""
        own = self.path / ".venv"
        if not own.exists():
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", own], check=True)
        packages = next(own.glob("lib/python*/site-packages"))
        lines = [str(self.path / "backend"), sysconfig.get_paths()["purelib"]]
        (packages / "copy.pth").write_text("\n".join(lines) + "\n", "utf-8")
        blender = self.path / ".venv-blender"
        if not blender.is_symlink() and (ROOT / ".venv-blender").exists():
            blender.symlink_to((ROOT / ".venv-blender").resolve())
        wheels = ROOT / "build" / "wheelhouse"
        if wheels.exists():
            shutil.copytree(wheels, self.path / "build" / "wheelhouse", dirs_exist_ok=True)
        if (ROOT / "build" / "splat-transform").exists() and not (
            self.path / "build/splat-transform"
        ).exists():
            (self.path / "build").mkdir(exist_ok=True)
            (self.path / "build/splat-transform").symlink_to((ROOT / "build/splat-transform").resolve())


def _run(command: list[str], folder: Path, env: dict[str, str], timeout: float | None) -> tuple[int, str]:
    process = subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True, preexec_fn=_heed_ctrl_c,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)  # the tests' own workers too
        process.communicate()
        raise
    return process.returncode, output


def _heed_ctrl_c() -> None:
    """A shell starts what it puts into the background deaf to Ctrl-C, and its tests would fail."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _remove_all_but(folder: Path, wanted: set[str]) -> None:
    for found in folder.rglob("*"):
        name = found.relative_to(folder)
        if name.parts[0] in _KEPT or "__pycache__" in name.parts or found.is_dir():
            continue
        if name.as_posix() not in wanted:
            found.unlink()


def _stamp(path: Path) -> tuple[int, int]:
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns

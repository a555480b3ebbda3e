"""A real Blender window that tests use as an artist does: mouse, keys, and a look at the screen.

Either a folder with a Debian that has Blender, Xvfb, openbox, xdotool and ImageMagick in it (``WINDOW``; it
needs root, for chroot), or any Blender on the screen that ``DISPLAY`` names (``BLENDER``).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SCREEN = (1600, 1000)
_DISPLAY = ":78"
_BOX = "/probe/window"


class BlenderDied(AssertionError):
    """The window is gone: what no input may do."""


class Window:
    """One Blender, from `start` to `stop`.

    Parameters
    ----------
    folder : Path, optional
        The Debian to run in.
    blender : str
        The program; inside ``folder``, where one is given.
    scratch : Path
        For Blender's settings and what goes to and fro, without a ``folder``.
    shared : sequence of Path
        What Blender must see at the same path inside ``folder``.
    """

    def __init__(self, folder: Path | None, blender: str, scratch: Path, shared: Sequence[Path]) -> None:
        self.folder, self.blender, self.shared = folder, blender, shared
        self.box = folder / _BOX.lstrip("/") if folder else scratch / "window"
        self.inside = Path(_BOX) if folder else self.box
        self._display = _DISPLAY if folder else os.environ["DISPLAY"]
        self._processes: list[subprocess.Popen] = []
        self._mounts: list[Path] = []
        self._asked = 0

    def start(self) -> None:
        """Start the screen, the window manager and Blender; wait until it answers."""
        shutil.rmtree(self.box, ignore_errors=True)
        self.box.mkdir(parents=True)
        shutil.copy(HERE / "inside.py", self.box)
        if self.folder:
            self._mount()
            self._spawn(
                "Xvfb", self._display, "-screen", "0", "{}x{}x24".format(*SCREEN), "+extension", "GLX"
            )
            self.until(lambda: self._run("xdotool", "getdisplaygeometry").returncode == 0, "a screen")
            self._spawn("openbox")
        arguments = ("--factory-startup", "--window-geometry", "0", "0", *map(str, SCREEN))
        self._spawn(self.blender, *arguments, "--python", str(self.inside / "inside.py"))
        self.until((self.box / "ready").exists, "Blender's start", 120)
        self.until(self._window, "its window")

    def stop(self) -> None:
        """End the processes and leave no mounts."""
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for mount in reversed(self._mounts):
            if subprocess.run(["umount", mount], capture_output=True).returncode:
                subprocess.run(["umount", "-l", mount], check=False)
        self._processes, self._mounts = [], []

    def do(self, code: str, timeout: float = 60) -> Any:
        """Run Python in Blender's main thread; what it leaves in ``answer``.

        Raises
        ------
        AssertionError
            With Blender's traceback, if the code raises.
        BlenderDied
            If Blender ends meanwhile.
        """
        self._asked += 1
        name = f"do-{self._asked:06d}"
        request, answer = self.box / f"{name}.part", self.box / f"{name}.json"
        request.write_text(code, encoding="utf-8")
        request.rename(self.box / f"{name}.py")
        self.until(answer.exists, "an answer", timeout)
        said = json.loads(answer.read_text("utf-8"))
        answer.unlink()
        assert "error" not in said, said["error"]
        return said["answer"]

    def ask(self, expression: str) -> Any:
        """The value of an expression in Blender."""
        return self.do(f"answer = {expression}")

    def until(self, holds: Callable[[], Any] | str, what: str = "", timeout: float = 30) -> Any:
        """Wait until a function, or an expression in Blender, is true; its value."""
        end = time.monotonic() + timeout
        while True:
            value = self.ask(holds) if isinstance(holds, str) else holds()
            if value:
                return value
            if any(process.poll() is not None for process in self._processes):
                raise BlenderDied(f"Blender ended while waiting for {what}; its last lines:\n{self.log()}")
            assert time.monotonic() < end, f"waited {timeout} s for {what or holds}\n{self.log()}"
            time.sleep(0.02)

    def log(self) -> str:
        """The last lines that Blender printed."""
        path = self.box / f"{Path(self.blender).name}.log"
        return "\n".join(path.read_text("utf-8", "replace").splitlines()[-30:]) if path.exists() else ""

    def mouse(self, *words: object) -> None:
        """Play ``xdotool`` commands: ``mousemove X Y click 1 key Home``; pixels of the screen."""
        done = self._run("xdotool", *map(str, words))
        assert done.returncode == 0, done.stderr
        self.do("pass")  # Blender has handled what came before

    def move(self, x: float, y: float) -> None:
        """Put the mouse on a pixel of Blender's window, counted from its lower left as Blender does."""
        window, height = self._window()
        self.mouse("mousemove", "--window", window, round(x), round(height - 1 - y))

    def click(self, x: float, y: float, button: int = 1) -> None:
        """Move there and click, as a hand does: not in the same moment."""
        self.move(x, y)
        self.mouse("mousedown", button)
        self.mouse("mouseup", button)

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 12) -> None:
        """Press at ``start``, move to ``end`` in steps, release."""
        self.move(*start)
        self.mouse("mousedown", 1)
        for i in range(1, steps + 1):
            self.move(*(a + (b - a) * i / steps for a, b in zip(start, end, strict=True)))
        self.mouse("mouseup", 1)

    def keys(self, *names: str) -> None:
        """Press keys one after another where the mouse is."""
        for name in names:
            self.mouse("key", name)

    def type(self, text: str) -> None:
        """Type text."""
        self.mouse("type", "--delay", "20", text)

    def draw(self) -> None:
        """Let Blender draw now: matrices of a view, and what regions know of themselves, change with it."""
        self.do("bpy.ops.wm.redraw_timer(type='DRAW_WIN_SWAP', iterations=2)")

    def shot(self, name: str) -> np.ndarray:
        """Blender's window as it is, kept as a picture for eyes.  [H, W, 3] uint8"""
        self.draw()
        self._run("import", "-window", self._window()[0], str(self.inside / "shot.png"))
        kept = ROOT / "out" / "window" / f"{self.blender_version}-{name}.png"
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(self.box / "shot.png", kept)
        return np.asarray(Image.open(kept).convert("RGB"))

    @property
    def blender_version(self) -> str:
        """Such as 4.3.2."""
        return self.ask("'.'.join(map(str, bpy.app.version))")

    def _window(self) -> tuple[str, int] | None:
        """The id and the height of Blender's window; None while there is none."""
        found = self._run("xdotool", "search", "--onlyvisible", "--name", "Blender").stdout.split()
        if not found:
            return None
        shape = self._run("xdotool", "getwindowgeometry", "--shell", found[-1]).stdout
        return found[-1], int(dict(line.split("=") for line in shape.split())["HEIGHT"])

    def _command(self, words: Sequence[str]) -> list[str]:
        variables = [
            f"DISPLAY={self._display}",
            f"BLENDER_USER_RESOURCES={self.inside / 'user'}",
            "PYTHONUNBUFFERED=1",
        ]
        if self.folder is None:
            return ["env", *variables, *words]
        variables += [f"HOME={_BOX}", "LIBGL_ALWAYS_SOFTWARE=1", "OMP_WAIT_POLICY=PASSIVE"]
        return ["chroot", str(self.folder), "env", *variables, *words]

    def _run(self, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run(self._command(words), capture_output=True, text=True, timeout=60)

    def _spawn(self, *words: str) -> None:
        with open(self.box / f"{Path(words[0]).name}.log", "wb") as log:
            self._processes.append(
                subprocess.Popen(
                    self._command(words), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
                )
            )

    def _mount(self) -> None:
        inside = [(["-t", "proc", "proc"], "proc"), (["-t", "tmpfs", "tmpfs"], "dev/shm")]
        inside += [(["--bind", str(path)], str(path).lstrip("/")) for path in self.shared]
        for what, where in inside:
            target = self.folder / where
            target.mkdir(parents=True, exist_ok=True)
            if not os.path.ismount(target):
                subprocess.run(["mount", *what, str(target)], check=True)
                self._mounts.append(target)


def base_of(python: Path) -> Path:
    """The folder of the Python that an environment was made from."""
    ask = "import sys; print(sys.base_prefix)"
    return Path(
        subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    )


@contextlib.contextmanager
def opened(window: Window):
    """A window that ends with the block, whatever happens in it."""
    try:
        window.start()
        yield window
    finally:
        window.stop()

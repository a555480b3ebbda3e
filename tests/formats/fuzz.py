"""Damaged and hostile files for every reader: a scene or one clear error, soon and within little memory.

    python -m tests.formats.fuzz [--count 2000] [--only NAME] [--seed N]

The seeds are small valid files of every format, damaged blindly and knowingly (``mutators``); the bombs
(``bombs``) and what is no file at all come after them. The files are read in this process, whose memory is
looked at for each; the tests start it as one.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import io
import os
import random
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ft2os import cameras
from ft2os.errors import Ft2osError
from ft2os.formats import grouping, load_scene, registry, save_scene
from tests.formats import ksplat
from tests.formats.bombs import bombs
from tests.formats.mutators import damaged
from tests.scenes import ball, two_groups, write_ply

MB = 1 << 20
_NAMES = (
    "cameras.json",
    "transforms.json",
    "labels.json",
    "cfg_args",
    "cameras.bin",
    "images.bin",
    "classifier.pth",
)
_ENCODERS = {"ksplat": ksplat.encode}  # (Gaussians, level) -> bytes, of the formats that we only read
SECONDS = 1.0  # of this process' own time, so that a busy machine fails no file
HANGS = 20  # seconds until a file counts as one that is never read
MEMORY = 100 * MB  # that any file may take
A_BYTE = 200  # that a file may take for each of its bytes: what is read is 100 at most, and on its way twice


def seeds(folder: Path) -> dict[str, list[bytes]]:
    """Valid files by the ending they are read under."""
    g = {degree: ball(300, degree=degree, seed=degree) for degree in range(5)}
    found: dict[str, list[bytes]] = {}
    for i, options in enumerate(({}, {"byte_order": ">"}, {"text": True}, {"normals": False})):
        write_ply(folder / "seed.ply", g[i], **options)
        found.setdefault("ply", []).append((folder / "seed.ply").read_bytes())
    for file_format in registry.FORMATS:
        ending = file_format.endings[0].removeprefix(".")
        if file_format.writer is None:
            found[ending] = [_ENCODERS[ending](g[level], level) for level in range(3)]
        elif file_format.writable() and not file_format.exact:
            for degree in sorted({0, min(1, file_format.degree), file_format.degree}):
                save_scene(folder / f"seed.{ending}", g[degree])
                found.setdefault(ending, []).append((folder / f"seed.{ending}").read_bytes())
    found["spz"].append(gzip.decompress(found["spz"][1]))  # without its gzip a flip reaches the numbers
    found.update(_camera_seeds(folder))
    found["labels.json"] = [b'{"3": "truck", "7": "small \\ud83d\\ude00 tree", "9": "crate"}']
    found["cfg_args"] = [b"Namespace(sh_degree=3, images='images', white_background=False, a=[1, {2: 3}])"]
    if importlib.util.find_spec("torch"):
        found["classifier.pth"] = [_classifier()]
    return found


def _classifier() -> bytes:
    """Gaussian Grouping's, as its training saves it: a zip of a pickle and its numbers."""
    import torch

    out = io.BytesIO()
    torch.save(torch.nn.Conv2d(16, 5, 1).state_dict(), out)
    return out.getvalue()


def _camera_seeds(folder: Path) -> dict[str, list[bytes]]:
    views = cameras.orbit(ball(20), 3)
    found = {}
    for name in ("cameras.json", "transforms.json"):
        cameras.save_cameras(folder / name, views)
        found[name] = [(folder / name).read_bytes()]
    lens = struct.pack("<QIiQQ4d", 1, 1, 1, 64, 48, 50, 50, 32, 24)
    image = (
        struct.pack("<QI7dI", 1, 1, 1, 0, 0, 0, 0, 0, 3, 1) + b"a.png\0" + struct.pack("<Qddq", 1, 1, 2, -1)
    )
    found["cameras.bin"], found["images.bin"] = [lens], [image]
    return found


def read(path: Path) -> None:
    """Read as a user's file of that name would be."""
    if path.suffix == ".pth":
        grouping.read_classifier(path)
    elif path.name == "cfg_args":
        grouping.read_cfg_args(path)
    elif path.name == "labels.json":
        load_scene(path.with_name("scene.ply"))
    elif path.suffix in (".json", ".bin"):
        cameras.load_cameras(path)
    else:
        load_scene(path, drop_invalid=True)


def run(count: int, only: str | None, seed: int) -> list[str]:
    """What went wrong, a line each; nothing when all files ended as they should."""
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        valid = seeds(Path(scratch))
        _limit_memory()
        for ending, files in valid.items():
            if only in (None, ending):
                home = _home(Path(scratch) / ending.replace(".", "-"), valid)
                path = home / (ending if ending in _NAMES else f"a.{ending}")
                rng = random.Random(f"{seed} {ending}")
                for i in range(count):
                    data = damaged(path.name, files[i % len(files)], rng)
                    path.write_bytes(data)
                    _try(path, len(data), wrong)
                for make in _SPECIAL:
                    _try_special(path, make, wrong)
                print(f"{ending}: {count} files", flush=True)
        for what, name, data in bombs():
            if only is None or name.endswith(only):
                path = _home(Path(scratch) / "bombs", valid) / name
                path.write_bytes(data)
                _try(path, len(data), wrong, what)
    return wrong


def _home(folder: Path, valid: dict[str, list[bytes]]) -> Path:
    """A folder of its own, where what lies beside a damaged file is whole."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in ("cameras.bin", "images.bin"):
        (folder / name).write_bytes(valid[name][0])
    write_ply(folder / "scene.ply", two_groups(20))
    return folder


def _try(path: Path, size: int, wrong: list[str], what: str = "") -> None:
    """Read one file; a line in ``wrong`` for each thing that should not have happened."""
    before, failed = len(wrong), []
    with _memory() as taken, _alarm():
        start = time.process_time()
        try:
            read(path)
        except Ft2osError as error:
            if "\n" in error.message or not error.hint or len(error.message) > 1000:
                failed.append(f"not one clear sentence: {error.message!r:.200}")
        except BaseException as error:
            failed.append(f"{type(error).__name__}: {error}")
        seconds = time.process_time() - start
    if seconds > SECONDS:
        failed.append(f"{seconds:.1f} s for {size:,} bytes")
    if taken() > MEMORY + A_BYTE * size:
        failed.append(f"{taken() // MB} MB for {size:,} bytes")
    wrong.extend(f"{path.name} {what}: {words}" for words in failed)
    if len(wrong) > before and size:
        kept = Path(tempfile.gettempdir()) / f"fuzz-{len(wrong)}-{path.name}"
        shutil.copyfile(path, kept)
        print(f"kept {kept}", file=sys.stderr)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _terabyte(path: Path) -> None:
    """What was there, and zeros that no disk has to hold."""
    with path.with_name("kept").open("ab") as stream:
        stream.truncate(1 << 40)
    path.with_name("kept").rename(path)


_SPECIAL = (_pipe, _folder, _endless, _nowhere, _loop, _terabyte)


def _try_special(path: Path, make: Callable[[Path], None], wrong: list[str]) -> None:
    """Read what is no file, or none of this world, in the place of one."""
    kept = path.with_name("kept")
    shutil.copyfile(path, kept)
    path.unlink()
    make(path)
    _try(path, 0, wrong, make.__name__)
    path.rmdir() if path.is_dir() else path.unlink()
    path.write_bytes(b"" if make is _terabyte else kept.read_bytes())


@contextmanager
def _alarm() -> Iterator[None]:
    """Whatever hangs is interrupted, by what no reader takes for an error of its own."""

    def ring(*_: object) -> None:
        raise _HangsError

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, HANGS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


class _HangsError(BaseException):
    pass


@contextmanager
def _memory() -> Iterator[Callable[[], int]]:
    """Gives what tells the most bytes that were taken since; 0 where the system does not say."""
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = _status("VmRSS")
    except OSError:
        yield lambda: 0
        return
    yield lambda: _status("VmHWM") - before


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def _limit_memory() -> None:
    """From here on four gigabytes more than what is mapped now: no machine shall die of a test."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (4 << 30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--only")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    wrong = run(args.count, args.only, args.seed)
    print("\n".join(wrong) or "all ended in a scene or one clear error")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()

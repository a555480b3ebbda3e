"""Damaged and hostile files for every reader: a scene or one clear error, within a second and a gigabyte.

    python -m tests.formats.fuzz [--count 2000] [--only NAME] [--seed N]

The seeds are small valid files of every format; each is cut, flipped, overwritten with huge numbers and
spliced, and bombs and path tricks are added by hand. The files are read in this process under a limit of
its address space; the tests start it as one.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import io
import json
import random
import resource
import struct
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from ft2os import cameras
from ft2os.errors import Ft2osError
from ft2os.formats import grouping, load_scene, registry, save_scene
from tests.formats import ksplat
from tests.scenes import ball, write_ply

GIGABYTE = 1 << 30
SECONDS = 1.0  # of this process' own time, so that a busy machine fails no file
_HUGE = (
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x00\x00\x00\x80",
    b"\x00\x00\x00\x00",
    b"\x00\x00\xc0\x7f",
)


def seeds(folder: Path) -> dict[str, list[bytes]]:
    """Valid files by the ending they are read under."""
    g = {degree: ball(300, degree=degree, seed=degree) for degree in range(5)}
    found: dict[str, list[bytes]] = {}
    for i, options in enumerate(({}, {"byte_order": ">"}, {"text": True}, {"normals": False})):
        write_ply(folder / "seed.ply", g[i], **options)
        found.setdefault("ply", []).append((folder / "seed.ply").read_bytes())
    for ending, degrees in (("compressed.ply", (0, 2)), ("splat", (0,)), ("spz", (0, 3, 4)), ("sog", (0, 1))):
        if not registry.by_name(Path(f"a.{ending}")).writable():
            continue
        for degree in degrees:
            save_scene(folder / f"seed.{ending}", g[degree])
            found.setdefault(ending, []).append((folder / f"seed.{ending}").read_bytes())
    found["spz"].append(gzip.decompress(found["spz"][1]))  # without its gzip a flip reaches the numbers
    found["ksplat"] = [ksplat.encode(g[level], level) for level in range(3)]
    found.update(_camera_seeds(folder))
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


def mutations(seed: bytes, count: int, rng: random.Random) -> Iterator[bytes]:
    """``count`` damaged versions of a file."""
    for _ in range(count):
        data = bytearray(seed)
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            _damage(data, rng)
        yield bytes(data)


def _damage(data: bytearray, rng: random.Random) -> None:
    # Headers are where the harm is done, so half of it goes there.
    reach = len(data) if rng.random() < 0.5 else min(len(data), 400)
    at = rng.randrange(max(reach, 1))
    kind = rng.randrange(7)
    if kind == 0:
        del data[at:]
    elif kind == 1 and data:
        data[at % len(data)] ^= 1 << rng.randrange(8)
    elif kind == 2:
        data[at : at + 4] = rng.choice(_HUGE)
    elif kind == 3:
        data[at : at + rng.randrange(1, 40)] = b""
    elif kind == 4:
        data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 40)))
    elif kind == 5:
        data[at : at + 8] = rng.choice(_HUGE) * 2
    else:
        _change_a_number(data, rng)


def _change_a_number(data: bytearray, rng: random.Random) -> None:
    """A decimal number of a text header or of JSON becomes another."""
    digits = [i for i in range(min(len(data), 2000)) if 48 <= data[i] <= 57]
    if digits:
        at = rng.choice(digits)
        number = rng.choice((b"99999999999", b"-1", b"0", b"1e999", b"4294967295", b"18446744073709551616"))
        data[at : at + 1] = number


def hostile(sog: bytes | None) -> Iterator[tuple[str, bytes]]:
    """Bombs, lies and tricks, each with the ending it is read under."""
    yield "spz", _gzip_bomb(20_000_000)
    yield "spz", struct.pack("<IIIBBBBI", 0x5053474E, 4, 4, 0, 12, 0, 5, 32) + bytes(12) + b"\xff" * 80
    yield "ply", b"ply\nformat binary_little_endian 1.0\nelement vertex 99999999999999999999\nend_header\n"
    yield "ply", b"ply\nformat ascii 1.0\n" + b"comment x\n" * 100_000 + b"end_header\n"
    yield "ksplat", b"\x00\x01" + bytes(2) + b"\xff" * 5000
    if sog is None:
        return
    with zipfile.ZipFile(io.BytesIO(sog)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    meta = json.loads(files["meta.json"])
    for name in ("../../../etc/passwd", "/etc/passwd", "..\\secret.webp", "", None, 7):
        meta["quats"]["files"] = [name]
        yield "sog", _zip(files | {"meta.json": json.dumps(meta).encode()})
    yield "sog", _zip(files | {"quats.webp": bytes(200 << 20)})
    yield "sog", _zip(files | {"meta.json": b"[" * 200_000})
    yield "sog", _zip({name: data for name, data in files.items() if name != "means_u.webp"})
    for count in (0, -1, 10**9, 2**63, "many"):
        changed = json.loads(files["meta.json"]) | {"count": count}
        yield "sog", _zip(files | {"meta.json": json.dumps(changed).encode()})


def _gzip_bomb(count: int) -> bytes:
    """A valid .spz of ``count`` Gaussians of degree 3 that are all zero: thousands of times smaller."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    parts = [packer.compress(struct.pack("<IIIBBBB", 0x5053474E, 3, count, 3, 12, 0, 0))]
    parts += [packer.compress(bytes(1 << 20)) for _ in range(count * 65 // (1 << 20) + 1)]
    return b"".join(parts) + packer.flush()


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def read(path: Path) -> None:
    """Read as a user's file of that name would be."""
    if path.suffix == ".pth":
        grouping.read_classifier(path)
    elif path.suffix in (".json", ".bin"):
        cameras.load_cameras(path)
    else:
        load_scene(path, drop_invalid=True)


def run(count: int, only: str | None, seed: int) -> list[str]:
    """What went wrong, a line each; nothing when all files ended as they should."""
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        valid = seeds(folder)
        _limit_memory()
        for ending, files in valid.items():
            if only not in (None, ending):
                continue
            # The companions of a COLMAP file stay whole, so that it is the damaged one that is met.
            home = folder / ending.replace(".", "-")
            home.mkdir()
            for name in ("cameras.bin", "images.bin"):
                (home / name).write_bytes(valid[name][0])
            rng = random.Random(f"{seed} {ending}")
            for i in range(count):
                data = next(mutations(files[i % len(files)], 1, rng))
                _try(home / (ending if "." in ending and "ply" not in ending else f"a.{ending}"), data, wrong)
            print(f"{ending}: {count} files", flush=True)
        for ending, data in hostile((valid.get("sog") or [None])[0]):
            if only in (None, ending):
                _try(folder / f"hostile.{ending}", data, wrong)
    return wrong


def _try(path: Path, data: bytes, wrong: list[str]) -> None:
    path.write_bytes(data)
    start = time.process_time()
    try:
        read(path)
    except Ft2osError as error:
        if "\n" in error.message or not error.hint:
            wrong.append(f"{path.name}: not one clear sentence: {error.message!r}")
    except BaseException as error:
        wrong.append(f"{path.name}: {type(error).__name__}: {error}")
        _keep(path, data, len(wrong))
    if time.process_time() - start > SECONDS:
        wrong.append(f"{path.name}: {time.process_time() - start:.1f} s for {len(data):,} bytes")
        _keep(path, data, len(wrong))


def _keep(path: Path, data: bytes, number: int) -> None:
    kept = Path(tempfile.gettempdir()) / f"fuzz-{number}-{path.name}"
    kept.write_bytes(data)
    print(f"kept {kept}", file=sys.stderr)


def _limit_memory() -> None:
    """From here on a gigabyte more than what is mapped now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + GIGABYTE
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

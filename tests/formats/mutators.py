"""Ways to damage a file: blindly, and knowing what it is made of.

A flipped bit hardly ever makes a header that contradicts itself, a picture of another size or a pickle that
multiplies. So every format has its own damage besides: numbers, types and parts are exchanged where they
stand, and the file around them is made whole again.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import zipfile
from collections.abc import Callable

from PIL import Image

from tests.formats.bombs import zipped

_HUGE = (
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x00\x00\x00\x80",
    b"\x00\x00\x00\x00",
    b"\x00\x00\xc0\x7f",
)
_COUNTS = (0, 1, 2, 255, 256, 299, 301, 65536, 10**7, 2**31 - 1, 2**31, 2**32 - 1)
_NUMBERS = (0, -1, 1.5, 1e300, float("nan"), float("inf"), 2**63, 10**30)
_VALUES = (None, True, *_NUMBERS, "", "a\0b", "\ud800", "../x", "a" * 5000)
_SIDES = (1, 2, 15, 17, 18, 20, 64, 512, 960, 3000)
_PLY_TYPES = (b"char", b"uchar", b"short", b"uint", b"float", b"double", b"list uchar int", b"list int float")

Damage = Callable[[bytes, random.Random], bytes]


def damaged(name: str, seed: bytes, rng: random.Random) -> bytes:
    """A damaged version of a file that is read under this name."""
    knowing = next((way for ending, way in _KNOWING.items() if name.endswith(ending)), None)
    if knowing and rng.random() < 0.5:
        seed = knowing(seed, rng)
        if rng.random() < 0.8:
            return seed
    data = bytearray(seed)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        _blind(data, rng)
    return bytes(data)


def _blind(data: bytearray, rng: random.Random) -> None:
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


def _ply(seed: bytes, rng: random.Random) -> bytes:
    """Header lines are exchanged, added, doubled, and contradict each other; the rows stay."""
    head, end, body = seed.partition(b"end_header\n")
    lines = head.splitlines()
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(2, len(lines))
        words = lines[at].split()
        kind = rng.randrange(6)
        if kind == 0:
            lines[at:at] = [b"element e%d %d" % (at, rng.choice(_COUNTS)), b"property list uchar int v"]
        elif kind == 1:
            lines[at:at] = [b"element e%d %d" % (rng.randrange(9**9), rng.choice((0, 1)))] * rng.choice(
                (1, 2000)
            )
        elif kind == 2:
            lines[at:at] = [lines[at]] * rng.choice((1, 20_000))
        elif kind == 3:
            del lines[at]
        elif words[0] == b"element":
            lines[at] = b"element %s %d" % (words[1], rng.choice((*_COUNTS, 10**30)))
        elif words[0] == b"property":
            lines[at] = b"property %s %s" % (rng.choice(_PLY_TYPES), words[-1])
    return b"\n".join(lines) + b"\n" + end + body + b"\0" * rng.choice((0, 0, 1000))


def _json(seed: bytes, rng: random.Random) -> bytes:
    """Some value becomes another of any type, or many of itself."""
    content = json.loads(seed)
    for _ in range(rng.randrange(1, 3)):
        places = _places(content)
        if not places:
            break
        holder, key = rng.choice(places[: rng.choice((5, len(places)))])
        kind = rng.randrange(5)
        if kind == 0 and isinstance(holder, list):
            holder[key:key] = [holder[key]] * rng.choice((1, 3, 3000))
        elif kind == 1:
            holder[key] = [[holder[key]]] * rng.choice((1, 3, 2000))
        elif kind == 2:
            del holder[key]
        elif kind == 3 and isinstance(holder, dict):
            holder.update({f"more{i}": 0 for i in range(2000)})
        else:
            holder[key] = rng.choice(_VALUES)
    return json.dumps(content).encode()


def _places(content: object) -> list[tuple[list | dict, object]]:
    """Each value inside, as what holds it and its key there."""
    if not isinstance(content, dict | list):
        return []
    keys = list(content) if isinstance(content, dict) else range(len(content))
    return [(content, key) for key in keys] + [place for key in keys for place in _places(content[key])]


def _sog(seed: bytes, rng: random.Random) -> bytes:
    """What ``meta.json`` says, or a picture's size and kind, or the zip itself."""
    with zipfile.ZipFile(io.BytesIO(seed)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(list(files))
    kind = rng.randrange(4)
    if kind == 0 or name == "meta.json":
        files["meta.json"] = _json(files["meta.json"], rng)
    elif kind == 1:
        files[name] = _picture(rng)
    elif kind == 2:
        files[name] = files[rng.choice(list(files))]
    else:
        data = bytearray(files[name])
        _blind(data, rng)
        files[name] = bytes(data)
    return zipped(
        files, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    )


def _picture(rng: random.Random) -> bytes:
    mode = rng.choice(("RGB", "RGBA", "L", "1", "P", "CMYK", "I;16"))
    kind = rng.choice(("webp", "png", "jpeg", "gif", "tiff"))
    out = io.BytesIO()
    image = Image.new(mode, (rng.choice(_SIDES), rng.choice(_SIDES)))
    try:
        image.save(out, kind)
    except (OSError, ValueError, KeyError):
        image.convert("RGB").save(out, kind)
    return out.getvalue()


def _spz(seed: bytes, rng: random.Random) -> bytes:
    """The header's numbers, under a gzip that is whole."""
    packed = seed[:2] == b"\x1f\x8b"
    data = bytearray(gzip.decompress(seed) if packed else seed)
    field = rng.randrange(6)
    if field < 2:
        struct.pack_into("<I", data, 4 + 4 * field, rng.choice(_COUNTS))
    else:
        data[10 + field] = rng.choice((0, 1, 2, 3, 4, 5, 23, 24, 255))
    if rng.random() < 0.3:
        data += bytes(rng.choice((1, 10**6)))
    return gzip.compress(bytes(data), 1) if packed else bytes(data)


def _ksplat(seed: bytes, rng: random.Random) -> bytes:
    """The numbers of the headers."""
    data = bytearray(seed)
    for _ in range(rng.randrange(1, 4)):
        at = rng.choice((4, 12, 16, 36, 40, *range(4096, 4136, 4)))
        struct.pack_into("<I", data, at, rng.choice(_COUNTS))
    return bytes(data)


def _splat(seed: bytes, rng: random.Random) -> bytes:
    """Numbers that are none, or that nothing measures."""
    data = bytearray(seed)
    for _ in range(rng.randrange(1, 9)):
        at = 4 * rng.randrange(len(data) // 4)
        data[at : at + 4] = struct.pack("<f", rng.choice((float("nan"), float("inf"), 1e30, -1e19, 1e-45)))
    return bytes(data)


def _pth(seed: bytes, rng: random.Random) -> bytes:
    """Instructions of the pickle: some that multiply, some from elsewhere in it."""
    with zipfile.ZipFile(io.BytesIO(seed)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name = next(n for n in files if n.endswith("data.pkl"))
    data = bytearray(files[name])
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(2, len(data))
        start = rng.randrange(len(data))
        pieces = (
            bytes(data[start : start + rng.randrange(1, 30)]),
            b"".join(b"\x86q" + bytes([i]) + b"h" + bytes([i]) for i in range(rng.choice((2, 40)))),
            b"N" * rng.choice((1, 1000)) + rng.choice((b"t", b"\x85", b"\x87", b"(")),
            rng.choice((b"\x93", b"R", b"Q", b"b", b"s", b"u", b"}", b"0", b"2", b"\x81", b"]", b"a", b"e")),
            b"J" + rng.choice(_HUGE),
            b"\x8a\xff" + b"\x7f" * 255,
        )
        data[at:at] = rng.choice(pieces)
    files[name] = bytes(data)
    return zipped(files, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


def _colmap(seed: bytes, rng: random.Random) -> bytes:
    """The number of cameras, or one of a camera's."""
    data = bytearray(seed)
    at = rng.choice((0, 8, 12, 16, 24))
    struct.pack_into("<Q", data, at, rng.choice((*_COUNTS, 2**63, 2**64 - 1)))
    return bytes(data)


def _settings(seed: bytes, rng: random.Random) -> bytes:
    """Python that is no setting."""
    at = rng.randrange(len(seed))
    odd = (b"{[]}", b"{**{}}", b"(" * 9000, b"-" * 60_000, b"1_" * 9, b"\0", b"f''", b"'\\ud800'")
    return seed[:at] + rng.choice(odd) + seed[at:]


_KNOWING: dict[str, Damage] = {
    "ply": _ply,
    ".json": _json,
    "sog": _sog,
    "spz": _spz,
    "ksplat": _ksplat,
    "splat": _splat,
    ".pth": _pth,
    ".bin": _colmap,
    "cfg_args": _settings,
}

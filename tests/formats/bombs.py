"""Small files that ask for far more than they hold: the bombs that every reader refuses."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from ft2os.formats.columns import REQUIRED
from ft2os.formats.compressed_ply import PACKED

_BOUNDS = [f"{end}_{what}{axis}" for what in ("", "scale_") for end in ("min", "max") for axis in "xyz"]
BINARY = b"ply\nformat binary_little_endian 1.0\n"
END = b"end_header\n"


def element(name: str, count: int, **properties: str) -> bytes:
    """Header lines of an element; a property's type may be ``"list uchar int"``."""
    lines = [f"element {name} {count}", *(f"property {kind} {name}" for name, kind in properties.items())]
    return "".join(f"{line}\n" for line in lines).encode()


def gaussian_ply(extra: bytes = b"", tail: bytes = b"") -> bytes:
    """A PLY of one Gaussian; ``extra`` are further header lines, ``tail`` their rows."""
    row = struct.pack("<14f", *[0] * 10, 1, 0, 0, 0)
    header = BINARY + element("vertex", 1, **dict.fromkeys(REQUIRED, "float"))
    return header + extra + END + row + tail


def packed_ply(vertex: str = "uint", chunk: str = "float", extra: bytes = b"", tail: bytes = b"") -> bytes:
    """A compressed PLY of one Gaussian whose columns have these types."""
    header = element("chunk", 1, **dict.fromkeys(_BOUNDS, chunk))
    header += element("vertex", 1, **dict.fromkeys(PACKED, vertex))
    return BINARY + header + extra + END + bytes(200) + tail


def zipped(files: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def picture(width: int, height: int, kind: str = "webp") -> bytes:
    """A picture of one colour."""
    out = io.BytesIO()
    Image.new("RGBA", (width, height), (1, 2, 3, 255)).save(out, kind, lossless=True)
    return out.getvalue()


def sog(count: object, side: int, **changed: object) -> dict[str, bytes]:
    """The files of a SOG of one-colour pictures of this side; ``changed`` are parts of its means."""
    packed = picture(side, side)
    names = ("means_l", "means_u", "scales", "quats", "sh0")
    book = {"codebook": [0.0] * 256}
    meta = {
        "version": 2,
        "count": count,
        "means": {"mins": [0] * 3, "maxs": [1] * 3, "files": ["means_l.webp", "means_u.webp"], **changed},
        "scales": {**book, "files": ["scales.webp"]},
        "quats": {"files": ["quats.webp"]},
        "sh0": {**book, "files": ["sh0.webp"]},
    }
    return {"meta.json": json.dumps(meta).encode(), **{f"{name}.webp": packed for name in names}}


def gzip_bomb(count: int) -> bytes:
    """A valid .spz of ``count`` Gaussians of degree 3 that are all zero: thousands of times smaller."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    parts = [packer.compress(struct.pack("<IIIBBBB", 0x5053474E, 3, count, 3, 12, 0, 0))]
    parts += [packer.compress(bytes(1 << 20)) for _ in range(count * 65 // (1 << 20) + 1)]
    return b"".join(parts) + packer.flush()


def ksplat(sections: int, count: int, level: int, *section: int, centre: int = 0, degree: int = 0) -> bytes:
    """Headers of a file and a section (count, most, rows of a bucket, buckets, full, partial), and zeros."""
    head = bytearray(4096)
    head[0:2] = b"\0\1"
    struct.pack_into("<I", head, 4, sections)
    struct.pack_into("<IH", head, 16, count, level)
    own = bytearray(1024)
    if section:
        struct.pack_into("<4I", own, 0, *section[:4])
        struct.pack_into("<2I", own, 32, *section[4:])
        struct.pack_into("<H", own, 20, centre)
        struct.pack_into("<H", own, 40, degree)
    return bytes(head + own) + bytes(200)


def checkpoint(pkl: bytes, packing: int = zipfile.ZIP_STORED, **storages: bytes) -> bytes:
    """A ``torch.save`` file around a pickle; storages are called s0, s1 …"""
    files = {"archive/data.pkl": pkl} | {f"archive/data/{key}": data for key, data in storages.items()}
    return zipped(files, packing)


def tensors(**shapes: tuple[str, int, tuple[int, ...]]) -> bytes:
    """The pickle of a state_dict: by name the storage's key, its count, the tensor's shape."""

    def text(value: str) -> bytes:
        return b"X" + len(value).to_bytes(4, "little") + value.encode()

    def number(n: int) -> bytes:
        return pickle.dumps(n, 2)[2:-1]

    def numbers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(number, values)) + b"t"

    items = b""
    for name, (key, count, shape) in shapes.items():
        strides = tuple(int(np.prod(shape[i + 1 :])) for i in range(len(shape)))
        storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu") + number(count)
        whole = b"(" + storage + b"tQ" + number(0) + numbers(shape) + numbers(strides) + b"\x89}t"
        items += text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n" + whole + b"R"
    return b"\x80\x02}(" + items + b"u."


def _laughs(levels: int, end: bytes) -> bytes:
    """A pickle of 2**levels texts, each level the one before twice."""
    doubled = b"".join(b"\x86q" + bytes([i]) + b"h" + bytes([i]) for i in range(levels))
    return b"\x80\x02X\x03\0\0\0lolX\x03\0\0\0lol" + doubled + end


def _cameras(count: int) -> bytes:
    pose = {"position": [0, 0, 0], "rotation": np.eye(3).tolist(), "fx": 9, "fy": 9}
    entry = json.dumps({"id": 0, "img_name": "a", "width": 9, "height": 9, **pose})
    return b"[" + ",".join([entry] * count).encode() + b"]"


def bombs() -> Iterator[tuple[str, str, bytes]]:
    """What it is, its file's name, its bytes; all are refused."""
    for part in (_plys, _packed_plys, _sogs, _checkpoints, _others):
        yield from part()


def _plys() -> Iterator[tuple[str, str, bytes]]:
    lists = element("face", 10_000_000, v="list uchar int")
    yield "empty lists", "a.ply", gaussian_ply(lists, bytes(10_000_000))
    lists = gaussian_ply(lists).replace(b"binary_little_endian", b"ascii") + b"0\n" * 10_000_000
    yield "empty lists as text", "a.ply", lists
    for kind, what in (("uint", "long"), ("int", "negative"), ("float", "NaN")):
        endless = element("f", 1, v=f"list {kind} double")
        yield f"a list of a {what} length", "a.ply", gaussian_ply(endless, b"\xff" * 99)
    for kind in ("char", "int", "float"):
        endless = element("f", 1, v=f"list {kind} uchar")
        yield f"a list of -1 bytes by {kind}", "a.ply", gaussian_ply(endless, b"\xff\xff\xff\xff" * 99)
    yield "a count of thousands of digits", "a.ply", gaussian_ply(element("e", 10**4200, x="int"))
    many = b"".join(element(f"e{i}", 0, x="int") for i in range(35_000))
    yield "35,000 elements", "a.ply", gaussian_ply(many)
    yield "70,000 elements of one name", "a.ply", gaussian_ply(b"element e 0\n" * 70_000)
    many = element("e", 0, **{f"p{i}": "int" for i in range(40_000)})
    yield "40,000 properties", "a.ply", gaussian_ply(many)
    yield "10**30 rows of nothing", "a.ply", gaussian_ply(element("e", 10**30))
    yield "a header of comments", "a.ply", gaussian_ply(b"comment\n" * 130_000 + b"element")
    yield (
        "a text without lines",
        "a.ply",
        gaussian_ply().replace(b"binary_little_endian", b"ascii") + (b"1 " * 5_000_000),
    )


def _packed_plys() -> Iterator[tuple[str, str, bytes]]:
    name = "a.compressed.ply"
    lists = element("face", 5_000_000, v="list uchar int")
    yield "lists in a compressed PLY", name, packed_ply(extra=lists, tail=bytes(5_000_000))
    for kind in ("float", "double", "list uchar uint", "uchar"):
        yield f"packed columns of {kind}", name, packed_ply(vertex=kind)
    for kind in ("double", "list uchar float", "int"):
        yield f"chunks of {kind}", name, packed_ply(chunk=kind)
    for kind in ("list uchar uchar", "float"):
        extra = element("sh", 1, **{f"f_rest_{i}": kind for i in range(9)})
        yield f"bands of {kind}", name, packed_ply(extra=extra, tail=bytes(99))


def _sogs() -> Iterator[tuple[str, str, bytes]]:
    yield "25 million Gaussians of one colour", "a.sog", zipped(sog(25_000_000, 5000))
    yield "a picture larger than said", "a.sog", zipped(sog(100, 13_000))
    yield "bounds that broadcast", "a.sog", zipped(sog(300, 20, mins=[[[0, 0, 0]]] * 2000))
    yield "bounds of lists", "a.sog", zipped(sog(300, 20, maxs=[[[[]]]]))
    for count in (float("inf"), float("nan"), 0, -1, 10**9, 2**63, "many", None, [3]):
        yield f"a count of {count}", "a.sog", zipped(sog(count, 20))
    for meta in (b"[]", b"5", b"null", b'"text"', b"{}", b"[" * 99_999, b"[" + b"[]," * 300_000 + b"1]"):
        yield f"a meta.json of {meta[:9]!r}", "a.sog", zipped(sog(300, 20) | {"meta.json": meta})
    for packing, what in ((zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "lzma")):
        endless = sog(300, 20) | {"means_l.webp": bytes(2_000_000)}
        yield f"{what} in a zip", "a.sog", zipped(endless, packing)
    named = ["means_l.webp", "means_u.webp", "pad.webp"]
    for liar in ("pad.webp", "means_l.webp"):
        yield f"a {liar} that the list calls 4 GB", "a.sog", _lying(sog(25_000_000, 5000, files=named), liar)
    many = {f"{i:060}": b"" for i in range(15_000)}
    yield "a zip of 15,000 files", "a.sog", zipped(many, zipfile.ZIP_STORED)


def _lying(files: dict[str, bytes], liar: str) -> bytes:
    """A zip whose list of files says of one that it is packed into four gigabytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in (files | {"pad.webp": b"x"}).items():
            archive.writestr(name, content)
        archive.getinfo(liar).compress_size = 4_000_000_000
    return out.getvalue()


def _checkpoints() -> Iterator[tuple[str, str, bytes]]:
    name = "classifier.pth"
    yield "a module of a billion laughs", name, checkpoint(_laughs(30, b"X\1\0\0\0a\x93."))
    yield "a key of a billion laughs", name, checkpoint(_laughs(30, b"}h\x1dK\1s."))
    yield "a storage of a billion laughs", name, checkpoint(_laughs(30, b"Q."))
    wide = tensors(weight=("s0", 4, (1,) * 8000))
    yield "a shape of 8,000 axes", name, checkpoint(wide, s0=bytes(16))
    shared = {f"t{i}": ("s0", 4096, (4096,)) for i in range(100)}
    yield "many tensors of one storage", name, checkpoint(tensors(**shared), s0=bytes(16384))
    classes = 62_500
    state = tensors(weight=("s0", 16 * classes, (classes, 16)), bias=("s1", classes, (classes,)))
    storages = {"s0": bytes(64 * classes), "s1": bytes(4 * classes)}
    yield "62,500 classes", name, checkpoint(state, **storages)
    yield "62,500 classes packed", name, checkpoint(state, zipfile.ZIP_DEFLATED, **storages)
    yield "a long pickle", name, checkpoint(b"\x80\x02" + b"N" * 1_000_000 + b".")


def _others() -> Iterator[tuple[str, str, bytes]]:
    yield "a gigabyte of zeros", "a.spz", gzip_bomb(300_000)
    most = 2**32 - 1
    yield "sums beyond 64 bits", "a.ksplat", ksplat(1, 1, 1, 1, 1, most, 1, most, 0, centre=12)
    yield "no buckets", "a.ksplat", ksplat(1, 1, 1, 1, 1, most, most, most, 0)
    yield "4 billion sections", "a.ksplat", ksplat(2**32 - 1, 1, 1)
    yield "an unknown degree", "a.ksplat", ksplat(1, 1, 0, 1, 1, 1, 0, 0, 0, degree=9)
    yield "21,000 cameras", "cameras.json", _cameras(21_000)
    yield "a long list of cameras", "cameras.json", b"[" + b" " * (17 << 20) + b"]"
    yield "lists in lists", "cameras.json", b"[" + b"[]," * 5_000_000 + b"1]"

"""Packed files of random bytes, read by us and, one number at a time, by their formats' texts."""

from __future__ import annotations

import errno
import gzip
import io
import json
import math
import random
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from ft2os.errors import FileError, MissingError
from ft2os.formats import compressed_ply, ksplat, load_scene, save_scene, sog, splat, spz
from ft2os.gaussians import Gaussians
from tests.scenes import ball

C0 = 1 / (2 * math.sqrt(math.pi))
HALF = math.sqrt(0.5)
Row = dict[str, list]


def compare(found: Gaussians, rows: list[Row], atol: float = 2e-6) -> None:
    for name in ("means", "quats", "scales", "opacities", "sh"):
        expected = np.array([row[name] for row in rows], np.float64)
        got = getattr(found, name).astype(np.float64)
        np.testing.assert_allclose(got, expected, rtol=3e-6, atol=atol, err_msg=name)


def unit(quat: list[float]) -> list[float]:
    length = math.sqrt(sum(x * x for x in quat))
    return [x / length for x in quat]


def with_largest(others: list[float], largest: int) -> list[float]:
    """Four components from three and the place of the fourth, which makes the length 1."""
    quat = list(others)
    quat.insert(largest, math.sqrt(max(0.0, 1 - sum(x * x for x in others))))
    return unit(quat)


def test_splat(tmp_path: Path) -> None:
    rng = random.Random(0)
    data, rows = b"", []
    for _ in range(40):
        numbers, pixels = [rng.uniform(0.1, 3) for _ in range(6)], rng.randbytes(8)
        data += struct.pack("<6f", *numbers) + pixels
        rows.append(
            {
                "means": numbers[:3],
                "scales": numbers[3:],
                "opacities": pixels[3] / 255,
                "sh": [[(c / 255 - 0.5) / C0 for c in pixels[:3]]],
                "quats": unit([(b - 128) / 128 for b in pixels[4:]]),
            }
        )
    (tmp_path / "a.splat").write_bytes(data)
    compare(splat.read(tmp_path / "a.splat"), rows)


def spz_row(parts: list[bytes], version: int, bits: int) -> Row:
    place, opacity, colour, size, turn, bands = parts
    if version == 1:
        means = list(struct.unpack("<3e", place))
    else:
        means = [int.from_bytes(place[i : i + 3], "little", signed=True) / 2**bits for i in (0, 3, 6)]
    if version < 3:
        xyz = [b / 127.5 - 1 for b in turn]
        quat = unit([math.sqrt(max(0.0, 1 - sum(x * x for x in xyz))), *xyz])
    else:  # as the reference decoder: from the lowest bits up, the last component first
        word = int.from_bytes(turn, "little")
        largest, others = word >> 30, []
        for _ in range(3):
            others.insert(0, HALF * (word & 511) / 511 * (-1 if word >> 9 & 1 else 1))
            word >>= 10
        x, y, z, w = with_largest(others, largest)
        quat = [w, x, y, z]
    rest = [(b - 128) / 128 for b in bands]
    base = [(b / 255 - 0.5) / 0.15 for b in colour]
    return {
        "means": means,
        "quats": quat,
        "scales": [math.exp(b / 16 - 10) for b in size],
        "opacities": opacity[0] / 255,
        "sh": [base, *(rest[i : i + 3] for i in range(0, len(rest), 3))],
    }


def spz_file(
    version: int, degree: int, count: int = 50, bits: int = 9
) -> tuple[bytes, list[bytes], list[Row]]:
    """Header, streams and meaning of a file of random bytes."""
    rng = random.Random(degree)
    widths = [6 if version == 1 else 9, 1, 3, 3, 3 if version < 3 else 4, 3 * ((degree + 1) ** 2 - 1)]
    rows = [[rng.randbytes(width) for width in widths] for _ in range(count)]
    if version == 1:
        for row in rows:
            row[0] = struct.pack("<3e", *(rng.uniform(-9, 9) for _ in range(3)))
    streams = [b"".join(column) for column in zip(*rows, strict=True)]
    header = struct.pack("<IIIBBBB", 0x5053474E, version, count, degree, bits, 0, sum(map(bool, streams)))
    return header, streams, [spz_row(row, version, bits) for row in rows]


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("degree", range(5))
def test_spz(tmp_path: Path, version: int, degree: int) -> None:
    header, streams, rows = spz_file(version, degree)
    whole = header + b"".join(streams)
    (tmp_path / "a.spz").write_bytes(gzip.compress(whole))
    compare(spz.read(tmp_path / "a.spz"), rows)
    (tmp_path / "a.spz").write_bytes(whole)  # not packed at all
    compare(spz.read(tmp_path / "a.spz"), rows)
    (tmp_path / "a.spz").write_bytes(gzip.compress(whole + b"a vendor's own"))
    compare(spz.read(tmp_path / "a.spz"), rows)


def spz_v4(header: bytes, streams: list[bytes], claimed: list[int] | None = None) -> bytes:
    zstandard = pytest.importorskip("zstandard")
    given = [s for s in streams if s]
    packed = [zstandard.ZstdCompressor().compress(s) for s in given]
    sizes = claimed or [len(s) for s in given]
    table = b"".join(struct.pack("<QQ", len(p), size) for p, size in zip(packed, sizes, strict=True))
    return header + struct.pack("<I", 40) + bytes(20) + table + b"".join(packed)


@pytest.mark.parametrize("degree", [0, 3])
def test_spz_of_version_4(tmp_path: Path, degree: int, monkeypatch) -> None:
    header, streams, rows = spz_file(4, degree)
    whole = spz_v4(header, streams)
    (tmp_path / "a.spz").write_bytes(whole)
    compare(spz.read(tmp_path / "a.spz"), rows)
    for damaged, words in (
        (whole[:-9], "."),
        (whole.replace(b"\x28\xb5\x2f\xfd", bytes(4), 1), "."),
        (spz_v4(header, [streams[0][:-9], *streams[1:]]), "do not fit its header"),
        (spz_v4(header, [streams[0][:-9], *streams[1:]], [len(s) for s in streams if s]), "shorter than"),
    ):
        (tmp_path / "a.spz").write_bytes(damaged)
        with pytest.raises(FileError, match="damaged.*" + words):
            spz.read(tmp_path / "a.spz")
    monkeypatch.setitem(sys.modules, "zstandard", None)
    (tmp_path / "a.spz").write_bytes(whole)
    with pytest.raises(MissingError, match="zstandard"):
        spz.read(tmp_path / "a.spz")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ((0x5053474F, 3, 50, 0, 9), "no .spz of version 1 to 4"),
        ((0x5053474E, 0, 50, 0, 9), r"version 0"),
        ((0x5053474E, 5, 50, 0, 9), r"version 5"),
        ((0x5053474E, 3, 50, 5, 9), "degree 5"),
        ((0x5053474E, 3, 50, 0, 24), "24 bits"),
        ((0x5053474E, 3, 0, 0, 9), "holds 0"),
        ((0x5053474E, 3, 51, 0, 9), "cut short"),
    ],
)
def test_an_spz_that_is_none(tmp_path: Path, fields: tuple, words: str) -> None:
    _, streams, _ = spz_file(3, 0)
    header = struct.pack("<IIIBBBB", *fields, 0, 0)
    (tmp_path / "a.spz").write_bytes(gzip.compress(header + b"".join(streams)))
    with pytest.raises(FileError, match=words):
        spz.read(tmp_path / "a.spz")


def test_an_spz_whose_packing_does_not_end(tmp_path: Path) -> None:
    header, streams, rows = spz_file(3, 0)
    packed = gzip.compress(header + b"".join(streams))
    (tmp_path / "a.spz").write_bytes(packed[:-4])  # without the end of its checksum
    with pytest.raises(FileError, match="cut short"):
        spz.read(tmp_path / "a.spz")
    most = struct.pack("<IIIBBBB", 0x5053474E, 3, 50, 0, 23, 0, 0)
    (tmp_path / "a.spz").write_bytes(gzip.compress(most + b"".join(streams)))
    for row in rows:
        row["means"] = [x * 2.0 ** (9 - 23) for x in row["means"]]
    compare(spz.read(tmp_path / "a.spz"), rows)


@pytest.mark.parametrize("far", [3.0, 7.99, 100.0, 5000.0, 1e9])
def test_an_spz_keeps_as_much_of_a_place_as_24_bits_hold(tmp_path: Path, far: float) -> None:
    scene = ball(30, 1)
    scene = scene.replace(means=(scene.means * far).astype(np.float32))
    save_scene(tmp_path / "a.spz", scene)
    data = gzip.decompress((tmp_path / "a.spz").read_bytes())
    magic, version, count, degree, bits, flags, _ = struct.unpack("<IIIBBBB", data[:16])
    assert (magic, version, count, degree, flags) == (0x5053474E, 3, 30, 1, 0)
    reach = float(np.abs(scene.means).max())
    assert bits == max(0, min(20, math.floor(23 - math.log2(reach * 1.0001))))
    found = load_scene(tmp_path / "a.spz").gaussians.means
    held = np.clip(scene.means, -(2.0**23), 2.0**23 - 1)
    assert np.abs(found - held).max() <= 0.5 / 2**bits + 1e-6 * far
    spz.write(tmp_path / "none.spz", scene.subset(np.zeros(0, int)))  # `save_scene` would refuse it
    assert gzip.decompress((tmp_path / "none.spz").read_bytes())[8:12] == bytes(4)


def test_spz_rotations_are_written_as_the_reference_reads_them(tmp_path: Path) -> None:
    scene = ball(60)
    save_scene(tmp_path / "a.spz", scene)
    data = gzip.decompress((tmp_path / "a.spz").read_bytes())[16 + 60 * 16 :]
    for i, quat in enumerate(scene.quats):
        parts = [bytes(9), b"\0", bytes(3), bytes(3), data[4 * i : 4 * i + 4], b""]
        read = np.array(spz_row(parts, 3, 9)["quats"])
        assert min(np.abs(read - quat).max(), np.abs(read + quat).max()) < 0.5 * HALF / 511 + 0.002


def ksplat_section(rng: random.Random, level: int, degree: int, steps: int, low: float, high: float):
    """Header, body and meaning: 2 full buckets of 3, then buckets of 2 and 1; room for one row more."""
    block, capacity, lengths, spare = 4.0, 3, [3, 3, 2, 1], 1
    centres = [[rng.uniform(-5, 5) for _ in range(3)] for _ in lengths]
    width = 3 * ((degree + 1) ** 2 - 1)
    body = struct.pack("<2I", 2, 1)
    body += b"".join(struct.pack("<4f", *c, 99) for c in centres)  # 16 bytes each, the last are padding
    rows = []
    for bucket, length in enumerate(lengths):
        for _ in range(length):
            if level == 0:
                raw = [rng.uniform(-5, 5) for _ in range(3)]
                body += struct.pack("<3f", *raw)
                means = raw
            else:
                raw = [rng.randrange(65536) for _ in range(3)]
                body += struct.pack("<3H", *raw)
                step = block / 2 / (steps or 32767)
                means = [(v - (steps or 32767)) * step + c for v, c in zip(raw, centres[bucket], strict=True)]
            kind = "f" if level == 0 else "e"
            packed = struct.pack(f"<7{kind}", *(rng.uniform(0.1, 1) for _ in range(7)))
            numbers = struct.unpack(f"<7{kind}", packed)
            pixels = rng.randbytes(4)
            if level == 2:
                raw_bands = rng.randbytes(width)
                bands = [low + b * (high - low) / 255 for b in raw_bands]
            else:
                raw_bands = struct.pack(f"<{width}{kind}", *(rng.uniform(-1, 1) for _ in range(width)))
                bands = list(struct.unpack(f"<{width}{kind}", raw_bands))
            body += packed + pixels + raw_bands
            sh = [[(c / 255 - 0.5) / C0 for c in pixels[:3]]] + [[0.0] * 3 for _ in range(15)]
            at = 0
            for band in range(1, degree + 1):  # a band's red, its green, its blue
                for channel in range(3):
                    for k in range(2 * band + 1):
                        sh[band * band + k][channel] = bands[at]
                        at += 1
            rows.append(
                {
                    "means": means,
                    "scales": list(numbers[:3]),
                    "quats": unit(list(numbers[3:])),
                    "opacities": pixels[3] / 255,
                    "sh": sh,
                }
            )
    size = len(body) - 8 - 64
    body += bytes(spare * (size // 9))
    header = bytearray(1024)
    struct.pack_into("<4If", header, 0, 9, 9 + spare, capacity, 4, block)
    struct.pack_into("<H", header, 20, 16)
    struct.pack_into("<I", header, 24, steps)
    struct.pack_into("<2I", header, 32, 2, 2)
    struct.pack_into("<H", header, 40, degree)
    return bytes(header), body, rows


def ksplat_file(level: int, degrees: tuple[int, ...], steps: int, low: float, high: float):
    rng = random.Random(level)
    sections = [ksplat_section(rng, level, d, steps, low or -1.5, high or 1.5) for d in degrees]
    head = bytearray(4096)
    head[:2] = 0, 1
    count = 9 * len(degrees)
    struct.pack_into("<5I", head, 4, len(degrees), len(degrees), count + 2, count, level)
    struct.pack_into("<2f", head, 36, low, high)
    data = bytes(head) + b"".join(s[0] for s in sections) + b"".join(s[1] for s in sections)
    rows = [row for s in sections for row in s[2]]
    for row in rows:
        row["sh"] = row["sh"][: (max(degrees) + 1) ** 2]
    return data, rows


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("degrees", [(0,), (3, 1), (0, 2)])
@pytest.mark.parametrize(("steps", "low", "high"), [(0, 0.0, 0.0), (1000, -0.75, 2.0)])
def test_ksplat(tmp_path: Path, level: int, degrees: tuple, steps: int, low: float, high: float) -> None:
    data, rows = ksplat_file(level, degrees, steps, low, high)
    (tmp_path / "a.ksplat").write_bytes(data)
    compare(ksplat.read(tmp_path / "a.ksplat"), rows, atol=1e-5)


@pytest.mark.parametrize(
    ("at", "kind", "value", "words"),
    [
        (0, "B", 1, "version is 1.1"),
        (1, "B", 0, "version is 0.0"),
        (20, "H", 3, "level 3"),
        (4, "I", 4097, "4,097 sections"),
        (4, "I", 4096, "cut short"),
        (16, "I", 10, "holds 9 Gaussians, its header says 10"),
        (4096 + 40, "H", 4, "degree is 4"),
        (4096, "I", 11, "cut short"),
        (4096 + 4, "I", 11, "cut short"),
        (4096 + 20, "H", 8, "no buckets"),
        (4096 + 12, "I", 0, "no buckets"),
    ],
)
def test_a_ksplat_that_is_none(tmp_path: Path, at: int, kind: str, value: int, words: str) -> None:
    data = bytearray(ksplat_file(1, (1,), 0, 0.0, 0.0)[0])
    struct.pack_into(f"<{kind}", data, at, value)
    (tmp_path / "a.ksplat").write_bytes(data)
    with pytest.raises(FileError, match=words):
        ksplat.read(tmp_path / "a.ksplat")


def packed_ply(degree: int, coloured: bool, n: int = 300) -> tuple[bytes, list[Row]]:
    rng = random.Random(degree)
    names = [f"{end}_{axis}" for end in ("min", "max") for axis in "xyz"]
    names += [f"{end}_scale_{axis}" for end in ("min", "max") for axis in "xyz"]
    names += [f"{end}_{channel}" for end in ("min", "max") for channel in "rgb"] if coloured else []
    bands = 3 * ((degree + 1) ** 2 - 1)
    header = "ply\nformat binary_little_endian 1.0\nelement chunk 2\n"
    header += "".join(f"property float {name}\n" for name in names) + f"element vertex {n}\n"
    words = [f"packed_{name}" for name in ("position", "rotation", "scale", "color")]
    header += "".join(f"property uint {name}\n" for name in words)
    if degree:
        header += f"element sh {n}\n" + "".join(f"property uchar f_rest_{i}\n" for i in range(bands))
    bounds = [[rng.uniform(-1, 1) for _ in names] for _ in range(2)]
    packed = [[rng.getrandbits(32) for _ in range(4)] for _ in range(n)]
    rest = [rng.randbytes(bands) for _ in range(n)]
    data = header.encode() + b"end_header\n"
    data += b"".join(struct.pack(f"<{len(names)}f", *b) for b in bounds)
    data += b"".join(struct.pack("<4I", *p) for p in packed) + b"".join(rest)
    return data, [packed_row(p, bounds[i // 256], r, coloured) for i, (p, r) in enumerate(zip(packed, rest))]


def packed_row(words: list[int], bounds: list[float], rest: bytes, coloured: bool) -> Row:
    def fractions(word: int, *bits: int) -> list[float]:
        text, out = f"{word:032b}"[32 - sum(bits) :], []
        for b in bits:
            out.append(int(text[:b], 2) / (2**b - 1))
            text = text[b:]
        return out

    def within(values: list[float], first: int) -> list[float]:
        low, high = bounds[first : first + 3], bounds[first + 3 : first + 6]
        return [a + v * (b - a) for v, a, b in zip(values, low, high, strict=True)]

    place, turn, size, colour = words
    others = [(v - 0.5) * 2 * HALF for v in fractions(turn & (2**30 - 1), 10, 10, 10)]
    *shown, opacity = fractions(colour, 8, 8, 8, 8)
    shown = within(shown, 12) if coloured else shown
    levels = [((b + 0.5) / 256 if 0 < b < 255 else b / 255) * 8 - 4 for b in rest]
    third = len(rest) // 3
    return {
        "means": within(fractions(place, 11, 10, 11), 0),
        "quats": with_largest(others, turn >> 30),
        "scales": [math.exp(v) for v in within(fractions(size, 11, 10, 11), 6)],
        "opacities": opacity,
        "sh": [[(c - 0.5) / C0 for c in shown], *(levels[k::third] for k in range(third))],
    }


@pytest.mark.parametrize("degree", range(4))
@pytest.mark.parametrize("coloured", [True, False])
def test_compressed_ply(tmp_path: Path, degree: int, coloured: bool) -> None:
    data, rows = packed_ply(degree, coloured)
    (tmp_path / "a.compressed.ply").write_bytes(data)
    compare(compressed_ply.read(tmp_path / "a.compressed.ply"), rows)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"property uint packed_scale", b"property float packed_scale", "as PlayCanvas writes"),
        (b"property float min_scale_x", b"property float min_scale_q", "as PlayCanvas writes"),
        (b"property float max_g", b"property int max_g", "as PlayCanvas writes"),
        (b"property uchar f_rest_4\n", b"property char f_rest_4\n", "as PlayCanvas writes"),
        (b"binary_little_endian", b"ascii", "as PlayCanvas writes"),
        (b"element vertex 300", b"element vertex 0", "holds 0 Gaussians"),
        (b"element chunk 2", b"element chunk 1", "do not fit"),
        (b"property uchar f_rest_8\n", b"", "do not fit"),
        (b"element sh 300", b"element sh 299", "299 rows of bands for 300"),
    ],
)
def test_a_compressed_ply_that_is_none(tmp_path: Path, old: bytes, new: bytes, words: str) -> None:
    data, _ = packed_ply(1, True)
    (tmp_path / "a.compressed.ply").write_bytes(data.replace(old, new, 1))
    with pytest.raises(FileError, match=words):
        compressed_ply.read(tmp_path / "a.compressed.ply")


def test_bands_of_degree_4_are_no_compressed_ply(tmp_path: Path) -> None:
    (tmp_path / "a.compressed.ply").write_bytes(packed_ply(4, True)[0])
    with pytest.raises(FileError, match="do not fit"):
        compressed_ply.read(tmp_path / "a.compressed.ply")


def test_chunks_are_in_mortons_order(tmp_path: Path) -> None:
    """The bits of x, y and z by turns, x lowest, of the place in 2²¹ steps of the whole extent."""
    rng = np.random.default_rng(0)
    means = rng.uniform(-3, [3, 40, 9], (2000, 3)).astype(np.float32)
    low, high = means.min(axis=0).astype(float), means.max(axis=0).astype(float)
    cells = ((means - low) / (high - low) * (2**21 - 1)).astype(int).tolist()
    keys = [sum((c[axis] >> b & 1) << (3 * b + axis) for axis in range(3) for b in range(21)) for c in cells]
    assert compressed_ply.order(means).tolist() == sorted(range(2000), key=keys.__getitem__)
    flat = means * np.float32([1, 0, 1])
    assert sorted(compressed_ply.order(flat).tolist()) == list(range(2000))
    in_order = means[compressed_ply.order(means)]
    assert compressed_ply.order(in_order).tolist() == list(range(2000))
    assert compressed_ply.order(means[:256]).tolist() == list(range(256))  # one chunk, whatever the order


def sog_scene(folder: Path, version: int, degree: int, count: int = 70) -> tuple[dict, list[Row]]:
    """A folder of random pictures, PNG by content, and what they mean."""
    image = pytest.importorskip("PIL.Image")
    rng = random.Random(version)
    side = 9
    kept: dict[str, list[bytes]] = {}

    def picture(name: str, width: int = side, height: int = side) -> list[bytes]:
        pixels = rng.randbytes(4 * width * height)
        if name == "quats":
            pixels = b"".join(
                pixels[i : i + 3] + bytes([252 + pixels[i + 3] % 4]) for i in range(0, len(pixels), 4)
            )
        if name == "labels":
            pixels = b"".join(bytes([pixels[i], pixels[i] % 2, 0, 255]) for i in range(0, len(pixels), 4))
        data = io.BytesIO()
        image.frombytes("RGBA", (width, height), pixels).save(data, "PNG")
        (folder / f"{name}.webp").write_bytes(data.getvalue())
        kept[name] = [pixels[i : i + 4] for i in range(0, len(pixels), 4)]
        return kept[name]

    def book(channels: int) -> dict:
        if version == 2:
            return {"codebook": [rng.uniform(-2, 2) for _ in range(256)]}
        low = [rng.uniform(-2, 0) for _ in range(channels)]
        high = [rng.uniform(0, 2) for _ in range(channels)]
        return {"mins": low, "maxs": high} if channels > 1 else {"mins": low[0], "maxs": high[0]}

    def meant(part: dict, byte: int, channel: int) -> float:
        if version == 2:
            return part["codebook"][byte]
        low, high = np.atleast_1d(part["mins"])[channel], np.atleast_1d(part["maxs"])[channel]
        return low + byte / 255 * (high - low)

    coefficients = (degree + 1) ** 2 - 1
    for name in ("means_l", "means_u", "scales", "quats", "sh0"):
        picture(name)
    meta: dict = {
        "means": {"mins": [-1.0, -2, 0.5], "maxs": [1.5, 0, 0.5], "files": ["means_l.webp", "means_u.webp"]},
        "scales": {**book(3), "files": ["scales.webp"]},
        "quats": {"files": ["quats.webp"]},
        "sh0": {**book(4), "files": ["sh0.webp"]},
    }
    if degree:
        picture("centroids", 64 * coefficients, 5)
        picture("labels")
        meta["shN"] = {**book(1), "files": ["centroids.webp", "labels.webp"]}
        if version == 2:
            meta["shN"]["bands"] = degree
    if version == 2:
        meta |= {"version": 2, "count": count}
    else:
        meta["means"]["shape"] = [count, 3]
    (folder / "meta.json").write_text(json.dumps(meta))
    rows = []
    for i in range(count):
        low, high, size, turn, colour = (
            kept[name][i] for name in ("means_l", "means_u", "scales", "quats", "sh0")
        )
        logs = [
            a + (b - a if b > a else 1) * (low[k] + 256 * high[k]) / 65535
            for k, (a, b) in enumerate(zip(meta["means"]["mins"], meta["means"]["maxs"], strict=True))
        ]
        sh = [[meant(meta["sh0"], colour[k], k) for k in range(3)]]
        opacity = colour[3] / 255 if version == 2 else 1 / (1 + math.exp(-meant(meta["sh0"], colour[3], 3)))
        if degree:
            label = kept["labels"][i][0] + 256 * kept["labels"][i][1]
            for k in range(coefficients):
                if label < 5 * 64:
                    pixel = kept["centroids"][label // 64 * 64 * coefficients + label % 64 * coefficients + k]
                    sh.append([meant(meta["shN"], byte, 0) for byte in pixel[:3]])
                else:
                    sh.append([0.0] * 3)
        rows.append(
            {
                "means": [math.copysign(math.expm1(abs(v)), v) for v in logs],
                "quats": with_largest([(b / 255 * 2 - 1) * HALF for b in turn[:3]], turn[3] - 252),
                "scales": [math.exp(meant(meta["scales"], size[k], k)) for k in range(3)],
                "opacities": opacity,
                "sh": sh,
            }
        )
    return meta, rows


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("degree", range(4))
def test_sog(tmp_path: Path, version: int, degree: int) -> None:
    _, rows = sog_scene(tmp_path, version, degree)
    compare(sog.read(tmp_path / "meta.json"), rows, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"count": "70"}, "count is no number"),
        ({"count": True}, "count is no number"),
        ({"count": 82}, "81|9×9"),
        ({"means": []}, "no object with files"),
        ({"quats": {"files": "quats.webp"}}, "no object with files"),
        ({"quats": {"files": ["../quats.webp"]}}, "not a name of a picture"),
        ({"quats": {"files": ["far\\quats.webp"]}}, "not a name of a picture"),
        ({"quats": {"files": [5]}}, "not a name of a picture"),
        ({"scales": {"codebook": [0.0] * 257, "files": ["scales.webp"]}}, "codebook"),
        ({"scales": {"codebook": [[0.0]], "files": ["scales.webp"]}}, "codebook"),
        ({"shN": {"bands": 2, "codebook": [0.0], "files": ["centroids.webp", "labels.webp"]}}, "192 pixels"),
        ({"shN": {"bands": 1, "codebook": [0.0], "files": ["sh0.webp", "labels.webp"]}}, "9 pixels wide"),
        ({"scales": {"files": ["scales.webp"]}}, "'codebook' is missing"),
    ],
)
def test_a_sog_that_is_none(tmp_path: Path, change: dict, words: str) -> None:
    meta, _ = sog_scene(tmp_path, 2, 1)
    (tmp_path / "meta.json").write_text(json.dumps(meta | change))
    with pytest.raises(FileError, match=words) as caught:
        sog.read(tmp_path / "meta.json")
    assert caught.value.message.startswith(f"{tmp_path.name} is damaged")


def test_a_sog_of_version_1_has_three_bounds(tmp_path: Path) -> None:
    meta, _ = sog_scene(tmp_path, 1, 1)
    for name, wrong in (("means", [0.0, 1.0]), ("scales", 0.5), ("sh0", [0.0] * 3), ("shN", [0.0, 1.0])):
        (tmp_path / "meta.json").write_text(json.dumps(meta | {name: meta[name] | {"mins": wrong}}))
        with pytest.raises(FileError, match="its mins are not"):
            sog.read(tmp_path / "meta.json")
    (tmp_path / "meta.json").write_text("[]")
    with pytest.raises(FileError, match="no object"):
        sog.read(tmp_path / "meta.json")


def test_a_short_codebook_ends_in_zeros_and_a_turn_without_a_tag_is_none(tmp_path: Path) -> None:
    meta, rows = sog_scene(tmp_path, 2, 0)
    short = meta["scales"] | {"codebook": meta["scales"]["codebook"][:100]}
    (tmp_path / "meta.json").write_text(
        json.dumps(meta | {"scales": short, "count": 70.0, "quats": {"files": ["scales.webp"]}})
    )
    found = sog.read(tmp_path / "meta.json")
    assert (found.scales == 1).mean() > 0.4
    known = found.scales != 1
    np.testing.assert_allclose(found.scales[known], np.array([r["scales"] for r in rows])[known], rtol=1e-5)
    assert (found.quats == [1, 0, 0, 0]).all(axis=1).mean() > 0.9


def test_order_does_not_depend_on_where_a_scene_lies() -> None:
    means = np.random.default_rng(0).integers(0, 1 << 12, (2000, 3)).astype(np.float32)
    far = compressed_ply.order(means + np.float32(1 << 16))
    assert far.tolist() == compressed_ply.order(means).tolist() != list(range(2000))


def test_what_a_byte_cannot_hold_is_held_at_its_ends(tmp_path: Path) -> None:
    scene = ball(6, 1)
    sh = scene.sh.copy()
    sh[::2], sh[1::2] = 50, -50
    for name, base, bands in (
        ("a.splat", 0.5 / C0, None),
        ("a.compressed.ply", 50, 4),
        ("a.spz", 0.5 / 0.15, 1),
    ):
        save_scene(tmp_path / name, scene.replace(sh=sh))
        found = load_scene(tmp_path / name).gaussians.sh
        np.testing.assert_allclose(np.sort(found[:, 0, 0])[[0, -1]], [-base, base], rtol=1e-4)
        if bands:
            np.testing.assert_allclose(np.sort(found[:, 1:].ravel())[[0, -1]], [-bands, bands], atol=0.01)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("a.ply", "ply_file.read_header"),
        ("a.compressed.ply", "ply_file.read_header"),
        ("a.splat", "splat.np.memmap"),
        ("a.spz", "spz._streams"),
        ("a.ksplat", "ksplat._read"),
    ],
)
def test_a_disk_that_fails_while_reading_is_told(tmp_path: Path, monkeypatch, name: str, place: str) -> None:
    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    if name == "a.ksplat":
        (tmp_path / name).write_bytes(ksplat_file(0, (0,), 0, 0.0, 0.0)[0])
    else:
        save_scene(tmp_path / name, ball(6))
    monkeypatch.setattr(f"ft2os.formats.{place}", fails)
    with pytest.raises(FileError, match=f"Cannot read .*{name}: input/output error"):
        load_scene(tmp_path / name)

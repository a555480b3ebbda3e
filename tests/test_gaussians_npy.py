"""Exchanged Gaussians keep every bit, and a damaged file is refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from ft2os import budget, gaussians_npy
from ft2os import npy as npy_files
from ft2os.errors import FileError
from ft2os.gaussians import Gaussians
from ft2os.looks import Look
from tests.scenes import ball, two_groups


@pytest.mark.parametrize("degree", range(5))
def test_what_is_written_is_read_bit_for_bit(tmp_path, degree):
    gaussians = two_groups(degree=degree)
    gaussians = gaussians.replace(row=np.arange(len(gaussians), dtype=np.int32))
    back = gaussians_npy.read(gaussians_npy.write(tmp_path / "a.npy", gaussians))
    for name in ("means", "quats", "scales", "opacities", "sh", "group", "row"):
        array = getattr(back, name)
        assert array.tobytes() == getattr(gaussians, name).tobytes(), name
        assert array.flags.c_contiguous
    assert gaussians_npy.digest(back) == gaussians_npy.digest(gaussians)


def test_absent_columns_stay_absent_and_nothing_is_left_over(tmp_path):
    back = gaussians_npy.read(gaussians_npy.write(tmp_path / "a.npy", ball(5)))
    assert back.group is None
    assert back.row is None
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_no_gaussians_pass_too(tmp_path):
    nothing = ball(5).subset(np.zeros(5, bool))
    assert len(gaussians_npy.read(gaussians_npy.write(tmp_path / "a.npy", nothing))) == 0


def test_digest_follows_the_content():
    gaussians = ball(5)
    changed = gaussians.replace(opacities=np.nextafter(gaussians.opacities, 1, dtype=np.float32))
    assert gaussians_npy.digest(gaussians) == gaussians_npy.digest(ball(5))
    assert gaussians_npy.digest(gaussians) != gaussians_npy.digest(changed)
    assert gaussians_npy.digest(gaussians) != gaussians_npy.digest(
        gaussians.replace(group=np.zeros(5, np.int32))
    )


def npy(header: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode("latin1") + data


def damaged(folder: Path) -> list[Path]:
    """Files that claim to be what they are not."""
    whole = gaussians_npy.write(folder / "a.npy", ball(50)).read_bytes()
    head, data = whole[: whole.index(b"\n") + 1], whole[whole.index(b"\n") + 1 :]
    contents = {
        "plain": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }", bytes(24)),
        "objects": npy("{'descr': [('means', '|O')], 'fortran_order': False, 'shape': (3,), }", bytes(24)),
        "short": whole[:-20],
        "text": b"hello",
        "empty": b"",
        "more rows": head.replace(b"(50,)", b"(99,)") + data,
        "endless rows": head.replace(b"(50,)", b"(9" + b"0" * 20 + b",)").replace(b" " * 20, b"", 1) + data,
        "no rows": head.replace(b"(50,)", b"(-5,)") + data,
        "half rows": head.replace(b"(50,)", b"(True,)").replace(b" " * 2, b"", 1) + data,
        "two axes": head.replace(b"(50,)", b"(5,5)") + data,
        "other columns": head.replace(b"scales", b"scalez") + data,
        "no header": npy("(((((", data),
        "nested header": npy("[" * 5000, data),
        "nul header": npy("{'descr': '<f8\0'", data),
        "no width": npy("{'descr': [('means', '<f4', (0, 3))], 'fortran_order': False, 'shape': (9,)}"),
        "version 9": b"\x93NUMPY\x09\x00" + whole[8:],
    }
    for name, content in contents.items():
        (folder / f"{name}.npy").write_bytes(content)
    return [folder / f"{name}.npy" for name in (*contents, "absent")]


@pytest.mark.parametrize("read", [gaussians_npy.read, Look.load])
def test_damage_is_an_error_in_words(tmp_path, read):
    for path in damaged(tmp_path):
        with pytest.raises(FileError) as caught:
            read(path)
        assert path.name in caught.value.message
        assert caught.value.hint


def test_a_file_larger_than_the_memory_is_refused(tmp_path, monkeypatch):
    path = gaussians_npy.write(tmp_path / "a.npy", ball(50))
    monkeypatch.setattr(budget, "_NOTICED", 0)
    monkeypatch.setenv("FT2OS_MEMORY", "1000")
    with pytest.raises(FileError, match="memory"):
        gaussians_npy.read(path)


def test_a_place_that_cannot_be_written_is_an_error_in_words(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="Cannot write"):
        gaussians_npy.write(tmp_path / "file" / "a.npy", ball(3))


def test_a_key_is_the_same_for_as_long_as_values_are():
    """Blender keeps keys in its files, and the worker's cache is named by them."""
    ones = [np.ones((2, *shape), np.float32) for shape in ((3,), (4,), (3,), (), (1, 3))]
    gaussians = Gaussians(*ones)
    assert gaussians_npy.digest(gaussians) == "050dc86e6f1a1b0781916580bd4d984a"
    assert gaussians_npy.digest(gaussians.subset(np.zeros(0, int))) != gaussians_npy.digest(
        gaussians.subset(np.zeros(1, int))
    )
    for name in ("means", "quats", "scales", "opacities", "sh", "group", "row"):
        given = getattr(gaussians, name)
        other = np.zeros(2, np.int32) if given is None else given * np.float32(2)
        assert gaussians_npy.digest(gaussians.replace(**{name: other})) != gaussians_npy.digest(gaussians)


def test_a_file_without_one_of_the_columns_is_refused(tmp_path):
    rows = np.load(gaussians_npy.write(tmp_path / "a.npy", ball(5)))
    for left_out in rows.dtype.names:
        names = [name for name in rows.dtype.names if name != left_out]
        part = np.empty(5, [(name, rows.dtype[name]) for name in names])
        np.save(tmp_path / "b.npy", part)
        with pytest.raises(FileError, match="other columns"):
            gaussians_npy.read(tmp_path / "b.npy")


def test_a_file_longer_than_a_block_is_read_whole(tmp_path, monkeypatch):
    gaussians = ball(50, 1)
    path = gaussians_npy.write(tmp_path / "a.npy", gaussians)
    for block in (1, 700):  # less than a row, and some rows that are no divisor of 50
        monkeypatch.setattr(npy_files, "_BLOCK", block)
        np.testing.assert_array_equal(gaussians_npy.read(path).sh, gaussians.sh)


def test_a_file_that_is_cut_while_it_is_read_is_refused():
    rows = np.zeros(4, [("x", "<f4")])
    columns = {"x": np.empty(4, np.float32)}
    with pytest.raises(ValueError, match="shorter"):
        npy_files._fill(columns, io.BytesIO(rows.tobytes()[:-4]), 4, rows.dtype)

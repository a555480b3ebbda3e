"""Names that lead to something else than a file: refused at once when read, never replaced when written."""

from __future__ import annotations

import os
import socket
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ft2os.errors import FileError
from ft2os.files import check_writable, open_regular, read_bytes, replacing

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes and devices with names of files")


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    os.chdir(path.parent)  # a socket's name must be short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)


SPECIAL: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipe": (_pipe, "it is a pipe"),
    "socket": (_socket, "it is a socket"),
    "folder": (Path.mkdir, "it is a folder"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "it is a device"),
    "linked pipe": (
        lambda path: (_pipe(path.with_name("far")), path.symlink_to("far")),
        "it is a pipe",
    ),
    "linked folder": (lambda path: path.symlink_to(path.parent), "it is a folder"),
    "loop": (lambda path: path.symlink_to(path.name), "too many levels"),
}


@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_no_file_is_refused_and_left_alone(tmp_path: Path, kind: str) -> None:
    make, words = SPECIAL[kind]
    make(tmp_path / "a.ply")
    before = os.lstat(tmp_path / "a.ply")
    for refuse in (open_regular, lambda path: read_bytes(path, 9), check_writable, _write):
        with pytest.raises(FileError, match=words) as caught:
            refuse(tmp_path / "a.ply")
        assert caught.value.hint.endswith(".")
    after = os.lstat(tmp_path / "a.ply")
    assert (before.st_ino, stat.S_IFMT(before.st_mode)) == (after.st_ino, stat.S_IFMT(after.st_mode))


def _write(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(b"new")


@pytest.mark.parametrize("name", ["a\0b.ply", "\ud800.ply"], ids=["NUL", "half a character"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    for refuse in (open_regular, check_writable, _write):
        with pytest.raises(FileError, match="no file can have this name") as caught:
            refuse(tmp_path / name)
        str(caught.value).encode()  # so that it can be shown


def test_a_link_is_written_through_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    for name in ("there", "not there yet"):
        link, target = tmp_path / f"{name}.ply", tmp_path / "far" / f"{name}.ply"
        if name == "there":
            target.write_bytes(b"old")
        link.symlink_to(Path("far") / target.name)
        check_writable(link)
        with pytest.raises(ZeroDivisionError), replacing(link):
            raise ZeroDivisionError
        assert not target.exists() or target.read_bytes() == b"old"
        _write(link)
        assert link.is_symlink()
        assert target.read_bytes() == b"new"
    assert sorted(p.name for p in tmp_path.rglob("*.part")) == []


def test_a_file_larger_than_its_kind_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(FileError, match="1,099,511,627,776 bytes"):
        read_bytes(tmp_path / "a", 1 << 20)
    (tmp_path / "b").write_bytes(b"12345")
    assert read_bytes(tmp_path / "b", 5) == b"12345"


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    barrier = threading.Barrier(2)

    def write(letter: bytes) -> None:
        with replacing(tmp_path / "a") as temporary:
            barrier.wait(10)
            temporary.write_bytes(letter * 9)
            barrier.wait(10)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"x", b"y")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a").read_bytes() in (b"x" * 9, b"y" * 9)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_folders_that_were_made_for_a_file_go_with_it(tmp_path: Path) -> None:
    with pytest.raises(FileError), replacing(tmp_path / "new" / "newer" / "a.ply"):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_file_that_has_become_a_pipe_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at it and its opening anybody may put something else there."""
    os.mkfifo(tmp_path / "a.ply")
    (tmp_path / "b.ply").write_bytes(b"a file")
    regular = os.stat(tmp_path / "b.ply")
    with monkeypatch.context() as then:
        then.setattr("ft2os.files.os.stat", lambda path: regular)
        with pytest.raises(FileError, match="a pipe"):
            open_regular(tmp_path / "a.ply")

"""Names that lead to something else than a file: refused at once when read, never replaced when written."""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ft2os import pieces
from ft2os.errors import FileError
from ft2os.files import (
    brief,
    cache_dir,
    check_writable,
    damaged,
    open_regular,
    read_bytes,
    read_error,
    replacing,
    size_of,
    write_array,
    write_error,
)

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


@pytest.mark.parametrize(
    ("platform", "environment", "place"),
    [
        ("linux", {"FT2OS_CACHE": "/own", "XDG_CACHE_HOME": "/xdg"}, "/own"),
        ("linux", {"XDG_CACHE_HOME": "/xdg"}, "/xdg/ft2os"),
        ("linux", {}, "/home/me/.cache/ft2os"),
        ("darwin", {"XDG_CACHE_HOME": "/xdg"}, "/home/me/Library/Caches/ft2os"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/ft2os"),
        ("win32", {"XDG_CACHE_HOME": "/xdg"}, "/home/me/AppData/Local/ft2os"),
    ],
)
def test_the_cache_lies_where_the_platform_keeps_caches(monkeypatch, platform, environment, place) -> None:
    for name in ("FT2OS_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (environment | {"HOME": "/home/me"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_dir() == Path(place)


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "Free some disk space"),
        (errno.EDQUOT, "Free some disk space"),
        (errno.EFBIG, "takes files of this size"),
        (errno.EACCES, "may write to"),
        (errno.EPERM, "may write to"),
        (errno.EROFS, "may write to"),
        (errno.EEXIST, "is a file, not a folder"),
        (errno.ENOTDIR, "is a file, not a folder"),
        (errno.EISDIR, "not a folder"),
        (errno.ELOOP, "leads back to itself"),
        (errno.EIO, "another place"),
        (None, "another place"),
    ],
)
def test_what_the_system_refuses_has_a_way_out(number, hint) -> None:
    error = OSError("odd") if number is None else OSError(number, os.strerror(number))
    said = write_error(Path("a.ply"), error)
    assert hint in said.hint
    assert ("odd" if number is None else os.strerror(number).lower()) in said.message


def test_a_file_that_is_not_there_or_not_readable() -> None:
    path = Path("a.ply")
    assert read_error(path, FileNotFoundError(errno.ENOENT, "x")).message == "There is no file a.ply."
    assert read_error(path, OSError(errno.EIO, "Bad Disk")).message == "Cannot read a.ply: bad disk."
    assert read_error(path, OSError("Odd")).message == "Cannot read a.ply: odd."
    assert "no file can have" in read_error(path, ValueError("embedded null byte")).message


def test_an_error_is_told_in_one_short_line() -> None:
    assert brief(KeyError("fx")) == "'fx' is missing"
    assert brief(ValueError("two\n  lines..")) == "two lines"
    assert brief(ValueError()) == "it makes no sense"
    assert brief("x" * 200) == "x" * 200
    assert brief("x" * 201) == "x" * 200 + "…"
    assert damaged(Path("far/a.ply"), "it is cut.").message == "a.ply is damaged: it is cut."


def test_bytes_are_read_up_to_the_most_there_may_be(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    with pytest.raises(FileError, match="no file of its kind has more than 4"):
        read_bytes(tmp_path / "a", 4)
    with open_regular(tmp_path / "a") as stream:
        assert (size_of(stream), stream.read(), stream.name) == (5, b"12345", str(tmp_path / "a"))
    with open_regular(tmp_path / "a", 5) as stream:
        assert stream.read() == b"12345"
    with pytest.raises(FileError, match="no file"):
        read_bytes(tmp_path / "b", 9)


def test_a_disk_that_fails_on_the_way_is_told(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "a").write_bytes(b"12345")

    def fails(stream: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("ft2os.files.size_of", fails)
    with pytest.raises(FileError, match="input/output error"):
        read_bytes(tmp_path / "a", 9)


def test_files_that_are_refused_are_closed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(5):
        with pytest.raises(FileError):
            open_regular(tmp_path / "a", 1)
    if before:
        assert len(os.listdir("/proc/self/fd")) == before


def test_folders_are_made_for_a_file_and_kept_with_it(tmp_path: Path) -> None:
    _write(tmp_path / "new" / "newer" / "a.ply")
    assert (tmp_path / "new" / "newer" / "a.ply").read_bytes() == b"new"
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "new" / "newest" / "b.ply") as temporary:
        assert temporary.write_bytes(b"part") / 0
    assert [path.name for path in tmp_path.rglob("*")] == ["new", "newer", "a.ply"]


def test_a_place_for_a_file_is_looked_at_and_left_as_it_is(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "newer" / "a.ply")
    (tmp_path / "a.ply").write_bytes(b"old")
    check_writable(tmp_path / "a.ply")
    assert [path.name for path in tmp_path.iterdir()] == ["a.ply"]
    with pytest.raises(FileError, match="Cannot write"):
        check_writable(tmp_path / "a.ply" / "b.ply")
    with pytest.raises(FileError, match="Cannot write"):
        check_writable(Path("/proc/none/b.ply"))


def test_an_array_is_written_as_numpy_would(tmp_path: Path) -> None:
    np = pytest.importorskip("numpy")
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_array(tmp_path / "a.npy", rows)
    np.save(tmp_path / "b.npy", rows)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_work_in_pieces_covers_every_row_once_with_a_beat_before_each() -> None:
    beats: list[int] = []
    count = 2 * pieces.ROWS + 5
    rows = []
    for i, part in enumerate(pieces.pieces(count, lambda: beats.append(1))):
        assert len(beats) == i + 1
        rows += range(count)[part]
    assert rows == list(range(count))
    assert len(beats) == 3
    assert list(pieces.pieces(0)) == []

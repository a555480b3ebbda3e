"""Files and folders that are no scene, or not one that can be read: refused before memory is taken."""

from __future__ import annotations

import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from plyfile import PlyData

from ft2os.errors import FileError, InvalidValuesError, RequestError
from ft2os.formats import load_scene, ply_file, save_ply, save_scene
from ft2os.formats.columns import REQUIRED
from tests.scenes import LABELS, ball, two_groups, write_ply

HEADER = b"ply\nformat binary_little_endian 1.0\n"
PROPERTIES = b"".join(b"property float %s\n" % name.encode() for name in REQUIRED)
ROW = bytes(14 * 4)
END = b"end_header\n"


def vertex(count: int | str) -> bytes:
    return HEADER + b"element vertex %s\n" % str(count).encode() + PROPERTIES


def as_text(content: bytes) -> bytes:
    return content.replace(b"binary_little_endian", b"ascii")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"ply\n" + b"comment x\n" * 200_000 + END, "no end"),
        (HEADER + END, "no points"),
        (vertex("9" * 5000) + END + ROW, "makes no sense"),
        (vertex("many") + END + ROW, "makes no sense"),
        (vertex(1) + b"property float x\n" + END + ROW, "makes no sense"),
        (vertex(1) + b"property strange y2\n" + END + ROW, "makes no sense"),
        (vertex(1) + "property float é\n".encode() + END + ROW, "makes no sense"),
        (vertex(1) + b"property list uchar int many\n" + END + ROW + b"\0", "lists"),
        (vertex(1) + b"property float f_rest_0\n" + END + ROW + b"abcd", "1 f_rest"),
        (vertex(1) + b"element face 99999999999\nproperty list uchar int v\n" + END + ROW, "cut short"),
        (HEADER + b"element vertex 1\nproperty uint packed_position\n" + END + b"abcd", "compressed"),
        (as_text(vertex(10**15)) + END + b"1 2\n", "cut short"),
        (as_text(vertex(1)) + END + b"a " * 14, "damaged"),
    ],
)
def test_a_ply_that_cannot_be_read(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "scene.ply").write_bytes(content)
    with pytest.raises(FileError, match=words) as caught:
        load_scene(tmp_path / "scene.ply")
    assert caught.value.hint.endswith(".")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_further_elements_without_rows_properties_or_bounds_are_read(tmp_path, text, first) -> None:
    faces = b"element face 2\nproperty list uchar int corners\nproperty float area\n"
    empty = b"element nothing 0\nelement none 0\nproperty int x\n"
    gaussian = vertex(1).removeprefix(HEADER)
    header = HEADER + b"".join([faces, empty, gaussian] if first else [gaussian, empty, faces]) + END
    rows = np.array([0] * 10 + [1, 0, 0, 0], "<f4").tobytes()
    lists = struct.pack("<B3if", 3, 7, 8, 9, 0.5) + struct.pack("<B3if", 3, 1, 2, 3, 1.5)
    if text:
        header, rows, lists = as_text(header), b"0 " * 10 + b"1 0 0 0\n", b"3 7 8 9 0.5\n3 1 2 3 1.5\n"
    (tmp_path / "in.ply").write_bytes(header + (lists + rows if first else rows + lists))
    read = load_scene(tmp_path / "in.ply").gaussians
    save_ply(tmp_path / "out.ply", read.replace(means=read.means + np.float32(1)))
    after = PlyData.read(str(tmp_path / "out.ply"))
    assert [c.tolist() for c in after["face"]["corners"]] == [[7, 8, 9], [1, 2, 3]]
    assert after["face"]["area"].tolist() == [0.5, 1.5]
    assert after["vertex"]["x"].tolist() == [1]


def test_an_element_without_rows_may_stand_where_file_and_page_end(tmp_path: Path) -> None:
    header = vertex(1) + b"element none 0\nproperty int x\ncomment "
    row = np.array([0] * 10 + [1, 0, 0, 0], "<f4").tobytes()
    filling = b"x" * ((1 << 16) - len(header + b"\n" + END + row))
    (tmp_path / "in.ply").write_bytes(header + filling + b"\n" + END + row)
    read = load_scene(tmp_path / "in.ply").gaussians
    save_ply(tmp_path / "out.ply", read.replace(means=read.means + np.float32(1)))
    assert len(PlyData.read(str(tmp_path / "out.ply"))["none"].data) == 0


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"])
def test_a_text_that_is_read_in_parts_is_read_as_a_whole(tmp_path: Path, monkeypatch, ends: bytes) -> None:
    monkeypatch.setattr(ply_file, "_LINES", 3)
    monkeypatch.setattr(ply_file, "_VALUES", 1)
    rows = write_ply(tmp_path / "a.ply", two_groups(8, 1), text=True)
    content = (tmp_path / "a.ply").read_bytes()
    (tmp_path / "a.ply").write_bytes(content.replace(b"\n", ends))
    assert load_scene(tmp_path / "a.ply").gaussians.source.columns.tobytes() == rows.tobytes()
    lines = content.splitlines(keepends=True)
    (tmp_path / "a.ply").write_bytes(b"".join([*lines[:-5], b"1 2\n", *lines[-4:]]))
    with pytest.raises(FileError, match=f"row {len(rows) - 5} of its vertex"):
        load_scene(tmp_path / "a.ply")


def test_text_beyond_floats_is_infinite_and_an_empty_list_of_no_interest(tmp_path: Path, recwarn) -> None:
    header = as_text(vertex(2) + b"element face 1\nproperty list uchar int corners\n" + END)
    row = b"0 " * 10 + b"1 0 0 0\n"
    (tmp_path / "a.ply").write_bytes(header + row + b"1e39" + row[1:] + b"0\n")
    with pytest.raises(InvalidValuesError, match="1 of the 2"):
        load_scene(tmp_path / "a.ply")
    assert not recwarn.list


@pytest.mark.parametrize("text", [False, True])
def test_every_cut_of_a_file_is_refused(tmp_path: Path, text: bool) -> None:
    write_ply(tmp_path / "whole.ply", ball(3), text=text)
    content = (tmp_path / "whole.ply").read_bytes().rstrip(b"\n")
    end = content.rindex(b" ") if text else len(content)  # text cut inside its last number still is text
    for length in range(0, end, 13):
        (tmp_path / "cut.ply").write_bytes(content[:length])
        with pytest.raises(FileError):
            load_scene(tmp_path / "cut.ply")


def test_a_quaternion_of_length_0_and_a_scale_beyond_floats_count_as_invalid(tmp_path: Path) -> None:
    quat, scale = np.ones(20, np.float32), np.zeros(20, np.float32)
    quat[4], scale[11] = 0, 1000
    change = {f"rot_{i}": quat for i in range(4)} | {"scale_1": scale}
    rows = write_ply(tmp_path / "in.ply", ball(20), change=change)
    with pytest.raises(InvalidValuesError, match="2 of the 20"):
        load_scene(tmp_path / "in.ply")
    read = load_scene(tmp_path / "in.ply", drop_invalid=True).gaussians
    save_ply(tmp_path / "out.ply", read)
    assert (tmp_path / "out.ply").read_bytes().endswith(np.delete(rows, [4, 11]).tobytes())


def test_missing_files_and_odd_folders(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "no.ply", "no file"), (tmp_path, "not an output folder")):
        with pytest.raises(FileError, match=words):
            load_scene(path)
    (tmp_path / "a.splat").write_bytes(b"x")
    with pytest.raises(FileError, match="no whole number"):
        load_scene(tmp_path / "a.splat")
    for name in ("a.ply", "b.ply"):
        write_ply(tmp_path / name, ball(3))
    with pytest.raises(FileError, match="several"):
        load_scene(tmp_path)


def test_the_newest_iteration_is_taken(tmp_path: Path) -> None:
    for iteration, n in (("iteration_7000", 3), ("iteration_30000", 4), ("iteration_x", 5)):
        (tmp_path / "point_cloud" / iteration).mkdir(parents=True)
        write_ply(tmp_path / "point_cloud" / iteration / "point_cloud.ply", ball(n))
    assert len(load_scene(tmp_path).gaussians) == 4


def test_groups_are_found_by_id_name_or_part_of_a_name(tmp_path: Path) -> None:
    save_ply(tmp_path / "in.ply", two_groups(20, 0), labels=LABELS)
    scene = load_scene(tmp_path)
    assert [scene.resolve_group(t) for t in ("3", "Ball", "small", "-1", "rest")] == [3, 3, 7, -1, -1]
    with pytest.raises(RequestError, match="no group 'truck'") as caught:
        scene.resolve_group("truck")
    assert caught.value.hint == "Known groups: 3 (ball), 7 (small ball)."
    with pytest.raises(RequestError, match="More than one"):
        scene.resolve_group("all")  # a part of both names


@pytest.mark.parametrize("touched", [False, True], ids=["a copy", "written anew"])
def test_a_disk_that_fills_up_leaves_the_old_file_and_nothing_partial(tmp_path, full_disk, touched) -> None:
    write_ply(tmp_path / "in.ply", ball(5000))
    write_ply(tmp_path / "out.ply", ball(3))
    before = (tmp_path / "out.ply").read_bytes()
    read = load_scene(tmp_path / "in.ply").gaussians
    with full_disk(4096), pytest.raises(FileError, match="Cannot write"):
        save_ply(tmp_path / "out.ply", read.replace(means=read.means + 1) if touched else read)
    assert (tmp_path / "out.ply").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.ply", "out.ply"]


def test_a_sog_packed_on_windows_and_a_shouted_meta(data_dir, tmp_path):
    folder = data_dir / "scenes" / "playbot_sog_lod5"
    with zipfile.ZipFile(tmp_path / "a.sog", "w") as archive:
        for path in folder.iterdir():
            archive.writestr(f"bot\\{path.name}", path.read_bytes())
    assert len(load_scene(tmp_path / "a.sog").gaussians) == 3000
    shutil.copytree(folder, tmp_path / "bot")
    (tmp_path / "bot" / "meta.json").rename(tmp_path / "bot" / "META.JSON")
    assert len(load_scene(tmp_path / "bot" / "META.JSON").gaussians) == 3000


def test_a_meta_json_of_something_else_is_no_second_scene(tmp_path):
    save_scene(tmp_path / "a.splat", ball(20))
    for name in ("meta.json", "my_meta.json"):
        (tmp_path / name).write_text("{}")
    assert len(load_scene(tmp_path).gaussians) == 20


def test_a_scene_for_which_there_is_no_memory_is_refused(tmp_path: Path, monkeypatch) -> None:
    """Also one that takes no room on the disk, being a hole."""
    path = tmp_path / "hole.splat"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(FileError, match=r"1,?0?99\.5 GB of memory"):
        load_scene(path)
    monkeypatch.setenv("FT2OS_MEMORY", "1000")
    write_ply(tmp_path / "small.ply", ball(20))
    assert len(load_scene(tmp_path / "small.ply").gaussians) == 20

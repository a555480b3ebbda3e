"""Every dialect of the Gaussian PLY is read, and what was not touched goes out with the bits it came with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from plyfile import PlyData, PlyElement

from ft2os.formats import load_scene, save_ply
from ft2os.gaussians import concatenate, with_degree
from tests.scenes import LABELS, ball, raw_columns, two_groups, write_ply


def assert_same(a, b, atol: float = 1e-6) -> None:
    for name in ("means", "quats", "scales", "opacities", "sh"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-5, atol=atol, err_msg=name)


@pytest.mark.parametrize("degree", range(5))
def test_reads_every_degree_and_copies_the_untouched_file(tmp_path: Path, degree: int) -> None:
    made = two_groups(40, degree)
    write_ply(tmp_path / "in.ply", made, comments=["a trainer", "and  its  spaces"])
    scene = load_scene(tmp_path / "in.ply")
    assert scene.gaussians.degree == degree
    assert_same(scene.gaussians, made)
    np.testing.assert_array_equal(scene.gaussians.group, made.group)
    save_ply(tmp_path / "out.ply", scene.gaussians, labels=LABELS)
    assert (tmp_path / "out.ply").read_bytes() == (tmp_path / "in.ply").read_bytes()
    assert json.loads((tmp_path / "labels.json").read_text()) == {"3": "ball", "7": "small ball"}


@pytest.mark.parametrize(
    "dialect",
    [
        {"text": True},
        {"byte_order": ">"},
        {"normals": False},
        {"order": ["rot_3", "group", "f_dc_2", "opacity", "z", "scale_1"]},
        {"change": {"x": two_groups(30, 1).means[:, 0].astype(np.float64)}},
    ],
    ids=["text", "big-endian", "no normals", "another order", "a double"],
)
def test_reads_every_dialect(tmp_path: Path, dialect: dict) -> None:
    made = two_groups(30, 1)
    write_ply(tmp_path / "in.ply", made, **dialect)
    read = load_scene(tmp_path / "in.ply").gaussians
    assert_same(read, made)
    moved = read.replace(means=read.means + np.float32(1))
    save_ply(tmp_path / "out.ply", moved)
    again = load_scene(tmp_path / "out.ply").gaussians
    np.testing.assert_array_equal(again.means, moved.means)
    for name in ("quats", "scales", "opacities", "sh", "group"):
        np.testing.assert_array_equal(getattr(again, name), getattr(read, name))


def test_carriage_returns_end_header_lines_too(tmp_path: Path) -> None:
    made = ball(10)
    write_ply(tmp_path / "in.ply", made)
    header, mark, body = (tmp_path / "in.ply").read_bytes().partition(b"end_header\n")
    (tmp_path / "crlf.ply").write_bytes((header + mark).replace(b"\n", b"\r\n") + body)
    assert_same(load_scene(tmp_path / "crlf.ply").gaussians, made)


def test_outside_the_group_every_property_keeps_its_bits(tmp_path: Path) -> None:
    made = two_groups(200, 2)
    rng = np.random.default_rng(5)
    extra = {
        "error": rng.random(len(made)).astype(np.float32),
        "flag": rng.integers(0, 255, len(made)).astype(np.uint8),
        "when": rng.random(len(made)),
    }
    nan = extra["error"].view(np.uint32)
    nan[::7] = 0x7FC12345  # a NaN with a payload, in a property that is not a Gaussian's own
    before = write_ply(tmp_path / "in.ply", made, extra=extra, comments=["kept"])
    scene = load_scene(tmp_path / "in.ply")
    inside = scene.mask(scene.resolve_group("3"))
    target = scene.gaussians.subset(inside)
    changed = target.replace(sh=target.sh + np.float32(0.25), scales=target.scales * np.float32(0.5))
    save_ply(tmp_path / "out.ply", concatenate([changed, scene.gaussians.subset(~inside)]))
    written = PlyData.read(str(tmp_path / "out.ply"))
    after = written["vertex"].data
    assert after.dtype == before.dtype
    assert after[~inside].tobytes() == before[~inside].tobytes()
    untouched = ["x", "y", "z", "nx", "ny", "nz", "opacity", "rot_0", "rot_3", "error", "flag", "when"]
    for name in untouched:
        assert after[name][inside].tobytes() == before[name][inside].tobytes(), name
    np.testing.assert_allclose(after["f_dc_0"][inside], before["f_dc_0"][inside] + 0.25, rtol=1e-6)
    np.testing.assert_allclose(after["scale_2"][inside], before["scale_2"][inside] - np.log(2), atol=1e-6)
    assert written.comments == ["kept"]


def test_only_the_changed_number_of_a_row_is_computed(tmp_path: Path) -> None:
    before = write_ply(tmp_path / "in.ply", two_groups(50, 0))
    read = load_scene(tmp_path / "in.ply").gaussians
    scales = read.scales.copy()
    scales[4, 1] *= 2
    save_ply(tmp_path / "out.ply", read.replace(scales=scales))
    after = PlyData.read(str(tmp_path / "out.ply"))["vertex"].data
    different = [(n, i) for n in before.dtype.names for i in np.flatnonzero(after[n] != before[n])]
    assert different == [("scale_1", 4)]


def test_a_rotation_is_computed_as_a_whole(tmp_path: Path) -> None:
    """Two of its raw numbers, of any length, beside two of unit length are another rotation."""
    scene = ball(20)
    columns = {f"rot_{i}": 3 * scene.quats[:, i] for i in range(4)}
    write_ply(tmp_path / "a.ply", scene, change=columns)
    found = load_scene(tmp_path / "a.ply").gaussians
    swapped = np.ascontiguousarray(found.quats[:, [0, 2, 1, 3]])
    save_ply(tmp_path / "b.ply", found.replace(quats=swapped))
    again = load_scene(tmp_path / "b.ply").gaussians.quats
    np.testing.assert_allclose(again, swapped, atol=1e-6)


def test_new_rows_follow_with_what_they_inherit(tmp_path: Path) -> None:
    made = two_groups(20, 1)
    tag = np.arange(len(made), dtype=np.int32) + 100
    before = write_ply(tmp_path / "in.ply", made, extra={"tag": tag})
    read = load_scene(tmp_path / "in.ply").gaussians
    new = ball(3, 2, seed=9)
    both = concatenate([new, read.subset(np.arange(len(read))[::-1])])
    inherit = np.full(len(both), -1)
    inherit[1] = 6
    save_ply(tmp_path / "out.ply", both, inherit=inherit)
    after = PlyData.read(str(tmp_path / "out.ply"))["vertex"].data
    n = len(made)
    assert len(after) == n + 3
    assert after["tag"].tolist() == [*tag, 0, 106, 0]
    assert after["group"].tolist() == [*made.group, -1, -1, -1]
    kept = [k for k in before.dtype.names if not k.startswith("f_rest_")]
    for name in kept:
        assert after[name][:n].tobytes() == before[name].tobytes(), name
    again = load_scene(tmp_path / "out.ply").gaussians
    np.testing.assert_array_equal(again.sh[:n], with_degree(made.sh, 2))
    assert_same(again.subset(np.arange(n, n + 3)), new)


def test_a_repeated_source_row_is_appended(tmp_path: Path) -> None:
    before = write_ply(tmp_path / "in.ply", two_groups(20, 0))
    read = load_scene(tmp_path / "in.ply").gaussians
    save_ply(tmp_path / "out.ply", concatenate([read, read.subset(np.array([2, 5]))]))
    after = PlyData.read(str(tmp_path / "out.ply"))["vertex"].data
    assert after.tobytes() == before.tobytes() + before[[2, 5]].tobytes()


def test_a_left_out_row_leaves_the_others_alone(tmp_path: Path) -> None:
    before = write_ply(tmp_path / "in.ply", two_groups(20, 3))
    read = load_scene(tmp_path / "in.ply").gaussians
    keep = np.arange(len(read)) != 7
    save_ply(tmp_path / "out.ply", read.subset(keep))
    after = PlyData.read(str(tmp_path / "out.ply"))["vertex"].data
    assert after.tobytes() == before[keep].tobytes()


def test_a_changed_group_is_written(tmp_path: Path) -> None:
    made = ball(12)
    write_ply(tmp_path / "in.ply", made)
    read = load_scene(tmp_path / "in.ply").gaussians
    group = np.arange(12, dtype=np.int32) % 2
    save_ply(tmp_path / "out.ply", read.replace(group=group), labels={0: "even", 1: "odd"})
    scene = load_scene(tmp_path / "out.ply")
    np.testing.assert_array_equal(scene.gaussians.group, group)
    assert scene.resolve_group("ODD") == 1


def test_rows_are_written_when_the_source_file_is_gone(tmp_path: Path) -> None:
    before = write_ply(tmp_path / "in.ply", two_groups(20, 1), comments=["kept"])
    content = (tmp_path / "in.ply").read_bytes()
    read = load_scene(tmp_path / "in.ply").gaussians
    (tmp_path / "in.ply").unlink()
    save_ply(tmp_path / "out.ply", read)
    assert PlyData.read(str(tmp_path / "out.ply"))["vertex"].data.tobytes() == before.tobytes()
    assert (tmp_path / "out.ply").read_bytes() == content


def test_a_file_can_be_written_over_itself(tmp_path: Path) -> None:
    path = tmp_path / "in.ply"
    write_ply(path, two_groups(20, 1))
    read = load_scene(path).gaussians
    save_ply(path, read.replace(means=read.means * np.float32(2)))
    np.testing.assert_array_equal(load_scene(path).gaussians.means, read.means * np.float32(2))


def test_gaussians_without_a_source_survive_a_round_trip(tmp_path: Path) -> None:
    made = two_groups(60, 3).replace(identity=np.random.default_rng(1).random((95, 16), np.float32))
    save_ply(tmp_path / "a.ply", made)
    read = load_scene(tmp_path / "a.ply").gaussians
    assert_same(read, made)
    np.testing.assert_array_equal(read.identity, made.identity)
    extremes = made.replace(opacities=np.resize(np.float32([0, 1]), 95), scales=np.zeros((95, 3), np.float32))
    save_ply(tmp_path / "b.ply", extremes)
    np.testing.assert_allclose(
        load_scene(tmp_path / "b.ply").gaussians.opacities, extremes.opacities, atol=1e-6
    )


def test_further_elements_travel_along(tmp_path: Path) -> None:
    made = ball(10)
    rows = write_ply(tmp_path / "plain.ply", made)
    camera = PlyElement.describe(np.array([(1.5,), (2.5,)], [("focal", "f4")]), "intrinsic")
    PlyData([PlyElement.describe(rows, "vertex"), camera], byte_order="<").write(str(tmp_path / "in.ply"))
    read = load_scene(tmp_path / "in.ply").gaussians
    save_ply(tmp_path / "out.ply", read.replace(opacities=read.opacities * np.float32(0.5)))
    assert PlyData.read(str(tmp_path / "out.ply"))["intrinsic"].data["focal"].tolist() == [1.5, 2.5]


def test_labels_of_another_scene_in_the_folder_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text('{"3": "cow"}')
    write_ply(tmp_path / "in.ply", two_groups(20, 0))
    read = load_scene(tmp_path / "in.ply").gaussians
    save_ply(tmp_path / "out.ply", read, labels=LABELS)
    assert json.loads((tmp_path / "labels.json").read_text()) == {"3": "cow"}
    assert load_scene(tmp_path / "out.ply").labels == LABELS


def test_numbers_of_more_bits_than_ours_stay_in_rows_that_change(tmp_path: Path) -> None:
    made = ball(6)
    raw = raw_columns(made)
    doubles = {n: raw[n].astype(np.float64) * (1 + 1e-12) for n in ("x", "scale_0", "f_dc_1")}
    before = write_ply(tmp_path / "a.ply", made, change=doubles)
    read = load_scene(tmp_path / "a.ply").gaussians
    scales, means, sh = read.scales.copy(), read.means.copy(), read.sh.copy()
    scales[2, 1] *= 2
    means[2, 2] += 1
    sh[2, 0, 0] += 1
    save_ply(tmp_path / "b.ply", read.replace(scales=scales, means=means, sh=sh))
    after = PlyData.read(str(tmp_path / "b.ply"))["vertex"].data
    for name in doubles:
        np.testing.assert_array_equal(after[name], before[name])
    assert after["scale_1"][2] != before["scale_1"][2]


def test_a_new_row_has_its_own_rotation_and_not_the_raw_one_of_another(tmp_path: Path) -> None:
    made = ball(3)
    write_ply(tmp_path / "a.ply", made, change={f"rot_{i}": 3 * made.quats[:, i] for i in range(4)})
    read = load_scene(tmp_path / "a.ply").gaussians
    new = ball(1).replace(quats=read.quats[:1])
    save_ply(tmp_path / "b.ply", concatenate([read, new]))
    after = PlyData.read(str(tmp_path / "b.ply"))["vertex"].data
    lengths = np.sqrt(sum(after[f"rot_{i}"] ** 2 for i in range(4)))
    np.testing.assert_allclose(lengths, [3, 3, 3, 1], rtol=1e-5)

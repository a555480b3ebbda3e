"""Raw columns and what they mean, the description of a format, and what is said of scenes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from plyfile import PlyData

from ft2os.cameras import orbit, save_cameras
from ft2os.errors import FileError, InvalidValuesError, MissingError, RequestError
from ft2os.formats import columns, load_scene, ply_file, ply_write, registry, save_ply, save_scene
from ft2os.formats.format import Format, begins_with
from ft2os.formats.scene import Scene
from ft2os.gaussians import Source
from tests.scenes import LABELS, ball, raw_columns, two_groups, write_ply


def structured(**given: np.ndarray) -> np.ndarray:
    rows = np.empty(len(next(iter(given.values()))), [(k, v.dtype) for k, v in given.items()])
    for name, values in given.items():
        rows[name] = values
    return rows


def test_bands_have_45_names_at_degree_3_and_are_known_by_them() -> None:
    assert [len(columns.rest_names(d)) for d in range(5)] == [0, 9, 24, 45, 72]
    for degree in range(5):
        names = columns.rest_names(degree)
        assert columns.degree_of(["x", *reversed(names)]) == degree
        assert columns.degree_of(columns.rest_names(5)) is None
        if degree:
            assert columns.degree_of(names[1:]) is None
            assert columns.degree_of([*names[:-1], "f_rest_99"]) is None


@pytest.mark.parametrize("names", [("b", "c"), ("a",), ("c", "a"), ("d",), ("a", "d"), ()])
@pytest.mark.parametrize("mixed", [False, True])
def test_columns_are_taken_out_in_the_order_asked_for(names: tuple[str, ...], mixed: bool) -> None:
    n = 40_000  # more than are copied at a time
    given = {k: np.arange(n, dtype=np.float32) + 7 * i for i, k in enumerate("abcd")}
    rows = structured(**(given | ({"d": given["d"].astype(np.float64)} if mixed else {})))
    found = columns.matrix(rows, names)
    assert (found.shape, found.dtype, found.flags.c_contiguous) == ((n, len(names)), np.float32, True)
    for j, name in enumerate(names):
        np.testing.assert_array_equal(found[:, j], given[name])


def test_a_table_is_of_one_type_without_gaps() -> None:
    one = np.arange(3, dtype=np.float32)
    whole = columns.table(structured(a=one, b=one + 5))
    np.testing.assert_array_equal(whole, np.stack([one, one + 5], axis=1))
    assert columns.table(structured(a=one, b=one.astype(np.float64))) is None
    gaps = np.zeros(3, np.dtype({"names": ["a", "b"], "formats": ["<f4", "<f4"], "offsets": [0, 8]}))
    assert columns.table(gaps) is None
    assert columns.names_of(gaps) == ("a", "b")
    assert columns.names_of(one) == ()


def test_raw_numbers_and_what_they_mean() -> None:
    assert columns.exp(np.float32([0, np.log(3)])).tolist() == pytest.approx([1, 3], rel=1e-6)
    assert columns.log(np.float32([1, 3])).tolist() == pytest.approx([0, np.log(3)], rel=1e-6)
    assert columns.log(np.float32([0]))[0] == pytest.approx(np.log(2.0**-126), rel=1e-6)
    assert columns.sigmoid(np.float32([0, np.log(3)])).tolist() == pytest.approx([0.5, 0.75])
    assert columns.logit(np.float32([0.75]))[0] == pytest.approx(np.log(3), rel=1e-6)
    assert columns.logit(np.float32([0, 1])).tolist() == pytest.approx([-20, 20], abs=0.02)
    assert columns.normalise(np.float32([[0, 3, 0, 4]])).tolist() == [pytest.approx([0, 0.6, 0, 0.8])]


def test_group_ids_of_any_type() -> None:
    floats = np.array([3.0, -1, -7, np.nan, np.inf, -np.inf, 2.0])
    assert columns.read_group(floats).tolist() == [3, -1, -1, -1, -1, -1, 2]
    whole = columns.read_group(np.array([5, -5, 2**40, 2**31 - 1]))
    assert (whole.tolist(), whole.dtype) == ([5, -1, 2**31 - 1, 2**31 - 1], np.int32)
    assert columns.read_group(np.array([255, 0], np.uint8)).tolist() == [255, 0]


def test_activation_goes_by_the_textbook() -> None:
    made = two_groups(30, 2).replace(identity=np.random.default_rng(0).random((50, 16), np.float32))
    raw = raw_columns(made)
    beats: list[int] = []
    found = columns.activate(structured(**raw), 2, lambda: beats.append(1))
    np.testing.assert_allclose(found.opacities, 1 / (1 + np.exp(-raw["opacity"].astype(float))), rtol=1e-6)
    for i in range(3):
        np.testing.assert_allclose(found.scales[:, i], np.exp(raw[f"scale_{i}"]), rtol=1e-6)
        np.testing.assert_array_equal(found.sh[:, 0, i], raw[f"f_dc_{i}"])
        np.testing.assert_array_equal(found.sh[:, 1 + 5, i], raw[f"f_rest_{8 * i + 5}"])
    np.testing.assert_array_equal(found.identity, made.identity)
    assert beats == [1]
    assert (found.group, found.row, found.source) == (None, None, None)


def test_zero_and_minus_zero_are_two_numbers_and_nan_is_one(tmp_path: Path) -> None:
    zero, name = np.zeros(5, np.float32), "f_dc_0"
    write_ply(tmp_path / "a.ply", ball(5), change={name: zero})
    read = load_scene(tmp_path / "a.ply").gaussians
    sh = read.sh.copy()
    sh[2, 0, 0] = -0.0
    save_ply(tmp_path / "b.ply", read.replace(sh=sh))
    after = PlyData.read(str(tmp_path / "b.ply"))["vertex"].data[name]
    assert np.signbit(after).tolist() == [False, False, True, False, False]


def a_format(**more: object) -> Format:
    given = {"name": "x", "title": "X", "endings": (".x", ".y.x"), "reads": "", "degree": 3}
    return Format(**(given | {"reader": lambda path, beat: ball(3)} | more))


def test_a_format_that_is_only_read_is_not_written(tmp_path: Path) -> None:
    only_read = a_format()
    with pytest.raises(TypeError, match="only read"):
        only_read.write(tmp_path / "a.x", ball(3))
    assert not only_read.writable()
    assert only_read.readable()
    assert len(only_read.read(tmp_path)) == 3
    assert a_format(writer=lambda path, gaussians: None).writable()


def test_packages_that_a_format_needs_are_named(tmp_path: Path) -> None:
    needy = a_format(writer=print, reader_needs=("numpy", "absent_one"), writer_needs=("absent_two",))
    assert not needy.readable()
    assert not needy.writable()
    with pytest.raises(MissingError, match=r"Reading \.x needs the package absent_one"):
        needy.read(tmp_path)
    with pytest.raises(MissingError, match=r"Writing \.x needs the package absent_two"):
        needy.write(tmp_path, ball(3))


def test_endings_and_losses() -> None:
    assert [a_format().ending_of(name) for name in ("A.Y.X", "a.x", "a.y")] == [".y.x", ".x", ""]
    assert a_format(loses="groups", rounds="colour").lost() == "groups; colour"
    assert (a_format(rounds="colour").lost(), a_format().lost()) == ("colour", "")
    assert begins_with(b"a", b"bc")(b"bcd")
    assert not begins_with(b"a", b"bc")(b"bd")
    assert registry.named("spz").title == "SPZ"
    with pytest.raises(FileError, match="not a file of 3D Gaussians") as caught:
        registry.for_reading(Path(__file__))
    assert ".ply, .compressed.ply" in caught.value.hint
    with pytest.raises(RequestError, match=r"Cannot write \.ksplat"):
        registry.for_writing(Path("a.ksplat"))


def test_what_a_scene_says_of_its_groups() -> None:
    grouped = two_groups(20, 0)
    scene = Scene(grouped, LABELS | {7: ""})
    assert scene.group_ids() == [3, 7]
    assert [scene.group_name(i) for i in (3, 7, 99, -1)] == ["ball", "group 7", "group 99", "unassigned"]
    assert scene.resolve_group(" GROUP 7 ") == 7
    assert [int(scene.mask(i).sum()) for i in (3, 7, -1, 5)] == [20, 10, 5, 0]
    bare = Scene(ball(4))
    assert (bare.group_ids(), bare.mask(-1).tolist(), bare.mask(0).tolist()) == ([], [True] * 4, [False] * 4)
    assert bare.resolve_group("unassigned") == -1
    with pytest.raises(RequestError, match="has no groups"):
        bare.resolve_group("3")
    with pytest.raises(RequestError, match="no group ''"):
        scene.resolve_group("")
    assigned = Scene(grouped.subset(grouped.group >= 0), LABELS)
    with pytest.raises(RequestError, match="no group 'rest'"):
        assigned.resolve_group("rest")
    many = Scene(ball(21).replace(group=np.arange(21, dtype=np.int32)), dict.fromkeys(range(21), "same"))
    with pytest.raises(RequestError, match="More than one") as caught:
        many.resolve_group("same")
    assert caught.value.hint.endswith("19 (same), ….")
    twenty = Scene(many.gaussians.subset(np.arange(20)), many.labels)
    with pytest.raises(RequestError, match="More than one") as caught:
        twenty.resolve_group("same")
    assert caught.value.hint.endswith("19 (same).")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"2147483648": "a"}', "no group"),
        ('{"-2147483648": "a"}', "no group"),
        ('{"1.5": "a"}', "no group"),
        ('{"12345678901": "a"}', "no group"),
        ('{"٣": "a"}', "no group"),
        ('{"3": [1]}', "no text"),
        ('{"3": null}', "no text"),
        ("[3]", "no object"),
    ],
)
def test_names_of_what_cannot_be_a_group_are_refused(tmp_path: Path, text: str, words: str) -> None:
    write_ply(tmp_path / "a.ply", ball(3))
    (tmp_path / "labels.json").write_text(text, encoding="utf-8")
    with pytest.raises(FileError, match=words):
        load_scene(tmp_path / "a.ply")
    (tmp_path / "labels.json").write_text('{"2147483647": "a", "-1": "b"}')
    assert load_scene(tmp_path / "a.ply").labels == {2147483647: "a", -1: "b"}


def test_what_lies_beside_a_training_and_what_is_nearer(tmp_path: Path) -> None:
    folder = tmp_path / "point_cloud" / "iteration_7"
    folder.mkdir(parents=True)
    write_ply(folder / "point_cloud.ply", two_groups(4))
    (tmp_path / "cfg_args").write_text("Namespace(sh_degree=1)")
    (tmp_path / "labels.json").write_text('{"3": "far"}')
    scene = load_scene(tmp_path)
    assert (scene.settings, scene.labels, scene.path) == (
        {"sh_degree": 1}, {3: "far"}, folder / "point_cloud.ply",
    )  # fmt: skip
    for name, word in (("labels.json", "near"), ("point_cloud.labels.json", "own")):
        (folder / name).write_text(json.dumps({"3": word}))
        assert load_scene(tmp_path).labels == {3: word}
    other = tmp_path / "elsewhere" / "iteration_7"
    other.mkdir(parents=True)
    write_ply(other / "a.ply", two_groups(4))
    alone = load_scene(other / "a.ply")
    assert (alone.labels, alone.settings, alone.cameras) == ({}, {}, [])


def test_what_is_done_meanwhile_is_told(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", ball(3))
    save_cameras(tmp_path / "cameras.json", orbit(ball(9), 3))
    told: list[tuple] = []
    load_scene(tmp_path / "a.ply", progress=lambda *stage: told.append(stage))
    assert list(dict.fromkeys(told)) == [
        ("reading", 0, 3), ("checking values", 1, 3), ("finding groups", 2, 3), ("done", 3, 3),
    ]  # fmt: skip
    told.clear()
    save_scene(tmp_path / "b.splat", ball(3), progress=lambda *stage: told.append(stage))
    assert told == [("writing", 0, 1)]


def test_a_reader_without_memory_is_told_in_words(tmp_path: Path, monkeypatch) -> None:
    def full(path: Path, beat: object) -> None:
        raise MemoryError

    write_ply(tmp_path / "a.ply", ball(3))
    formats = tuple(replace(f, reader=full) for f in registry.FORMATS)
    monkeypatch.setattr(registry, "FORMATS", formats)
    with pytest.raises(FileError, match="more memory"):
        load_scene(tmp_path / "a.ply")


def test_values_far_down_a_file_of_several_types_are_looked_at(tmp_path: Path) -> None:
    n = (1 << 16) + 9
    x = np.zeros(n)
    x[[3, n - 1]] = 1e300, np.inf
    write_ply(tmp_path / "a.ply", ball(n), change={"x": x})
    with pytest.raises(InvalidValuesError) as caught:
        load_scene(tmp_path / "a.ply")
    assert caught.value.count == 2
    assert load_scene(tmp_path / "a.ply", drop_invalid=True).gaussians.row[[0, 2, 3, -1]].tolist() == [
        0, 2, 4, n - 2,
    ]  # fmt: skip
    write_ply(tmp_path / "b.ply", ball(4), change={"opacity": np.full(4, np.inf)})
    with pytest.raises(FileError, match="All Gaussians"):
        load_scene(tmp_path / "b.ply", drop_invalid=True)
    identity = np.zeros((4, 16), np.float32)
    identity[1, 5] = np.nan
    write_ply(tmp_path / "c.ply", ball(4).replace(identity=identity))
    with pytest.raises(InvalidValuesError, match="1 of the 4"):
        load_scene(tmp_path / "c.ply")


def test_several_scenes_in_a_folder_are_named(tmp_path: Path) -> None:
    for i in range(6):
        write_ply(tmp_path / f"{i}.ply", ball(3))
    with pytest.raises(FileError, match=r"\(0\.ply, 1\.ply, 2\.ply, 3\.ply, 4\.ply\)"):
        load_scene(tmp_path)


def test_nothing_is_not_written(tmp_path: Path) -> None:
    for name in ("a.ply", "a.splat"):
        with pytest.raises(FileError, match="no Gaussians to write"):
            save_scene(tmp_path / name, ball(3).subset(np.zeros(0, int)))
    assert not list(tmp_path.iterdir())


def test_a_file_made_by_us_is_laid_out_as_trainings_lay_it_out(tmp_path: Path) -> None:
    save_ply(tmp_path / "a.ply", two_groups(4, 1).replace(identity=np.zeros((11, 16), np.float32)))
    written = PlyData.read(str(tmp_path / "a.ply"))
    names = [p.name for p in written["vertex"].properties]
    assert names == [
        "x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2",
        *(f"f_rest_{i}" for i in range(9)), "opacity", "scale_0", "scale_1", "scale_2",
        "rot_0", "rot_1", "rot_2", "rot_3", *(f"obj_dc_{i}" for i in range(16)), "group",
    ]  # fmt: skip
    assert not written["vertex"].data["nx"].any()
    assert (written.byte_order, written.text) == ("<", False)


@pytest.mark.parametrize("order", ["<", ">"])
def test_another_degree_goes_where_bands_usually_are_in_the_files_byte_order(tmp_path, order) -> None:
    made = two_groups(6, 1)
    first = ["opacity", "f_dc_2", "f_dc_0"]
    write_ply(tmp_path / "a.ply", made, byte_order=order, order=first)
    read = load_scene(tmp_path / "a.ply").gaussians
    save_ply(tmp_path / "b.ply", read.replace(sh=read.sh[:, :1]))
    flat = PlyData.read(str(tmp_path / "b.ply"))
    names = [p.name for p in flat["vertex"].properties]
    assert not [n for n in names if n.startswith("f_rest")]
    assert flat.byte_order == order
    wider = np.concatenate([read.sh, np.ones((len(read), 5, 3), np.float32)], axis=1)
    save_ply(tmp_path / "c.ply", read.replace(sh=wider))
    names = [p.name for p in PlyData.read(str(tmp_path / "c.ply"))["vertex"].properties]
    at = names.index("f_dc_1")  # the last of the base colour
    assert names[at + 1 : at + 25] == [f"f_rest_{i}" for i in range(24)]
    assert names[:3] == first
    np.testing.assert_array_equal(load_scene(tmp_path / "c.ply").gaussians.sh, wider)


def test_a_source_that_is_another_file_now_is_not_copied(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", ball(5), comments=["first"])
    read = load_scene(tmp_path / "a.ply").gaussians
    kept = np.array(read.source.columns)
    write_ply(tmp_path / "a.ply", ball(5, seed=1), comments=["second"])
    held = read.replace(source=replace(read.source, columns=kept))
    save_ply(tmp_path / "b.ply", held)
    written = PlyData.read(str(tmp_path / "b.ply"))
    assert written.comments == ["first"]
    assert written["vertex"].data.tobytes() == kept.tobytes()
    save_ply(tmp_path / "c.ply", held.replace(source=replace(held.source, path=None)))
    assert (tmp_path / "c.ply").read_bytes() == (tmp_path / "b.ply").read_bytes()


def test_groups_that_changed_are_written_and_odd_ones_that_mean_none_stay(tmp_path: Path) -> None:
    column = np.array([-7, 3, 5, np.nan, 2], np.float32)
    write_ply(tmp_path / "a.ply", ball(5), extra={"group": column})
    read = load_scene(tmp_path / "a.ply").gaussians
    assert read.group.tolist() == [-1, 3, 5, -1, 2]
    save_ply(tmp_path / "same.ply", read)
    assert (tmp_path / "same.ply").read_bytes() == (tmp_path / "a.ply").read_bytes()
    save_ply(tmp_path / "b.ply", read.replace(group=np.array([-1, 3, 6, -1, -1], np.int32)))
    after = PlyData.read(str(tmp_path / "b.ply"))["vertex"].data["group"]
    np.testing.assert_array_equal(after, np.float32([-7, 3, 6, np.nan, -1]))
    new = read.replace(group=None, row=np.array([0, 1, -1, 3, 4], np.int32))
    save_ply(tmp_path / "c.ply", new)
    after = PlyData.read(str(tmp_path / "c.ply"))["vertex"].data["group"]
    np.testing.assert_array_equal(after, np.float32([-7, 3, np.nan, 2, -1]))


def test_labels_are_not_written_twice_and_in_the_order_of_ids(tmp_path: Path) -> None:
    for name in ("a.ply", "b.ply"):
        save_ply(tmp_path / name, two_groups(4), labels={7: "später", 3: "ball"})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.ply", "b.ply", "labels.json"]
    text = (tmp_path / "labels.json").read_text(encoding="utf-8")
    assert text == '{\n "3": "ball",\n "7": "später"\n}\n'
    (tmp_path / "labels.json").write_text(text + " ")
    save_ply(tmp_path / "b.ply", two_groups(4), labels={7: "später", 3: "ball"})
    assert (tmp_path / "b.labels.json").read_text(encoding="utf-8") == text


HEADER = "ply\nformat {kind} 1.0\n{body}end_header\n"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("element vertex 3\n", "no properties"),
        ("element a 0\n" * 2, "makes no element"),
        ("element a\n", "makes no element"),
        ("".join(f"element e{i} 0\n" for i in range(101)), "101 elements"),
        ("element a 0\n" + "".join(f"property int p{i}\n" for i in range(10_001)), "10,001 properties"),
        ("element a 3\nproperty list char uchar p\n", "lengths below 0"),
        (f"element a {'1' * 100}\n", "makes no element"),
    ],
)
def test_a_header_that_no_scene_has(tmp_path: Path, body: str, words: str) -> None:
    path = tmp_path / "a.ply"
    path.write_text(HEADER.format(kind="binary_little_endian", body=body))
    with path.open("rb") as stream, pytest.raises(FileError, match=words):
        ply_file.read_header(path, stream)


def test_a_header_says_what_follows(tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    body = "comment one\nelement vertex 3\nproperty float x\nproperty list uchar int l\n"
    body += "element empty 0\nelement " + "e" * 5 + f" {'0' * 98}2\nproperty double d\n"
    for kind, order in (("binary_little_endian", "<"), ("binary_big_endian", ">"), ("ascii", "")):
        text = HEADER.format(kind=kind, body=body)
        path.write_bytes(text.encode() + b"data")
        with path.open("rb") as stream:
            header = ply_file.read_header(path, stream)
        assert (header.order, header.size, header.comments) == (order, len(text), ("one",))
        assert header.counts == {"vertex": 3, "empty": 0, "eeeee": 2}
        assert list(header.elements) == ["vertex", "eeeee"]
        assert ply_file.types(header.elements["vertex"]) == {"x": "f4", "l": "list"}


@pytest.mark.parametrize(
    ("kind", "row", "least"), [("binary_little_endian", b"\0" * 8, 8), ("ascii", b"1 2\n", 4)]
)
def test_a_file_is_as_long_as_its_header_says(tmp_path: Path, kind: str, row: bytes, least: int) -> None:
    """A text may lack its last line's end and have many digits; behind the rows others may keep a little."""
    path = tmp_path / "a.ply"
    head = HEADER.format(kind=kind, body="element v 1000\nproperty int x\nproperty int y\n").encode()
    text = kind == "ascii"
    most = 1000 * least * (20 if text else 1) + (1 << 20)
    for size, words in (
        (1000 * least - text, ""),
        (1000 * least - text - 1, "cut short"),
        (most, ""),
        (most + 1, "damaged"),
    ):
        path.write_bytes(head)
        with path.open("r+b") as stream:
            stream.truncate(len(head) + size)
        with path.open("rb") as stream:
            header = ply_file.read_header(path, stream)
            if words:
                with pytest.raises(FileError, match=words):
                    ply_file.check_size(path, stream, header)
            else:
                ply_file.check_size(path, stream, header)


def test_rows_of_text_are_counted_from_the_first(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", ball(3), text=True)
    lines = (tmp_path / "a.ply").read_bytes().splitlines(keepends=True)
    (tmp_path / "a.ply").write_bytes(b"".join([*lines[:-2], b"x" + lines[-2][1:], lines[-1]]))
    with pytest.raises(FileError, match="row 1 of its vertex"):
        load_scene(tmp_path / "a.ply")
    (tmp_path / "a.ply").write_bytes(b"".join([*lines[:-1], b"1" * (1 << 20)]))
    with pytest.raises(FileError, match="has no end"):
        load_scene(tmp_path / "a.ply")


def test_rows_without_a_source_column_begin_at_nothing() -> None:
    """``inherit`` gives new rows the further properties of a row; what is not named is 0."""
    source = Source(structured(**(raw_columns(ball(3)) | {"tag": np.arange(3, dtype=np.int32) + 5})), "")
    made = ball(4).replace(source=source, row=np.array([2, -1, -1, 0], np.int32))
    rows = ply_write._rows(made, np.array([0, 1, -1, 1], np.int32))
    assert rows["tag"].tolist() == [7, 6, 0, 5]

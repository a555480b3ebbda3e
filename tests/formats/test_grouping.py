"""Gaussian Grouping folders: groups from a classifier that is read as data, never unpickled."""

from __future__ import annotations

import pickle
import pickletools
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from ft2os.errors import FileError
from ft2os.formats import archive as zips
from ft2os.formats import grouping, load_scene, save_ply
from ft2os.formats.torch_file import read_tensors
from tests.scenes import ball, write_ply


def test_a_real_folder(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "grouped" / "composite_gg"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    scene = load_scene(folder)
    truth = np.load(folder / "instance_ids_ground_truth.npy", allow_pickle=False)
    ids, counts = np.unique(truth, return_counts=True)
    assert scene.group_ids() == ids.tolist()
    assert [int(scene.mask(i).sum()) for i in ids] == counts.tolist()
    assert (scene.gaussians.group == truth).mean() > 0.999
    assert sorted(scene.labels) == ids.tolist()
    assert scene.resolve_group("robot") == 75
    assert (len(scene.cameras), scene.gaussians.degree, scene.format) == (24, 3, "gaussian-grouping")
    assert scene.settings["num_classes"] == 256
    save_ply(tmp_path / "out.ply", scene.gaussians)
    assert (tmp_path / "out.ply").read_bytes() == scene.path.read_bytes()


def test_below_the_confidence_a_gaussian_belongs_to_none() -> None:
    weight, bias = np.eye(3, 16, dtype=np.float32), np.zeros(3, np.float32)
    # With two other classes at 0, softmax passes 0.95 at a logit of log(2 · 0.95 / 0.05) = 3.638.
    identity = np.zeros((3, 16), np.float32)
    identity[0, 2], identity[1, 1] = 3.65, 3.62
    assert grouping.classify(identity, weight, bias).tolist() == [2, -1, -1]


def test_many_gaussians_are_classified_a_few_at_a_time(monkeypatch) -> None:
    monkeypatch.setattr(grouping, "_LOGITS", 12)  # four rows of three classes
    wanted = np.random.default_rng(0).integers(0, 3, 50)
    identity = np.zeros((50, 16), np.float32)
    identity[np.arange(50), wanted] = 20
    weight, bias = np.eye(3, 16, dtype=np.float32), np.zeros(3, np.float32)
    assert grouping.classify(identity, weight, bias).tolist() == wanted.tolist()


@pytest.mark.parametrize("parameters", [False, True], ids=["state_dict", "parameters"])
def test_reads_what_torch_writes(tmp_path: Path, parameters: bool) -> None:
    torch = pytest.importorskip("torch")
    layer = torch.nn.Conv2d(16, 5, 1)
    state = dict(layer.named_parameters()) if parameters else layer.state_dict()
    extra = {"half": torch.arange(6).half().reshape(2, 3), "part": torch.arange(9.0)[3:6]}
    torch.save({**state, **extra}, tmp_path / "classifier.pth")
    read = read_tensors(tmp_path / "classifier.pth", ("weight", "half", "part", "none"))
    assert list(read) == ["weight", "half", "part"]
    np.testing.assert_array_equal(read["weight"], layer.weight.detach().numpy())
    np.testing.assert_array_equal(read["half"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(read["part"], [3, 4, 5])


def checkpoint(path: Path, data: bytes, storage: bytes = bytes(16)) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/data/0", storage)
    return path


def read_w(path: Path) -> dict[str, np.ndarray]:
    return read_tensors(path, ("w",))


def tensor(*, key: str = "0", count: int = 4, offset: int = 0, shape=(4,), strides=(1,)) -> bytes:
    """The pickle of {"w": tensor} as torch writes it, with these numbers in it."""

    def number(n: int) -> bytes:
        return pickle.dumps(n, 2)[2:-1]  # without protocol and stop

    def numbers(values: tuple) -> bytes:
        return b"(" + b"".join(map(number, values)) + b"t"

    def text(value: str) -> bytes:
        return b"X" + len(value).to_bytes(4, "little") + value.encode()

    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu") + number(count)
    arguments = b"(" + storage + b"tQ" + number(offset) + numbers(shape) + numbers(strides) + b"\x89}t"
    return b"\x80\x02}" + text("w") + b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"Rs."


def test_the_pickle_of_these_tests_is_well_formed(tmp_path: Path) -> None:
    pickletools.dis(tensor(), out=(tmp_path / "listing").open("w"))
    read = read_w(checkpoint(tmp_path / "c.pth", tensor(), np.arange(4, dtype="<f4").tobytes()))
    assert read["w"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "numbers",
    [
        {"count": 10**9},
        {"count": -1},
        {"count": 2},
        {"offset": 1},
        {"offset": -1},
        {"shape": (5,)},
        {"shape": (-1,)},
        {"shape": (2, 2)},
        {"shape": (2**40, 2**40), "strides": (2**40, 1)},
        {"strides": (0,)},
        {"key": "../../../etc/passwd"},
        {"key": "7"},
    ],
    ids=str,
)
def test_tensors_that_reach_beyond_their_bytes_are_refused(tmp_path: Path, numbers: dict) -> None:
    with pytest.raises(FileError, match="not a plain PyTorch checkpoint"):
        read_w(checkpoint(tmp_path / "c.pth", tensor(**numbers)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b".",
        b"\x80\x02",
        b"cos\nsystem\n(X\x04\x00\x00\x00trueTR.",
        b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.",
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x02ccollections\nOrderedDict\nX\x01\x00\x00\x00a\x85R.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.",
        b"\x80\x02ctorch\nFloatStorage\n)R.",
        b"\x80\x02}K\x01K\x02s.",
        b"\x80\x02h\x07.",
        b"\x80\x02t.",
        b"\x80\x02\x87.",
        b"\x80\x02K\x01Q.",
        b"\x80\x02]b.",
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
        b"\x80\x02X\xff\xff\xff\x7fabc.",
        b"\x80\x02\x8bff.",
        b"(" * 5000 + b".",
        b"\x80\x02K\x05.",
    ],
)
def test_hostile_pickles_are_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(FileError, match="not a plain PyTorch checkpoint") as caught:
        read_w(checkpoint(tmp_path / "c.pth", data))
    assert caught.value.hint


def test_no_random_damage_escapes_as_anything_but_a_file_error(tmp_path: Path) -> None:
    whole = tensor()
    rng = np.random.default_rng(0)
    for _ in range(300):
        data = bytearray(whole)
        for at in rng.integers(0, len(data), 3):
            data[at] = rng.integers(0, 256)
        with suppress(FileError):
            read_w(checkpoint(tmp_path / "c.pth", bytes(data)))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_reads_every_type_and_protocol_that_torch_writes(tmp_path: Path, protocol: int) -> None:
    torch = pytest.importorskip("torch")
    kinds = (torch.float64, torch.int64, torch.int32, torch.float16, torch.float32)
    state = {str(kind): torch.arange(300).to(kind).reshape(2, 150) for kind in kinds}
    state |= {
        "one": torch.ones(1, 1, 1, 1, 1, 1, 1, 2),
        "none": torch.ones(0, 3),
        "number": torch.tensor(5.0),
    }
    state |= {"row": torch.arange(4.0)[None].T[:1], "flag": True, "word": "x", "count": 5, "wide": 2**40}
    torch.save(state, tmp_path / "c.pth", pickle_protocol=protocol)
    read = read_tensors(tmp_path / "c.pth", tuple(state))
    assert list(read) == [*map(str, kinds), "one", "none", "number", "row"]
    for name, array in read.items():
        np.testing.assert_array_equal(array, state[name].numpy())
        assert array.dtype == state[name].numpy().dtype


def test_a_tensor_has_eight_axes_at_most_and_lies_in_one_piece(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    for wrong, words in (
        (torch.ones(*(1,) * 9), "too many axes"),
        (torch.arange(6.0).reshape(2, 3).T, "not contiguous"),
        (torch.ones(3, dtype=torch.bfloat16), "BFloat16Storage, which no state_dict needs"),
    ):
        torch.save({"w": wrong}, tmp_path / "c.pth")
        with pytest.raises(FileError, match=words):
            read_w(tmp_path / "c.pth")


def test_a_checkpoint_of_a_big_endian_machine_is_refused(tmp_path: Path) -> None:
    for order in (b"little", b"big"):
        path = checkpoint(tmp_path / f"{order.decode()}.pth", tensor())
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("archive/byteorder", order)
    assert read_w(tmp_path / "little.pth")["w"].tolist() == [0] * 4
    with pytest.raises(FileError, match="big-endian"):
        read_w(tmp_path / "big.pth")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x80\x02K\x05.", "not a state_dict"),
        (b"\x80\x02}", "before seeing STOP"),
        (b"\x80\x02}\x87.", "stack is empty"),
        (b"\x80\x02]b.", "more than tensors"),
        (b"\x80\x02}K\x01K\x02s.", "not a name"),
        (b"\x80\x02K\x01K\x01K\x02s.", "not a dictionary"),
        (b"\x80\x02}(K\x01K\x01K\x02u.", "not a dictionary"),
        (b"\x80\x02ccollections\nOrderedDict\nX\x01\x00\x00\x00a\x85R.", "more than a state_dict"),
        (b"\x80\x02K\x01)R.", "not a function"),
        (b"\x80\x02ccollections\nOrderedDict\nK\x01R.", "not a function"),
        (b"\x80\x02ctorch\nFloatStorage\n)R.", "more than a state_dict"),
        (b"\x80\x02ctorch\nload\n.", "torch.load"),
        (b"\x80\x02cos\nFloatStorage\n.", "os.FloatStorage"),
        (b"\x80\x04K\x01K\x02\x93.", "no name"),
        (b"\x80\x04\x8c\x01aK\x02\x93.", "no name"),
        (b"\x80\x02(K\x01ctorch\nFloatStorage\nX\x01\x00\x00\x000K\x01K\x04tQ.", "unknown kind"),
    ],
)
def test_a_pickle_that_is_none_is_told_by_what_is_wrong(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(FileError, match=words):
        read_w(checkpoint(tmp_path / "c.pth", data))


def test_a_storage_is_as_large_as_its_tensors_need(tmp_path: Path) -> None:
    for numbers, words in (
        ({"count": 3}, "not as large as it says"),
        ({"shape": (5,)}, "larger than its storage"),
        ({"offset": 1}, "larger than its storage"),
        ({"key": "a/b"}, "without a name"),
        ({"key": "7"}, "."),
        ({"shape": (2, 2)}, "too many axes"),
        ({"shape": (-1,)}, "makes no sense"),
    ):
        with pytest.raises(FileError, match=words):
            read_w(checkpoint(tmp_path / "c.pth", tensor(**numbers)))
    part = read_w(
        checkpoint(tmp_path / "c.pth", tensor(offset=1, shape=(3,)), np.arange(4, dtype="<f4").tobytes())
    )
    assert part["w"].tolist() == [1, 2, 3]


def test_a_checkpoint_holds_one_pickle_of_a_kind_that_is_read(tmp_path: Path) -> None:
    for name in ("b", "archive/more"):
        path = checkpoint(tmp_path / "c.pth", tensor())
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(f"{name}/data.pkl", b"")
        with pytest.raises(FileError, match=r"no data\.pkl"):
            read_w(path)
    with zipfile.ZipFile(tmp_path / "c.pth", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("archive/data.pkl", tensor())
    with pytest.raises(FileError, match="unusual way"):
        read_w(tmp_path / "c.pth")
    whole = b"\x80\x02}" + b"." * ((64 << 10) - 3)
    assert read_w(checkpoint(tmp_path / "c.pth", whole)) == {}
    with pytest.raises(FileError, match="claims 65,537 bytes"):
        read_w(checkpoint(tmp_path / "c.pth", whole + b"."))
    with checkpoint(tmp_path / "c.pth", whole).open("ab") as stream:
        stream.truncate((16 << 20) + 1)
    with pytest.raises(FileError, match="16,777,217 bytes"):
        read_w(tmp_path / "c.pth")


def test_a_file_in_a_zip_is_read_up_to_its_bound(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(3 << 20))
    with zips.opened(tmp_path / "a.zip") as archive:
        assert zips.read(archive, "a", 3 << 20) == bytes(3 << 20)
        with pytest.raises(ValueError, match="claims 3,145,728 bytes"):
            zips.read(archive, "a", (3 << 20) - 1)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for i in range(12_000):
            archive.writestr(f"{i:050d}", b"")
    with pytest.raises(ValueError, match="list of files is too long"), zips.opened(tmp_path / "b.zip"):
        pass


@pytest.mark.parametrize(
    ("weight", "bias", "taken"),
    [
        ((4096, 16, 1, 1), (4096,), True),
        ((4097, 16, 1, 1), (4097,), False),
        ((3, 16), (3,), True),
        ((16, 3), (3,), False),
        ((3, 17, 1, 1), (3,), False),
        ((3, 16, 2, 1), (3,), False),
    ],
)
def test_a_classifier_is_a_convolution_of_16_features(tmp_path: Path, weight, bias, taken) -> None:
    torch = pytest.importorskip("torch")
    state = {"weight": torch.rand(*weight, dtype=torch.float64), "bias": torch.rand(*bias)}
    torch.save(state, tmp_path / "c.pth")
    if taken:
        found = grouping.read_classifier(tmp_path / "c.pth")
        np.testing.assert_array_equal(found[0], state["weight"].reshape(bias[0], 16).float())
        np.testing.assert_array_equal(found[1], state["bias"])
        assert (found[0].dtype, found[1].dtype) == (np.float32, np.float32)
    else:
        with pytest.raises(FileError, match="not Gaussian Grouping's"):
            grouping.read_classifier(tmp_path / "c.pth")
    for name in state:
        torch.save(state | {name: state[name] * float("nan")}, tmp_path / "nan.pth")
        torch.save({k: v for k, v in state.items() if k != name}, tmp_path / "half.pth")
        for path, words in (("nan.pth", "NaN" if taken else "not Gaussian"), ("half.pth", "not Gaussian")):
            with pytest.raises(FileError, match=words):
                grouping.read_classifier(tmp_path / path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Other(a=1)", "not a Namespace"),
        ("5", "not a Namespace"),
        ("Namespace(5)", "without names"),
        ("Namespace(**{})", "without names"),
    ],
)
def test_settings_are_a_namespace_of_names(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "cfg_args").write_text(text)
    with pytest.raises(FileError, match=words):
        grouping.read_cfg_args(tmp_path / "cfg_args")
    (tmp_path / "cfg_args").write_text("\n Namespace() ")
    assert grouping.read_cfg_args(tmp_path / "cfg_args") == {}


def test_a_scene_is_grouped_by_the_classifier_beside_it(tmp_path: Path) -> None:
    """Also where some of its rows are left out: each row of the file keeps its own."""
    torch = pytest.importorskip("torch")
    identity = np.zeros((6, 16), np.float32)
    identity[range(6), [2, 1, 0, 2, 1, 0]] = 20
    identity[4] = 0  # nothing certain
    scene = ball(6).replace(identity=identity)
    opacity = np.float32([0, np.nan, 0, 0, 0, 0])
    write_ply(tmp_path / "a.ply", scene, change={"opacity": opacity})
    assert load_scene(tmp_path / "a.ply", drop_invalid=True).gaussians.group is None
    torch.save({"weight": torch.eye(3, 16), "bias": torch.zeros(3)}, tmp_path / "classifier.pth")
    found = load_scene(tmp_path / "a.ply", drop_invalid=True)
    assert found.gaussians.group.tolist() == [2, 0, 2, -1, 0]
    assert found.gaussians.source.group.tolist() == [2, -1, 0, 2, -1, 0]
    assert found.format == "gaussian-grouping"
    own = np.array([7, 7, 7, 7, 7, 7], np.int32)
    write_ply(tmp_path / "a.ply", scene.replace(group=own))
    assert load_scene(tmp_path / "a.ply").gaussians.group.tolist() == [7] * 6  # the file knows better


def test_beats_come_before_each_part(monkeypatch) -> None:
    monkeypatch.setattr(grouping, "_LOGITS", 12)
    beats: list[int] = []
    weight, bias = np.eye(3, 16, dtype=np.float32), np.zeros(3, np.float32)
    found = grouping.classify(np.zeros((9, 16), np.float32), weight, bias, lambda: beats.append(1))
    assert (len(beats), found.dtype) == (3, np.int32)

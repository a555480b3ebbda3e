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
from ft2os.formats import grouping, load_scene, save_ply
from ft2os.formats.torch_file import read_tensors


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

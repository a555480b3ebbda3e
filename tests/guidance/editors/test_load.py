"""What is refused before it costs anything: models that do not fit, foreign parts, weights and code."""

from __future__ import annotations

import json
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("diffusers")

from safetensors.torch import load_file, save_file

from ft2os.errors import FileError, MissingError
from ft2os.guidance import editors
from ft2os.guidance.editors import Options, catalogue, headers, load, plan
from ft2os.guidance.editors.plan import Machine
from tests.tiny_editors import SIDE

GB = 10**9
UNET = Path("unet") / "diffusion_pytorch_model.safetensors"


@pytest.fixture
def copied(pix2pix, tmp_path) -> Path:
    """A copy of the tiny pipeline to damage."""
    return Path(shutil.copytree(pix2pix, tmp_path / "model"))


def edited(folder: Path, task):
    return editors.edit(editors.find(str(folder), Options(side=SIDE, steps=1)), task, lambda share: None)


@pytest.mark.parametrize(
    ("memory", "beside", "row", "mode"),
    [
        (24, 64, "klein-4b", "full"),
        (12, 32, "klein-4b", "offload"),
        (12, 8, "klein-4b", None),
        (6, 32, "ip2p", "full"),
        (24, 16, "kontext", None),
        (80, 128, "kontext", "full"),
        (16, 64, "sdxl-ip2p", "full"),
    ],
)
def test_a_model_is_held_as_the_memory_allows(memory, beside, row, mode, monkeypatch):
    monkeypatch.setattr(plan, "find_spec", lambda name: None)  # no bitsandbytes
    held = plan.plan_row(Machine("cuda", memory * GB, beside * GB), catalogue.rows()[row])
    assert (held.mode if held else None) == mode
    assert held is None or held.width == 2


def test_four_bits_come_before_offload_where_they_can_be_had(monkeypatch):
    machine, klein = Machine("cuda", 12 * GB, 32 * GB), catalogue.rows()["klein-4b"]
    monkeypatch.setattr(plan, "find_spec", lambda name: name)
    assert plan.plan_row(machine, klein).mode == "4bit"
    assert plan.plan_row(machine, klein, "offload").mode == "offload"
    assert plan.plan_row(machine, klein, "full") is None


def test_without_a_gpu_only_the_small_one_runs():
    machine = Machine("cpu", 64 * GB, 64 * GB)
    fitting = [row.name for row in catalogue.rows().values() if plan.plan_row(machine, row)]
    assert fitting == ["ip2p"]
    assert plan.plan_row(machine, catalogue.rows()["ip2p"]).width == 4


def test_what_does_not_fit_is_refused_and_another_named():
    rows = catalogue.rows()
    small = Machine("cuda", 6 * GB, 32 * GB)
    error = plan.refusal(small, rows["kontext"].title, rows["kontext"].parameters, "auto")
    assert "33.7 GB" in error.message
    assert "6.0 GB" in error.message
    assert error.hint.startswith("Close other programs, or use ip2p, the editor folder")
    none = plan.refusal(
        Machine("cpu", 1 * GB, 1 * GB), rows["kontext"].title, rows["kontext"].parameters, "auto"
    )
    assert "needs an NVIDIA GPU" in none.message
    assert none.hint.startswith("Use the editor folder")


def test_nothing_is_loaded_where_there_is_too_little_memory(pix2pix, monkeypatch):
    monkeypatch.setattr(load, "load", lambda *a: pytest.fail("it was loaded"))
    with pytest.raises(MissingError, match="does not fit"):
        editors.find(str(pix2pix), memory=1 << 20)
    with pytest.raises(MissingError, match="does not fit"):
        editors.find("ip2p", memory=1 << 20)


def test_weights_that_are_not_here_are_asked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("FT2OS_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("FT2OS_CACHE", str(tmp_path))
    for download in (False, True):  # the licence was never accepted, so allowing downloads is not enough
        with pytest.raises(MissingError, match="weights of InstructPix2Pix") as caught:
            editors.find("ip2p", memory=100 * GB, download=download)
        for fact in ("4.3 GB", "licence", "huggingface.co/timbrooks/instruct-pix2pix", str(tmp_path)):
            assert fact in caught.value.hint
        assert "ft2os editors fetch ip2p --accept-licence" in caught.value.hint


def test_auto_is_the_first_that_is_here_and_fits(monkeypatch, tmp_path, pix2pix):
    monkeypatch.setenv("FT2OS_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("FT2OS_CACHE", str(tmp_path))
    monkeypatch.setattr(plan.device, "has_driver", lambda: False)
    with pytest.raises(MissingError, match="no editor of pictures ready") as caught:
        editors.find("auto", memory=100 * GB)
    assert "(ip2p)" in caught.value.hint
    with pytest.raises(MissingError) as caught:
        editors.find("auto", memory=1 * GB)
    assert caught.value.hint.startswith("Use a folder")
    shutil.copytree(pix2pix, tmp_path / "editors" / "ip2p")
    assert editors.find("auto", memory=100 * GB).name == "ip2p"


def test_missing_packages_are_named(pix2pix, monkeypatch):
    monkeypatch.setattr(load, "find_spec", lambda name: None if name == "diffusers" else name)
    with pytest.raises(MissingError, match="not installed: diffusers") as caught:
        editors.find(str(pix2pix))
    assert "ft2os[diffusion]" in caught.value.hint


def test_tensors_that_a_checkpoint_lacks_are_named(copied, task):
    tensors = load_file(copied / UNET)
    del tensors["conv_in.weight"]
    save_file(tensors, copied / UNET)
    with pytest.raises(FileError, match=r"1 missing \(conv_in\.weight\)"):
        edited(copied, task)


def test_tensors_of_another_shape_are_named(copied, task):
    tensors = load_file(copied / UNET)
    tensors["conv_in.weight"] = tensors["conv_in.weight"][:, :4].contiguous()
    save_file(tensors, copied / UNET)
    with pytest.raises(FileError, match=r"conv_in\.weight"):
        edited(copied, task)


def test_another_model_s_checkpoint_is_refused(copied, klein, task):
    other = klein / "transformer" / "diffusion_pytorch_model.safetensors"
    shutil.copy(other, copied / UNET)
    with pytest.raises(FileError, match="another model than its config says"):
        edited(copied, task)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"unet": ["my_code", "UNet"]}, "code of its own"),
        ({"_class_name": "StableDiffusionPipeline"}, "no editor of pictures"),
        ({"unet": [None, None]}, "lacks parts .*unet"),
        ({"unet": ["diffusers", "os.system"]}, "code of its own"),
        ({"unet": ["diffusers", "NoSuchUNet"]}, "has no NoSuchUNet"),
        ({"unet": ["diffusers", "logging"]}, "has no logging"),
    ],
)
def test_an_index_that_asks_for_something_else(copied, entry, said, task):
    index = copied / "model_index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), **entry}))
    with pytest.raises(FileError, match=said):
        edited(copied, task)


def test_pickles_are_not_loaded(copied):
    (copied / UNET).rename((copied / UNET).with_suffix(".bin"))
    with pytest.raises(FileError, match="no safetensors"):
        editors.find(str(copied))


@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "claims"])
def test_damaged_safetensors_are_refused_by_their_header(copied, damage):
    content = (copied / UNET).read_bytes()
    header = json.dumps({"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}).encode()
    spoilt = {
        "cut": content[: len(content) // 2],
        "noise": b"\xff" * 512,
        "empty": b"",
        "claims": struct.pack("<Q", len(header)) + header,
    }
    (copied / UNET).write_bytes(spoilt[damage])
    with pytest.raises(FileError):
        editors.find(str(copied))


def test_a_header_counts_what_a_file_holds(pix2pix):
    found = headers.read(pix2pix / UNET)
    tensors = load_file(pix2pix / UNET)
    assert {name: entry.shape for name, entry in found.items()} == {
        n: tuple(t.shape) for n, t in tensors.items()
    }
    assert sum(entry.numbers for entry in found.values()) == sum(t.numel() for t in tensors.values())


def test_a_lora_that_the_row_needs_must_lie_beside_it(pix2pix, task):
    row = replace(catalogue.rows()["ip2p"], lora={"hub": "h", "file": "steps.safetensors", "licence": "MIT"})
    source = load.examine(pix2pix, row)
    with pytest.raises(FileError, match=r"steps\.safetensors"):
        load.load(source, plan.Plan("full", "cpu", 4), lambda share: None)


def test_a_lora_is_fused(pix2pix, tmp_path):
    pytest.importorskip("peft")
    import torch

    folder = Path(shutil.copytree(pix2pix, tmp_path / "model"))
    row = replace(catalogue.rows()["ip2p"], lora={"hub": "h", "file": "steps.safetensors", "licence": "MIT"})
    name = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    torch.manual_seed(0)
    before = load_file(folder / UNET)[f"{name}.weight"]
    down, up = torch.randn(2, before.shape[1]), torch.randn(before.shape[0], 2)
    (folder / "lora").mkdir()
    save_file(
        {f"unet.{name}.lora_A.weight": down, f"unet.{name}.lora_B.weight": up},
        folder / "lora" / "steps.safetensors",
    )
    pipe = load.load(load.examine(folder, row), plan.Plan("full", "cpu", 4), lambda share: None)
    after = pipe.unet.get_submodule(name).weight
    torch.testing.assert_close(after, before + up @ down, atol=1e-5, rtol=0)

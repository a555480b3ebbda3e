"""Multi-reward conditioning against a plain reference from its formulas; checkpoints not its own."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

pytest.importorskip("diffusers")

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from ft2os.errors import FileError, RequestError
from ft2os.guidance import editors
from ft2os.guidance.editors import Options
from tests import tiny_editors


@pytest.fixture(scope="module")
def pipe():
    return tiny_editors.instruct_pix2pix()


@pytest.fixture(scope="module")
def reward(pipe):
    """A reward network of large random numbers, so that it does something."""
    from ft2os.guidance.editors.reward import Reward

    torch.manual_seed(3)
    network = Reward.of(pipe.unet).eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter.normal_(0, 0.15)
    return network


@pytest.fixture(scope="module")
def checkpoint(pipe, reward, tmp_path_factory):
    path = tmp_path_factory.mktemp("reward") / "unet.safetensors"
    save_file({**pipe.unet.state_dict(), **reward.state_dict()}, path)
    return path


def sinusoid(score: float) -> torch.Tensor:  # [256]
    angles = [score * math.exp(-math.log(10000) * i / 128) for i in range(128)]
    return torch.tensor([*map(math.cos, angles), *map(math.sin, angles)])


def reference(unet, P, z, t, text, scores, none):
    """The whole UNet with its conditioning, from the formulas and the checkpoint's tensors by name."""

    def linear(name, x):
        return x @ P[name + ".weight"].T + P[name + ".bias"]

    def perceptron(name):
        x = linear(name + ".linear_1", R)
        return linear(name + ".linear_2", x * torch.sigmoid(x))

    def norm(name, y):
        centred = y - y.mean(-1, keepdim=True)
        variance = (centred**2).mean(-1, keepdim=True)
        return centred / (variance + 1e-12).sqrt() * P[name + ".weight"] + P[name + ".bias"]

    R = torch.cat([sinusoid(score) for score in scores])[None]
    time = unet.time_embedding(unet.time_proj(t.expand(len(z))))
    time = time + perceptron("add_embedding") + linear("text_linear2", none)
    x = unet.conv_in(z)
    b, c, h, w = x.shape
    groups = x.reshape(b, 32, -1)
    groups = (groups - groups.mean(-1, keepdim=True)) / (groups.var(-1, False, keepdim=True) + 1e-6).sqrt()
    weight, bias = (P[f"proj_deal.norm.{name}"].view(1, c, 1, 1) for name in ("weight", "bias"))
    normed = groups.reshape(b, c, h, w) * weight + bias
    query = torch.einsum("bchw,dc->bhwd", normed, P["proj_deal.proj_in.weight"][..., 0, 0])
    query = query.reshape(b, h * w, c) + P["proj_deal.proj_in.bias"]
    told = torch.stack([perceptron("add_embedding2"), linear("text_linear", none)], 1).expand(b, -1, -1)
    q, k, v = (
        linear(f"ca.attention.self.{name}", of)
        for name, of in (("query", query), ("key", told), ("value", told))
    )
    seen = torch.empty_like(query)
    for head in range(8):
        part = slice(head * c // 8, (head + 1) * c // 8)
        weights = torch.softmax(q[..., part] @ k[..., part].transpose(1, 2) / math.sqrt(c // 8), -1)
        seen[..., part] = weights @ v[..., part]
    y = norm("ca.attention.output.LayerNorm", linear("ca.attention.output.dense", seen) + query)
    inner = linear("ca.hidden_intermediate.dense", y)
    inner = inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2)))
    y = norm("ca.output.LayerNorm", linear("ca.output.dense", inner) + y)
    grid = y.reshape(b, h, w, c).permute(0, 3, 1, 2)
    x = x + F.conv2d(grid, P["proj_deal.proj_out.weight"], P["proj_deal.proj_out.bias"])
    return stock_blocks(unet, x, time, text)


def stock_blocks(unet, x, time, text):
    """The UNet behind ``conv_in``."""
    kept = [x]
    for block in unet.down_blocks:
        words = {"encoder_hidden_states": text} if getattr(block, "has_cross_attention", False) else {}
        x, more = block(hidden_states=x, temb=time, **words)
        kept += list(more)
    x = unet.mid_block(x, time, encoder_hidden_states=text)
    for block in unet.up_blocks:
        count = len(block.resnets)
        skips, kept = tuple(kept[-count:]), kept[:-count]
        words = {"encoder_hidden_states": text} if getattr(block, "has_cross_attention", False) else {}
        x = block(hidden_states=x, temb=time, res_hidden_states_tuple=skips, **words)
    return unet.conv_out(unet.conv_act(unet.conv_norm_out(x)))


@torch.no_grad()
def test_it_equals_the_reference_and_off_it_is_stock_to_the_bit(pipe, reward):
    from ft2os.guidance.editors.reward import pooled

    torch.manual_seed(0)
    z, t, text = torch.randn(3, 8, 16, 16), torch.tensor(500), torch.randn(3, 16, 32)
    none = pooled(pipe)
    stock = pipe.unet(z, t, text).sample
    with reward.on(pipe.unet, (5, 4, 2.5), none):
        on = pipe.unet(z, t, text).sample
    with reward.on(pipe.unet, (0, 4, 2.5), none):
        less = pipe.unet(z, t, text).sample
    wanted = reference(pipe.unet, reward.state_dict(), z, t, text, (5, 4, 2.5), none)
    assert (on - wanted).abs().max() <= 1e-5
    assert (on - stock).abs().max() > 1e-2
    assert (on - less).abs().max() > 1e-3
    assert torch.equal(pipe.unet(z, t, text).sample, stock)


def test_it_has_the_published_tensors():
    """34 tensors and 5.03 million parameters on top of Stable Diffusion's UNet."""
    from ft2os.guidance.editors.reward import Reward

    with torch.device("meta"):
        tensors = Reward().state_dict()
    assert len(tensors) == 34
    assert round(sum(tensor.numel() for tensor in tensors.values()) / 1e6, 2) == 5.03
    assert tensors["ca.attention.self.query.weight"].shape == (320, 320)
    assert tensors["add_embedding.linear_1.weight"].shape == (1280, 768)
    assert tensors["text_linear2.weight"].shape == (1280, 768)


@pytest.mark.parametrize("scores", [(5, 5), (5, 5, 6), (-1, 0, 0)])
def test_scores_out_of_range(pipe, reward, scores):
    with pytest.raises(RequestError), reward.on(pipe.unet, scores, torch.zeros(1, 32)):
        pass


def test_an_editor_takes_a_checkpoint_with_its_scores(pix2pix, checkpoint, task):
    small = {"side": tiny_editors.SIDE, "steps": 2}
    stock = editors.find(str(pix2pix), Options(**small))
    best, worst = (
        editors.find(str(pix2pix), Options(**small, reward=str(checkpoint), quality=quality))
        for quality in (5.0, 0.0)
    )
    pictures = [editors.edit(editor, task, lambda share: None)[0] for editor in (stock, best, worst)]
    assert np.abs(pictures[0] - pictures[1]).max() > 1e-3
    assert np.abs(pictures[1] - pictures[2]).max() > 1e-4


def spoil(path, tensors, how):
    if how == "missing":
        tensors.pop("ca.output.dense.bias")
    elif how == "unknown":
        tensors["img_linear.weight"] = torch.zeros(2)
    else:
        tensors["text_linear.weight"] = torch.zeros(3, 3)
    save_file(tensors, path) if path.suffix == ".safetensors" else torch.save(tensors, path)


@pytest.mark.parametrize("ending", ["safetensors", "bin"])
@pytest.mark.parametrize(
    ("how", "named"),
    [("missing", "ca.output.dense.bias"), ("unknown", "img_linear.weight"), ("shape", "text_linear.weight")],
)
def test_tensors_that_differ_are_named(pipe, reward, tmp_path, how, named, ending):
    from ft2os.guidance.editors.reward import load

    path = tmp_path / f"unet.{ending}"
    spoil(path, {**pipe.unet.state_dict(), **reward.state_dict()}, how)
    with pytest.raises(FileError, match=named):
        load(path, pipe.unet)


def test_damaged_and_hostile_files_are_refused(pipe, checkpoint, tmp_path):
    from ft2os.guidance.editors.reward import load

    class Runs:
        def __reduce__(self):
            return (pytest.fail, ("the pickle ran",))

    hostile, cut, noise = (tmp_path / name for name in ("unet.bin", "cut.safetensors", "noise.safetensors"))
    hostile.write_bytes(pickle.dumps(Runs()))
    cut.write_bytes(checkpoint.read_bytes()[:-100])
    noise.write_bytes(b"\xff" * 64)
    for path in (hostile, cut, noise, tmp_path / "nosuch.safetensors"):
        with pytest.raises(FileError):
            load(path, pipe.unet)


def test_a_bin_of_tensors_is_read(pipe, reward, tmp_path):
    from ft2os.guidance.editors.reward import load

    path = tmp_path / "unet.bin"
    torch.save({**pipe.unet.state_dict(), **reward.state_dict()}, path)
    loaded = load(path, pipe.unet)
    for name, tensor in reward.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)

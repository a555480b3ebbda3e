"""Where weights are looked for, in which order, and what may be asked of the network."""

from __future__ import annotations

import os
import sys
import urllib.error
from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from ft2os.errors import FileError, MissingError, RequestError  # noqa: E402
from ft2os.guidance import clip_judge, lpips_distance, perceptual, torchvision_shim, weights  # noqa: E402
from tests import tiny_clip  # noqa: E402


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A machine without weights, and with nothing said in its environment."""
    for name in ("HOME", "XDG_CACHE_HOME", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("FT2OS_CACHE", str(tmp_path / "cache"))
    for name in ("FT2OS_WEIGHTS", "FT2OS_TEST_DATA", "FT2OS_CLIP", "FT2OS_DOWNLOAD", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


def touched(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_the_users_folder_comes_before_the_cache(empty, monkeypatch):
    assert weights.weight_folders() == [empty / "cache" / "weights", empty / "cache"]
    monkeypatch.setenv("FT2OS_WEIGHTS", str(empty / "mine"))
    assert weights.weight_folders() == [empty / "mine", empty / "cache" / "weights", empty / "cache"]


def test_of_several_files_the_first_of_the_order_is_taken(empty, monkeypatch):
    monkeypatch.setenv("FT2OS_WEIGHTS", str(empty / "mine"))
    config = {"url": "https://x.org/y/plain.pt"}
    places = [
        empty / "home" / ".cache" / "clip" / "plain.pt",
        empty / "cache" / "M-t.pt",
        empty / "cache" / "weights" / "M-t.pt",
        empty / "mine" / "M-t.pt",
        empty / "mine" / "M-t.bin",
        empty / "mine" / "M-t.safetensors",
    ]
    assert weights.find_clip("M", "t", config) is None
    for place in places:
        touched(place)
        assert weights.find_clip("M", "t", config) == place
    assert weights.find_clip("M", "other", {}) is None


def test_what_the_hub_left_here_is_found(empty, monkeypatch):
    from huggingface_hub import _CACHED_NO_EXIST

    held: dict = {}

    def cached(repository, name):
        return held.get((repository, name))

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", cached)
    whole, named = {"hf_hub": "org/model/"}, {"hf_hub": "org/model/some.bin"}
    assert weights.find_clip("M", "t", whole) is None
    held["org/model", "open_clip_pytorch_model.bin"] = "/hub/model.bin"
    held["org/model", "open_clip_model.safetensors"] = _CACHED_NO_EXIST
    held["org/model", "some.bin"] = "/hub/some.bin"
    assert weights.find_clip("M", "t", whole) == Path("/hub/model.bin")
    assert weights.find_clip("M", "t", named) == Path("/hub/some.bin")
    held["org/model", "open_clip_model.safetensors"] = "/hub/model.safetensors"
    held["org/model", "some.safetensors"] = "/hub/some.safetensors"
    assert weights.find_clip("M", "t", whole) == Path("/hub/model.safetensors")
    assert weights.find_clip("M", "t", named) == Path("/hub/some.safetensors")


@pytest.mark.parametrize(
    ("download", "offline", "may"),
    [("1", None, True), ("yes", None, True), ("True", "0", True), ("on", "", True),
     (None, None, False), ("0", None, False), ("1", "1", False), ("1", "on", False)],
)  # fmt: skip
def test_downloading_is_a_word_of_the_users(empty, monkeypatch, download, offline, may):
    for name, value in (("FT2OS_DOWNLOAD", download), ("HF_HUB_OFFLINE", offline)):
        if value is not None:
            monkeypatch.setenv(name, value)
    assert weights.may_download() is may


def test_where_weights_would_come_from():
    assert weights.source({"hf_hub": "org/model/", "url": "https://x.org/a.pt"}) == "huggingface.co/org/model"
    assert weights.source({"url": "https://x.org/a.pt"}) == "https://x.org/a.pt"
    assert weights.source({}) == "its hub"


class Answer:
    def __init__(self, status: int) -> None:
        self.status = status

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(("status", "reachable"), [(200, True), (399, True), (400, False), (503, False)])
def test_a_hub_that_answers_is_reachable(empty, monkeypatch, status, reachable):
    asked = []

    def urlopen(request, timeout):
        asked.append((request.full_url, request.method, timeout))
        return Answer(status)

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    assert weights.hub_reachable() is reachable
    assert asked == [("https://huggingface.co", "HEAD", 3.0)]
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.org")
    weights.hub_reachable(1.5)
    assert asked[1] == ("https://mirror.org", "HEAD", 1.5)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert weights.hub_reachable() is False
    assert len(asked) == 2


def test_a_hub_with_an_error_is_not_reachable(empty, monkeypatch):
    def urlopen(request, timeout):
        raise urllib.error.URLError("no such host")

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    assert weights.hub_reachable() is False


def test_features_are_looked_for_by_folder_then_by_name(empty, monkeypatch):
    patterns = ("a*.safetensors", "a*.pth")
    assert perceptual.find_features(patterns) is None
    monkeypatch.setenv("FT2OS_TEST_DATA", str(empty / "data"))
    monkeypatch.setenv("FT2OS_WEIGHTS", str(empty / "mine"))
    places = [
        empty / "data" / "perceptual" / "a.safetensors",
        empty / "home" / "hub" / "checkpoints" / "a.pth",
        empty / "cache" / "a.pth",
        empty / "mine" / "ab.pth",
        empty / "mine" / "aa.pth",
        empty / "mine" / "az.safetensors",
    ]
    for place in places:
        touched(place)
        assert perceptual.find_features(patterns) == place


# CLIP


def test_of_several_checkpoints_the_safest_is_taken(tmp_path):
    assert clip_judge._checkpoint(tmp_path) is None
    touched(tmp_path / "notes.txt")
    assert clip_judge._checkpoint(tmp_path) is None
    for name in ("z.pt", "y.pth", "x.bin", "b.safetensors", "a.safetensors"):
        assert clip_judge._checkpoint(tmp_path) != touched(tmp_path / name)
        assert clip_judge._checkpoint(tmp_path).name == name


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ('{"embed_dim": 1, "vision_cfg": {}, "text_cfg": {}, "more": 1}', True),
        ('{"embed_dim": 1, "vision_cfg": {}}', False),
        ('["embed_dim", "vision_cfg", "text_cfg"]', False),
        ("{", False),
    ],
)
def test_a_models_config_is_known_by_its_parts(tmp_path, text, is_one):
    (tmp_path / "a.json").write_text(text)
    assert clip_judge._is_model_config(tmp_path / "a.json") is is_one


def test_a_folder_without_a_config_says_so(tmp_path):
    folder = tiny_clip.write(tmp_path / "unlabelled")
    (folder / "open_clip_config.json").write_text("{}")
    (folder / "open_clip_config.json").rename(folder / "other.json")
    with pytest.raises(MissingError, match="no CLIP config"):
        clip_judge.load(str(folder))
    with pytest.raises(MissingError, match="no folder"):
        clip_judge.load(str(tmp_path / "absent" / "folder"))


def test_the_environment_names_the_judge(empty, monkeypatch, tmp_path):
    folder = str(tiny_clip.write(tmp_path / "named-by-env"))
    assert not clip_judge.available()
    monkeypatch.setenv("FT2OS_CLIP", folder)
    assert clip_judge.available()
    assert clip_judge.load().name == f"{folder} openai"
    assert clip_judge.load() is clip_judge.load(folder)
    other = str(tiny_clip.write(tmp_path / "other"))
    assert clip_judge.load(other).name == f"{other} openai"


def test_weights_that_lie_here_are_available_and_loaded_with_their_tags_look(empty, monkeypatch):
    """A tag brings the pictures' normalisation and the activation; an unknown tag brings nothing."""
    import open_clip

    tiny_clip.register(empty / "config", "tagged")
    torch.manual_seed(1)
    network = open_clip.create_model("tagged")
    monkeypatch.setenv("FT2OS_WEIGHTS", str(empty / "mine"))
    tag = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "quick_gelu": True}
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda model, name: tag if name == "openai" else {})
    assert not clip_judge.available("tagged")
    (empty / "mine").mkdir()
    torch.save(network.state_dict(), empty / "mine" / "tagged-openai.pt")
    assert clip_judge.available("tagged")
    assert clip_judge.available("tagged", "openai")
    assert not clip_judge.available("tagged", "mine")
    torch.save(network.state_dict(), empty / "mine" / "tagged-mine.pt")
    assert clip_judge.available("tagged", "mine")
    judge = clip_judge.load("tagged")
    assert judge.name == "tagged openai"
    images = torch.rand(2, 3, 32, 32)
    mean, std = (torch.tensor(tag[k]).view(1, 3, 1, 1) for k in ("mean", "std"))
    with torch.no_grad():
        plain = judge.model.encode_image((images - mean) / std)
    torch.testing.assert_close(judge.embed_images(images), torch.nn.functional.normalize(plain, dim=-1))
    torch.testing.assert_close(judge.model.visual.proj, network.visual.proj)
    gelus = {type(part).__name__ for part in judge.model.modules() if "GELU" in type(part).__name__}
    assert gelus == {"QuickGELU"}
    with pytest.raises(RequestError, match='no weights "mine"'):
        clip_judge.load("tagged", "mine")


def test_without_a_word_from_the_user_the_hubs_own_library_is_told_to_stay_offline(empty, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("FT2OS_DOWNLOAD", "1")
    clip_judge._open_clip()
    assert "HF_HUB_OFFLINE" not in os.environ
    monkeypatch.delenv("FT2OS_DOWNLOAD")
    clip_judge._open_clip()
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_a_download_that_is_allowed_asks_for_the_tag(empty, monkeypatch):
    import open_clip

    tiny_clip.register(empty / "config", "fetched")
    monkeypatch.setenv("FT2OS_DOWNLOAD", "1")
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda model, name: {"hf_hub": "org/model/"})
    monkeypatch.setattr(weights, "hub_reachable", lambda: True)
    asked = []

    def create(name, **options):
        asked.append((name, options))
        raise RuntimeError("\n")

    monkeypatch.setattr(open_clip, "create_model", create)
    with pytest.raises(RequestError, match="cannot be loaded: RuntimeError"):
        clip_judge.load("fetched", "tag")
    assert asked == [
        ("fetched", {"pretrained": "tag", "force_quick_gelu": False, "force_preprocess_cfg": {},
                     "pretrained_text": False, "weights_only": True})
    ]  # fmt: skip


def test_without_open_clip_the_engine_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(MissingError) as caught:
        clip_judge._open_clip()
    assert "ft2os[engine]" in caught.value.hint
    assert not clip_judge.available("ViT-B-32")


# LPIPS


def alexnet(folder: Path) -> dict:
    """AlexNet's convolutions of random weights in torchvision's layout, saved where they are looked for."""
    shapes = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
    generator = torch.Generator().manual_seed(0)
    state = {}
    for index, (out, into, side) in shapes.items():
        state[f"features.{index}.weight"] = torch.randn(out, into, side, side, generator=generator).half()
        state[f"features.{index}.bias"] = torch.randn(out, generator=generator).half()
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / "alexnet-test.pth")
    return state


def test_lpips_judges_with_the_convolutions_that_lie_here(empty, monkeypatch):
    pytest.importorskip("lpips")
    monkeypatch.setenv("FT2OS_WEIGHTS", str(empty / "mine"))
    with pytest.raises(MissingError, match="AlexNet"):
        lpips_distance.load_lpips()
    state = alexnet(empty / "mine")
    network = lpips_distance.load_lpips()
    held = {}
    for part in range(1, 6):
        held |= dict(getattr(network.net, f"slice{part}").named_children())
    for name, tensor in state.items():
        _, index, kind = name.split(".")
        assert torch.equal(getattr(held[index], kind), tensor.float())
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    del state["features.8.bias"]
    torch.save(state, empty / "mine" / "alexnet-test.pth")
    with pytest.raises(FileError, match="AlexNet's convolutions"):
        lpips_distance.load_lpips()


def test_without_the_package_of_lpips_the_engine_is_named(monkeypatch):
    monkeypatch.setattr(lpips_distance.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match="lpips is not installed"):
        lpips_distance.load_lpips()


# torchvision


NMS = RuntimeError("operator torchvision::nms does not exist")


@pytest.mark.parametrize(
    ("errors", "declared"),
    [
        ([RuntimeError("other")], 0),
        ([ImportError("none")], 0),
        ([NMS, RuntimeError("still")], 1),
        ([NMS, ImportError("still")], 1),
    ],
)
def test_a_torchvision_that_does_not_fit_is_said(monkeypatch, errors, declared):
    def fails(name):
        raise left.pop(0)

    left, done = list(errors), []
    monkeypatch.setattr(torchvision_shim.importlib, "import_module", fails)
    monkeypatch.setattr(torchvision_shim, "_declare", lambda: done.append(True))
    monkeypatch.setattr(
        torchvision_shim, "sys", SimpleNamespace(modules={"torchvision": 1, "torchvision.a": 2})
    )
    with pytest.raises(MissingError, match="torchvision cannot be imported"):
        torchvision_shim.ensure()
    assert len(done) == declared
    assert not left
    assert bool(torchvision_shim.sys.modules) != declared  # what a failed import left behind is forgotten


def test_a_file_that_is_not_there_is_missing(tmp_path):
    for name in ("a.pth", "a.safetensors"):
        with pytest.raises(MissingError, match="no file"):
            perceptual.read_state(tmp_path / name)


def test_vggs_weights_are_frozen_and_its_layers_those_asked_for(tmp_path):
    torch.manual_seed(0)
    torch.save(perceptual.Vgg16().state_dict(), tmp_path / "vgg16.pth")
    network = perceptual.load_vgg(tmp_path / "vgg16.pth")
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    assert list(network.layers(torch.rand(1, 3, 8, 8), list(perceptual._LAYERS.values()))) == [
        "relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_2", "relu3_3",
    ]  # fmt: skip
    assert network.layers(torch.rand(1, 3, 8, 8), []) == {}

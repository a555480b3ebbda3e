"""The judge's doors (folder, name, tag), its preprocessing, and how fast missing weights are said."""

import copy
import threading

import numpy as np
import pytest

from tests import tiny_clip

torch = pytest.importorskip("torch")

from ft2os.errors import MissingError, RequestError  # noqa: E402
from ft2os.guidance import clip_judge, weights  # noqa: E402
from ft2os.guidance.precision import FrozenNetwork, kept_bytes  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_clip.write(tmp_path_factory.mktemp("clip") / "whole")


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No cached weights and no network, whatever this machine has."""
    for name in ("HOME", "XDG_CACHE_HOME", "FT2OS_CACHE", "FT2OS_WEIGHTS"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("FT2OS_CLIP", raising=False)
    clip_judge._load.cache_clear()
    return tmp_path


def test_a_folder_with_a_whole_config_loads_with_its_own_preprocessing(folder):
    judge = clip_judge.load(str(folder))
    assert judge.image_size == 32
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (tiny_clip.MEAN, tiny_clip.STD))
    with torch.no_grad():
        plain = judge.model.encode_image((images - mean) / std)
    torch.testing.assert_close(judge.embed_images(images), plain / plain.norm(dim=1, keepdim=True))
    assert clip_judge.available(str(folder))


def test_a_folder_with_a_bare_config_gives_the_checkpoint_it_holds(tmp_path):
    judge = clip_judge.load(str(tiny_clip.write(tmp_path / "bare", bare=True, seed=5)))
    stored = torch.load(tmp_path / "bare" / "weights.pt", weights_only=True)
    torch.testing.assert_close(judge.model.state_dict()["visual.proj"], stored["visual.proj"])


def test_a_name_with_a_checkpoint_file(folder, tmp_path):
    tiny_clip.register(tmp_path, "named")
    judge = clip_judge.load("named", str(folder / "open_clip_model.bin"))
    images = torch.rand(1, 3, 32, 32)
    assert judge.embed_images(images).shape == (1, 16)


def test_pictures_of_another_size_keep_their_gradient(folder):
    judge = clip_judge.load(str(folder))
    images = torch.rand(2, 3, 48, 48, requires_grad=True)
    judge.embed_images(images)[:, 0].sum().backward()
    assert torch.isfinite(images.grad).all()
    assert images.grad.abs().sum() > 0
    assert all(p.grad is None for p in judge.model.parameters())


def test_texts_are_unit_vectors_encoded_once(folder):
    judge = clip_judge.load(str(folder))
    first = judge.embed_texts(["lava", "ice"])
    torch.testing.assert_close(first.norm(dim=1), torch.ones(2))
    judge._tokenizer, tokenizer = None, judge._tokenizer
    try:
        again = judge.embed_texts(["ice", "lava"])
    finally:
        judge._tokenizer = tokenizer
    assert torch.equal(again, first.flip(0))


def test_missing_weights_are_said_at_once_with_the_fix(nowhere, monkeypatch):
    def ask(*args, **kwargs):
        raise AssertionError("nobody allowed to ask the network")

    monkeypatch.setattr("urllib.request.urlopen", ask)
    monkeypatch.setattr("socket.socket.connect", ask)
    with pytest.raises(MissingError) as caught:
        clip_judge.load()
    for fix in ("--download", "FT2OS_WEIGHTS", "FT2OS_CLIP", "material"):
        assert fix in caught.value.hint
    assert not clip_judge.available()


def test_a_hub_that_refuses_is_not_reachable(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # the discard port: refused
    assert not weights.hub_reachable()


def test_a_hub_that_never_answers_is_given_up(monkeypatch):
    """Without a limit this would wait for ever: a name that is looked up heeds no timeout."""
    never = threading.Event()
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(weights, "_ask_hub", lambda timeout_s: never.wait())
    assert not weights.hub_reachable(timeout_s=0.05)
    never.set()


def test_cached_weights_are_found_without_asking_the_hub(nowhere):
    config = {"hf_hub": "timm/vit_base_patch32_clip_224.openai/", "url": "https://example.org/a/ViT-B-32.pt"}
    assert weights.find_clip("ViT-B-32", "openai", config) is None
    plain = nowhere / ".cache" / "clip" / "ViT-B-32.pt"
    plain.parent.mkdir(parents=True)
    plain.touch()
    assert weights.find_clip("ViT-B-32", "openai", config) == plain
    named = nowhere / "ViT-B-32-openai.safetensors"
    named.touch()
    assert weights.find_clip("ViT-B-32", "openai", config) == named


def test_unknown_names_are_refused_with_what_exists():
    with pytest.raises(RequestError, match="no model"):
        clip_judge.load("no-such-model")
    with pytest.raises(RequestError, match="no weights") as caught:
        clip_judge.load("ViT-B-32", "no-such-tag")
    assert "openai" in caught.value.hint


def test_a_folder_without_a_checkpoint_never_judges_with_random_weights(tmp_path):
    folder = tiny_clip.write(tmp_path / "empty")
    (folder / "open_clip_model.bin").unlink()
    with pytest.raises(MissingError, match="no CLIP checkpoint"):
        clip_judge.load(str(folder))
    assert not clip_judge.available(str(folder))


def test_a_checkpoint_of_another_model_is_a_clear_error(tmp_path):
    folder = tiny_clip.write(tmp_path / "wrong")
    torch.save({"something": torch.zeros(1)}, folder / "open_clip_model.bin")
    with pytest.raises(RequestError, match="cannot be loaded"):
        clip_judge.load(str(folder))


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    import pickle

    folder = tiny_clip.write(tmp_path / "evil")
    (folder / "open_clip_model.bin").write_bytes(pickle.dumps(np.testing.assert_allclose))
    with pytest.raises(RequestError, match="more than weights"):
        clip_judge.load(str(folder))


def test_random_weights_are_asked_for_by_name_and_always_the_same(tmp_path):
    tiny_clip.register(tmp_path, "named")
    first = clip_judge.load("named", clip_judge.RANDOM)
    clip_judge._load.cache_clear()
    torch.rand(3)
    again = clip_judge.load("named", clip_judge.RANDOM)
    assert again is not first
    assert torch.equal(first.model.visual.proj, again.model.visual.proj)
    assert "random" in first.name


def gradient(judge, images):
    """Of one embedding number with respect to the pictures."""
    images = images.clone().requires_grad_()
    (found,) = torch.autograd.grad(judge.embed_images(images)[:, 0].sum(), images)
    return found


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_says_nearly_the_same(folder, precision):
    judge = clip_judge.load(str(folder))
    half = clip_judge.load(str(folder), precision=precision)
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    full, found = judge.embed_images(images), half.embed_images(images)
    assert found.dtype == torch.float32
    assert not torch.equal(full, found), "it was not computed in half precision"
    torch.testing.assert_close(found, full, atol=0.02, rtol=0)
    wanted, got = gradient(judge, images).flatten(), gradient(half, images).flatten()
    assert torch.cosine_similarity(wanted, got, dim=0) > 0.995
    assert got.norm() / wanted.norm() == pytest.approx(1, abs=0.03)


def test_float16_keeps_gradients_that_it_cannot_hold():
    convolution = torch.nn.Conv2d(3, 4, 1).requires_grad_(False)
    pictures = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    small = 1e-8  # float16's smallest number is 6e-8
    found = {}
    for precision in ("fp32", "fp16"):
        run = FrozenNetwork(convolution, convolution, precision)
        (found[precision],) = torch.autograd.grad((run(pictures) * small).sum(), pictures)
    assert found["fp32"].abs().min() > 0
    torch.testing.assert_close(found["fp16"], found["fp32"], rtol=0.05, atol=0)


def test_a_cpu_judges_in_full_precision(folder):
    judge = clip_judge.load(str(folder))
    images = torch.rand(1, 3, 32, 32)
    assert torch.equal(judge.embed_images(images), judge.using("fp32").embed_images(images))


def test_an_unknown_precision_is_refused(folder):
    with pytest.raises(RequestError, match="precision") as caught:
        clip_judge.load(str(folder), precision="fp8")
    assert "bf16" in caught.value.hint


def test_convolutional_towers_are_laid_out_channels_last():
    def last(network):
        FrozenNetwork(network, network)
        return network[0].weight.is_contiguous(memory_format=torch.channels_last)

    first, second = torch.nn.Conv2d(3, 8, 3), torch.nn.Conv2d(8, 8, 3)
    assert last(torch.nn.Sequential(first, second))
    assert not last(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Flatten()))


def test_nothing_is_kept_for_gradients_of_weights(folder):
    judge = clip_judge.load(str(folder))
    frozen = judge.bytes_per_picture
    loose = copy.deepcopy(judge)
    loose.model.requires_grad_(True)
    assert frozen < 0.8 * kept_bytes(loose.embed_images, 32)


def test_every_picture_of_a_network_keeps_the_same():
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU()).requires_grad_(False)
    # The convolution keeps the picture (3 planes), the ReLU its own result (8 planes).
    assert kept_bytes(network, 16) == (3 + 8) * 16 * 16 * 4


def test_on_cuda_it_judges_in_half_precision_and_agrees(folder, gpu):
    judge = clip_judge.load(str(folder))
    images = torch.rand(2, 3, 32, 32)
    plain = judge.embed_images(images)
    try:
        judge.to(gpu)
        found = judge.embed_images(images.cuda())
        assert judge._encode.dtype(found.device) in (torch.bfloat16, torch.float16)
        torch.testing.assert_close(found.cpu(), plain, atol=0.02, rtol=0)
    finally:
        judge.to("cpu")


def test_nothing_asks_the_network_before_it_is_allowed(nowhere, monkeypatch):
    """Without weights and without a word from the user there is a sentence, and no request."""
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.delenv("FT2OS_DOWNLOAD", raising=False)
    monkeypatch.setattr(weights, "_ask_hub", lambda timeout: pytest.fail("the hub was asked"))
    with pytest.raises(MissingError) as refused:
        clip_judge.load("ViT-B-32", "openai")
    assert "huggingface.co/timm/vit_base_patch32_clip_224.openai" in refused.value.hint
    assert "--download" in refused.value.hint
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("FT2OS_DOWNLOAD", "1")
    monkeypatch.setattr(weights, "hub_reachable", lambda: False)
    with pytest.raises(MissingError, match="the hub does not answer"):
        clip_judge.load("ViT-B-32", "openai")


def test_pictures_are_resized_bicubically_and_without_moire(folder):
    judge = clip_judge.load(str(folder))
    images = torch.rand(1, 3, 80, 80, generator=torch.Generator().manual_seed(2))
    small = torch.nn.functional.interpolate(images, (32, 32), mode="bicubic", antialias=True)
    torch.testing.assert_close(judge.embed_images(images), judge.embed_images(small))
    wide = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(2))
    assert judge.embed_images(wide).shape == (1, 16)


def test_a_judge_at_another_precision_counts_its_own_bytes(folder):
    judge = clip_judge.load(str(folder))
    own = judge.bytes_per_picture
    half = judge.using("bf16")
    assert half.bytes_per_picture == kept_bytes(half.embed_images, 32) != own
    assert judge.bytes_per_picture == own
    assert half.model is judge.model
    assert half.name == judge.name


def test_a_size_given_by_both_sides_is_one_number(folder, monkeypatch):
    judge = clip_judge.load(str(folder))
    for size in (48, (48, 48), [48, 48]):
        monkeypatch.setattr(judge.model.visual, "image_size", size)
        assert judge.image_size == 48


def test_texts_are_used_raw_and_repeated_ones_come_twice(folder):
    judge = clip_judge.load(str(folder))
    tokens = judge._tokenizer(["a b", "c"])
    with torch.no_grad():
        own = judge.model.encode_text(tokens, normalize=True)
    torch.testing.assert_close(judge.embed_texts(["c", "a b", "c"]), own[[1, 0, 1]], rtol=1e-5, atol=1e-6)


def test_random_weights_leave_the_runs_own_random_numbers_alone(tmp_path):
    tiny_clip.register(tmp_path, "calm")
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    judge = clip_judge.load("calm", clip_judge.RANDOM)
    assert torch.equal(torch.rand(2), expected)
    import open_clip

    torch.manual_seed(0)
    assert torch.equal(judge.model.visual.proj, open_clip.create_model("calm").visual.proj)
    assert not judge.model.training
    assert not any(p.requires_grad for p in judge.model.parameters())


def test_a_precision_is_a_type_of_numbers():
    network = torch.nn.Linear(2, 2)
    kinds = {p: FrozenNetwork(network, network, p).dtype("cpu") for p in ("fp32", "bf16", "fp16")}
    assert kinds == {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
    assert FrozenNetwork(network, network).precision == "auto"
    pictures = torch.rand(3, 2)
    assert FrozenNetwork(network, network, "bf16")(pictures).dtype == torch.float32
    with torch.no_grad():
        assert FrozenNetwork(network, network, "fp16")(pictures).dtype == torch.float32


def test_remembered_texts_move_with_the_judge(folder, gpu):
    judge = clip_judge.load(str(folder))
    plain = judge.embed_texts(["moved"])
    try:
        assert judge.to(gpu) is judge
        assert judge.embed_texts(["moved"]).is_cuda
        assert judge.device.type == "cuda"
        torch.testing.assert_close(judge.embed_texts(["moved", "new"])[:1].cpu(), plain)
    finally:
        judge.to("cpu")

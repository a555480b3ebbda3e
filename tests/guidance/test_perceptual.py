"""VGG16 up to relu3_3: torchvision's layout, the normalisation, and where weights are found."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ft2os.errors import FileError, MissingError  # noqa: E402
from ft2os.guidance import perceptual, torchvision_shim  # noqa: E402


@pytest.fixture(scope="module")
def reference():
    """torchvision's own VGG16 with random weights: the convolutions as an independent check."""
    torchvision_shim.ensure()
    from torchvision.models import vgg16

    torch.manual_seed(0)
    with torch.device("meta"):
        model = vgg16()
    return model.features[:16].to_empty(device="cpu").apply(_initialise).eval()


def _initialise(module):
    if isinstance(module, torch.nn.Conv2d):
        torch.nn.init.kaiming_normal_(module.weight)
        torch.nn.init.normal_(module.bias, std=0.1)


@pytest.fixture(scope="module")
def checkpoint(reference, tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg") / "vgg16-test.pth"
    torch.save({f"features.{k}": v for k, v in reference.state_dict().items()}, path)
    return path


@pytest.fixture
def no_weights(tmp_path, monkeypatch):
    for name in ("FT2OS_WEIGHTS", "FT2OS_CACHE", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "empty"))
    monkeypatch.delenv("FT2OS_TEST_DATA", raising=False)


def test_features_are_torchvisions_on_imagenet_normalised_pictures(reference, checkpoint):
    images = torch.rand(2, 3, 32, 40, generator=torch.Generator().manual_seed(1))
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    network = perceptual.load_vgg(checkpoint)
    with torch.no_grad():
        expected = reference((images - mean) / std)
        got = network(images)
        unnormalised = reference(images)  # the published code's slip
    torch.testing.assert_close(got, expected)
    assert got.shape == (2, 256, 8, 10)
    assert not torch.allclose(got, unnormalised, rtol=0.01)


def test_several_layers_in_one_pass(reference, checkpoint):
    images = torch.rand(1, 3, 16, 16)
    found = perceptual.load_vgg(checkpoint).layers(images, ["relu1_2", "relu2_2", "relu3_3"])
    assert {name: tuple(f.shape[1:]) for name, f in found.items()} == {
        "relu1_2": (64, 16, 16),
        "relu2_2": (128, 8, 8),
        "relu3_3": (256, 4, 4),
    }


def test_the_network_is_frozen_but_passes_gradients(checkpoint):
    network = perceptual.load_vgg(checkpoint)
    images = torch.rand(1, 3, 16, 16, requires_grad=True)
    network(images).sum().backward()
    assert images.grad.abs().sum() > 0
    assert all(p.grad is None for p in network.parameters())


def test_half_precision_safetensors_are_read_as_float32(reference, tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "vgg16_features_fp16.safetensors"
    save_file({f"features.{k}": v.half().contiguous() for k, v in reference.state_dict().items()}, path)
    assert perceptual.load_vgg(path).features["0"].weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("variable", "below"),
    [
        ("FT2OS_WEIGHTS", "vgg16-397923af.pth"),
        ("FT2OS_CACHE", "weights/vgg16-397923af.pth"),
        ("TORCH_HOME", "hub/checkpoints/vgg16-397923af.pth"),
        ("FT2OS_TEST_DATA", "perceptual/vgg16_features_torchvision_layout_fp16.safetensors"),
    ],
)
def test_weights_are_found_where_they_may_lie(no_weights, tmp_path, monkeypatch, variable, below):
    assert perceptual.find_vgg() is None
    path = tmp_path / "found" / below
    path.parent.mkdir(parents=True)
    path.touch()
    monkeypatch.setenv(variable, str(tmp_path / "found"))
    assert perceptual.find_vgg() == path


def test_missing_weights_are_an_error_with_a_fix(no_weights):
    with pytest.raises(MissingError) as caught:
        perceptual.load_vgg()
    assert "FT2OS_WEIGHTS" in caught.value.hint


@pytest.mark.parametrize("name", ["vgg16-x.pth", "vgg16.safetensors"])
def test_a_broken_file_is_an_error_and_not_a_traceback(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(FileError, match="cannot be read"):
        perceptual.load_vgg(path)


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    path = tmp_path / "vgg16-other.pth"
    torch.save({"features.0.weight": torch.zeros(1)}, path)
    with pytest.raises(FileError, match="convolutions"):
        perceptual.load_vgg(path)


def test_the_real_weights_see_content_and_not_pixels(data_dir):
    # A picture a little darker keeps its content; the same pixels in another order do not.
    from PIL import Image

    path = data_dir / "perceptual" / "vgg16_features_torchvision_layout_fp16.safetensors"
    network = perceptual.load_vgg(path)
    with Image.open(data_dir / "style_images" / "hokusai.jpg") as image:
        picture = np.asarray(image.convert("RGB").resize((64, 64)), np.float32) / 255
    shuffled = np.random.default_rng(0).permutation(picture.reshape(-1, 3)).reshape(picture.shape)
    batch = torch.from_numpy(np.stack([picture, picture * 0.9, shuffled])).permute(0, 3, 1, 2)
    with torch.no_grad():
        original, darker, noise = network(batch)
    distances = [torch.nn.functional.mse_loss(f, original).item() for f in (darker, noise)]
    assert distances[0] < 0.1 * distances[1]

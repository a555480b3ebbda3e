"""What the panel asks the backend for: advanced settings, style pictures, what is refused at once."""

from __future__ import annotations

import os

import bpy
import numpy as np
import pytest

from ft2os.errors import RequestError
from tests.blender.helpers import make_active, room

needs_backend = pytest.mark.skipif(
    "FT2OS_PYTHON" not in os.environ, reason="no backend; run make .venv/.installed"
)


def wanted():
    return bpy.context.scene.ft2os


def overrides() -> dict:
    return room("controls").overrides(wanted().advanced, wanted().method, wanted().preset)


def test_what_nobody_turned_is_left_to_the_preset():
    for method in ("material", "image", "clip"):
        wanted().method = method
        assert overrides() == {}


def test_what_was_turned_is_sent_by_the_methods_own_names():
    turned = wanted().advanced
    turned.use_keep, turned.keep, turned.size = True, 0.25, 2.0
    assert overrides() == {"luminance_keep": 0.25, "scale": pytest.approx(2.3)}
    wanted().method = "image"
    assert overrides() == {"luminance_keep": 0.25, "stroke": 2.0}
    turned.use_keep, turned.size = False, 1.0
    turned.start, turned.geometry, turned.regularisation = "original", "OFF", 0.5
    assert overrides() == {}
    wanted().method = "clip"
    assert overrides() == {"start": "original", "geometry": 0.0, "regularisation": 0.5}
    turned.start, turned.start_material = "named", " ice "
    turned.geometry, turned.geometry_amount = "ON", 0.75
    assert overrides() == {"start": "ice", "geometry": 0.75, "regularisation": 0.5}
    wanted().preset = "paper"  # the paper's loop has no other
    assert overrides() == {"regularisation": 0.5}


@pytest.fixture
def picture(tmp_path):
    """Blue strokes on white."""
    image = bpy.data.images.new("strokes", 96, 96)
    x = np.arange(96)
    blue = ((x[:, None] + x[None]) // 6 % 2).astype(np.float32)
    pixels = np.stack([1 - blue, 1 - 0.7 * blue, np.ones((96, 96)), np.ones((96, 96))], axis=-1)
    image.pixels[:] = pixels.ravel()
    image.filepath_raw, image.file_format = str(tmp_path / "strokes.png"), "PNG"
    image.save()
    bpy.data.images.remove(image)
    return tmp_path / "strokes.png"


@needs_backend
def test_a_style_picture_is_asked_for_and_goes_where_it_counts(pair, picture):
    request = room("ops.request")
    make_active(pair["ball"])
    wanted().method, wanted().prompt = "image", ""
    make = lambda: request.new(bpy.context, pair["ball"])  # noqa: E731
    with pytest.raises(Exception, match="needs a picture"):
        make()
    wanted().style_image = str(picture.with_name("absent.png"))
    with pytest.raises(Exception, match=r"absent\.png is not there"):
        make()
    wanted().style_image = str(picture)
    assert make()["style_image"] == str(picture)
    wanted().method, wanted().prompt = "clip", "lava"
    assert make()["style_image"] == str(picture)
    wanted().method = "material"
    assert "style_image" not in make()


@needs_backend
def test_a_picture_becomes_a_look_without_a_prompt(pair, picture):
    """The draft needs no network: palette and strokes alone."""
    make_active(pair["ball"])
    wanted().method, wanted().preset, wanted().prompt = "image", "draft", ""
    wanted().style_image = str(picture)
    assert bpy.ops.ft2os.stylize() == {"FINISHED"}
    item = room("scene.looks").active_look(pair["ball"])
    assert item.method == "image"
    assert item.name
    look = room("scene.looks").read_look(item)
    red, _, blue = look.dc.mean(axis=0)
    assert blue > red


@needs_backend
def test_a_painting_goes_through_the_whole_chain(pair, data_dir, monkeypatch):
    weights = data_dir / "perceptual" / "vgg16_features_torchvision_layout_fp16.safetensors"
    painting = data_dir / "style_images" / "hokusai.jpg"
    if not weights.exists() or not painting.exists():
        pytest.skip("no VGG16 weights or no painting in the test data")
    monkeypatch.setenv("FT2OS_TEST_DATA", str(data_dir))
    make_active(pair["ball"])
    wanted().method, wanted().preset, wanted().prompt = "image", "standard", "a wave"
    wanted().style_image = str(painting)
    assert bpy.ops.ft2os.stylize() == {"FINISHED"}
    item = room("scene.looks").active_look(pair["ball"])
    assert (item.method, item.name) == ("image", "a wave")
    assert '"preset": "standard"' in item.stats


def test_a_prompt_has_a_length(pair):
    for prompt in ("lava " * 1000, "é" * 501):
        wanted().prompt = prompt
        with pytest.raises(RequestError, match="500 are the limit"):
            room("ops.request").new(bpy.context, pair["ball"])
    wanted().prompt = "é" * 500
    room("ops.request").new(bpy.context, pair["ball"])


def test_what_stands_around_and_cannot_be_placed_is_left_out(pair):
    wanted().prompt = "lava"
    request = room("ops.request")
    assert len(request.new(bpy.context, pair["ball"])["context"]) == 2
    pair["small ball"].scale = (1, 2, 1)
    assert len(request.new(bpy.context, pair["ball"])["context"]) == 1
    pair["small ball"].location = (float("nan"), 0, 0)
    assert len(request.new(bpy.context, pair["ball"])["context"]) == 1
    with pytest.raises(RequestError, match="small ball"):
        request.new(bpy.context, pair["small ball"])

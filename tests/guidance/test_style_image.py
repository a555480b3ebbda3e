"""Style pictures: every kind that an artist may bring, and what only looks like one."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest

PIL = pytest.importorskip("PIL")
from PIL import Image  # noqa: E402

from ft2os.errors import FileError  # noqa: E402
from ft2os.guidance import picture_file, style_image  # noqa: E402

RED, BLUE = (200, 30, 20), (10, 40, 220)


def halves(width=80, height=48) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:, : width // 2], picture[:, width // 2 :] = RED, BLUE
    return Image.fromarray(picture)


def saved(path, image, **options):
    image.save(path, **options)
    return path


def is_halves(found: np.ndarray, tolerance: float = 0.02) -> bool:
    middle = found[found.shape[0] // 2]
    left, right = middle[8], middle[-9]
    return np.abs(left * 255 - RED).max() < 255 * tolerance and np.abs(right * 255 - BLUE).max() < (
        255 * tolerance
    )


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif", "bmp"])
def test_every_format_gives_the_same_picture(tmp_path, ending):
    options = {"quality": 95} if ending in ("jpg", "webp") else {}
    found = style_image.load(saved(tmp_path / f"style.{ending}", halves(), **options))
    assert (found.shape, found.dtype) == ((48, 80, 3), np.float32)
    assert is_halves(found, 0.06)


def test_a_large_picture_is_brought_down_and_a_small_one_left(tmp_path):
    path = saved(tmp_path / "style.png", halves(800, 300))
    assert style_image.load(path, 200).shape == (75, 200, 3)
    assert style_image.load(path, 1000).shape == (300, 800, 3)
    assert is_halves(style_image.load(path, 200))


def test_the_orientation_of_a_camera_is_followed(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter to the right to be upright
    lying = halves().rotate(90, expand=True)
    path = saved(tmp_path / "style.jpg", lying, exif=exif, quality=95)
    assert is_halves(style_image.load(path), 0.06)


def test_grey_palette_and_cmyk(tmp_path):
    grey = style_image.load(saved(tmp_path / "grey.png", Image.new("L", (40, 40), 128)))
    np.testing.assert_allclose(grey, 128 / 255, atol=1e-6)
    assert is_halves(style_image.load(saved(tmp_path / "p.png", halves().convert("P"))), 0.2)
    one_bit = style_image.load(saved(tmp_path / "one.png", Image.new("1", (40, 40), 1)))
    np.testing.assert_allclose(one_bit, 1.0)
    cmyk = saved(tmp_path / "cmyk.jpg", halves().convert("CMYK"), quality=95)
    assert is_halves(style_image.load(cmyk), 0.06)


def test_sixteen_bits_keep_their_steps(tmp_path):
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)
    picture = Image.fromarray(np.tile(ramp, (40, 1)))
    found = style_image.load(saved(tmp_path / "deep.png", picture))
    np.testing.assert_allclose(found[0, :, 1], ramp / 65535, atol=1e-4)


def test_what_is_transparent_brings_no_colour(tmp_path):
    picture = np.zeros((90, 120, 4), np.uint8)
    picture[..., :3] = (0, 255, 0)  # under full transparency: never to be seen
    picture[20:70, 30:90] = (*RED, 255)
    picture[30:40, 40:50, 3] = 0
    found = style_image.load(saved(tmp_path / "style.png", Image.fromarray(picture)))
    assert found.shape == (50, 60, 3)
    np.testing.assert_allclose(found, np.broadcast_to(np.array(RED) / 255, found.shape), atol=0.01)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says it is huge."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def jpeg() -> bytes:
    stream = io.BytesIO()
    halves(400, 300).save(stream, "JPEG")
    return stream.getvalue()


def animation() -> bytes:
    stream = io.BytesIO()
    halves().save(stream, "GIF", save_all=True, append_images=[halves()])
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a picture",
        jpeg()[:200],
        jpeg()[:3000],
        bomb(40_000, 40_000),
        bomb(12_000, 12_000),
        bomb(2**31 - 1, 2**31 - 1),
        bomb(64, 64),  # its pixels are missing
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n",  # would start another program
        b"<svg xmlns='http://www.w3.org/2000/svg' width='99' height='99'/>",
        b"II*\x00\xff\xff\xff\x7f",
    ],
    ids=["empty", "text", "short", "cut", "bomb", "large", "beyond", "hollow", "eps", "svg", "tiff"],
)
def test_what_is_no_picture_is_refused(tmp_path, content):
    path = tmp_path / "style.png"
    path.write_bytes(content)
    with pytest.raises(FileError) as caught:
        style_image.load(path)
    assert caught.value.hint


def test_the_first_frame_of_an_animation_counts(tmp_path):
    path = tmp_path / "style.gif"
    path.write_bytes(animation())
    assert is_halves(style_image.load(path), 0.1)


@pytest.mark.parametrize("size", [(8, 8), (500, 10)])
def test_a_picture_too_small_for_a_stroke(tmp_path, size):
    with pytest.raises(FileError, match="only"):
        style_image.load(saved(tmp_path / "style.png", Image.new("RGB", size)))


def test_what_is_not_there_or_not_visible(tmp_path):
    with pytest.raises(FileError, match="no file"):
        style_image.load(tmp_path / "none.png")
    with pytest.raises(FileError, match="folder"):
        style_image.load(tmp_path)
    with pytest.raises(FileError, match="transparent"):
        style_image.load(saved(tmp_path / "clear.png", Image.new("RGBA", (50, 50))))


def test_a_broken_colour_profile_does_not_spoil_a_picture(tmp_path):
    path = saved(tmp_path / "style.png", halves(), icc_profile=b"nonsense" * 30)
    assert is_halves(style_image.load(path))


def test_what_is_no_file_and_what_is_a_bomb_is_refused_at_once(tmp_path):
    """A device never ends, a pipe waits for ever, and a few bytes can promise a gigapixel."""
    import os

    from tests.costs import cost

    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    huge = Image.new("1", (8200, 8200))
    for ending in ("png", "tiff", "gif"):
        huge.save(tmp_path / f"huge.{ending}", **({"compression": "group4"} if ending == "tiff" else {}))
    code = """
from ft2os.errors import FileError
for path in sys.argv[1:]:
    try:
        style_image.load(path)
    except FileError as error:
        continue
    raise AssertionError(path)
raise FileError("all of them")
"""
    paths = [tmp_path / name for name in ("pipe.png", "zero.png", "huge.png", "huge.tiff", "huge.gif")]
    assert "all of them" in cost(code, *paths, imports="from ft2os.guidance import style_image").refused()


def test_the_largest_picture_that_is_taken_stays_small_in_memory(tmp_path):
    from tests.costs import MB, cost

    side = 7990
    Image.new("L", (side, side), 90).save(tmp_path / "large.png")
    code = "assert style_image.load(sys.argv[1]).shape == (1024, 1024, 3)"
    found = cost(code, tmp_path / "large.png", imports="from ft2os.guidance import style_image")
    assert found.kind == "", found.error
    assert found.extra < 1000 * MB


def test_pictures_may_have_any_kind_of_numbers(tmp_path):
    """16 bits of 65535; 32 bits and floats of their largest, or of 1 where that is less; NaN and ∞ are 0."""
    ramp = np.tile(np.linspace(0, 1, 40, dtype=np.float32), (40, 1))
    odd = ramp.copy()
    odd[0, :3] = np.nan, np.inf, -np.inf
    cases = {
        "small.tif": (ramp * 0.5, ramp * 0.5),
        "large.tif": (ramp * 8, ramp),
        "odd.tif": (odd, np.where(np.isfinite(odd), odd, 0)),
        "below.tif": (ramp - 0.5, np.clip(ramp - 0.5, 0, 1)),
        "whole.tif": ((ramp * 1000).astype(np.int32), (ramp * 1000).astype(np.int32) / 1000),
    }
    for name, (written, expected) in cases.items():
        found = style_image.load(saved(tmp_path / name, Image.fromarray(written)))
        assert found.shape == (40, 40, 3)
        np.testing.assert_allclose(found, np.repeat(expected[..., None], 3, 2), atol=1e-5, err_msg=name)


def test_a_colour_profile_is_followed(tmp_path):
    """Red and green exchanged by a profile: what is saved as red is shown as green."""
    from PIL import ImageCms

    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    at = {kind: plain.index(kind) for kind in (b"rXYZ", b"gXYZ")}
    swapped = bytearray(plain)
    swapped[at[b"rXYZ"] : at[b"rXYZ"] + 4], swapped[at[b"gXYZ"] : at[b"gXYZ"] + 4] = b"gXYZ", b"rXYZ"
    picture = Image.new("RGB", (40, 40), (255, 0, 0))
    assert style_image.load(saved(tmp_path / "a.png", picture, icc_profile=plain))[5, 5].argmax() == 0
    assert (
        style_image.load(saved(tmp_path / "b.png", picture, icc_profile=bytes(swapped)))[5, 5].argmax() == 1
    )
    grey = Image.new("L", (40, 40), 100)  # a profile for colours says nothing of grey
    found = style_image.load(saved(tmp_path / "c.png", grey, icc_profile=bytes(swapped)))
    np.testing.assert_allclose(found, 100 / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "largest", "shape"),
    [
        ((64, 40), 64, (40, 64)),
        ((65, 40), 64, (39, 64)),
        ((900, 40), 100, (32, 100)),  # no side falls below what holds a stroke
        ((40, 900), 100, (100, 32)),
        ((1000, 1000), 200, (200, 200)),  # more than twice: reduced first
        ((401, 399), 100, (100, 100)),
    ],
)
def test_sizes_come_down_to_the_largest(tmp_path, size, largest, shape):
    found = style_image.load(saved(tmp_path / "a.png", halves(*size)), largest)
    assert found.shape == (*shape, 3)
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1


def test_what_is_brought_down_is_smoothed_channel_by_channel(tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (300, 300, 3)).astype(np.uint8)
    found = style_image.load(saved(tmp_path / "a.png", Image.fromarray(noise)), 150)
    want = np.asarray(Image.fromarray(noise).resize((150, 150), Image.Resampling.LANCZOS)) / 255
    assert np.abs(found - want).mean() < 0.004


def test_pictures_of_the_smallest_size_are_taken_and_of_less_not(tmp_path):
    assert style_image.load(saved(tmp_path / "a.png", halves(32, 32))).shape == (32, 32, 3)
    for size in ((31, 40), (40, 31)):
        with pytest.raises(FileError, match="only"):
            style_image.load(saved(tmp_path / "b.png", halves(*size)))


def test_the_opaque_part_needs_the_smallest_size_on_each_side(tmp_path):
    def of(width, height, alpha=255):
        picture = np.zeros((90, 90, 4), np.uint8)
        picture[10 : 10 + height, 20 : 20 + width] = (*RED, alpha)
        return saved(tmp_path / "a.png", Image.fromarray(picture))

    assert style_image.load(of(32, 33)).shape == (33, 32, 3)
    for size in ((31, 40), (40, 31)):
        with pytest.raises(FileError, match="transparent"):
            style_image.load(of(*size))
    assert style_image.load(of(40, 40, alpha=129)).shape == (40, 40, 3)
    with pytest.raises(FileError, match="transparent"):
        style_image.load(of(40, 40, alpha=127))


def test_half_transparent_parts_lie_halfway_to_the_mean(tmp_path):
    picture = np.zeros((40, 80, 4), np.uint8)
    picture[..., 3] = 255
    picture[:, 40:, 0] = 200
    picture[:, 60:, 3] = 153  # six tenths
    found = style_image.load(saved(tmp_path / "a.png", Image.fromarray(picture)))
    mean = 100 / 255
    assert found[20, 10, 0] == pytest.approx(0, abs=1e-6)
    assert found[20, 50, 0] == pytest.approx(200 / 255, abs=1e-4)
    assert found[20, 70, 0] == pytest.approx(mean + 0.6 * (200 / 255 - mean), abs=1e-4)


def test_a_palette_with_a_clear_colour_is_transparent_there(tmp_path):
    picture = Image.new("P", (80, 80), 0)
    picture.putpalette([0, 255, 0, *RED])
    picture.paste(1, (20, 10, 70, 60))
    found = style_image.load(saved(tmp_path / "a.png", picture, transparency=0))
    assert found.shape == (50, 50, 3)
    np.testing.assert_allclose(found[25, 25] * 255, RED, atol=1)


def test_more_pixels_than_the_limit_are_refused_by_their_number(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.png", halves(100, 80))
    monkeypatch.setattr(picture_file, "MAX_PIXELS", 8000)
    assert style_image.load(path).shape == (80, 100, 3)
    monkeypatch.setattr(picture_file, "MAX_PIXELS", 7999)
    with pytest.raises(FileError, match="100 × 80"):
        style_image.load(path)
    monkeypatch.setattr(picture_file, "MAX_BYTES", 10)
    with pytest.raises(FileError):
        style_image.load(path)


@pytest.mark.parametrize(("width", "reduced"), [(399, 399), (400, 200), (900, 225)])
def test_a_huge_picture_is_reduced_before_it_becomes_floats(width, reduced):
    for size in ((width, 40), (40, width)):
        assert max(picture_file._reduced(Image.new("RGB", size), 100).size) == reduced

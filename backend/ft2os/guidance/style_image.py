"""Reading the picture whose style an object should take: any file an artist may name, without trusting it.

Sizes are checked before anything is decoded, only plain picture formats are opened (none that runs another
program), and what comes out is always the same: display-referred sRGB, upright, opaque, of bounded size.
"""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ft2os.errors import FileError
from ft2os.files import read_bytes

LARGEST = 1024  # pixels on the longer side of what comes out; strokes are matched at half of it at most
SMALLEST = 32  # pixels on the shorter side: less holds no stroke
MAX_BYTES = 256 << 20
MAX_PIXELS = 64_000_000  # up to 500 MB decoded and turned upright
_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
_FIX = "Use a PNG or JPEG picture of the style."
_OPAQUE = 0.5


def load(path: str | Path, largest: int = LARGEST) -> np.ndarray:
    """The picture of a file.

    Parameters
    ----------
    path : str or Path
        PNG, JPEG, WebP, TIFF, BMP, GIF (its first frame) or AVIF; of any depth, grey, palette, CMYK, with or
        without alpha, EXIF orientation and colour profile.
    largest : int
        The longer side of a larger picture is brought down to this many pixels.

    Returns
    -------
    ndarray, float32, [H, W, 3]
        0..1. Transparent parts take the mean colour of the rest, so that they bring no style of their own.

    Raises
    ------
    FileError
        If there is no such file, it is no picture, is cut short, is too small, too large or empty.
    """
    path = Path(path)
    stream = io.BytesIO(read_bytes(path, MAX_BYTES))  # so that what fails below is the picture, not the disk
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # Pillow warns of sizes that are checked here, and of odd metadata
            return _decode(stream, path.name, largest)
    except (
        OSError,  # PIL.UnidentifiedImageError is one
        ValueError,
        SyntaxError,
        EOFError,
        IndexError,
        TypeError,
        KeyError,
        AttributeError,
        OverflowError,
        MemoryError,
        struct.error,
        Image.DecompressionBombError,
    ) as error:  # what Pillow's readers raise for files that break their format's rules
        raise FileError(f"{path.name} is no picture that can be read, or it is cut short.", _FIX) from error


def _decode(stream: io.BytesIO, name: str, largest: int) -> np.ndarray:
    Image.init()
    with Image.open(stream, formats=[f for f in _FORMATS if f in Image.OPEN]) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise FileError(
                f"{name} has {width} × {height} pixels; {MAX_PIXELS // 10**6} million is the limit.",
                "Make it smaller: 1000 pixels on a side are plenty for a style.",
            )
        if min(width, height) < SMALLEST:
            raise FileError(
                f"{name} has only {width} × {height} pixels.", "Use a picture of a few hundred pixels a side."
            )
        image.draft("RGB", (largest, largest))  # JPEG decodes at a fraction of its size; nothing for others
        upright = ImageOps.exif_transpose(image)
        rgb, alpha = _channels(upright, largest)
    rgb = _bounded(rgb, largest)
    return rgb if alpha is None else _filled(rgb, _bounded(alpha, largest)[..., 0], name)


def _channels(image: Image.Image, largest: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Colours [H, W, 3] and alpha [H, W, 1], both float32 in 0..1; None where everything is opaque."""
    if image.mode.startswith("I") or image.mode == "F":  # 16 and 32 bits a pixel: grey, on any scale
        values = np.nan_to_num(np.asarray(image, np.float32), posinf=0.0, neginf=0.0)
        full = 65535.0 if image.mode.startswith("I;16") else max(float(values.max()), 1.0)
        grey = np.clip(values / full, 0, 1)
        return np.repeat(grey[..., None], 3, axis=2), None
    alpha = None
    if "A" in image.getbands() or "transparency" in image.info:
        image = _reduced(image.convert("RGBA"), largest)
        alpha = np.asarray(image.getchannel("A"), np.float32)[..., None] / 255
    return np.asarray(_reduced(_srgb(image), largest), np.float32) / 255, alpha


def _reduced(image: Image.Image, largest: int) -> Image.Image:
    """A huge picture at a fraction of its size, while its bytes are bytes: floats take four times as much."""
    factor = max(image.size) // (2 * largest)
    return image.reduce(factor) if factor > 1 else image


def _srgb(image: Image.Image) -> Image.Image:
    """RGB, by the picture's own colour profile where it has one that works."""
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK"):
        try:
            from PIL import ImageCms

            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
            if converted is not None:  # as it is where the picture itself is changed
                return converted
        except (ImportError, OSError, ValueError, TypeError, ImageCms.PyCMSError):
            pass  # a picture with a broken profile is still a picture
    return image.convert("RGB")


def _bounded(picture: np.ndarray, largest: int) -> np.ndarray:
    """[H, W, C] brought down to ``largest`` on its longer side; each channel by itself, in float."""
    height, width = picture.shape[:2]
    scale = min(1.0, largest / max(height, width))
    size = (max(SMALLEST, round(width * scale)), max(SMALLEST, round(height * scale)))
    if size == (width, height):
        return np.ascontiguousarray(picture, np.float32)
    channels = [
        Image.fromarray(np.ascontiguousarray(picture[..., c])).resize(
            size, Image.Resampling.LANCZOS, reducing_gap=3.0
        )
        for c in range(picture.shape[2])
    ]
    return np.clip(np.stack([np.asarray(c, np.float32) for c in channels], axis=-1), 0, 1)


def _filled(rgb: np.ndarray, alpha: np.ndarray, name: str) -> np.ndarray:
    """The opaque part's box, what is transparent in it filled with the mean colour."""
    opaque = alpha > _OPAQUE
    rows, columns = np.flatnonzero(opaque.any(axis=1)), np.flatnonzero(opaque.any(axis=0))
    if len(rows) < SMALLEST or len(columns) < SMALLEST:
        raise FileError(f"{name} is transparent all over, or nearly.", "Use a picture with something on it.")
    mean = rgb[opaque].mean(axis=0)
    filled = mean + alpha[..., None] * (rgb - mean)
    return np.ascontiguousarray(filled[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], np.float32)

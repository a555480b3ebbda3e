"""Reads pictures that may come from anywhere without trusting them: an artist's files, a server's answers.

Sizes are checked before anything is decoded, only plain picture formats are opened (none that runs another
program), and what comes out is always the same: display-referred sRGB, upright, of bounded size.
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

SMALLEST = 32  # pixels on the shorter side: less shows nothing
MAX_BYTES = 256 << 20
MAX_PIXELS = 64_000_000  # up to 500 MB decoded and turned upright
_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
_GREY = 0.5
_FIX = "Use a PNG or JPEG picture."


def read(path: str | Path, largest: int) -> tuple[np.ndarray, np.ndarray | None]:
    """`decode` the picture of a file.

    Raises
    ------
    FileError
        If there is no such file, or as `decode`.
    """
    path = Path(path)
    return decode(read_bytes(path, MAX_BYTES), path.name, largest)


def decode(data: bytes, name: str, largest: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The picture that a file's bytes are.

    Parameters
    ----------
    data : bytes
        PNG, JPEG, WebP, TIFF, BMP, GIF (its first frame) or AVIF; of any depth, grey, palette, CMYK, with or
        without alpha, EXIF orientation and colour profile.
    name : str
        What the sentences call it.
    largest : int
        Pixels of the longer side that are wanted; what is much larger is brought down to no less than that.

    Returns
    -------
    rgb : ndarray, float32, [H, W, 3]
        0..1.
    alpha : ndarray, float32, [H, W], optional
        0..1; None where everything is opaque.

    Raises
    ------
    FileError
        If it is no picture, is cut short, is too small or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes that are checked here, and of odd metadata
            return _decode(io.BytesIO(data), name, largest)
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
        raise FileError(f"{name} is no picture that can be read, or it is cut short.", _FIX) from error


def _decode(stream: io.BytesIO, name: str, largest: int) -> tuple[np.ndarray, np.ndarray | None]:
    Image.init()
    with Image.open(stream, formats=[f for f in _FORMATS if f in Image.OPEN]) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise FileError(
                f"{name} has {width} × {height} pixels; {MAX_PIXELS // 10**6} million is the limit.",
                "Make it smaller: 1000 pixels on a side are plenty.",
            )
        if min(width, height) < SMALLEST:
            raise FileError(
                f"{name} has only {width} × {height} pixels.", "Use a picture of a few hundred pixels a side."
            )
        image.draft("RGB", (largest, largest))  # JPEG decodes at a fraction of its size; nothing for others
        return _channels(ImageOps.exif_transpose(image), largest)


def _channels(image: Image.Image, largest: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Colours [H, W, 3] and alpha [H, W], both float32 in 0..1; None where everything is opaque."""
    if image.mode.startswith("I") or image.mode == "F":  # 16 and 32 bits a pixel: grey, on any scale
        values = np.nan_to_num(np.asarray(image, np.float32), posinf=0.0, neginf=0.0)
        full = 65535.0 if image.mode.startswith("I;16") else max(float(values.max()), 1.0)
        grey = np.clip(values / full, 0, 1)
        return np.repeat(grey[..., None], 3, axis=2), None
    alpha = None
    if "A" in image.getbands() or "transparency" in image.info:
        image = _reduced(image.convert("RGBA"), largest)
        alpha = np.asarray(image.getchannel("A"), np.float32) / 255
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


def bounded(picture: np.ndarray, largest: int) -> np.ndarray:
    """A picture [H, W, C] brought down to ``largest`` on its longer side, see `resized`."""
    height, width = picture.shape[:2]
    scale = min(1.0, largest / max(height, width))
    return resized(picture, max(SMALLEST, round(width * scale)), max(SMALLEST, round(height * scale)))


def resized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """A picture [H, W, C] of 0..1 at another size; each channel by itself, in float."""
    if picture.shape[:2] == (height, width):
        return np.ascontiguousarray(picture, np.float32)
    channels = [
        Image.fromarray(np.ascontiguousarray(picture[..., c], np.float32)).resize(
            (width, height), Image.Resampling.LANCZOS, reducing_gap=3.0
        )
        for c in range(picture.shape[2])
    ]
    return np.clip(np.stack([np.asarray(c, np.float32) for c in channels], axis=-1), 0, 1)


def over_grey(rgb: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """What `decode` gives, with grey behind what is transparent.  [H, W, 3]"""
    return rgb if alpha is None else (_GREY + alpha[..., None] * (rgb - _GREY)).astype(np.float32)

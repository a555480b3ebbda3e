"""How the gallery shows an entry: the sheet with its caption, and the page that lists all sheets."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ft2os.colour import to_uint8
from ft2os.files import replacing

CAPTION = 46  # pixels under the pictures
QUALITY = 84  # about 100 kB a sheet


@dataclass(frozen=True)
class Entry:
    """One picture of the gallery and its figures; ``spill_db`` None means that not a bit differs outside."""

    key: str
    file: str
    prompt: str
    method: str
    preset: str
    credit: str
    gaussians: int
    children: int
    seconds: float
    cpu_seconds: float
    ssim: float
    clipped: float
    spill_db: float | None
    needles_before: float
    needles_after: float

    def heading(self) -> str:
        """What was asked for."""
        asked = f"style image “{self.prompt}”" if self.method == "image" else f"“{self.prompt}”"
        return f"{self.key.split('/')[0]} · {asked} · method {self.method}, {self.preset} · {self.credit}"

    def numbers(self) -> str:
        """Time and figures in one line."""
        spill = "no pixel differs" if self.spill_db is None else f"{self.spill_db:.0f} dB"
        return (
            f"{self.seconds:.1f} s ({self.cpu_seconds:.1f} s CPU) · "
            f"{self.gaussians:,} Gaussians, {self.children:,} in the look · "
            f"light and dark kept (SSIM) {self.ssim:.2f} · blown white {100 * self.clipped:.2f} % · "
            f"outside the object {spill} · needles {100 * self.needles_before:.1f} to "
            f"{100 * self.needles_after:.1f} %"
        )

    def save(self, picture: Image.Image, folder: Path) -> None:
        """Write the sheet, whole or not at all."""
        with replacing(folder / self.file) as temporary:
            picture.save(temporary, format="JPEG", quality=QUALITY, optimize=True)


def sheet(before: np.ndarray, after: np.ndarray, entry: Entry) -> Image.Image:
    """Before above, after below, the caption under both.  [V, S, S, 3] twice, in 0..1"""
    rows = [np.concatenate(list(row), axis=1) for row in (before, after)]
    both = to_uint8(np.concatenate(rows))
    picture = Image.new("RGB", (both.shape[1], both.shape[0] + CAPTION), "white")
    picture.paste(Image.fromarray(both))
    pen = ImageDraw.Draw(picture)
    pen.text((8, both.shape[0] + 3), entry.heading(), fill="black", font=ImageFont.load_default(15))
    pen.text((8, both.shape[0] + 25), entry.numbers(), fill=(70, 70, 70), font=ImageFont.load_default(12))
    return picture


_INTRODUCTION = """# Gallery

One object of a scene, before (above) and after (below), four views each; everything else in the picture is
the rest of the scene, untouched. `make gallery` draws, measures and captions all of them again.

How to read the captions:

- *seconds*: from pressing Stylize to the finished look, scene loaded, on {cores} CPU cores that may have had
  other work; so the CPU time, summed over the cores, stands beside it.
- *light and dark kept*: luminance SSIM between before and after, on the object's pixels. 1 keeps every line;
  materials that are themselves bold (leopard, lava) or dark lower it.
- *blown white*: the share of the object's pixels where all channels are at their end.
- *outside the object*: PSNR over all pixels that the object does not touch. The Gaussians there keep
  their bits.
- *needles*: Gaussians more than ten times as long as wide, in the object and in its look.

The methods here are *material* (offline, no weights) and *image* (a style picture; needs VGG16's features).
There are no pictures of the method *clip*: no CLIP weights were at hand where the gallery was made.

The robot and the plant are real captures under CC-BY-4.0: the robot by Stephane Agullo (sa3d.fr), the plant
and the tarot cards by Marcel Padilla; put together in one scene and restyled here. The cow and the demo scene
are CC0. The style images are Vincent van Gogh's *The Starry Night* (starry) and an ink illustration by
Katsushika Hokusai (hokusai), black and white; both are in the public domain.
"""


def page(entries: list[Entry], titles: dict[str, tuple[str, str]]) -> str:
    """The gallery's README.

    Parameters
    ----------
    entries : list of Entry
    titles : dict
        Title and credit of each subject, by its key, in the order of the page.
    """
    parts = [_INTRODUCTION.format(cores=len(os.sched_getaffinity(0)))]
    for subject, (title, credit) in titles.items():
        mine = [e for e in entries if e.key.split("/")[0] == subject]
        if mine:
            parts.append(f"\n## {title}\n\n*{credit}*\n")
        parts += [_section(e) for e in mine]
    return "".join(parts)


def _section(entry: Entry) -> str:
    """One entry: its name, the sheet, the figures."""
    asked = f"Style image: {entry.prompt}" if entry.method == "image" else entry.prompt.capitalize()
    high = ", preset High" if entry.preset == "high" else ""
    return (
        f'\n### {asked}{high}\n\n<a href="{entry.file}"><img src="{entry.file}" width="760" '
        f'alt="{entry.heading()}"></a>\n\n{entry.numbers()}\n'
    )

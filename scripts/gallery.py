"""The gallery of ``docs/gallery``: prompts × objects, before and after, all made by ``make gallery``.

``python -m scripts.gallery [--only robot/lava,truck] [--out FOLDER]`` stylizes every entry of `SUBJECTS` that
this machine has the scene for, draws four views of the object in its scene before and after, measures what it
drew and writes one JPEG an entry, ``figures.json`` and the page ``README.md``. Entries that are not asked for
keep their picture and figures, so that one look can be made again.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ft2os import looks, tiles
from ft2os.cameras import stack
from ft2os.cameras.camera import Camera
from ft2os.colour import LUMA
from ft2os.errors import MissingError
from ft2os.evaluate.gaussians import measure as shapes
from ft2os.files import replacing
from ft2os.formats import load_scene
from ft2os.formats.scene import Scene
from ft2os.gaussians import Gaussians, concatenate, dc_of
from ft2os.stylize import StylizeRequest, stylize
from ft2os.stylize.floaters import keep_connected
from ft2os.stylize.framing import crop_to_object
from ft2os.stylize.measure import CLIPPED, luminance_ssim
from scripts.gallery_page import Entry, page, sheet

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("FT2OS_TEST_DATA", ROOT.parent / "shared" / "data"))
DEMO, REAL = ROOT / "demo" / "scene" / "scene.ply", DATA / "grouped" / "composite_gg"
SIDE = 256  # pixels of one view
BACKDROP = (0.87, 0.89, 0.91)  # pale, yet dark enough that a blown white shows
NEAR = 1.18  # the window's side over the object's, in all views but the first

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Subject:
    """An object, where one sees it well, and what it becomes.

    ``entries`` are prompts; ``@name`` is a style image, a trailing ``!`` asks for the preset *high*.
    """

    key: str
    title: str
    scene: Path
    group: str
    views: tuple[int, int, int, int]  # cameras of the scene; the first is drawn wide
    wide: float
    credit: str
    entries: tuple[str, ...]


_CC0 = "demo scene, CC0"
_PADILLA = "plant: Marcel Padilla, CC-BY-4.0"
_AGULLO = "robot: Stephane Agullo (sa3d.fr), CC-BY-4.0"
SUBJECTS = (
    Subject("truck", "The toy truck", DEMO, "truck", (0, 4, 8, 32), 1.6, _CC0, (
        "lava", "made of ice", "old gold", "carved from wood", "knitted wool", "rusty", "galaxy",
        "overgrown with moss", "furry gold", "@starry",
    )),
    Subject("tree", "The apple tree", DEMO, "tree", (4, 20, 48, 32), 1.5, _CC0, (
        "flames", "frozen in snow", "autumn leaves", "flowers", "emerald", "gold", "rainbow",
        "neon", "@hokusai",
    )),
    Subject("pumpkin", "The pumpkin", DEMO, "pumpkin", (0, 24, 48, 16), 2.6, _CC0, (
        "stained glass", "white marble", "leopard", "watermelon", "verdigris bronze", "jade",
        "dragon scales", "lava", "spiky ice",
    )),
    Subject("robot", "The robot", REAL, "robot", (12, 9, 17, 21), 1.7, _AGULLO, (
        "lava", "made of ice", "gold", "flames", "galaxy", "copper", "stained glass", "wood",
        "melting chocolate", "@starry", "gold!",
    )),
    Subject("plant", "The houseplant", REAL, "houseplant", (2, 9, 13, 18), 1.7, _PADILLA, (
        "made of ice", "autumn leaves", "lava", "gold", "aurora", "mother of pearl", "jade", "sunset",
    )),
    Subject("ball", "The beach ball", DEMO, "ball", (0, 4, 56, 12), 2.6, _CC0, ("furry", "spiky gold")),
)  # fmt: skip


def main(arguments: list[str] | None = None, subjects: tuple[Subject, ...] = SUBJECTS) -> None:
    """Make the pictures and the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "gallery")
    parser.add_argument("--only", default="", help="comma-separated keys, as robot or robot/lava")
    args = parser.parse_args(arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    # The style images' method and the preset high want VGG16's features; the test data has them.
    os.environ.setdefault("FT2OS_WEIGHTS", str(DATA / "perceptual"))
    wanted = [word for word in args.only.split(",") if word]
    notes = args.out / "figures.json"
    before = {e["key"]: Entry(**e) for e in json.loads(notes.read_text())} if notes.exists() else {}
    keys = [f"{s.key}/{slug(text)}" for s in subjects for text in s.entries]
    entries = {key: before[key] for key in keys if key in before}
    for subject in subjects:
        stage = None
        for text in subject.entries:
            key = f"{subject.key}/{slug(text)}"
            if not at_hand(subject, text) or (wanted and not {key, subject.key} & set(wanted)):
                continue
            stage = stage or Stage(subject)
            if entry := made(stage, text, args.out):
                entries[key] = entry
                write(notes, [entries[k] for k in keys if k in entries])
    listed = [entries[k] for k in keys if k in entries]
    write(notes, listed)
    with replacing(args.out / "README.md") as file:
        file.write_text(page(listed, {s.key: (s.title, s.credit) for s in subjects}), encoding="utf-8")


def write(notes: Path, entries: list[Entry]) -> None:
    """The figures so far, so that a run that is broken off keeps its pictures'."""
    with replacing(notes) as file:
        file.write_text(json.dumps([vars(e) for e in entries], indent=1) + "\n", encoding="utf-8")


def at_hand(subject: Subject, text: str) -> bool:
    """Whether this machine has the scene and the style image."""
    return subject.scene.exists() and (not text.startswith("@") or picture(text).exists())


def picture(text: str) -> Path:
    """The style image that an entry names."""
    return DATA / "style_images" / f"{text.strip('@!')}.jpg"


def slug(text: str) -> str:
    """A file's name for an entry."""
    return text.replace("!", " high").replace("@", "image ").strip().replace(" ", "_")


def made(stage: Stage, text: str, out: Path) -> Entry | None:
    """One picture on disk and its figures; None, with a line in the log, where weights are missing."""
    began = time.perf_counter()
    try:
        look, seconds, cpu = stage.stylize(text)
    except MissingError as error:
        _log.warning("%s/%s left out: %s", stage.subject.key, slug(text), error)
        return None
    after = stage.draw(looks.apply(stage.target, look, 1.0))
    entry = stage.entry(text, look, (seconds, cpu), after)
    entry.save(sheet(stage.before, after, entry), out)
    _log.info("%s  %s  (%.0f s in all)", entry.key, entry.numbers(), time.perf_counter() - began)
    return entry


class Stage:
    """A subject's scene, set up once: the object, the rest, the views, the pictures before."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        scene = load_scene(subject.scene)
        mask = scene.mask(scene.resolve_group(subject.group))
        self.target, self.rest = scene.gaussians.subset(mask), scene.gaussians.subset(~mask)
        self.cameras = windows(scene, self.target, subject)
        self.before = self.draw(self.target)
        self.shown = self.cover(self.target)

    def stylize(self, text: str) -> tuple[looks.Look, float, float]:
        """The look of one entry, and its seconds with everything loaded: the clock's, the processors'."""
        prompt, preset = text.rstrip("!"), "high" if text.endswith("!") else "standard"
        image = picture(text) if text.startswith("@") else None
        request = StylizeRequest(
            self.target,
            "" if image else prompt,
            context=self.rest,
            object_name=self.subject.group,
            method="image" if image else "material",
            preset=preset,
            style_image=image,
        )
        began, spent = time.perf_counter(), time.process_time()
        look = stylize(request).look
        return look, time.perf_counter() - began, time.process_time() - spent

    def draw(self, target: Gaussians) -> np.ndarray:
        """The object in its scene, every view.  [4, SIDE, SIDE, 3] in 0..1"""
        return self._render(concatenate([self.rest, target]), BACKDROP).clip(0, 1)

    def cover(self, target: Gaussians) -> np.ndarray:
        """How much of each pixel is the object, the scene before it taken away.  [4, SIDE, SIDE]"""
        parts = [flat(self.rest, 0.0), flat(target, 1.0)]
        return self._render(concatenate(parts), (0, 0, 0))[..., 0]

    def _render(self, gaussians: Gaussians, background: tuple[float, float, float]) -> np.ndarray:
        return tiles.render(gaussians, *stack(self.cameras), SIDE, SIDE, background=background).rgb

    def entry(self, text: str, look: looks.Look, seconds: tuple[float, float], after: np.ndarray) -> Entry:
        """The figures of one look, measured on the pictures that the gallery shows."""
        styled = looks.apply(self.target, look, 1.0)
        children = styled.subset(np.arange(len(styled) - len(look), len(styled)))
        inside = self.shown > 0.9
        outside = (self.shown < 1 / 255) & (self.cover(styled) < 1 / 255)
        ssim = [luminance_ssim(b @ LUMA, a @ LUMA)[m] for b, a, m in zip(self.before, after, inside)]
        error = float(np.mean((self.before - after)[outside] ** 2)) if outside.any() else 0.0
        return Entry(
            key=f"{self.subject.key}/{slug(text)}",
            file=f"{self.subject.key}_{slug(text)}.jpg",
            prompt=text.strip("!@"),
            method=look.method,
            preset="high" if text.endswith("!") else "standard",
            credit=self.subject.credit,
            gaussians=len(self.target),
            children=len(look),
            seconds=round(seconds[0], 1),
            cpu_seconds=round(seconds[1], 1),
            ssim=round(float(np.concatenate(ssim).mean()), 3),
            clipped=round(float((after[inside] >= CLIPPED).all(axis=-1).mean()), 5),
            spill_db=None if error == 0 else round(-10 * float(np.log10(error)), 1),
            needles_before=round(shapes(self.target.subset(np.unique(look.parent)))["needles"], 4),
            needles_after=round(shapes(children)["needles"], 4),
        )


def windows(scene: Scene, target: Gaussians, subject: Subject) -> list[Camera]:
    """The subject's views, square: the first wide enough to see the neighbours, the others near."""
    solid = target.subset(keep_connected(target))
    margins = (subject.wide, NEAR, NEAR, NEAR)
    cut = [crop_to_object(solid, scene.cameras[i], SIDE, m) for i, m in zip(subject.views, margins)]
    return [camera for camera in cut if camera is not None]


def flat(gaussians: Gaussians, value: float) -> Gaussians:
    """The same Gaussians in one grey, whatever the direction."""
    return gaussians.replace(sh=np.full((len(gaussians), 1, 3), dc_of(value), np.float32))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()

"""Robot and plant of the grouped test scene in lava, ice and gold, beside the reference looks.

``FT2OS_TEST_DATA=../shared/data python -m benchmarks.looks_sheet OUT`` writes a sheet for each object and
prompt (the scene and the object alone, before and after; at the right the reference picture, where there is
one) and prints a line of figures: seconds, share of clipped pixels, luminance SSIM with the original, PSNR of
the neutral split, and whether the specks beside the object kept their bits.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from ft2os import looks, tiles
from ft2os.cameras import orbit, stack
from ft2os.cameras.camera import Camera
from ft2os.colour import to_uint8
from ft2os.formats import load_scene
from ft2os.gaussians import Gaussians, concatenate
from ft2os.stylize import StylizeRequest, stylize
from ft2os.stylize.floaters import keep_connected
from ft2os.stylize.framing import crop_to_object

OBJECTS = {"robot": 75, "plant": 34}
PROMPTS = ("lava", "ice", "gold")
SIDE = 256
SCENE_VIEWS = (0, 3, 21, 12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    args = parser.parse_args()
    data = Path(os.environ.get("FT2OS_TEST_DATA", "../shared/data"))
    scene = load_scene(data / "grouped" / "composite_gg")
    args.out.mkdir(parents=True, exist_ok=True)
    figures = []
    for name, group in OBJECTS.items():
        mask = scene.mask(group)
        target, rest = scene.gaussians.subset(mask), scene.gaussians.subset(~mask)
        cameras = [scene.cameras[i].resized(SIDE, SIDE * 3 // 4) for i in SCENE_VIEWS]
        for prompt in PROMPTS:
            began = time.perf_counter()
            look = stylize(StylizeRequest(target, prompt, preset=args.preset)).look
            figures.append(figure(name, prompt, target, look, time.perf_counter() - began))
            print(json.dumps(figures[-1]), flush=True)
            after = looks.apply(target, look, 1.0)
            ours = np.concatenate([rows(rest, g, target, cameras) for g in (target, after)])
            save(
                args.out / f"{name}_{prompt}.png",
                ours,
                data.parent / "reference_looks" / f"{name}_{prompt}.png",
            )
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1))


def figure(name: str, prompt: str, target: Gaussians, look: looks.Look, seconds: float) -> dict:
    """What the numbers say of one look."""
    solid = keep_connected(target)
    styled = looks.apply(target, look, 1.0)
    kept = styled.subset(np.arange(len(styled) - len(look)))
    specks = target.subset(~solid)
    return {
        "object": name,
        "prompt": prompt,
        "seconds": round(seconds, 2),
        "gaussians": len(look),
        "clipped": look.stats["clipped"],
        "clipped_any": look.stats["clipped_any"],
        "ssim": look.stats["ssim"],
        "split_psnr": round(split_psnr(target.subset(solid), target, look), 1),
        "specks": len(specks),
        "specks_bit_equal": all(
            getattr(kept, f).tobytes() == getattr(specks, f).tobytes()
            for f in ("means", "quats", "scales", "opacities", "sh")
        ),
    }


def split_psnr(solid: Gaussians, target: Gaussians, look: looks.Look) -> float:
    """dB inside the object between the original and the look's set in the original's colours."""
    colours = target.sh[look.parent, 0] if look.dc0 is None else look.dc0
    unchanged = replace(look, dc=colours, sh=target.sh[look.parent, 1:])
    near_zero = looks.apply(target, unchanged, 1.0)
    views = square_views(solid)
    before, after = (draw(g, views) for g in (target, near_zero))
    alpha = tiles.render(target, *stack(views), SIDE, SIDE).alpha
    return -10 * float(np.log10(np.mean((before - after)[alpha > 0.05] ** 2)))


def rows(rest: Gaussians, now: Gaussians, original: Gaussians, cameras: list[Camera]) -> np.ndarray:
    """The whole scene, and under it the object alone.  [H, 4 · SIDE, 3]"""
    whole = draw(concatenate([rest, now]), cameras)
    alone = draw(now, square_views(original.subset(keep_connected(original))))
    return np.concatenate([np.concatenate(list(whole), axis=1), np.concatenate(list(alone), axis=1)])


def square_views(gaussians: Gaussians) -> list[Camera]:
    around = orbit(gaussians, 4, (SIDE, SIDE))
    return [crop_to_object(gaussians, camera, SIDE) or camera for camera in around]


def draw(gaussians: Gaussians, cameras: list[Camera]) -> np.ndarray:
    """Over white.  [C, H, W, 3] in 0..1"""
    size = cameras[0].width, cameras[0].height
    return np.clip(tiles.render(gaussians, *stack(cameras), *size, background=(1, 1, 1)).rgb, 0, 1)


def save(path: Path, ours: np.ndarray, reference: Path) -> None:
    """Ours at the left; the reference picture, where there is one, at the right."""
    sheet = Image.fromarray(to_uint8(ours))
    if reference.exists():
        beside = Image.open(reference).convert("RGB")
        both = Image.new("RGB", (sheet.width + beside.width, max(sheet.height, beside.height)), "white")
        both.paste(sheet, (0, 0))
        both.paste(beside, (sheet.width, 0))
        sheet = both
    sheet.save(path)


if __name__ == "__main__":
    main()

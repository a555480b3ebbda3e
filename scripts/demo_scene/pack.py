"""Writes what ships: the PLY with its groups, labels, cameras, six held-out views, and what they score."""

from __future__ import annotations

import logging
import shutil

import numpy as np
from PIL import Image

from ft2os.cameras import Camera, inria
from ft2os.formats import save_ply
from ft2os.gaussians import Gaussians
from scripts.demo_scene import layout
from scripts.demo_scene.seeding import load_views
from scripts.demo_scene.train import score

log = logging.getLogger("demo_scene.pack")
SHIPPED_VIEWS = 6

README = """# The demo scene

A toy truck on its path, a crate with a pumpkin on it, an apple tree and a ball, as {count} Gaussians
of degree {degree}. Modelled by code in Blender, rendered with Cycles from {views} places, and trained on
those pictures with this project's own rasterizer; `make demo-scene` makes it again (see
`scripts/demo_scene`).

- `scene.ply`: 3DGS PLY with an int property `group`; `labels.json` names the groups:
  {groups}.
- `cameras.json`: all {views} cameras, the hero view first. Every 8th view was kept out of training.
- `heldout/`: six of those views, `NNN.png` with alpha, and `NNN_mask.png`, whose pixel values are group ids.

PSNR over white inside the union of the masks, on every view kept out:

| view | {names} |
|---|{rule}|
| dB | {figures} |

To the extent possible under law, the authors have waived all copyright and related or neighbouring rights to
everything in this folder (CC0 1.0 Universal, https://creativecommons.org/publicdomain/zero/1.0/).
"""


def main() -> None:
    """Packs ``layout.WORK`` into ``layout.SHIPPED``, replacing what was there."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with np.load(layout.WORK / "trained.npz", allow_pickle=False) as arrays:
        gaussians = Gaussians(**dict(arrays))
    heldout = layout.SHIPPED / "heldout"
    shutil.rmtree(layout.SHIPPED, ignore_errors=True)
    heldout.mkdir(parents=True)
    save_ply(layout.SHIPPED / "scene.ply", gaussians, labels=layout.GROUPS)
    inria.write(layout.SHIPPED / "cameras.json", cameras())
    views = load_views([v for v in range(layout.VIEWS) if layout.held_out(v)])
    for name, ids in list(zip(views.names, views.ids))[:SHIPPED_VIEWS]:
        shutil.copyfile(layout.WORK / "views" / f"{name:03d}.png", heldout / f"{name:03d}.png")
        Image.fromarray(ids).save(heldout / f"{name:03d}_mask.png", optimize=True)
    figures = score(gaussians, views)
    (layout.SHIPPED / "README.md").write_text(readme(gaussians, views.names, figures), encoding="utf-8")
    log.info("%d Gaussians, %.1f MB", len(gaussians), (layout.SHIPPED / "scene.ply").stat().st_size / 1e6)
    log.info("PSNR of the held-out views: %s", ", ".join(f"{f:.2f}" for f in figures))


def cameras() -> list[Camera]:
    """The dome's cameras, named as the pictures are."""
    K = layout.intrinsics().astype(np.float32)
    return [
        Camera(viewmat.astype(np.float32), K, layout.SIZE, layout.SIZE, f"{i:03d}")
        for i, viewmat in enumerate(layout.view_matrices())
    ]


def readme(gaussians: Gaussians, names: list[int], figures: list[float]) -> str:
    """The text that ships beside the scene."""
    counts = {name: int((gaussians.group == i).sum()) for i, name in layout.GROUPS.items()}
    return README.format(
        count=f"{len(gaussians):,}",
        degree=gaussians.degree,
        views=layout.VIEWS,
        groups=", ".join(f"{name} ({count:,})" for name, count in counts.items()),
        names=" | ".join(f"{n:03d}" for n in names),
        rule="|".join(["---"] * len(names)),
        figures=" | ".join(f"{f:.1f}" for f in figures),
    )


if __name__ == "__main__":
    main()

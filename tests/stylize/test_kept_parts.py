"""The parts that methods share give what they gave: ``kept_parts.json``, written by running this module."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

from ft2os.cameras import orbit
from ft2os.cameras.camera import stack
from ft2os.gaussians import Gaussians, concatenate
from ft2os.materials import MATERIALS
from ft2os.stylize import floaters, framing, luminance, painting, view_buffers
from ft2os.stylize.memory import Job
from ft2os.stylize.outliers import inliers
from ft2os.stylize.painting import Brush
from ft2os.stylize.prepare import PreparedObject, prepare
from ft2os.stylize.refit import refit_opacities
from ft2os.stylize.split import child_opacity, split
from ft2os.tiles import render
from tests import kept
from tests.scenes import ball

KEPT = Path(__file__).with_name("kept_parts.json")


@cache
def _object() -> Gaussians:
    """Of many sizes, faint and opaque, with a handle, a speck and a stray."""
    parts = (
        ball(160, 1, 5, radius=0.8),
        ball(20, 1, 4, centre=(0.9, 0.1, 0.2), radius=0.3),
        ball(2, 1, 6, centre=(4.0, 0.0, 0.0), radius=0.01),
    )
    whole = concatenate(list(parts))
    rng = np.random.default_rng(2)
    sizes = rng.uniform(0.4, 2.0, (len(whole), 1)) * rng.uniform(0.2, 1.0, (len(whole), 3))
    opacities = rng.choice([0.01, 0.1, 0.25, 0.6, 0.97], len(whole))
    return whole.replace(
        scales=(whole.scales * sizes).astype(np.float32), opacities=opacities.astype(np.float32)
    )


@cache
def _prepared() -> PreparedObject:
    return prepare(_object(), views=5, pixels=56, max_split_scale=0.03, limit=1200, refit=6)


def _split(limit: int, worth: np.ndarray | None = None) -> dict[str, object]:
    fine, parent = split(_object(), 0.04, limit, worth)
    return {"scales": fine.scales, "opacities": fine.opacities, "means": fine.means, "parent": parent}


def _surface() -> dict[str, object]:
    camera = orbit(_object(), 3, size=(72, 60))[1]
    seen = view_buffers.surface_view_of(_object(), camera)
    frame = view_buffers.frame_of(_object())
    points, height = frame.normalised(seen.points)
    names = ("mask", "points", "normals", "luminance", "original")
    return {name: getattr(seen, name) for name in names} | {
        "frame": [*frame.centre, frame.extent, frame.top, frame.bottom],
        "in the frame": points,
        "height": height,
        "on grey": seen.on_grey(0.7 * seen.original),
    }


def _around() -> dict[str, object]:
    viewmats, Ks = stack(view_buffers.cameras_around(_object(), 13, 64))
    lone = ball(1, seed=3)
    return {
        "viewmats": viewmats,
        "Ks": Ks,
        "visible": view_buffers.visibility(_object()),
        "lone": [*view_buffers.sphere_of(lone)[0], view_buffers.sphere_of(lone)[1]],
        "lone's box": [view_buffers.frame_of(lone).extent, *view_buffers.frame_of(lone).centre],
    }


def _windows() -> dict[str, object]:
    cameras = orbit(_object(), 4, size=(300, 200), elevation_deg=25)
    boxes = [framing.object_box(_object(), camera) for camera in cameras]
    return {"boxes": boxes, "Ks": [framing.crop_to_object(_object(), camera, 64).K for camera in cameras]}


def _refitted() -> dict[str, object]:
    cameras = orbit(_object(), 3, size=(48, 48))
    wanted = render(_object(), *stack(cameras), 48, 48)
    thin = _object().replace(opacities=(0.6 * _object().opacities).astype(np.float32))
    return {"opacities": refit_opacities(thin, cameras, wanted, 7).opacities}


def _prepared_numbers() -> dict[str, object]:
    made = _prepared()
    return {
        "neutral": made.neutral,
        "opacities": made.fine.opacities,
        "parent": made.parent,
        "seen": made.surface_views[2].original,
        "picture": made.picture(made.neutral),
    }


def _light() -> dict[str, object]:
    rng = np.random.default_rng(0)
    light = rng.uniform(0, 1, (40, 48))
    mask = np.hypot(*np.mgrid[-20:20, -24:24]) < 17
    colours = rng.uniform(0, 1, (mask.sum(), 3))
    return {
        "detail": luminance.detail(light, mask, 0.4, 0.2),
        "of an even one": luminance.detail(light, mask, 0.4, 0.01),
        "relit": luminance.relight(colours, light, mask, 0.7),
        "held": luminance.hold_highlights(np.linspace(0, 3, 60).reshape(20, 3) ** 2),
        "blurred": view_buffers.masked_blur(light, mask, 2.0),
    }


def _painted(brush: Brush) -> dict[str, object]:
    made = _prepared()
    painted = painting.paint(made, brush)
    return {
        "tone": painting.tone_of(made.surface_views),
        "start": painted.start,
        "targets": np.stack(painted.targets),
        "solved": painting.solve(made, painted),
        "before any view": painting.centres(made.fine, made.frame, brush),
        "exemplar": painting.exemplar(brush, 24),
    }


def _kept_rows() -> dict[str, object]:
    rng = np.random.default_rng(1)
    cloud = rng.normal(size=(300, 3)) ** 3
    return {
        "connected": np.flatnonzero(floaters.keep_connected(_object())),
        "in proportion": floaters.proportionate(_object()),
        "inliers": inliers(cloud),
        "of few neighbours": inliers(cloud, neighbours=5, std_ratio=2.0),
    }


def _bytes() -> dict[str, object]:
    jobs = {
        "plain": Job(1000, 16, 208),
        "judged": Job(50_000, 12, 208, judged_views=14, judged_pixels=280, per_picture=20_000_000, moved=3),
        "drawn": Job(9000, 0, 224, per_picture=1000, pictures=2, moved=14, rasterized=True, fixed=77),
    }
    return {name: [*job.parts(5).values(), job.bytes(1)] for name, job in jobs.items()}


CASES: dict[str, kept.Case] = {
    "split": partial(_split, 100_000),
    "split within a limit": partial(_split, 900),
    "split where it shows": partial(_split, 2000, np.arange(182) % 3),
    "opacities of children": lambda: {"all": child_opacity(np.linspace(0, 0.999, 60))},
    "surface": _surface,
    "cameras": _around,
    "windows": _windows,
    "refit": _refitted,
    "prepared": _prepared_numbers,
    "light and dark": _light,
    "lava": partial(_painted, Brush(MATERIALS["lava"], 3)),
    "ice": partial(_painted, Brush(MATERIALS["ice"], 1, 0.5, 0.9)),
    "rows": _kept_rows,
    "memory": _bytes,
}


@pytest.mark.parametrize("name", CASES)
def test_a_part_gives_what_it_gave(name: str) -> None:
    kept.check(KEPT, name, CASES[name])


if __name__ == "__main__":
    kept.write(KEPT, CASES)

"""How long the CPU rasterizer takes, and what the linear rendering saves.

``python -m benchmarks.rasterizer``. Each size is drawn forward, and forward with gradients to every
parameter, and compared with the same pipeline around a textbook blending loop (``benchmarks.textbook``).
Runs of both take turns in one process and the best of each counts, so that what else the machine does hits
both.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import textbook
from ft2os.cameras.camera import Camera, stack
from ft2os.gaussians import Gaussians
from ft2os.threads import workers
from ft2os.tiles import linear, rasterizer
from ft2os.tiles.binning import bin_splats
from ft2os.tiles.layout import PLAIN
from ft2os.tiles.projection import splat
from ft2os.tiles.projection_backward import project_backward

SIZES = [(n, pixels) for pixels in (224, 512) for n in (10_000, 50_000, 200_000)]
LINEAR = (40_000, 192)


def scene(n: int, degree: int = 3, seed: int = 0) -> Gaussians:
    """An object of ``n`` Gaussians whose splats shrink as their number grows, as a trained one's do."""
    rng = np.random.default_rng(seed)
    quats = rng.normal(size=(n, 4))
    size = 0.012 * np.sqrt(50_000 / n)
    parts = (
        rng.normal(size=(n, 3)) * 0.5,
        quats / np.linalg.norm(quats, axis=1, keepdims=True),
        size * np.exp(0.5 * rng.normal(size=(n, 3))),
        rng.uniform(0.02, 1.0, n),
        rng.normal(size=(n, (degree + 1) ** 2, 3)) * 0.3,
    )
    return Gaussians(*(x.astype(np.float32) for x in parts))


def camera(pixels: int) -> Camera:
    """A square view of the object."""
    viewmat = np.eye(4, dtype=np.float32)
    viewmat[2, 3] = 3.0
    focal = 1.2 * pixels
    K = np.array([[focal, 0, pixels / 2], [0, focal, pixels / 2], [0, 0, 1]], np.float32)
    return Camera(viewmat, K, pixels, pixels)


def best(contestants: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Milliseconds of each contestant's best run; they take turns, and a first round is not counted."""
    times = {name: float("inf") for name in contestants}
    for turn in range(rounds + 1):
        for name, run in contestants.items():
            began = time.perf_counter()
            run()
            if turn:
                times[name] = min(times[name], 1e3 * (time.perf_counter() - began))
    return times


def draw(n: int, pixels: int, rounds: int) -> dict[str, float]:
    """Forward, and forward + backward, ours and the textbook's."""
    g, view = scene(n), camera(pixels)
    cameras = stack([view])
    parameters = rasterizer.Parameters(g.means, g.quats, g.scales, g.opacities, g.sh[None], g.degree)
    grad = np.ones((1, pixels, pixels, 4), np.float32)
    grad_rest = np.ones((1, pixels, pixels), np.float32)

    def both() -> None:
        rasterizer.backward(rasterizer.forward(parameters, *cameras, pixels, pixels), grad, grad_rest)

    def textbook_forward() -> tuple:
        splats = splat(
            g.means, g.quats, g.scales, g.opacities, g.sh[None], g.degree, *cameras, pixels, pixels
        )
        bins = bin_splats(splats)
        return splats, bins, textbook.blend(splats, bins)

    def textbook_both() -> None:
        splats, bins, (_, rest, last) = textbook_forward()
        sums = textbook.blend_backward(splats, bins, rest, last, grad[0], grad_rest[0])
        # a splat's rows lie together after a sort by splat: the step that our layout does not need
        order = np.argsort(bins.ids, kind="stable")
        slots = np.searchsorted(bins.ids[order], np.arange(n + 1))
        project_backward(
            g.means, g.quats, g.scales, g.opacities, g.sh[None], g.degree, splats, sums[order], slots
        )

    return best(
        {
            "forward": lambda: rasterizer.forward(parameters, *cameras, pixels, pixels),
            "both": both,
            "textbook_forward": textbook_forward,
            "textbook_both": textbook_both,
        },
        rounds,
    )


def colour_step(n: int, pixels: int, rounds: int) -> dict[str, float]:
    """One step of a colour-only optimisation, picture and gradient: rasterized, and as a matrix."""
    g, view = scene(n, degree=0), camera(pixels)
    colours = linear.view_colours(g, view)
    parameters = rasterizer.Parameters(
        g.means, g.quats, g.scales, g.opacities, np.ascontiguousarray(colours[None, :, None]), PLAIN
    )
    grad = np.ones((1, pixels, pixels, 4), np.float32)
    grad_rest = np.zeros((1, pixels, pixels), np.float32)
    (matrix,) = linear.build(g, [view])
    image = matrix.image(colours)
    cameras = stack([view])

    def rasterized() -> None:
        rasterizer.backward(rasterizer.forward(parameters, *cameras, pixels, pixels), grad, grad_rest)

    times = best(
        {
            "rasterized": rasterized,
            "product": lambda: matrix.image(colours),
            "gradient": lambda: matrix.gradient(image),
        },
        rounds,
    )
    times |= best({"build": lambda: linear.build(g, [view])}, max(1, rounds // 4))
    times["megabytes"] = sum(m.data.nbytes + m.indices.nbytes for m in (matrix.W, matrix.WT)) / 1e6
    return times


def main() -> None:
    """Measure, print a table, and write the figures where ``--json`` says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="counted runs of each (default 5)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    report: dict = {"threads": workers(), "sizes": []}
    print(f"{workers()} threads, SH degree 3, best of {options.rounds}, milliseconds; ×: textbook ÷ ours")
    print(f"{'Gaussians':>10} {'pixels':>7} {'forward':>9} {'×':>5} {'+ backward':>11} {'×':>5}")
    for n, pixels in SIZES:
        t = draw(n, pixels, options.rounds)
        forward, both = t["textbook_forward"] / t["forward"], t["textbook_both"] / t["both"]
        print(f"{n:>10,} {pixels:>5}² {t['forward']:>9.1f} {forward:>5.1f} {t['both']:>11.1f} {both:>5.1f}")
        report["sizes"].append(
            {"gaussians": n, "pixels": pixels, **t, "ratio_forward": forward, "ratio_both": both}
        )
    n, pixels = LINEAR
    t = colour_step(n, pixels, 2 * options.rounds)
    t["gain"] = t["rasterized"] / (t["product"] + t["gradient"])
    report["linear"] = {"gaussians": n, "pixels": pixels, **t}
    print(
        f"colour step, {n:,} at {pixels}²: rasterized {t['rasterized']:.1f}, exact W {t['product']:.2f} + "
        f"{t['gradient']:.2f}: {t['gain']:.1f}× (building W {t['build']:.0f}, {t['megabytes']:.0f} MB)"
    )
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""The paper's loop against ours: the same scene, object, prompt and judge in one process.

    python -m benchmarks.stylize [--json FILE] [--steps N] [--scene PATH] [--group ID|NAME]

The paper's loop draws the whole scene at a camera's own size, masks it, resizes it to the judge's square and
takes one step for each view. Ours are the material method (the default of the product, no judge) and the CLIP
method's preset ``seed``, which draws the object alone, cropped and in batches. The paper took 5020 steps:
its seconds are measured over ``--steps`` of them and extrapolated, and are labelled so.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import time
from pathlib import Path

import ft2os.threads  # noqa: F401  # settles the thread pools, which counts only before torch

# isort: split
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ft2os.cameras import orbit
from ft2os.cameras.camera import Camera, stack
from ft2os.errors import Ft2osError, RequestError
from ft2os.formats import Scene, load_scene
from ft2os.gaussians import Gaussians
from ft2os.guidance import clip_judge, negatives
from ft2os.losses import contrastive_loss
from ft2os.render import engine_name, rasterize
from ft2os.stylize import StylizeRequest, stylize
from ft2os.stylize.clip.parameters import Parameters
from ft2os.stylize.clip.settings import resolve
from ft2os.stylize.clip.views import scene_extent

ROOT = Path(__file__).resolve().parents[1]
PAPER_STEPS = 5020  # 20 epochs of 251 views, Table 2
PROMPT = "lava"
SEED = 0


class PaperLoop:
    """One view a step, the whole scene at full size, resized for the judge.

    Only the object's Gaussians are parameters, which spares this loop the gradients that the published code
    computes for the rest and throws away; the masks are drawn once, outside the measured time. Both favour
    the paper.
    """

    def __init__(self, target: Gaussians, context: Gaussians, cameras: list[Camera], judge) -> None:
        settings = resolve("seed")
        self.judge, self.cameras, self.temperature = judge, cameras, settings.temperature
        device = judge.device
        self.parameters = Parameters(target, settings, scene_extent(cameras), device)
        self.context = {
            name: torch.from_numpy(np.array(array, np.float32)).to(device)
            for name, array in {
                "means": context.means,
                "quats": context.quats,
                "scales": context.scales,
                "opacities": context.opacities,
                "colors": context.sh,
            }.items()
        }
        texts = judge.embed_texts([PROMPT, *negatives.draw(PROMPT, SEED)])
        self.prompt, self.negatives = texts[0], texts[1:]
        with torch.no_grad():
            self.masks = [self._mask(camera) for camera in cameras]

    def step(self, index: int) -> float:
        """Render, judge, go back, move; the loss."""
        image = self._draw(self._scene(), self.cameras[index]) * self.masks[index]
        side = self.judge.image_size
        square = F.interpolate(image, (side, side), mode="bilinear", antialias=True)
        loss = contrastive_loss(
            self.judge.embed_images(square), self.prompt, self.negatives, self.temperature
        )
        self.parameters.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.parameters.optimizer.step()
        return loss.item()

    def _scene(self) -> dict:
        moving = self.parameters.gaussians()
        arrays = {name: torch.cat([moving[name], self.context[name]]) for name in self.context}
        return {**arrays, "sh_degree": moving["sh_degree"]}

    def _draw(self, arrays: dict, camera: Camera) -> Tensor:  # [1, 3, H, W]
        viewmats, Ks = (torch.from_numpy(array).to(self.judge.device) for array in stack([camera]))
        rgb, _, _ = rasterize(**arrays, viewmats=viewmats, Ks=Ks, width=camera.width, height=camera.height)
        return rgb.permute(0, 3, 1, 2).clamp(0, 1)

    def _mask(self, camera: Camera) -> Tensor:  # [1, 1, H, W]
        """Where the object is what one sees: its share of the pixel is more than half."""
        arrays = self._scene()
        owner = torch.zeros_like(arrays["means"])
        owner[: len(owner) - len(self.context["means"])] = 1
        white = {**arrays, "colors": owner, "sh_degree": None}
        return (self._draw(white, camera)[:, :1] > 0.5).float()


def measure_paper(loop: PaperLoop, steps: int) -> dict:
    """Seconds of ``steps`` steps, and what 5020 of them would take."""
    order = np.random.default_rng(SEED).integers(len(loop.cameras), size=steps)
    loop.step(0)  # compiles kernels, warms caches
    start = time.perf_counter()
    losses = [loop.step(index) for index in order]
    seconds = time.perf_counter() - start
    return {
        "steps_measured": steps,
        "seconds_measured": seconds,
        "seconds_judged_view": seconds / steps,
        "steps_extrapolated": PAPER_STEPS,
        "seconds": seconds / steps * PAPER_STEPS,
        "extrapolated": True,
        "loss_first": losses[0],
        "loss_last": losses[-1],
    }


def measure_clip(request: StylizeRequest, views: int) -> dict:
    """The preset ``seed`` over about ``views`` judged views, and what 5020 of them would take."""
    batch = resolve("seed").batch
    cameras = len(request.cameras)
    # An epoch visits every view once, so its last batch may be smaller than the others.
    request.overrides["steps"] = math.ceil(views / cameras * math.ceil(cameras / batch))
    stats = stylize(request).stats
    each = stats["seconds"] / stats["judged_views"]
    return {
        "batch": batch,
        "judged_views_measured": stats["judged_views"],
        "seconds_measured": stats["seconds"],
        "seconds_judged_view": each,
        "judged_views_extrapolated": PAPER_STEPS,
        "seconds": each * PAPER_STEPS,
        "extrapolated": True,
        "loss_first": stats["loss_first"],
        "loss_last": stats["loss_last"],
    }


def measure_material(request: StylizeRequest) -> dict:
    """Wall seconds of the material method, from the request to the look; measured whole, not extrapolated."""
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        stylize(request)
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds[1], "seconds_first_run": seconds[0], "extrapolated": False}


def run(scene: Scene, group: int, steps: int) -> dict:
    """All measurements as one report."""
    real = clip_judge.available()
    model, pretrained = (None, None) if real else (clip_judge.DEFAULT_MODEL, clip_judge.RANDOM)
    judge = clip_judge.load(model, pretrained)
    if torch.cuda.is_available():
        judge.to("cuda")
    cameras = scene.cameras or orbit(scene.gaussians, 24, size=(640, 480))
    mask = scene.mask(group)
    target, context = scene.gaussians.subset(mask), scene.gaussians.subset(~mask)

    def request(method: str, **overrides) -> StylizeRequest:
        return StylizeRequest(
            target=target,
            context=context,
            prompt=PROMPT,
            method=method,
            preset="seed" if method == "clip" else "standard",
            seed=SEED,
            overrides=overrides,
            cameras=cameras,
        )

    paper = measure_paper(PaperLoop(target, context, cameras, judge), steps)
    clip = measure_clip(request("clip", model=model, pretrained=pretrained), steps)
    material = measure_material(request("material"))
    return {
        "scene": str(scene.path),
        "group": scene.group_name(group),
        "gaussians": len(scene.gaussians),
        "object_gaussians": len(target),
        "cameras": len(cameras),
        "size": [cameras[0].width, cameras[0].height],
        "judge": judge.name if real else "random",
        "judge_model": judge.name,
        "rasterizer": engine_name(),
        "machine": {"cpus": os.cpu_count(), "torch": torch.__version__, "system": platform.machine()},
        "paper": paper,
        "clip_seed": clip,
        "material": material,
        "ratio": paper["seconds"] / material["seconds"],
        "ratio_clip_seed": paper["seconds"] / clip["seconds"],
        "ratio_judged_view": paper["seconds_judged_view"] / clip["seconds_judged_view"],
    }


def default_scene() -> Path:
    """The composite scene of the test data where it is named, else the demo scene."""
    data = os.environ.get("FT2OS_TEST_DATA")
    return Path(data) / "grouped" / "composite_gg" if data else ROOT / "demo" / "scene"


def default_group(scene: Scene) -> int:
    """The truck or the robot; the largest group in a scene that has neither."""
    for group, name in scene.labels.items():
        if any(word in name for word in ("truck", "toy robot")):
            return group
    if not scene.group_ids():
        raise RequestError(f"{scene.path} has no groups.", "Name a grouped scene with --scene.")
    return max(scene.group_ids(), key=lambda group: scene.mask(group).sum())


def describe(report: dict) -> str:
    """The report as lines for a person."""
    paper, clip, material = report["paper"], report["clip_seed"], report["material"]
    width, height = report["size"]
    return "\n".join(
        [
            f"scene      {report['scene']}: {report['gaussians']:,} Gaussians, "
            f"{report['cameras']} cameras of {width}×{height}",
            f"object     {report['group']}: {report['object_gaussians']:,} Gaussians",
            f"judge: {report['judge']}"
            + (f"  ({report['judge_model']})" if report["judge"] == "random" else ""),
            f"rasterizer {report['rasterizer']}, {report['machine']['cpus']} CPUs",
            "",
            f"paper      {paper['seconds']:8.1f} s  extrapolated to {PAPER_STEPS} steps from "
            f"{paper['steps_measured']} ({paper['seconds_measured']:.1f} s); "
            f"{paper['seconds_judged_view']:.3f} s a judged view",
            f"clip seed  {clip['seconds']:8.1f} s  extrapolated to {PAPER_STEPS} judged views from "
            f"{clip['judged_views_measured']} ({clip['seconds_measured']:.1f} s); "
            f"{clip['seconds_judged_view']:.3f} s a judged view",
            f"material   {material['seconds']:8.1f} s  measured whole; "
            f"the first run took {material['seconds_first_run']:.1f} s",
            "",
            f"ratio      {report['ratio']:8.1f}  paper / material, whole runs",
            f"           {report['ratio_judged_view']:8.1f}  paper / clip seed, a judged view",
        ]
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stylize", description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there as well")
    parser.add_argument("--steps", type=int, default=100, help="steps of the paper's loop to measure")
    parser.add_argument("--scene", type=Path, default=default_scene())
    parser.add_argument("--group", help="id or name of the object")
    arguments = parser.parse_args(argv)
    if arguments.steps < 1:
        parser.error("--steps must be at least 1")
    try:
        scene = load_scene(arguments.scene)
        group = scene.resolve_group(arguments.group) if arguments.group else default_group(scene)
        report = run(scene, group, arguments.steps)
    except Ft2osError as error:
        parser.exit(1, f"{error}\n")
    print(describe(report))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""The report: its parts in their order, each row said as it is ready, and the ratios that follow."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence

import torch

from benchmarks.stylize import presets, tables, warm_worker
from benchmarks.stylize.gauges import PARTS
from benchmarks.stylize.paper import PAPER_STEPS, measure_loop, measure_preset
from benchmarks.stylize.subject import PROMPT, Subject
from ft2os.render import engine_name

ALL = ("paper", "presets", "sizes", "batch", "judges", "scene", "worker")
Say = Callable[[str], None]


def facts(subject: Subject) -> dict:
    """What was measured, on what."""
    camera = subject.cameras[0]
    cuda = subject.device == "cuda"
    return {
        "scene": str(subject.scene.path),
        "group": subject.scene.group_name(subject.group),
        "prompt": PROMPT,
        "gaussians": len(subject.scene.gaussians),
        "object_gaussians": len(subject.target),
        "cameras": len(subject.cameras),
        "size": [camera.width, camera.height],
        "judge": subject.judge.name if subject.real else "random",
        "judge_model": subject.judge.name,
        "rasterizer": engine_name(),
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "machine": {
            "cpus": os.cpu_count(),
            "torch": torch.__version__,
            "torch_threads": torch.get_num_threads(),
            "system": platform.machine(),
        },
    }


def introduction(report: dict) -> str:
    """`facts` as lines for a person."""
    width, height = report["size"]
    random = "  no quality is claimed from a score" if report["judge"] == "random" else ""
    return "\n".join(
        [
            f"scene      {report['scene']}: {report['gaussians']:,} Gaussians, "
            f"{report['cameras']} cameras of {width}×{height}",
            f"object     {report['group']}: {report['object_gaussians']:,} Gaussians; "
            f'prompt "{report["prompt"]}"',
            f"judge: {report['judge']}  ({report['judge_model']}){random}",
            f"device     {report['device']}, rasterizer {report['rasterizer']}, "
            f"{report['machine']['cpus']} CPUs, {report['machine']['torch_threads']} threads",
        ]
    )


def make(
    subject: Subject,
    parts: Sequence[str] = ALL,
    *,
    steps: int = 100,
    wanted: Sequence[tuple[str, str]] | None = None,
    say: Say = print,
    **sizes: tuple[int, ...],
) -> dict:
    """Measure the parts.

    Parameters
    ----------
    subject : Subject
    parts : sequence of str
        Some of `ALL`.
    steps : int
        Of the paper's loop to measure.
    wanted : sequence of (method, preset)
        To run whole; those of preset "draft" through the worker too. All if left out, those in
        `presets.SHORTENED` over some of their steps only.
    say : callable
        Told every line.
    sizes : tuple
        ``objects``, ``contexts``, ``batches``, ``judges``: the tables' rows; ``worker``: its Gaussians.

    Returns
    -------
    dict
        JSON values. ``ratio`` is the paper's extrapolated seconds over those of CLIP Standard, null unless
        both were measured.
    """
    report = facts(subject) | {"parts": list(parts)}
    say(introduction(report))
    if {"paper", "presets"} & set(parts):
        presets.warm_up(subject)
    for part in (part for part in ALL if part in parts):
        say(f"\n{_TITLES[part]}")
        report[part] = _MEASURES[part](subject, say, steps, wanted, sizes)
    report |= ratios(report)
    if any(name.startswith("ratio") and value for name, value in report.items()):
        say("\n" + conclusion(report))
    return report


def ratios(report: dict) -> dict:
    """How many times shorter ours take; null where one of the two was not measured."""
    paper = report.get("paper", {}).get("loop", {})
    rows = {(row["method"], row["preset"]): row for row in report.get("presets", {}).get("rows", [])}
    found = {"ratio": _ratio(paper, rows.get(("clip", "standard")), "seconds")}
    for method, preset in (("clip", "draft"), ("clip", "high"), ("material", "standard")):
        found[f"ratio_{method}_{preset}"] = _ratio(paper, rows.get((method, preset)), "seconds")
    found["ratio_clip_paper"] = _ratio(paper, report.get("paper", {}).get("preset"), "seconds")
    view = "seconds_judged_view"
    return found | {"ratio_judged_view": _ratio(paper, rows.get(("clip", "standard")), view)}


def conclusion(report: dict) -> str:
    """The ratios as lines."""
    names = {
        "ratio": "the paper's loop / CLIP Standard, whole runs",
        "ratio_clip_draft": "the paper's loop / CLIP Draft",
        "ratio_clip_high": "the paper's loop / CLIP High",
        "ratio_material_standard": "the paper's loop / material Standard",
        "ratio_clip_paper": "the paper's loop / the paper's method in our batches, both extrapolated",
        "ratio_judged_view": "the same for one judged view, CLIP Standard",
    }
    return "\n".join(f"{name:<24}{report[name]:8.1f}  {text}" for name, text in names.items() if report[name])


def _ratio(theirs: dict, ours: dict | None, name: str) -> float | None:
    if not theirs.get(name) or not ours or not ours.get(name):
        return None
    return theirs[name] / ours[name]


def _paper(subject: Subject, say: Say, steps: int, wanted, sizes) -> dict:
    found = {}
    for name, measure in (("loop", measure_loop), ("preset", measure_preset)):
        row = found[name] = measure(subject, steps)
        say(
            f"{name:<10} {row['seconds']:9.1f} s  extrapolated to {PAPER_STEPS} judged views from "
            f"{row['judged_views_measured']} ({row['seconds_measured']:.1f} s), batch {row['batch']}; "
            f"{row['seconds_judged_view']:.3f} s a judged view; {_memory(row)}"
        )
    _say_breakdown(found["loop"]["breakdown"], say)
    return found


def _presets(subject: Subject, say: Say, steps: int, wanted, sizes) -> dict:
    rows = []
    for method, preset in wanted or presets.ALL:
        steps = presets.SHORTENED.get((method, preset)) if wanted is None else None
        row = presets.measure(subject, method, preset, steps)
        rows.append(row)
        say(f"{method:<9}{preset:<9} " + _preset(row))
    found = {"rows": rows}
    if ("clip", "standard") in (wanted or presets.ALL):
        found["breakdown"] = presets.breakdown(subject, 6)
        _say_breakdown(found["breakdown"], say)
    return found


def _preset(row: dict) -> str:
    if "skipped" in row:
        return f"not run: {row['skipped']}"
    how = "measured whole"
    if row["extrapolated"]:
        how = f"extrapolated from {row['steps_measured']} steps ({row['seconds_measured']:.1f} s)"
    parts = [f"{row['seconds']:7.1f} s  {how}"]
    if row["first_picture_seconds"] is not None:
        parts.append(f"first picture {row['first_picture_seconds']:.1f} s")
    if row["steps_per_second"]:
        parts.append(f"{row['steps']} steps, {row['steps_per_second']:.2f} a second")
    if row["seconds_judged_view"]:
        parts.append(f"{row['judged_views']} views judged, {row['seconds_judged_view']:.3f} s each")
    if row.get("score"):
        parts.append(_score(row["score"]))
    return "; ".join([*parts, _memory(row)])


def _score(score: dict) -> str:
    if score["judge"] is None:
        return f"no score: {score['reason']}"
    was, now = score["similarity_before"], score["similarity_after"]
    return f"{score['judge']} says {was:.3f} before, {now:.3f} after"


def _say_breakdown(row: dict, say: Say) -> None:
    if not row.get("steps"):
        return
    parts = ", ".join(f"{name} {1000 * value:.1f}" for name, value in row["parts"].items())
    say(f"a step     {1000 * row['seconds']:.0f} ms: {parts}")
    say(
        f"           largest: {PARTS[row['largest']]}, {row['largest_share']:.0%}; the judge both ways "
        f"{row['judge_share']:.0%}: its weights are frozen and only the pictures get a gradient"
    )


def _sizes(subject: Subject, say: Say, steps: int, wanted, sizes: dict) -> list[dict]:
    say(" Gaussians   build ms  product ms  rasterizer ms  form MB   material draft s    split   added MB")
    rows = []
    for row in tables.by_object(subject, sizes.get("objects", tables.SIZES)):
        rows.append(row)
        say(
            f"{row['gaussians']:>10,} {1000 * row['build_seconds_view']:>10.1f}"
            f"{1000 * row['linear_seconds_view']:>12.2f}{1000 * row['rasterizer_seconds_view']:>15.1f}"
            f"{row['form_bytes_view'] / 1e6:>9.1f}{row['material_draft_seconds']:>19.2f}"
            f"{row['gaussians_split']:>9,}{row['added_bytes'] / 1e6:>11.0f}"
        )
    return rows


def _scene(subject: Subject, say: Say, steps: int, wanted, sizes: dict) -> list[dict]:
    say("surroundings   CLIP draft s   material draft s   the paper's step s")
    rows = []
    for row in tables.by_scene(subject, sizes.get("contexts", tables.CONTEXTS)):
        rows.append(row)
        say(
            f"{row['context_gaussians']:>12,}{row['clip_draft_seconds']:>15.2f}"
            f"{row['material_draft_seconds']:>19.2f}{row['paper_seconds_step']:>21.3f}"
        )
    return rows


def _batch(subject: Subject, say: Say, steps: int, wanted, sizes: dict) -> list[dict]:
    say(" batch   s a judged view   added MB")
    rows = []
    for row in tables.by_batch(subject, sizes.get("batches", tables.BATCHES)):
        rows.append(row)
        say(f"{row['batch']:>6}{row['seconds_judged_view']:>18.4f}{row['added_bytes'] / 1e6:>11.0f}")
    return rows


def _judges(subject: Subject, say: Say, steps: int, wanted, sizes: dict) -> list[dict]:
    say("judge            pixels   s a judged view   MB kept of it")
    rows = []
    for row in tables.by_judge(subject, sizes.get("judges", tables.JUDGES)):
        rows.append(row)
        say(
            f"{row['model']:<16}{row['pixels']:>7}{row['seconds_judged_view']:>18.4f}"
            f"{row['bytes_kept_view'] / 1e6:>16.0f}"
        )
    return rows


def _worker(subject: Subject, say: Say, steps: int, wanted, sizes: dict) -> list[dict]:
    rows = []
    for method in [method for method, preset in wanted or presets.ALL if preset == "draft"]:
        row = warm_worker.measure(subject, method, sizes.get("worker", warm_worker.GAUSSIANS))
        rows.append(row)
        goals = row["goals"]
        say(
            f"{method:<9} draft   first picture {row['first_picture_seconds']:.2f} s "
            f"(goal {goals['first_picture_seconds']:.0f}), end {row['seconds']:.2f} s "
            f"(goal {goals['seconds']:.0f}); {row['gaussians']:,} Gaussians"
        )
    return rows


def _memory(row: dict) -> str:
    return f"peak {row['peak_bytes'] / 1e9:.2f} GB, {row['added_bytes'] / 1e6:.0f} MB of it its own"


_MEASURES = {
    "paper": _paper,
    "presets": _presets,
    "sizes": _sizes,
    "batch": _batch,
    "judges": _judges,
    "scene": _scene,
    "worker": _worker,
}
_TITLES = {
    "paper": "The paper: its own loop, and its method in our batches",
    "presets": "Our presets",
    "sizes": "By size of the object (synthetic: resampled from the real one; a view of the judge's size)",
    "batch": "By batch (a colour step: linear rendering, judge, and back)",
    "judges": "By judge (random weights, batch of 8, no drawing)",
    "scene": "By size of the scene (synthetic surroundings; ours look at the object alone)",
    "worker": "A warm worker with the scene loaded (synthetic object, through the extension's client)",
}

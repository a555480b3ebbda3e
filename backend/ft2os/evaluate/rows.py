"""What the numbers mean. Each is a line: its value before and after, which way is better, and why.

The terminal's table and the page are made from the same lines, so they cannot disagree. A line is marked only
where there is a goal that does not depend on taste.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

GOOD, LOOK = "good", "look"  # the goal is met; worth a look
NONE = "–"

# Goals. A change by 1/255 everywhere is a PSNR of 48 dB; from 40 dB on nobody sees a difference.
PSNR_GOAL = 40.0
OUTLINE_GOAL = 0.9
DEPTH_GOAL = 0.02  # of the object's size
DRIFT_GOAL = 1 / 255
NEEDLE_ROOM = 0.001  # share of Gaussians that may become needles
WHITE_GOAL = 0.01


@dataclass(frozen=True)
class Row:
    """One line: ``value`` is the result, ``before`` and ``after`` are empty where it is a comparison itself.

    ``better`` is ``"higher"``, ``"lower"``, ``"zero"`` or empty; ``mark`` is `GOOD`, `LOOK` or empty.
    """

    label: str
    before: str = ""
    after: str = ""
    value: str = ""
    better: str = ""
    mark: str = ""
    why: str = ""


def sections(report: dict) -> list[tuple[str, list[Row]]]:
    """The lines of a report under their headings."""
    return [
        ("Does it fit the words?", _text(report["text"], report["run"] is not None)),
        ("Did anything else change?", _spill(report["spill"])),
        ("Are shape and detail kept?", _preservation(report["preservation"])),
        ("Does it hold as the camera moves?", _consistency(report["consistency"])),
        ("Is it clean?", _clean(report["gaussians"], report["clipped"])),
        ("What did it take?", _cost(report["run"], report["evaluation"])),
    ]


def _text(t: dict, recorded: bool) -> list[Row]:
    if t["reason"]:
        return [
            Row("Text–image similarity", value=NONE, better="higher", why=f"Not measured: {t['reason']}"),
            Row(
                "Text–image direction",
                value=NONE,
                better="higher",
                why="Not measured: it needs the same CLIP.",
            ),
        ]
    doubt = "" if recorded else " Whether it guided the run is not known: there is no record."
    return [
        Row(
            "Text–image similarity",
            number(t["similarity_before"]),
            number(t["similarity_after"]),
            signed(t["similarity_gain"]),
            "higher",
            mark(t["similarity_gain"], lambda v: v > 0),
            f"Cosine of the object's pictures and “{t['prompt']}”, in the eyes of {t['judge']}.{doubt}",
        ),
        Row(
            "Text–image direction",
            value=number(t["direction"]),
            better="higher",
            mark=mark(t["direction"], lambda v: v > 0),
            why=f"Whether the pictures moved the way “{t['source']}” → “{t['prompt']}” does; "
            f"the worst view has {number(t['direction_worst'])}.",
        ),
    ]


def _spill(s: dict) -> list[Row]:
    if s["identical"]:
        shown, fine, why = "∞ dB", GOOD, "Not one pixel around the object differs."
    else:
        shown, fine = decibels(s["psnr_db"]), mark(s["psnr_db"], lambda v: v >= PSNR_GOAL)
        why = (
            f"Sameness of the pixels around the object; the worst view, {s['worst_view']}, "
            f"has {decibels(s['worst_psnr_db'])}."
            if s["psnr_db"] is not None
            else f"Not measured: {s['reason']}"
        )
    added = f" AFTER has {s['added']:+,} of them." if s["added"] else ""
    groups = ", ".join(f"{name} {n:,}" for name, n in s["changed_groups"].items())
    where = f" They belong to: {groups}." if groups else ""
    return [
        Row("PSNR outside the object", value=shown, better="higher", mark=fine, why=why),
        Row(
            "Other Gaussians changed",
            value=f"{s['changed']:,}",
            better="zero",
            mark=GOOD if s["changed"] == 0 == s["added"] else LOOK,
            why=f"Of {s['others']:,} outside the object, those whose bits are not found again.{where}{added}",
        ),
    ]


def _preservation(f: dict) -> list[Row]:
    lacking = f"Not measured: {f['reason']}" if f["reason"] else ""
    return [
        Row(
            "Depth change",
            value=percent(f["depth_change_of_size"]),
            better="lower",
            mark=mark(f["depth_change_of_size"], lambda v: v <= DEPTH_GOAL),
            why=lacking
            or "How far the surface moved, of the object's size; "
            f"{percent(f['depth_change'])} of its distance. "
            "More is wanted only where the words ask for another shape.",
        ),
        Row(
            "Outline overlap",
            value=percent(f["outline_iou"]),
            better="higher",
            mark=mark(f["outline_iou"], lambda v: v >= OUTLINE_GOAL),
            why=lacking or "What the silhouettes before and after share.",
        ),
        Row(
            "Luminance SSIM",
            value=number(f["luminance_ssim"]),
            better="higher",
            why=lacking
            or "Sameness of the light and dark structure; 1 is the original. A strong look lowers it.",
        ),
        _network("LPIPS (AlexNet)", f, "lpips", "Perceived difference from the original, 0 is none."),
        _network("VGG16 distance", f, "vgg", "Difference of relu3_3 features over their own size."),
    ]


def _network(label: str, f: dict, key: str, why: str) -> Row:
    reason = f[f"{key}_reason"]
    explanation = f"Not measured: {reason}" if reason else f"{why} A strong look raises it."
    return Row(label, value=number(f[key]), better="lower", why=explanation)


def _consistency(c: dict) -> list[Row]:
    if c["reason"]:
        return [Row("Colour drift", value=NONE, better="lower", why=f"Not measured: {c['reason']}")]
    own = {when: max(c[when] - c[f"floor_{when}"], 0.0) for when in ("before", "after")}
    return [
        Row(
            "Colour drift",
            levels(c["before"]),
            levels(c["after"]),
            levels(c["excess"], sign=True),
            "lower",
            mark(c["excess"], lambda v: v <= DRIFT_GOAL),
            f"Difference from a view {c['turn_deg']:g}° aside, warped by depth, in levels of 255; "
            f"{c['pairs']} pairs. Fine texture costs some in the warping itself.",
        ),
        Row(
            "… from shifting colours",
            levels(own["before"]),
            levels(own["after"]),
            levels(own["after"] - own["before"], sign=True),
            "lower",
            mark(own["after"] - own["before"], lambda v: v <= DRIFT_GOAL),
            "The part of it that goes away with view-dependent colours: highlights, or flicker.",
        ),
    ]


def _clean(g: dict, clipped: dict) -> list[Row]:
    was, now = g["before"], g["after"]
    white, some = clipped["white"], clipped["any"]
    return [
        Row("Gaussians", f"{was['count']:,}", f"{now['count']:,}", f"× {now['count'] / was['count']:.2f}",
            why="Of the object. More of them carry finer texture and cost memory."),
        Row(
            "Needles", percent(was["needles"]), percent(now["needles"]),
            percent(now["needles"] - was["needles"], sign=True), "lower",
            mark(now["needles"] - was["needles"], lambda v: v <= NEEDLE_ROOM),
            "Gaussians whose longest axis is over 10 times their middle one. They make up "
            f"{percent(now['drawn_needles'])} of the area that is covered.",
        ),
        Row(
            "Thin Gaussians", percent(was["thin"]), percent(now["thin"]),
            percent(now["thin"] - was["thin"], sign=True),
            why="Longest axis over 10 times the shortest: needles and discs; surfaces are made of discs.",
        ),
        Row(
            "Blown whites", percent(white["before"]), percent(white["after"]),
            percent(_less(white), sign=True), "lower",
            mark(white["after"], lambda v: v <= max(WHITE_GOAL, white["before"] or 0.0)),
            "Pixels of the object with all channels at 255: nothing is left to see there. "
            f"At least one channel: {percent(some['before'])} → {percent(some['after'])}.",
        ),
    ]  # fmt: skip


def _less(pair: dict) -> float | None:
    return None if None in pair.values() else pair["after"] - pair["before"]


def _cost(run: dict | None, own: dict) -> list[Row]:
    if run is None:
        lines = [Row("The run", value=NONE, why="AFTER has no record of its run (.run.json) beside it.")]
    else:
        words = [run[k] for k in ("method", "preset") if run[k]]
        words += [f"seed {run['seed']}"] if run["seed"] is not None else []
        words += [f"{run['steps']:,} steps"] if run["steps"] else []
        words += [f"guided by {run['guide']}"] if run["guide"] else []
        lines = [
            Row("Time of the run", value=seconds(run["seconds"]), better="lower", why=", ".join(words)),
            Row("Peak memory of the run", value=memory(run["peak_memory"]), better="lower",
                why="As its record says."),
        ]  # fmt: skip
    return [
        *lines,
        Row("Time of evaluating", value=seconds(own["seconds"])),
        Row("Peak memory of evaluating", value=memory(own["peak_memory"]), why="Of the whole process."),
    ]


def mark(value: float | None, met: Callable[[float], bool]) -> str:
    """`GOOD` or `LOOK`; empty where nothing was measured."""
    return "" if value is None else (GOOD if met(value) else LOOK)


def number(value: float | None) -> str:
    """Three decimals."""
    return NONE if value is None else f"{value:.3f}"


def signed(value: float | None) -> str:
    """Three decimals and the sign."""
    return NONE if value is None else f"{value:+.3f}"


def percent(value: float | None, sign: bool = False) -> str:
    """A share in percent; differences of shares with their sign."""
    if value is None:
        return NONE
    return f"{100 * value:{'+' if sign else ''}.2f} %"


def levels(value: float | None, sign: bool = False) -> str:
    """A difference of colours in steps of an 8-bit screen."""
    return NONE if value is None else f"{255 * value:{'+' if sign else ''}.2f}"


def decibels(value: float | None) -> str:
    """One decimal; infinity where there is no error."""
    return "∞ dB" if value is None else f"{value:.1f} dB"


def seconds(value: float | None) -> str:
    """One decimal."""
    return NONE if value is None else f"{value:,.1f} s"


def memory(value: float | None) -> str:
    """Bytes as MB or GB."""
    if value is None:
        return NONE
    return f"{value / 1e9:.2f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"

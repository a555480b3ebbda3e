"""The report as one HTML page that needs nothing else: style, pictures and curves are all inside.

Whatever comes from a file or from the user is escaped, and the page forbids itself scripts and requests. It
is well-deformed XML too, so that any tool can take it apart.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np

from ft2os.colour import to_uint8
from ft2os.evaluate import Evaluation, charts
from ft2os.evaluate.rows import GOOD, LOOK, Row, sections
from ft2os.evaluate.views import Drawn, draw
from ft2os.evaluate.words import markup
from ft2os.stylize.framing import crop_to_object

SHEET = 8  # views of the contact sheet
_SIDE = 360  # pixels of its pictures' longer side
_HERO = 560
_GAIN = 4  # of the difference picture
_SEEN = 3 / 255  # a change that shows in it
_ROOM = 1.25  # the sheet's pictures over what they are about
_BETTER = {"higher": "↑ higher", "lower": "↓ lower", "zero": "= 0", "": ""}
_MARKS = {GOOD: "ok", LOOK: "look"}
_STYLE = Path(__file__).with_name("page.css")


def build(found: Evaluation) -> str:
    """The page.

    Parameters
    ----------
    found : Evaluation

    Returns
    -------
    str
        HTML, a megabyte or so.
    """
    report = found.report
    title = f"{report['group']['name']}: {report['prompt']}"
    parts = [
        _header(report),
        _hero(found),
        _numbers(report),
        _sheet(found.drawn),
        _curves(found),
        _footer(report),
    ]
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\"/>"
        f"<title>{markup(title)}</title><style>{_STYLE.read_text(encoding='utf-8')}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _header(report: dict) -> str:
    run = report["run"] or {}
    facts = [run.get("method"), run.get("preset")]
    views = report["views"]
    facts.append(f"{views['count']} {'of its cameras' if views['kind'] == 'cameras' else 'views around it'}")
    marks = [row.mark for _, rows in sections(report) for row in rows]
    verdict = f'<span class="ok">{marks.count(GOOD)} ok</span>'
    if LOOK in marks:
        verdict += f'<span class="look">{marks.count(LOOK)} to look at</span>'
    lacking = sum(row.value == "–" for _, rows in sections(report) for row in rows)
    if lacking:
        verdict += f'<span class="none">{lacking} not measured</span>'
    return (
        f"<header><p class='kind'>Evaluation</p><h1>{markup(report['group']['name'])} "
        f"<span>→</span> {markup(report['prompt'])}</h1>"
        f"<p class='facts'>{' · '.join(markup(f) for f in facts if f)}</p>"
        f"<p class='marks'>{verdict}</p></header>"
    )


def _hero(found: Evaluation) -> str:
    """The object as large as it gets, in its scene."""
    if not found.drawn:
        return ""
    best = max(found.drawn, key=lambda d: float(d.covered_before.sum()))
    target = found.pair.objects[0]
    camera = crop_to_object(target, best.camera, _HERO, 1.35) or best.camera
    pictures = [draw(g, camera)[0] for g in (found.pair.before, found.pair.after)]
    figures = [
        f"<figure>{_image(picture, label, _HERO)}<figcaption>{label}</figcaption></figure>"
        for picture, label in zip(pictures, ("before", "after"))
    ]
    return f"<section class='hero'>{''.join(figures)}</section>"


def _numbers(report: dict) -> str:
    bodies = [
        f"<tbody><tr><th colspan='6' scope='rowgroup'>{heading}</th></tr>{''.join(map(_row, rows))}</tbody>"
        for heading, rows in sections(report)
    ]
    names = ("Measure", "Before", "After", "Result", "Better", "")
    head = "".join(f"<th scope='col'>{name}</th>" for name in names)
    return (
        f"<section><h2>Numbers</h2><div class='scroll'><table><thead><tr>{head}</tr></thead>"
        f"{''.join(bodies)}</table></div></section>"
    )


def _row(row: Row) -> str:
    mark = f"<span class='{_MARKS[row.mark]}'>{_MARKS[row.mark]}</span>" if row.mark else ""
    why = f"<small>{markup(row.why)}</small>" if row.why else ""
    cells = "".join(f"<td class='n'>{markup(v)}</td>" for v in (row.before, row.after, row.value))
    return (
        f"<tr><th scope='row'>{markup(row.label)}{why}</th>{cells}"
        f"<td class='b'>{_BETTER[row.better]}</td><td class='m'>{mark}</td></tr>"
    )


def _sheet(drawn: list[Drawn]) -> str:
    picked = np.unique(np.linspace(0, len(drawn) - 1, min(SHEET, len(drawn))).round().astype(int))
    views = "".join(_view(drawn[i]) for i in picked) if drawn else ""
    return (
        "<section><h2>Contact sheet</h2><p class='note'>Of each view: before, after, and their difference "
        f"× {_GAIN}. Black means that nothing changed; around the object it should be black.</p>"
        f"<div class='sheet'>{views}</div></section>"
    )


def _view(d: Drawn) -> str:
    difference = np.clip(np.abs(d.after - d.before) * _GAIN, 0, 1)
    name = d.camera.name or "view"
    part = _interesting(d)
    pictures = ((d.before, "before"), (d.after, "after"), (difference, f"difference × {_GAIN}"))
    images = "".join(_image(picture[part], f"{name}, {label}", _SIDE) for picture, label in pictures)
    return f"<figure class='view'><div>{images}</div><figcaption>{markup(name)}</figcaption></figure>"


def _interesting(d: Drawn) -> tuple[slice, slice]:
    """The square around the object and around whatever else changed visibly, so that no spill is cut off."""
    changed = np.abs(d.after - d.before).max(axis=2) > _SEEN
    rows, columns = np.nonzero(changed | (d.covered_before > 0.5))
    height, width = changed.shape
    if not len(rows):
        return slice(0, height), slice(0, width)
    side = round(_ROOM * max(np.ptp(rows) + 1, np.ptp(columns) + 1))
    spans = []
    for places, size in ((rows, height), (columns, width)):
        length = min(side, size)
        start = min(max((int(places.min() + places.max()) - length) // 2, 0), size - length)
        spans.append(slice(start, start + length))
    return spans[0], spans[1]


def _curves(found: Evaluation) -> str:
    run = found.record
    if run is None or not (run.losses or run.terms):
        return ""
    series = {"loss": run.losses, **run.terms}
    figures = "".join(charts.curve(name, values) for name, values in series.items() if values)
    return f"<section><h2>Curves of the run</h2><div class='curves'>{figures}</div></section>"


def _footer(report: dict) -> str:
    note = f"<p>{markup(report['group']['note'])}</p>" if report["group"]["note"] else ""
    return (
        f"<footer>{note}<p>Before: <code>{markup(report['before'])}</code><br/>"
        f"After: <code>{markup(report['after'])}</code></p>"
        "<p>“ok” and “look” are given only where a goal does not depend on taste. Text scores come from a "
        "CLIP that did not guide the look, or not at all.</p></footer>"
    )


def _image(picture: np.ndarray, label: str, longest: int) -> str:
    """A picture [H, W, 3] in 0..1 as an ``img`` with its JPEG inside."""
    from PIL import Image

    image = Image.fromarray(to_uint8(picture))
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=88)
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    width, height = image.size
    return (
        f'<img src="data:image/jpeg;base64,{data}" width="{width}" height="{height}" alt="{markup(label)}"/>'
    )

"""The report on a terminal: rich's table where rich is, plain lines in a pipe or without it."""

from __future__ import annotations

import sys

from ft2os.evaluate.rows import GOOD, LOOK, Row, sections
from ft2os.evaluate.words import printable

_MARKS = {GOOD: "ok", LOOK: "look", "": ""}
_COLOURS = {GOOD: "green", LOOK: "yellow", "": ""}
_ARROWS = {"higher": "↑", "lower": "↓", "zero": "0", "": ""}


def show(report: dict) -> None:
    """Print the report."""
    try:
        from rich.console import Console
    except ImportError:
        Console = None
    if Console is None or not sys.stdout.isatty():
        print(_title(report))
        for heading, rows in sections(report):
            print(f"\n{heading}")
            for row in rows:
                print(_line(row))
        return
    console = Console()
    console.print(_title(report), markup=False, highlight=False)
    console.print(_table(report))


def _title(report: dict) -> str:
    views = report["views"]
    seen = (
        f"{views['count']} of its cameras" if views["kind"] == "cameras" else f"{views['count']} views around"
    )
    name, prompt = (" ".join(printable(t).split()) for t in (report["group"]["name"], report["prompt"]))
    return f"{name}: {prompt}  ({seen})"


def _line(row: Row) -> str:
    """``label  before → after  value  mark``, in fixed columns; below it the reason where it needs a look."""
    change = f"{row.before} → {row.after}" if row.before else ""
    better = f"{_ARROWS[row.better]} better" if row.better else ""
    text = f"  {row.label:<26}{change:>22}  {row.value:>10}  {better:<9} {_MARKS[row.mark]}".rstrip()
    explained = row.mark == LOOK or row.why.startswith("Not measured")  # the rest is in the page
    return f"{text}\n      {' '.join(printable(row.why).split())}" if explained else text


def _table(report: dict):
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in ("before", "after", "result"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("better", justify="center")
    table.add_column("")
    table.add_column("what it is", overflow="fold", style="dim")
    for heading, rows in sections(report):
        table.add_row(Text(heading, style="bold"))
        for row in rows:
            cells = [f" {row.label}", row.before, row.after, row.value, _ARROWS[row.better]]
            # Text, not markup: names and prompts may hold brackets.
            table.add_row(
                *map(Text, cells), Text(_MARKS[row.mark], style=_COLOURS[row.mark]), Text(printable(row.why))
            )
        table.add_section()
    return table

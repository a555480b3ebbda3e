"""What a client is told of the editors of pictures, and how their weights come and go."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ft2os.errors import MissingError, RequestError

if TYPE_CHECKING:
    from ft2os.guidance.editors.catalogue import Row
    from ft2os.guidance.editors.plan import Machine

AUTO = "auto"
_FETCH = 'Press "Fetch…" below the editor, or choose a folder of views or ComfyUI.'


def facts() -> list[dict[str, Any]]:
    """A row an editor that has a name, "auto" first; see ``editors`` in `ft2os.protocol`."""
    from ft2os.guidance.editors import catalogue, plan

    machine = plan.this_machine()
    rows = [_facts(machine, row) for row in catalogue.rows().values()]
    return [_auto(rows), *rows]


def fetch(name: str, accept_licence: bool, tick: Callable[[float], None]) -> None:
    """Download an editor's weights, or what is still missing of them.

    Raises
    ------
    RequestError, MissingError, FileError
        See `ft2os.guidance.editors.fetch.fetch`.
    """
    from ft2os.guidance.editors import fetch

    fetch.fetch(_row(name), tick, accept_licence=accept_licence)


def remove(name: str) -> int:
    """Delete an editor's downloaded weights; the bytes that this frees."""
    from ft2os.guidance.editors import fetch

    return fetch.remove(_row(name))


def _row(name: str) -> Row:
    from ft2os.guidance.editors import catalogue

    rows = catalogue.rows()
    if name not in rows:
        raise RequestError(f'No editor "{name[:80]}" can be downloaded.', f"Name one of {', '.join(rows)}.")
    return rows[name]


def _facts(machine: Machine, row: Row) -> dict[str, Any]:
    from ft2os.guidance.editors import fetch

    folder = fetch.folder_of(row)
    lacks = _lacks(machine, row, folder is not None)
    return {
        "name": row.name,
        "title": row.title,
        "licence": row.licence.name,
        "commercial": row.licence.commercial,
        "page": row.page,
        "download": row.download.value,
        "folder": str(folder or fetch.destination(row)),
        "here": folder is not None,
        "fetched": fetch.record_of(fetch.destination(row)) is not None,
        "lacks": lacks and {"message": lacks.message, "hint": lacks.hint},
    }


def _lacks(machine: Machine, row: Row, here: bool) -> MissingError | None:
    """What keeps an editor from working, the gravest first: no download helps where it does not fit."""
    from ft2os.guidance.editors import load, plan

    if plan.plan_row(machine, row) is None:
        return plan.refusal(machine, row.title, row.parameters, "auto")
    try:
        load.check_packages(row)
    except MissingError as error:
        return error
    return None if here else MissingError(f"The weights of {row.title} are not on this machine.", _FETCH)


def _auto(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The editor that is chosen where nobody chooses one."""
    first = next((row for row in rows if row["lacks"] is None), None)
    if first is not None:
        return first | {"name": AUTO, "fetched": False}
    lacks = {
        "message": "No editor of pictures can work on this machine yet.",
        "hint": "Choose one and see what it lacks, or a folder of views, or ComfyUI.",
    }
    none = dict.fromkeys(("licence", "commercial", "page", "download", "folder"))
    return {"name": AUTO, "title": "", **none, "here": False, "fetched": False, "lacks": lacks}

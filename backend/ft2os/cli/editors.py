"""``ft2os editors``: the models that edit pictures, which fit this machine, and their weights."""

from __future__ import annotations

import argparse
import os

from ft2os.cli import console
from ft2os.errors import RequestError
from ft2os.guidance import weights
from ft2os.guidance.editors import catalogue, fetch
from ft2os.guidance.editors.catalogue import Fact, Row
from ft2os.guidance.editors.plan import Machine, plan_row, this_machine

_HELD = {"full": "fits", "4bit": "fits in four bits", "offload": "fits, part by part (slower)"}


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("editors", help="list the models that edit pictures; fetch or remove weights")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    fetching = actions.add_parser("fetch", help="download the weights of one, or what is missing of them")
    fetching.add_argument("name", metavar="NAME", help="a name of the list")
    fetching.add_argument(
        "--accept-licence", action="store_true", help="you have read its licence, and agree"
    )
    fetching.set_defaults(run=run_fetch)
    removing = actions.add_parser("remove", help="delete weights that were downloaded")
    removing.add_argument("name", metavar="NAME", help="a name of the list")
    removing.set_defaults(run=run_remove)


def run(args: argparse.Namespace) -> int:
    """Print the list."""
    machine = this_machine()
    if args.json:
        console.print_json([_facts(row, machine) for row in catalogue.rows().values()])
        return 0
    for row in catalogue.rows().values():
        print(f"{row.name}: {row.title}")
        print(f"    licence   {row.licence.name}, {row.licence.use} ({row.page})")
        gated = ", after an account has accepted its licence there" if row.licence.gated else ""
        print(f"    download  {_size(row.download)}{gated}")
        print(f"    memory    {_memory(row)}")
        print(f"    here      {_state(row, machine)}")
    print("folder: any program (ft2os views writes the views)")
    print("comfyui: a ComfyUI server that already runs, here or on another machine")
    return 0


def run_fetch(args: argparse.Namespace) -> int:
    """Download; this command is the leave to ask the network."""
    row = _row(args.name)
    os.environ.setdefault(weights.DOWNLOAD_ENV, "1")
    with console.progress() as report, console.interruptible() as interrupted:

        def tick(share: float) -> None:
            if interrupted():
                raise KeyboardInterrupt
            report(f"fetching {row.title}", round(1000 * share), 1000)

        folder = fetch.fetch(row, tick, accept_licence=args.accept_licence)
    print(folder)
    return 0


def run_remove(args: argparse.Namespace) -> int:
    """Delete."""
    row = _row(args.name)
    print(f"{fetch.remove(row) / 1e9:.1f} GB are free again.")
    return 0


def _row(name: str) -> Row:
    row = catalogue.rows().get(name)
    if row is None:
        raise RequestError(f'No editor "{name}" has weights.', f"Name one of {', '.join(catalogue.rows())}.")
    return row


def _size(fact: Fact) -> str:
    return f"{fact.value / 1e9:.1f} GB ({fact.source})" if fact.value else "unknown"


def _memory(row: Row) -> str:
    """Bytes of the weights by mode, and what its page says."""
    told = ", ".join(
        f"{mode} {catalogue.weights(row.parameters, row.large, mode) / 1e9:.1f}" for mode in catalogue.MODES
    )
    return f"weights in GB: {told} (computed); published: {_size(row.memory)}"


def _state(row: Row, machine: Machine) -> str:
    held = plan_row(machine, row)
    fits = _HELD[held.mode] if held else "does not fit"
    where = f"on the {'GPU' if machine.device == 'cuda' else 'CPU'}, {machine.memory / 1e9:.1f} GB free"
    folder = fetch.folder_of(row)
    return f"{fits} {where}; " + (f"weights in {folder}" if folder else "weights are not on this machine")


def _facts(row: Row, machine: Machine) -> dict[str, object]:
    held, folder = plan_row(machine, row), fetch.folder_of(row)
    return {
        "name": row.name,
        "title": row.title,
        "hub": row.hub,
        "page": row.page,
        "licence": row.licence.name,
        "commercial": row.licence.commercial,
        "gated": row.licence.gated,
        "download": {"bytes": row.download.value, "source": row.download.source},
        "memory": {"bytes": row.memory.value, "source": row.memory.source},
        "weights": {m: catalogue.weights(row.parameters, row.large, m) for m in catalogue.MODES},
        "fits": held.mode if held else None,
        "folder": str(folder) if folder else None,
    }

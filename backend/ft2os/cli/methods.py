"""``ft2os methods``: what there is to stylize with, its presets and the settings that ``--set`` changes."""

from __future__ import annotations

import argparse

from ft2os.cli import console
from ft2os.stylize.about import Method, Preset
from ft2os.stylize.methods import METHODS
from ft2os.stylize.settings import described, typed


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("methods", help="list the methods, their presets and settings")
    parser.add_argument("--method", choices=tuple(METHODS), help="only this one, with all its settings")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the list."""
    chosen = [METHODS[args.method]] if args.method else list(METHODS.values())
    if args.json:
        console.print_json([_facts(method) for method in chosen])
        return 0
    for method in chosen:
        print(f"{method.name}: {method.line}")
        for preset in method.presets:
            lacking = method.lacking(preset.name)
            note = f"  [{lacking.message}]" if lacking else ""
            print(f"  {preset.name:<10} about {preset.time:<7} {preset.doc}{note}")
        if args.method:
            _print_settings(method)
    return 0


def _print_settings(method: Method) -> None:
    """The settings of each settings class once, with the presets that have it."""
    for presets in _by_settings(method):
        print(f"settings of {', '.join(preset.name for preset in presets)}:")
        for name, setting in described(presets[0].settings).items():
            values = {preset.name: typed(getattr(preset.settings, name)) for preset in presets}
            told = ", ".join(f"{preset} {value}" for preset, value in values.items())
            same = len(set(values.values())) == 1
            print(f"  {name}: {values[presets[0].name] if same else told}  ({setting.kind.words})")
            print(f"      {setting.doc}")


def _by_settings(method: Method) -> list[list[Preset]]:
    """The presets that share a settings class, together."""
    groups: dict[type, list[Preset]] = {}
    for preset in method.presets:
        groups.setdefault(type(preset.settings), []).append(preset)
    return list(groups.values())


def _facts(method: Method) -> dict[str, object]:
    presets = {}
    for preset in method.presets:
        lacking = method.lacking(preset.name)
        presets[preset.name] = {
            "title": preset.title,
            "doc": preset.doc,
            "seconds": preset.seconds,
            "weights": list(preset.needs.weights),
            "lacks": lacking.message if lacking else None,
            "settings": {
                name: {"value": _plain(getattr(preset.settings, name)), "may_be": s.kind.words, "doc": s.doc}
                for name, s in described(preset.settings).items()
            },
        }
    return {"name": method.name, "title": method.title, "line": method.line, "presets": presets}


def _plain(value: object) -> object:
    """A value as JSON has it."""
    return sorted(value) if isinstance(value, frozenset) else value

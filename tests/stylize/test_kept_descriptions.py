"""What the methods say of themselves is what it was: ``kept_descriptions.json``.

A .blend stores the numbers of methods and presets and the values of controls, scripts name settings, and an
artist who chose a preset expects its settings. Where they change on purpose, running this module writes the
file anew, and the change is there to be reviewed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from ft2os.stylize.about import Method, Preset
from ft2os.stylize.methods import METHODS
from ft2os.stylize.settings import Setting, described

KEPT = Path(__file__).with_name("kept_descriptions.json")
_WORDS = ("title", "doc", "heading")  # may be said in another way at any time


def told(method: Method) -> dict[str, object]:
    """All of a description but its words."""
    return _plain(
        {
            "number": method.number,
            "resumes": method.resumes,
            "takes": asdict(method.takes),
            "presets": {preset.name: _preset(preset) for preset in method.presets},
            "settings": {
                f"{preset.name} {name}": _setting(setting)
                for preset in _one_of_each_kind(method)
                for name, setting in described(preset.settings).items()
            },
        }
    )


def _one_of_each_kind(method: Method) -> list[Preset]:
    return list({type(preset.settings): preset for preset in reversed(method.presets)}.values())


def _preset(preset: Preset) -> dict[str, object]:
    values = {field.name: getattr(preset.settings, field.name) for field in fields(preset.settings)}
    return {
        "number": preset.number,
        "seconds": preset.seconds,
        "time": preset.time,
        "formerly": preset.formerly,
        "needs": asdict(preset.needs),
        "values": values,
    }


def _setting(setting: Setting) -> dict[str, object]:
    control = setting.control and {
        "is": type(setting.control).__name__,
        **{
            field.name: getattr(setting.control, field.name)
            for field in fields(setting.control)
            if field.name not in _WORDS
        },
    }
    if control and "choices" in control:
        control["choices"] = [choice[0] for choice in control["choices"]]
    return {
        "default": setting.default,
        "takes": setting.kind.words,
        "example": setting.kind.example,
        "formerly": setting.formerly,
        "control": control,
    }


def _plain(value: object) -> dict[str, object]:
    return json.loads(json.dumps(value, default=_data))


def _data(value: object) -> object:
    """What JSON has no type for: a set in order, an entry of a menu as what a .blend stores of it."""
    return sorted(value) if isinstance(value, frozenset | set) else vars(value)


@pytest.mark.parametrize("name", ["material", "image", "clip", "edit"])  # a new one has nothing to keep yet
def test_a_method_is_what_it_was(name: str) -> None:
    assert told(METHODS[name]) == json.loads(KEPT.read_text("utf-8"))[name]


if __name__ == "__main__":
    KEPT.write_text(json.dumps({name: told(m) for name, m in METHODS.items()}, indent=1) + "\n", "utf-8")

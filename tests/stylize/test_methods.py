"""What the methods say of themselves, which menus, options, the protocol and the panel are made of."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from ft2os.errors import RequestError
from ft2os.stylize import StylizeRequest, methods, stylize
from ft2os.stylize.about import duration
from ft2os.stylize.controls import LIGHT_AND_DARK, UNCHANGED, Entry, Factor, Menu, Named, Switch, Text
from ft2os.stylize.methods import METHODS
from ft2os.stylize.settings import changed, described
from tests.scenes import ball


def test_the_descriptions_need_the_standard_library_and_numpy_only():
    """Blender imports them, where torch, scipy and numba are not."""
    code = """
import sys
for name in ("torch", "scipy", "numba", "PIL"):
    sys.modules[name] = None
from ft2os.stylize.methods import METHODS
print(*METHODS)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == list(METHODS)


def test_what_a_blend_stores_is_never_given_again():
    numbers = [method.number for method in METHODS.values()]
    assert len(set(numbers)) == len(numbers)
    assert {m.name: m.number for m in METHODS.values()} | {"material": 0, "clip": 1, "image": 2} == {
        m.name: m.number for m in METHODS.values()
    }
    for method in METHODS.values():
        presets = {preset.name: preset.number for preset in method.presets}
        assert len(set(presets.values())) == len(presets)
        assert presets["standard"] == 0  # what a new scene has, whichever the method
    assert {p.name: p.number for p in METHODS["clip"].presets} == {
        "draft": 1,
        "standard": 0,
        "high": 3,
        "paper": 2,
    }


@pytest.mark.parametrize("method", METHODS)
def test_every_setting_is_described_and_its_example_fits(method):
    for preset in METHODS[method].presets:
        for setting in described(preset.settings).values():
            assert setting.doc.endswith(".")
            assert setting.kind.fits(setting.default)
            assert setting.kind.example not in ("", "null")


@pytest.mark.parametrize("method", METHODS)
def test_every_control_gives_a_value_that_its_setting_takes(method):
    for preset in METHODS[method].presets:
        for name, setting in described(preset.settings).items():
            control = setting.control
            if control is None:
                continue
            untouched = {control.id: control.default, f"use_{control.id}": False}
            if isinstance(control, Named | Switch):
                untouched[control.id] = control.choices[0][0]
            if isinstance(control, Menu):
                untouched[control.id] = control.entries[0].name
            assert control.value(untouched.get) is UNCHANGED
            turned = {
                control.id: control.high,
                f"use_{control.id}": True,
                f"{control.id}_amount": control.high,
            }
            if isinstance(control, Switch):
                turned[control.id] = "ON"
            if isinstance(control, Named):
                turned |= {control.id: "named", f"{control.id}_material": " ice "}
            if isinstance(control, Menu):
                turned[control.id] = control.entries[1].name
            changed(preset.settings, method, {name: control.value(turned.get)})


def test_a_ticked_share_counts_even_where_it_is_the_default():
    read = {"keep": LIGHT_AND_DARK.default, "use_keep": True}.get
    assert LIGHT_AND_DARK.value(read) == LIGHT_AND_DARK.default


def test_a_factor_is_of_the_tuned_size_or_of_one():
    assert Factor("size", "Size", "", default=1.0).value({"size": 2.0}.get) == 2.0
    assert Factor("size", "Size", "", default=1.0, tuned=1.15).value({"size": 2.0}.get) == 2.3


MENU = Menu(
    "who",
    "Who",
    "",
    entries=(
        Entry("auto", "Automatic", "", 0),
        Entry("there", "There", "", 3),
        Entry("views", "Folder of Views…", "", 1, opens="folder"),
    ),
)


def test_an_entry_that_opens_a_folder_stands_for_the_folder():
    assert MENU.value({"who": "there"}.get) == "there"
    assert MENU.value({"who": "views", "who_views": " /views "}.get) == "/views"
    assert MENU.value({"who": "gone since"}.get) is UNCHANGED
    with pytest.raises(RequestError, match="set to Folder of Views, and none is named"):
        MENU.value({"who": "views", "who_views": " "}.get)


def test_an_empty_text_and_the_usual_one_are_left_to_the_preset():
    server = Text("server", "Server", "", default="http://here")
    values = [server.value({"server": text}.get) for text in ("", "  ", "http://here", " http://there ")]
    assert values == [UNCHANGED, UNCHANGED, UNCHANGED, "http://there"]


def test_the_editors_keep_their_numbers():
    from ft2os.stylize.edit.controls import EDITOR

    numbers = {entry.name: entry.number for entry in EDITOR.entries}
    assert len(set(numbers.values())) == len(numbers)
    stored = {"auto": 0, "views": 1, "model": 2, "comfyui": 3, "klein-4b": 10, "ip2p": 11, "sdxl-ip2p": 12}
    assert numbers | stored | {"kontext": 13, "qwen-2509": 14} == numbers


def test_the_presets_of_the_version_before_are_understood():
    assert METHODS["clip"].preset("seed").name == "paper"
    assert methods.presets_of_before() == {"seed": "paper"}


def test_what_does_not_exist_is_refused_with_what_does():
    with pytest.raises(RequestError, match="no method 'magic'") as caught:
        methods.find("magic")
    assert "material" in caught.value.hint
    with pytest.raises(RequestError, match='no preset "best"') as caught:
        METHODS["material"].settings("best")
    assert "draft, standard, high" in caught.value.hint


@pytest.mark.parametrize(
    ("method", "prompt", "picture", "message"),
    [
        ("material", " ", False, "prompt is empty"),
        ("material", "lava", True, "takes words"),
        ("image", "lava", False, "needs a picture"),
        ("clip", "", True, "prompt is empty"),
    ],
)
def test_a_request_without_what_the_method_works_from_is_refused(method, prompt, picture, message):
    with pytest.raises(RequestError, match=message):
        METHODS[method].check_inputs(prompt, picture)


def test_the_method_that_is_meant_goes_by_what_there_is():
    assert (methods.default(picture=False).name, methods.default(picture=True).name) == ("material", "image")


def test_the_forms_that_settings_list_are_those_that_can_be_given():
    from ft2os.stylize import form
    from ft2os.stylize.form_names import FORMS

    assert tuple(form.FORMS) == FORMS


@pytest.mark.parametrize(
    ("missing", "preset", "extra"),
    [
        (set(), "high", None),
        ({"numba"}, "high", "lite"),
        ({"torch"}, "standard", None),
        ({"torch"}, "high", "engine"),
        ({"torch", "scipy"}, "high", "engine"),
    ],
)
def test_what_lacks_is_named_with_the_extra_that_brings_it(monkeypatch, missing, preset, extra):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in missing else find(name))
    error = METHODS["material"].lacking(preset)
    assert (error is None) == (extra is None)
    if error:
        assert f'pip install "ft2os[{extra}]"' in error.hint
        assert all(name in error.message for name in missing)


def test_times_are_said_in_seconds_up_to_a_minute_and_a_half():
    assert [duration(seconds) for seconds in (6, 89, 90, 205)] == ["6 s", "89 s", "2 min", "3 min"]


def test_all_presets_are_listed_once_in_order():
    assert methods.presets() == ["draft", "standard", "high", "paper"]


@pytest.mark.parametrize(
    ("seed", "refused"),
    [(-1, "out of range"), (0, "prompt is empty"), (2**31 - 1, "prompt is empty"), (2**31, "out of range")],
)
def test_a_seed_is_what_blenders_integers_hold(seed, refused):
    with pytest.raises(RequestError, match=refused):
        stylize(StylizeRequest(ball(5), "", seed=seed))


@pytest.mark.parametrize("preset", ["seed", "paper"])
def test_a_run_goes_by_the_presets_present_name(monkeypatch, preset):
    def run(request, settings, progress, cancelled):
        raise RuntimeError(request.preset, type(settings).__name__)

    monkeypatch.setitem(sys.modules, "ft2os.stylize.clip.run", SimpleNamespace(run=run))
    with pytest.raises(RuntimeError) as caught:
        stylize(StylizeRequest(ball(5), "lava", method="clip", preset=preset))
    assert caught.value.args == ("paper", "PaperSettings")


def test_an_object_without_gaussians_is_told():
    with pytest.raises(RequestError, match="no Gaussians"):
        StylizeRequest(ball(5).subset(np.zeros(5, bool)), "lava")


def test_what_the_surroundings_lack_is_told_with_how_many():
    broken = ball(5)
    broken.opacities[[1, 3]] = 1.01
    with pytest.raises(RequestError, match="2 of the surroundings' Gaussians"):
        StylizeRequest(ball(5), "lava", context=broken)

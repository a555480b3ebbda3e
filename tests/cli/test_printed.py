"""What the quick verbs print, to the letter, and the pictures and facts behind it."""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np
import pytest

pytest.importorskip("numba")

from ft2os import __version__, cli
from ft2os.cameras import inria, orbit
from ft2os.cameras.camera import Camera
from ft2os.cli import console, doctor, inspect, main, render, run_record, styles, stylize
from ft2os.errors import CancelledError, RequestError
from ft2os.formats import load_scene, save_scene
from ft2os.stylize.methods import METHODS
from tests.scenes import LABELS, ball, two_groups, write_ply


@pytest.fixture
def scene(tmp_path):
    write_ply(tmp_path / "scene.ply", two_groups())
    (tmp_path / "labels.json").write_text(json.dumps(LABELS))
    return tmp_path / "scene.ply"


def printed(capsys, *words) -> str:
    assert main([str(word) for word in words]) == 0
    return capsys.readouterr().out


# info, groups, convert


def test_info_says_what_a_file_holds(scene, capsys):
    inria.write(scene.with_name("cameras.json"), orbit(((0.0, 0.0, 0.0), 2.0), 3, (8, 6)))
    low, high = (getattr(two_groups().means, way)(axis=0) for way in ("min", "max"))
    lines = printed(capsys, "info", scene).splitlines()
    assert lines[:3] == [
        str(scene),
        f"  format      3DGS PLY, {scene.stat().st_size:,} bytes",
        "  gaussians   230, spherical harmonics of degree 1",
    ]
    for axis, line in enumerate(lines[3:6]):
        head = "bounds" if axis == 0 else ""
        assert line == f"  {head:<10}  {'xyz'[axis]} {low[axis]:.4g} … {high[axis]:.4g}"
    assert lines[6:] == [
        "  groups      2",
        "  cameras     3",
        "  properties  x y z nx ny nz f_dc_0..2 f_rest_0..8 opacity scale_0..2 rot_0..3 group",
    ]


def test_info_of_a_file_without_properties_or_groups(tmp_path, capsys):
    save_scene(tmp_path / "a.splat", ball(12))
    lines = printed(capsys, "info", tmp_path / "a.splat").splitlines()
    assert lines[-2:] == ["  groups      0", "  cameras     0"]
    assert printed(capsys, "groups", tmp_path / "a.splat") == "no groups\n"
    facts = json.loads(printed(capsys, "info", tmp_path / "a.splat", "--json"))
    assert (facts["groups"], facts["cameras"], facts["properties"], facts["bytes"]) == ([], 0, [], 12 * 32)


def test_facts_have_bounds_groups_and_names(scene, capsys):
    facts = json.loads(printed(capsys, "info", scene, "--json"))
    means = two_groups().means
    np.testing.assert_allclose(facts["bounds"]["min"], means.min(axis=0), rtol=1e-6)
    np.testing.assert_allclose(facts["bounds"]["max"], means.max(axis=0), rtol=1e-6)
    assert facts["groups"] == [
        {"id": 3, "name": "ball", "gaussians": 150},
        {"id": 7, "name": "small ball", "gaussians": 75},
        {"id": -1, "name": load_scene(scene).group_name(-1), "gaussians": 5},
    ]
    assert facts["properties"][:3] == ["x", "y", "z"]
    assert (facts["path"], facts["title"]) == (str(scene), "3DGS PLY")


def test_groups_stand_in_columns(scene, capsys):
    lines = printed(capsys, "groups", scene).splitlines()
    assert lines[:2] == ["   3  150  ball", "   7   75  small ball"]
    assert lines[2].startswith("  -1    5  ")


@pytest.mark.parametrize(
    ("names", "short"),
    [
        ([], []),
        (["x", "y"], ["x", "y"]),
        (["f_0", "f_1", "f_2"], ["f_0..2"]),
        (["f_1", "g_2"], ["f_1", "g_2"]),
        (["f_0", "f_2"], ["f_0", "f_2"]),
        (["f_x", "f_1"], ["f_x", "f_1"]),
        (["x", "f_9", "f_10", "f_11", "g"], ["x", "f_9..11", "g"]),
    ],
)
def test_numbered_properties_are_drawn_together(names, short):
    assert inspect.shortened(names) == short


def test_conversion_says_where_and_its_help_lists_the_formats(scene, tmp_path, capsys):
    out = tmp_path / "copy.ply"
    assert printed(capsys, "convert", scene, out) == f"{out}\n"
    assert out.read_bytes() == scene.read_bytes()
    with pytest.raises(SystemExit) as ended:
        main(["convert", "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert inspect.format_table() in told
    table = inspect.format_table().splitlines()
    assert table[0] == "formats, by the ending of the file's name:"
    assert any(line.startswith("  ") and "; degree " in line and "; written: " in line for line in table)
    assert any(line.startswith("      lost: ") for line in table)
    assert max(map(len, table)) < 130
    assert all(len(line) <= 92 for line in table if line.startswith("      "))


# methods


def test_methods_are_listed_with_their_presets(capsys):
    lines = printed(capsys, "methods").splitlines()
    heads = [f"{m.name}: {m.line}" for m in METHODS.values()]
    assert [line for line in lines if not line.startswith(" ")] == heads
    for method in METHODS.values():
        at = lines.index(f"{method.name}: {method.line}")
        for preset, line in zip(method.presets, lines[at + 1 :]):
            assert line.startswith(f"  {preset.name:<10} about {preset.time:<7} {preset.doc}")


def test_one_method_is_listed_with_all_its_settings(capsys):
    text = printed(capsys, "methods", "--method", "material")
    assert "clip" not in text.partition(":")[0]
    assert "\nsettings of draft, standard, high:\n" in text
    assert "  views: draft 12, standard 16, high 16  (a whole number from 1 to 1000)\n" in text
    assert "  scale: 1.15  (a number from 0.01 to 100)\n      Size of the pattern.\n" in text
    assert len([line for line in text.splitlines() if line.startswith("settings of")]) == 1
    by_class = printed(capsys, "methods", "--method", "clip")
    assert len([line for line in by_class.splitlines() if line.startswith("settings of")]) > 1
    assert printed(capsys, "methods").count("settings of") == 0


def test_methods_as_json(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("FT2OS_WEIGHTS", str(tmp_path))
    (material,) = json.loads(printed(capsys, "methods", "--method", "material", "--json"))
    own = METHODS["material"]
    assert (material["name"], material["title"], material["line"]) == (own.name, own.title, own.line)
    assert list(material["presets"]) == ["draft", "standard", "high"]
    draft = material["presets"]["draft"]
    assert draft["lacks"] is None
    assert draft["seconds"] == own.presets[0].seconds
    assert draft["settings"]["views"] == {
        "value": 12,
        "may_be": "a whole number from 1 to 1000",
        "doc": "Pictures that the object is looked at with.",
    }
    everything = json.loads(printed(capsys, "methods", "--json"))
    assert [method["name"] for method in everything] == list(METHODS)
    frozen = [
        s["value"] for m in everything for p in m["presets"].values() for n, s in p["settings"].items()
        if n == "freeze"
    ]  # fmt: skip
    assert frozen
    assert all(isinstance(value, list) and value == sorted(value) for value in frozen)


# render


def camera(width=40, height=20, name="") -> Camera:
    K = np.array([[30, 0, 18], [0, 32, 11], [0, 0, 1]], np.float32)
    return Camera(np.eye(4, dtype=np.float32), K, width, height, name)


def test_a_view_in_another_frame_shows_more_and_squashes_nothing():
    wide = render.fitted(camera(), 100, 40)  # twice as large, 20 more pixels across
    assert (wide.width, wide.height) == (100, 40)
    np.testing.assert_allclose(wide.K, [[60, 0, 46], [0, 64, 22], [0, 0, 1]])
    tall = render.fitted(camera(), 20, 30)  # half as large, 20 more pixels down
    np.testing.assert_allclose(tall.K, [[15, 0, 9], [0, 16, 15.5], [0, 0, 1]])


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["a.jpg", "b"], ["a.png", "b.png"]),
        (["", "..", "/"], ["00000.png", "00001.png", "00002.png"]),
        (["x/A.png", "y\\a.png", "a"], ["A.png", "a_00001.png", "a_00002.png"]),
        (["ü ~.x", "a.b.jpg"], ["ü__.png", "a.b.png"]),
    ],
)
def test_pictures_are_called_as_their_cameras(names, files):
    assert render.file_names([camera(name=name) for name in names]) == files


def test_cameras_are_the_files_an_orbit_or_the_scenes_own(scene):
    ring = orbit(((0.0, 0.0, 0.0), 2.0), 3, (24, 18))
    inria.write(scene.with_name("cameras.json"), ring)
    inria.write(scene.with_name("other.json"), ring[:1])
    loaded = load_scene(scene)
    other = scene.with_name("other.json")
    assert len(render.choose_cameras(loaded, None, None, None)) == 3
    assert len(render.choose_cameras(loaded, other, None, None)) == 1
    assert {(c.width, c.height) for c in render.choose_cameras(loaded, None, None, (12, 12))} == {(12, 12)}
    assert {(c.width, c.height) for c in render.choose_cameras(loaded, None, 5, None)} == {(512, 512)}
    assert len(render.choose_cameras(loaded, None, 5, None)) == 5
    scene.with_name("cameras.json").unlink()
    bare = render.choose_cameras(load_scene(scene), None, None, (10, 8))
    assert (len(bare), bare[0].width, bare[0].height) == (8, 10, 8)


def test_pictures_are_the_rasterizers_in_parts(monkeypatch):
    from ft2os import tiles

    g = ball(60)
    g = g.replace(scales=g.scales * np.float32(0.2))
    (view,) = orbit(((0.0, 0.0, 0.0), 1.2), 1, (40, 30))
    for antialiased in (False, True):
        found = np.asarray(render.draw(g, view, (0.2, 0.5, 0.8), antialiased)).astype(int)
        want = tiles.render(
            g, view.viewmat[None], view.K[None], 40, 30, background=(0.2, 0.5, 0.8), antialiased=antialiased
        )
        assert np.abs(found - 255 * np.clip(want.rgb[0], 0, 1)).max() <= 0.51


def test_the_background_is_the_trainings_where_none_is_asked_for(scene, tmp_path, capsys):
    from PIL import Image

    model = tmp_path / "model" / "point_cloud" / "iteration_1"
    model.mkdir(parents=True)
    write_ply(model / "point_cloud.ply", two_groups())
    for white, ask, corner in ((True, [], 200), (False, [], 0), (True, ["--background", "black"], 0)):
        (tmp_path / "model" / "cfg_args").write_text(f"Namespace(white_background={white})")
        more = ["--orbit", "1", "--size", "24x16", *ask]
        out = printed(capsys, "render", tmp_path / "model", "--out", tmp_path / "pictures", *more)
        assert corner <= np.asarray(Image.open(out.strip()))[0, 0].min() <= corner + 55


# doctor


def test_the_doctor_prints_a_line_for_each_check(capsys, monkeypatch):
    checks = [
        doctor.Check("one", doctor.OK, "is here"),
        doctor.Check("two", doctor.MISSING, "is not", "Get it."),
        doctor.Check("three", doctor.BROKEN, "is torn", "Mend it."),
    ]
    monkeypatch.setattr(doctor, "examine", lambda: checks)
    assert main(["doctor"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "✓ one             is here",
        "– two             is not",
        "    Get it.",
        "✗ three           is torn",
        "    Mend it.",
    ]
    assert main(["doctor", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["version"], report["ok"]) == (__version__, False)
    assert report["checks"][1] == {"name": "two", "state": "missing", "value": "is not", "fix": "Get it."}
    del checks[2]
    assert main(["doctor"]) == 0


def test_the_doctor_looks_into_everything():
    checks = {check.name: check for check in doctor.examine()}
    assert list(checks) == [
        "ft2os", "python", "core", "lite", "engine", "cuda", "diffusion", "device", "kernels",
        "CLIP weights", "VGG weights", "editors", "temporary files", "cache",
    ]  # fmt: skip
    assert checks["core"].value.startswith(f"numpy {np.__version__}, plyfile ")
    assert checks["kernels"].state == doctor.OK
    assert __version__ in checks["ft2os"].value


def test_what_an_extra_lacks_is_named_with_the_command(monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name in ("scipy", "plyfile") else True)
    lite, core = doctor._extra("lite"), doctor._extra("core")
    assert (lite.state, lite.value) == (doctor.MISSING, "without scipy")
    assert lite.fix == f"Install it: {sys.executable} -m pip install 'ft2os[lite]'"
    assert (core.state, core.value) == (doctor.BROKEN, "without plyfile")
    assert core.fix.endswith("pip install 'ft2os'")


def test_a_probe_that_fails_is_an_answer():
    def lacks():
        raise ModuleNotFoundError("x", name="torch.nn")

    def other():
        raise ModuleNotFoundError("x", name="nosuch")

    def breaks():
        raise OSError("libc is torn")

    found = doctor._guarded("device", lacks, "lite")
    assert (found.state, found.value) == (doctor.MISSING, "needs torch")
    assert found.fix == f"Install it: {console.install_command('engine')}"
    assert doctor._guarded("device", other, "lite").fix == f"Install it: {console.install_command('lite')}"
    broken = doctor._guarded("device", breaks, "lite")
    assert (broken.state, broken.value) == (doctor.BROKEN, "OSError: libc is torn")


def test_a_gpu_is_told_by_what_it_may_do(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"GPU {number}")
    monkeypatch.setattr(doctor.device, "best_device", lambda: "cpu")
    assert doctor._device().value.startswith("cpu, ")
    monkeypatch.setattr(doctor.device, "best_device", lambda: "cuda")
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    assert (doctor._device().state, doctor._device().value) == (
        doctor.MISSING, "GPU 0 judges but does not draw",
    )  # fmt: skip
    monkeypatch.setattr(doctor, "find_spec", lambda name: True)
    monkeypatch.setattr(doctor.device, "has_gsplat", lambda: False)
    assert "lacks its kernels" in doctor._device().value
    assert doctor._device().state == doctor.MISSING
    monkeypatch.setattr(doctor.device, "has_gsplat", lambda: True)
    assert doctor._device() == doctor.Check("device", doctor.OK, "cuda (GPU 0), gsplat engine")


def test_weights_are_found_or_their_way_is_told(monkeypatch, tmp_path):
    pytest.importorskip("torch")
    from ft2os.guidance import clip_judge, perceptual

    monkeypatch.setattr(clip_judge, "available", lambda: True)
    monkeypatch.setattr(perceptual, "find_vgg", lambda: tmp_path)
    assert doctor._clip() == doctor.Check("CLIP weights", doctor.OK, "found")
    assert doctor._vgg() == doctor.Check("VGG weights", doctor.OK, str(tmp_path))
    monkeypatch.setattr(clip_judge, "available", lambda: False)
    monkeypatch.setattr(perceptual, "find_vgg", lambda: None)
    for check, word in ((doctor._clip(), "FT2OS_CLIP"), (doctor._vgg(), "FT2OS_WEIGHTS")):
        assert (check.state, check.value) == (doctor.MISSING, "not on this machine")
        assert word in check.fix


def test_kernels_that_draw_something_else_are_broken(monkeypatch):
    from ft2os import tiles

    drawn = tiles.render
    monkeypatch.setattr(
        tiles, "render", lambda g, *more: drawn(g.replace(opacities=g.opacities * 0.9), *more)
    )
    assert doctor._kernels().state == doctor.BROKEN


@pytest.mark.parametrize(("free", "state"), [((1 << 30) - 1, doctor.BROKEN), (1 << 30, doctor.OK)])
def test_a_folder_needs_a_gibibyte(monkeypatch, tmp_path, free, state):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: argparse.Namespace(free=free))
    found = doctor._folder("cache", tmp_path)
    assert (found.state, found.value) == (state, f"{tmp_path}, 1.0 GiB free")
    assert bool(found.fix) == (state == doctor.BROKEN)
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    assert doctor._folder("cache", tmp_path).state == doctor.BROKEN
    assert doctor._folder("cache", tmp_path).value == f"{tmp_path} cannot be written"


# what the verbs share


@pytest.mark.parametrize(
    ("parse", "good", "bad"),
    [
        (console.size, {"640x480": (640, 480), "1X16384": (1, 16384)},
         ["0x1", "1x0", "16385x1", "1x16385", "5", "x5", "5x", "-1x5", "axb"]),
        (console.positive, {"1": 1, "10000": 10_000}, ["0", "10001", "-1", "1.5", "x", ""]),
        (console.share, {"0": 0.0, "1": 1.0, "0.25": 0.25}, ["-0.01", "1.01", "nan", "x", ""]),
        (stylize.setting, {"a=1": ("a", 1), "a=": ("a", ""), "a=x,y": ("a", "x,y"), "a=[1]": ("a", [1]),
                           "a=b=c": ("a", "b=c")}, ["a", "=1", ""]),
        (styles.style, {"a=b": styles.Style("a", "b"), " a = b c ": styles.Style("a", "b c")},
         ["a", "a=", "=b", " =b", "a= ", "a=b@"]),
    ],
)  # fmt: skip
def test_words_of_the_command_line(parse, good, bad):
    for text, value in good.items():
        assert parse(text) == value
    for text in bad:
        with pytest.raises(argparse.ArgumentTypeError):
            parse(text)


def test_a_style_is_told_in_words():
    style = styles.style("ball = old gold @x/stars.png")
    assert (style.group, style.prompt, style.picture.name) == ("ball", "old gold", "stars.png")
    assert str(style) == "old gold @stars.png"
    assert str(styles.style("ball=@x/stars.png")) == "@stars.png"
    assert str(styles.style("ball=lava")) == "lava"


def test_a_module_that_is_missing_is_named_as_it_is_installed():
    message, hint = console.missing_module("PIL.Image")
    assert message == "This needs pillow, which is not installed."
    assert hint == f"Install it: {sys.executable} -m pip install 'ft2os[lite]'"
    assert console.missing_module("json") is None


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "ft2os: Stopped; nothing was changed.\n"),
        (CancelledError(), 130, "ft2os: Stopped; nothing was changed.\n"),
        (RequestError("Not\nso.", "Do  this."), 1, "ft2os: Not so.\n       Do this.\n"),
        (RequestError("Not so."), 1, "ft2os: Not so.\n"),
        (
            ModuleNotFoundError("x", name="scipy.ndimage"),
            1,
            "ft2os: This needs scipy, which is not installed",
        ),
        (MemoryError(), 1, "ft2os: There is not enough memory for this.\n       "),
        (BrokenPipeError(), 0, ""),
        (
            OSError(28, "No space left on device", "/x/y"),
            1,
            "ft2os: /x/y cannot be written: the disk is full.",
        ),
        (OSError(28, "No space left on device"), 1, "ft2os: The output cannot be written: the disk is full."),
    ],
)
def test_what_goes_wrong_is_a_sentence_and_a_code(capsys, monkeypatch, error, code, said):
    def fail(args):
        raise error

    dropped = []
    monkeypatch.setattr(cli.console, "drop", dropped.append)
    monkeypatch.setattr(doctor, "run", fail)
    assert main(["doctor"]) == code
    told = capsys.readouterr()
    assert told.err.startswith(said)
    assert bool(told.err) == bool(said)
    assert told.out == ""
    assert bool(dropped) == (isinstance(error, OSError))


@pytest.mark.parametrize(
    "error", [RuntimeError("a bug"), ModuleNotFoundError("x", name="nosuch"), OSError(5, "I/O error")]
)
def test_a_bug_keeps_its_traceback(monkeypatch, error):
    def fail(args):
        raise error

    monkeypatch.setattr(doctor, "run", fail)
    with pytest.raises(type(error)):
        main(["doctor"])


def test_a_verbs_own_code_is_the_commands(monkeypatch):
    monkeypatch.setattr(doctor, "run", lambda args: 7)
    assert main(["doctor"]) == 7
    monkeypatch.setattr(doctor, "run", lambda args: None)
    assert main(["doctor"]) == 0


@pytest.mark.parametrize(("words", "level"), [(["-v"], "INFO"), ([], "WARNING")])
def test_saying_more_is_asked_for(monkeypatch, words, level):
    import logging

    asked = []
    monkeypatch.setattr(logging, "basicConfig", lambda **options: asked.append(options))
    monkeypatch.setattr(doctor, "run", lambda args: 0)
    assert main([*words, "doctor"]) == 0
    assert logging.getLevelName(asked[0]["level"]) == level
    assert asked[0]["stream"] is sys.stderr


def test_json_is_strict_and_readable(capsys):
    console.print_json({"ü": [float("nan"), 1]})
    assert capsys.readouterr().out == '{\n "ü": [\n  null,\n  1\n ]\n}\n'


def test_ctrl_c_is_noticed_once_and_the_handler_put_back():
    import signal

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    try:
        with console.interruptible() as interrupted:
            assert not interrupted()
            signal.raise_signal(signal.SIGINT)
            assert interrupted()
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_off_the_main_thread_signals_are_left_alone():
    import signal
    import threading

    def ask():
        with console.interruptible() as interrupted:
            found.append((interrupted(), signal.getsignal(signal.SIGINT)))

    before, found = signal.getsignal(signal.SIGINT), []
    asker = threading.Thread(target=ask)
    asker.start()
    asker.join()
    assert found == [(False, before)]


class Terminal:
    """A stderr that is one, and what is written to it."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


def test_a_bar_is_shown_on_a_terminal_only(monkeypatch, capsys):
    with console.progress() as report:
        report("drawing", 1, 2, "a note")
    assert capsys.readouterr().err == ""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with console.progress() as report:
        report("drawing", 1, 2, "a note")
        report("waiting", 0, 0)
    assert "drawing" in terminal.text or "waiting" in terminal.text


# stylize's record


def facts_of(group, **more) -> dict:
    return {
        "group": group, "prompt": "lava", "style_image": None, "method": "material", "preset": "draft",
        "seed": 5, "strength": 0.5,
    } | more  # fmt: skip


def test_the_record_of_one_object_is_flat_and_of_several_a_list():
    run = {"out": "o.ply", "seconds": 3.0}
    assert run_record.build(run, [facts_of("a", seconds=2.0)]) == facts_of("a") | run
    objects = [facts_of("a"), facts_of("b", prompt="", style_image="x.png", method="image"), facts_of("c")]
    assert run_record.build(run, objects) == run | {
        "prompt": "a: lava; b: x.png; c: lava",
        "method": "material, image",
        "preset": "draft",
        "seed": 5,
        "strength": 0.5,
        "objects": objects,
    }


def test_the_record_is_written_beside_the_scene(tmp_path):
    path = run_record.write(tmp_path / "o.ply", {"prompt": "glühend", "loss": float("inf")})
    assert path == tmp_path / "o.ply.run.json"
    assert path.read_text("utf-8") == '{\n "prompt": "glühend",\n "loss": null\n}'


def test_a_stylization_says_what_it_did(scene, tmp_path, capsys):
    out = tmp_path / "o.ply"
    words = ["stylize", scene, "--style", "ball=lava", "--out", out, "--preset", "draft", "--seed", 3]
    small = ["--set", "views=3", "--set", "pixels=48", "--set", "limit=900", "--set", "iterations=2"]
    found = printed(capsys, *words, *small, "--strength", 0.5)
    record = json.loads((tmp_path / "o.ply.run.json").read_text())
    assert found == f"{out}  (ball: lava, {record['seconds']:.1f} s)\n"
    assert {"out", "source", "group", "prompt", "style_image", "method", "preset"} <= record.keys()
    assert record | {
        "out": str(out), "source": str(scene), "group": "ball", "prompt": "lava", "style_image": None,
        "method": "material", "preset": "draft",
    } == record  # fmt: skip
    assert (record["seed"], record["strength"], record["stopped"]) == (3, 0.5, False)
    assert record["settings"] == {"views": 3, "pixels": 48, "limit": 900, "iterations": 2}
    assert record["gaussians"] == len(load_scene(out).gaussians)
    assert 0 < record["seconds"] < 100

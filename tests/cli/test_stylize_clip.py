"""`ft2os stylize --method clip`: settings reach the method, and only the chosen group changes."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")

from ft2os.cli import main
from ft2os.formats import load_scene
from tests import tiny_clip
from tests.scenes import LABELS, two_groups, write_ply


@pytest.fixture
def scene(tmp_path):
    write_ply(tmp_path / "scene.ply", two_groups())
    (tmp_path / "labels.json").write_text(json.dumps(LABELS))
    return tmp_path / "scene.ply"


def test_settings_of_the_clip_method_from_the_shell(scene, tmp_path, capsys):
    judge = tiny_clip.write(tmp_path / "judge")
    out = tmp_path / "out.ply"
    words = f"stylize {scene} --group ball --prompt lava --method clip --preset seed --out {out} --json"
    settings = ["--set", f"model={judge}", "--set", "steps=2", "--set", "batch=2"]
    frozen = ["--set", "freeze=sh,opacity,scale,rotation,position"]
    assert main([*words.split(), *settings, *frozen]) == 0
    stats = json.loads(capsys.readouterr().out)["stats"]
    assert (stats["steps"], stats["judged_views"]) == (2, 4)
    before, after = load_scene(scene).gaussians, load_scene(out).gaussians
    for name in ("means", "sh", "opacities"):
        others = [getattr(g, name)[g.group != 3] for g in (after, before)]
        np.testing.assert_array_equal(*others)
    assert len(after) == len(before)
    assert not np.array_equal(np.sort(after.sh[:, 0, 0]), np.sort(before.sh[:, 0, 0]))
    np.testing.assert_array_equal(np.sort(after.scales[:, 0]), np.sort(before.scales[:, 0]))


def test_a_setting_that_does_not_exist_is_one_line_and_a_hint(scene, tmp_path, capsys):
    words = (
        f"stylize {scene} --group ball --prompt lava --method clip --out {tmp_path / 'o.ply'} --set speed=9"
    )
    assert main(words.split()) == 1
    assert 'no setting "speed"' in capsys.readouterr().err


def test_a_setting_without_a_value_is_a_wrong_command(scene, tmp_path):
    words = f"stylize {scene} --group ball --prompt lava --out {tmp_path / 'o.ply'} --set speed"
    with pytest.raises(SystemExit, match="2"):
        main(words.split())


def test_the_shell_and_the_api_give_the_same_look(scene, tmp_path, capsys, monkeypatch):
    from ft2os.stylize import StylizeRequest, stylize

    monkeypatch.setenv("FT2OS_CACHE", str(tmp_path / "cache"))
    settings = {
        "model": str(tiny_clip.write(tmp_path / "judge")),
        "surface_views": 4,
        "surface_pixels": 48,
        "limit": 500,
        "refit": 0,
        "views": 4,
        "batch": 4,
        "steps": 2,
        "bank": 32,
    }
    out = tmp_path / "out.ply"
    words = f"stylize {scene} --group ball --prompt lava --method clip --seed 5 --out {out} --json"
    assert main([*words.split(), *(w for k, v in settings.items() for w in ("--set", f"{k}={v}"))]) == 0
    stats = json.loads(capsys.readouterr().out)["stats"]
    whole = load_scene(scene)
    mask = whole.mask(3)
    request = StylizeRequest(
        whole.gaussians.subset(mask),
        "lava",
        context=whole.gaussians.subset(~mask),
        object_name="ball",
        method="clip",
        seed=5,
        overrides=settings,
    )
    result = stylize(request)
    assert stats["losses"] == result.stats["losses"]
    after = load_scene(out).gaussians
    np.testing.assert_array_equal(after.sh[-len(result.look) :, 0], result.look.dc)

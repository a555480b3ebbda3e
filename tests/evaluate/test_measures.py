"""Each measure against a case whose answer is known beforehand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from plyfile import PlyData, PlyElement

pytest.importorskip("numba")

from ft2os.errors import RequestError
from ft2os.evaluate import (
    EvaluationRequest,
    consistency,
    evaluate,
    gaussians,
    matching,
    preservation,
    record,
    spill,
    views,
)
from ft2os.formats import load_scene, save_ply
from ft2os.gaussians import C0
from tests.evaluate.scenes import BALL, OBJECT, OTHER, cameras, grouped, loaded, recoloured

QUIET = lambda stage, step, total: None  # noqa: E731


@pytest.fixture
def before(tmp_path):
    return loaded(tmp_path / "before", "scene", grouped())


def changed_to(tmp_path, g):
    """As our own writer leaves it: what has a source row keeps that row's bits."""
    save_ply(tmp_path / "after" / "scene.ply", g, labels={OBJECT: BALL, OTHER: "pumpkin"})
    return load_scene(tmp_path / "after" / "scene.ply")


def both(before, after, group=BALL):
    return matching.match(before, after, group)


def drawn(found):
    return views.scenes(found, cameras(), QUIET)


def test_a_scene_and_itself_differ_in_nothing(before):
    report = evaluate(before, before, EvaluationRequest(BALL, "lava", views=3)).report
    assert report["spill"]["identical"]
    assert report["spill"]["psnr_db"] is None
    assert (report["spill"]["changed"], report["spill"]["added"], report["spill"]["others"]) == (0, 0, 200)
    assert report["preservation"]["depth_change"] == 0
    assert report["preservation"]["outline_iou"] == 1
    assert report["preservation"]["luminance_ssim"] == pytest.approx(1, abs=1e-5)
    assert report["consistency"]["excess"] == 0
    assert report["consistency"]["pairs"] == 3
    assert report["gaussians"]["before"] == report["gaussians"]["after"]
    assert report["source"] == "a ball"
    assert report["text"]["reason"]
    assert report["text"]["direction"] is None


def test_a_restyled_object_alone_is_no_spill(tmp_path, before):
    inside = before.mask(OBJECT)
    found = both(before, changed_to(tmp_path, recoloured(before.gaussians, inside, -1.0)))
    measured = spill.measure(drawn(found), found)
    assert measured["changed"] == 0
    assert measured["psnr_db"] is None or measured["psnr_db"] > 50  # only soft edges beyond the mask


def test_a_coloured_neighbour_is_found(tmp_path, before):
    row = np.flatnonzero(before.mask(OTHER))[:3]
    found = both(before, changed_to(tmp_path, recoloured(before.gaussians, row, 1.7)))
    measured = spill.measure(drawn(found), found)
    assert measured["changed"] == 3
    assert measured["changed_groups"] == {"pumpkin": 3}
    assert not measured["identical"]
    assert measured["worst_psnr_db"] <= measured["psnr_db"] < 45


def test_psnr_of_a_known_error():
    flat = np.full((20, 30, 3), 0.5, np.float32)
    nothing = np.zeros((20, 30), np.float32)
    one = views.Drawn(cameras(1)[0], flat, flat + 0.1, nothing, nothing, nothing, nothing)
    scene = grouped()
    inside = scene.group == OBJECT
    found = matching.Pair(scene, scene, inside, inside, BALL, OBJECT, 0, 0)
    assert spill.measure([one], found)["psnr_db"] == pytest.approx(20, abs=1e-3)


def test_the_last_bit_of_a_raw_value_counts(tmp_path, before):
    """A logit that activates to the same opacity is another bit all the same."""
    path = tmp_path / "after" / "scene.ply"
    scene = changed_to(tmp_path, before.gaussians)
    raw = path.read_bytes()
    column = before.gaussians.source.columns
    row = int(np.flatnonzero(before.mask(OTHER))[0])
    at = len(raw) - column.nbytes + row * column.dtype.itemsize + column.dtype.fields["rot_2"][1]
    flipped = path.with_name("flipped.ply")  # beside it: the scene is mapped from the file itself
    flipped.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
    assert both(before, scene).changed == 0
    assert both(before, load_scene(flipped)).changed == 1


def test_another_order_and_new_gaussians_of_the_object_are_no_change(tmp_path, before):
    g, inside = before.gaussians, before.mask(OBJECT)
    columns = g.source.columns
    shuffled = np.random.default_rng(0).permutation(np.append(np.arange(len(g)), np.flatnonzero(inside)))
    PlyData([PlyElement.describe(columns[shuffled], "vertex")]).write(str(tmp_path / "mixed.ply"))
    found = both(before, load_scene(tmp_path / "mixed.ply"), str(OBJECT))
    assert (found.changed, found.added, int(found.inside_after.sum())) == (0, 0, 1200)


def test_a_lost_neighbour_is_a_change(tmp_path, before):
    keep = np.ones(len(before.gaussians), bool)
    keep[np.flatnonzero(before.mask(OTHER))[:5]] = False
    found = both(before, changed_to(tmp_path, before.gaussians.subset(keep)))
    assert (found.changed, found.added) == (5, -5)


def test_without_groups_the_object_is_what_the_others_are_not(tmp_path, before):
    path = tmp_path / "bare.ply"
    g = recoloured(before.gaussians, before.mask(OBJECT), 0.3)
    save_ply(path, g)
    columns = load_scene(path).gaussians.source.columns
    names = [n for n in columns.dtype.names if n != "group"]
    rows = np.empty(len(columns), [(n, columns.dtype[n]) for n in names])
    for n in names:
        rows[n] = columns[n]
    PlyData([PlyElement.describe(rows, "vertex")]).write(str(path))
    found = both(before, load_scene(path))
    assert np.array_equal(found.inside_after, before.mask(OBJECT))
    assert found.changed == 0
    assert "no groups" in found.note


def test_an_object_that_is_not_there_is_said(tmp_path, before):
    others = before.gaussians.subset(~before.mask(OBJECT))
    with pytest.raises(RequestError, match="AFTER has no Gaussians"):
        both(before, changed_to(tmp_path, others))
    with pytest.raises(RequestError, match="no group 'truck'"):
        both(before, before, "truck")


def test_a_shift_in_depth_has_its_size():
    """An object moved away along the view by 0.3 of a depth of 5: six hundredths of the depth."""
    plane = np.full((40, 40), 5.0, np.float32)
    full = np.ones((40, 40), np.float32)
    picture = np.full((40, 40, 3), 0.5, np.float32)
    camera = cameras(1)[0].cropped(0, 0, 40, 40)
    d = views.Drawn(camera, picture, picture, full, full, plane, plane + 0.3)
    measured = preservation.measure([d])
    assert measured["depth_change"] == pytest.approx(0.06, rel=1e-4)
    assert measured["depth_change_of_size"] == pytest.approx(0.3 / (5 * 40 / camera.K[0, 0]), rel=1e-4)


def test_a_moved_object_changes_depth_and_outline(tmp_path, before):
    inside = before.mask(OBJECT)
    means = before.gaussians.means.copy()
    means[inside] += np.array([0, -0.5, 0], np.float32)
    found = both(before, changed_to(tmp_path, before.gaussians.replace(means=means)))
    measured = preservation.measure(views.windows(found, cameras(), QUIET))
    assert 0.4 < measured["outline_iou"] < 0.8
    assert measured["depth_change_of_size"] > 0.01


def test_blown_whites_are_counted():
    half = np.full((10, 10, 3), 0.5, np.float32)
    white = half.copy()
    white[:3] = 1.0
    white[3, :, 0] = 1.0
    full = np.ones((10, 10), np.float32)
    measured = preservation.clipped([views.Drawn(cameras(1)[0], half, white, full, full, full, full)])
    assert measured["white"] == {"before": 0, "after": pytest.approx(0.3)}
    assert measured["any"] == {"before": 0, "after": pytest.approx(0.4)}


def test_needles_made_on_purpose():
    g = grouped()
    scales = np.full((len(g), 3), 0.1, np.float32)
    scales[:80, 1] = 2.0  # needles
    scales[80:200, :2] = 2.0  # discs
    measured = gaussians.measure(g.replace(scales=scales))
    assert measured["needles"] == pytest.approx(80 / 800)
    assert measured["thin"] == pytest.approx(200 / 800)
    assert measured["count"] == 800


def test_colours_that_turn_with_the_view_are_inconsistent():
    """One repainting is the same from everywhere, the other flips between sides; only the second drifts."""
    g = grouped().subset(np.flatnonzero(grouped().group == OBJECT))
    steady = g.replace(sh=np.concatenate([g.sh[:, :1] * 0 + 0.3, g.sh[:, 1:] * 0], axis=1))
    turning = steady.sh.copy()
    turning[:, 1:] = 0.9 / C0 * 0.28
    one = consistency.measure(steady, steady, cameras(), QUIET)
    other = consistency.measure(steady, g.replace(sh=turning), cameras(), QUIET)
    assert one["before"] < 1 / 255  # a plain colour costs nothing in the warping
    assert one["excess"] == 0
    assert other["excess"] > 5 / 255
    assert other["after"] - other["floor_after"] > 5 / 255
    assert other["before"] == one["before"]


def test_the_neighbour_looks_from_its_angle():
    camera, centre = cameras(1)[0], np.array([0.2, 0.1, -0.3])
    beside = consistency.turned(camera, centre, 30.0)
    one, other = (c.position - centre for c in (camera, beside))
    up = camera.viewmat[1, :3]
    one, other = one - up * (up @ one), other - up * (up @ other)
    assert np.linalg.norm(one) == pytest.approx(np.linalg.norm(other), rel=1e-4)
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert np.degrees(np.arccos(cosine)) == pytest.approx(30, abs=0.1)
    seen = [c.viewmat[:3, :3] @ centre + c.viewmat[:3, 3] for c in (camera, beside)]
    assert np.allclose(*seen, atol=1e-5)


def test_hidden_pixels_are_not_compared():
    """Where the neighbour sees something nearer, its colour there is no answer and is left out."""
    camera = cameras(1)[0]
    size = (camera.height, camera.width)
    rgb, alpha = np.zeros((*size, 3), np.float32), np.ones(size, np.float32)
    far, near = np.full(size, 5.0, np.float32), np.full(size, 5.0, np.float32)
    near[:, : size[1] // 2] = 3.0
    other = rgb.copy()
    other[:, : size[1] // 2] = 1.0
    found = consistency.warped_difference((rgb, alpha, far), camera, (other, alpha, near), camera, 0.1)
    assert len(found) == size[0] * (size[1] - size[1] // 2) or len(found) == size[0] * (size[1] // 2)
    assert found.max() == 0


def test_views_are_those_that_see_the_object():
    g = grouped().subset(np.flatnonzero(grouped().group == OBJECT))
    chosen, kind = views.choose(g, cameras(8), 3)
    assert (len(chosen), kind) == (3, "cameras")
    assert len(views.choose(g, cameras(2), 9)[0]) == 2
    chosen, kind = views.choose(g, [], 5)
    assert (len(chosen), kind) == (5, "orbit")
    large = [c.resized(1920, 1440) for c in cameras(1)]
    assert views.choose(g, large, 1)[0][0].width == views.LONGEST


def test_a_record_is_believed_only_where_it_makes_sense(tmp_path):
    path = tmp_path / "scene.ply.run.json"
    path.write_text(json.dumps({"prompt": "lava", "losses": [3, 2, 1], "seconds": 4.5, "terms": {"a": [1]}}))
    good = record.read(record.beside(tmp_path / "scene.ply"))
    assert (good.prompt, good.losses, good.seconds, good.terms) == ("lava", [3, 2, 1], 4.5, {"a": [1]})
    path.write_text(
        '{"prompt": 5, "losses": ["x"], "seconds": NaN, "peak_memory": -1, "seed": 1.5, "terms": [], '
        f'"settings": "no", "preset": "{"p" * 9000}"}}'
    )
    bad = record.read(path)
    assert (bad.prompt, bad.losses, bad.seconds, bad.peak_memory, bad.seed) == ("", [], None, None, None)
    assert len(bad.preset) == 500
    for text in ("[1]", "{", "[" * 100_000, '{"seconds": 1' + "0" * 4000 + "}"):
        path.write_text(text)
        found = record.read(path)
        assert found is None or found.seconds is None
    several = {"seconds": 9, "objects": [{"group": "tree"}, {"group": "ball", "prompt": "ice", "seconds": 2}]}
    path.write_text(json.dumps(several | {"prompt": "tree: x; ball: ice"}))
    own = record.read(path, "ball")
    assert (own.prompt, own.seconds) == ("ice", 9)
    path.unlink()
    assert record.beside(tmp_path / "scene.ply") is None

"""The measures at their edges: masks, bounds of a record, which cameras, which judge, what a view needs."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("numba")

from ft2os.cameras import orbit
from ft2os.cameras.camera import Camera
from ft2os.errors import FileError, MissingError, RequestError
from ft2os.evaluate import (
    EvaluationRequest,
    charts,
    consistency,
    evaluate,
    gaussians,
    likeness,
    matching,
    preservation,
    record,
    spill,
    text,
    views,
    words,
)
from ft2os.formats import load_scene, save_ply
from tests.evaluate.scenes import BALL, OBJECT, cameras, grouped, loaded, recoloured, written

QUIET = lambda stage, step, total: None  # noqa: E731


def camera(width=40, height=30, focal=20.0, viewmat=None, name="") -> Camera:
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], np.float32)
    return Camera(np.eye(4, dtype=np.float32) if viewmat is None else viewmat, K, width, height, name)


def a_view(
    before, after, covered=None, covered_after=None, depth=None, depth_after=None, **more
) -> views.Drawn:
    shape = before.shape[:2]
    full, flat = np.ones(shape, np.float32), np.full(shape, 4.0, np.float32)
    covered = full if covered is None else covered
    return views.Drawn(
        more.get("camera", camera(shape[1], shape[0])), before, after, covered,
        covered if covered_after is None else covered_after, flat if depth is None else depth,
        flat if depth_after is None else depth_after,
    )  # fmt: skip


def pair(changed=0, added=0, groups=None) -> matching.Pair:
    scene = grouped()
    inside = scene.group == OBJECT
    return matching.Pair(scene, scene, inside, inside, BALL, OBJECT, changed, added, groups or {})


# spill


def test_the_objects_mask_grows_by_a_hundredth_and_by_two_pixels_at_least():
    for size, grown in ((60, 2), (249, 2), (251, 3), (500, 5)):
        covered = np.zeros((size, 20), np.float32)
        covered[size // 2, 10] = 0.06
        outside = spill.outside_of(covered)
        assert outside[:, 10].sum() == size - 2 * grown - 1
        assert not outside[size // 2 - grown, 10]
    assert spill.outside_of(np.full((9, 9), 0.05)).all()  # more than that is the object's


def test_spill_adds_up_over_views_and_names_the_worst():
    covered = np.zeros((20, 30), np.float32)
    covered[:, :10] = 1  # and 2 more columns: 18 × 20 pixels are outside
    plain = np.full((20, 30, 3), 0.5, np.float32)
    slight, strong = plain.copy(), plain.copy()
    slight[0, 20] += 0.1
    strong[0, 20:25] += [0.2, 0, 0]
    drawn = [
        a_view(plain, slight, covered, camera=camera(30, 20, name="first")),
        a_view(plain, strong, covered, camera=camera(30, 20)),
    ]
    found = spill.measure(drawn, pair(5, -2, {"tree": 5}))
    errors = np.array([3 * 0.01, 5 * 0.04])
    assert found["psnr_db"] == pytest.approx(-10 * np.log10(errors.sum() / (2 * 3 * 360)), abs=1e-4)
    assert found["worst_psnr_db"] == pytest.approx(-10 * np.log10(errors[1] / (3 * 360)), abs=1e-4)
    assert (found["worst_view"], found["identical"], found["reason"]) == ("1", False, None)
    assert (found["changed"], found["added"], found["others"]) == (5, -2, 200)
    assert found["changed_groups"] == {"tree": 5}
    assert spill.measure(drawn[:1], pair())["worst_view"] == "first"
    same = spill.measure([a_view(plain, plain, covered)], pair())
    assert (same["psnr_db"], same["identical"], same["worst_psnr_db"]) == (None, True, None)
    assert "not one pixel" in same["reason"]


def test_where_all_is_covered_nothing_is_outside():
    plain = np.full((10, 10, 3), 0.5, np.float32)
    found = spill.measure([a_view(plain, plain + 0.1)], pair())
    assert (found["psnr_db"], found["identical"], found["worst_view"]) == (None, None, None)
    assert found["reason"] == "no pixel lies outside the object"
    assert found["others"] == 200
    covered = np.zeros((10, 10), np.float32)
    whole = replace(pair(), inside_before=np.ones(800, bool))
    assert spill.measure([a_view(plain, plain, covered)], whole)["reason"] == spill.NO_OBJECT_OUTSIDE
    # A view without any pixel outside beside one that has some says nothing.
    both = [a_view(plain, plain + 0.2), a_view(plain, plain + 0.1, covered)]
    assert spill.measure(both, pair())["psnr_db"] == pytest.approx(20, abs=1e-4)
    assert spill.measure(both, pair())["worst_view"] == "1"


# preservation


def test_shape_is_compared_where_both_show_the_object():
    rng = np.random.default_rng(0)
    picture = rng.random((40, 60, 3)).astype(np.float32)
    was, now = np.zeros((2, 40, 60), np.float32)
    was[10:30, 10:40], now[10:30, 20:50] = 1, 1
    was[10, 10:40] = 0.6  # within the outline, but the background shines through
    depth = np.full((40, 60), 5.0, np.float32)
    depth[:, 30:] = 10.0
    moved = depth + 0.5
    d = a_view(picture, picture, was, now, depth, moved)
    found = preservation.measure([d])
    assert found["outline_iou"] == pytest.approx(20 * 20 / (20 * 40))
    assert found["depth_change"] == pytest.approx((0.5 / 5 + 0.5 / 10) / 2, rel=1e-5)
    # 30 pixels across of the 20 down, at the median depth of 7.5 (19 rows of 10 pixels each), focal length 20
    assert found["depth_change_of_size"] == pytest.approx(0.5 / (7.5 * 30 / 20), rel=1e-5)
    assert found["luminance_ssim"] == pytest.approx(1, abs=1e-6)
    assert found["reason"] is None
    tall = a_view(picture.transpose(1, 0, 2), picture.transpose(1, 0, 2), was.T, now.T, depth.T, moved.T)
    assert preservation.measure([tall]) == pytest.approx(found)
    twice = preservation.measure([d, a_view(picture, picture, was, was, depth, depth)])
    assert twice["depth_change"] == pytest.approx(found["depth_change"] / 2)
    assert twice["outline_iou"] == pytest.approx((400 + 600) / (800 + 600))


def test_where_nothing_is_solid_there_is_no_number():
    picture, faint = np.zeros((8, 8, 3), np.float32), np.full((8, 8), 0.9, np.float32)
    found = preservation.measure([a_view(picture, picture, faint)])
    assert found["depth_change"] is None
    assert found["luminance_ssim"] is None
    assert found["outline_iou"] == 1.0
    assert "no view" in found["reason"]
    nothing = preservation.measure([a_view(picture, picture, faint * 0)])
    assert nothing["outline_iou"] is None
    assert preservation.clipped([a_view(picture, picture, faint)]) == {
        "white": {"before": None, "after": None}, "any": {"before": None, "after": None},
    }  # fmt: skip
    assert preservation.clipped([])["white"] == {"before": None, "after": None}


def test_each_axis_has_its_own_focal_length():
    K = np.array([[10, 0, 0], [0, 40, 0], [0, 0, 1]], np.float32)
    mask = np.zeros((30, 30), bool)
    mask[2:22, 3:7] = True
    assert preservation._breadth(mask, 2.0, K) == pytest.approx(2 * max(4 / 10, 20 / 40))
    mask[:, 10] = True
    assert preservation._breadth(mask, 2.0, K) == pytest.approx(2 * max(8 / 10, 30 / 40))


def test_drawn_needles_weigh_by_what_they_cover():
    g = grouped().subset(np.arange(4))
    scales = np.array([[0.1, 2.0, 0.1], [1, 1, 0.05], [1, 0.5, 0.5], [0.1, 1.0, 0.05]], np.float32)
    g = g.replace(scales=scales, opacities=np.array([0.5, 1, 1, 0.5], np.float32))
    found = gaussians.measure(g)
    assert found["needles"] == 0.25  # 20 times; ten times exactly is none
    assert found["thin"] == 0.75
    assert found["drawn_needles"] == pytest.approx(0.5 * 0.2 / (0.5 * 0.2 + 1 + 0.5 + 0.5 * 0.1))
    faint = gaussians.measure(g.replace(opacities=np.zeros(4, np.float32)))
    assert faint["drawn_needles"] == 0


# views and consistency


def looking_away() -> Camera:
    """Twenty in front of the object, with its back to it."""
    viewmat = np.eye(4, dtype=np.float32)
    viewmat[2, 3] = -20
    return camera(viewmat=viewmat)


def test_cameras_are_evenly_spread_and_made_smaller():
    g = grouped()
    ring = cameras(9)
    chosen, kind = views.choose(g, ring, 3)
    assert ([c.name for c in chosen], kind) == ([ring[i].name for i in (0, 4, 8)], "cameras")
    away = [looking_away()]
    assert views.choose(g, [*away, ring[2]], 5)[0][0].name == ring[2].name
    round_, kind = views.choose(g, away[:0], 5)
    assert ([(c.width, c.height) for c in round_], kind) == ([(480, 360)] * 5, "orbit")
    for size, bounded in (((640, 480), (640, 480)), ((1280, 2), (640, 1)), ((480, 960), (320, 640)),
                          ((6400, 3), (640, 1))):  # fmt: skip
        small = views._bounded(ring[0].resized(*size))
        assert (small.width, small.height) == bounded


def test_each_step_is_told():
    told = []
    found = pair()
    tick = lambda *step: told.append(step)  # noqa: E731
    drawn = views.scenes(found, cameras(2), tick, background=0.25)
    assert told == [("drawing the scene", 0, 2), ("drawing the scene", 1, 2)]
    corner = drawn[0].before[0, 0]
    assert corner.tolist() == [0.25] * 3
    assert drawn[0].covered_before.max() > 0.9
    assert drawn[0].covered_before[0, 0] == 0
    told.clear()
    windows = views.windows(found, cameras(2), tick)
    assert told == [("drawing the object", 0, 2), ("drawing the object", 1, 2)]
    assert windows[0].before.shape == (224, 224, 3)
    np.testing.assert_allclose(windows[0].before[0, 0], 0.5, atol=1e-6)
    told.clear()
    consistency.measure(*found.objects, cameras(2), tick)
    assert told == [("comparing neighbours", 0, 2), ("comparing neighbours", 1, 2)]


def test_where_no_view_shows_the_object_there_is_no_pair():
    away = looking_away()
    found = consistency.measure(*pair().objects, [away, cameras(1)[0]], QUIET)
    assert found["pairs"] == 1
    found = consistency.measure(*pair().objects, [away], QUIET)
    assert (found["pairs"], found["before"], found["excess"]) == (0, None, None)
    assert "no view" in found["reason"]
    assert len(views.windows(pair(), [away, cameras(1)[0]], QUIET)) == 1


def plane(width=40, height=30, depth=4.0, colour=0.5, alpha=1.0):
    shape = (height, width)
    rgb = np.full((*shape, 3), colour, np.float32)
    return rgb, np.full(shape, alpha, np.float32), np.full(shape, depth, np.float32)


def shifted(by: float) -> Camera:
    """A camera that stands ``by`` to the right: what lies at depth 4 moves left by 5·by pixels."""
    viewmat = np.eye(4, dtype=np.float32)
    viewmat[0, 3] = -by
    return camera(viewmat=viewmat)


def test_colours_are_compared_where_the_neighbour_sees_the_same_place():
    """A ramp seen from one unit to the right lies five pixels to the left."""
    ramp = np.tile(np.linspace(0, 0.39, 40, dtype=np.float32)[:, None], (30, 1, 3))
    here = (ramp, *plane()[1:])
    there = (ramp + np.float32(0.05), *plane()[1:])
    differences = consistency.warped_difference(here, camera(), there, shifted(1.0), 0.1)
    assert len(differences) == 30 * 35  # five columns leave the picture
    np.testing.assert_allclose(differences, 0.0, atol=1e-6)  # 5 pixels of 0.01 are what the colours differ by
    channels = ramp + np.float32([0.3, 0.0, -0.3])
    differences = consistency.warped_difference((channels, *plane()[1:]), camera(), here, camera(), 0.1)
    np.testing.assert_allclose(differences, 0.2, atol=1e-6)
    up = np.eye(4, dtype=np.float32)
    up[1, 3] = 1.0
    differences = consistency.warped_difference(here, camera(), here, camera(viewmat=up), 0.1)
    assert len(differences) == 40 * 25


def test_what_is_not_solid_or_not_the_same_surface_is_left_out():
    here = plane()
    for other, tolerance, count in (
        (plane(alpha=0.95), 0.1, 0),
        (plane(alpha=0.96), 0.1, 1200),
        (plane(depth=4.1), 0.09, 0),
        (plane(depth=4.1), 0.11, 1200),
        (plane(depth=3.9), 0.09, 0),
    ):
        assert len(consistency.warped_difference(here, camera(), other, camera(), tolerance)) == count
    assert len(consistency.warped_difference(plane(alpha=0.95), camera(), here, camera(), 0.1)) == 0
    back = np.eye(4, dtype=np.float32)
    back[2, 3] = -8.0  # the neighbour stands behind the plane
    assert len(consistency.warped_difference(here, camera(), here, camera(viewmat=back), 100.0)) == 0


def test_places_move_between_cameras_as_pinholes_say():
    rng = np.random.default_rng(1)
    one, other = orbit(((0.0, 0.0, 0.0), 1.0), 2, (50, 40))
    other = consistency.turned(one, np.zeros(3), 20)
    points = rng.uniform(-0.3, 0.3, (50, 3))
    seen = [(points @ c.viewmat[:3, :3].T + c.viewmat[:3, 3]).astype(np.float64) for c in (one, other)]
    x, y = ((seen[0][:, i] / seen[0][:, 2] * one.K[i, i] + one.K[i, 2]) for i in (0, 1))
    u, v, depth = consistency._into(one, other, x, y, seen[0][:, 2])
    np.testing.assert_allclose(depth, seen[1][:, 2], rtol=1e-4)
    np.testing.assert_allclose(
        u, seen[1][:, 0] / seen[1][:, 2] * other.K[0, 0] + other.K[0, 2] - 0.5, atol=1e-3
    )
    np.testing.assert_allclose(
        v, seen[1][:, 1] / seen[1][:, 2] * other.K[1, 1] + other.K[1, 2] - 0.5, atol=1e-3
    )


# the record


@pytest.mark.parametrize(
    ("told", "facts"),
    [
        ({"seed": 0}, {"seed": 0}),
        ({"seed": True}, {"seed": None}),
        ({"seed": (1 << 63) - 1}, {"seed": (1 << 63) - 1}),
        ({"seed": 1 << 63}, {"seed": None}),
        ({"seconds": 0}, {"seconds": 0.0}),
        ({"seconds": True, "peak_memory": -0.5}, {"seconds": None, "peak_memory": None}),
        ({"prompt": "p" * 501}, {"prompt": "p" * 500}),
        ({"losses": [1, True]}, {"losses": []}),
        ({"losses": [10**400]}, {"losses": []}),
        ({"losses": [0.5] * 200_000}, {"losses": [0.5] * 200_000}),
        ({"losses": [0.5] * 200_001}, {"losses": []}),
        ({"terms": {str(i): [i] for i in range(40)}}, {"terms": {str(i): [float(i)] for i in range(32)}}),
        ({"terms": {"a": [], "b": "x", "c": [1]}}, {"terms": {"c": [1.0]}}),
        ({"judge": "A b"}, {"guide": "A b"}),
        ({"stats": {"judge": "A b", "source": "a car", "losses": [1]}, "source": "/scene.ply"},
         {"guide": "A b", "source": "a car", "losses": [1.0]}),
        ({"source": "/scene.ply"}, {"source": ""}),
        ({"settings": {"model": "M", "pretrained": "t"}}, {"guide": "M t"}),
        ({"settings": {"pretrained": "t"}}, {"guide": ""}),
        ({"settings": {"model": "M"}}, {"guide": "M "}),
        ({"objects": [{"group": "ball", "prompt": "x", "seconds": 1}], "seconds": 5, "prompt": "y"},
         {"prompt": "x", "seconds": 5.0}),
        ({"objects": [{"group": "other", "prompt": "x"}], "prompt": "y"}, {"prompt": "y"}),
        ({"objects": [7, {"group": "ball", "stats": {"losses": [2]}}], "stats": 5}, {"losses": [2.0]}),
    ],
)  # fmt: skip
def test_what_a_record_says_is_bounded(tmp_path, told, facts):
    path = tmp_path / "r.json"
    path.write_text(json.dumps(told))
    found = record.read(path, "ball")
    assert {name: getattr(found, name) for name in facts} == facts


def test_a_record_lies_beside_its_scene(tmp_path):
    assert record.beside(tmp_path / "a.ply") is None
    assert record.read(None) is None
    (tmp_path / "a.run.json").write_text("{}")
    assert record.beside(tmp_path / "a.ply") == tmp_path / "a.run.json"
    (tmp_path / "a.ply.run.json").write_text("{}")
    assert record.beside(tmp_path / "a.ply") == tmp_path / "a.ply.run.json"


# the report


def test_a_report_says_what_was_compared(tmp_path):
    before = loaded(tmp_path / "a", "scene", grouped())
    after = loaded(tmp_path / "b", "scene", recoloured(grouped(), grouped().group == OBJECT, 0.9))
    run = {
        "prompt": "ice",
        "method": "clip",
        "seed": 3,
        "judge": "A b",
        "losses": [3.0, 2.0, 1.0],
        "seconds": 5,
    }
    run |= {"preset": "high", "peak_memory": 7}
    after.path.with_name("scene.ply.run.json").write_text(json.dumps(run))
    told = []
    found = evaluate(before, after, EvaluationRequest(BALL, views=2), lambda *step: told.append(step))
    report = found.report
    assert (report["format"], report["version"], report["prompt"]) == ("ft2os-evaluation", 1, "ice")
    assert (report["before"], report["after"]) == (str(before.path), str(after.path))
    assert report["group"] == {"id": OBJECT, "name": BALL, "note": None}
    assert report["views"]["names"] == [found.drawn[i].camera.name for i in range(2)]
    assert report["run"] == {
        "method": "clip", "preset": "high", "seed": 3, "guide": "A b", "seconds": 5.0, "peak_memory": 7.0,
        "steps": 3, "loss_first": 3.0, "loss_last": 1.0,
    }  # fmt: skip
    assert 0 < report["evaluation"]["seconds"] < 100
    assert ("asking the networks", 0, 1) in told
    assert report["source"] == "a ball"
    after.path.with_name("scene.ply.run.json").write_text('{"prompt": "ice"}')
    empty = evaluate(before, after, EvaluationRequest(BALL, prompt="own", source="a toy", views=1)).report
    assert (empty["prompt"], empty["source"]) == ("own", "a toy")
    assert empty["run"] | {"seconds": None} == dict.fromkeys(empty["run"]) | {"steps": 0}


def test_the_scenes_own_background_lies_behind(tmp_path):
    scene = loaded(tmp_path / "a", "scene", grouped())
    for white, shade in ((True, 1.0), (False, 0.0), ("yes", 0.0)):
        found = evaluate(
            replace(scene, settings={"white_background": white}), scene, EvaluationRequest(BALL, "x", views=1)
        )
        assert found.drawn[0].before[0, 0].tolist() == [shade] * 3


@pytest.mark.parametrize(
    ("label", "noun"), [("ball", "a ball"), ("Apple", "an Apple"), ("", "an object"), ("über", "a über")]
)
def test_an_object_is_named_with_its_article(label, noun):
    from ft2os.evaluate import _noun

    both = SimpleNamespace(group=3, name=label or "3")
    assert _noun(both, SimpleNamespace(labels={3: label})) == noun
    assert _noun(SimpleNamespace(group=None, name="all"), SimpleNamespace(labels={})) == "an object"
    assert _noun(SimpleNamespace(group=3, name="all"), SimpleNamespace(labels={3: "all"})) == "an object"


# matching


def test_the_same_gaussians_twice_are_two(tmp_path):
    one, two, three = (np.array([[x]], np.uint8).repeat(4, 1) for x in (1, 2, 3))

    def rows(*parts):
        return matching._packed([np.concatenate(parts)])

    found = matching._found_in
    assert found(rows(one, one, two), rows(two, one)).tolist() == [False, True, True]
    assert found(rows(one), rows(three, three, one)).tolist() == [True]
    assert found(rows(one, two), rows(one, two)).tolist() == [True, True]
    assert found(rows(one, two, three)[:0], rows(one)).tolist() == []
    assert found(rows(two, three), rows(one)[:0]).tolist() == [False, False]


def test_formats_without_raw_columns_are_compared_by_their_values(tmp_path):
    from ft2os.formats import save_scene

    g = grouped(2)
    save_scene(tmp_path / "a.spz", g)
    a = load_scene(tmp_path / "a.spz")
    assert matching._raw(a.gaussians) is None
    group = g.group
    before = replace(a, gaussians=a.gaussians.replace(group=group), labels={OBJECT: BALL})
    lower = a.gaussians.replace(group=group, sh=a.gaussians.sh[:, :4])
    moved = lower.means.copy()
    moved[np.flatnonzero(group != OBJECT)[:3]] += 1
    assert matching.match(before, replace(before, gaussians=before.gaussians), BALL).changed == 0
    higher = replace(before, gaussians=before.gaussians.replace(means=moved))
    found = matching.match(before, higher, BALL)
    assert (found.changed, found.added) == (3, 0)
    assert matching.match(before, replace(before, gaussians=lower), BALL).changed == 200


def test_a_scene_made_by_us_has_no_raw_rows(tmp_path):
    scene = loaded(tmp_path, "scene", grouped())
    g = scene.gaussians
    assert matching._raw(g) is g.source
    assert matching._raw(g.replace(row=np.where(np.arange(len(g)) == 3, -1, g.row))) is None
    assert matching._raw(g.replace(source=None)) is None


def test_the_whole_scene_is_everything(tmp_path):
    scene = loaded(tmp_path, "scene", grouped())
    found = matching.match(scene, scene, " ALL ")
    assert (found.name, found.group, found.changed, found.added) == ("all", None, 0, 0)
    assert found.inside_before.all()
    assert found.inside_after.all()


# networks


def test_likeness_is_the_mean_over_the_windows():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    pictures = rng.random((4, 6, 5, 3)).astype(np.float32)
    windows = [a_view(pictures[0], pictures[1]), a_view(pictures[2], pictures[3])]
    seen = []

    def difference(a, b):
        seen.append(a.shape)
        assert not torch.is_grad_enabled()
        return (a - b).abs().max()

    value, reason = likeness._mean(windows, lambda: difference)
    expected = np.mean([np.abs(pictures[i] - pictures[i + 1]).max() for i in (0, 2)])
    assert (value, reason) == (pytest.approx(expected, rel=1e-6), None)
    assert seen == [(1, 3, 6, 5)] * 2
    assert likeness._mean([], lambda: difference) == (None, "no view shows the object well enough")

    for error in (MissingError("Not here.", "x"), FileError("Torn.", "x")):

        def fail(error=error):
            raise error

        assert likeness._mean(windows, fail) == (None, error.message)


def test_vggs_distance_is_over_the_originals_own_size(monkeypatch):
    torch = pytest.importorskip("torch")
    from ft2os.guidance import perceptual

    monkeypatch.setattr(perceptual, "load_vgg", lambda: lambda x: 2 * x)
    a, b = torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)
    expected = ((2 * b - 2 * a) ** 2).mean() / ((2 * a) ** 2).mean()
    assert float(likeness._vgg()(a, b)) == pytest.approx(float(expected))
    assert float(likeness._vgg()(a * 0, a * 0)) == 0.0


class Judge:
    """Sees the mean colour of a picture, and has a vector for each word."""

    name, device = "J t", "cpu"
    TEXTS = {"lava": [1.0, 0.0, 0.0], "a ball": [0.0, 1.0, 0.0]}

    def __init__(self) -> None:
        self.batches: list[int] = []

    def embed_images(self, images):
        self.batches.append(len(images))
        return images.mean(dim=(2, 3))

    def embed_texts(self, texts):
        import torch

        return torch.tensor([self.TEXTS[t] for t in texts])


def flat(*colour: float) -> np.ndarray:
    return np.full((4, 4, 3), colour, np.float32)


def test_scores_are_cosines_over_all_windows():
    pytest.importorskip("torch")
    judge = Judge()
    windows = [a_view(flat(0.5, 0.5, 0), flat(0.9, 0.1, 0))] * 9 + [
        a_view(flat(0.5, 0.5, 0), flat(0.5, 0.1, 0))
    ]
    found = text._scores(windows, judge, "lava", "a ball")
    assert judge.batches == [8, 2, 8, 2]
    assert found["similarity_before"] == pytest.approx(0.5)
    assert found["similarity_after"] == pytest.approx((9 * 0.9 + 0.5) / 10)
    assert found["similarity_gain"] == pytest.approx(0.36)
    worst = 0.4 / (0.4 * np.sqrt(2))
    assert found["direction"] == pytest.approx((9 * 1 + worst) / 10, abs=1e-5)
    assert found["direction_worst"] == pytest.approx(worst, abs=1e-5)
    assert found["judge"] == "J t"
    still = text._scores([a_view(flat(0.5, 0.5, 0), flat(0.5, 0.5, 0))], judge, "lava", "a ball")
    assert (still["direction"], still["direction_worst"]) == (None, None)
    mute = text._scores(windows, judge, "lava", "lava")
    assert mute["direction"] is None


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("ViT-B/32 openai", "ViT-B-32 OpenAI", True),
        ("ViT-B-32-quickgelu openai", " ViT-B-32 openai ", True),
        ("ViT-B-32 openai", "ViT-B-16 openai", False),
        ("ViT-B-32 openai", "ViT-B-32 laion400m_e32", False),
        ("openai", "openai", True),
    ],
)
def test_names_of_judges(a, b, same):
    assert text.same_judge(a, b) is same


def test_a_folder_is_the_same_by_any_way(tmp_path):
    (tmp_path / "judge").mkdir()
    around = f"{tmp_path}/judge/../judge"
    assert text.same_judge(f"{tmp_path}/judge openai", around)
    assert not text.same_judge(str(tmp_path / "judge"), str(tmp_path / "other"))


def test_the_first_judge_that_is_here_and_did_not_guide_is_asked(monkeypatch):
    pytest.importorskip("torch")
    from ft2os.guidance import clip_judge

    here = {"ViT-B-16 openai", "ViT-B-32 openai", "ViT-L-14 openai"}
    monkeypatch.setattr(clip_judge, "available", lambda m, t: f"{m} {t}" in here)
    monkeypatch.setattr(clip_judge, "load", lambda m, t: (m, t))
    assert text._second((None, None), "") == ("ViT-L-14", "openai")
    assert text._second((None, None), "ViT-L-14 openai") == ("ViT-B-16", "openai")
    here.discard("ViT-L-14 openai")
    assert text._second((None, None), "ViT-B-16 openai") == ("ViT-B-32", "openai")
    assert text._second(("ViT-L-14", "x"), "ViT-B-16 openai") == ("ViT-L-14", "x")
    here.clear()
    with pytest.raises(MissingError, match="No weights of a second CLIP"):
        text._second((None, None), "")
    monkeypatch.setattr(text.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match="torch and open_clip not installed"):
        text._second((None, None), "")
    monkeypatch.setattr(text.importlib.util, "find_spec", lambda name: name == "torch" or None)
    with pytest.raises(MissingError, match=r"^open_clip not installed"):
        text._second((None, None), "")


@pytest.mark.parametrize(
    ("model", "tag", "guide", "refused"),
    [
        ("ViT-B-32", None, "ViT-B-32 openai", "guided this look"),
        ("ViT-B-32", "laion", "ViT-B-32 openai", None),
        ("ViT-B-32", None, "", None),
        (None, None, "ViT-B-32 openai", None),
        (None, "random", "", "random weights"),
    ],
)
def test_who_may_not_judge(model, tag, guide, refused):
    if refused is None:
        text._refuse(model, tag, guide)
    else:
        with pytest.raises(RequestError, match=refused):
            text._refuse(model, tag, guide)


def test_no_windows_or_no_judge_are_a_reason(monkeypatch):
    found = text.measure([], "lava", "a ball", guide="G t")
    assert found | {"reason": 0} == dict.fromkeys(found) | {
        "prompt": "lava", "source": "a ball", "guide": "G t", "reason": 0,
    }  # fmt: skip
    assert found["reason"] == "no view shows the object well enough"
    assert text.measure([], "lava", "a ball")["guide"] is None

    def none(named, guide):
        raise MissingError("Nobody.", "x")

    monkeypatch.setattr(text, "_second", none)
    found = text.measure([a_view(flat(0, 0, 0), flat(1, 1, 1))], "lava", "a ball")
    assert (found["reason"], found["similarity_after"]) == ("Nobody.", None)
    monkeypatch.setattr(text, "_second", lambda named, guide: Judge())
    found = text.measure([a_view(flat(0, 0, 0), flat(1, 0, 0))], "lava", "a ball")
    assert (found["reason"], found["similarity_after"], found["prompt"]) == (None, 1.0, "lava")


# curves and words


def test_a_curve_is_smoothed_over_a_fiftieth():
    values = np.zeros(300)
    values[150] = 7.0
    smooth = charts._smoothed(values)  # three to each side
    np.testing.assert_allclose(smooth[147:154], 1.0)
    assert smooth[146] == smooth[154] == 0
    values[:] = np.arange(300)
    np.testing.assert_allclose(charts._smoothed(values)[[0, 299]], [1.5, 297.5])


def test_a_curves_corners_fill_its_frame():
    assert charts._points(np.array([0.0, 1.0, 0.5]), 0.0, 1.0) == "2.0,114.0 160.0,6.0 318.0,60.0"
    assert charts._points(np.array([3.0]), 3.0, 3.0) == "160.0,114.0"
    long = charts._points(np.arange(641.0), 0.0, 640.0).split()
    assert len(long) == 320
    assert long[0] == "2.0,113.8"  # the mean of the first three


def test_words_are_made_safe():
    assert words.printable("a\x00b\u202e\tc\nd\x1b") == "ab\tc\nd"
    assert words.markup("<a href='x' \"y\">&") == "&lt;a href=&#x27;x&#x27; &quot;y&quot;&gt;&amp;"


def test_a_scene_that_lost_its_groups_is_still_read(tmp_path):
    """`written` and `save_ply` are the two ways that these tests make files: both hold the same bits."""
    one = load_scene(written(tmp_path / "a", "scene", grouped()))
    save_ply(tmp_path / "b.ply", one.gaussians)
    assert matching.match(one, load_scene(tmp_path / "b.ply"), BALL).changed == 0

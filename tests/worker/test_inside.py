"""The worker's parts without a process: parameters, pictures in files, scenes, what is kept, reports."""

from __future__ import annotations

import io
import json
import os
import threading
from types import SimpleNamespace

import numpy as np
import pytest

import ft2os
from ft2os import gaussians_npy, looks, protocol, tiles, transforms
from ft2os.cameras.camera import Camera
from ft2os.errors import CancelledError, FileError, MissingError, RequestError
from ft2os.gaussians import Gaussians, concatenate
from ft2os.looks import Look
from ft2os.stylize.request import Progress
from ft2os.tiles import Window
from ft2os.worker import channel, compose, drawing, job, params, server, store
from ft2os.worker.pictures import Pictures
from tests.scenes import ball, write_ply
from tests.worker.conftest import instance, view

# Parameters


def checked(**more) -> dict:
    return params.check("render", {"out": "x", "instances": [], **view(size=8)} | more)


def refusal(method: str, given: dict) -> str:
    with pytest.raises(RequestError) as caught:
        params.check(method, given)
    return caught.value.message


def test_what_is_left_out_has_its_usual_value():
    found = params.check(
        "stylize", {"out": "o", "target": {"data": "k"}, "prompt": "", "seed": None, "more": 1}
    )
    item = found.pop("target")
    assert found == {
        "out": "o", "context": [], "prompt": "", "style_image": None, "object_name": None,
        "method": "material", "preset": "standard", "seed": 0, "overrides": {}, "cameras": None,
        "checkpoint": None, "resume": False, "live": False,
    }  # fmt: skip
    assert (item["data"], item["look"], item["strength"], item["holdout"]) == ("k", None, 1.0, False)
    np.testing.assert_array_equal(item["matrix"], np.eye(4))
    plain = checked()
    assert (plain["revision"], plain["background"], plain["antialiased"]) == (0, None, False)
    assert params.check("scene.convert", {"path": "a", "out": "b"})["drop_invalid"] is False
    assert params.check("select", {"x": 1}) == {}


def test_cameras_come_out_as_they_went_in():
    asked = view(3.0, 8)
    both = {"viewmats": asked["viewmats"] + view(5.0)["viewmats"], "Ks": asked["Ks"] * 2, "size": [8, 6]}
    one, two = checked(**both)["views"]
    assert (one.name, two.name, one.width, one.height) == ("0000", "0001", 8, 6)
    assert one.viewmat.dtype == one.K.dtype == np.float32
    np.testing.assert_array_equal(one.viewmat[:3, 3], [0, 0, 3])
    np.testing.assert_array_equal(two.viewmat[:3, 3], [0, 0, 5])
    np.testing.assert_array_equal(one.K, [[8, 0, 4], [0, 8, 4], [0, 0, 1]])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": [16384, 1]}, None),
        ({"size": [16385, 1]}, "A picture of 16385×1 pixels cannot be rendered."),
        ({"size": [1, 16385]}, "A picture of 1×16385 pixels cannot be rendered."),
        ({"size": [1, 1.5]}, "A picture of 1×1.5 pixels cannot be rendered."),
        ({"viewmats": [], "Ks": []}, "There are 0 viewmats and 0 Ks."),
        ({"Ks": view()["Ks"] * 2}, "There are 1 viewmats and 2 Ks."),
        ({"Ks": [[1e-6, 0, 0, 0, 1, 0, 0, 0, 1]]}, "The parameter 'Ks' has a focal length"),
        ({"Ks": [[1, 0, 0, 0, -1, 0, 0, 0, 1]]}, "The parameter 'Ks' has a focal length"),
        ({"Ks": [[1e-5, 0, 0, 0, 1e-5, 0, 0, 0, 1]]}, None),
        ({"viewmats": [[1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0.002, 1]]}, "'viewmats' has another"),
        ({"viewmats": [[1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0.0009, 1]]}, None),
        ({"viewmats": [[1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1e-7, 0, 0, 0, 0, 1]]}, "'viewmats' cannot be"),
        ({"viewmats": [[1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1e-5, 0, 0, 0, 0, 1]]}, None),
        ({"revision": 2**63 - 1}, None),
        ({"revision": -(2**63)}, None),
        ({"revision": 2**63}, "'revision' is too large"),
        ({"revision": -(2**63) - 1}, "'revision' is too large"),
        ({"revision": True}, "'revision' has the wrong type (bool)"),
        ({"revision": 1.0}, "'revision' has the wrong type (float)"),
        ({"antialiased": 1}, "'antialiased' has the wrong type (int)"),
        ({"background": [1, 2]}, "'background' is not an array of shape [3]"),
        ({"background": 1}, "'background' has the wrong type (int)"),
        ({"background": [0, 0, 4e38]}, "'background' is not finite"),
        ({"background": [0, 0, 3e38]}, None),
        ({"instances": None}, "'instances' is missing"),
        ({"instances": [{}]}, "'instances[0].data' is missing"),
        ({"instances": [{"data": "k" * 256}]}, None),
        ({"instances": [{"data": "k" * 257}]}, "'instances[0].data' has 257 characters; 256 is the most"),
        ({"instances": [instance("k"), instance("k") | {"strength": True}]}, "'instances[1].strength' has"),
        ({"instances": [instance("k", np.diag([1, 1, 1, 1.5]))]}, "'instances[0].matrix' has another"),
        ({"out": "x" * (1 << 15)}, None),
        ({"out": "x" * ((1 << 15) + 1)}, "'out' has 32,769 characters"),
        ({"out": "\0"}, "'out' holds a NUL"),
    ],
)  # fmt: skip
def test_parameters_at_their_bounds(change, said):
    if said is None:
        assert checked(**change)
    else:
        given = {"out": "x", "instances": [], **view(size=8)} | change
        assert said in refusal("render", given)


def test_lists_have_a_most():
    assert len(checked(instances=[{"data": "k"}] * 10_000)["instances"]) == 10_000
    assert "'instances' has 10,001 entries; 10,000 is the most" in refusal(
        "render", {"out": "x", "instances": [{"data": "k"}] * 10_001}
    )
    assert "'prompt' has 1,048,577 characters" in refusal(
        "stylize", {"out": "x", "target": {"data": "k"}, "prompt": "x" * ((1 << 20) + 1)}
    )
    assert "'target.strength' has the wrong type (str)" in refusal(
        "stylize", {"out": "x", "target": {"data": "k", "strength": "1"}}
    )
    assert "'cameras[0].Ks' has a focal" in refusal(
        "stylize", {"out": "x", "target": {"data": "k"}, "cameras": [view() | {"Ks": [[0] * 9]}]}
    )


# Pictures in a file


def test_windows_lie_where_they_belong(tmp_path):
    shape = (2, 50, 40, 3)
    (tmp_path / "a").write_bytes(bytes(4 * 12_000))
    expected = np.zeros(shape, np.float32)
    rng = np.random.default_rng(0)
    windows = [Window(*tiles, 40, 50) for tiles in ((0, 0, 3, 2), (1, 1, 3, 4), (0, 2, 2, 3))]
    with Pictures(str(tmp_path / "a"), shape) as out:
        for index in (0, 1):
            for window in (Window.whole(40, 50), *windows):
                pixels = rng.random((*window.shape, 3)).astype(np.float32)
                expected[index, window.rows, window.columns] = pixels
                out.write(index, window, pixels)
    np.testing.assert_array_equal(np.fromfile(tmp_path / "a", "<f4").reshape(shape), expected)
    assert out._stream.closed


def test_a_file_must_be_there_and_large_enough(tmp_path):
    shape = (1, 2, 2, 5)
    (tmp_path / "a").write_bytes(bytes(79))
    with pytest.raises(RequestError, match="too small"):
        Pictures(str(tmp_path / "a"), shape)
    (tmp_path / "a").write_bytes(bytes(80))
    Pictures(str(tmp_path / "a"), shape).__exit__(None, None, None)
    with pytest.raises(FileError):
        Pictures(str(tmp_path / "b"), shape)
    assert not (tmp_path / "b").exists()


# What is kept


def test_a_cache_drops_the_oldest_until_it_fits():
    cache = store.Cache(30)
    for name in "abc":
        cache.add(name, np.zeros(10, np.uint8))
    assert cache.size == 30  # just full
    assert [name for name in "abc" if cache.get(name) is not None] == ["a", "b", "c"]
    cache.add("d", np.zeros(15, np.uint8))
    assert [name for name in "abcd" if cache.get(name) is not None] == ["c", "d"]
    assert cache.size == 25
    cache.add("c", np.zeros(2, np.uint8))  # another thing of the same name
    assert cache.size == 17
    cache.drop("nothing")
    assert cache.size == 17


def test_bytes_are_those_of_all_arrays():
    g = ball(10, 1)
    own = 4 * 10 * (3 + 4 + 3 + 1 + 12)
    assert store.nbytes(g) == own
    assert store.nbytes((g, [g, {"x": g}], "text", None)) == 3 * own
    look = Look.of({"parent": np.arange(10, dtype=np.int32), **columns_of(g)})
    assert store.nbytes(look) == 4 * 10 * (1 + 3 + 3 + 4 + 3 + 1)


def columns_of(g: Gaussians) -> dict:
    same = ("means", "quats", "scales", "opacities")
    return {"dc": g.sh[:, 0], **{name: getattr(g, name) for name in same}}


def test_data_is_read_once_and_again_where_its_file_changed_its_name(tmp_path):
    held = store.Store(1 << 20)
    for name, seed in (("a", 0), ("b", 1)):
        gaussians_npy.write(tmp_path / f"{name}.npy", ball(5, seed=seed))
    a, b = (str(tmp_path / f"{name}.npy") for name in "ab")
    first = held.put("k", a)
    assert held.put("k", a) is first
    assert held.get("k") is first
    assert held.source("k") == ("k", a)
    other = held.put("k", b)
    assert not np.array_equal(other.means, first.means)
    assert held.get("k") is other
    assert held.source("k") == ("k", b)
    assert held.source("x") == ("x", None)
    with pytest.raises(protocol.UnknownDataError):
        held.get("x")


def test_what_was_dropped_is_read_again_and_paths_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "_MOST_PATHS", 2)
    held = store.Store(1)
    for name in "abc":
        held.put(name, str(gaussians_npy.write(tmp_path / f"{name}.npy", ball(5, seed=ord(name)))))
    assert np.array_equal(held.get("b").means, ball(5, seed=ord("b")).means)
    with pytest.raises(protocol.UnknownDataError):
        held.get("a")  # the oldest path is forgotten
    assert held.get("b") is held.get("b")
    os.unlink(tmp_path / "c.npy")
    with pytest.raises(protocol.UnknownDataError, match="does not hold the data c"):
        held.get("c")
    assert held.source("c") == ("c", None)


def test_a_look_is_read_again_where_its_file_changed(tmp_path):
    held, g = store.Store(1 << 20), ball(6)
    path = str(tmp_path / "look.npy")
    with pytest.raises(FileError):
        held.look(path)
    Look.of({"parent": np.arange(6, dtype=np.int32), **columns_of(g)}).save(tmp_path / "look.npy")
    name, look = held.look(path)
    assert held.look(path) == (name, look)
    assert held.look(path)[1] is look
    assert name[:2] == (path, os.path.getsize(path))
    os.utime(path, ns=(1, 1))
    again, newer = held.look(path)
    assert again != name
    assert newer is not look


@pytest.mark.parametrize(("told", "kept"), [("", 4 << 30), (" 12 ", 12), ("0", 0), ("1e3", 4 << 30)])
def test_the_environment_says_how_much(monkeypatch, told, kept):
    monkeypatch.setenv("FT2OS_CACHE_BYTES", told)
    assert store.Store().cache.capacity == kept
    assert store.Store(7).cache.capacity == 7


# Scenes


@pytest.fixture
def held():
    kept = store.Store(1 << 24)
    kept.add("a", ball(8))
    kept.add("b", ball(5, seed=1))
    return kept


def item(key, **more) -> dict:
    return params.check("stylize", {"out": "o", "target": instance(key) | more})["target"]


def moved(x: float) -> list[float]:
    matrix = np.eye(4)
    matrix[0, 3] = x
    return matrix.ravel().tolist()


def test_a_scene_stays_while_nothing_changes(held, tmp_path):
    composer, looked = compose.Composer(held), []
    look = lambda: looked.append(True)  # noqa: E731
    assert composer.scene([]) == (None, None)
    both = [item("a"), item("b", matrix=moved(2.0))]
    scene, hidden = composer.scene(both, look)
    assert hidden is None
    assert len(looked) == 4  # twice between each: room, and drawing
    expected = concatenate([ball(8), transforms.apply(ball(5, seed=1), both[1]["matrix"])])
    np.testing.assert_array_equal(scene.means, expected.means)
    assert composer.scene([item("a"), item("b", matrix=moved(2.0))])[0] is scene
    again, hidden = composer.scene([item("a", holdout=True), item("b", matrix=moved(2.0))])
    assert again is scene  # what is held out is no part of the scene
    assert hidden.tolist() == [True] * 8 + [False] * 5
    assert composer.scene([item("a"), item("b", matrix=moved(3.0))])[0] is not scene
    single, _ = composer.scene([item("a")])
    assert single.means.tobytes() == ball(8).means.tobytes()


def test_strength_and_look_are_part_of_a_scenes_name(held, tmp_path):
    composer, g = compose.Composer(held), ball(8)
    rows = np.arange(8, dtype=np.int32)
    Look.of({"parent": rows, **columns_of(g), "dc": g.sh[:, 0] + 1}).save(tmp_path / "l.npy")
    path, look = str(tmp_path / "l.npy"), Look.load(tmp_path / "l.npy")
    for strength in (1.0, 0.5, 0.0):
        scene, _ = composer.scene([item("a", look=path, strength=strength)])
        expected = looks.apply(g, look, strength) if strength else g
        np.testing.assert_array_equal(scene.sh, expected.sh)


def test_an_instance_is_brought_into_anothers_coordinates(held):
    frame = np.diag([2.0, 2, 2, 1])
    frame[:3, 3] = 1, 0, 0
    found = compose.Composer(held).one(item("a", matrix=moved(3.0)), frame)
    np.testing.assert_allclose(found.means, (ball(8).means + np.array([2, 0, 0])) / 2, atol=1e-6)


def test_what_does_not_fit_is_refused_by_its_bytes(held, tmp_path, monkeypatch):
    composer, looked = compose.Composer(held), []
    own = store.nbytes(ball(8))
    monkeypatch.setattr(compose, "available_memory", lambda: 4 * own)
    many = [item("a")] * 3
    composer.check_room(many, lambda: looked.append(True))  # small enough never to be refused
    assert len(looked) == 3
    monkeypatch.setattr(compose, "_SMALL", 4 * own)
    composer.check_room(many[:2])
    with pytest.raises(RequestError, match=r"these 3 objects need 0\.0 GB"):
        composer.check_room(many)
    monkeypatch.setattr(compose, "available_memory", lambda: 6 * own)
    composer.check_room(many)
    Look.of({"parent": np.arange(8, dtype=np.int32), **columns_of(ball(8))}).save(tmp_path / "l.npy")
    with pytest.raises(RequestError):
        composer.check_room([item("a", look=str(tmp_path / "l.npy"))] * 2 + many[:1])


# Drawing


def test_parts_look_for_a_newer_request_and_an_empty_scene_has_parts(held, tmp_path, monkeypatch):
    looked = []
    asked = checked(out=str(tmp_path / "out"), background=[0.25, 0.5, 1.0])
    (tmp_path / "out").write_bytes(bytes(4 * 5 * 64))
    assert drawing.render(compose.Composer(held), asked, lambda: looked.append(1)) == {"path": asked["out"]}
    found = np.fromfile(tmp_path / "out", "<f4").reshape(8, 8, 5)
    assert (found == np.float32([0.25, 0.5, 1, 1, 1e10])).all()
    assert looked
    looked.clear()
    shown = asked | {"instances": [item("a")], "background": None}
    drawing.render(compose.Composer(held), shown, lambda: looked.append(1))
    want = tiles.render(ball(8), asked["views"][0].viewmat[None], asked["views"][0].K[None], 8, 8)
    found = np.fromfile(tmp_path / "out", "<f4").reshape(8, 8, 5)
    np.testing.assert_allclose(found[..., :3], want.rgb[0], atol=1e-6)
    np.testing.assert_allclose(found[..., 3], want.alpha[0], atol=1e-6)
    assert ((found[..., 4] == 1e10) == (want.alpha[0] < 0.5)).all()
    assert len(looked) >= 3


def test_a_scene_without_gaussians_is_an_empty_picture():
    none = ball(3).subset(np.zeros(3, bool))
    camera = checked()["views"][0]
    for held_out in (None, np.zeros(0, bool)):
        parts = list(drawing._Drawing(none, held_out, False)(camera, None))
        assert all((pixels[..., :4] == 0).all() and (pixels[..., 4] == 1e10).all() for _, pixels in parts)
        assert sum(pixels[..., 0].size for _, pixels in parts) == 64


def test_pictures_beyond_a_size_are_never_drawn_whole(monkeypatch):
    """On the GPU, whose memory one picture would take."""
    asked = []
    monkeypatch.setattr(drawing, "_on_gpu", lambda scenes, view, antialiased: asked.append(view.width))
    camera = Camera(np.eye(4, dtype=np.float32), np.eye(3, dtype=np.float32) * 8, 8, 8)
    monkeypatch.setattr(drawing, "WHOLE_PIXELS", 64)
    list(drawing._parts([ball(3)], camera, False))
    monkeypatch.setattr(drawing, "WHOLE_PIXELS", 63)
    list(drawing._parts([ball(3)], camera, False))
    assert asked == [8]


# Jobs


def test_a_request_is_made_of_what_was_asked(held, tmp_path):
    looked = []
    asked = params.check(
        "stylize",
        {"out": str(tmp_path / "o.npy"), "target": instance("a", np.reshape(moved(1.0), (4, 4))),
         "context": [instance("b"), instance("b")], "prompt": "lava", "style_image": "s.png",
         "object_name": "car",
         "method": "clip", "preset": "high", "seed": 7, "overrides": {"views": 3}, "checkpoint": "c",
         "resume": True,
         "cameras": [view(3.0), view(5.0)]},
    )  # fmt: skip
    found = job.read_request(compose.Composer(held), asked, lambda: looked.append(1))
    assert (found.prompt, found.object_name, found.method, found.preset, found.seed) == (
        "lava", "car", "clip", "high", 7,
    )  # fmt: skip
    assert (found.overrides, found.resume) == ({"views": 3}, True)
    assert (str(found.style_image), str(found.checkpoint)) == ("s.png", "c")
    assert len(found.target) == 8
    assert len(found.context) == 10
    np.testing.assert_allclose(found.context.means[:5], ball(5, seed=1).means - [1, 0, 0], atol=1e-6)
    assert [c.viewmat[2, 3] for c in found.cameras] == [3.0, 5.0]
    assert found.cameras[0].viewmat[0, 3] == 1.0
    assert found.cameras[0].name == "0000"
    assert len(looked) == 3 + 2
    alone = job.read_request(
        compose.Composer(held), asked | {"context": [], "cameras": None, "style_image": None}
    )
    assert (alone.context, alone.cameras, alone.style_image) == (None, None, None)
    with pytest.raises(FileError, match="does not exist"):
        job.read_request(compose.Composer(held), asked | {"out": str(tmp_path / "absent" / "o.npy")})


def test_a_growing_look_is_made_no_more_often_than_it_can_be_afforded(tmp_path, monkeypatch):
    """Making one takes two seconds: the next comes twenty later, and never with the last step."""
    clock, sent = [100.0], []
    monkeypatch.setattr(job.time, "monotonic", lambda: clock[0])
    look = Look.of({"parent": np.arange(8, dtype=np.int32), **columns_of(ball(8))})

    def partial():
        clock[0] += took[0]
        return SimpleNamespace(look=look)

    report = job.Report(lambda *message: sent.append(message), 5, tmp_path / "look.npy", live=True)

    def step(number=1, **more):
        sent.clear()
        report(Progress("colours", number, 9, partial=partial, **more))
        return [params for method, params in sent if method == "preview"]

    took = [2.0]
    clock[0] += 1.4
    assert step() == []
    clock[0] += 0.1
    assert step() == [{"id": 5, "image": None, "colours": str(tmp_path / "look.live.npy")}]
    assert len(Look.load(tmp_path / "look.live.npy").parent) == 8
    clock[0] += 19.9
    assert step() == []
    clock[0] += 0.1
    took[0] = 0.0
    assert len(step()) == 1
    clock[0] += 1.4
    assert step() == []
    clock[0] += 0.1
    assert step(9) == []
    assert len(step()) == 1


def test_progress_says_all_that_is_known_and_a_new_stage_at_once(tmp_path, monkeypatch):
    clock, sent = [100.0], []
    monkeypatch.setattr(job.time, "monotonic", lambda: clock[0])
    report = job.Report(lambda *message: sent.append(message), "x", tmp_path / "look.npy")
    report(Progress("prepare", 1, 4, eta_s=2.5, loss=float("nan"), metrics={"a": np.float32(0.5)}))
    report(Progress("prepare", 2, 4))
    report(Progress("colours", 2, 4))
    clock[0] += 0.125
    report(Progress("colours", 3, 4))
    report(Progress("colours", 4, 4))
    assert [(m, p["stage"], p["step"]) for m, p in sent] == [
        ("progress", "prepare", 1), ("progress", "colours", 2), ("progress", "colours", 3),
        ("progress", "colours", 4),
    ]  # fmt: skip
    assert sent[0][1] == {
        "id": "x", "stage": "prepare", "step": 1, "total": 4, "eta_s": 2.5, "loss": None,
        "metrics": {"a": 0.5},
    }  # fmt: skip


def test_a_picture_is_sent_as_a_file(tmp_path):
    from PIL import Image

    sent = []
    report = job.Report(lambda *message: sent.append(message), 1, tmp_path / "look.npy")
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    report(Progress("colours", 1, 9, preview=picture))
    path = str(tmp_path / "look.preview.png")
    assert sent[1] == ("preview", {"id": 1, "image": path, "colours": None})
    np.testing.assert_array_equal(np.asarray(Image.open(path)), picture)


def test_a_result_is_saved_with_its_figures(tmp_path):
    look = Look.of({"parent": np.arange(8, dtype=np.int32), **columns_of(ball(8))})
    result = SimpleNamespace(look=look, stats={"a": np.float64(1.5), "b": float("inf")})
    found = job.save(result, str(tmp_path / "l.npy"))
    assert found == {"path": str(tmp_path / "l.npy"), "stats": {"a": 1.5, "b": None}}
    assert len(Look.load(tmp_path / "l.npy").parent) == 8


# The channel


class Sink(io.RawIOBase):
    """Takes three bytes at a time, as a full pipe may."""

    def __init__(self) -> None:
        self.data, self.broken = b"", False

    def write(self, line) -> int:
        if self.broken:
            raise BrokenPipeError
        self.data += bytes(line[:3])
        return len(line[:3])

    @property
    def messages(self) -> list[dict]:
        return [json.loads(line) for line in self.data.splitlines()]


def opened(source: bytes = b"") -> tuple[channel.Channel, Sink]:
    sink = Sink()
    return channel.Channel(io.BytesIO(source), sink), sink


def line(id, method="render", **params_) -> bytes:
    return protocol.encode(protocol.request(id, method, params_))


def test_messages_are_written_whole_and_a_client_that_is_gone_closes():
    here, sink = opened()
    here.send({"jsonrpc": "2.0", "method": "a", "params": {}})
    assert sink.messages == [{"jsonrpc": "2.0", "method": "a", "params": {}}]
    assert not here.closed.is_set()
    sink.broken = True
    here.send({"jsonrpc": "2.0", "method": "b"})
    assert here.closed.is_set()


def test_what_is_read_waits_in_order_and_garbage_is_refused(monkeypatch):
    monkeypatch.setattr(channel.faulthandler, "dump_traceback_later", lambda *a, **k: ended.append((a, k)))
    monkeypatch.setattr(protocol, "MAX_LINE", 2000)
    ended: list = []
    long = b'{"x": "' + b"y" * 5000 + b'"}\n'
    here, sink = opened(line(1) + b"\n  \nrubbish\n" + long + line(2, "select") + line(3))
    here._read()
    assert ended == [((channel.EXIT_GRACE_S,), {"exit": True, "file": 2})]
    assert here.closed.is_set()
    assert [m["id"] for m in here.waiting()] == [1, 2, 3]
    assert here.receive(False, lambda m: m["method"] == "select")["id"] == 2
    errors = [m["error"]["code"] for m in sink.messages]
    assert errors == [-32700, -32700]
    assert [here.receive(True)["id"] for _ in range(2)] == [1, 3]
    assert here.receive(True) is None


def test_a_line_that_just_fits_is_read(monkeypatch):
    monkeypatch.setattr(channel.faulthandler, "dump_traceback_later", lambda *a, **k: None)
    one, more = line(1, fill="x" * 20), line(2)
    for most, ids in ((len(one), [1, 2]), (len(one) - 1, [2]), (len(one) - 2, [2])):
        monkeypatch.setattr(protocol, "MAX_LINE", most)
        here, _ = opened(one + more)
        here._read()
        assert [m["id"] for m in here.waiting()] == ids


def test_waiting_ends_with_a_message_or_the_end():
    here, _ = opened()
    got: list = []
    waiting = threading.Thread(target=lambda: got.extend([here.receive(True), here.receive(True)]))
    waiting.start()
    here._take({"id": 4, "method": "render"}, 10)
    here._end()
    waiting.join(10)
    assert not waiting.is_alive()
    assert got == [{"id": 4, "method": "render"}, None]
    assert here.receive(False) is None


def test_closing_forgets_what_waits_and_makes_room(monkeypatch):
    monkeypatch.setattr(channel, "MAX_WAITING", 100)
    here, sink = opened()
    here._take({"id": 1, "method": "render"}, 100)
    here.close()
    assert here.waiting() == []
    assert here.closed.is_set()
    here._take({"id": 2, "method": "render"}, 100)
    assert [m["id"] for m in here.waiting()] == [2]
    assert sink.data == b""


def test_an_answer_that_no_client_would_read_is_refused(monkeypatch):
    here, sink = opened()
    answer = protocol.result(1, "x" * 50)
    monkeypatch.setattr(protocol, "MAX_LINE", len(protocol.encode(answer)))
    here.answer(answer)
    monkeypatch.setattr(protocol, "MAX_LINE", len(protocol.encode(answer)) - 1)
    here.answer(answer)
    assert sink.messages[0] == answer
    assert "too long" in sink.messages[1]["error"]["message"]
    assert sink.messages[1]["id"] == 1


@pytest.mark.parametrize("odd", [None, [], {"id": [1]}, {"id": None}, {}])
def test_odd_cancellations_cancel_nothing(odd):
    here, _ = opened()
    here._take({"id": 1, "method": "render"}, 1)
    here._take({"method": "$/cancel", "params": odd}, 1)
    assert not here.is_cancelled(1)
    assert [m["id"] for m in here.waiting()] == [1]


# The server


class Here:
    """A server without a process, and what it sent."""

    def __init__(self) -> None:
        self.channel, self.sink = opened()
        self.server = server.Server(self.channel)

    def ask(self, method, given=None, id=1) -> dict:
        before = len(self.sink.messages)
        message = {"id": id, "method": method} | ({} if given is None else {"params": given})
        self.server._run(message)
        return ([m for m in self.sink.messages[before:] if m.get("id") == id] or [{}])[-1]

    def hello(self) -> dict:
        return self.ask("initialize", {"protocol": protocol.PROTOCOL})["result"]


def test_the_greeting_says_what_there_is(monkeypatch):
    here = Here()
    assert "not initialized" in here.ask("select", {})["error"]["message"]
    monkeypatch.setattr(drawing, "uses_cuda", lambda: False)
    hello = here.hello()
    assert (hello["protocol"], hello["version"]) == (protocol.PROTOCOL, ft2os.__version__)
    assert (hello["device"], hello["rasterizer"]) == ("cpu", "tiles")
    assert [row["name"] for row in hello["editors"]][:2] == ["auto", "klein-4b"]
    assert hello["methods"]["material"]["draft"] is None
    assert set(hello["guidance"]) == {
        m for m, presets in hello["methods"].items() if None in presets.values()
    }
    monkeypatch.setattr(drawing, "uses_cuda", lambda: True)
    assert (here.hello()["device"], here.hello()["rasterizer"]) == ("cuda", "gsplat")
    assert here.server._state == "idle"


def test_what_a_preset_lacks_is_told_with_a_way(monkeypatch):
    from ft2os.stylize.about import Method

    monkeypatch.setattr(Method, "lacking", lambda self, preset: MissingError("No torch.", "Get it."))
    monkeypatch.setattr(drawing, "uses_cuda", lambda: False)
    hello = Here().hello()
    assert hello["methods"]["material"]["high"] == {"message": "No torch.", "hint": "Get it."}
    assert hello["guidance"] == []


def test_unknown_methods_and_odd_parameters_are_refused():
    here = Here()
    here.hello()
    assert "no method 'dance'" in here.ask("dance", {})["error"]["message"]
    assert here.ask(["x"], {})["error"]["message"]
    assert "not a JSON object" in here.ask("select", [1])["error"]["message"]
    assert here.ask("select")["error"]["data"]["kind"] == "missing"
    assert here.ask("shutdown", {})["result"] is None
    assert here.channel.closed.is_set()


def test_a_notification_gets_no_answer():
    here = Here()
    here.hello()
    before = len(here.sink.messages)
    here.server._run({"method": "select", "params": {}})
    assert len(here.sink.messages) == before


@pytest.mark.parametrize(
    ("error", "said", "kind"),
    [
        (MemoryError(), "not enough memory", "request"),
        (ModuleNotFoundError("x", name="scipy.ndimage"), "lacks the package scipy", "missing"),
        (ModuleNotFoundError("x", name="unheard"), "lacks the package unheard", "missing"),
        (ModuleNotFoundError("x", name="ft2os.nothing"), "x", "bug"),
        (ImportError("no name"), "no name", "bug"),
        (ZeroDivisionError("oh"), "oh", "bug"),
        (RequestError("So not.", "But so."), "So not.", "request"),
    ],
)
def test_what_goes_wrong_is_told_by_its_kind(monkeypatch, error, said, kind):
    here = Here()
    here.hello()

    def fail(asked, id):
        raise error

    here.server._methods["select"] = fail
    told = here.ask("select", {})["error"]
    assert said in told["message"]
    assert told["data"]["kind"] == kind
    assert "traceback" in told["data"]
    extra = {"scipy.ndimage": "lite", "unheard": "engine"}.get(getattr(error, "name", None) or "")
    if extra:
        assert f"ft2os[{extra}]" in told["hint"]


def test_a_cancelled_job_leaves_what_it_had(tmp_path):
    here = Here()
    here.hello()
    look = Look.of({"parent": np.arange(8, dtype=np.int32), **columns_of(ball(8))})

    def stop(asked, id):
        error = CancelledError()
        error.partial = partial
        raise error

    here.server._methods["select"] = stop
    partial = SimpleNamespace(look=look, stats={"n": 1})
    out = str(tmp_path / "p.npy")
    told = here.ask("select", {"out": out})["error"]["data"]
    assert (told["kind"], told["partial"]) == ("cancelled", {"path": out, "stats": {"n": 1}})
    (tmp_path / "folder").mkdir()
    assert "partial" not in here.ask("select", {"out": str(tmp_path / "folder")})["error"]["data"]
    partial = None
    assert "partial" not in here.ask("select", {"out": out})["error"]["data"]


def test_only_newer_pictures_of_the_same_file_supersede(tmp_path):
    here = Here()
    here.hello()
    asked = {"out": "a", "revision": 3}

    def wait(**given):
        here.channel._inbox.clear()
        here.channel._take({"id": 9, "method": given.pop("method", "render"), "params": given}, 1)

    for given in ({"out": "a", "revision": 3}, {"out": "b", "revision": 4}, {"out": "a", "revision": "4"},
                  {"out": "a"}, {"method": "stylize", "out": "a", "revision": 4}):  # fmt: skip
        wait(**given)
        here.server._check_newest(asked)
    wait(out="a", revision=4)
    with pytest.raises(protocol.SupersededError):
        here.server._check_newest(asked)
    assert server._revision_of({"method": "render", "params": [1]}, "a") == -1


def test_a_conversion_tells_each_step_once(tmp_path):
    here = Here()
    here.hello()
    tell = here.server._teller(4, "scene.convert")
    for step in (("read", 0, 2), ("read", 0, 2), ("read", 1, 2), ("write", 1, 2)):
        tell(*step)
    facts = [m["params"] for m in here.sink.messages if m.get("method") == "progress"]
    assert [(f["stage"], f["step"]) for f in facts] == [("read", 0), ("read", 1), ("write", 1)]
    assert facts[0] == {
        "id": 4, "stage": "read", "step": 0, "total": 2, "eta_s": None, "loss": None, "metrics": {},
    }  # fmt: skip
    here.channel.closed.set()
    with pytest.raises(CancelledError):
        tell("write", 2, 2)
    here.server._check_wanted(4, "render")  # a picture is drawn to its end


def test_files_are_converted_and_invalid_gaussians_left_out_where_asked(tmp_path):
    here = Here()
    here.hello()
    means = ball(9).means.copy()
    means[2] = np.nan
    write_ply(tmp_path / "a.ply", ball(9).replace(means=means))
    asked = {"path": str(tmp_path / "a.ply"), "out": str(tmp_path / "b.splat")}
    assert here.ask("scene.convert", asked)["error"]["data"]["kind"] == "invalid-values"
    found = here.ask("scene.convert", asked | {"drop_invalid": True})["result"]
    assert found == {"path": asked["out"], "format": "splat", "count": 8}


def test_the_state_is_what_is_being_done(tmp_path, monkeypatch):
    here = Here()
    here.hello()
    seen = []
    monkeypatch.setattr(drawing, "render", lambda *given: seen.append((here.server._state, here.server._job)))
    (tmp_path / "out").write_bytes(bytes(1280))
    asked = {"out": str(tmp_path / "out"), "instances": [], **view(size=8)}
    here.ask("render", asked, 7)
    here.ask("render", asked, 8)
    assert seen == [("compiling", 7), ("working", 8)]
    assert (here.server._state, here.server._job) == ("idle", None)


def test_a_slow_picture_is_given_up_for_a_newer_one_and_a_quick_one_is_not(tmp_path, monkeypatch):
    here, clock = Here(), [10.0]
    here.hello()
    monkeypatch.setattr(server.time, "monotonic", lambda: clock[0])
    asked = {"out": "a", "instances": [], "revision": 1, **view(size=8)}

    def draw(composer, given, look):
        here.channel._take({"id": 9, "method": "render", "params": {"out": "a", "revision": 2}}, 1)
        clock[0] += 1.0
        look()
        reached.append(True)
        clock[0] += 0.1
        look()

    reached: list = []
    monkeypatch.setattr(drawing, "render", draw)
    assert here.ask("render", asked)["error"]["data"]["kind"] == "superseded"
    assert reached


def test_long_jobs_wait_and_the_rest_is_served_between_steps():
    here = Here()
    here.hello()
    here.channel._take({"id": 2, "method": "stylize", "params": {}}, 1)
    here.channel._take({"id": 3, "method": "select", "params": {}}, 1)
    here.server._serve_between_steps()
    assert [m["id"] for m in here.channel.waiting()] == [2]
    assert here.sink.messages[-1]["id"] == 3


def test_missing_selection_names_the_other_way():
    with pytest.raises(MissingError):
        Here().server._select({}, 1)

"""Pictures for an artist through the worker: of the object as it is or in its look, whole or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ft2os import looks
from ft2os.gaussians import C0
from ft2os.guidance.editors import view_folder
from tests.scenes import ball
from tests.worker.conftest import Peer, instance

SMALL = {"views": 4, "pixels": 64}


@pytest.fixture
def key(tmp_path, peer: Peer) -> str:
    return peer.put(tmp_path / "target.npy", ball(300, radius=0.8))


def red(tmp_path) -> str:
    """The file of a look that turns the ball red."""
    own = ball(300, radius=0.8)
    colours = np.tile(np.float32([0.5 / C0, -0.5 / C0, -0.5 / C0]), (len(own), 1))
    look = looks.Look(
        parent=np.arange(len(own), dtype=np.int32), dc=colours, dc0=None, means=own.means, quats=own.quats,
        scales=own.scales, opacities=own.opacities, name="red", prompt="red", method="material",
    )  # fmt: skip
    look.save(tmp_path / "red.npy")
    return str(tmp_path / "red.npy")


def colour(path) -> np.ndarray:
    """The middle of a picture, 0..1."""
    return np.asarray(Image.open(path).convert("RGB"), np.float32)[24:40, 24:40].mean((0, 1)) / 255


def test_an_object_that_stands_elsewhere_is_written_in_its_own_coordinates(tmp_path, peer, key):
    placed = np.diag([2.0, 2.0, 2.0, 1.0])
    placed[:3, 3] = 5, 0, -3
    params = {
        "target": instance(key, placed),
        "out": str(tmp_path / "v"),
        "scene": "scene.ply",
        "group": "ball",
    }
    assert peer.call("views", **params, **SMALL)["result"] == {"path": str(tmp_path / "v"), "views": 5}
    folder = view_folder.read(tmp_path / "v")
    folder.check_shows(ball(300, radius=0.8))
    assert (folder.scene, folder.group, folder.look) == ("scene.ply", "ball", "")
    assert str(view_folder.state(tmp_path / "v")) == "0 of 5 views edited"
    assert any(m.get("method") == "progress" for m in peer.seen)


def test_the_look_that_it_wears_is_what_the_next_round_edits(tmp_path, peer, key):
    target = instance(key, look=red(tmp_path))
    peer.call("views", target=target, out=str(tmp_path / "v"), look="red", **SMALL)
    assert view_folder.read(tmp_path / "v").look == "red"
    shown = colour(tmp_path / "v" / "view_000.png")
    assert shown[0] > 0.8 > 0.3 > shown[1:].max()
    assert colour(tmp_path / "v" / "originals" / "view_000.png")[1] > 0.3


def test_a_folder_with_something_in_it_stays_as_it_is(tmp_path, peer, key):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years")
    error = peer.call("views", target=instance(key), out=str(tmp_path / "full"), **SMALL)["error"]
    assert error["data"]["kind"] == "file"
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.txt"]
    error = peer.call("views", target=instance(key), out="here", **SMALL)["error"]
    assert "path from the root" in error["message"]


def test_a_cancelled_one_leaves_nothing(tmp_path, peer, key):
    message = peer.message("views", target=instance(key), out=str(tmp_path / "v"), views=300, pixels=512)
    peer.send(message)
    peer.until(lambda m: m.get("method") == "progress")
    peer.send({"jsonrpc": "2.0", "method": "$/cancel", "params": {"id": message["id"]}})
    assert peer.answer(message)["error"]["data"]["kind"] == "cancelled"
    assert [path.name for path in tmp_path.iterdir()] == ["target.npy"]

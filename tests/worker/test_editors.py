"""Editors of pictures through the worker: what a client is told of them, how weights come and go."""

from __future__ import annotations

import json
import threading

import pytest

from ft2os.guidance.editors import catalogue
from tests.guidance.editors.test_fetch import WANTED, Answers, here, hub  # noqa: F401  the fixture is used by name


def weights(folder, name: str, fetched: bool):
    """A folder that looks like an editor's weights."""
    found = folder / "editors" / name
    found.mkdir(parents=True)
    (found / "model_index.json").write_text("{}")
    (found / "model.safetensors").write_bytes(b"x" * 1000)
    if fetched:
        record = {"hub": "someone/something", "revision": "1", "licence": "of theirs", "complete": True}
        (found / "ft2os.json").write_text(json.dumps(record))
    return found


def told(answer: dict, name: str) -> dict:
    return next(row for row in answer["editors"] if row["name"] == name)


def test_the_greeting_tells_of_every_editor(tmp_path, start):
    weights(tmp_path, "ip2p", fetched=False)
    answer = start(FT2OS_WEIGHTS=str(tmp_path), FT2OS_MEMORY="1000000000").initialize()
    assert [row["name"] for row in answer["editors"]] == ["auto", *catalogue.rows()]
    kontext, here = told(answer, "kontext"), told(answer, "ip2p")
    assert kontext["commercial"] is False
    assert kontext["folder"] == str(tmp_path / "editors" / "kontext")
    assert not kontext["here"]
    assert here["here"]
    assert not here["fetched"]  # somebody put it there, so it is not ours to remove
    # A gigabyte is too little for any: that counts before a download.
    assert all(
        "fit" in row["lacks"]["message"] or "GPU" in row["lacks"]["message"] for row in answer["editors"][1:]
    )
    assert "ComfyUI" in told(answer, "auto")["lacks"]["hint"]


def test_downloaded_weights_are_removed_and_others_are_not(tmp_path, start):
    mine, fetched = weights(tmp_path, "klein-4b", fetched=False), weights(tmp_path, "ip2p", fetched=True)
    peer = start(FT2OS_WEIGHTS=str(tmp_path))
    assert told(peer.initialize(), "ip2p")["fetched"]
    result = peer.call("editors.remove", name="ip2p")["result"]
    assert result["bytes"] > 1000
    assert not told(result, "ip2p")["here"]
    assert not fetched.exists()
    assert "error" in peer.call("editors.remove", name="klein-4b")
    assert mine.exists()


@pytest.mark.parametrize(
    ("params", "env", "kind"),
    [
        ({"name": "ip2p"}, {"FT2OS_DOWNLOAD": "1"}, "request"),  # the licence
        ({"name": "ip2p", "accept_licence": True}, {"FT2OS_DOWNLOAD": ""}, "missing"),
        ({"name": "ip2p", "accept_licence": True}, {"HF_HUB_OFFLINE": "1", "FT2OS_DOWNLOAD": "1"}, "missing"),
        ({"name": "../../etc", "accept_licence": True}, {"FT2OS_DOWNLOAD": "1"}, "request"),
    ],
)
def test_nothing_is_fetched_unasked(tmp_path, start, params, env, kind):
    peer = start(FT2OS_WEIGHTS=str(tmp_path), **env)
    peer.initialize()
    assert peer.call("editors.fetch", **params)["error"]["data"]["kind"] == kind
    assert not any(tmp_path.iterdir())


@pytest.fixture
def held(monkeypatch):
    """The hub sends nothing large before this is set."""
    go, send = threading.Event(), Answers._send

    def later(self, status, content, headers, body):
        if body and len(content) > 100_000:
            assert go.wait(60)
        send(self, status, content, headers, body)

    monkeypatch.setattr(Answers, "_send", later)
    yield go
    go.set()


def test_a_download_is_cancelled_and_goes_on(tmp_path, start, hub, held):  # noqa: F811
    env = {"FT2OS_WEIGHTS": str(tmp_path), "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "hub")}
    peer = start(FT2OS_DOWNLOAD="1", HF_HUB_OFFLINE="", **env)
    peer.initialize()
    message = peer.message("editors.fetch", name="ip2p", accept_licence=True)
    peer.send(message)
    peer.until(lambda m: m.get("method") == "progress" and m["params"]["stage"] == "downloading")
    assert "just being downloaded" in peer.call("editors.remove", name="ip2p")["error"]["message"]
    peer.send({"jsonrpc": "2.0", "method": "$/cancel", "params": {"id": message["id"]}})
    peer.call("select")  # by its answer the worker has read what was sent before
    held.set()
    assert peer.answer(message)["error"]["data"]["kind"] == "cancelled"
    assert not here(tmp_path) >= WANTED
    result = peer.call("editors.fetch", name="ip2p", accept_licence=True)["result"]
    assert here(tmp_path) >= WANTED
    assert told(result, "ip2p")["here"]
    assert told(result, "ip2p")["fetched"]
    steps = [m["params"]["step"] for m in peer.seen if m.get("method") == "progress"]
    assert max(steps) == 1000

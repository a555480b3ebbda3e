"""The worker's inbox: bounded, in order, and with room again for what was taken out."""

from __future__ import annotations

import io
import json

from ft2os.worker import channel


def request(id: int) -> dict:
    return {"jsonrpc": "2.0", "id": id, "method": "render", "params": {}}


def test_what_waits_is_bounded_and_what_is_taken_makes_room(monkeypatch):
    monkeypatch.setattr(channel, "MAX_WAITING", 1000)
    sink = io.BytesIO()
    inbox = channel.Channel(io.BytesIO(), sink)
    for id in (1, 2, 3):
        inbox._take(request(id), 400)
    assert [message["id"] for message in inbox.waiting()] == [1, 2]
    assert inbox.receive(wait=False) == request(1)
    refused = json.loads(sink.getvalue())
    assert refused["id"] == 3
    assert "Too many requests" in refused["error"]["message"]
    inbox._take(request(4), 400)
    assert [message["id"] for message in inbox.waiting()] == [2, 4]


def test_only_what_waits_or_runs_can_be_cancelled():
    inbox = channel.Channel(io.BytesIO(), io.BytesIO())
    inbox._take(request(1), 10)
    for id in (1, 2):
        inbox._take({"jsonrpc": "2.0", "method": "$/cancel", "params": {"id": id}}, 10)
    assert inbox.is_cancelled(1)
    assert not inbox.is_cancelled(2)
    inbox.answer({"jsonrpc": "2.0", "id": 1, "result": {}})
    assert not inbox.is_cancelled(1)  # the next request may have its number

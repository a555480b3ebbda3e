"""A small ComfyUI on loopback: its routes, its messages, and every way in which a server may fail.

It runs no workflow: what the node titled "ft2os image" loads is recoloured and shown by the one titled "ft2os
result". A test changes how it answers with ``answers`` (by path) and what a job does with ``work``.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import struct
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

PATIENCE = 30.0  # seconds after which a test hangs rather than waits


class Job:
    """A queued workflow. ``tell`` sends a message about it, ``finish`` puts its picture into the history."""

    def __init__(self, server: Comfy, name: str, content: dict) -> None:
        self.server, self.name = server, name
        self.workflow, self.client = content["prompt"], content["client_id"]
        self.interrupted, self.place = threading.Event(), "running"

    def tell(self, kind: str, **data: object) -> None:
        self.server.send(self.client, json.dumps({"type": kind, "data": {"prompt_id": self.name, **data}}))

    def node(self, title: str) -> str:
        return next(
            n for n, c in self.workflow.items() if c.get("_meta", {}).get("title") == f"ft2os {title}"
        )

    def picture(self) -> bytes:
        """The uploaded picture with red and blue exchanged."""
        named = self.workflow[self.node("image")]["inputs"]["image"]
        loaded = Image.open(io.BytesIO(self.server.uploads[named])).convert("RGB")
        stream = io.BytesIO()
        Image.merge("RGB", loaded.split()[::-1]).save(stream, "PNG")
        return stream.getvalue()

    def finish(self, say: bool = True, status: str = "success", messages: object = ()) -> None:
        self.server.results[f"{self.name}.png"] = self.picture()
        entry = {"filename": f"{self.name}.png", "subfolder": "", "type": "temp"}
        self.server.history[self.name] = {
            "outputs": {self.node("result"): {"images": [entry]}},
            "status": {"status_str": status, "completed": status == "success", "messages": list(messages)},
        }
        self.place = ""
        if say:
            self.tell("execution_success")
            self.tell("executing", node=None)


def usual(job: Job) -> None:
    """What a job does that nothing happens to."""
    job.tell("execution_start")
    job.tell("executing", node="1")
    for step in range(1, 4):
        job.tell("progress", value=step, max=3, node="1")
        job.server.send(job.client, struct.pack(">II", 1, 2) + b"a preview")
    job.finish()


class Comfy(ThreadingHTTPServer):
    """The server; ``asked`` lists what was asked of it in order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.uploads: dict[str, bytes] = {}
        self.jobs: list[Job] = []
        self.history: dict[str, dict] = {}
        self.results: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.freed: list[dict] = []
        self.deleted: list[str] = []
        self.answers: dict[str, Callable[[Handler], None]] = {}
        self.work: Callable[[Job], None] = usual
        self.welcome: Callable[[str], None] = lambda client: None
        self.sockets: dict[str, Handler] = {}
        self.connected = 0
        self.ended = threading.Event()
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def send(self, client: str, content: str | bytes) -> None:
        """One message to a client, where it listens."""
        data = content.encode() if isinstance(content, str) else content
        head = bytes([0x81 if isinstance(content, str) else 0x82])
        if len(data) < 126:
            head += bytes([len(data)])
        else:
            head += struct.pack(">BH", 126, len(data))
        with self._lock:
            handler = self.sockets.get(client)
            if handler is not None:
                with suppress(OSError, ValueError):  # it has just hung up
                    handler.wfile.write(head + data)
                    handler.wfile.flush()

    def hang_up(self, client: str) -> None:
        """End a websocket without a word, as a server does that is killed."""
        with self._lock:
            handler = self.sockets.pop(client)
            handler.connection.shutdown(2)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no error of the test's."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Comfy
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Nothing on the test's output."""

    def say(self, content: object, status: int = 200, kind: str = "application/json", **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(self.url.query))
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        route = "/" + self.url.path.split("/")[1]
        self.server.asked.append(f"{self.command} {self.url.path}")
        answer = self.server.answers.get(route) or getattr(self, f"on_{route[1:]}")
        answer(self) if route in self.server.answers else answer()

    def on_upload(self) -> None:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        form = message_from_bytes(head + self.body, policy=policy.HTTP)
        fields = {part.get_param("name", header="content-disposition"): part for part in form.iter_parts()}
        name, place = fields["image"].get_filename(), fields["type"].get_content().strip()
        self.server.uploads[f"{name} [{place}]"] = fields["image"].get_payload(decode=True)
        self.say({"name": name, "subfolder": "", "type": place})

    def on_prompt(self) -> None:
        job = Job(self.server, f"job-{len(self.server.jobs)}", json.loads(self.body))
        self.server.jobs.append(job)
        self.say({"prompt_id": job.name, "number": len(self.server.jobs), "node_errors": {}})
        threading.Thread(target=self._work, args=(job,), daemon=True).start()

    def _work(self, job: Job) -> None:
        try:
            self.server.work(job)
        finally:
            self.server.ended.set()

    def on_history(self) -> None:
        name = self.url.path.split("/")[2]
        found = self.server.history.get(name)
        self.say({name: found} if found else {})

    def on_queue(self) -> None:
        if self.command == "POST":
            self.server.deleted += json.loads(self.body)["delete"]
            self.say(b"")
            return
        entries = {place: [[0, j.name, {}, {}] for j in self.server.jobs if j.place == place] for place in
                   ("running", "pending")}  # fmt: skip
        self.say({f"queue_{place}": found for place, found in entries.items()})

    def on_interrupt(self) -> None:
        for job in self.server.jobs:
            if job.name == json.loads(self.body)["prompt_id"]:
                job.interrupted.set()
        self.say(b"")

    def on_free(self) -> None:
        self.server.freed.append(json.loads(self.body))
        self.say(b"")

    def on_view(self) -> None:
        self.say(self.server.results[self.query["filename"]], kind="image/png")

    def on_ws(self) -> None:
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade")):
            self.send_header(name, value)
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        client = self.query["clientId"]
        self.server.sockets[client] = self
        self.server.connected += 1
        self.server.send(client, json.dumps({"type": "status", "data": {"sid": client}}))
        self.server.send(client, json.dumps({"type": "crystools.monitor", "data": {"cpu": 3}}))
        self.server.welcome(client)
        if self.rfile.read(1):  # a client says nothing but that it hangs up
            with suppress(OSError):
                self.wfile.write(b"\x88\x00")
        if self.server.sockets.get(client) is self:  # it may have come back on another connection
            del self.server.sockets[client]
        self.close_connection = True


@contextmanager
def running() -> Iterator[Comfy]:
    """A server that runs."""
    with Comfy() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(PATIENCE)

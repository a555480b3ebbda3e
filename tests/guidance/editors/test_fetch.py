"""Weights come from a small hub on this machine: asked for first, whole or on again, told in sentences."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub")

from ft2os.cli import main
from ft2os.errors import FileError
from ft2os.guidance.editors import catalogue, fetch

ROOT = Path(__file__).resolve().parents[3]
REVISION = "0123456789abcdef0123456789abcdef01234567"
ROW = catalogue.rows()["ip2p"]
FILES = {
    "model_index.json": b'{"_class_name": "StableDiffusionInstructPix2PixPipeline"}',
    "unet/config.json": b"{}",
    "unet/diffusion_pytorch_model.safetensors": b"u" * 300_000,
    "unet/diffusion_pytorch_model.fp16.safetensors": b"h" * 1000,
    "unet/diffusion_pytorch_model.bin": b"pickle",
    "vae/diffusion_pytorch_model.safetensors": b"v" * 200_000,
    "safety_checker/model.safetensors": b"s" * 1000,
    "README.md": b"words",
    "whole-model.ckpt": b"pickle",
}


class Hub(ThreadingHTTPServer):
    """Speaks the routes of the model hub for one model; remembers what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gated = False
        super().__init__(("127.0.0.1", 0), Answers)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/"):
            content = self._listing(path)
        else:
            _, _, name = path.partition(f"/resolve/{REVISION}/")
            content = FILES.get(name)
            if body:
                self.server.asked.append(name)
        if self.server.gated:
            return self._send(403, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "ask"}, body)
        if content is None:
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound"}, body)
        etag = hashlib.sha256(content).hexdigest()
        own = {
            "X-Xet-Hash": etag,
            "X-Xet-Refresh-Route": "/nowhere",
        }
        self._send(200, content, {"X-Repo-Commit": REVISION, "ETag": f'"{etag}"', **own}, body)

    def _listing(self, path: str) -> bytes:
        entries = [{"rfilename": name, "size": len(content)} for name, content in FILES.items()]
        return json.dumps({"id": ROW.hub, "sha": REVISION, "siblings": entries, "asked": path}).encode()

    def _send(self, status: int, content: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def hub():
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


FETCH = """
import sys
from ft2os.errors import Ft2osError
from ft2os.guidance.editors import catalogue, fetch
last, stop = 0.0, float(sys.argv[3])
def tick(share):
    global last
    assert share >= last, (share, last)
    last = share
    if share > stop: raise KeyboardInterrupt
try:
    row, accepted = catalogue.rows()["ip2p"], sys.argv[2] == "yes"
    print(fetch.fetch(row, tick, accept_licence=accepted, endpoint=sys.argv[1]))
except KeyboardInterrupt:
    print("stopped")
except Ft2osError as error:
    print(type(error).__name__, error)
"""


def fetched(hub, folder: Path, *, accept: bool = True, stop: float = 2.0, **environment: str) -> str:
    """What a process prints that fetches: whether the hub may be asked is settled at the library's import."""
    known = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "FT2OS_DOWNLOAD"))}
    own = {
        "FT2OS_WEIGHTS": str(folder),
        "FT2OS_CACHE": str(folder / "cache"),
        "HF_HOME": str(folder / "hub"),
        "FT2OS_DOWNLOAD": "1",
    }
    command = [sys.executable, "-c", FETCH, hub.address, "yes" if accept else "no", str(stop)]
    done = subprocess.run(
        command, env={**known, **own, **environment}, capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def here(folder: Path) -> set[str]:
    place = folder / "editors" / "ip2p"
    found = (path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
    return {name for name in found if not name.startswith(".")}


WANTED = {
    "model_index.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
}


def test_what_a_pipeline_needs_comes_and_its_revision_is_recorded(hub, tmp_path, monkeypatch):
    place = tmp_path / "editors" / "ip2p"
    assert fetched(hub, tmp_path) == str(place)
    assert here(tmp_path) == WANTED | {"ft2os.json"}
    assert (place / "vae/diffusion_pytorch_model.safetensors").read_bytes() == b"v" * 200_000
    record = json.loads((place / "ft2os.json").read_text())
    assert record == {"hub": ROW.hub, "revision": REVISION, "licence": ROW.licence.name, "complete": True}
    monkeypatch.setenv("FT2OS_WEIGHTS", str(tmp_path))
    assert fetch.folder_of(ROW) == place
    assert main(["editors", "remove", "ip2p"]) == 0
    assert fetch.folder_of(ROW) is None
    assert not place.exists()


def test_a_download_that_was_stopped_goes_on(hub, tmp_path, monkeypatch):
    assert fetched(hub, tmp_path, stop=0.5) == "stopped"
    monkeypatch.setenv("FT2OS_WEIGHTS", str(tmp_path))
    assert fetch.folder_of(ROW) is None, "half a model counts as one"
    first = list(hub.asked)
    assert fetched(hub, tmp_path, accept=False) == str(tmp_path / "editors" / "ip2p")
    again = hub.asked[len(first) :]
    assert not {"model_index.json", "vae/diffusion_pytorch_model.safetensors"} & set(again)
    assert "unet/diffusion_pytorch_model.safetensors" in again


def test_nothing_is_asked_without_leave(hub, tmp_path):
    told = fetched(hub, tmp_path, accept=False)
    assert told.startswith("RequestError The licence of InstructPix2Pix (SD 1.5) was not accepted")
    assert "4.3 GB" in told
    assert str(tmp_path / "editors" / "ip2p") in told
    assert "Downloads are not allowed" in fetched(hub, tmp_path, FT2OS_DOWNLOAD="")
    assert "Downloads are not allowed" in fetched(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert hub.asked == []
    assert here(tmp_path) == set()


def test_gated_weights_say_where_to_ask(hub, tmp_path):
    hub.gated = True
    told = fetched(hub, tmp_path)
    assert "is gated" in told
    assert "Accept it at https://huggingface.co/timbrooks/instruct-pix2pix" in told


def test_a_hub_that_is_gone(hub, tmp_path):
    hub.shutdown()
    hub.server_close()
    assert "The hub does not answer" in fetched(hub, tmp_path)


def test_a_model_of_pickles_only():
    with pytest.raises(FileError, match="weights of unet only as pickles"):
        fetch.wanted_files({"model_index.json": 1, "unet/config.json": 1, "unet/model.bin": 9}, "a/b")
    shards = {f"unet/model-0000{i}-of-00002.safetensors": 9 for i in (1, 2)}
    assert set(fetch.wanted_files({**shards, "unet/model.bin": 9}, "a/b")) == set(shards)


def test_the_command_line_lists_and_refuses(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("FT2OS_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("FT2OS_CACHE", str(tmp_path))
    monkeypatch.setenv("FT2OS_DOWNLOAD", "1")
    assert main(["editors"]) == 0
    printed = capsys.readouterr().out
    for said in ("klein-4b: FLUX.2 klein 4B", "Apache-2.0, commercial use allowed", "no commercial use"):
        assert said in printed
    assert main(["editors", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["kontext"]["gated"]
    assert rows["klein-4b"]["weights"]["full"] == 15_964_117_574
    assert rows["ip2p"]["folder"] is None
    for command, said in (
        ("fetch ip2p", "was not accepted"),
        ("remove ip2p", "No weights"),
        ("fetch x", "No editor"),
    ):
        assert main(["editors", *command.split()]) == 1
        assert said in capsys.readouterr().err


def test_the_list_needs_no_torch(tmp_path):
    code = (
        "import sys\n"
        "for name in ('torch', 'diffusers', 'numba', 'scipy'): sys.modules[name] = None\n"
        "from ft2os.cli import main\n"
        "sys.exit(main(['editors']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert "klein-4b" in done.stdout

"""The editor "comfyui": a server that works, and one that fails in every way that servers do."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("websockets")
Image = pytest.importorskip("PIL.Image")

from ft2os.errors import CancelledError, FileError, RequestError  # noqa: E402
from ft2os.guidance.editors import Options, Task, comfyui_workflow, door, find  # noqa: E402
from ft2os.guidance.editors.comfyui import ComfyUI  # noqa: E402
from ft2os.guidance.editors.comfyui_server import checked_address  # noqa: E402
from tests.guidance.editors.comfyui_standin import PATIENCE, Comfy, Handler, Job, running, usual  # noqa: E402
from tests.guidance.test_style_image import bomb  # noqa: E402

SIZE = 48


@pytest.fixture
def server() -> Iterator[Comfy]:
    with running() as found:
        yield found


def task(count: int = 2) -> Task:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (SIZE, SIZE, 3)).astype(np.float32) / 255 for _ in range(count)]
    names = [f"view_{i:03d}" for i in range(count)]
    masks = [np.ones((SIZE, SIZE), np.float32)] * count
    return Task("Turn it into lava", names, pictures, pictures, masks, list(range(7, 7 + count)))


def editor(server: Comfy, silence_s: float = PATIENCE, workflow: object = "") -> ComfyUI:
    return ComfyUI(Options(address=server.address, workflow=str(workflow)), silence_s)


def edited(server: Comfy, count: int = 2, **more) -> list[np.ndarray | None]:
    return editor(server, **more).edit(task(count), lambda share: None)


def refused(server: Comfy, **more) -> RequestError:
    with pytest.raises(RequestError) as caught:
        edited(server, **more)
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value


# A server that works


def test_views_are_edited_one_after_another(server):
    asked, shares = task(3), []
    found = editor(server).edit(asked, shares.append)
    for before, after in zip(asked.pictures, found, strict=True):
        np.testing.assert_array_equal(after, before[..., ::-1])  # what the stand-in does to a picture
    assert [job.workflow["6"]["inputs"]["text"] for job in server.jobs] == ["Turn it into lava"] * 3
    assert [job.workflow["15"]["inputs"]["noise_seed"] for job in server.jobs] == [7, 8, 9]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert any(0 < share < 1 / 3 for share in shares)  # its sampler's steps are told


def test_pictures_do_not_stay_on_the_server(server):
    edited(server)
    assert all(name.endswith(" [temp]") for name in server.uploads)


def test_nothing_is_contacted_unasked(server):
    made = find("comfyui", Options(address=server.address))
    assert "untested" in made.title
    made.close()
    assert server.asked == []


def test_closing_frees_the_memory_once(server):
    made = editor(server)
    made.edit(task(1), lambda share: None)
    made.close()
    made.close()
    assert server.freed == [{"unload_models": True, "free_memory": True}]


def test_what_it_gives_passes_the_door(server):
    asked = task()
    found = door.edit(editor(server), asked, lambda share: None)
    np.testing.assert_array_equal(found[1], asked.pictures[1][..., ::-1])


def test_jobs_of_others_are_waited_for(server):
    """Silence while it is not our turn is no stall."""
    before_us, patience = [], 3

    def work(job: Job) -> None:
        job.place = "pending"
        for name in ("job-of-another", "job-0"):
            job.tell("progress", value=3, max=3, prompt_id=f"{name}-of-another")
        job.turn = threading.Event()
        assert job.turn.wait(PATIENCE)
        job.place = "running"
        usual(job)

    def queue(handler: Handler) -> None:
        before_us.append(handler.command)
        if len(before_us) == patience:
            server.jobs[0].turn.set()
        handler.on_queue()

    server.work, server.answers["/queue"] = work, queue
    assert edited(server, count=1, silence_s=0.1)[0] is not None
    assert server.deleted == []


def test_an_end_that_is_only_in_the_history(server):
    """Whatever was not told is asked for."""
    server.work = lambda job: job.finish(say=False)
    assert edited(server, count=1, silence_s=0.1)[0] is not None


def test_odd_messages_mean_nothing(server):
    def work(job: Job) -> None:
        for odd in ("", "[", "[]", "7", '{"type": "progress"}', '{"type": 1, "data": []}', "[" * 5000):
            server.send(job.client, odd)
        for value, most in ((5, 0), ("x", None), (-1, 3), (9, 3), (1.5, 10**400), ([], {})):
            job.tell("progress", value=value, max=most)
        job.tell("executing", node="4")
        job.tell("execution_error", prompt_id="another")
        usual(job)

    server.work = work
    shares: list[float] = []
    editor(server).edit(task(1), shares.append)
    assert all(0 <= share <= 1 for share in shares)


# Cancel


def test_cancel_interrupts_within_a_step(server):
    stopped = threading.Event()

    def work(job: Job) -> None:
        job.tell("progress", value=1, max=4)
        assert job.interrupted.wait(PATIENCE)
        stopped.set()

    def tick(share: float) -> None:
        if share > 0:
            raise CancelledError

    server.work = work
    with pytest.raises(CancelledError):
        editor(server).edit(task(), tick)
    assert stopped.wait(PATIENCE)
    assert len(server.jobs) == 1


def test_a_job_that_waits_is_taken_out_and_nobody_is_interrupted(server):
    def work(job: Job) -> None:
        job.place = "pending"

    ticks: list[float] = []

    def tick(share: float) -> None:
        ticks.append(share)
        if server.ended.wait(PATIENCE) and len(ticks) > 1:
            raise CancelledError

    server.work = work
    with pytest.raises(CancelledError):
        editor(server).edit(task(), tick)
    assert server.deleted == ["job-0"]
    assert "POST /interrupt" not in server.asked


# A server that fails


def test_a_server_that_is_not_there():
    with running() as gone:
        address = gone.address
    made = ComfyUI(Options(address=address))
    with pytest.raises(RequestError, match="No ComfyUI server answers") as caught:
        made.edit(task(), lambda share: None)
    assert "Start ComfyUI" in caught.value.hint
    made.close()


def test_a_stall_ends_in_an_error_and_the_job_is_stopped(server):
    def work(job: Job) -> None:
        job.tell("executing", node="17")
        assert job.interrupted.wait(PATIENCE)

    server.work = work
    assert "has said nothing for 0.3 s" in refused(server, silence_s=0.3).message
    assert server.ended.wait(PATIENCE)


def test_a_server_that_forgot_the_job(server):
    def work(job: Job) -> None:
        job.place = ""

    server.work = work
    assert "knows nothing of our job" in refused(server, silence_s=0.1).message


def test_a_connection_that_breaks_off_is_made_again(server):
    again = threading.Event()

    def work(job: Job) -> None:
        job.tell("progress", value=1, max=3)
        server.welcome = lambda client: again.set()
        server.hang_up(job.client)
        assert again.wait(PATIENCE)
        usual(job)

    server.work = work
    assert edited(server, count=1)[0] is not None
    assert server.connected == 2


def test_a_connection_that_always_breaks_off(server):
    def work(job: Job) -> None:
        server.hang_up(job.client)

    def listen(handler: Handler) -> None:
        if server.jobs:
            handler.connection.shutdown(2)
            handler.close_connection = True
        else:
            handler.on_ws()

    server.work, server.answers["/ws"] = work, listen
    said = refused(server).message
    assert "ComfyUI" in said


def test_a_server_that_is_killed_during_a_job(server):
    def work(job: Job) -> None:
        for route in ("/ws", "/history", "/queue"):
            server.answers[route] = lambda handler: handler.connection.shutdown(2)
        server.hang_up(job.client)

    server.work = work
    assert "No ComfyUI server answers" in refused(server).message


def test_a_node_that_fails(server):
    def work(job: Job) -> None:
        job.tell(
            "execution_error",
            node_id="17",
            node_type="SamplerCustomAdvanced",
            exception_message="CUDA out of memory.\nTried to allocate 9 GiB",
        )

    server.work = work
    said = refused(server).message
    assert "SamplerCustomAdvanced" in said
    assert "CUDA out of memory. Tried to allocate 9 GiB" in said


def test_a_failure_that_is_only_in_the_history(server):
    message = ["execution_error", {"node_id": "6", "exception_message": "no such text encoder"}]
    server.work = lambda job: job.finish(status="error", messages=[message], say=False)
    assert "no such text encoder" in refused(server, silence_s=0.1).message


def test_somebody_interrupts_it_there(server):
    server.work = lambda job: job.tell("execution_interrupted")
    assert "interrupted in ComfyUI" in refused(server).message


def test_a_workflow_that_is_refused(server):
    answer = {
        "error": {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation"},
        "node_errors": {
            "3": {
                "class_type": "UNETLoader",
                "errors": [{"message": "Value not in list", "details": "unet_name: 'flux-2.safetensors'"}],
            }
        },
    }
    server.answers["/prompt"] = lambda handler: handler.say(answer, 400)
    said = refused(server).message
    assert "Prompt outputs failed validation" in said
    assert "node 3 (UNETLoader): Value not in list, unet_name: 'flux-2.safetensors'" in said


@pytest.mark.parametrize(
    ("route", "status", "said"),
    [
        ("/prompt", 429, "its queue is full"),
        ("/prompt", 503, "its queue is full"),
        ("/prompt", 500, "failed (500"),
        ("/upload", 500, "failed (500"),
        ("/upload", 413, "failed (413"),
        ("/history", 500, "failed (500"),
        ("/prompt", 404, "is no ComfyUI server"),
        ("/prompt", 401, "does not let us in"),
        ("/ws", 500, "does not speak as ComfyUI does"),
        ("/ws", 404, "does not speak as ComfyUI does"),
    ],
)
def test_answers_that_are_errors(server, route, status, said):
    server.answers[route] = lambda handler: handler.say(b"<html>no</html>", status)
    assert said in refused(server).message


@pytest.mark.parametrize(
    ("route", "scheme"),
    [("/prompt", "http"), ("/upload", "http"), ("/view", "http"), ("/ws", "http"), ("/ws", "ws")],
)
def test_no_redirect_is_followed(server, route, scheme):
    with running() as elsewhere:
        place = f"{scheme}:{elsewhere.address.partition(':')[2]}{route}?clientId=ours"
        server.answers[route] = lambda handler: handler.say(b"", 302, Location=place)
        refused(server)
        assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("route", "answer"),
    [
        ("/upload", {}),
        ("/upload", {"name": 7, "subfolder": "", "type": "temp"}),
        ("/upload", b"{"),
        ("/prompt", []),
        ("/prompt", {"prompt_id": ["a"]}),
        ("/prompt", b"[" * 100_000),
        ("/prompt", b"\xff\xfe"),
    ],
)
def test_answers_that_are_no_comfyui(server, route, answer):
    server.answers[route] = lambda handler: handler.say(answer)
    assert "as ComfyUI does not" in refused(server).message


@pytest.mark.parametrize(
    "outputs",
    [{}, [], {"19": {}}, {"19": {"images": []}}, {"18": {"images": [{"filename": "a.png"}]}}],
)
def test_a_job_without_a_picture(server, outputs):
    def work(job: Job) -> None:
        job.finish(say=False)
        server.history[job.name]["outputs"] = outputs
        job.tell("executing", node=None)

    server.work = work
    assert "gave no picture" in refused(server).message


def broken_view(handler: Handler, whole: bytes, kind: str) -> None:
    match kind:
        case "half":  # it promises all and hangs up
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(whole)))
            handler.end_headers()
            handler.wfile.write(whole[: len(whole) // 2])
            handler.close_connection = True
        case "cut short":
            handler.say(whole[: len(whole) // 2])
        case "page":
            handler.say(b"<html>busy</html>", kind="text/html")
        case "bomb":
            handler.say(bomb(30_000, 30_000))
        case "empty":
            handler.say(b"")


@pytest.mark.parametrize("kind", ["cut short", "page", "bomb", "empty"])
def test_a_broken_picture_is_asked_for_again_and_then_left_out(server, kind, caplog):
    views: list[str] = []

    def view(handler: Handler) -> None:
        views.append(handler.query["filename"])
        if handler.query["filename"].startswith("job-0"):
            broken_view(handler, server.results["job-0.png"], kind)
        else:
            handler.on_view()

    server.answers["/view"] = view
    found = edited(server)
    assert found[0] is None
    assert found[1] is not None
    assert views == ["job-0.png", "job-0.png", "job-1.png"]
    assert "view_000" in caplog.text


def test_half_a_picture_once_is_no_harm(server):
    def view(handler: Handler) -> None:
        broken_view(handler, server.results["job-0.png"], "half")
        server.answers.clear()

    server.answers["/view"] = view
    asked = task(1)
    (found,) = editor(server).edit(asked, lambda share: None)
    np.testing.assert_array_equal(found, asked.pictures[0][..., ::-1])


def test_half_a_picture_twice_is_an_error(server):
    server.answers["/view"] = lambda h: broken_view(h, server.results["job-0.png"], "half")
    assert "broke off" in refused(server).message


def test_an_answer_without_end_is_refused(server, monkeypatch):
    monkeypatch.setattr("ft2os.guidance.editors.comfyui_server._MOST_JSON", 1 << 16)

    def flood(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        try:
            while True:
                handler.wfile.write(b" " * 4096)
        except OSError:
            pass

    server.answers["/prompt"] = flood
    assert "too large" in refused(server).message


# Addresses and workflows


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8188", "http://127.0.0.1:8188"),
        (" http://studio:8188/ ", "http://studio:8188"),
        ("https://studio/comfy", "https://studio/comfy"),
        ("[::1]:8188", "http://[::1]:8188"),
    ],
)
def test_addresses(text, address):
    assert checked_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "", "file:///etc/passwd", "ftp://studio", "http://", "http://a b", "http://x:99999", "http://x:0",
        "http://me:secret@studio", "http://studio?x=1", "http://x\r\nHost: y", "javascript:alert(1)", "http://[::1",
    ],
)  # fmt: skip
def test_what_is_no_address(text):
    with pytest.raises(RequestError, match="no address"):
        checked_address(text)


def node(kind: str, title: str = "", **inputs: object) -> dict:
    return {"class_type": kind, "inputs": inputs, **({"_meta": {"title": title}} if title else {})}


def hers(**more: dict) -> dict:
    """A workflow as an artist has it, without any title of ours."""
    return {
        "1": node("LoadImage", "Load Image", image="example.png"),
        "2": node("CLIPTextEncode", "Positive", text="a cat", clip=["9", 1]),
        "3": node("CLIPTextEncode", "Negative", text="ugly", clip=["9", 1]),
        "4": node("VAEEncode", pixels=["1", 0], vae=["9", 2]),
        "5": node(
            "KSampler",
            seed=1,
            steps=8,
            denoise=0.7,
            positive=["2", 0],
            negative=["3", 0],
            latent_image=["4", 0],
        ),
        "6": node("VAEDecode", samples=["5", 0], vae=["9", 2]),
        "7": node("SaveImage", images=["6", 0], filename_prefix="x"),
        **more,
    }


def saved(tmp_path, content: object):
    path = tmp_path / "workflow.json"
    path.write_text(json.dumps(content))
    return path


def test_a_workflow_of_hers_needs_no_titles_where_it_is_clear(tmp_path):
    found = comfyui_workflow.read(saved(tmp_path, hers()))
    nodes = found.filled({"image": "v.png", "prompt": "lava", "seed": 9, "strength": 0.5, "mask": "m"})
    assert nodes["1"]["inputs"]["image"] == "v.png"
    assert nodes["2"]["inputs"]["text"] == "lava"
    assert nodes["3"]["inputs"]["text"] == "ugly"
    assert (nodes["5"]["inputs"]["seed"], nodes["5"]["inputs"]["denoise"]) == (9, 0.5)
    assert found.result == "7"
    assert found.nodes["2"]["inputs"]["text"] == "a cat"  # the next view begins from hers again


def test_an_empty_latent_picture_takes_no_strength(tmp_path):
    """Less than 1 of it would leave noise: FLUX.1 Kontext and Qwen start from nothing."""
    content = hers()
    content["4"] = node("EmptySD3LatentImage", width=512)
    assert not ComfyUI(Options(workflow=str(saved(tmp_path, content)))).flags.strength
    assert ComfyUI(Options(workflow=str(saved(tmp_path, hers())))).flags.strength


def test_titles_decide(tmp_path, server):
    content = hers(
        **{
            "20": node("LoadImage", "ft2os image", image=""),
            "21": node("PrimitiveString", "ft2os Prompt", value=""),
            "22": node("LoadImageMask", "ft2os mask", image="", channel="red"),
            "23": node("LoadImage", "ft2os anchor", image=""),
            "24": node("LoadImage", "ft2os original", image=""),
            "25": node("PreviewImage", "ft2os result", images=["6", 0]),
            "26": node("RandomNoise", "ft2os seed", noise_seed=0),
            "27": node("BasicScheduler", "ft2os strength", denoise=1.0),
        }
    )
    made = editor(server, workflow=saved(tmp_path, content))
    assert made.flags == door.Flags(strength=True, mask=True, references=1)
    asked = task(1)
    anchor = np.full((SIZE, SIZE, 3), 0.25, np.float32)
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[10:20] = 1
    made.edit(replace(asked, anchor=anchor, masks=[mask], strength=0.4), lambda share: None)
    inputs = {name: content["inputs"] for name, content in server.jobs[0].workflow.items()}
    assert inputs["21"]["value"] == "Turn it into lava"
    assert (inputs["26"]["noise_seed"], inputs["27"]["denoise"]) == (7, 0.4)
    assert inputs["2"]["text"] == "a cat"
    assert inputs["5"]["denoise"] == 0.7

    def uploaded(name: str) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(server.uploads[inputs[name]["image"]])), np.float32) / 255

    np.testing.assert_allclose(uploaded("22"), mask)
    np.testing.assert_allclose(uploaded("23"), anchor, atol=0.003)
    np.testing.assert_array_equal(uploaded("24"), asked.originals[0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"1": node("VAELoader")}, 'title "ft2os image"'),
        ({"8": node("LoadImage", image="another.png")}, 'title "ft2os image"'),
        ({"2": node("Note"), "3": node("Note")}, 'title "ft2os prompt"'),
        ({"8": node("CLIPTextEncode", text=""), "5": node("KSampler", seed=1)}, 'title "ft2os prompt"'),
        ({"8": node("PreviewImage", images=["6", 0])}, 'title "ft2os result"'),
        ({"7": node("Note")}, 'title "ft2os result"'),
        ({"8": node("VAELoader", "ft2os prompt", vae_name="x")}, "takes the instruction"),
    ],
)
def test_what_is_not_clear_is_named(tmp_path, change, said):
    with pytest.raises(RequestError) as caught:
        comfyui_workflow.read(saved(tmp_path, hers(**change)))
    assert said in caught.value.hint


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"nodes": [], "links": [], "version": 0.4}, "not for its API"),
        ([], "no workflow"),
        ({}, "no workflow"),
        ({"1": 7}, "API format"),
        ({"1": {"class_type": "LoadImage"}}, "API format"),
        ({"1": {"class_type": ["x"], "inputs": {}}}, "API format"),
        ({str(i): node("Note") for i in range(6000)}, "no workflow"),
    ],
)
def test_what_is_no_workflow(tmp_path, content, said):
    with pytest.raises(FileError, match=said) as caught:
        comfyui_workflow.read(saved(tmp_path, content))
    assert "Export (API)" in caught.value.hint


def test_links_in_circles_end(tmp_path):
    content = hers()
    content["4"]["inputs"]["pixels"] = ["6", 0]
    content["6"]["inputs"]["samples"] = ["4", 0]
    assert not ComfyUI(Options(workflow=str(saved(tmp_path, content)))).flags.strength

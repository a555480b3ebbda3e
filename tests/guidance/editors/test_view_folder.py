"""The editor "folder": what is written for an artist, and whatever may be there when she is done."""

from __future__ import annotations

import json
import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")
Image = pytest.importorskip("PIL.Image")

from ft2os.cameras.camera import stack  # noqa: E402
from ft2os.cli import main  # noqa: E402
from ft2os.errors import CancelledError, FileError, RequestError  # noqa: E402
from ft2os.formats import load_scene  # noqa: E402
from ft2os.gaussians import concatenate  # noqa: E402
from ft2os.guidance.editors import Task, cameras_of, door, find, view_folder  # noqa: E402
from ft2os.guidance.editors.folder import Folder  # noqa: E402
from ft2os.stylize.edit.artist_views import write_views  # noqa: E402
from ft2os.stylize.floaters import keep_connected  # noqa: E402
from ft2os.stylize.view_buffers import cameras_around  # noqa: E402
from ft2os.tiles import render  # noqa: E402
from tests.costs import cost  # noqa: E402
from tests.guidance.test_style_image import bomb, chunk  # noqa: E402
from tests.scenes import LABELS, ball, two_groups, write_ply  # noqa: E402

ASKED, VIEWS, PIXELS = 5, 6, 96  # the rings around the object round the number
RED = np.array((200, 30, 20), np.uint8)


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("in") / "scene.ply"
    write_ply(path, two_groups())
    path.with_name("labels.json").write_text(json.dumps(LABELS))
    return path


@pytest.fixture(scope="module")
def written(scene, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("out") / "views"
    assert main(views_command(scene, out)) == 0
    return out


@pytest.fixture
def folder(written, tmp_path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "views"))


def views_command(scene: Path, out: Path, *more: object) -> list[str]:
    words = ["views", scene, "--group", "ball", "--out", out, "--views", ASKED, "--pixels", PIXELS, *more]
    return [str(word) for word in words]


def names(folder: Path) -> list[str]:
    return view_folder.read(folder).names


def task(folder: Path, size: int = 64, chosen: list[str] | None = None) -> Task:
    """What a run asks for at its own size."""
    chosen = names(folder) if chosen is None else chosen
    blank = [np.zeros((size, size, 3), np.float32)] * len(chosen)
    return Task("", chosen, blank, blank, [b[..., 0] for b in blank], [0] * len(chosen))


def edited(folder: Path, size: int = 64, chosen: list[str] | None = None) -> list[np.ndarray | None]:
    return Folder(folder).edit(task(folder, size, chosen), lambda share: None)


def picture(folder: Path, name: str) -> np.ndarray:
    return np.asarray(Image.open(folder / f"{name}.png"))


def recolour(folder: Path, name: str, ending: str = "png", colour: np.ndarray = RED, **options) -> Path:
    """Paint a view's middle, as an artist might, and save it under any ending."""
    painted = np.full((PIXELS, PIXELS, 3), 128, np.uint8)
    painted[20:-20, 20:-20] = colour
    Image.fromarray(painted).save(folder / f"{name}.{ending}", **options)
    return folder / f"{name}.{ending}"


def middle(found: np.ndarray) -> np.ndarray:
    """The colour in a picture's middle, where the object is."""
    height, width = found.shape[:2]
    return 255 * found[height // 2 - 3 : height // 2 + 3, width // 2 - 3 : width // 2 + 3].mean(axis=(0, 1))


# What is written


def test_the_views_are_those_that_a_run_would_take(scene, written):
    found = view_folder.read(written)
    assert (found.scene, found.group, found.look) == ("scene.ply", "ball", "")
    everything = load_scene(scene).gaussians
    target = everything.subset(everything.group == 3)
    whole = target.subset(keep_connected(target))
    wanted = cameras_around(whole, ASKED, PIXELS)
    for mine, theirs in zip(stack(found.cameras), stack(wanted), strict=True):
        assert mine.tobytes() == theirs.tobytes()  # or what comes back is fitted beside where it was drawn
    assert all((c.width, c.height) == (PIXELS, PIXELS) for c in found.cameras)
    drawn = render(whole, *stack(wanted), PIXELS, PIXELS, background=(0.5, 0.5, 0.5))
    for i, name in enumerate(found.names):
        np.testing.assert_allclose(picture(written, name), 255 * drawn.rgb[i].clip(0, 1), atol=0.51)
        np.testing.assert_array_equal(picture(written / "originals", name), picture(written, name))
        np.testing.assert_allclose(picture(written / "masks", name), 255 * drawn.alpha[i], atol=0.51)
    assert not (written / "given").exists()


def test_the_next_round_shows_the_look_and_keeps_the_original(scene, written, tmp_path):
    styled = tmp_path / "lava.ply"
    wanted = ["stylize", scene, "--group", "ball", "--prompt", "lava", "--preset", "draft", "--out", styled]
    assert main([str(word) for word in wanted]) == 0
    second = tmp_path / "second"
    assert main(views_command(scene, second, "--look", styled)) == 0
    found = view_folder.read(second)
    assert found.look == "lava.ply"
    for name, before, after in zip(found.names, view_folder.read(written).cameras, found.cameras):
        assert (before.viewmat.tobytes(), before.K.tobytes()) == (after.viewmat.tobytes(), after.K.tobytes())
        np.testing.assert_array_equal(picture(second / "originals", name), picture(written, name))
        shown = picture(second, name).astype(float)
        assert np.abs(shown - picture(written, name)).mean() > 5
        red, _, blue = shown[picture(second / "masks", name) > 200].mean(axis=0)
        assert red > blue + 20
    with pytest.raises(RequestError, match="unchanged"):  # the look as it was handed out is no edit
        edited(second)
    for name in found.names[:3]:  # back to the object as it was: an edit of the look
        shutil.copy(second / "originals" / f"{name}.png", second / f"{name}.png")
    assert sum(e is not None for e in edited(second)) == 3


def test_a_look_of_its_own_file(scene, tmp_path):
    from ft2os.stylize import StylizeRequest, stylize

    everything = load_scene(scene).gaussians
    target = everything.subset(everything.group == 3)
    request = StylizeRequest(target, "gold", preset="draft", overrides={"views": 4, "pixels": 64})
    stylize(request).look.save(tmp_path / "gold.npy")
    assert main(views_command(scene, tmp_path / "views", "--look", tmp_path / "gold.npy")) == 0
    for name in names(tmp_path / "views"):
        shown = picture(tmp_path / "views", name)[picture(tmp_path / "views" / "masks", name) > 200]
        red, _, blue = shown.mean(axis=0)
        assert red > blue + 30


def test_specks_are_not_drawn(tmp_path):
    """Nor in a look, which leaves them as they are; else the artist edits dust that nothing fits."""
    solid = ball(400, radius=0.5, colour=(0.1, 0.2, 0.9))
    speck = ball(3, radius=0.01, centre=(0.0, -0.9, 0.0), colour=(0.0, 1.0, 0.0))
    both = concatenate([solid, speck])
    assert keep_connected(both).sum() == 400
    write_views(both, tmp_path / "a", views=4, pixels=64)
    write_views(both, tmp_path / "b", views=4, pixels=64, shown=both, look="itself")
    for name in names(tmp_path / "a"):
        assert not (picture(tmp_path / "a", name)[..., 1] > 150).any()
        np.testing.assert_array_equal(picture(tmp_path / "a", name), picture(tmp_path / "b", name))


def test_nothing_that_is_there_is_replaced(scene, written, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("ft2os.formats.load_scene", lambda *a, **k: pytest.fail("the work began"))
    (tmp_path / "file").write_text("mine")
    for taken, said in ((written, "There is something in"), (tmp_path / "file", "is not a folder")):
        assert main(views_command(scene, taken)) == 1
        assert said in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


def test_what_breaks_off_leaves_nothing(scene, tmp_path, capsys, full_disk):
    def stop(share: float) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        write_views(ball(300), tmp_path / "new" / "views", views=4, pixels=64, on_progress=stop)
    with full_disk(2048):
        assert main(views_command(scene, tmp_path / "new" / "views")) == 1
    assert "Cannot write" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_an_empty_folder_is_taken_and_a_link_stays_one(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write_views(ball(300), tmp_path / "link", views=4, pixels=64)
    assert (tmp_path / "link").is_symlink()
    assert len(names(tmp_path / "real")) == 5


# What comes back


@pytest.mark.parametrize(
    ("ending", "options"),
    [
        ("png", {}),
        ("jpg", {"quality": 90}),
        ("JPEG", {"quality": 90}),
        ("webp", {"quality": 95}),
        ("tif", {"compression": "tiff_lzw"}),
        ("TIFF", {}),
    ],
)
def test_every_format_that_programs_save(folder, ending, options):
    for name in names(folder)[:3]:
        recolour(folder, name, ending, **options)
    found = edited(folder)
    assert [f is not None for f in found] == [True] * 3 + [False] * (len(found) - 3)
    for f in found[:3]:
        assert (f.shape, f.dtype) == ((64, 64, 3), np.float32)
        np.testing.assert_allclose(middle(f), RED, atol=14)
        np.testing.assert_allclose(255 * f[:3, :3].mean(axis=(0, 1)), 128, atol=6)


def test_sixteen_bits(folder):
    """As painting programs save by default."""
    deep = np.full((PIXELS, PIXELS, 3), 128 * 257, ">u2")
    deep[20:-20, 20:-20] = RED.astype(">u2") * 257
    head = struct.pack(">IIBBBBB", PIXELS, PIXELS, 16, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in deep))
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    for name in names(folder)[:3]:
        (folder / f"{name}.png").write_bytes(png)
    for f in edited(folder)[:3]:
        np.testing.assert_allclose(middle(f), RED, atol=1.5)


def test_another_size_and_a_slightly_other_shape(folder):
    sizes = [(400, 400), (50, 50), (104, 96)]
    for name, size in zip(names(folder), sizes):
        path = recolour(folder, name)
        Image.open(path).resize(size).save(path)
    for f in edited(folder)[:3]:
        assert f.shape == (64, 64, 3)
        np.testing.assert_allclose(middle(f), RED, atol=14)


def test_what_is_transparent_is_grey(folder):
    for name in names(folder)[:3]:
        layer = np.zeros((PIXELS, PIXELS, 4), np.uint8)
        layer[..., :3] = (0, 255, 0)
        layer[24:72, 24:72] = (*RED, 255)
        layer[24:72, 60:72, 3] = 128
        Image.fromarray(layer).save(folder / f"{name}.png")
    for f in edited(folder, size=PIXELS)[:3]:
        np.testing.assert_allclose(255 * f[:20].mean(axis=(0, 1)), 127.5, atol=1)
        np.testing.assert_allclose(middle(f), RED, atol=1)
        np.testing.assert_allclose(255 * f[40, 66], (RED + 127.5) / 2, atol=2)


def test_the_picture_that_was_saved_last_counts(folder):
    first, *_ = chosen = names(folder)[:3]
    for name in chosen:
        recolour(folder, name)
    later = recolour(folder, first, "webp", colour=np.array((10, 40, 220)), quality=95)
    os.utime(later, ns=(2**61, 2**61))
    assert middle(edited(folder)[0])[2] > 200
    os.utime(later, ns=(0, 0))
    assert middle(edited(folder)[0])[0] > 180


def test_what_is_not_used_is_named(folder, caplog):
    first, second, third, fourth, fifth, sixth = names(folder)
    for name in (first, second, third):
        recolour(folder, name)
    (folder / f"{fourth}.png").unlink()
    (folder / f"{fifth}.png").write_text("not a picture")
    Image.open(folder / f"{sixth}.png").save(folder / f"{sixth}.jpg", quality=75)  # saved, nothing done
    editor = Folder(folder)
    found = editor.edit(task(folder), lambda share: None)
    assert [f is not None for f in found] == [True, True, True, False, False, False]
    said = caplog.text
    assert f"{fourth} is missing" in said
    assert f"{sixth} is unchanged" in said
    assert f"{fifth}.png is no picture" in said
    assert set(editor.left_out) == {fourth, fifth, sixth}


def test_views_are_asked_for_in_groups(folder):
    """Three edited views are enough for a folder, however few of them a group holds."""
    for name in names(folder)[:3]:
        recolour(folder, name)
    editor = Folder(folder)
    last = editor.edit(task(folder, chosen=names(folder)[2:4]), lambda share: None)
    assert [f is not None for f in last] == [True, False]
    none = door.edit(editor, task(folder, chosen=names(folder)[4:]), lambda share: None)
    assert none == [None, None]  # of another group there are some
    foreign = editor.edit(task(folder, chosen=["view_777"]), lambda share: None)
    assert foreign == [None]
    assert editor.left_out["view_777"] == "not of this folder"


@pytest.mark.parametrize("count", [0, 2])
def test_too_few_are_an_error_that_says_what_to_do(folder, count):
    for name in names(folder)[:count]:
        recolour(folder, name)
    with pytest.raises(RequestError, match=f"Only {count} of the {VIEWS} views") as caught:
        edited(folder)
    assert "Change 3 or more" in caught.value.hint


def test_cancel_comes_between_two_views(folder):
    shares: list[float] = []

    def stop(share: float) -> None:
        shares.append(share)
        raise CancelledError

    with pytest.raises(CancelledError):
        Folder(folder).edit(task(folder), stop)
    assert len(shares) == 1


def test_progress_only_grows(folder):
    for name in names(folder):
        recolour(folder, name)
    shares: list[float] = []
    Folder(folder).edit(task(folder), shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_without_the_originals_every_picture_is_an_edit(folder):
    shutil.rmtree(folder / "originals")
    assert all(f is not None for f in edited(folder))


def damaged(folder: Path, kind: str) -> None:
    """One view as nobody should save it."""
    path = folder / "view_001.png"
    good = path.read_bytes()
    path.unlink()
    match kind:
        case "text":
            path.write_text("a shopping list")
        case "empty":
            path.write_bytes(b"")
        case "cut short":
            path.write_bytes(good[: len(good) // 2])
        case "30,000 pixels":
            path.write_bytes(bomb(30_000, 30_000))
        case "endless":
            path.symlink_to("/dev/zero")
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "tiny":
            Image.new("RGB", (8, 8)).save(path)
        case "banner":
            Image.new("RGB", (600, 100)).save(path)


@pytest.mark.parametrize(
    "kind",
    ["text", "empty", "cut short", "30,000 pixels", "endless", "pipe", "folder", "tiny", "banner"],
)
def test_a_hostile_picture_is_left_out_at_once(folder, kind):
    for name in names(folder):
        recolour(folder, name)
    damaged(folder, kind)
    code = f"""
folder = Folder(sys.argv[1])
blank = [np.zeros((64, 64, 3), np.float32)] * {VIEWS}
names = folder.views.names
found = folder.edit(Task("", names, blank, blank, [b[..., 0] for b in blank], [0] * {VIEWS}), lambda s: None)
assert [n for n, f in zip(names, found) if f is None] == ["view_001"], folder.left_out
raise FileError(folder.left_out["view_001"])
"""
    imports = """
import numpy as np
from ft2os.errors import FileError
from ft2os.guidance import picture_file
from ft2os.guidance.editors import Task
from ft2os.guidance.editors.folder import Folder
"""
    assert cost(code, folder, imports=imports).refused(seconds=5.0)


# Cameras


def change(folder: Path, edit) -> None:
    content = json.loads((folder / "cameras.json").read_text())
    content = edit(content) or content
    (folder / "cameras.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    "edit",
    [
        lambda c: [c],
        lambda c: {"frames": []},
        lambda c: c.pop("views") and None,
        lambda c: c.update(views=[]),
        lambda c: c.update(views=c["views"] * 400),
        lambda c: c.update(views={"view_000": 1}),
        lambda c: c.update(width=10**9),
        lambda c: c.update(height="512"),
        lambda c: c.update(width=-5),
        lambda c: c.update(group=["truck"]),
        lambda c: c["views"].append(c["views"][0]),
        lambda c: c["views"].reverse(),
        lambda c: c["views"][0].update(name="../../etc/passwd"),
        lambda c: c["views"][0].update(name=7),
        lambda c: c["views"][0].update(focal=[0, 10]),
        lambda c: c["views"][0].update(focal=[float("nan"), 10]),
        lambda c: c["views"][0].update(focal=[1e300, 1e300]),
        lambda c: c["views"][0].update(viewmat=[[1, 2], [3, 4]]),
        lambda c: c["views"][0].update(viewmat=[[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]]),
        lambda c: c["views"][0].update(viewmat="[[1]]"),
        lambda c: c["views"][0]["viewmat"][3].__setitem__(3, 2.0),
        lambda c: c["views"].__setitem__(0, None),
    ],
)
def test_damaged_cameras_are_one_sentence(folder, edit):
    change(folder, edit)
    with pytest.raises(FileError, match=r"cameras\.json") as caught:
        view_folder.read(folder)
    assert "ft2os views" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"format": "ft2os views"'])
def test_cameras_that_are_no_json(folder, content):
    (folder / "cameras.json").write_bytes(content)
    with pytest.raises(FileError, match=r"cameras\.json"):
        Folder(folder)


def test_what_is_no_folder_of_views(folder, tmp_path):
    (folder / "cameras.json").unlink()
    for path in (folder, tmp_path / "nowhere"):
        with pytest.raises(FileError, match="no folder of views"):
            Folder(path)
    (folder / "cameras.json").symlink_to("/dev/zero")
    with pytest.raises(FileError, match="no folder of views"):
        Folder(folder)


def test_the_views_of_another_object_are_noticed(scene, folder):
    everything = load_scene(scene).gaussians
    found = view_folder.read(folder)
    found.check_shows(everything.subset(everything.group == 3))
    for other in (
        everything.subset(everything.group == 7),
        ball(200, centre=(30.0, 0.0, 0.0)),
        ball(200, centre=(-1.2, 0.0, 0.0), radius=0.05),
        ball(200, centre=(-1.2, 0.0, 0.0), radius=30.0),
    ):
        with pytest.raises(RequestError, match="another object") as caught:
            found.check_shows(other)
        assert "ball in scene.ply" in caught.value.hint


def test_specks_of_a_real_capture_do_not_make_it_another_object(tmp_path):
    dust = ball(200, radius=20.0)
    scan = concatenate([ball(300, radius=0.5), dust])
    write_views(scan, tmp_path / "views", views=4, pixels=64)
    view_folder.read(tmp_path / "views").check_shows(scan)


def test_an_object_that_is_faint_all_over_is_an_object_too(folder):
    faint = ball(300, radius=0.8)
    faint = faint.replace(opacities=np.full_like(faint.opacities, 0.01))
    with pytest.raises(RequestError, match="another object"):
        view_folder.read(folder).check_shows(faint.replace(means=faint.means + np.float32(50)))


def test_a_run_learns_the_cameras_of_a_folder_alone(scene, folder):
    everything = load_scene(scene).gaussians
    mine, other = (everything.subset(everything.group == group) for group in (3, 7))
    assert [c.name for c in cameras_of(str(folder), mine)] == names(folder)
    with pytest.raises(RequestError, match="another object"):
        cameras_of(str(folder), other)
    assert isinstance(find(str(folder)), Folder)
    for name in ("comfyui", "auto", str(folder.parent)):
        assert cameras_of(name, mine) is None


# What the panel shows


def test_the_state_of_a_folder(folder):
    assert str(view_folder.state(folder)) == f"0 of {VIEWS} views edited"
    for name in names(folder)[:2]:
        recolour(folder, name, "jpg")
    assert not view_folder.state(folder).ready
    recolour(folder, names(folder)[2])
    (folder / "view_005.png").unlink()
    found = view_folder.state(folder)
    assert found.ready
    assert (found.edited, found.missing) == (("view_000", "view_001", "view_002"), ("view_005",))
    assert str(found) == f"3 of {VIEWS} views edited, 1 missing"


def test_the_state_is_listed_where_only_numpy_is(folder):
    code = """
import importlib.abc
class Without(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("PIL", "torch", "numba", "scipy"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Without())
from ft2os.guidance.editors import view_folder
assert view_folder.state(sys.argv[1]).views == 6
"""
    found = cost(code, folder)
    assert found.kind == "", found.error

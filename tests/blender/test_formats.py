"""Every format in and out of Blender: the artist sees no difference between ours and the backend's."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import bpy
import numpy as np
import pytest

from ft2os.cameras import orbit, save_cameras
from ft2os.formats import load_scene, save_scene
from tests.blender.helpers import in_scene, make_active, red_look, room, splats
from tests.scenes import ball

BACKEND = pytest.mark.skipif("FT2OS_PYTHON" not in os.environ, reason="no backend; run make .venv/.installed")
ENDINGS = ["compressed.ply", "splat", "spz", pytest.param("sog", marks=BACKEND)]


def nearest(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest distance of a point of one set to the other's."""
    apart = np.linalg.norm(found[:, None] - expected[None], axis=2)
    return float(max(apart.min(axis=0).max(), apart.min(axis=1).max()))


@pytest.mark.parametrize("ending", ENDINGS)
def test_out_and_in_again(pair, tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    bpy.ops.ft2os.export_scene(filepath=str(path), what="ALL")
    every = [in_scene(obj) for obj in pair.values()]
    means = np.concatenate([g.means for g in every])
    before = len(splats())
    bpy.ops.ft2os.import_scene(filepath=str(path))
    assert len(splats()) == before + 1
    made = bpy.context.object
    assert made.name.startswith("out")
    found = in_scene(made)
    assert len(found) == len(means)
    assert nearest(found.means, means) < 0.01
    assert made.ft2os.source_path == ""
    assert not list(room("jobs.manager").manager.folder().glob("*.ply"))


@pytest.mark.parametrize("ending", ENDINGS)
def test_looks_go_along_at_their_strength(pair, tmp_path, ending):
    room("scene.looks").add_look(pair["ball"], red_look(pair["ball"]))
    path = tmp_path / f"out.{ending}"
    make_active(pair["ball"])
    bpy.ops.ft2os.export_scene(filepath=str(path), what="SELECTED")
    bpy.ops.ft2os.import_scene(filepath=str(path))
    shown = room("scene.objects").read_gaussians(bpy.context.object).base_colours
    assert np.abs(shown - [1, 0, 0]).max() < 0.03
    assert len(pair["ball"].ft2os.looks) == 1


def test_the_ending_follows_the_format(pair):
    operator = room("ops.export")
    assert operator._with_ending("/a/b.ply", "SPLAT") == "/a/b.splat"
    assert operator._with_ending("/a/b.compressed.ply", "PLY") == "/a/b.ply"
    assert operator._with_ending("/a/b.v2", "COMPRESSED-PLY") == "/a/b.v2.compressed.ply"
    assert operator._with_ending("/a/b.SPLAT", "SPLAT") == "/a/b.SPLAT"


def test_an_ending_that_nobody_writes_is_refused(pair, tmp_path):
    for name in ("a.ksplat", "a.obj"):
        with pytest.raises(RuntimeError, match="Cannot write"):
            bpy.ops.ft2os.export_scene(filepath=str(tmp_path / name))
        assert not (tmp_path / name).exists()


def test_a_collection_exports_itself(pair, tmp_path):
    """As Blender's collection exporters call it: with the collection's name."""
    own = bpy.data.collections.new("Shot")
    bpy.context.scene.collection.children.link(own)
    own.objects.link(pair["ball"])
    bpy.ops.ft2os.export_scene(filepath=str(tmp_path / "shot.splat"), collection="Shot")
    assert len(load_scene(tmp_path / "shot.splat").gaussians) == len(pair["ball"].data.points)
    handler = bpy.types.FT2OS_FH_splats
    assert handler.bl_export_operator == "ft2os.export_scene"
    with pytest.raises(RuntimeError, match="no collection"):
        bpy.ops.ft2os.export_scene(filepath=str(tmp_path / "shot.splat"), collection="None")


def test_blenders_collection_exporter_takes_it(pair, tmp_path):
    own = bpy.data.collections.new("Shot")
    bpy.context.scene.collection.children.link(own)
    own.objects.link(pair["small ball"])
    layer = bpy.context.view_layer.layer_collection.children["Shot"]
    bpy.context.view_layer.active_layer_collection = layer
    bpy.ops.collection.exporter_add(name="FT2OS_FH_splats")
    own.exporters[0].export_properties.filepath = str(tmp_path / "own.ply")
    assert bpy.ops.collection.exporter_export(index=0) == {"FINISHED"}
    assert len(load_scene(tmp_path / "own.ply").gaussians) == len(pair["small ball"].data.points)


def test_every_ending_can_be_dropped():
    endings = set(bpy.types.FT2OS_FH_splats.bl_file_extensions.split(";"))
    assert endings >= {".ply", ".splat", ".spz", ".ksplat", ".sog"}


@BACKEND
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("biker.compressed.ply", 152_746),
        ("plant.splat", 113_648),
        ("tarot_cards.splat", 114_865),
        ("spot_10k.splat", 10_000),
        ("teapot_10k.splat", 10_000),
        ("playbot_sog_lod3/meta.json", 31_000),
        ("playbot_sog_lod5/meta.json", 3_000),
        ("minimal/minimal.ksplat", 4),
        ("minimal/minimal.splat", 4),
        ("minimal/minimal-raw.spz", 4),
        ("minimal/minimal-v2.spz", 4),
        ("minimal/minimal-v3.spz", 4),
        ("minimal/minimal-v4.spz", 4),
    ],
)
def test_files_of_other_tools(data_dir, name, count):
    bpy.ops.ft2os.import_scene(filepath=str(data_dir / "scenes" / name))
    (obj,) = splats().values()
    assert len(obj.data.points) == count


def test_a_broken_file_is_explained_and_leaves_nothing(tmp_path):
    save_scene(tmp_path / "a.spz", ball(60))
    (tmp_path / "a.spz").write_bytes((tmp_path / "a.spz").read_bytes()[:-20])
    with pytest.raises(RuntimeError, match="damaged"):
        bpy.ops.ft2os.import_scene(filepath=str(tmp_path / "a.spz"))
    assert not splats()


def test_without_a_backend_its_formats_say_so(tmp_path, monkeypatch):
    (tmp_path / "a.sog").write_bytes(b"PK\x03\x04" + bytes(60))
    manager = room("jobs.manager")
    from ft2os.errors import BackendError

    def none():
        raise BackendError("No backend is installed.", "Install it.")

    monkeypatch.setattr(manager.manager, "settings", none)
    with pytest.raises(RuntimeError, match="need the backend"):
        bpy.ops.ft2os.import_scene(filepath=str(tmp_path / "a.sog"))


def test_ours_need_no_backend(tmp_path, monkeypatch):
    from ft2os.errors import BackendError

    def none():
        raise BackendError("No backend is installed.", "Install it.")

    monkeypatch.setattr(room("jobs.manager").manager, "settings", none)
    for ending in ("splat", "spz", "compressed.ply", "ply"):
        save_scene(tmp_path / f"a.{ending}", ball(60))
        bpy.ops.ft2os.import_scene(filepath=str(tmp_path / f"a.{ending}"))
        bpy.ops.ft2os.export_scene(filepath=str(tmp_path / f"b.{ending}"))
        assert Path(tmp_path / f"b.{ending}").stat().st_size > 0


@BACKEND
def test_what_comes_through_the_backend_finds_its_cameras(data_dir, tmp_path):
    shutil.copytree(data_dir / "scenes" / "playbot_sog_lod5", tmp_path / "bot")
    save_cameras(tmp_path / "bot" / "cameras.json", orbit(ball(20), 3))
    bpy.ops.ft2os.import_scene(filepath=str(tmp_path / "bot" / "meta.json"))
    assert sum(obj.type == "CAMERA" for obj in bpy.data.objects) == 3


@BACKEND
def test_what_the_backend_alone_can_unpack_goes_there(tmp_path, monkeypatch):
    """A .spz of version 4 in a Blender without zstandard."""
    from ft2os.errors import MissingError

    def missing(*args, **kwargs):
        raise MissingError("needs zstandard", "")

    save_scene(tmp_path / "a.spz", ball(60))
    files = room("scene.files")
    asked = []
    monkeypatch.setattr(files, "load_scene", missing)
    submit = files.Conversion.submit
    monkeypatch.setattr(
        files.Conversion, "submit", lambda self, progress: asked.append(self.path) or submit(self, progress)
    )
    with pytest.raises(RuntimeError, match="needs zstandard"):  # by the stand-in, for what came back
        bpy.ops.ft2os.import_scene(filepath=str(tmp_path / "a.spz"))
    assert asked == [tmp_path / "a.spz"]
    assert not list(room("jobs.manager").manager.folder().glob("*.ply"))


def test_broken_cameras_beside_a_scene_are_said_and_it_comes(two_groups_ply, capfd):
    two_groups_ply.with_name("cameras.json").write_text("[{}]")
    bpy.ops.ft2os.import_scene(filepath=str(two_groups_ply))
    assert splats()
    assert "Warning: The scene comes without its cameras" in capfd.readouterr().out


@BACKEND
def test_a_long_export_is_listed_and_can_be_cancelled(pair, tmp_path):
    """What a window does: the timer drives the job, and Blender goes on meanwhile."""
    files, convert = room("scene.files"), room("ops.convert")
    path = tmp_path / "out.sog"
    path.write_bytes(b"before")
    conversion = files.save(path, ball(40_000, 3))
    said = []
    job = convert.ConvertJob(conversion, "Export", said.append)
    room("ops.queue").jobs[:] = [job]
    [entry] = bpy.context.window_manager.ft2os.jobs
    assert (entry.target, entry.prompt) == ("out.sog", "Export")
    begun = time.monotonic()
    while not job.poll() and time.monotonic() < begun + 60:
        [entry] = bpy.context.window_manager.ft2os.jobs
        if entry.stage in ("Writing", "Packing"):
            bpy.ops.ft2os.cancel(number=job.number)
            assert entry.stage == "Cancelling"
        job._pending._done.wait(0.02)
    assert job.finished
    assert job.error.code == "cancelled"
    assert not said
    assert path.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir() if "out" in p.name] == ["out.sog"]
    assert not conversion.between.exists()
    assert not len(bpy.context.window_manager.ft2os.jobs)
    assert bpy.context.window_manager.ft2os.error == ""

"""File > Export: untouched rows keep their bits; what is lost with the source file is said."""

from __future__ import annotations

import json

import bpy
import numpy as np
import pytest
from plyfile import PlyData

from ft2os import transforms
from ft2os.formats import load_scene
from tests.blender.helpers import delete_points, make_active, red_look, room


def export(path, **options):
    return bpy.ops.ft2os.export_scene(filepath=str(path), **options)


def rows(path) -> np.ndarray:
    return np.asarray(PlyData.read(str(path))["vertex"].data)


def test_an_untouched_scene_exports_its_files_bytes(pair, two_groups_ply, tmp_path):
    export(tmp_path / "out.ply")
    assert (tmp_path / "out.ply").read_bytes() == two_groups_ply.read_bytes()


def test_strength_zero_exports_its_files_bytes(pair, two_groups_ply, tmp_path):
    item = room("scene.looks").add_look(pair["ball"], red_look(pair["ball"]))
    item.strength = 0.0
    export(tmp_path / "out.ply")
    assert (tmp_path / "out.ply").read_bytes() == two_groups_ply.read_bytes()


def test_outside_the_look_every_row_keeps_its_bits(pair, two_groups_ply, tmp_path):
    room("scene.looks").add_look(pair["ball"], red_look(pair["ball"]))
    export(tmp_path / "out.ply")
    before, after = rows(two_groups_ply), rows(tmp_path / "out.ply")
    outside = before[before["group"] != 3]
    assert after[: len(outside)].tobytes() == outside.tobytes()
    red = after[after["group"] == 3]
    assert len(red) == 150
    assert np.allclose(red["f_dc_1"], red["f_dc_1"][0])
    assert set(red["confidence"]) == set(before["confidence"][before["group"] == 3])


def test_deleted_points_are_left_out_and_the_rest_keeps_bits(pair, two_groups_ply, tmp_path):
    doomed = np.arange(150) < 40
    gone = set(room("scene.objects").read_gaussians(pair["ball"]).row[doomed])
    delete_points(pair["ball"], doomed)
    export(tmp_path / "out.ply")
    before = rows(two_groups_ply)
    kept = before[[i not in gone for i in range(len(before))]]
    assert rows(tmp_path / "out.ply").tobytes() == kept.tobytes()


def test_only_the_selected_objects(pair, tmp_path):
    make_active(pair["small ball"])
    export(tmp_path / "out.ply", what="SELECTED")
    assert set(rows(tmp_path / "out.ply")["group"]) == {7}


def test_nothing_selected_is_refused(pair, tmp_path):
    bpy.ops.object.select_all(action="DESELECT")
    with pytest.raises(RuntimeError, match="no splat object to export"):
        export(tmp_path / "out.ply", what="SELECTED")
    assert not (tmp_path / "out.ply").exists()


def test_a_renamed_group_has_its_new_name_in_the_labels(pair, tmp_path):
    pair["ball"].name = "planet"
    (tmp_path / "new").mkdir()
    export(tmp_path / "new" / "out.ply")
    assert json.loads((tmp_path / "new" / "labels.json").read_text()) == {"3": "planet", "7": "small ball"}


def test_a_moved_object_is_baked_and_the_others_keep_bits(pair, two_groups_ply, tmp_path):
    ball = pair["ball"]
    before = room("scene.objects").read_gaussians(ball)
    ball.location, ball.rotation_euler, ball.scale = (1, 2, 3), (0.3, -0.5, 1.1), (2, 2, 2)
    bpy.context.view_layer.update()
    expected = transforms.apply(before, np.array(ball.matrix_local))
    export(tmp_path / "out.ply")
    got = load_scene(tmp_path / "out.ply")
    moved = got.gaussians.subset(got.mask(3))
    assert np.allclose(moved.means, expected.means, atol=1e-4)
    assert np.allclose(moved.scales, expected.scales, rtol=1e-4)
    assert np.allclose(moved.sh, expected.sh, atol=1e-4)
    old, new = rows(two_groups_ply), rows(tmp_path / "out.ply")
    assert new[new["group"] != 3].tobytes() == old[old["group"] != 3].tobytes()


def test_moving_the_whole_scene_changes_no_bit(pair, two_groups_ply, tmp_path):
    root = pair["ball"].parent
    root.location, root.scale = (5, 5, 5), (2, 2, 2)
    export(tmp_path / "out.ply")
    assert (tmp_path / "out.ply").read_bytes() == two_groups_ply.read_bytes()


def test_a_stretched_object_is_refused(pair, tmp_path):
    pair["ball"].scale = (1, 2, 1)
    with pytest.raises(RuntimeError, match="stretched"):
        export(tmp_path / "out.ply")
    assert not (tmp_path / "out.ply").exists()


def test_a_missing_source_is_said_and_the_values_still_come_out(pair, two_groups_ply, tmp_path, capfd):
    expected = load_scene(two_groups_ply).gaussians
    two_groups_ply.unlink()
    assert export(tmp_path / "out.ply") == {"FINISHED"}
    assert "is gone" in capfd.readouterr().out
    assert "is gone" in bpy.context.window_manager.ft2os.error
    got = load_scene(tmp_path / "out.ply").gaussians
    assert len(got) == len(expected)
    assert np.allclose(np.sort(got.opacities), np.sort(expected.opacities), atol=1e-6)


def test_a_changed_source_is_said(pair, two_groups_ply, tmp_path):
    two_groups_ply.write_bytes(two_groups_ply.read_bytes()[:-4] + b"\0\0\0\0")
    export(tmp_path / "out.ply")
    assert "has changed" in bpy.context.window_manager.ft2os.error


def test_an_unwritable_folder_is_reported_and_leaves_nothing(pair, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RuntimeError, match="Cannot write"):
        export(tmp_path / "file" / "out.ply")
    assert bpy.context.window_manager.ft2os.hint


def test_what_is_exported_can_be_opened_again_whatever_ids_a_file_holds(pair, tmp_path):
    pair["ball"].ft2os.group_id = 2**31 - 1
    pair["ball"].parent.ft2os.labels = '{"99999999999": "x", "-5": "y", "7": "small"}'
    export(tmp_path / "out.ply")
    assert len(load_scene(tmp_path / "out.ply").gaussians) == 230

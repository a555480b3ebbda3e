"""Runs in Blender's Python: renders every view with its mask and depth, and samples the surfaces.

Writes to ``layout.WORK``: ``views/NNN.png`` (RGBA, straight alpha), ``passes/NNN.npz`` (group ids and
depth along the viewing axis) and ``surface.npz`` (points with normals and group ids, RDF coordinates).
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from scripts.demo_scene import layout, model

log = logging.getLogger("demo_scene.render")
OVERSAMPLING = 8  # candidates for each Gaussian wanted; training thins them to an even spacing


def main() -> None:
    """Models, samples and renders; ``--views`` and ``--samples`` allow a quick look."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--views", type=int, nargs="*", default=list(range(layout.VIEWS)))
    parser.add_argument("--samples", type=int, default=24)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    model.build()
    for name in ("views", "passes"):
        (layout.WORK / name).mkdir(parents=True, exist_ok=True)
    _settings(options.samples)
    sample_surfaces(layout.WORK / "surface.npz")
    outputs = _passes()
    for view in options.views:
        started = time.monotonic()
        render_view(view, outputs)
        log.info("view %d of %d, %.1f s", view + 1, layout.VIEWS, time.monotonic() - started)


def _settings(samples: int) -> None:
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = True
    scene.cycles.max_bounces = 3
    scene.cycles.caustics_reflective = scene.cycles.caustics_refractive = False
    scene.render.resolution_x = scene.render.resolution_y = layout.SIZE
    scene.render.resolution_percentage = 100
    scene.render.film_transparent = True
    scene.render.use_persistent_data = True
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.view_settings.view_transform = "Standard"  # the default AgX would wash the colours out
    data = bpy.data.cameras.new("camera")
    data.sensor_fit, data.angle = "HORIZONTAL", float(np.radians(layout.FOV_DEG))
    scene.camera = bpy.data.objects.new("camera", data)
    scene.collection.objects.link(scene.camera)


def _passes() -> bpy.types.Node:
    """Lets each render also write its object indices and its depth; the node that does."""
    scene = bpy.context.scene
    layer = scene.view_layers[0]
    layer.use_pass_object_index = layer.use_pass_z = True
    scene.use_nodes = True
    nodes, links = scene.node_tree.nodes, scene.node_tree.links
    source = next(n for n in nodes if n.type == "R_LAYERS")
    output = nodes.new("CompositorNodeOutputFile")
    output.base_path = str(layout.WORK / "passes")
    output.format.file_format = "OPEN_EXR"
    output.format.color_depth = "32"
    output.file_slots.clear()
    for name, socket in (("index", "IndexOB"), ("depth", "Depth")):
        output.file_slots.new(name + "_")
        links.new(source.outputs[socket], output.inputs[name + "_"])
    return output


def render_view(view: int, outputs: bpy.types.Node) -> None:
    """Renders one camera of the dome and stores picture, ids and depth."""
    scene = bpy.context.scene
    scene.camera.matrix_world = camera_matrix(layout.view_matrices()[view])
    scene.frame_set(view)
    scene.render.filepath = str(layout.WORK / "views" / f"{view:03d}.png")
    bpy.ops.render.render(write_still=True)
    folder = Path(outputs.base_path)
    planes = {}
    for name in ("index", "depth"):
        path = folder / f"{name}_{view:04d}.exr"
        planes[name] = _read_exr(path)
        path.unlink()
    ids = np.rint(planes["index"]).astype(np.uint8)
    np.savez_compressed(folder / f"{view:03d}.npz", ids=ids, depth=planes["depth"].astype(np.float32))


def _read_exr(path: Path) -> np.ndarray:
    """The first channel of an EXR, first row on top.  [H, W]"""
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = "Non-Color"
    pixels = np.empty(image.size[0] * image.size[1] * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    plane = pixels.reshape(image.size[1], image.size[0], image.channels)[::-1, :, 0].copy()
    bpy.data.images.remove(image)
    return plane


def camera_matrix(viewmat: np.ndarray) -> Matrix:
    """Blender's camera-to-world (y up, looking down −z) from an RDF world-to-camera matrix.  [4, 4]"""
    rdf_to_blender = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])
    flip = np.diag([1.0, -1.0, -1.0, 1.0])
    return Matrix((rdf_to_blender @ np.linalg.inv(viewmat) @ flip).tolist())


def sample_surfaces(path: Path, seed: int = 0) -> None:
    """Draws points on every evaluated mesh, uniformly by area within each group."""
    rng = np.random.default_rng(seed)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    triangles: dict[int, list[np.ndarray]] = {i: [] for i in layout.GROUPS}
    for part in bpy.context.scene.objects:
        if part.type == "MESH":
            triangles[part.pass_index].append(_triangles(part.evaluated_get(depsgraph)))
    points, normals, groups = [], [], []
    for group, name in layout.GROUPS.items():
        corners = np.concatenate(triangles[group])
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area = np.linalg.norm(cross, axis=1)
        pick = rng.choice(len(area), OVERSAMPLING * layout.BUDGET[name], p=area / area.sum())
        u, v = rng.random((2, len(pick), 1))
        fold = u + v > 1
        u, v = np.where(fold, 1 - u, u), np.where(fold, 1 - v, v)
        a, b, c = corners[pick].transpose(1, 0, 2)
        points.append(a + u * (b - a) + v * (c - a))
        normals.append(cross[pick] / area[pick, None])
        groups.append(np.full(len(pick), group, np.int32))
        log.info("%s: %d parts, %.2f square metres", name, len(triangles[group]), area.sum() / 2)
    np.savez(
        path,
        points=layout.to_rdf(np.concatenate(points)).astype(np.float32),
        normals=layout.to_rdf(np.concatenate(normals)).astype(np.float32),
        groups=np.concatenate(groups),
    )


def _triangles(part: bpy.types.Object) -> np.ndarray:
    """World-space corners of an evaluated object's triangles.  [T, 3, 3]"""
    mesh = part.to_mesh()
    mesh.calc_loop_triangles()
    corners = np.empty(len(mesh.vertices) * 3)
    mesh.vertices.foreach_get("co", corners)
    index = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.loop_triangles.foreach_get("vertices", index)
    matrix = np.array(part.matrix_world)
    world = corners.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
    part.to_mesh_clear()
    return world[index].reshape(-1, 3, 3)


if __name__ == "__main__":
    main()

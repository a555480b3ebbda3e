"""Small vocabulary of toy shapes: each call adds one bevelled, smooth-shaded mesh to the current group."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import bmesh
import bpy
from mathutils import Matrix, Vector

Point = Sequence[float]


class Group:
    """Collects the parts of one scene group under a common transform.

    Parameters
    ----------
    index : int
        Object index of the mask pass.
    location, turn_deg, scale
        Where the group's own origin lies in the world; turn about z.
    """

    def __init__(self, index: int, location: Point = (0, 0, 0), turn_deg: float = 0.0, scale: float = 1.0):
        self.index = index
        self.matrix = (
            Matrix.Translation(location)
            @ Matrix.Rotation(math.radians(turn_deg), 4, "Z")
            @ Matrix.Scale(scale, 4)
        )

    def add(self, mesh: bmesh.types.BMesh, material, local: Matrix, bevel=0.0, segments=3, subdivide=0):
        """Turns a bmesh into an object with this group's index.  Returns the object."""
        data = bpy.data.meshes.new("part")
        bmesh.ops.recalc_face_normals(mesh, faces=mesh.faces)
        mesh.to_mesh(data)
        mesh.free()
        for m in material if isinstance(material, list | tuple) else [material]:
            data.materials.append(m)
        data.shade_smooth()
        part = bpy.data.objects.new("part", data)
        part.matrix_world = self.matrix @ local
        part.pass_index = self.index
        bpy.context.scene.collection.objects.link(part)
        if bevel:
            modifier = part.modifiers.new("bevel", "BEVEL")
            modifier.width, modifier.segments, modifier.limit_method = bevel, segments, "ANGLE"
            modifier.angle_limit = math.radians(40)
            modifier.harden_normals = True
        if subdivide:
            modifier = part.modifiers.new("subdivide", "SUBSURF")
            modifier.levels = modifier.render_levels = subdivide
        return part

    def box(self, size: Point, at: Point, material, bevel=0.02, turn: Point = (0, 0, 0)):
        """A box of ``size`` centred ``at``; ``turn`` in degrees about x, y, z."""
        mesh = bmesh.new()
        bmesh.ops.create_cube(mesh, size=1.0)
        bmesh.ops.scale(mesh, vec=Vector(size), verts=mesh.verts)
        return self.add(mesh, material, place(at, turn), bevel=min(bevel, 0.45 * min(size)))

    def cylinder(self, radius, depth, at: Point, material, axis="Z", bevel=0.01, top=None, sides=48):
        """A cylinder, or a frustum when ``top`` gives another radius."""
        mesh = bmesh.new()
        bmesh.ops.create_cone(
            mesh, cap_ends=True, segments=sides, radius1=radius, radius2=radius if top is None else top,
            depth=depth,
        )  # fmt: skip
        turn = {"X": (0, 90, 0), "Y": (-90, 0, 0), "Z": (0, 0, 0)}[axis]
        return self.add(mesh, material, place(at, turn), bevel=bevel)

    def rod(self, start: Point, end: Point, radius, material, top=None):
        """A cylinder from one point to another."""
        a, b = Vector(start), Vector(end)
        mesh = bmesh.new()
        bmesh.ops.create_cone(
            mesh, cap_ends=True, segments=20, radius1=radius, radius2=radius if top is None else top,
            depth=(b - a).length,
        )  # fmt: skip
        turn = (b - a).to_track_quat("Z", "Y").to_matrix().to_4x4()
        return self.add(mesh, material, Matrix.Translation((a + b) / 2) @ turn, bevel=radius * 0.2)

    def profile(
        self, outline: Sequence[Point], half_width: float, at_y: float, material, bevel=0.03, segments=4
    ):
        """An outline in the x-z plane, extruded to ±half_width about y = at_y."""
        mesh = bmesh.new()
        near = [mesh.verts.new((x, at_y - half_width, z)) for x, z in outline]
        far = [mesh.verts.new((x, at_y + half_width, z)) for x, z in outline]
        mesh.faces.new(near)
        mesh.faces.new(far[::-1])
        for i in range(len(outline)):
            j = (i + 1) % len(outline)
            mesh.faces.new((near[i], far[i], far[j], near[j]))
        return self.add(mesh, material, Matrix(), bevel=bevel, segments=segments)

    def ball(self, radius: Point, at: Point, material, turn: Point = (0, 0, 0), shape: Callable | None = None,
             paint: Callable | None = None, sides=48):  # fmt: skip
        """A sphere; ``shape`` moves each vertex, ``paint`` gives a face's material slot from its centre."""
        mesh = bmesh.new()
        bmesh.ops.create_uvsphere(mesh, u_segments=sides, v_segments=sides // 2, radius=1.0)
        if paint:
            for face in mesh.faces:
                face.material_index = paint(face.calc_center_median())
        if shape:
            for vertex in mesh.verts:
                vertex.co = shape(vertex.co.copy())
        bmesh.ops.scale(mesh, vec=Vector(radius), verts=mesh.verts)
        return self.add(mesh, material, place(at, turn))

    def ring(self, radius, thickness, at: Point, material, axis="X"):
        """A torus."""
        mesh = bmesh.new()
        around, across = 40, 12
        rows = []
        for i in range(around):
            a = 2 * math.pi * i / around
            row = []
            for j in range(across):
                b = 2 * math.pi * j / across
                r = radius + thickness * math.cos(b)
                row.append(mesh.verts.new((r * math.cos(a), r * math.sin(a), thickness * math.sin(b))))
            rows.append(row)
        for i in range(around):
            for j in range(across):
                n, m = (i + 1) % around, (j + 1) % across
                mesh.faces.new((rows[i][j], rows[n][j], rows[n][m], rows[i][m]))
        turn = {"X": (0, 90, 0), "Y": (-90, 0, 0), "Z": (0, 0, 0)}[axis]
        return self.add(mesh, material, place(at, turn))

    def leaf(self, at: Point, normal: Point, length: float, material, roll=0.0):
        """A cupped, pointed leaf that grows from ``at``, facing ``normal``."""
        mesh = bmesh.new()
        rows = []
        for i, width in enumerate((0.10, 0.42, 0.50, 0.34, 0.04)):
            y = i / 4
            lift = 0.22 * math.sin(math.pi * y)
            rows.append(
                [mesh.verts.new((s * width, y, lift - 0.16 * abs(s) * width * 2)) for s in (-1, 0, 1)]
            )
        for lower, upper in pairwise(rows):
            for j in range(2):
                mesh.faces.new((lower[j], lower[j + 1], upper[j + 1], upper[j]))
        turn = Vector(normal).to_track_quat("Z", "Y").to_matrix().to_4x4()
        local = Matrix.Translation(at) @ turn @ Matrix.Rotation(roll, 4, "Z") @ Matrix.Scale(length, 4)
        return self.add(mesh, material, local, subdivide=1)


def place(at: Point, turn: Point = (0, 0, 0)) -> Matrix:
    """A translation after turns about x, y, z in degrees."""
    x, y, z = (Matrix.Rotation(math.radians(a), 4, axis) for a, axis in zip(turn, "XYZ"))
    return Matrix.Translation(at) @ z @ y @ x

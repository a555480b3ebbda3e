"""The arrows of the README's map point one way, torch stays below its line and bpy in its tree."""

from __future__ import annotations

import pytest

from tests.imports import Graph, Import, circles, costs, graph

# From below to above: a row may import the rows before it. Names in one string are one room. The rooms of a
# row do not know each other.
BACKEND = [
    ["errors budget device files pieces process prompts protocol extras strict_json"],
    ["gaussians sh transforms colour activations npy gaussians_npy looks"],
    ["cameras", "threads kernels kernel_cache"],
    ["formats", "tiles", "materials"],
    ["render", "guidance", "losses"],
    ["stylize"],
    ["evaluate", "worker"],
    ["cli warm __main__"],
]
EXTENSION = [
    ["setup"],
    ["jobs"],
    ["scene", "controls"],
    ["render", "properties", "preferences"],
    ["ops"],
    ["ui"],
]

STANDARD_LIBRARY = BACKEND[0][0].split()
NUMPY_ONLY = [*BACKEND[1][0].split(), "cameras", "formats"]
TORCH = (
    "ft2os.render",
    "ft2os.guidance",
    "ft2os.losses",
    "ft2os.stylize.clip",
    "ft2os.stylize.geometry",
    "ft2os.stylize.edit.trainer",
)
BLENDER = {"bpy", "bpy_extras", "gpu", "gpu_extras", "imbuf", "mathutils"}


@pytest.fixture(scope="module")
def arrows() -> Graph:
    return graph()


def _room(module: str) -> str:
    """The part of a module's name that the map lists; a tree's own ``__init__`` has none."""
    return module.split(".")[1] if "." in module else ""


def _places(rows: list[list[str]]) -> dict[str, tuple[int, int]]:
    """Row and place in the row of each name."""
    return {
        name: (height, at)
        for height, row in enumerate(rows)
        for at, room in enumerate(row)
        for name in room.split()
    }


def _upwards(arrows: Graph, tree: str, rows: list[list[str]]) -> set[tuple[str, str]]:
    """The imports that go to a higher row, or to a neighbour in the row."""
    places = _places(rows)
    found = set()
    for module, imports in arrows.items():
        for arrow in imports:
            if module.startswith(f"{tree}.") and arrow.target.startswith(f"{tree}."):
                own, other = places[_room(module)], places[_room(arrow.target)]
                if other[0] > own[0] or (other[0] == own[0] and other != own):
                    found.add((module, arrow.target))
    return found


def test_every_room_has_its_place_in_the_map(arrows):
    for tree, rows in (("ft2os", BACKEND), ("ft2os_blender", EXTENSION)):
        rooms = {_room(module) for module in arrows if module.startswith(f"{tree}.")}
        assert rooms == set(_places(rows)), f"name the rooms of {tree} in tests/test_arrows.py and the README"


def test_arrows_point_one_way(arrows):
    found = _upwards(arrows, "ft2os", BACKEND) | _upwards(arrows, "ft2os_blender", EXTENSION)
    assert not found


def test_no_circles(arrows):
    assert not circles(arrows)


def test_the_lower_rooms_stay_light(arrows):
    found = {}
    for module in arrows:
        room, allowed = _room(module), {"numpy", "plyfile"}
        if not module.startswith("ft2os.") or room not in (*STANDARD_LIBRARY, *NUMPY_ONLY):
            continue
        if room in STANDARD_LIBRARY:
            allowed = set()
        if costly := costs(arrows, module) - allowed:
            found[module] = costly
    assert not found


def test_torch_stays_below_its_line(arrows):
    above = [module for module in arrows if not module.startswith(TORCH)]
    found = {module for module in above if "torch" in costs(arrows, module)}
    assert not found


def test_bpy_stays_in_its_tree(arrows):
    for module, imports in arrows.items():
        named = {arrow.target.partition(".")[0] for arrow in imports}
        if module.startswith("ft2os_blender"):
            assert named <= {*BLENDER, "numpy", "ft2os", "ft2os_blender"}, module
        else:
            assert not named & {*BLENDER, "ft2os_blender"}, module
        # What talks to the backend is tested without Blender.
        if _room(module) in ("jobs", "setup") and module != "ft2os_blender.jobs.manager":
            assert not named & BLENDER, module


def test_the_extension_imports_only_what_blender_can(arrows):
    for module, imports in arrows.items():
        for arrow in imports:
            if module.startswith("ft2os_blender") and arrow.target.startswith("ft2os."):
                assert costs(arrows, arrow.target) <= {"numpy", "plyfile"}, f"{module} imports {arrow.target}"


def test_a_late_import_closes_a_circle_and_costs_nothing():
    toy = {
        "ft2os": [],
        "ft2os.a": [Import("ft2os.b", late=False)],
        "ft2os.b": [Import("ft2os.c", late=True), Import("numpy", late=False)],
        "ft2os.c": [Import("ft2os.a", late=False), Import("torch", late=False)],
        "ft2os.d": [Import("ft2os.a", late=False)],
    }
    assert circles(toy) == {frozenset({"ft2os.a", "ft2os.b", "ft2os.c"})}
    assert costs(toy, "ft2os.d") == {"numpy"}
    assert _upwards(toy, "ft2os", [["a"], ["b c"], ["d"]]) == {("ft2os.a", "ft2os.b")}

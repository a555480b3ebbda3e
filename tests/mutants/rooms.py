"""Which tests judge the mistakes that are drawn in a room, and which files are one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Room:
    """Files and their judges.

    Parameters
    ----------
    files : tuple of str
        Patterns of paths in the repository. A file belongs to the first room that names it.
    tests : tuple of str
        Test files; those under ``tests/blender`` run in Blender's Python, after the others.
    """

    files: tuple[str, ...]
    tests: tuple[str, ...]


def _backend(files: str, tests: str) -> Room:
    """Modules below ``backend/ft2os`` and test files below ``tests``, named by words without endings."""
    return Room(tuple(f"backend/ft2os/{word}.py" for word in files.split()), _tests(tests))


def _blender(files: str, tests: str) -> Room:
    return Room(tuple(f"ft2os_blender/{word}.py" for word in files.split()), _tests(tests))


def _tests(words: str) -> tuple[str, ...]:
    return tuple(f"tests/{folder}test_{name}.py" for folder, name in map(_parted, words.split()))


def _parted(word: str) -> tuple[str, str]:
    folder, slash, name = word.rpartition("/")
    return folder + slash, name


ROOMS = {
    "gaussians": _backend(
        "gaussians gaussians_npy looks npy sh transforms",
        "gaussians transforms looks gaussians_npy formats/ply tiles/tiles_render",
    ),
    "kernels": _backend(
        "threads kernels kernel_cache warm",
        "threads kernels tiles/kernel_cache tiles/tiles_render formats/light",
    ),
    "device": _backend("device", "device gpu/pretended_cuda"),
    "files": _backend(
        "*",
        "files budget gaussians process prompts protocol formats/budget formats/light formats/bad_files"
        " cli/streams worker/server",
    ),
    "packed formats": _backend(
        "formats/archive formats/compressed_ply formats/ksplat formats/quantised formats/sog formats/splat"
        " formats/spz formats/torch_file",
        "formats/every_byte formats/quantised formats/every_format formats/grouping formats/bad_files"
        " formats/odd_files"
        " formats/budget formats/cross_check",
    ),
    "formats": _backend(
        "formats/*",
        "formats/columns formats/ply formats/grouping formats/aside formats/registry"
        " formats/every_format formats/bad_files formats/odd_files",
    ),
    "cameras": _backend("cameras/*", "cameras/cameras cameras/files"),
    "tiles": _backend(
        "tiles/*",
        "tiles/numbers tiles/tiles_render tiles/linear tiles/windows tiles/lite render/rasterize"
        " render/screen_gradients kernels",
    ),
    "materials": _backend(
        "materials/*", "materials/materials materials/colours materials/words materials/kept_matches"
    ),
    "render": _backend(
        "render/*",
        "render/rasterize render/render_edges render/linear_torch render/screen_gradients gpu/engine",
    ),
    "losses": _backend("losses/*", "losses/losses losses/losses_fast losses/geometry_losses"),
    "editors": _backend(
        "guidance/editors/* guidance/picture_file",
        "guidance/editors/door guidance/editors/view_folder guidance/editors/comfyui guidance/editors/fetch"
        " guidance/editors/load guidance/editors/model guidance/editors/agreement guidance/editors/reward",
    ),
    "guidance": _backend(
        "guidance/*",
        "guidance/negatives guidance/clip_judge guidance/perceptual guidance/style_image guidance/text_cache"
        " guidance/torchvision_shim guidance/weights",
    ),
    "clip": _backend(
        "stylize/clip/*",
        "stylize/kept_descriptions stylize/clip_settings stylize/clip_start stylize/kept_clip_parts"
        " stylize/clip_parts stylize/clip_optimum stylize/old_checkpoints stylize/kept_looks"
        " stylize/clip_fast stylize/clip",
    ),
    "geometry": _backend(
        "stylize/geometry/*", "stylize/kept_shapes stylize/shape stylize/kept_looks stylize/geometry"
    ),
    "forms": _backend("stylize/form/*", "stylize/kept_shapes stylize/form stylize/kept_looks"),
    "image": _backend(
        "stylize/image/* stylize/feature_match",
        "stylize/kept_descriptions stylize/kept_painting stylize/feature_match stylize/kept_looks"
        " stylize/image",
    ),
    "edit": _backend(
        "stylize/edit/*",
        "stylize/edit/kept stylize/edit/schedule stylize/edit/instruction stylize/edit/register"
        " stylize/edit/flow stylize/edit/consensus stylize/edit/paper_fit stylize/edit/edit",
    ),
    "material": _backend(
        "stylize/material/* stylize/painting",
        "stylize/kept_descriptions stylize/kept_parts stylize/material stylize/kept_looks",
    ),
    "stylize": _backend(
        "stylize/*",
        "stylize/kept_descriptions stylize/kept_parts stylize/history stylize/framing stylize/floaters"
        " stylize/refit stylize/measure stylize/settings stylize/methods stylize/patience stylize/reporter"
        " stylize/run stylize/units stylize/split stylize/prepare stylize/memory stylize/odd_objects"
        " stylize/material stylize/kept_looks",
    ),
    "evaluate": _backend(
        "evaluate/*",
        "evaluate/kept_page evaluate/measure_edges evaluate/kept_report evaluate/measures evaluate/report",
    ),
    "worker": _backend(
        "worker/*",
        "worker/inside worker/store worker/channel worker/report worker/server worker/stylize worker/hostile",
    ),
    "command line": _backend("cli/*", "cli/printed cli/cli cli/evaluate cli/streams cli/stylize_styles"),
    "client": _blender(
        "jobs/client jobs/process jobs/pending jobs/writer", "worker/client_inside worker/client"
    ),
    "looks in Blender": _blender("scene/looks scene/animation", "blender/scene_edges blender/looks"),
    "objects in Blender": _blender(
        "scene/build scene/objects scene/parts scene/axes",
        "blender/scene_edges blender/import blender/objects",
    ),
}


def files_of(root: Path, name: str) -> list[str]:
    """A room's files, as paths in the repository at ``root``."""
    taken: set[Path] = set()
    for other, room in ROOMS.items():
        found = {path for pattern in room.files for path in root.glob(pattern)} - taken
        if other == name:
            return sorted(path.relative_to(root).as_posix() for path in found)
        taken |= found
    raise KeyError(name)

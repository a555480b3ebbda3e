"""``ft2os doctor``: what is installed, what is found, what is missing and the command that mends it."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from ft2os import __version__, device
from ft2os.cli import console
from ft2os.extras import PACKAGES, extra_of

OK, MISSING, BROKEN = "ok", "missing", "broken"
_FREE_BYTES = 1 << 30


@dataclass(frozen=True)
class Check:
    """One line of the report; ``state`` is ok, missing (optional, works without) or broken."""

    name: str
    state: str
    value: str
    fix: str = ""


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("doctor", help="check the installation and name what mends it")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report; 1 if anything is broken."""
    checks = examine()
    healthy = all(c.state != BROKEN for c in checks)
    if args.json:
        console.print_json({"version": __version__, "ok": healthy, "checks": [asdict(c) for c in checks]})
    else:
        mark = {OK: "✓", MISSING: "–", BROKEN: "✗"}
        for c in checks:
            print(f"{mark[c.state]} {c.name:<15} {c.value}")
            if c.fix:
                print(f"    {c.fix}")
    return 0 if healthy else 1


def examine() -> list[Check]:
    """All checks; none of them downloads or changes anything but the kernel cache."""
    checks = [Check("ft2os", OK, f"{__version__} in {Path(__file__).parents[1]}"), _python()]
    checks += [_extra(name) for name in PACKAGES]
    probes = {
        "device": (_device, "engine"),
        "kernels": (_kernels, "lite"),
        "CLIP weights": (_clip, "engine"),
        "VGG weights": (_vgg, "engine"),
        "editors": (_editors, "lite"),
    }
    for name, (probe, extra) in probes.items():
        checks.append(_guarded(name, probe, extra))
    return [*checks, _folder("temporary files", Path(tempfile.gettempdir())), _folder("cache", _cache())]


def _python() -> Check:
    value = f"{platform.python_version()} at {sys.executable} ({platform.system()} {platform.machine()})"
    return Check("python", OK, value)


def _extra(extra: str) -> Check:
    """Which packages of an extra are there, with their versions."""
    found, lacking = [], []
    for module, distribution in PACKAGES[extra].items():
        if find_spec(module) is None:
            lacking.append(distribution)
            continue
        try:
            found.append(f"{distribution} {importlib.metadata.version(distribution)}")
        except importlib.metadata.PackageNotFoundError:  # carried along, not installed (inside Blender)
            found.append(distribution)
    if not lacking:
        return Check(extra, OK, ", ".join(found))
    state = BROKEN if extra == "core" else MISSING
    name = "ft2os" if extra == "core" else f"ft2os[{extra}]"
    fix = f"Install it: {sys.executable} -m pip install '{name}'"
    return Check(extra, state, f"without {', '.join(lacking)}", fix)


def _guarded(name: str, probe: Callable[[], Check], extra: str) -> Check:
    """A probe's answer. A package that is missing or fails to load is an answer too."""
    try:
        return probe()
    except ModuleNotFoundError as error:
        top = (error.name or "").partition(".")[0]
        extra = extra_of(top) or extra
        return Check(name, MISSING, f"needs {top or extra}", f"Install it: {console.install_command(extra)}")
    except Exception as error:
        return Check(
            name, BROKEN, f"{type(error).__name__}: {error}", "Install it again, then ask here again."
        )


def _device() -> Check:
    import torch

    if device.best_device() == device.CPU:
        return Check("device", OK, f"cpu, {os.cpu_count()} cores, tiles engine")
    name = torch.cuda.get_device_name(0)
    if find_spec("gsplat") is None:
        fix = f"Use it: {console.install_command('cuda')}"
        return Check("device", MISSING, f"{name} judges but does not draw", fix)
    if not device.has_gsplat():
        fix = "Install NVIDIA's CUDA toolkit (nvcc) of the version that torch was built with."
        return Check("device", MISSING, f"{name} judges but does not draw: gsplat lacks its kernels", fix)
    return Check("device", OK, f"cuda ({name}), gsplat engine")


def _kernels() -> Check:
    """Draw one Gaussian: the kernels compile or come from the cache."""
    import numpy as np

    from ft2os.cameras import orbit, stack
    from ft2os.gaussians import Gaussians
    from ft2os.tiles import render

    one = Gaussians(
        means=np.zeros((1, 3), np.float32),
        quats=np.array([[1, 0, 0, 0]], np.float32),
        scales=np.full((1, 3), 0.5, np.float32),
        opacities=np.full(1, 0.9, np.float32),
        sh=np.zeros((1, 1, 3), np.float32),
    )
    started = time.perf_counter()
    alpha = render(one, *stack(orbit(((0, 0, 0), 1.0), 1, (16, 16))), 16, 16).alpha[0]
    seconds = time.perf_counter() - started
    if not 0.85 < float(alpha.max()) < 0.95:
        return Check("kernels", BROKEN, "draw a wrong picture", "Install numba again.")
    return Check("kernels", OK, f"numba kernels work (first picture after {seconds:.1f} s)")


def _clip() -> Check:
    from ft2os.guidance import clip_judge

    if clip_judge.available():
        return Check("CLIP weights", OK, "found")
    fix = (
        "Only the method 'clip' needs them: connect to the network once, "
        "or point FT2OS_CLIP to a folder with a CLIP config and checkpoint."
    )
    return Check("CLIP weights", MISSING, "not on this machine", fix)


def _vgg() -> Check:
    from ft2os.guidance import perceptual

    path = perceptual.find_vgg()
    if path:
        return Check("VGG weights", OK, str(path))
    fix = (
        "Only style images beyond the preset draft and the material preset high need them: download "
        "https://download.pytorch.org/models/vgg16-397923af.pth (528 MB) "
        "into the folder that FT2OS_WEIGHTS names."
    )
    return Check("VGG weights", MISSING, "not on this machine", fix)


def _editors() -> Check:
    from ft2os.guidance.editors import catalogue, fetch

    here = [row.title for row in catalogue.rows().values() if fetch.folder_of(row)]
    if here:
        return Check("editors", OK, f"weights of {', '.join(here)}")
    fix = "Only the method 'edit' with a model needs them: ft2os editors. It also takes a folder or ComfyUI."
    return Check("editors", MISSING, "no weights of an editor on this machine", fix)


def _cache() -> Path:
    from ft2os import threads

    return threads.kernel_cache()


def _folder(name: str, path: Path) -> Check:
    """Whether a folder can be written, and how much room it has."""
    if not os.access(path, os.W_OK):
        return Check(
            name, BROKEN, f"{path} cannot be written", "Make it writable, or set TMPDIR or XDG_CACHE_HOME."
        )
    free = shutil.disk_usage(path).free
    value = f"{path}, {free / (1 << 30):.1f} GiB free"
    if free < _FREE_BYTES:
        return Check(name, BROKEN, value, "Free some disk space.")
    return Check(name, OK, value)

"""What each extra of the distribution brings: which to name where a package is missing.

``pyproject.toml`` holds the versions. Here are the modules that the code imports, and what installs them.
"""

from __future__ import annotations

PACKAGES = {  # extra -> {module: distribution}
    "core": {"numpy": "numpy", "plyfile": "plyfile"},
    "lite": {
        "numba": "numba",
        "llvmlite": "llvmlite",
        "scipy": "scipy",
        "PIL": "pillow",
        "rich": "rich",
        "psutil": "psutil",
        "websockets": "websockets",
    },
    "engine": {
        "torch": "torch",
        "torchvision": "torchvision",
        "open_clip": "open_clip_torch",
        "lpips": "lpips",
        "safetensors": "safetensors",
    },
    "cuda": {"gsplat": "gsplat"},
    "diffusion": {
        "diffusers": "diffusers",
        "transformers": "transformers",
        "accelerate": "accelerate",
        "peft": "peft",
    },
}


WEIGHTS = {  # what is not shipped, as it is called, and how to get it
    "CLIP": "Let FT2OS_CLIP name a folder with a CLIP config and checkpoint, or allow it to be fetched once: "
    "in Blender with Allow Online Access, in the shell with --download.",
    "VGG16": "Download https://download.pytorch.org/models/vgg16-397923af.pth into the folder that "
    "FT2OS_WEIGHTS names.",
}


def extra_of(module: str) -> str | None:
    """The extra that brings a top-level module; None for the core's own and for any other."""
    return next((extra for extra, found in PACKAGES.items() if extra != "core" and module in found), None)

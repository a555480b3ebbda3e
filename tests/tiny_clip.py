"""A CLIP of random weights, small enough to make in a test, written as open_clip stores its models."""

from __future__ import annotations

import json
from pathlib import Path

MODEL = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def register(folder: Path, name: str) -> Path:
    """Make the model known to open_clip by name; the config file that says so."""
    from ft2os.guidance import torchvision_shim

    torchvision_shim.ensure()
    import open_clip

    folder.mkdir(parents=True, exist_ok=True)
    config = folder / f"{name}.json"
    config.write_text(json.dumps(MODEL))
    open_clip.add_model_config(config)
    return config


def write(folder: Path, *, bare: bool = False, seed: int = 0) -> Path:
    """A folder with a checkpoint and ``open_clip_config.json`` or, bare, only the model's own config."""
    import torch

    config = register(folder, f"tiny-{folder.name}")
    import open_clip

    torch.manual_seed(seed)
    model = open_clip.create_model(config.stem)
    torch.save(model.state_dict(), folder / "weights.pt" if bare else folder / "open_clip_model.bin")
    if not bare:
        config.unlink()
        whole = {"model_cfg": MODEL, "preprocess_cfg": {"mean": MEAN, "std": STD}}
        (folder / "open_clip_config.json").write_text(json.dumps(whole))
    return folder

"""Pictures as the latents of a pipeline, and the noise that it would draw for a view.

Pipelines differ in how they lay out what they denoise; what they share is taken from their own methods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

Encode = Callable[[Any, Tensor], Tensor]


def _unet(pipe: Any, pictures: Tensor) -> Tensor:
    """Stable Diffusion: the autoencoder's mode, normalised as its config says."""
    config = pipe.vae.config
    latents = pipe.vae.encode(pictures).latent_dist.mode()
    mean, std = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
    if mean is not None and std is not None:
        mean, std = (latents.new_tensor(numbers).view(1, -1, 1, 1) for numbers in (mean, std))
        return (latents - mean) * config.scaling_factor / std
    return latents * config.scaling_factor


def _patched(pipe: Any, pictures: Tensor) -> Tensor:
    """FLUX.2: patches of two by two as channels, [B, 4 C, h / 2, w / 2]; the pipeline packs them itself."""
    return pipe._encode_vae_image(image=pictures, generator=None)


def _packed(pipe: Any, pictures: Tensor) -> Tensor:
    """FLUX.1: a sequence of patches [B, T, 4 C]."""
    latents = pipe._encode_vae_image(image=pictures, generator=None)
    return pipe._pack_latents(latents, *latents.shape)


def _frames(pipe: Any, pictures: Tensor) -> Tensor:
    """Qwen-Image: as FLUX.1, from an autoencoder of videos of one frame."""
    latents = pipe._encode_vae_image(image=pictures.unsqueeze(2), generator=None)[:, :, 0]
    return pipe._pack_latents(latents, *latents.shape)


LAYOUTS: Mapping[str, Encode] = {"unet": _unet, "patched": _patched, "packed": _packed, "frames": _frames}


@torch.no_grad()
def encode(pipe: Any, layout: str, pictures: np.ndarray) -> Tensor:
    """Latents of pictures [B, H, W, 3], 0 to 1, in a pipeline's layout and on its device.

    Each by itself: a picture's latents have the same bits whatever is beside it.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(pictures, np.float32)).permute(0, 3, 1, 2) * 2 - 1
    tensor = tensor.to(pipe._execution_device, pipe.vae.dtype)
    return torch.cat([LAYOUTS[layout](pipe, one) for one in tensor.split(1)])


def draw(like: Tensor, generators: list[torch.Generator]) -> Tensor:
    """The noise that a pipeline draws from a view's generator, for latents like these."""
    shape = (1, *like.shape[1:])
    drawn = [torch.randn(shape, generator=generator, dtype=like.dtype) for generator in generators]
    return torch.cat(drawn).to(like.device)

"""Multi-reward conditioning (Gu et al. 2025) on a stock UNet of InstructPix2Pix: two hooks, nothing patched.

Three scores condition the UNet: how well words are followed, how well the rest is kept, how good the picture
is. The time embedding gets ``MLP(R) + W n``; after ``conv_in`` comes
``x + proj(CA(proj(GN(x)), [MLP(R), W n]))``. R are the scores' sinusoids, n is the pooled text of
"None; None; None". The 34 tensors have the published checkpoint's names. Without the hooks the editor is the
stock one to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import Tensor, nn

from ft2os.errors import FileError, RequestError
from ft2os.files import brief
from ft2os.guidance.editors import headers
from ft2os.guidance.editors.options import MOST_SCORE

NONE_TEXT = "None; None; None"  # what stands for the feedback in words that training gave beside the scores
MOST_BYTES = 8 << 30  # the UNet in single precision has 3.5 GB
_SINUSOID = 256
_HEADS = 8


class Reward(nn.Module):
    """The added network; `of` makes one that fits a UNet, `load_state_dict` takes the published tensors."""

    def __init__(self, width: int = 320, time: int = 1280, text: int = 768) -> None:
        super().__init__()
        self.scores = Timesteps(_SINUSOID, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.add_embedding = TimestepEmbedding(3 * _SINUSOID, time)
        self.add_embedding2 = TimestepEmbedding(3 * _SINUSOID, width)
        self.text_linear, self.text_linear2 = nn.Linear(text, width), nn.Linear(text, time)
        self.proj_deal: Any = _parts(
            norm=nn.GroupNorm(32, width, eps=1e-6),
            proj_in=nn.Conv2d(width, width, 1),
            proj_out=nn.Conv2d(width, width, 1),
        )
        self.ca: Any = _cross_attention(width)

    @classmethod
    def of(cls, unet: Any) -> Reward:
        """One of random numbers for a UNet of diffusers."""
        width = unet.config.block_out_channels[0]
        return cls(width, 4 * width, unet.config.cross_attention_dim)

    def time(
        self,
        scores: Tensor,  # [1, 3 · 256]
        text: Tensor,  # [1, D]
    ) -> Tensor:  # [1, time]
        """What is added to the time embedding."""
        return self.add_embedding(scores) + self.text_linear2(text)

    def picture(
        self,
        x: Tensor,  # [B, width, h, w]
        scores: Tensor,  # [1, 3 · 256]
        text: Tensor,  # [1, D]
    ) -> Tensor:  # [B, width, h, w]
        """What ``conv_in`` gave, after it has looked at the scores; post-norm as in BERT."""
        told = torch.stack([self.add_embedding2(scores), self.text_linear(text)], 1).expand(len(x), -1, -1)
        query = self.proj_deal.proj_in(self.proj_deal.norm(x)).flatten(2).transpose(1, 2)
        attention, output = self.ca.attention, self.ca.output
        looks = attention.self
        seen = nn.functional.scaled_dot_product_attention(
            _heads(looks.query(query)), _heads(looks.key(told)), _heads(looks.value(told))
        )
        seen = attention.output.dense(seen.transpose(1, 2).flatten(2))
        y = attention.output.LayerNorm(seen + query)
        inner = nn.functional.gelu(self.ca.hidden_intermediate.dense(y))
        y = output.LayerNorm(output.dense(inner) + y)
        return x + self.proj_deal.proj_out(y.transpose(1, 2).unflatten(2, x.shape[2:]))

    @contextmanager
    def on(self, unet: Any, scores: Sequence[float], text: Tensor) -> Iterator[None]:
        """Within it the UNet is conditioned on three scores, 0 to 5.

        Parameters
        ----------
        text : Tensor, [1, D]
            The pooled encoding of `NONE_TEXT`: see `pooled`.
        """
        values = torch.tensor(scores, dtype=torch.float32, device=unet.device)
        if values.shape != (3,) or not bool(((values >= 0) & (values <= MOST_SCORE)).all()):
            raise RequestError(
                "Multi-reward takes three scores from 0 to 5.", "Set them so; 5, 5, 5 is usual."
            )
        told, words = self.scores(values).reshape(1, -1).to(unet.dtype), text.to(unet.dtype)
        hooks = [
            unet.time_embedding.register_forward_hook(lambda _m, _i, out: out + self.time(told, words)),
            unet.conv_in.register_forward_hook(lambda _m, _i, out: self.picture(out, told, words)),
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


@torch.no_grad()
def pooled(pipe: Any, text: str = NONE_TEXT) -> Tensor:  # [1, D]
    """The pooled encoding of a text by a pipeline's CLIP."""
    tokens = pipe.tokenizer(
        [text],
        max_length=pipe.tokenizer.model_max_length,
        padding="max_length",
        truncation=True,
        return_tensors="pt",
    ).input_ids
    return pipe.text_encoder(tokens.to(pipe.text_encoder.device)).pooler_output


def load(path: Path, unet: Any) -> Reward:
    """Put a checkpoint's UNet into ``unet`` and give its reward network, both on the UNet's device.

    Parameters
    ----------
    path : Path
        ``.safetensors``, whose header is checked first, or ``.bin``, read without running what it holds.

    Raises
    ------
    FileError
        If it cannot be read or is not of this model; tensors that differ are named.
    """
    reward = Reward.of(unet)
    own, added = _shapes(unet), _shapes(reward)
    if path.suffix == ".safetensors":
        found = {name: entry.shape for name, entry in headers.read(path).items()}
        headers.check(path, found, {**own, **added})
    tensors = _tensors(path)
    headers.check(path, {name: tuple(tensor.shape) for name, tensor in tensors.items()}, {**own, **added})
    unet.load_state_dict({name: tensors[name] for name in own})
    reward.load_state_dict({name: tensors[name] for name in added})
    return reward.to(unet.device, unet.dtype).eval().requires_grad_(False)


def _tensors(path: Path) -> Mapping[str, Tensor]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise FileError(f"{path.name} is larger than any such model.", "Choose another file.")
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (OSError, ValueError, RuntimeError, UnpicklingError, EOFError) as error:
        raise FileError(
            f"{path.name} is no checkpoint that can be read: {brief(error)}.",
            "Choose a .safetensors file, or a .bin file that holds tensors only.",
        ) from error


def _shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def _heads(x: Tensor) -> Tensor:  # [B, T, C] -> [B, heads, T, C / heads]
    return x.unflatten(-1, (_HEADS, -1)).transpose(1, 2)


def _cross_attention(width: int) -> Any:
    """A block of cross-attention; its modules are named as in the published checkpoint."""

    def dense_and_norm() -> Any:
        return _parts(dense=nn.Linear(width, width), LayerNorm=nn.LayerNorm(width, eps=1e-12))

    looks = _parts(**{name: nn.Linear(width, width) for name in ("query", "key", "value")})
    return _parts(
        attention=_parts(self=looks, output=dense_and_norm()),
        hidden_intermediate=_parts(dense=nn.Linear(width, width)),
        output=dense_and_norm(),
    )


def _parts(**modules: nn.Module) -> Any:
    """A module that only holds others by these names."""
    whole = nn.Module()
    for name, module in modules.items():
        whole.add_module(name, module)
    return whole

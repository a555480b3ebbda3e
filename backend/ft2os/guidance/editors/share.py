"""Shared attention: the views of a batch look at each other, so that their edits agree. No training.

Self-attention over the tokens of all views (TokenFlow, DGE) is the stock attention over [B / V, V · T, C]
instead of [B, T, C], so one processor wraps any other. A pipeline's batch holds its branches of guidance one
after the other, each with all views: branches never mix.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


class SharedAttention:
    """An attention processor of diffusers that lets self-attention run over all views.

    Parameters
    ----------
    inner : callable
        The stock processor.
    views : int
        Views in the batch.
    keys : int
        Only the first so many views are seen by the others, beside each view's own tokens; 0 is all.
    """

    def __init__(self, inner: Any, views: int, keys: int = 0) -> None:
        self.inner, self.views, self.keys = inner, views, keys

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,  # [B, T, C]
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Tensor:  # [B, T, C]
        """Attend as the stock processor does, over the tokens of several views."""
        rest = (attention_mask, *args)
        if encoder_hidden_states is not None or self.views == 1 or hidden_states.ndim != 3:
            return self.inner(attn, hidden_states, encoder_hidden_states, *rest, **kwargs)
        batch, tokens, width = hidden_states.shape
        if not 0 < self.keys < self.views:
            joined = hidden_states.reshape(batch // self.views, self.views * tokens, width)
            return self.inner(attn, joined, None, *rest, **kwargs).reshape(batch, tokens, width)
        views = hidden_states.unflatten(0, (-1, self.views))  # [b, V, T, C]
        keys = views[:, : self.keys].flatten(1, 2)[:, None]  # [b, 1, keys · T, C]
        parts = []
        for own, alone in ((views[:, : self.keys], True), (views[:, self.keys :], False)):
            seen = keys.expand(-1, own.shape[1], -1, -1)
            seen = seen if alone else torch.cat([own, seen], 2)  # a key view is among what it sees already
            out = self.inner(attn, own.flatten(0, 1), seen.flatten(0, 1), *rest, **kwargs)
            parts.append(out.unflatten(0, own.shape[:2]))
        return torch.cat(parts, 1).flatten(0, 1)


@contextmanager
def shared(unet: Any, views: int, keys: int = 0) -> Iterator[None]:
    """Within it every self-attention of a UNet is shared; afterwards its processors are the ones before."""
    before = dict(unet.attn_processors)
    unet.set_attn_processor(
        {
            name: SharedAttention(processor, views, keys) if name.endswith("attn1.processor") else processor
            for name, processor in before.items()
        }
    )
    try:
        yield
    finally:
        unet.set_attn_processor(before)

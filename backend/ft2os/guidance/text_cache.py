"""Text embeddings kept on disk: thousands of words take a CPU a minute, and never change.

The key holds the judge's name, the texts, and what the judge makes of one sentence: weights that were
exchanged under the same name give another file. What cannot be read or written is simply computed.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ft2os.errors import Ft2osError
from ft2os.files import cache_dir, replacing

log = logging.getLogger(__name__)

_PROBE = "a photo of a lighthouse at night"
_AT_ONCE = 64
_DECIMALS = 3  # of the probe: rounding differs from one processor to another, weights differ by more


def embed_all(judge, texts: list[str], tick: Callable[[float], None] | None = None) -> Tensor:  # [T, D]
    """``judge.embed_texts``, from the disk where it was asked before on this machine.

    ``tick(share)`` is called after each few dozen that have to be encoded, and may raise to stop.
    """
    path = _path(judge, texts)
    kept = _read(path, len(texts)) if path else None
    if kept is not None:
        return kept.to(judge.device)
    parts = []
    # A few at a time: the text tower holds half a megabyte for each.
    for start in range(0, len(texts), _AT_ONCE):
        parts.append(judge.embed_texts(texts[start : start + _AT_ONCE]))
        if tick:
            tick(min(1.0, (start + _AT_ONCE) / len(texts)))
    embeddings = torch.cat(parts)
    if path:
        _write(path, embeddings)
    return embeddings


def knows(judge, texts: list[str]) -> bool:
    """Whether these texts were encoded on this machine before."""
    path = _path(judge, texts)
    return path is not None and path.exists()


def _path(judge, texts: list[str]) -> Path | None:
    """The file of these texts; None where there is no home folder."""
    probe = judge.embed_texts([_PROBE])[0].float().cpu()
    digest = hashlib.sha256(judge.name.encode())
    digest.update(b"".join(b"%d," % round(float(v) * 10**_DECIMALS) for v in probe))
    digest.update("\n".join(texts).encode())
    try:
        return cache_dir() / "texts" / f"{digest.hexdigest()[:24]}.safetensors"
    except RuntimeError:
        return None


def _read(path: Path, count: int) -> Tensor | None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        kept = load_file(path)["texts"]
    except (OSError, SafetensorError, KeyError):
        return None
    return kept if kept.dim() == 2 and len(kept) == count and torch.isfinite(kept).all() else None


def _write(path: Path, embeddings: Tensor) -> None:
    from safetensors.torch import save

    try:
        with replacing(path) as temporary:
            temporary.write_bytes(save({"texts": embeddings.float().cpu().contiguous()}))
    except Ft2osError as error:
        log.info("text embeddings are not kept: %s", error.message)

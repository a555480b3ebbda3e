"""Text embeddings kept on disk: thousands of words take a CPU a minute, and never change.

The key holds the judge's name, the texts, and what the judge makes of one sentence: weights that were
exchanged under the same name give another file. What cannot be read or written is simply computed.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import torch
from torch import Tensor

from ft2os.errors import Ft2osError
from ft2os.files import cache_dir, replacing

log = logging.getLogger(__name__)

_PROBE = "a photo of a lighthouse at night"
_AT_ONCE = 64
_DECIMALS = 3  # of the probe: rounding differs from one processor to another, weights differ by more


def embed_all(judge, texts: list[str]) -> Tensor:  # [T, D]
    """``judge.embed_texts``, from the disk where it was asked before on this machine."""
    try:
        path = _path(judge, texts)
    except RuntimeError:  # no home folder
        return judge.embed_texts(texts)
    kept = _read(path, len(texts))
    if kept is not None:
        return kept.to(judge.device)
    # A few at a time: the text tower holds half a megabyte for each.
    parts = [judge.embed_texts(texts[start : start + _AT_ONCE]) for start in range(0, len(texts), _AT_ONCE)]
    embeddings = torch.cat(parts)
    _write(path, embeddings)
    return embeddings


def _path(judge, texts: list[str]) -> Path:
    probe = judge.embed_texts([_PROBE])[0].float().cpu()
    digest = hashlib.sha256(judge.name.encode())
    digest.update(b"".join(b"%d," % round(float(v) * 10**_DECIMALS) for v in probe))
    digest.update("\n".join(texts).encode())
    return cache_dir() / "texts" / f"{digest.hexdigest()[:24]}.safetensors"


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

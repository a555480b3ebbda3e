"""Coherence: neighbours share their gradients, so that a surface moves as a surface.

A judge's gradient differs from one Gaussian to the next, and Adam makes each as long as any. Followed singly
they tear a surface to flakes. So gradients are averaged onto control points and handed back from there
before Adam sees them: descent in a smoother space, as Nicolet et al. ("Large steps in inverse rendering of
geometry", 2021) do on meshes. A little of each one's own gradient is left.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree
from torch import Tensor

from ft2os.stylize.geometry.shape import Shape

OWN_SHARE = {"position": 0.03, "scale": 0.06, "rotation": 0.06, "opacity": 0.1}
"""Share of its own gradient that a Gaussian keeps, by array; colours keep all."""
_NEIGHBOURS = 6  # control points that a Gaussian follows


class Coherence:
    """Averages the gradients of a shape over its control points.

    Parameters
    ----------
    shape : Shape
        As it is now: to be made anew when it was split.
    spacing : float
        Between control points, world units.
    """

    def __init__(self, shape: Shape, spacing: float) -> None:
        places = shape.home["means"].detach().cpu().numpy().astype(np.float64)
        control = _centres(places, spacing)
        distance, near = cKDTree(control).query(places, k=min(_NEIGHBOURS, len(control)))
        distance, near = distance.reshape(len(places), -1), near.reshape(len(places), -1)
        weight = np.exp(-0.5 * (distance / spacing) ** 2) + 1e-9
        weight /= weight.sum(axis=1, keepdims=True)
        rows = np.repeat(np.arange(len(places)), near.shape[1])
        back = csr_matrix((weight.ravel(), (rows, near.ravel())), shape=(len(places), len(control)))
        onto = back.T.tocsr()
        onto.data /= np.repeat(np.asarray(onto.sum(axis=1)).ravel(), np.diff(onto.indptr))
        self._back, self._onto = (_tensor(matrix, shape.parent.device) for matrix in (back, onto))

    def __call__(self, shape: Shape) -> None:
        """Smooth the gradients that ``shape`` has now."""
        for name, gradient in shape.gradients():
            if name in OWN_SHARE:
                together = self._back @ (self._onto @ gradient.reshape(len(gradient), -1))
                gradient.lerp_(together.reshape(gradient.shape), 1.0 - OWN_SHARE[name])


def _centres(places: np.ndarray, spacing: float) -> np.ndarray:
    """Means of the points [M, 3] in each cell of a grid.  [C, 3]"""
    cells = np.floor((places - places.min(axis=0)) / spacing).astype(np.int64)
    _, cell = np.unique(cells, axis=0, return_inverse=True)
    cell = cell.reshape(-1)
    sums = np.stack([np.bincount(cell, axis) for axis in places.T], axis=1)
    return sums / np.bincount(cell)[:, None]


def _tensor(matrix: csr_matrix, device: torch.device) -> Tensor:
    coo = matrix.tocoo()
    index = torch.from_numpy(np.stack([coo.row, coo.col]).astype(np.int64))
    values = torch.from_numpy(coo.data.astype(np.float32))
    return torch.sparse_coo_tensor(index, values, matrix.shape, check_invariants=True).coalesce().to(device)

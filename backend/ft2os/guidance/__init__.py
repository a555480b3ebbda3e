"""What judges a picture: CLIP models and perceptual networks, found on this machine and loaded from there."""

from __future__ import annotations

import os

# torch and numba each bring an OpenMP runtime, whose spinning threads starve each other. This counts only if
# it is set before torch is imported, and every module of this room imports torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

"""What a stylization minimises: one loss a file, pure functions of tensors without a model or a state."""

from ft2os.losses.anchor import anchor_loss
from ft2os.losses.content import content_loss
from ft2os.losses.contrastive import contrastive_loss
from ft2os.losses.direction import direction_loss
from ft2os.losses.needle import needle_loss
from ft2os.losses.similarity import similarity_loss
from ft2os.losses.smooth import smoothness_loss
from ft2os.losses.spill import spill_loss
from ft2os.losses.structure import structure_loss

__all__ = [
    "anchor_loss",
    "content_loss",
    "contrastive_loss",
    "direction_loss",
    "needle_loss",
    "similarity_loss",
    "smoothness_loss",
    "spill_loss",
    "structure_loss",
]

"""Make ``import torchvision`` work beside a CPU build of torch.

The package index carries only torchvision's CUDA build. Beside a CPU torch its compiled operators do not
load, and the import dies while registering a fake kernel for ``torchvision::nms``; open_clip, lpips and timm
fall with it although none of them calls that operator. Declaring the two missing schemas is enough. Call
``ensure()`` before anything imports torchvision; where torchvision works by itself it does nothing.
"""

from __future__ import annotations

import importlib
import logging
import sys

import torch

from ft2os.errors import MissingError

log = logging.getLogger(__name__)

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_OPERATORS = ("nms", "qnms")

# The declarations live exactly as long as this object does.
_library: torch.library.Library | None = None


def ensure() -> None:
    """Import torchvision, declaring the operators it misses when (and only when) that is why it fails.

    Raises
    ------
    MissingError
        If torchvision is not installed, or is of a version that does not fit this torch.
    """
    try:
        importlib.import_module("torchvision")
        return
    except ImportError as error:
        raise _missing(error) from error
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise _missing(error) from error
    _declare()
    for name in [n for n in sys.modules if n == "torchvision" or n.startswith("torchvision.")]:
        del sys.modules[name]  # the failed import left half a package behind
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError) as error:
        raise _missing(error) from error
    log.debug("torchvision works after declaring %s", ", ".join(_OPERATORS))


def _declare() -> None:
    global _library
    if _library is None:
        _library = torch.library.Library("torchvision", "FRAGMENT")
        for name in _OPERATORS:
            _library.define(name + _SCHEMA)


def _missing(error: Exception) -> MissingError:
    return MissingError(
        f"torchvision cannot be imported ({error}).",
        "Install the engine again, with a torch and a torchvision that fit: pip install 'ft2os[engine]'.",
    )

"""How a model is held in the memory that there is, decided before anything of it is loaded.

Whole on the device; its large parts in four bits; or its parts in the machine's memory, one at a time on the
device. What fits none of these is refused, and the message names an editor that does fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from ft2os import device
from ft2os.errors import MissingError
from ft2os.guidance.editors import catalogue
from ft2os.guidance.editors.catalogue import HALF_BYTES, SINGLE_BYTES, Row
from ft2os.process import available_memory

WORKING_SHARE, WORKING_LEAST = 0.2, 1 << 30  # what a call takes beside the weights, where nobody measured it
MOST_ON_CPU = 1.5e9  # parameters; a step of more takes minutes
_WITHOUT = "the editor folder (any program), comfyui (also on another machine), or the method material"


@dataclass(frozen=True)
class Machine:
    """Where a model would run: "cpu" or "cuda", and the bytes that it may take there and beside it."""

    device: str
    memory: int
    beside: int


@dataclass(frozen=True)
class Plan:
    """How a model is held: one of `catalogue.MODES`, on which device, in bytes of which width."""

    mode: str
    device: str
    width: int

    @property
    def tight(self) -> bool:
        """Whether pictures are decoded in tiles to save memory."""
        return self.mode != "full"


def this_machine(memory: int | None = None) -> Machine:
    """This machine, asked without torch where it has no NVIDIA driver; ``memory`` replaces what is free."""
    best = device.CPU
    if device.has_driver() and find_spec("torch"):
        best = device.best_device()
    free = available_memory() if memory is None else memory
    if best == device.CPU:
        return Machine(best, free, free)
    return Machine(best, available_memory(best) if memory is None else memory, available_memory())


def plan(
    machine: Machine,
    parameters: Mapping[str, int],
    large: tuple[str, ...],
    working: float | None = None,
    mode: str = "auto",
) -> Plan | None:
    """The first way of holding a model that fits, or None.

    Parameters
    ----------
    machine : Machine
    parameters : mapping
        Parameters of each part.
    large : tuple of str
        The parts that four bits are for.
    working : float, optional
        Bytes that a call takes beside the weights.
    mode : str
        "auto", or the only one to try.
    """
    if machine.device == device.CPU:
        fits = _needs(parameters, large, "full", SINGLE_BYTES, working) <= machine.memory
        small = sum(parameters.values()) <= MOST_ON_CPU
        # Half precision takes a CPU twice as long as single.
        return (
            Plan("full", machine.device, SINGLE_BYTES)
            if fits and small and mode in ("auto", "full")
            else None
        )
    for tried in catalogue.MODES if mode == "auto" else (mode,):
        if tried == "4bit" and find_spec("bitsandbytes") is None:
            continue
        whole = catalogue.weights(parameters, large, "full")
        if tried == "offload" and whole > machine.beside:
            continue
        if _needs(parameters, large, tried, HALF_BYTES, working) <= machine.memory:
            return Plan(tried, machine.device, HALF_BYTES)
    return None


def plan_row(machine: Machine, row: Row, mode: str = "auto") -> Plan | None:
    """`plan` for a row of the catalogue."""
    return plan(machine, row.parameters, row.large, row.working.value, mode)


def refusal(machine: Machine, title: str, parameters: Mapping[str, int], mode: str) -> MissingError:
    """The sentence for a model that does not fit, with an editor that does."""
    fitting = [row.name for row in catalogue.rows().values() if plan_row(machine, row) and row.title != title]
    instead = f"{fitting[0]}, {_WITHOUT}" if fitting else _WITHOUT
    billions = sum(parameters.values()) / 1e9
    if machine.device == device.CPU and billions * 1e9 > MOST_ON_CPU:
        return MissingError(
            f"{title} has {billions:.1f} billion parameters and needs an NVIDIA GPU; there is none here.",
            f"Use {instead}.",
        )
    held = "" if mode == "auto" else f" as {mode}"
    width = SINGLE_BYTES if machine.device == device.CPU else HALF_BYTES
    whole = catalogue.weights(parameters, (), "full", width)
    return MissingError(
        f"{title} does not fit{held}: its weights alone take {whole / 1e9:.1f} GB, "
        f"{machine.memory / 1e9:.1f} GB may be taken.",
        f"Close other programs, or use {instead}.",
    )


def _needs(
    parameters: Mapping[str, int], large: tuple[str, ...], mode: str, width: int, working: float | None
) -> float:
    """Bytes on the device."""
    weights = catalogue.weights(parameters, large, mode, width)
    return weights + (max(WORKING_SHARE * weights, WORKING_LEAST) if working is None else working)

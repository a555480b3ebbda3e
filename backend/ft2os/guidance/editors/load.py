"""Loading a pipeline of diffusers from a folder: checked first, held as the memory allows, nothing executed.

The classes come from diffusers and transformers alone, the numbers from safetensors. Parts are loaded one by
one, so that it can be told how far it is, and so that tensors that a part lacks are named: the libraries fill
them with random numbers and only warn.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ft2os.device import lacks_memory
from ft2os.errors import FileError, MissingError, RequestError
from ft2os.extras import PACKAGES
from ft2os.files import brief, open_regular
from ft2os.guidance import weights
from ft2os.guidance.editors import catalogue, fetch, headers
from ft2os.guidance.editors.catalogue import SINGLE_BYTES, Row
from ft2os.guidance.editors.door import Tick
from ft2os.guidance.editors.options import Options
from ft2os.guidance.editors.plan import Machine, Plan, plan, plan_row, refusal, this_machine
from ft2os.strict_json import read_json

log = logging.getLogger(__name__)

_LIBRARIES = ("diffusers", "transformers")
_KINDS = ("unet", "transformer", "vae", "text_encoder", "text_encoder_2")  # parts that hold weights
_PEFT = "peft"


@dataclass(frozen=True)
class Source:
    """A pipeline's folder, checked: its parts with their library and class, and their parameters."""

    folder: Path
    row: Row
    parts: Mapping[str, tuple[str, str]]
    parameters: Mapping[str, int]


def editor(source: Row | Path, options: Options, *, download: bool | None, memory: int | None):
    """The `Model` of a row of the catalogue or of a folder; loaded at its first edit.

    Raises
    ------
    RequestError, MissingError, FileError
        See `ft2os.guidance.editors.find`.
    """
    from ft2os.guidance.editors.model import Model

    row = source if isinstance(source, Row) else _row_of(source)
    check_reward(row, options)
    check_packages(row)
    machine = this_machine(memory)
    if isinstance(source, Row):
        if plan_row(machine, row, options.memory) is None:
            raise refusal(machine, row.title, row.parameters, options.memory)
        folder = fetch.folder_of(row)
        if folder is None:
            allowed = weights.may_download() if download is None else download
            if not (allowed and fetch.record_of(fetch.destination(row))):
                raise fetch.missing(row)
            return Model(row, options, lambda tick: _fetched(row, options, machine, tick))
    else:
        folder = source
    found = examine(folder, row)
    held = _planned(found, options, machine)
    return Model(row, options, lambda tick: load(found, held, tick))


def check_reward(row: Row, options: Options) -> None:
    """Refuse a reward where it cannot be used; what else an editor cannot do, it leaves.

    Raises
    ------
    RequestError
    FileError
        If there is no such file of a reward.
    """
    if options.reward and row.pipeline != catalogue.rows()["ip2p"].pipeline:
        raise RequestError(f"Multi-reward is made for InstructPix2Pix, not {row.title}.", "Use ip2p.")
    if options.reward:
        open_regular(options.reward).close()


def examine(folder: Path, row: Row) -> Source:
    """What a pipeline's folder holds, from its configs and the headers of its safetensors.

    Raises
    ------
    FileError
        If a config or a file of weights is missing, damaged, no safetensors, or asks for foreign code.
    """
    index = read_json(folder / fetch.INDEX)
    if not isinstance(index, dict):
        raise FileError(f"{folder / fetch.INDEX} is damaged.", "Download the model again.")
    parts = {}
    for name, entry in index.items():
        if name.startswith("_") or name in fetch.LEFT_OUT or not isinstance(entry, list):
            continue
        library, kind = (*entry, None, None)[:2]
        if library is None:
            continue
        if library not in _LIBRARIES or not str(kind).isidentifier():
            raise FileError(
                f"{folder.name} wants code of its own for its {name} ({library}), which is never run.",
                "Choose a model made of parts of diffusers and transformers.",
            )
        parts[name] = (library, kind)
    parameters = {name: _parameters(folder / name) for name in parts if name in _KINDS}
    if not set(row.parameters) <= set(parameters):
        lacking = ", ".join(sorted(set(row.parameters) - set(parameters)))
        raise FileError(f"{folder.name} lacks parts of {row.pipeline}: {lacking}.", "Download it again.")
    return Source(folder, row, parts, parameters)


def load(source: Source, held: Plan, tick: Tick) -> Any:
    """The pipeline, on its device.

    Raises
    ------
    FileError
        If the weights are not those of the configs; tensors are named.
    """
    diffusers = _diffusers()
    dtype = _dtype(held)
    loaded = {}
    for done, name in enumerate(source.parameters):
        tick(done / (len(source.parameters) + 1))
        loaded[name] = _part(source, name, dtype, held)
    tick(len(loaded) / (len(loaded) + 1))
    kind = getattr(diffusers, source.row.pipeline)
    left_out = {name: None for name in fetch.LEFT_OUT if name in read_json(source.folder / fetch.INDEX)}
    unchecked = {"requires_safety_checker": False} if "safety_checker" in left_out else {}
    pipe = kind.from_pretrained(
        source.folder, local_files_only=True, use_safetensors=True, **loaded, **left_out, **unchecked
    )
    pipe.set_progress_bar_config(disable=True)
    _set_scheduler(diffusers, pipe, source.row)
    _add_lora(pipe, source)
    if held.mode == "offload":
        pipe.enable_model_cpu_offload(device=held.device)
    else:
        pipe.to(held.device)
    if held.tight and hasattr(pipe.vae, "enable_tiling"):
        pipe.vae.enable_tiling()
    log.info("%s is loaded: %s on %s", source.row.title, held.mode, held.device)
    return pipe


def _fetched(row: Row, options: Options, machine: Machine, tick: Tick) -> Any:
    folder = fetch.fetch(row, lambda share: tick(0.9 * share))
    found = examine(folder, row)
    return load(found, _planned(found, options, machine), lambda share: tick(0.9 + 0.1 * share))


def _planned(found: Source, options: Options, machine: Machine) -> Plan:
    row = found.row
    held = plan(machine, found.parameters, row.large, row.working.value, options.memory)
    if held is None:
        raise refusal(machine, row.title, found.parameters, options.memory)
    return held


def _row_of(folder: Path) -> Row:
    """The row whose pipeline a folder holds."""
    index = read_json(folder / fetch.INDEX)
    name = index.get("_class_name") if isinstance(index, dict) else None
    row = catalogue.row_of_pipeline(str(name))
    if row is None:
        known = ", ".join(other.pipeline for other in catalogue.rows().values())
        raise FileError(f"{folder.name} is no editor of pictures: {name}.", f"Editors are {known}.")
    return row


def check_packages(row: Row) -> None:
    """Refuse a row whose packages are not installed.

    Raises
    ------
    MissingError
    """
    wanted = ["torch", *PACKAGES["diffusion"]]
    lacking = [name for name in wanted if find_spec(name) is None and (name != _PEFT or row.lora)]
    if lacking:
        raise MissingError(
            f"{row.title} needs packages that are not installed: {', '.join(lacking)}.",
            "Install \"Editors\" in Blender's Preferences, or run: pip install 'ft2os[diffusion]'.",
        )


def _parameters(folder: Path) -> int:
    """Numbers in the safetensors of a part."""
    files = sorted(path for path in folder.glob("*.safetensors") if "." not in path.stem)
    if not files:
        raise FileError(
            f"The part {folder.name} of {folder.parent.name} has no safetensors.",
            "Download the model again; pickles are not loaded.",
        )
    return sum(entry.numbers for path in files for entry in headers.read(path).values())


def _part(source: Source, name: str, dtype: Any, held: Plan) -> Any:
    """One part with its weights, checked to have all of them."""
    library, kind = source.parts[name]
    module = importlib.import_module(library)
    found = getattr(module, kind, None)
    if not (isinstance(found, type) and hasattr(found, "from_pretrained")):
        raise FileError(f"{library} has no {kind}, which {source.folder.name} wants.", "Update the engine.")
    wanted: dict[str, Any] = {"dtype": dtype, "local_files_only": True, "use_safetensors": True}
    if held.mode == "4bit" and name in source.row.large:
        wanted["quantization_config"] = _four_bits(module, dtype)
    try:
        part, told = found.from_pretrained(source.folder / name, output_loading_info=True, **wanted)
    except Exception as error:  # what these libraries raise for foreign weights has no common kind
        if lacks_memory(error):
            raise
        raise FileError(
            f"The part {name} of {source.folder.name} cannot be loaded: {brief(error)}.",
            "Choose the checkpoint of this model, or download it again.",
        ) from error
    differences = {
        "missing": {str(tensor) for tensor in told.get("missing_keys", ())},
        "of another shape": {str(tensor) for tensor in told.get("mismatched_keys", ())},
    }
    if any(differences.values()):
        raise headers.foreign(source.folder / name, differences)
    return part


def _four_bits(library: Any, dtype: Any) -> Any:
    return library.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def _dtype(held: Plan) -> Any:
    import torch

    from ft2os.device import half_precision

    if held.width == SINGLE_BYTES:
        return torch.float32
    return half_precision(torch.device(held.device)) or torch.float32


def _set_scheduler(diffusers: Any, pipe: Any, row: Row) -> None:
    """Exchange or change the scheduler as the row says."""
    if not row.scheduler:
        return
    changed = {name: value for name, value in row.scheduler.items() if name != "class"}
    kind = getattr(diffusers, row.scheduler.get("class", type(pipe.scheduler).__name__))
    pipe.scheduler = kind.from_config(pipe.scheduler.config, **changed)


def _add_lora(pipe: Any, source: Source) -> None:
    """Fuse the row's LoRA, which lies beside the model."""
    if not source.row.lora:
        return
    path = source.folder / "lora" / source.row.lora["file"]
    headers.read(path)  # without it the few steps of the row would leave noise
    pipe.load_lora_weights(path.parent, weight_name=path.name, local_files_only=True)
    pipe.fuse_lora()
    pipe.unload_lora_weights()


def _diffusers() -> Any:
    """The library, with nothing asked of the network unless that is allowed."""
    from ft2os.guidance import torchvision_shim

    if not weights.may_download():
        os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before the hub's library reads it
    torchvision_shim.ensure()
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()  # progress goes to the tick
    return diffusers

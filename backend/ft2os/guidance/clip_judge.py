"""A CLIP model as a judge: how well pictures fit words, differentiable in the pictures.

Any model that open_clip knows, by name and pretrained tag, by name and checkpoint file, or by a folder with a
config and a checkpoint of one's own. Nothing here asks the network unless the user has allowed it; where
weights are missing that is said at once. Losses live in ``ft2os.losses``.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import warnings
from functools import cached_property, lru_cache
from pathlib import Path
from pickle import UnpicklingError

import torch
import torch.nn.functional as F
from torch import Tensor

from ft2os.errors import MissingError, RequestError
from ft2os.guidance import torchvision_shim, truncated_text_encoder, weights
from ft2os.guidance.precision import FrozenNetwork, kept_bytes

log = logging.getLogger(__name__)

DEFAULT_MODEL = "ViT-B-32"
DEFAULT_WEIGHTS = "openai"
RANDOM = "random"  # weights that mean nothing: for measuring what a judgement costs
MODEL_ENV = "FT2OS_CLIP"


class ClipJudge:
    """A frozen open_clip model.

    Parameters
    ----------
    model : torch.nn.Module
        An open_clip model; its parameters are frozen here, so that a gradient goes to the pictures only.
    tokenizer : callable
        list of str to Tensor [T, context length].
    mean, std : tuple of 3 floats
        The normalisation that the model was trained with.
    name : str
        For messages and statistics.
    """

    def __init__(self, model, tokenizer, mean, std, name: str) -> None:
        self.model = model.eval().requires_grad_(False)
        self.name = name
        self._tokenizer = tokenizer
        self._mean = torch.tensor(mean).view(1, 3, 1, 1)
        self._std = torch.tensor(std).view(1, 3, 1, 1)
        self._texts: dict[str, Tensor] = {}
        self._encode = FrozenNetwork(model.visual, model.encode_image)

    def using(self, precision: str) -> ClipJudge:
        """The same model and texts, judging at another of ``precision.PRECISIONS``."""
        other = copy.copy(self)
        other._encode = FrozenNetwork(self.model.visual, self.model.encode_image, precision)
        other.__dict__.pop("bytes_per_picture", None)  # which was counted for this one
        return other

    @cached_property
    def bytes_per_picture(self) -> int:
        """Bytes kept of each picture until its gradient has come back; counted once, on three pictures."""
        return kept_bytes(self.embed_images, self.image_size, self.device)

    @property
    def image_size(self) -> int:
        """Side of the square picture that the model sees, pixels."""
        size = self.model.visual.image_size
        return int(size[0] if isinstance(size, (tuple, list)) else size)

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def to(self, device: torch.device | str) -> ClipJudge:
        """Move the model and all that it remembers."""
        self.model.to(device)
        self._mean, self._std = self._mean.to(device), self._std.to(device)
        self._texts.update({text: embedding.to(device) for text, embedding in self._texts.items()})
        return self

    def embed_images(
        self,
        images: Tensor,  # [B, 3, H, W]
    ) -> Tensor:  # [B, D]
        """Unit embeddings of pictures with values in 0..1, differentiable.

        Pictures of another size are resized (bicubic, antialiased) to the model's; they should be square,
        since the whole picture is kept and a wider one would be squashed.
        """
        size = self.image_size
        if images.shape[-2:] != (size, size):
            images = F.interpolate(images, (size, size), mode="bicubic", antialias=True)
        images = (images - self._mean.to(images)) / self._std.to(images)
        return F.normalize(self._encode(images), dim=-1)

    @torch.no_grad()
    def embed_texts(self, texts: list[str]) -> Tensor:  # [T, D]
        """Unit embeddings of texts, each used raw and encoded once in the judge's life."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self._texts]
        if fresh:
            tokens = self._tokenizer(fresh).to(self.device)
            self._texts.update(zip(fresh, truncated_text_encoder.encode(self.model, tokens)))
        return torch.stack([self._texts[text] for text in texts])


def load(
    model: str | None = None,
    pretrained: str | None = None,
    *,
    precision: str = "auto",
) -> ClipJudge:
    """The judge of that name, loaded once a process.

    Parameters
    ----------
    model : str, optional
        A name of open_clip's ("ViT-B-32") or a folder that holds ``open_clip_config.json`` (or a single
        model config, ``<name>.json``) and a checkpoint. Default: the environment variable ``FT2OS_CLIP``,
        else ViT-B-32, which the paper uses.
    pretrained : str, optional
        A pretrained tag ("openai"), a checkpoint file, or "random". Ignored for a folder.
    precision : str
        In which numbers it computes, see ``ft2os.guidance.precision``; "auto" chooses by the device.

    Raises
    ------
    MissingError
        If open_clip or the weights are not on this machine and cannot be fetched; comes within seconds.
    RequestError
        If the model, the tag or the precision does not exist, or a checkpoint does not fit.
    """
    model = model or os.environ.get(MODEL_ENV) or DEFAULT_MODEL
    judge = _load(model, pretrained or DEFAULT_WEIGHTS)
    return judge if precision == "auto" else judge.using(precision)


@lru_cache(maxsize=2)
def _load(model: str, pretrained: str) -> ClipJudge:
    open_clip = _open_clip()
    if Path(model).is_dir():
        network, tokenizer = _from_folder(open_clip, Path(model))
    elif os.sep in model:
        raise MissingError(f"There is no folder {model}.", "Name a folder with a CLIP config and checkpoint.")
    elif model not in open_clip.list_models():
        known = ", ".join(open_clip.list_models()[:6])
        raise RequestError(f'open_clip knows no model "{model}".', f"Name one of its models ({known}, …).")
    elif pretrained == RANDOM:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network, tokenizer = _create(open_clip, model, None), open_clip.get_tokenizer(model)
    else:
        network, tokenizer = _from_name(open_clip, model, pretrained), open_clip.get_tokenizer(model)
    preprocess = open_clip.get_model_preprocess_cfg(network)
    return ClipJudge(network, tokenizer, preprocess["mean"], preprocess["std"], f"{model} {pretrained}")


def available(model: str | None = None, pretrained: str | None = None) -> bool:
    """Whether ``load`` would find weights on this machine, without the network."""
    model = model or os.environ.get(MODEL_ENV) or DEFAULT_MODEL
    if Path(model).is_dir():
        return _checkpoint(Path(model)) is not None
    try:
        config = _open_clip().get_pretrained_cfg(model, pretrained or DEFAULT_WEIGHTS)
    except MissingError:
        return False
    return weights.find_clip(model, pretrained or DEFAULT_WEIGHTS, config or {}) is not None


def _open_clip():
    torchvision_shim.ensure()
    if not weights.may_download():
        os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before the hub's library reads it: it asks by itself
    try:
        import open_clip
    except ImportError as error:
        raise MissingError(
            f"open_clip is not installed ({error}).", "Install the engine: pip install 'ft2os[engine]'."
        ) from error
    return open_clip


def _from_name(open_clip, model: str, pretrained: str) -> torch.nn.Module:
    if Path(pretrained).is_file():
        return _create(open_clip, model, pretrained)
    config = open_clip.get_pretrained_cfg(model, pretrained)
    if not config:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(model)) or "none"
        raise RequestError(
            f'CLIP model {model} has no weights "{pretrained}".', f"Name one of its tags ({tags}) or a file."
        )
    path = weights.find_clip(model, pretrained, config)
    if path is None:
        if not weights.may_download():
            raise _not_allowed(model, pretrained, weights.source(config))
        if not weights.hub_reachable():
            raise _missing(model, pretrained)
        log.info("fetching CLIP %s %s", model, pretrained)
    # A path is taken as it is; a tag would ask the hub whether the cached file is still the newest.
    source = str(path) if path else pretrained
    look = {key: config[key] for key in ("mean", "std") if key in config}
    return _create(open_clip, model, source, quick_gelu=config.get("quick_gelu", False), preprocess=look)


def _from_folder(open_clip, folder: Path) -> tuple[torch.nn.Module, object]:
    checkpoint = _checkpoint(folder)
    if checkpoint is None:
        raise MissingError(
            f"The folder {folder} holds no CLIP checkpoint.", "Put a .safetensors, .bin or .pt file into it."
        )
    if (folder / "open_clip_config.json").is_file():
        name = f"local-dir:{folder}"
        return _create(open_clip, name, None), open_clip.get_tokenizer(name)
    config = next((path for path in sorted(folder.glob("*.json")) if _is_model_config(path)), None)
    if config is None:
        raise MissingError(
            f"The folder {folder} holds no CLIP config.",
            "Put an open_clip_config.json, or open_clip's config of the model, into it.",
        )
    open_clip.add_model_config(config)
    return _create(open_clip, config.stem, str(checkpoint)), open_clip.get_tokenizer(config.stem)


def _checkpoint(folder: Path) -> Path | None:
    endings = (".safetensors", ".bin", ".pth", ".pt")
    checkpoints = [path for path in sorted(folder.iterdir()) if path.suffix in endings]
    return min(checkpoints, key=lambda path: endings.index(path.suffix), default=None)


def _is_model_config(path: Path) -> bool:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(content, dict) and {"embed_dim", "vision_cfg", "text_cfg"} <= content.keys()


def _create(open_clip, name, source, *, quick_gelu=False, preprocess=None) -> torch.nn.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the QuickGELU warning: the tag's setting is passed
            return open_clip.create_model(
                name,
                pretrained=source,
                force_quick_gelu=quick_gelu,
                force_preprocess_cfg=preprocess,
                pretrained_text=False,
                weights_only=True,
            )
    except UnpicklingError as error:
        raise RequestError(
            f"The checkpoint of CLIP model {name} holds more than weights.",
            "It is not loaded, since loading could run code: save its state_dict, best as .safetensors.",
        ) from error
    except (RuntimeError, ValueError, OSError, KeyError, TypeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise RequestError(
            f"CLIP model {name} cannot be loaded: {reason}",
            "Check that the checkpoint belongs to the config.",
        ) from error


def _not_allowed(model: str, pretrained: str, source: str) -> MissingError:
    return MissingError(
        f"The weights of CLIP {model} ({pretrained}) are not on this machine.",
        f"They would be downloaded once, several hundred MB, from {source}: allow it with --download or "
        f"{weights.DOWNLOAD_ENV}=1, in Blender with Allow Online Access. Or {_by_hand(model, pretrained)}",
    )


def _missing(model: str, pretrained: str) -> MissingError:
    return MissingError(
        f"The weights of CLIP {model} ({pretrained}) are not on this machine and the hub does not answer.",
        f"Connect to the network once, or {_by_hand(model, pretrained)}",
    )


def _by_hand(model: str, pretrained: str) -> str:
    return (
        f"put {model}-{pretrained}.safetensors into the folder that {weights.WEIGHTS_ENV} names, or point "
        f"{MODEL_ENV} to a folder with a CLIP config and checkpoint; the method 'material' needs none."
    )

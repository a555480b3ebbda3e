"""Where network weights lie on this machine, and whether more may and can be downloaded.

Left to itself open_clip retries an unreachable hub for most of a minute before it gives up. A missing file is
an everyday answer here, so it has to come at once and name the fix.
"""

from __future__ import annotations

import os
import threading
import urllib.request
from pathlib import Path

from ft2os.files import cache_dir

WEIGHTS_ENV = "FT2OS_WEIGHTS"
DOWNLOAD_ENV = "FT2OS_DOWNLOAD"
_YES = {"1", "ON", "YES", "TRUE"}
TEST_DATA_ENV = "FT2OS_TEST_DATA"


def weight_folders() -> list[Path]:
    """The user's weight folders, most particular first; some may not exist."""
    named = os.environ.get(WEIGHTS_ENV)
    return ([Path(named)] if named else []) + [cache_dir() / "weights", cache_dir()]


def find_clip(model: str, tag: str, config: dict) -> Path | None:
    """The cached checkpoint of a pretrained open_clip model, or None.

    Parameters
    ----------
    model, tag : str
        open_clip's names, such as "ViT-B-32" and "openai".
    config : dict
        ``open_clip.get_pretrained_cfg(model, tag)``: ``hf_hub`` is "organisation/repository/[file]" and
        ``url`` an address.

    Notes
    -----
    Looks for ``<model>-<tag>.safetensors|.bin|.pt`` in the weight folders, then in the Hugging Face cache,
    then where open_clip keeps plain downloads (``~/.cache/clip``).
    """
    for folder in weight_folders():
        for ending in (".safetensors", ".bin", ".pt"):
            if (path := folder / f"{model}-{tag}{ending}").is_file():
                return path
    if config.get("hf_hub"):
        path = _in_hub_cache(config["hf_hub"])
        if path:
            return path
    name = os.path.basename(config.get("url", ""))
    path = Path.home() / ".cache" / "clip" / name
    return path if name and path.is_file() else None


def _in_hub_cache(reference: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    repository, name = os.path.split(reference)
    stem = os.path.splitext(name)[0]
    names = [f"{stem}.safetensors", name] if name else _HUB_NAMES
    for candidate in names:
        cached = try_to_load_from_cache(repository, candidate)
        if isinstance(cached, str):  # a sentinel object stands for "known not to exist"
            return Path(cached)
    return None


_HUB_NAMES = ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]


def may_download() -> bool:
    """Whether the user has allowed it: ``FT2OS_DOWNLOAD``, and no ``HF_HUB_OFFLINE``. Nothing is asked."""
    return _is_set(DOWNLOAD_ENV) and not _is_set("HF_HUB_OFFLINE")


def source(config: dict) -> str:
    """Where a pretrained open_clip model would come from, for people; see `find_clip`."""
    return (
        "huggingface.co/" + config["hf_hub"].strip("/")
        if config.get("hf_hub")
        else config.get("url", "its hub")
    )


def _is_set(name: str) -> bool:
    return os.environ.get(name, "").upper() in _YES


def hub_reachable(timeout_s: float = 3.0) -> bool:
    """Whether the model hub answers now; False at once where ``HF_HUB_OFFLINE`` is set.

    Name resolution ignores socket timeouts, so the question is asked on a thread that may be left behind.
    """
    if _is_set("HF_HUB_OFFLINE"):
        return False
    answers: list[bool] = []
    asker = threading.Thread(target=lambda: answers.append(_ask_hub(timeout_s)), daemon=True)
    asker.start()
    asker.join(timeout_s)
    return bool(answers and answers[0])


def _ask_hub(timeout_s: float) -> bool:
    address = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        request = urllib.request.Request(address, method="HEAD")
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            return response.status < 400
    except (OSError, ValueError):  # URLError and HTTPError are OSErrors
        return False

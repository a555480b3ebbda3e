"""Weights of editors: where they lie on this machine, how they come here and how they go.

Nothing is fetched unasked: the licence has to be accepted once, and downloads have to be allowed. A model
lies in a folder of its own as the hub has it, with a small file beside its parts that names the revision,
which stays the same whenever a download goes on. Files that have arrived are not fetched again. No pickles.
"""

from __future__ import annotations

import importlib
import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ft2os.errors import FileError, MissingError, RequestError
from ft2os.files import replacing, write_error
from ft2os.guidance import weights
from ft2os.guidance.editors.catalogue import Row
from ft2os.guidance.editors.door import Tick
from ft2os.strict_json import read_json

log = logging.getLogger(__name__)

RECORD, FOLDER, INDEX = "ft2os.json", "editors", "model_index.json"
LEFT_OUT = ("safety_checker", "feature_extractor")  # parts that editing does not use
_PLAIN = (".json", ".txt", ".model", ".jinja")
_SPARE = 1 << 30  # bytes that a disk keeps free


@dataclass(frozen=True)
class Record:
    """What is known of a download; its own file in the model's folder."""

    hub: str
    revision: str
    licence: str
    complete: bool


def folder_of(row: Row) -> Path | None:
    """Where a row's weights lie complete on this machine."""
    for root in weights.weight_folders():
        found = root / FOLDER / row.name
        record = record_of(found)
        # A folder without a record was put there by hand.
        if (found / INDEX).is_file() and (record is None or record.complete):
            return found
    return None


def destination(row: Row) -> Path:
    """Where a row's weights are downloaded to."""
    return weights.weight_folders()[0] / FOLDER / row.name


def record_of(folder: Path) -> Record | None:
    """The record in a folder, if there is one that can be read."""
    try:
        content = read_json(folder / RECORD)
        return Record(**content) if all(isinstance(v, str | bool) for v in content.values()) else None
    except (FileError, TypeError, AttributeError):
        return None


def terms(row: Row) -> str:
    """What has to be known before a download: size, licence, where it goes."""
    size = f"about {row.download.value / 1e9:.1f} GB" if row.download.value else "of unknown size"
    return (
        f"{row.title} ({size}, licence: {row.licence.name}, {row.licence.use}: {row.page}) "
        f"would go to {destination(row)}."
    )


def missing(row: Row) -> MissingError:
    """The sentence for weights that are not here."""
    return MissingError(
        f"The weights of {row.title} are not on this machine.",
        f"{terms(row)} Fetch them: ft2os editors fetch {row.name} --accept-licence",
    )


def fetch(row: Row, tick: Tick, *, accept_licence: bool = False, endpoint: str | None = None) -> Path:
    """Download a row's weights, or what is still missing of them; the folder.

    Parameters
    ----------
    tick : callable
        Called with the share of the bytes that are here; what it raises stops the download, which goes on
        from there the next time.
    accept_licence : bool
        Whether the user has accepted the licence now; once is enough.
    endpoint : str, optional
        The hub, if not the usual one.

    Raises
    ------
    RequestError
        If the licence was not accepted.
    MissingError
        If downloads are not allowed, the hub does not answer, or it wants an account.
    FileError
        If the model has no safetensors, or the disk has no room.
    """
    folder = destination(row)
    record = record_of(folder)
    if not (accept_licence or record):
        raise RequestError(
            f"The licence of {row.title} was not accepted: {row.licence.name}.",
            f"{terms(row)} Read it, then say --accept-licence.",
        )
    if not weights.may_download():
        raise MissingError(
            f"Downloads are not allowed, and {row.title} is not on this machine.",
            f"Allow it: --download, {weights.DOWNLOAD_ENV}=1, or in Blender Allow Online Access.",
        )
    _over_http()
    with _told(row):
        revision, files = _listed(row.hub, record.revision if record else None, endpoint)
        _check_room(folder, files)
        _write(folder, Record(row.hub, revision, row.licence.name, complete=False))
        _download(row.hub, revision, files, folder, tick, endpoint)
        if row.lora:
            lora_revision, _ = _listed(row.lora["hub"], None, endpoint)
            wanted = {row.lora["file"]: 0}
            _download(row.lora["hub"], lora_revision, wanted, folder / "lora", tick, endpoint)
    _write(folder, Record(row.hub, revision, row.licence.name, complete=True))
    return folder


def remove(row: Row) -> int:
    """Delete a row's downloaded weights; the bytes that were freed.

    Raises
    ------
    RequestError
        If there are none, or they were put there by hand.
    """
    folder = destination(row)
    if record_of(folder) is None:
        raise RequestError(
            f"No weights of {row.title} were downloaded to {folder}.", "Only what was downloaded is removed."
        )
    size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise write_error(folder, error) from error
    return size


def _over_http() -> None:
    """Take the plain way, not the hub's own transfer (Xet)."""
    from huggingface_hub import constants

    # That one tells from threads which no exception of a tick stops, and tells all bytes twice.
    constants.HF_HUB_DISABLE_XET = True


def _listed(hub: str, revision: str | None, endpoint: str | None) -> tuple[str, dict[str, int]]:
    """The revision and the files that are needed, with their bytes."""
    from huggingface_hub import HfApi

    info = HfApi(endpoint=endpoint).model_info(hub, revision=revision, files_metadata=True)
    sizes = {entry.rfilename: entry.size or 0 for entry in info.siblings or ()}
    return info.sha or revision or "main", wanted_files(sizes, hub)


def wanted_files(sizes: dict[str, int], hub: str) -> dict[str, int]:
    """Those files of a hub's listing that a pipeline is loaded from: configs and safetensors of its parts.

    Raises
    ------
    FileError
        If a part has weights as pickles only.
    """
    wanted, pickled = {}, set()
    for name, size in sizes.items():
        part, _, file = name.rpartition("/")
        if "/" in part or part in LEFT_OUT or part.startswith(".") or file.startswith("."):
            continue
        if name == INDEX or (part and (file.endswith(_PLAIN) or _is_weights(file))):
            wanted[name] = size
        elif part and file.endswith((".bin", ".ckpt", ".pt")):
            pickled.add(part)
    lacking = pickled - {name.partition("/")[0] for name in wanted if _is_weights(name)}
    if lacking:
        raise FileError(
            f"{hub} has the weights of {', '.join(sorted(lacking))} only as pickles, which may run anything.",
            "Choose another editor.",
        )
    return wanted


def _is_weights(name: str) -> bool:
    """Whether it is safetensors and no variant, whose names have one dot more ("model.fp16.safetensors")."""
    return name.endswith(".safetensors") and name.count(".") == 1


def _check_room(folder: Path, files: dict[str, int]) -> None:
    lacking = sum(size for name, size in files.items() if not (folder / name).is_file())
    place = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(place).free
    if lacking + _SPARE > free:
        raise FileError(
            f"{lacking / 1e9:.1f} GB are still to be downloaded to {folder}, {free / 1e9:.1f} GB are free.",
            f"Free some disk space, or let {weights.WEIGHTS_ENV} name a folder on another disk.",
        )


def _download(
    hub: str, revision: str, files: dict[str, int], folder: Path, tick: Tick, endpoint: str | None
) -> None:
    """File after file; ``tick`` hears of the bytes."""
    from huggingface_hub import hf_hub_download

    whole = max(1, sum(files.values()))
    done = 0

    def heard(more: int) -> None:
        nonlocal done
        done += more
        tick(min(1.0, done / whole))

    for name, size in sorted(files.items(), key=lambda item: item[1]):
        before = done
        heard(0)
        hf_hub_download(
            hub, name, revision=revision, local_dir=folder, endpoint=endpoint, tqdm_class=_bar(heard)
        )
        done = before + size
    tick(1.0)


def _bar(heard: Any) -> Any:
    """What the hub's library takes for a progress bar: it calls ``update`` with the bytes of each piece."""

    class Bar:
        def __init__(self, *args: object, **kwargs: object) -> None:
            self.n, self.total = 0, kwargs.get("total")

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *args: object) -> None:
            self.close()

        def update(self, more: float | None = 1) -> None:
            heard(int(more or 0))

        def close(self) -> None:
            """Nothing is shown."""

        set_description = set_postfix_str = refresh = close

    return Bar


@contextmanager
def _told(row: Row) -> Iterator[None]:
    """The hub's errors as sentences."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise MissingError(
            f"{row.title} is gated: its licence has to be accepted on its page.",
            f"Accept it at {row.page}, then log in here: hf auth login",
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise MissingError(
            f"The hub has no {row.hub}, or wants an account for it.",
            f"Look at {row.page}; log in with: hf auth login",
        ) from error
    except OSError as error:
        if error.errno is not None and not isinstance(error, ConnectionError):
            raise write_error(destination(row), error) from error
        raise _no_answer(row) from error
    except _network_errors() as error:
        raise _no_answer(row) from error


def _no_answer(row: Row) -> MissingError:
    return MissingError(
        f"The hub does not answer, so {row.title} cannot be fetched now.",
        "Try again: what has arrived is kept.",
    )


def _network_errors() -> tuple[type[Exception], ...]:
    """Errors of the client that this version of the hub's library uses."""
    found: list[type[Exception]] = [ConnectionError]
    for name in ("httpx2", "httpx", "requests"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        base = getattr(module, "HTTPError", None) or getattr(module, "RequestException", None)
        found += [base] if isinstance(base, type) else []
    return tuple(found)


def _write(folder: Path, record: Record) -> None:
    with replacing(folder / RECORD) as temporary:
        temporary.write_text(json.dumps(asdict(record), indent=1), "utf-8")

"""A workflow of ComfyUI in its API format, and where in it picture, instruction, seed and strength go.

A place is found by the title that the artist gave a node, "ft2os image", or by the node's class where only
one can be meant. What is not found is named, and how to name it. Without a workflow of hers there is a
template; nobody has run it on a real server yet, which its title says.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ft2os.errors import FileError, RequestError
from ft2os.strict_json import read_json

TEMPLATE = Path(__file__).with_name("comfyui_template.json")
_MOST_NODES = 5000
_AGAIN = "In ComfyUI, choose Workflow > Export (API) and name that file."

Nodes = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Place:
    """Where one value goes: the inputs that may take it, and the classes of nodes that are meant by it."""

    what: str
    inputs: tuple[str, ...]
    classes: tuple[str, ...] = ()
    needed: bool = False


_TEXT = ("CLIPTextEncode", "TextEncodeQwenImageEdit", "TextEncodeQwenImageEditPlus")
_SAMPLERS = ("KSampler", "KSamplerAdvanced", "RandomNoise")
PLACES = {
    "image": Place("the picture", ("image",), ("LoadImage",), needed=True),
    "prompt": Place("the instruction", ("text", "prompt", "value", "string"), _TEXT, needed=True),
    "result": Place("the edited picture", ("images",), ("SaveImage", "PreviewImage"), needed=True),
    "seed": Place(
        "the seed", ("seed", "noise_seed", "value"), ("KSampler", "KSamplerAdvanced", "RandomNoise")
    ),
    "strength": Place("the strength", ("denoise", "value"), ("KSampler",)),
    "mask": Place("the mask", ("image",)),
    "original": Place("the original", ("image",)),
    "anchor": Place("an edited view", ("image",)),
}


@dataclass(frozen=True)
class Workflow:
    """Nodes by their ids, and of each of `PLACES` the nodes with their inputs that take it.

    Parameters
    ----------
    title : str
        The file's name, or the template's.
    nodes : dict
    places : dict of str to list of (str, str)
        Node and input. Only places that were found.
    """

    title: str
    nodes: Nodes
    places: Mapping[str, list[tuple[str, str]]]

    @property
    def result(self) -> str:
        """The node whose picture is the edit."""
        return self.places["result"][0][0]

    def filled(self, values: Mapping[str, object]) -> Nodes:
        """The nodes with values in their places; a value without a place is left out."""
        nodes = copy.deepcopy(self.nodes)
        for place, value in values.items():
            for node, name in self.places.get(place, []):
                nodes[node]["inputs"][name] = value
        return nodes

    def name_of(self, node: object) -> str:
        """A node as the artist sees it: its title, else its class."""
        found = self.nodes.get(str(node), {})
        return _title(found) or str(found.get("class_type", node))


def read(path: str | Path | None) -> Workflow:
    """The workflow of a file, or our template.

    Raises
    ------
    FileError
        If it is not in the API format.
    RequestError
        If it does not say where something needed goes.
    """
    if not path:
        content = read_json(TEMPLATE)
        return _placed(content["title"], content["workflow"])
    path = Path(path).expanduser()
    content = read_json(path)
    if isinstance(content, dict) and isinstance(content.get("nodes"), list):
        raise FileError(f"{path.name} is a workflow as ComfyUI's editor saves it, not for its API.", _AGAIN)
    if not isinstance(content, dict) or not content or len(content) > _MOST_NODES:
        raise FileError(f"{path.name} is no workflow of ComfyUI.", _AGAIN)
    for node in content.values():
        if not (
            isinstance(node, dict)
            and isinstance(node.get("class_type"), str)
            and isinstance(node.get("inputs"), dict)
        ):
            raise FileError(f"{path.name} is no workflow of ComfyUI in its API format.", _AGAIN)
    return _placed(path.name, content)


def _placed(title: str, nodes: Nodes) -> Workflow:
    places: dict[str, list[tuple[str, str]]] = {}
    for name, place in PLACES.items():
        found = _titled(nodes, name, place, title) or _by_class(nodes, name, place, places)
        if len(found) == 1 or (found and _is_titled(nodes, found[0][0], name) and name != "result"):
            places[name] = found
        elif place.needed:
            several = f"{len(found)} nodes may be meant" if found else "no node takes it"
            raise RequestError(
                f"The workflow {title} does not say where {place.what} goes: {several}.",
                f'Give the right node the title "ft2os {name}" in ComfyUI and export the workflow again.',
            )
    return Workflow(title, nodes, places)


def _titled(nodes: Nodes, name: str, place: Place, title: str) -> list[tuple[str, str]]:
    """The nodes of that title, each with the input that takes the value."""
    found = []
    for node in nodes:
        if not _is_titled(nodes, node, name):
            continue
        takes = _input(nodes[node], place)
        if takes is None:
            wanted = " or ".join(place.inputs)
            raise RequestError(
                f'The node titled "ft2os {name}" in {title} has no input {wanted}.',
                f"Give that title to a node that takes {place.what}.",
            )
        found.append((node, takes))
    return found


def _by_class(
    nodes: Nodes, name: str, place: Place, places: Mapping[str, list[tuple[str, str]]]
) -> list[tuple[str, str]]:
    """The nodes that may be meant by their class."""
    found = [
        (node, takes)
        for node, content in nodes.items()
        if content["class_type"] in place.classes
        and not _title(content).startswith("ft2os ")
        and (takes := _input(content, place)) is not None
    ]
    if name == "prompt" and len(found) > 1:  # beside the negative one, which says what is not wanted
        positive = {node for start in _linked(nodes, "positive") for node in _upstream(nodes, start)}
        found = [(node, takes) for node, takes in found if node in positive] or found
    if name == "strength":  # less than 1 of an empty latent picture is noise that is left over
        image = places["image"][0][0]
        found = [pair for pair in found if image in _upstream(nodes, pair[0], first="latent_image")]
    return found


def _input(node: Mapping[str, Any], place: Place) -> str | None:
    return next((name for name in place.inputs if name in node["inputs"]), None)


def _title(node: Mapping[str, Any]) -> str:
    meta = node.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    return " ".join(title.split()).casefold() if isinstance(title, str) else ""


def _is_titled(nodes: Nodes, node: str, name: str) -> bool:
    return _title(nodes[node]) == f"ft2os {name}"


def _linked(nodes: Nodes, name: str) -> Iterator[str]:
    """The nodes that feed any input of that name."""
    for node in nodes.values():
        link = node["inputs"].get(name)
        if isinstance(link, list) and link and str(link[0]) in nodes:
            yield str(link[0])


def _upstream(nodes: Nodes, node: str, first: str | None = None) -> set[str]:
    """A node and all that feed it; ``first``: only through that one of its own inputs."""
    seen, waiting = set(), [(node, first)]
    while waiting:
        at, only = waiting.pop()
        if at in seen or at not in nodes:
            continue
        seen.add(at)
        for name, link in nodes[at]["inputs"].items():
            if isinstance(link, list) and link and only in (None, name):
                waiting.append((str(link[0]), None))
    return seen

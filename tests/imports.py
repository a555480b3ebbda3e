"""Who imports whom, read from the source by ``ast``: what the arrows of the map are tested on.

Imports inside functions and under ``TYPE_CHECKING`` count as arrows too, marked as late: a circle of them is
a circle for a reader. Only what runs when a module is imported counts for what an import costs.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TREES = {"ft2os": ROOT / "backend" / "ft2os", "ft2os_blender": ROOT / "ft2os_blender"}


@dataclass(frozen=True)
class Import:
    """One arrow: the module or distribution that is imported, and whether later than the importing module."""

    target: str
    late: bool


Graph = Mapping[str, list[Import]]


def graph() -> Graph:
    """Every module of both trees with its imports; those of the standard library are left out."""
    files = dict(_modules())
    return {name: list(_imports(name, path, files)) for name, path in sorted(files.items())}


def circles(graph: Graph) -> set[frozenset[str]]:
    """The groups of modules that can all be reached from each other (Tarjan)."""
    found: set[frozenset[str]] = set()
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for arrow in graph[name]:
            if arrow.target not in graph:
                continue
            if arrow.target not in order:
                visit(arrow.target)
                low[name] = min(low[name], low[arrow.target])
            elif arrow.target in stack:
                low[name] = min(low[name], order[arrow.target])
        if low[name] == order[name]:
            at = stack.index(name)
            group, stack[at:] = frozenset(stack[at:]), []
            if len(group) > 1:
                found.add(group)

    for name in graph:
        if name not in order:
            visit(name)
    return found


def costs(graph: Graph, name: str) -> set[str]:
    """The distributions that importing ``name`` imports, its packages' ``__init__`` included."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        if module in graph:
            waiting += [arrow.target for arrow in graph[module] if not arrow.late]
            waiting += [module.rpartition(".")[0]] if "." in module else []
    return {module.partition(".")[0] for module in seen if module not in graph}


def _modules() -> Iterator[tuple[str, Path]]:
    for name, folder in TREES.items():
        for path in folder.rglob("*.py"):
            parts = [name, *path.relative_to(folder).with_suffix("").parts]
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _imports(name: str, path: Path, files: Mapping[str, Path]) -> Iterator[Import]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node, late in _statements(ast.parse(path.read_text("utf-8")), late=False):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        else:
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, node.module] if node.module else above)
            within = (f"{base}.{alias.name}" for alias in node.names)
            targets = [target if target in files else base for target in within]
        for target in targets:
            if target.partition(".")[0] not in sys.stdlib_module_names:
                yield Import(target, late)


def _statements(node: ast.AST, late: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, late
        else:
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from _statements(child, late or function or typing)

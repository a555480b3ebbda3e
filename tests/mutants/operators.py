"""Mistakes by rule: everywhere in a module where an operator, a number or a statement could be another.

Left alone is what no test could judge: docstrings and annotations, what is only logged, the words of an
error, decorators such as caches, and the inside of f-strings, whose places Python 3.11 does not know.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
}  # fmt: skip
_SWAPPED = {"min": "max", "minimum": "maximum", "amin": "amax", "argmin": "argmax", "any": "all"}
_SWAPPED |= {other: name for name, other in _SWAPPED.items()}
_LARGE = 8  # from here one more is no mistake that anyone would notice, and twice as many is
_TINY = 1e-6
_LOGGED = ("log", "logging", "warnings")


@dataclass(frozen=True)
class Edit:
    """Bytes ``start`` to ``end`` of a module's source replaced by ``new``; ``rule`` names the operator."""

    start: int
    end: int
    new: str
    rule: str

    def applied(self, source: str) -> str:
        data = source.encode()
        return (data[: self.start] + self.new.encode() + data[self.end :]).decode()


def edits(source: str) -> list[Edit]:
    """Every mistake that the rules can make in a module, in the order of its lines."""
    lines = source.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))

    def place(node: ast.AST) -> tuple[int, int]:
        return (
            starts[node.lineno - 1] + node.col_offset,
            starts[node.end_lineno - 1] + node.end_col_offset,
        )

    found = [
        Edit(*place(node), text, rule) for node in _live(ast.parse(source)) for rule, text in _mistakes(node)
    ]
    return sorted(set(found), key=lambda edit: (edit.start, edit.end, edit.new))


def _live(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes in which a mistake is one of behaviour."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_text(child) or _is_the_rest(child):
                continue
            yield child
            if not isinstance(child, ast.Raise):  # its words are nobody's behaviour, its absence is
                yield from _live(child)


def _is_the_rest(node: ast.AST) -> bool:
    """-1, the last or whatever is left: to numpy's ``reshape`` every other negative number says the same."""
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and _is_one(node.operand)


def _is_one(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value == 1


def _is_text(node: ast.AST) -> bool:
    """A docstring, a log line, an f-string, a block for type checkers, or a list of exported names."""
    if isinstance(node, ast.JoinedStr):
        return True
    if isinstance(node, ast.Expr):
        value = node.value
        return isinstance(value, ast.Constant) or (
            isinstance(value, ast.Call) and _root(value.func) in _LOGGED
        )
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets)
    return False


def _root(node: ast.AST) -> str:
    while isinstance(node, (ast.Attribute, ast.Call)):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return node.id if isinstance(node, ast.Name) else ""


def _mistakes(node: ast.AST) -> Iterator[tuple[str, str]]:
    """(rule, new text) of every mistake that can be made in one node."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARED:
        yield "comparison", _other(node, ops=[_COMPARED[type(node.ops[0])]()])
    elif isinstance(node, ast.BinOp) and type(node.op) in _COUNTED:
        yield "arithmetic", _other(node, op=_COUNTED[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        yield "and/or", _other(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "dropped not", f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
        if not _guards(node.value):
            yield "constant", _constant(node.value)
    elif isinstance(node, ast.Call):
        yield from _swapped(node)
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield "return None", "return None"
    elif _can_go(node):
        yield "removed statement", "pass"


def _other(node: ast.expr, **changed: object) -> str:
    twin = copy.copy(node)
    for name, value in changed.items():
        setattr(twin, name, value)
    return f"({ast.unparse(twin)})"


def _guards(value: float | bool) -> bool:
    """Whether a number is so small that it only keeps something else from being zero."""
    return isinstance(value, float) and 0 < value <= _TINY


def _constant(value: float | bool) -> str:
    if isinstance(value, bool):
        return str(not value)
    if isinstance(value, int):
        return str(value + 1 if abs(value) < _LARGE else 2 * value)
    return "0.0" if value else "1.0"


def _swapped(node: ast.Call) -> Iterator[tuple[str, str]]:
    function = node.func
    name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
    if name not in _SWAPPED:
        return
    if isinstance(function, ast.Name):
        twin: ast.expr = ast.Name(_SWAPPED[name], function.ctx)
    else:
        twin = ast.Attribute(function.value, _SWAPPED[name], function.ctx)
    yield "min/max", _other(node, func=twin)


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _can_go(node: ast.AST) -> bool:
    """Statements without which the rest still runs: a removed assignment to a name is noticed by Python."""
    if isinstance(node, ast.Assign):
        return all(isinstance(target, (ast.Attribute, ast.Subscript)) for target in node.targets)
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call)
    return isinstance(node, (ast.AugAssign, ast.Raise, ast.Continue, ast.Break))

"""Tensors from a ``torch.save`` file without torch and without unpickling.

A checkpoint is a zip of raw storages and one small pickle that says which tensor is which part of which.
Unpickling runs whatever the file says; here the pickle's opcodes are read as data by an interpreter that
knows only the few a state_dict needs. Nothing is ever imported or called by name: a global is kept as the
pair of strings it is, and the two that may be "called" are recognised by those strings.

A ``pickle.Unpickler`` whose ``find_class`` allows those names only would be shorter, but not safe: a dozen
bytes make it take gigabytes (LONG_BINPUT at a high place), a hundred make it hash a tuple of tuples for hours
as a dictionary's key, and neither can be stopped, since both happen within one call of C.
"""

from __future__ import annotations

import math
import pickletools
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ft2os.errors import FileError
from ft2os.files import brief, read_error
from ft2os.formats import archive

_MOST_PICKLE = 64 << 10  # bytes: some hundred tensors, each instruction is read in Python
_MOST_BYTES = 16 << 20  # of the file
_MOST_AXES = 8
_DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
}
_ORDERED_DICT = ("collections", "OrderedDict")
_REBUILD_TENSOR = ("torch._utils", "_rebuild_tensor_v2")
_REBUILD_PARAMETER = ("torch._utils", "_rebuild_parameter")


@dataclass(frozen=True)
class _Global:
    name: tuple[str, str]


@dataclass(frozen=True)
class _Storage:
    dtype: str
    key: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]


def read_tensors(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The tensors of these names in a checkpoint's state_dict, as far as it has them.

    No other is read, since many may share one large storage.

    Raises
    ------
    FileError
        If the file is damaged, of PyTorch's format before 1.6, or holds anything but tensors.
    """
    path = Path(path)
    try:
        with archive.opened(path, _MOST_BYTES) as file:
            root = _root(file)
            state = _Reader().run(archive.read(file, f"{root}/data.pkl", _MOST_PICKLE))
            order = f"{root}/byteorder"
            if order in file.namelist() and archive.read(file, order, 16) != b"little":
                raise ValueError("it was saved on a big-endian machine")
            if not isinstance(state, dict):
                raise ValueError("it is not a state_dict")
            tensors = {name: state[name] for name in names if isinstance(state.get(name), _Tensor)}
            return {name: _array(file, root, tensor) for name, tensor in tensors.items()}
    except OSError as error:
        raise read_error(path, error) from error
    except (*archive.ERRORS, TypeError, IndexError, OverflowError) as error:
        raise FileError(
            f"{path.name} is not a plain PyTorch checkpoint: {brief(error)}.",
            "Save it again with torch.save(module.state_dict(), ...), or copy it here again.",
        ) from error


def _root(file: zipfile.ZipFile) -> str:
    names = [n for n in file.namelist() if n.endswith("/data.pkl")]
    if len(names) != 1:
        raise ValueError("it has no data.pkl")
    return names[0].removesuffix("/data.pkl")


def _array(file: zipfile.ZipFile, root: str, tensor: _Tensor) -> np.ndarray:
    """A tensor's values; its shape is checked against the storage's bytes, these against the file's."""
    name, dtype = f"{root}/data/{tensor.storage.key}", np.dtype(tensor.storage.dtype)
    size = tensor.storage.count * dtype.itemsize
    if size != file.getinfo(name).compress_size:  # PyTorch never packs numbers
        raise ValueError("a storage is not as large as it says")
    count = math.prod(tensor.shape)
    if tensor.offset + count > tensor.storage.count:
        raise ValueError("a tensor is larger than its storage")
    values = np.frombuffer(archive.read(file, name, size), dtype)
    return values[tensor.offset : tensor.offset + count].reshape(tensor.shape)


class _Reader:
    """Interprets the pickle opcodes of a state_dict; any other opcode or global is an error."""

    def __init__(self) -> None:
        self.stack: list = []
        self.marks: list[int] = []
        self.memo: dict[int, object] = {}

    def run(self, data: bytes) -> object:
        """The object that the pickle describes."""
        for opcode, argument, _ in pickletools.genops(data):  # which ends with STOP or raises
            self.step(opcode.name, argument)
        return self.stack.pop()

    def step(self, name: str, argument: Any) -> None:
        """One opcode."""
        stack = self.stack
        if name in ("PROTO", "FRAME", "STOP"):
            return
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name]())
        elif name in _LITERALS:
            stack.append(argument)
        elif name == "MARK":
            self.marks.append(len(stack))
        elif name == "TUPLE":
            stack.append(tuple(self.to_mark()))
        elif name in _TUPLES:
            count = _TUPLES[name]
            if count > len(stack):
                raise ValueError("the pickle's stack is empty")
            stack[-count:] = [tuple(stack[-count:])]
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memo[int(argument)] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self.memo[int(argument)])
        elif name == "GLOBAL":
            module, _, attribute = str(argument).partition(" ")
            stack.append(_allowed(module, attribute))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(_allowed(module, attribute))
        elif name == "BINPERSID":
            stack.append(_storage(stack.pop()))
        elif name == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            stack.append(_call(function, arguments))
        elif name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            _set(stack[-1], [key, value])
        elif name == "SETITEMS":
            items = self.to_mark()
            _set(stack[-1], items)
        elif name == "BUILD":
            stack.pop()  # a state_dict's _metadata, of no use here
        else:
            raise ValueError(f"it holds more than tensors ({name})")

    def to_mark(self) -> list:
        """What lies above the last mark, taken off the stack."""
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items


_CONSTANTS = {
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
}
_LITERALS = {"BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1"}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def _allowed(module: object, attribute: object) -> _Global:
    if not isinstance(module, str) or not isinstance(attribute, str):
        raise ValueError("it names something by what is no name")  # whose text may take for ever to write
    name = (module, attribute)
    if name in (_ORDERED_DICT, _REBUILD_TENSOR, _REBUILD_PARAMETER) or (
        module == "torch" and attribute in _DTYPES
    ):
        return _Global(name)
    raise ValueError(f"it names {module}.{attribute}, which no state_dict needs")


def _storage(argument: Any) -> _Storage:
    kind, storage, key, _, count = argument
    if kind != "storage" or not isinstance(storage, _Global) or storage.name[0] != "torch":
        raise ValueError("it has a storage of unknown kind")
    if not isinstance(key, str) or not key.isalnum() or type(count) is not int:
        raise ValueError("it has a storage without a name")
    return _Storage(_DTYPES[storage.name[1]], key, count)


def _call(function: object, arguments: object) -> object:
    if not isinstance(function, _Global) or not isinstance(arguments, tuple):
        raise ValueError("it calls something that is not a function")
    if function.name == _ORDERED_DICT and not arguments:
        return {}
    if function.name == _REBUILD_TENSOR:
        return _tensor(*arguments[:4])
    if function.name == _REBUILD_PARAMETER and isinstance(arguments[0], _Tensor):
        return arguments[0]
    raise ValueError("it calls more than a state_dict needs")


def _tensor(storage: _Storage, offset: int, shape: tuple, strides: tuple) -> _Tensor:
    if len(shape) > _MOST_AXES or len(shape) != len(strides):
        raise ValueError("it has a tensor of too many axes")
    numbers = [offset, *shape, *strides]
    if not isinstance(storage, _Storage) or any(type(n) is not int or n < 0 for n in numbers):
        raise ValueError("it has a tensor that makes no sense")
    contiguous = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    if any(s != c and n != 1 for s, c, n in zip(strides, contiguous, shape, strict=True)):
        raise ValueError("it has a tensor that is not contiguous")
    return _Tensor(storage, offset, shape)


def _set(target: object, items: list) -> None:
    if not isinstance(target, dict) or len(items) % 2:
        raise ValueError("it sets items on something that is not a dictionary")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, str):
            raise ValueError("it has a key that is not a name")
        target[key] = value

"""numba's cache of compiled kernels, in which anything damaged counts as absent.

numba takes what lies in its folder on trust: an empty index or a cut file is an exception out of every kernel
until somebody deletes it, and changed machine code runs. Here every file ends with a checksum, and whatever
cannot be read is thrown away and compiled anew.
"""

from __future__ import annotations

import hashlib
import logging
import os

from numba.core.caching import FunctionCache, IndexDataCacheFile

log = logging.getLogger(__name__)

_DIGEST = 16  # bytes at the end of a file


class KernelCache(FunctionCache):
    """The cache of one kernel; it never raises after it was made.

    Raises
    ------
    RuntimeError
        From numba, if there is no folder that it could be in.
    """

    def __init__(self, py_func) -> None:
        super().__init__(py_func)
        of_numba = self._cache_file
        self._cache_file = _CheckedFile(
            of_numba._cache_path, self._impl.filename_base, of_numba._source_stamp
        )

    def load_overload(self, sig, target_context):
        """The compiled kernel for a signature, or None where there is none that could be used."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # what pickle, numba and LLVM raise on damage has no end
            self._discard(error)
            return None

    def save_overload(self, sig, data) -> None:
        """Keep a compiled kernel; where that fails it is compiled again next time."""
        try:
            super().save_overload(sig, data)
        except Exception as error:
            self._discard(error)

    def _discard(self, error: Exception) -> None:
        log.warning("%s is compiled anew: its cache cannot be used (%s)", self._name, error)
        try:
            self.flush()
        except Exception:  # nor be written
            self.disable()


class _CheckedFile(IndexDataCacheFile):
    """numba's files of one kernel, each with a checksum at its end, where unpickling stops before it."""

    def _dump(self, obj: object) -> bytes:
        data = super()._dump(obj)
        return data + _digest(data)

    def _load_data(self, name: str) -> object:
        with open(os.path.join(self._cache_path, name), "rb") as stream:
            data = stream.read()
        if data[-_DIGEST:] != _digest(data[:-_DIGEST]):
            raise ValueError(f"{name} is damaged")
        return super()._load_data(name)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST).digest()

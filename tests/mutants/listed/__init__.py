"""Mistakes written by hand. A room has a module here, whose ``MUTANTS`` is a list of `Mutant`."""

from __future__ import annotations

import importlib
import pkgutil

from tests.mutants.mutant import Mutant


def all_listed() -> list[Mutant]:
    """The lists of all modules in this folder."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [mutant for name in names for mutant in importlib.import_module(f"{__name__}.{name}").MUTANTS]

"""The inventory of formats: which module reads a log, told by its first bytes."""

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from aqa.model import InputError


@cache
def formats(reads: str) -> tuple[ModuleType, ...]:
    """Every module of the inventory that tells (`sniff`) a log and has a function named `reads`."""
    folder = importlib.import_module("aqa.formats")
    found = (importlib.import_module(f"aqa.formats.{item.name}") for item in pkgutil.iter_modules(folder.__path__))
    return tuple(module for module in found if hasattr(module, "sniff") and hasattr(module, reads))


def format_of(head: bytes, reads: str, name: str = "") -> ModuleType | None:
    """The module for a log that begins with `head`; None where none knows it. `name` is what messages call it."""
    says_yes = [module for module in formats(reads) if module.sniff(head)]
    if len(says_yes) > 1:
        names = ", ".join(short(module) for module in says_yes)
        raise InputError(f"{name}: byte 0: more than one format claims it ({names}); this is a bug, report it")
    return says_yes[0] if says_yes else None


def short(module: ModuleType) -> str:
    """A format's name, as messages and tables have it."""
    return module.__name__.rsplit(".", 1)[-1]

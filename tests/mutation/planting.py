"""Planting a bug: one function of the real code replaced, and put back afterwards."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from protocols.sharing import packed_sharing

Make = Callable[[Any], Any]
"""The bug, made from the sound function (or property, or class method) that it replaces."""


@contextmanager
def planted(target: str, make: Make) -> Iterator[None]:
    """``target`` is "module:name" or "module:Class.name".

    A function is replaced wherever it was imported and in its module's dispatch tables, so that
    the oracle's own calls meet the bug too, as they would if it stood in the source.
    """
    module_name, _, path = target.partition(":")
    module = import_module(module_name)
    *classes, name = path.split(".")
    owner: Any = module
    for part in classes:
        owner = vars(owner)[part]
    sound = vars(owner)[name]
    faulty = make(sound)
    tables = [] if classes else _tables(module, sound)
    places = [(owner, name)] if classes else _importers(sound)
    try:
        _put(places, tables, faulty)
        yield
    finally:
        _put(places, tables, sound)


def _put(places: list[tuple[Any, str]], tables: list[tuple[dict[Any, Any], Any]], it: Any) -> None:
    for owner, name in places:
        setattr(owner, name, it)
    for table, key in tables:
        table[key] = it
    packed_sharing.cache_clear()


def _importers(sound: Any) -> list[tuple[Any, str]]:
    return [
        (module, name)
        for key, module in list(sys.modules.items())
        if key.partition(".")[0] in ("protocols", "peerd", "tests") and module is not None
        for name, value in list(vars(module).items())
        if value is sound
    ]


def _tables(module: Any, sound: Any) -> list[tuple[dict[Any, Any], Any]]:
    return [
        (table, key)
        for table in vars(module).values()
        if isinstance(table, dict) and table is not vars(module).get("__builtins__")
        for key, value in table.items()
        if value is sound
    ]

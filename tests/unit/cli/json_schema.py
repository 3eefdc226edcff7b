"""The part of JSON Schema that docs/schemas uses. A keyword that it doesn't know is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

ANNOTATIONS = {"$schema", "title", "description"}
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def errors(schema: dict[str, Any], value: object, where: str = "$") -> Iterator[str]:
    """One line for each thing that is wrong with ``value``."""
    for keyword, rule in schema.items():
        if keyword not in ANNOTATIONS:
            yield from CHECKS[keyword](schema, rule, value, where)


def _type(schema: dict[str, Any], rule: Any, value: object, where: str) -> Iterator[str]:
    names = [rule] if isinstance(rule, str) else rule
    if isinstance(value, bool) and "boolean" in names:
        return
    wanted = tuple(kind for name in names for kind in TYPES[name])
    if isinstance(value, bool) or not isinstance(value, wanted):
        yield f"{where}: {type(value).__name__} is not {rule}"


def _required(schema: dict[str, Any], rule: Any, value: object, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{where}: {name} is missing" for name in rule if name not in value)


def _properties(schema: dict[str, Any], rule: Any, value: object, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name in rule.keys() & value.keys():
            yield from errors(rule[name], value[name], f"{where}.{name}")


def _additional(schema: dict[str, Any], rule: Any, value: object, where: str) -> Iterator[str]:
    if not isinstance(value, dict) or rule is True:
        return
    for name in value.keys() - schema.get("properties", {}).keys():
        if rule is False:
            yield f"{where}: {name} is not in the schema"
        else:
            yield from errors(rule, value[name], f"{where}.{name}")


def _items(schema: dict[str, Any], rule: Any, value: object, where: str) -> Iterator[str]:
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from errors(rule, each, f"{where}[{index}]")


def _any_of(schema: dict[str, Any], rule: Any, value: object, where: str) -> Iterator[str]:
    if all(any(errors(each, value)) for each in rule):
        yield f"{where}: {value!r} fits none of the alternatives"


def _enum(schema: dict[str, Any], rule: Any, value: object, where: str) -> Iterator[str]:
    if value not in rule:
        yield f"{where}: {value!r} is not one of {rule}"


def _pattern(schema: dict[str, Any], rule: Any, value: object, where: str) -> Iterator[str]:
    if isinstance(value, str) and not re.search(rule, value):
        yield f"{where}: {value!r} does not match {rule}"


def _minimum(schema: dict[str, Any], rule: Any, value: object, where: str) -> Iterator[str]:
    if isinstance(value, int | float) and value < rule:
        yield f"{where}: {value} < {rule}"


def _maximum(schema: dict[str, Any], rule: Any, value: object, where: str) -> Iterator[str]:
    if isinstance(value, int | float) and value > rule:
        yield f"{where}: {value} > {rule}"


CHECKS = {
    "type": _type,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "anyOf": _any_of,
    "enum": _enum,
    "pattern": _pattern,
    "minimum": _minimum,
    "maximum": _maximum,
}

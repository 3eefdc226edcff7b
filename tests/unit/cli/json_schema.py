"""Documents against docs/schemas, by jsonschema: a whole number is one without a point, too."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.validators import extend


def _is_integer(checker: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


Validator = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


def errors(schema: dict[str, Any], value: object) -> list[str]:
    """One line for each thing that is wrong with ``value``."""
    return [f"{each.json_path}: {each.message}" for each in Validator(schema).iter_errors(value)]

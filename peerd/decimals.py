"""Decimal numbers among a group's task options.

A genesis holds no floats: they have no one spelling, and what is signed needs one. A decimal is
kept as it was written, ``{"$decimal": "0.1"}``, and a task gets the 64-bit float that is nearest to
it: the same at every peer.
"""

from __future__ import annotations

import math
import re
from typing import Any

MARK = "$decimal"
MAX_CHARACTERS = 64
_FORM = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NONZERO = re.compile(r"[^eE]*[1-9]")


def looks_decimal(text: str) -> bool:
    """Whether a person who typed ``text`` meant a number: 0.1, -2.50, .5, 1e-3. No nan, no inf."""
    return bool(_FORM.fullmatch(text))


def number(text: str) -> float:
    """The 64-bit float nearest to a decimal. Raises ValueError where there is none."""
    if not looks_decimal(text) or len(text) > MAX_CHARACTERS:
        raise ValueError(f"not a decimal number of at most {MAX_CHARACTERS} characters")
    found = float(text)
    if math.isinf(found) or (not found and _NONZERO.match(text)):
        raise ValueError("too large or too small for a 64-bit number")
    return found


def kept(text: str) -> dict[str, str]:
    """A decimal as a genesis holds it. Raises ValueError."""
    number(text)
    return {MARK: text}


def is_kept(value: object) -> bool:
    """Whether this is what ``kept`` makes."""
    if not isinstance(value, dict) or value.keys() != {MARK} or not isinstance(value[MARK], str):
        return False
    try:
        number(value[MARK])
    except ValueError:
        return False
    return True


def numbers(value: Any) -> Any:
    """The options with each decimal as a float, as a task gets them."""
    if isinstance(value, dict):
        if is_kept(value):
            return number(value[MARK])
        return {name: numbers(each) for name, each in value.items()}
    return [numbers(each) for each in value] if isinstance(value, list) else value

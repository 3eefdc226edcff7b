"""Calls hooked from outside, so that no daemon pays for what only a measurement needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Method = Callable[..., Any]


def wrap(owner: object, name: str, around: Callable[[Method], Method]) -> None:
    """From here on ``owner.name`` is what ``around`` makes of it."""
    setattr(owner, name, around(getattr(owner, name)))

"""What `make test` leaves to `make acceptance`: more of the same cases (CONTRIBUTING.md)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def later(cases: Iterable[Any]) -> list[Any]:
    """Cases of a parametrisation for `make acceptance` alone; a tuple has a value a parameter."""
    marked = pytest.mark.acceptance
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=marked)
        for case in cases
    ]

"""For all tests: what one configures for the whole process must not outlive it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _default_logging() -> Iterator[None]:
    """A test that configures structlog binds it to its own captured, soon closed, stream."""
    yield
    structlog.reset_defaults()

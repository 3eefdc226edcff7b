"""For all tests: what one configures for the whole process must not outlive it."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

# No example may fail for being slow: a machine that is busy proves nothing. ``fixed``, which
# `make test` sets, draws the same examples in each run; pytest by itself draws new ones.
settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.register_profile("random", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "random"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="the files under `quick` in pyproject")
    parser.addini("quick", "files and folders that take seconds", type="args")


# Python looks for cycles after every 700 new objects, among all that there are: about a tenth of a
# simulation's time, in a process that has imported everything.
gc.set_threshold(50_000)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("quick"):
        config.args = config.getini("quick")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with daemons go first: they wait much, and the others fill the time beside them."""
    items.sort(key=lambda item: item.get_closest_marker("swarm") is None)


@pytest.fixture(autouse=True)
def _default_logging() -> Iterator[None]:
    """A test that configures structlog binds it to its own captured, soon closed, stream."""
    yield
    structlog.reset_defaults()

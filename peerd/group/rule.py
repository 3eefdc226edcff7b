"""The aggregator that a genesis names: one that ships, or the group's own in a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from peerd.errors import GroupError, TaskError, with_kind
from protocols.aggregation import AggregationError, Aggregator, aggregator


def rule_of(name: str, constants: Mapping[str, int | str]) -> Aggregator:
    """The rule. GroupError for a name or constants that make none; TaskError: its code failed.

    ``package.module:factory`` is looked for in the current directory, too, after what is installed:
    as for a task of one's own, the daemon is started beside the file.
    """
    here = os.getcwd()
    if ":" in name and here not in sys.path:
        sys.path.append(here)
    try:
        return aggregator(name, constants)
    except AggregationError as error:
        raise GroupError(str(error)) from None
    except Exception as error:
        if ":" not in name:
            raise
        raise TaskError(
            f"aggregator {name}: {with_kind(error)}",
            "its code failed: 'peerd --debug …' shows the traceback",
        ) from error

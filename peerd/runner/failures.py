"""Out of what trio's nurseries raise together: the one error that an operator should read."""

from __future__ import annotations

import trio

from peerd.errors import PeerdError


def only_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The PeerdError in the group, if it holds nothing worse; else the group."""
    leaves = _leaves(group)
    failures = [error for error in leaves if isinstance(error, PeerdError)]
    others = [error for error in leaves if not isinstance(error, PeerdError | trio.Cancelled)]
    return failures[0] if failures and not others else group


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found

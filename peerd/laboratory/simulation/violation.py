"""A rule of the oracle, broken."""

from __future__ import annotations


class Violation(AssertionError):
    """A rule of the oracle is broken."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(f"{rule}: {what}")
        self.rule = rule


def demand(holds: bool, rule: str, what: object) -> None:
    if not holds:
        raise Violation(rule, str(what))

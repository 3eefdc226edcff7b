"""A question to the operator that only a person at the terminal is to answer."""

from __future__ import annotations

import sys

from peerd.errors import ConfigError

LEAST_DIGITS = 8
"""Of a hash, that are typed: nobody agrees to what they did not read."""


def asked(question: str, instead: str) -> str:
    """What is typed. ConfigError where nobody can: ``instead`` is the option that says it."""
    try:
        return input(question)
    except EOFError:
        print()
        raise ConfigError("nobody answers, and nothing was signed", f"say {instead}") from None


def at_terminal() -> bool:
    """Whether a person sits there, who can read what is shown and answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask_digits(of: str, to: str) -> None:
    """ConfigError unless its first digits are typed. ``to``: what is agreed to, as a verb."""
    given = asked(f"Type the first {LEAST_DIGITS} digits of {of} to {to}: ", "--yes")
    if len(given) < LEAST_DIGITS or not of.startswith(given):
        raise ConfigError("these are not its first digits", "nothing was signed")

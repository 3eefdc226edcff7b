"""A question to the operator that only a person at the terminal is to answer."""

from __future__ import annotations

from peerd.errors import ConfigError


def asked(question: str, instead: str) -> str:
    """What is typed. ConfigError where nobody can: ``instead`` is the option that says it."""
    try:
        return input(question)
    except EOFError:
        print()
        raise ConfigError("nobody answers, and nothing was signed", f"say {instead}") from None

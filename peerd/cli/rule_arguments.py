"""Arguments that name an aggregator: of ``group new``, ``swarm``, ``demo`` and ``bench``."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peerd.cli.pairs import MAX_OPTION_FILE_BYTES, pairs
from peerd.errors import ConfigError, GroupError
from peerd.text import NotText, read_text

if TYPE_CHECKING:
    from protocols.aggregation import Aggregator


def add_rule_arguments(parser: argparse.ArgumentParser) -> None:
    """``--aggregator`` and ``--constant``."""
    parser.add_argument(
        "--aggregator",
        default="rsa",
        metavar="NAME",
        help="default: rsa; a name, your own package.module:factory, or a file such as "
        "configs/aggregators/fltrust.toml",
    )
    parser.add_argument(
        "--constant", action="append", default=[], metavar="NAME=VALUE", help="of the aggregator"
    )


def rule_request(args: argparse.Namespace) -> tuple[str, dict[str, int | str]]:
    """Name and constants that ``add_rule_arguments`` took. ConfigError for what has no form."""
    name, defaults = _from_file(args.aggregator)
    constants = defaults | pairs("--constant", args.constant)
    return name, {
        key: value if isinstance(value, int) else str(value) for key, value in constants.items()
    }


def typed_rule(name: str, constants: Mapping[str, int | str]) -> Aggregator:
    """The rule that was asked for. ConfigError where there is none; TaskError: its code failed."""
    from peerd.group.rule import rule_of

    with typed("--aggregator: "):
        return rule_of(name, constants)


@contextmanager
def typed(options: str = "") -> Iterator[None]:
    """ConfigError in the place of GroupError: wrong is what was typed, and no genesis that is read.

    ``options``: which of them, in front of the message.
    """
    try:
        yield
    except GroupError as error:
        raise ConfigError(f"{options}{error.message}", error.hint) from None


def _from_file(word: str) -> tuple[str, dict[str, Any]]:
    """Name and constants, from a file if ``word`` is one."""
    if not word.endswith(".toml"):
        return word, {}
    path = Path(word)
    try:
        document = tomllib.loads(read_text(path, MAX_OPTION_FILE_BYTES))
    except OSError as error:
        raise ConfigError(f"--aggregator: can't read {path}: {error.strerror}") from None
    except NotText as error:
        raise ConfigError(f"--aggregator: {path} is {error.message}", error.hint) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"--aggregator: {path} is no TOML: {error}") from None
    name, constants = document.pop("aggregator", None), document.pop("constants", {})
    if not isinstance(name, str) or not isinstance(constants, dict) or document:
        raise ConfigError(
            f'--aggregator: {path} must hold aggregator = "…" and a table [constants], no more'
        )
    for key, value in constants.items():
        if not isinstance(value, int | str) or isinstance(value, bool):
            raise ConfigError(
                f"--aggregator: {path}: {key} must be a whole number or text",
                'write a fraction as text, such as "1/100"',
            )
    return name, constants

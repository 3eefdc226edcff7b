"""``NAME=VALUE`` on a command line; ``NAME=@FILE`` reads JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

from peerd.decimals import looks_decimal
from peerd.errors import ConfigError
from peerd.text import NotText, read_text

MAX_OPTION_FILE_BYTES = 1 << 20
_WHOLE = re.compile(r"-?[0-9]{1,64}")
EXAMPLES = {"--constant": "theta=12", "--local": "images=train.gz", "--task-option": "model=cnn"}


def pairs(option: str, texts: Iterable[str], decimal: Callable[[str], Any] = str) -> dict[str, Any]:
    """What ``option`` was given, by name. ConfigError.

    What looks like a whole number is one; what looks like a decimal number is what ``decimal``
    makes of its text, who raises ValueError where it can't.
    """
    return dict(_pair(option, text, decimal) for text in texts)


def deadlines(words: list[str]) -> dict[str, int]:
    """Milliseconds by phase, as ``--deadline`` has them. ConfigError."""
    found = {}
    for word in words:
        name, _, value = word.partition("=")
        if not value.isascii() or not value.isdigit():
            raise ConfigError(f"--deadline {word}: not PHASE=MILLISECONDS", "such as commit=30000")
        found[name] = int(value)
    return found


def _pair(option: str, text: str, decimal: Callable[[str], Any]) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(f"{option} {text}: not NAME=VALUE", f"for example {EXAMPLES[option]}")
    if value.startswith("@"):
        return name, _json_file(option, Path(value[1:]), decimal)
    try:
        if _WHOLE.fullmatch(value):
            return name, int(value)
        return name, decimal(value) if looks_decimal(value) else value
    except ValueError as error:
        raise ConfigError(
            f"{option} {name}: {error}", f"as text: {option} {name}=@FILE, and the text in quotes"
        ) from None


def _json_file(option: str, path: Path, decimal: Callable[[str], Any] = str) -> Any:
    def constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is no number that it may hold")

    try:
        text = read_text(path, MAX_OPTION_FILE_BYTES)
        return json.loads(text, parse_float=decimal, parse_constant=constant)
    except OSError as error:
        raise ConfigError(f"{option}: can't read {path}: {error.strerror}") from None
    except NotText as error:
        raise ConfigError(f"{option}: {path} is {error.message}", error.hint) from None
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{option}: {path} is not JSON: {error.msg} at line {error.lineno}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{option}: {path} can't be used: {error}") from None

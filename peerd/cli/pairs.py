"""``NAME=VALUE`` on a command line; ``NAME=@FILE`` reads JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from peerd.errors import ConfigError
from peerd.text import NotText, read_text

MAX_OPTION_FILE_BYTES = 1 << 20
EXAMPLES = {"--constant": "theta=12", "--local": "images=train.gz", "--task-option": "model=cnn"}


def pairs(option: str, texts: Iterable[str]) -> dict[str, Any]:
    """What ``option`` was given, by name; what looks like a whole number is one. ConfigError."""
    return dict(_pair(option, text) for text in texts)


def _pair(option: str, text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(f"{option} {text}: not NAME=VALUE", f"for example {EXAMPLES[option]}")
    if value.startswith("@"):
        return name, _json_file(option, Path(value[1:]))
    return name, int(value) if value.isascii() and value.isdigit() else value


def _json_file(option: str, path: Path) -> Any:
    try:
        return json.loads(read_text(path, MAX_OPTION_FILE_BYTES))
    except OSError as error:
        raise ConfigError(f"{option}: can't read {path}: {error.strerror}") from None
    except NotText as error:
        raise ConfigError(f"{option}: {path} is {error.message}", error.hint) from None
    except (ValueError, RecursionError):
        raise ConfigError(f"{option}: {path} is not JSON") from None

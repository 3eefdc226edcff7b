"""An order as a file in the data directory: left for the daemon, and taken once."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from peerd.errors import ConfigError
from peerd.text import decode

MAX_ORDER_BYTES = 4096


def leave(data: Path, name: str, document: dict[str, Any]) -> None:
    """OSError where nothing can be written."""
    new = data / f".{name}.{os.getpid()}"
    new.write_text(json.dumps(document))
    new.replace(data / name)


def picked(path: Path, command: str, most: int = MAX_ORDER_BYTES) -> Any:
    """What the file holds, once; None where there is none. ConfigError for rubbish, and for more
    than ``most`` bytes; ``command`` writes it.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            text = file.read(most)
        path.unlink()
    except FileNotFoundError:
        return None
    except OSError as error:  # another user's, say: it is nobody's order, and is in the way
        with suppress(OSError):
            path.unlink()
        raise ConfigError(
            f"{path}: can't be read: {error.strerror}", f"run '{command}' as the daemon's user"
        ) from None
    try:
        found = json.loads(decode(text))
    except (ValueError, RecursionError):
        found = None
    if found is None:
        raise ConfigError(f"{path}: not an order", f"'{command}' writes it")
    return found

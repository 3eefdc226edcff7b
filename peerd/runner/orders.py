"""An operator's order to a running daemon: a file in its data directory (docs/operations.md).

The status socket only tells. Whoever can write here could as well replace the store, so that an
order needs no other permission.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from peerd.errors import ConfigError
from peerd.text import decode
from protocols.errors import WireError
from protocols.session.events import Order
from protocols.wire.schema import HASH, MAX_ROUND, Integer
from protocols.wire.statement import MAX_ATTEMPT

FILE = "abandon.json"
MAX_ORDER_BYTES = 4096


def give(data: Path, order: Order) -> None:
    """Leave the order for the daemon. OSError where nothing can be written."""
    document = {"round": order.round, "attempt": order.attempt, "cohort": order.cohort.hex()}
    leave(data, FILE, document)


def take(data: Path) -> Order | None:
    """The order that waits, once; None where there is none. ConfigError for rubbish."""
    found = picked(data / FILE)
    if found is None:
        return None
    try:
        return order_of(found["round"], found["attempt"], found["cohort"])
    except (TypeError, KeyError):
        raise ConfigError(f"{data / FILE}: not an order", "'peerd abandon' writes it") from None


def leave(data: Path, name: str, document: dict[str, object]) -> None:
    """An order as a file of this name. OSError where nothing can be written."""
    new = data / f".{name}.{os.getpid()}"
    new.write_text(json.dumps(document))
    new.replace(data / name)


def picked(path: Path) -> Any:
    """What the file holds, once; None where there is none. ConfigError for rubbish."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_ORDER_BYTES)
        path.unlink()
    except FileNotFoundError:
        return None
    try:
        return json.loads(decode(text))
    except (ValueError, RecursionError):
        raise ConfigError(f"{path}: not an order", "peerd's own commands write it") from None


def order_of(round_: object, attempt: object, cohort: object) -> Order:
    """ConfigError for what names no cohort."""
    try:
        name = HASH.check(bytes.fromhex(str(cohort)), "cohort")
        return Order(
            Integer(MAX_ROUND).check(round_, "round"),  # type: ignore[arg-type]
            Integer(MAX_ATTEMPT).check(attempt, "attempt"),  # type: ignore[arg-type]
            name,
        )
    except (WireError, ValueError) as error:
        raise ConfigError(f"this names no cohort: {error}") from None

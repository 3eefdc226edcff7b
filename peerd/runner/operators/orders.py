"""An operator's order to a running daemon: a file in its data directory (docs/operate/keep.md).

The status socket only tells. Whoever can write here could as well replace the store, so that an
order needs no other permission.
"""

from __future__ import annotations

from pathlib import Path

from peerd.errors import ConfigError
from peerd.group import Genesis
from peerd.group.drafting import check_successor
from peerd.runner.operators import approvals, stays
from peerd.runner.operators.order_file import leave, picked
from peerd.runner.succession.lineage import keep_draft
from peerd.storage import Store
from protocols.errors import WireError
from protocols.session.events import Approval, Order, Return, Stay
from protocols.wire.payloads import Act
from protocols.wire.schema import HASH, MAX_ROUND, Integer
from protocols.wire.statement import MAX_ATTEMPT

FILE = "abandon.json"


def in_words(order: Order | Approval | Stay | Return) -> str:
    """For the log: the command that left it, and about what."""
    match order:
        case Stay(since, lasts):
            verb = "pause" if lasts else "drain"
            return verb if since is None else f"{verb} from round {since} on"
        case Return():
            return "resume"
        case Order():
            return f"abandon {order.round}.{order.attempt}.{order.cohort.hex()}"
        case Approval(Act.HANDOVER):
            return f"approve the handover to {order.draft.hex()}"
        case Approval():
            return f"approve the group's {order.act.name.lower()}"


class Orders:
    """What waits in the data directory, of whatever kind."""

    def __init__(self, store: Store, genesis: Genesis) -> None:
        self._store = store
        self._genesis = genesis

    def take(self) -> Order | Approval | Stay | Return | None:
        """Once. A draft is kept ahead of its approval: the daemon goes over to it one day.

        ConfigError, GroupError: it was none, or one that this peer can't follow.
        """
        order = take(self._store.directory)
        if order is not None:
            return order
        if (stay := stays.take(self._store.directory)) is not None:
            return stay
        found = approvals.take(self._store.directory)
        if found is None:
            return None
        approval, draft = found
        if draft is not None:
            draft.verify()
            check_successor(draft, self._genesis)
            keep_draft(self._store, draft)
        return approval


def give(data: Path, order: Order) -> None:
    """Leave the order for the daemon. OSError where nothing can be written."""
    document = {"round": order.round, "attempt": order.attempt, "cohort": order.cohort.hex()}
    leave(data, FILE, document)


def take(data: Path) -> Order | None:
    """The order that waits, once; None where there is none. ConfigError for rubbish."""
    found = picked(data / FILE, "peerd abandon")
    if found is None:
        return None
    try:
        return order_of(found["round"], found["attempt"], found["cohort"])
    except (TypeError, KeyError):
        raise ConfigError(f"{data / FILE}: not an order", "'peerd abandon' writes it") from None


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

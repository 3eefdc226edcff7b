"""What an operator orders over the control socket: read here, carried out by the driver.

Which order needs which role is in ``peerd/status/routes.py``; the names are its acts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from peerd.errors import ConfigError
from peerd.group import Genesis
from peerd.group.document import parse
from peerd.group.drafting import check_successor
from peerd.runner.operators.signer import Signer
from peerd.runner.succession.lineage import keep_draft
from peerd.status.board import JsonObject
from peerd.status.routes import Order as Asked
from peerd.storage import Store
from protocols.errors import WireError
from protocols.session.events import Approval, Order, Return, Stay
from protocols.wire.payloads import Act
from protocols.wire.schema import HASH, MAX_ROUND, Integer
from protocols.wire.statement import MAX_ATTEMPT

Event = Order | Approval | Stay | Return
"""An order, as the session takes it."""
CarryOut = Callable[[Event], Awaitable[None]]
"""Raises ``Refused`` where the session does not do it."""

RELOAD, SIGN, ROTATE = "reload", "sign", "rotate"
_STAYS: dict[str, Stay | Return] = {
    "pause": Stay(),
    "resume": Return(),
    "drain": Stay(lasts=False),
}
_ACTS = {
    "approve handover": Act.HANDOVER,
    "approve pause": Act.PAUSE,
    "approve resume": Act.RESUME,
}


def in_words(order: Event) -> str:
    """For the log: the command that ordered it, and about what."""
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


class Desk:
    """Where orders come in. ``carry_out``: the driver's, None while there is none. ``signer``: what
    signs by this peer's key, for which no round is needed.
    """

    def __init__(
        self, store: Store, genesis: Genesis, reload: Callable[[], None], signer: Signer
    ) -> None:
        self.carry_out: CarryOut | None = None
        self._store = store
        self._genesis = genesis
        self._reload = reload
        self._signer = signer

    def order(self, act: str, document: JsonObject) -> Asked:
        """ConfigError, GroupError: it is none, or one that this peer can't follow."""
        if act == RELOAD:
            return Asked({}, self._read_again)
        if act == SIGN:
            return self._signer.sign(document)
        if act == ROTATE:
            return self._signer.rotate()
        draft = None
        if act in _STAYS:
            event: Event = _STAYS[act]
        elif act in _ACTS:
            event, draft = self._approval(_ACTS[act], document)
        else:
            event = order_of(*(document.get(name) for name in ("round", "attempt", "cohort")))
        return Asked(_arguments(event), partial(self._do, event, draft))

    async def _read_again(self) -> None:
        self._reload()

    async def _do(self, event: Event, draft: Genesis | None) -> None:
        if self.carry_out is None:
            raise ConfigError("this daemon is in no round yet", "order it again once it is")
        if draft is not None:  # ahead of its approval: the daemon goes over to it one day
            keep_draft(self._store, draft)
        await self.carry_out(event)

    def _approval(self, act: Act, document: JsonObject) -> tuple[Approval, Genesis | None]:
        if act is not Act.HANDOVER:
            last = document.get("last")
            if last is not None:
                last = _number(last, "last", MAX_ROUND)
            return Approval(act, last=last), None
        if not isinstance(text := document.get("draft"), str):
            raise ConfigError("the draft of a successor is missing")
        draft = parse(text.encode(errors="surrogatepass"))  # which it refuses
        draft.verify()
        check_successor(draft, self._genesis)
        assert draft.follows is not None, "check_successor looks"
        return Approval(act, draft.group_id, draft.follows.first, draft.follows.last), draft


def _arguments(event: Event) -> JsonObject:
    """For the trail: what of it is the operator's choice."""
    match event:
        case Order():
            cohort = event.cohort.hex()
            return {"round": event.round, "attempt": event.attempt, "cohort": cohort}
        case Approval():
            named = {"draft": event.draft.hex(), "first": event.first, "last": event.last}
            return {name: value for name, value in named.items() if value not in ("", None)}
    return {}


def order_of(round_: object, attempt: object, cohort: object) -> Order:
    """ConfigError for what names no cohort."""
    try:
        name = HASH.check(bytes.fromhex(str(cohort)), "cohort")
    except (WireError, ValueError) as error:
        raise ConfigError(f"this names no cohort: {error}") from None
    return Order(
        _number(round_, "round", MAX_ROUND), _number(attempt, "attempt", MAX_ATTEMPT), name
    )


def _number(value: object, name: str, most: int) -> int:
    try:
        return Integer(most).check(value, name)  # type: ignore[arg-type]
    except WireError as error:
        raise ConfigError(f"this is no order: {error}") from None

"""What peers ask each other for: certificates, models and opened polynomials of past rounds.

A request is canonical msgpack ``[what, round]``; the answer is the bytes, or empty when this peer
does not have them. Nothing in an answer is trusted: the asker checks it against a certificate.
"""

from __future__ import annotations

import structlog
import trio

from peerd.storage import Store
from peerd.transport.errors import TransportError
from peerd.transport.transport import Transport
from protocols.errors import ProtocolError, WireError
from protocols.record.certificate import CertifiedRound, verify_certificate
from protocols.record.setting import Setting
from protocols.wire.canonical import pack, unpack
from protocols.wire.schema import MAX_ROUND, MAX_STATEMENT, Integer

log = structlog.get_logger(__name__)

CERTIFICATE, MODEL, POLYNOMIALS = "certificate", "model", "polynomials"
HEAD = "head"
REQUEST_SECONDS = 20.0
ANSWERING_THREADS = 4
"""Threads that look answers up. Of those in which all else runs, the round's own steps among it, a
few liars that ask for models without a pause would leave none.
"""
OPENED_KEPT = 16
MAX_CHAIN = 1 << 16
"""Certificates that are taken in one go, up to a round whose model somebody still has: of those in
between nobody has it any more."""
SLOWEST_ROUND = 1.0
"""Seconds for a round that was missed, from one peer: whoever is slower is not asked further."""


class Library:
    """Answers requests from the store, and asks others."""

    def __init__(self, setting: Setting, store: Store, transport: Transport) -> None:
        self._setting = setting
        self._store = store
        self._transport = transport
        self._threads = trio.CapacityLimiter(ANSWERING_THREADS)
        transport.handle_requests(self._answer)

    async def _answer(self, peer: bytes, payload: bytes) -> bytes:
        what, round_ = self._parse(payload)
        return await trio.to_thread.run_sync(self._find, what, round_, limiter=self._threads)

    def _parse(self, payload: bytes) -> tuple[str, int]:
        value = unpack(payload)
        if not isinstance(value, list) or len(value) != 2 or not isinstance(value[0], str):
            raise WireError("a request is [what, round]")
        return value[0], Integer(MAX_ROUND).check(value[1], "round")

    def _find(self, what: str, round_: int) -> bytes:
        if what == HEAD:
            return pack(self._store.head())
        if what == CERTIFICATE:
            return self._store.certificate(round_) or b""
        if what == MODEL:
            model = self._store.model(round_)
            return b"" if model is None else model.astype("<f4").tobytes()
        if what == POLYNOMIALS:
            return self._opened(round_)
        raise WireError(f"nobody asks for {what[:40]!r}")

    def _opened(self, round_: int) -> bytes:
        record = self._store.meta(polynomials_key(round_))
        if record is None or int.from_bytes(record[:8], "little") != round_:
            return b""
        return self._store.blob(record[8:]) or b""

    async def ask(self, peer: bytes, what: str, round_: int, limit: int) -> bytes:
        """The bytes, empty when ``peer`` has none or does not answer."""
        try:
            return await self._transport.request(
                peer, pack([what, round_]), limit=limit, timeout=REQUEST_SECONDS
            )
        except TransportError as error:
            log.info("request failed", what=what, round=round_, reason=str(error))
            return b""

    async def head(self, peer: bytes) -> int | None:
        """The last round that ``peer`` says is certified, -1 for none; None without an answer."""
        data = await self.ask(peer, HEAD, 0, 16)
        try:
            return Integer(MAX_ROUND, -1).check(unpack(data), "head") if data else None
        except WireError:
            return None

    async def chain(self, peer: bytes, first: int, last: int) -> list[CertifiedRound]:
        """Verified certificates from ``first`` on, as many as ``peer`` gives in order, and in time:
        up to ``last``, and on to where it has got to meanwhile.
        """
        found: list[CertifiedRound] = []
        begun = trio.current_time()
        while await self._extend(found, begun, peer, first, last):
            head = await self.head(peer)
            if head is None or head <= last:
                break
            last = head
        return found

    async def _extend(
        self, found: list[CertifiedRound], begun: float, peer: bytes, first: int, last: int
    ) -> bool:
        """Appends what ``peer`` gives up to ``last``; whether that is all of it."""
        for round_ in range(first + len(found), min(last, first + MAX_CHAIN - 1) + 1):
            if too_slow(begun, len(found)):
                log.warning("certificates come too slowly", round=round_)
                return False
            data = await self.ask(peer, CERTIFICATE, round_, MAX_STATEMENT)
            if not data:
                return False
            try:
                certified = await trio.to_thread.run_sync(verify_certificate, self._setting, data)
            except ProtocolError as error:
                log.warning("a certificate that does not verify", round=round_, reason=str(error))
                return False
            if certified.round != round_:
                return False
            found.append(certified)
        return first + len(found) > last

    async def polynomials(self, peer: bytes, round_: int) -> bytes:
        """What ``peer`` says are the opened polynomials; empty when it has none."""
        limit = self._setting.shape.polynomials * 8 * (self._setting.plan.degree + 1) + 1024
        return await self.ask(peer, POLYNOMIALS, round_, limit)


def too_slow(begun: float, rounds: int) -> bool:
    """Whether one who has led on by so many rounds since ``begun`` would keep this peer out."""
    return trio.current_time() - begun > REQUEST_SECONDS + SLOWEST_ROUND * rounds


def polynomials_key(round_: int) -> str:
    """Where the hash of a round's opened polynomials is kept, for the last OPENED_KEPT rounds."""
    return f"polynomials/{round_ % OPENED_KEPT}"


def polynomials_record(round_: int, name: bytes) -> bytes:
    return round_.to_bytes(8, "little") + name

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
from protocols.errors import WireError
from protocols.record.effects import Record
from protocols.record.setting import Setting
from protocols.wire.canonical import pack, unpack
from protocols.wire.schema import MAX_ROUND, MAX_STATEMENT, Integer

log = structlog.get_logger(__name__)

REQUEST_SECONDS = 20.0
ANSWERING_THREADS = 4
"""Threads that look answers up. Of those in which all else runs, the round's own steps among it, a
few liars that ask for models without a pause would leave none.
"""
OPENED_KEPT = 16


class Library:
    """Answers requests from the store, and asks others."""

    def __init__(self, setting: Setting, store: Store, transport: Transport) -> None:
        self._setting = setting
        self._store = store
        self._transport = transport
        self._threads = trio.CapacityLimiter(ANSWERING_THREADS)
        opened = setting.shape.polynomials * 8 * (setting.plan.degree + 1) + 1024
        self._limits = {
            Record.HEAD: 16,
            Record.CERTIFICATE: MAX_STATEMENT,
            Record.MODEL: 4 * setting.parameters,
            Record.POLYNOMIALS: opened,
        }
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
        if what == Record.HEAD:
            return pack(self._store.head())
        if what == Record.CERTIFICATE:
            return self._store.certificate(round_) or b""
        if what == Record.MODEL:
            model = self._store.model(round_)
            return b"" if model is None else model.astype("<f4").tobytes()
        if what == Record.POLYNOMIALS:
            return kept_polynomials(self._store, round_)
        raise WireError(f"nobody asks for {what[:40]!r}")

    async def ask(self, peer: bytes, record: Record, round_: int) -> bytes:
        """The bytes, empty when ``peer`` has none or does not answer."""
        try:
            return await self._transport.request(
                peer,
                pack([record.value, round_]),
                limit=self._limits[record],
                timeout=REQUEST_SECONDS,
            )
        except TransportError as error:
            log.info("request failed", what=record.value, round=round_, reason=str(error))
            return b""


def kept_polynomials(store: Store, round_: int) -> bytes:
    """A round's opened polynomials; empty where they are not kept any more."""
    record = store.meta(polynomials_key(round_))
    if record is None or int.from_bytes(record[:8], "little") != round_:
        return b""
    return store.blob(record[8:]) or b""


def polynomials_key(round_: int) -> str:
    """Where the hash of a round's opened polynomials is kept, for the last OPENED_KEPT rounds."""
    return f"polynomials/{round_ % OPENED_KEPT}"


def polynomials_record(round_: int, name: bytes) -> bytes:
    return round_.to_bytes(8, "little") + name

"""What peers ask each other for: certificates, models and opened polynomials of past rounds.

A request is canonical msgpack ``[what, round]``; the answer is the bytes, or empty when this peer
does not have them. Nothing in an answer is trusted: the asker checks it against a certificate.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import structlog
import trio

from peerd.group.genesis import MAX_GENESIS_BYTES
from peerd.group.signatures import packed
from peerd.runner.succession.lineage import Epoch, kept_draft, told_beginning
from peerd.storage import Store
from peerd.transport.errors import TransportError
from peerd.transport.transport import Transport
from protocols.errors import WireError
from protocols.record.certificate import ResolutionCertificate, decode_certificate
from protocols.record.effects import Record
from protocols.record.resolution import Resolution
from protocols.record.setting import Setting
from protocols.wire.canonical import pack, unpack
from protocols.wire.schema import MAX_ROUND, MAX_STATEMENT, Integer

log = structlog.get_logger(__name__)

REQUEST_SECONDS = 20.0
REQUEST_BYTES = 1 << 20
"""How long an answer may take: so many seconds, and one more for each of so many bytes."""
ANSWERING_THREADS = 4
"""Threads that look answers up. Of those in which all else runs, the round's own steps among it, a
few liars that ask for models without a pause would leave none.
"""
OPENED_KEPT = 16
SIGNATURES = "signatures"
"""What a member asks for that has not everybody's yet (peerd/runner/founding.py)."""


class Library:
    """Answers requests from the store, and asks others. ``epochs``: the groups that this peer was
    in, the current one last.
    """

    def __init__(
        self, setting: Setting, store: Store, transport: Transport, epochs: Sequence[Epoch] = ()
    ) -> None:
        self._epochs: Sequence[Epoch] = ()
        self._store = store
        self._transport = transport
        self._threads = trio.CapacityLimiter(ANSWERING_THREADS)
        opened = setting.shape.polynomials * 8 * (setting.plan.degree + 1) + 1024
        self._limits = {
            Record.HEAD: 16,
            Record.CERTIFICATE: MAX_STATEMENT,
            Record.MODEL: 4 * setting.parameters,
            Record.POLYNOMIALS: opened,
            Record.SUCCESSOR: MAX_GENESIS_BYTES,
            Record.BEGINNING: MAX_GENESIS_BYTES + MAX_STATEMENT,
        }
        transport.handle_requests(partial(self._answer, None))
        self.serve(epochs)

    def serve(self, epochs: Sequence[Epoch]) -> None:
        """Members of the groups before get what is left of theirs."""
        self._epochs = epochs
        for number, epoch in enumerate(epochs[:-1]):
            answer = partial(self._answer, number)
            self._transport.serve_guests(epoch.genesis.group_id, epoch.genesis.roster, answer)

    async def _answer(self, epoch: int | None, peer: bytes, payload: bytes) -> bytes:
        """``epoch``: which of the earlier groups whoever asks takes this for; None: this one."""
        what, round_ = self._parse(payload)
        return await trio.to_thread.run_sync(self._find, epoch, what, round_, limiter=self._threads)

    def _parse(self, payload: bytes) -> tuple[str, int]:
        value = unpack(payload)
        if not isinstance(value, list) or len(value) != 2 or not isinstance(value[0], str):
            raise WireError("a request is [what, round]")
        return value[0], Integer(MAX_ROUND).check(value[1], "round")

    def _find(self, epoch: int | None, what: str, round_: int) -> bytes:
        epochs = self._epochs if epoch is None else self._epochs[: epoch + 1]
        last = None if epoch is None else self._epochs[epoch + 1].first - 1
        if what == SIGNATURES:
            return packed(epochs[-1].genesis.signatures) if epochs else b""
        if what == Record.HEAD:
            return pack(self._store.head() if last is None else last)
        if last is not None and round_ > last:
            return b""
        if what == Record.CERTIFICATE:
            return self._store.certificate(round_) or b""
        if what == Record.MODEL:
            model = self._store.model(round_)
            return b"" if model is None else model.astype("<f4").tobytes()
        if what == Record.POLYNOMIALS:
            return kept_polynomials(self._store, round_)
        if what == Record.SUCCESSOR:
            return self._successor(round_)
        if what == Record.BEGINNING:
            return told_beginning(self._store, epochs)
        raise WireError(f"nobody asks for {what[:40]!r}")

    def _successor(self, round_: int) -> bytes:
        """The genesis that the handover of this round names; empty where it is none."""
        record = self._store.certificate(round_)
        certificate = None if record is None else decode_certificate(record)
        if not isinstance(certificate, ResolutionCertificate):
            return b""
        draft = kept_draft(self._store, Resolution.decode(certificate.outcome).draft)
        return b"" if draft is None else draft.encode()

    async def ask(
        self, peer: bytes, record: Record, round_: int, through: Transport | None = None
    ) -> bytes:
        """The bytes, empty when ``peer`` has none or does not answer. ``through``: another way to
        it than this group's.
        """
        try:
            return await (through or self._transport).request(
                peer,
                pack([record.value, round_]),
                limit=self._limits[record],
                timeout=REQUEST_SECONDS + self._limits[record] / REQUEST_BYTES,
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

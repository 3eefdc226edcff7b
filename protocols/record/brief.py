"""A pool as a proposal carries it (docs/protocol.md §5, §7): what many statements have in common
stands in it once.

Nothing is lost: a statement is the same for everybody who knows what was said and the signature,
so that it is made anew from these and verified like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any

from protocols.errors import WireError
from protocols.record.cohort import Panel
from protocols.record.door import read_statement
from protocols.record.inbox import Inbox
from protocols.wire.bits import bits_in, with_bits
from protocols.wire.canonical import pack, unpack
from protocols.wire.payloads import PAYLOADS, Check, Kind, Payload, Topic
from protocols.wire.schema import (
    HASH,
    MAX_EVIDENCE,
    MAX_PEERS,
    MAX_SEATS,
    PEER,
    SIGNATURE,
    Bytes,
    ListOf,
    Tuple,
    from_value,
    to_value,
    wire,
)
from protocols.wire.statement import Slot, Statement, assemble

WORD = Struct("<HB32s")
"""A member's word: dealer, what it says, header or key."""
NAME = Struct("<32s")
ANSWER = Struct("<I64s")
"""Subject and signature of an answer that names the usual header."""

Said = tuple[int, bytes, bytes, bytes]
"""Signer, signature, a bit for each usual thing that is said, and whatever else is."""

_SAID = Tuple((PEER, SIGNATURE, Bytes(MAX_PEERS), Bytes(WORD.size * MAX_PEERS)))


@dataclass(frozen=True, slots=True)
class Brief:
    """``headers``: of each dealer the one to which most say OK; these are the usual words of
    ``reports``, and reports the usual names in ``seen``. Some of many records are in one string:
    a message may have no more lists than members could send.
    """

    headers: tuple[tuple[int, bytes], ...] = wire(
        ListOf(Tuple((PEER, HASH)), MAX_PEERS, rising=True)
    )
    reports: tuple[Said, ...] = wire(ListOf(_SAID, 2 * MAX_SEATS))
    seen: tuple[Said, ...] = wire(ListOf(_SAID, 2 * MAX_SEATS))
    answers: bytes = wire(Bytes(MAX_EVIDENCE))


def shorten(
    statements: Iterable[Statement], panel: Panel, usual: Iterable[tuple[int, bytes]]
) -> tuple[bytes, ...]:
    """Of these statements, all of one attempt: their brief, and those that it does not hold.
    ``usual``: the header to which most say OK, of each dealer of which there is one.
    """
    by_kind: dict[Kind, list[Statement]] = {}
    for statement in sorted(statements, key=lambda statement: statement.hash):
        by_kind.setdefault(statement.kind, []).append(statement)
    headers = tuple(usual)
    known = set(headers)
    reports, seen = by_kind.pop(Kind.REPORT, []), by_kind.pop(Kind.SEEN, [])
    said = by_kind.pop(Kind.ANSWER, [])
    answers = [answer for answer in said if _answered(answer, panel) in known]
    others = [answer for answer in said if _answered(answer, panel) not in known]
    brief = Brief(
        headers,
        tuple(_report(report, headers) for report in reports),
        tuple(_seen(said, reports) for said in seen),
        b"".join(ANSWER.pack(answer.slot.subject, answer.signature) for answer in answers),
    )
    rest = (said.wire for kind in (*by_kind.values(), others) for said in kind)
    return pack(to_value(brief)), *rest


def _answered(answer: Statement, panel: Panel) -> tuple[int, bytes]:
    return panel.errand_of(answer.slot.subject)[0], answer.payload.header


def _bits(named: Collection[Any], items: Sequence[Any]) -> bytes:
    bits = (index for index, item in enumerate(items) if item in named)
    return with_bits(bits, len(items))


def _report(report: Statement, headers: Sequence[tuple[int, bytes]]) -> Said:
    words = {(dealer, data): word for dealer, word, data in report.payload.words}
    usual = {header for header in headers if words.get(header) == Check.OK}
    others = (word for word in report.payload.words if (word[0], word[2]) not in usual)
    rest = b"".join(WORD.pack(*word) for word in others)
    return report.signer, report.signature, _bits(usual, headers), rest


def _seen(said: Statement, reports: Sequence[Statement]) -> Said:
    keys, named = [report.hash for report in reports], set(said.payload.statements)
    others = b"".join(sorted(named - set(keys)))
    return said.signer, said.signature, _bits(named, keys), others


def restore(inbox: Inbox, panel: Panel, inputs: Sequence[bytes]) -> list[Statement]:
    """The statements of a proposal. WireError for what is none; no signature is checked.

    A brief's take more room than it does: at most a report of a word on everybody, and a list of
    all reports, twice for each seat.
    """
    if not inputs:
        raise WireError("a proposal on a cohort has a brief")
    brief, twice = from_value(Brief, unpack(inputs[0])), 2 * len(panel.seats)
    if len(brief.headers) > len(panel.selected) or max(len(brief.reports), len(brief.seen)) > twice:
        raise WireError("a brief of more than there are peers")
    rest = (read_statement(inbox.setting, item) for item in inputs[1:])
    return [*_Restored(inbox, panel, brief).statements(), *rest]


def _records(form: Struct, data: bytes) -> Iterator[tuple[Any, ...]]:
    if len(data) % form.size:
        raise WireError(f"{len(data)} bytes are no records of {form.size}")
    return form.iter_unpack(data)


@dataclass(frozen=True, slots=True)
class _Restored:
    inbox: Inbox
    panel: Panel
    brief: Brief

    def statements(self) -> Iterator[Statement]:
        reports = [self._report(said) for said in self.brief.reports]
        yield from reports
        yield from self._lists([report.hash for report in reports])
        yield from self._answers()

    def _report(self, said: Said) -> Statement:
        signer, signature, bits, others = said
        headers = self.brief.headers
        usual = (headers[bit] for bit in bits_in(bits, len(headers)))
        oks = ((dealer, int(Check.OK), header) for dealer, header in usual)
        words = tuple(sorted((*oks, *_records(WORD, others))))
        return self._said((Kind.REPORT, 0, signer), (words,), signature)

    def _lists(self, keys: Sequence[bytes]) -> Iterator[Statement]:
        for signer, signature, bits, others in self.brief.seen:
            extra = (name for (name,) in _records(NAME, others))
            usual = (keys[bit] for bit in bits_in(bits, len(keys)))
            named = tuple(sorted({*usual, *extra}))
            yield self._said((Kind.SEEN, Topic.COHORT, signer), (named, ()), signature)

    def _answers(self) -> Iterator[Statement]:
        usual = dict(self.brief.headers)
        for subject, signature in _records(ANSWER, self.brief.answers):
            dealer, asker = self.panel.errand_of(subject)
            header = usual.get(dealer, b"")
            yield self._said((Kind.ANSWER, subject, asker), (header,), signature)

    def _said(
        self, slot: tuple[Kind, int, int], fields: tuple[Any, ...], signature: bytes
    ) -> Statement:
        """``slot``: kind, subject, signer. Most are here already, and are not made once more."""
        kind, subject, signer = slot
        made = Slot(*self.inbox.place, kind, subject, 0, signer)
        known = self.inbox.of(made)
        here = known if known is not None and known.signature == signature else None
        if here is not None and tuple(to_value(here.payload)) == fields:
            return here
        payload: Payload = from_value(PAYLOADS[kind], _listed(fields))
        return assemble(self.inbox.setting.group, made, payload, signature)


def _listed(fields: Any) -> Any:
    """As from the wire, where all that is several is a list."""
    return [*map(_listed, fields)] if isinstance(fields, tuple) else fields

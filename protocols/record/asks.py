"""What a report asks for: one-time keys, and how they come to the dealers (docs/protocol.md §3).

In version 2 an ASK's word is its key. A hybrid key takes 1216 bytes, and a report stands in every
proposal and in evidence: from version 3 on the word names the key by a hash, and the key itself
travels beside the report, in an ``AskFrame``, to those who need it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from protocols.errors import WireError
from protocols.hashing import digest
from protocols.ports import HYBRID_BOX_BYTES, HYBRID_KEY_BYTES, SEALED_BOX_BYTES, Boxes
from protocols.record.setting import Setting
from protocols.version import V3
from protocols.wire.frames import AskFrame, StatementFrame
from protocols.wire.payloads import Check, Kind
from protocols.wire.statement import Statement

Keys = Mapping[int, bytes]
"""By dealer, the key to answer an ask with."""


def boxes_of(setting: Setting) -> Boxes:
    """What is sealed in for one member of this group."""
    return setting.crypto.boxes(setting.version)


def box_bytes(version: int) -> int:
    """What a box takes beside its message in a group that speaks this version of the protocol."""
    return HYBRID_BOX_BYTES if version >= V3 else SEALED_BOX_BYTES


def word_of(version: int, key: bytes) -> bytes:
    """32 bytes that stand for a key in an ASK."""
    return key if version < V3 else digest("peerd/ask/key", key)


def asked(report: Statement) -> dict[int, bytes]:
    """By dealer, what stands for the key of each ASK."""
    words = report.payload.words
    return {dealer: data for dealer, word, data in words if word == Check.ASK}


def keys_name(report: Statement) -> bytes:
    """In HAVE: that all keys of this report are held."""
    return digest("peerd/ask/keys", report.hash)


def ask_frame(version: int, report: Statement, keys: Keys) -> StatementFrame:
    """A report with these keys of it; alone where there are none, or where it holds them itself."""
    beside = dict.fromkeys(keys[dealer] for dealer in sorted(keys)) if version >= V3 else {}
    return AskFrame(report.wire, b"".join(beside)) if beside else StatementFrame(report.wire)


def keys_among(version: int, report: Statement, keys: bytes) -> dict[int, bytes]:
    """Those of a report among keys that lie one behind the other."""
    named = {word_of(version, key): key for key in _cut(keys)}
    return {dealer: named[word] for dealer, word in asked(report).items() if word in named}


def keys_in(version: int, report: Statement, frame: StatementFrame) -> dict[int, bytes]:
    """By dealer, the keys that came with a report. WireError for what is no key of its asks, or
    comes twice, and for keys in version 2, which has no such frame.
    """
    if not isinstance(frame, AskFrame):
        return asked(report) if version < V3 else {}
    if version < V3 or report.kind is not Kind.REPORT:
        raise WireError("keys of asks come beside a report, in a later version than this group's")
    found = keys_among(version, report, frame.keys)
    if not frame.keys or len(set(found.values())) * HYBRID_KEY_BYTES != len(frame.keys):
        raise WireError("keys that a report does not ask with")
    return found


def _cut(keys: bytes) -> Iterator[bytes]:
    if len(keys) % HYBRID_KEY_BYTES:
        raise WireError(f"{len(keys)} bytes are no keys of {HYBRID_KEY_BYTES}")
    return (keys[at : at + HYBRID_KEY_BYTES] for at in range(0, len(keys), HYBRID_KEY_BYTES))


def frames_to(
    version: int, report: Statement, keys: Keys, seats: Iterable[int], dealers: Iterable[int]
) -> Iterator[tuple[tuple[int, ...], StatementFrame]]:
    """What its signer sends of a report, and to whom: all keys to the seats, of which any may have
    to pass it on, and to a dealer without a seat its own.
    """
    members = tuple(seats)
    rest = tuple(dealer for dealer in dealers if dealer not in members)
    if version < V3 or not keys:
        yield (*members, *rest), StatementFrame(report.wire)
        return
    yield members, ask_frame(version, report, keys)
    for dealer in rest:
        yield (dealer,), ask_frame(version, report, {d: keys[d] for d in (dealer,) if d in keys})

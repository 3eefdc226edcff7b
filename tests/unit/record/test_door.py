"""What is remembered of messages: within bounds, and no share; what is refused is refused again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest

from peerd.crypto import Sodium
from peerd.memory import KEPT, Remembering
from protocols.errors import WireError
from protocols.hashing import digest
from protocols.ports import Forgetful
from protocols.record.door import (
    SMALL_FRAME,
    SMALL_STATEMENT,
    open_message,
    read_statement,
)
from protocols.record.setting import Setting
from protocols.wire.canonical import pack
from protocols.wire.frames import (
    DealingFrame,
    Frame,
    HelloFrame,
    ProposalFrame,
    StatementFrame,
    SumFrame,
    decode_frame,
    encode_frame,
)
from protocols.wire.payloads import Ballot, Header, Kind, Payload, Topic
from protocols.wire.statement import Slot, Statement, decode_statement, sign
from tests.simulation.swarm import FOUR, setting_of

T = TypeVar("T")


class Counting(Remembering):
    """Counts what had to be computed, by kind."""

    def __init__(self) -> None:
        super().__init__()
        self.computed: list[str] = []

    def recall(self, kind: str, key: bytes, compute: Callable[[], T]) -> T:
        def counted() -> T:
            self.computed.append(kind)
            return compute()

        return super().recall(kind, key, counted)

    def held(self, kind: str) -> int:
        return len(self._kept[kind])


MEMORY = Counting()
SETTING = setting_of(FOUR, 1)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    MEMORY.__init__()  # type: ignore[misc]


def said(kind: Kind, payload: Payload) -> Statement:
    slot = Slot(7, 2, kind, int(Topic.COHORT) if kind is Kind.FIRST_VOTE else 0, 0, 1)
    return sign(Sodium(), digest("test/secret"), SETTING.group, slot, payload)


def frame_of(setting: Setting, data: bytes) -> Frame:
    return open_message(setting, 1, data).frame


REMEMBERING = replace(SETTING, memory=MEMORY)
VOTE = said(Kind.FIRST_VOTE, Ballot(digest("test/outcome")))
HEADER = said(Kind.HEADER, Header(bytes(32), bytes(32), b"proof"))


def test_a_frame_that_comes_again_is_not_decoded_again() -> None:
    data = encode_frame(HelloFrame(3, 1))
    assert frame_of(REMEMBERING, data) is frame_of(REMEMBERING, bytes(bytearray(data)))
    assert MEMORY.computed == ["frame"]


def test_a_statement_that_comes_in_many_frames_is_decoded_once() -> None:
    """One vote comes alone, and again in the lock, the decision and the proposal that show it."""
    alone = open_message(REMEMBERING, 1, encode_frame(StatementFrame(VOTE.wire)))
    assert alone.statement == VOTE
    assert read_statement(REMEMBERING, bytes(bytearray(VOTE.wire))) is alone.statement
    assert MEMORY.computed == ["frame", "statement"]


@pytest.mark.parametrize(
    "frame",
    [
        DealingFrame(HEADER.wire, b"share"),
        SumFrame(VOTE.wire, bytes(SMALL_FRAME)),
        ProposalFrame(VOTE.wire, b"", (bytes(SMALL_FRAME),), ()),
    ],
    ids=lambda frame: type(frame).__name__,
)
def test_nothing_is_kept_of_a_share_nor_of_what_is_large(frame: Frame) -> None:
    data = encode_frame(frame)
    assert frame_of(REMEMBERING, data) == frame
    assert MEMORY.held("frame") == 0


def test_of_a_dealing_its_header_alone_is_kept() -> None:
    """The header is everybody's to see; it is the share that nothing may be left of (§6)."""
    share = b"a share of somebody's update"
    data = encode_frame(DealingFrame(HEADER.wire, share))
    assert open_message(REMEMBERING, 1, data).statement == HEADER
    kept = [item for known in MEMORY._kept.values() for item in known.items()]
    assert [value for _, value in kept] == [HEADER]
    assert all(share not in key and share not in pack_of(value) for key, value in kept)


def pack_of(value: object) -> bytes:
    assert isinstance(value, Statement)
    return value.wire


def test_a_large_statement_is_not_kept() -> None:
    large = said(Kind.HEADER, Header(bytes(32), bytes(32), bytes(SMALL_STATEMENT)))
    assert read_statement(REMEMBERING, large.wire) == large
    assert MEMORY.held("statement") == 0


def test_what_is_refused_is_not_kept_and_refused_again() -> None:
    for _ in range(2):
        with pytest.raises(WireError, match="HelloFrame"):
            frame_of(REMEMBERING, bytes([0x93, 1, 11, 0x91, 3]))
        with pytest.raises(WireError):
            read_statement(REMEMBERING, VOTE.wire[:-1])
    assert MEMORY.computed == ["frame", "statement"] * 2
    assert MEMORY.held("frame") == MEMORY.held("statement") == 0


def test_many_frames_take_no_more_than_the_bound() -> None:
    for number in range(KEPT["frame"] + 10):
        frame_of(REMEMBERING, encode_frame(HelloFrame(number, 0)))
    assert MEMORY.held("frame") == KEPT["frame"]
    MEMORY.computed.clear()
    frame_of(REMEMBERING, encode_frame(HelloFrame(KEPT["frame"] + 9, 0)))
    assert MEMORY.computed == [], "the oldest goes, not the newest"
    frame_of(REMEMBERING, encode_frame(HelloFrame(0, 0)))
    assert MEMORY.computed == ["frame"]


def test_with_or_without_a_memory_the_same_is_read() -> None:
    forgetting = replace(SETTING, memory=Forgetful())
    data = encode_frame(StatementFrame(VOTE.wire))
    for setting in (REMEMBERING, REMEMBERING, forgetting):
        assert frame_of(setting, data) == decode_frame(data)
        assert read_statement(setting, VOTE.wire) == decode_statement(VOTE.wire, setting.group)


def test_another_signature_under_the_same_words_is_another_statement() -> None:
    """A verdict on a signature is remembered for no bytes but those that were looked at."""
    forged = read_statement(REMEMBERING, pack([VOTE.body, bytes(64)]))
    public = Sodium().signing_public(digest("test/secret"))
    for _ in range(2):
        assert not forged.signed_by(Sodium(), public)
        assert read_statement(REMEMBERING, VOTE.wire).signed_by(Sodium(), public)
        assert read_statement(REMEMBERING, pack([VOTE.body, bytes(64)])) == forged
    assert forged.hash == VOTE.hash and forged != VOTE

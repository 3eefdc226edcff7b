"""The door: bytes from outside become a message here, once, and are bounded and named.

Whatever comes behind works on the decoded statement; what waits for its time waits as bytes, and
comes through the door again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from protocols.errors import WireError
from protocols.record.asks import keys_in
from protocols.record.setting import Setting
from protocols.wire.frames import (
    DEALING,
    AskFrame,
    DealingFrame,
    DecisionFrame,
    Frame,
    HaveFrame,
    NewViewFrame,
    ProposalFrame,
    SeenFrame,
    StatementFrame,
    SumFrame,
    decode_frame,
)
from protocols.wire.payloads import Kind
from protocols.wire.statement import Slot, Statement, decode_statement

SMALL_STATEMENT = 1024
"""Bytes of a statement that is worth remembering decoded."""
SMALL_FRAME = 8 << 10
"""Bytes of a frame that is worth remembering decoded."""


_Opened: TypeAlias = tuple[Frame, Statement | None, Slot | None, tuple[int, int] | None]


class Message(NamedTuple):
    """A frame from a peer, with the statement that it is there for.

    ``slot``: that statement's, or of a decision the slot of its votes. ``place``: the (round,
    attempt) that it is about, None where it is about none.
    """

    sender: int
    frame: Frame
    statement: Statement | None
    slot: Slot | None
    place: tuple[int, int] | None

    def __repr__(self) -> str:
        return f"Message({self.sender}, {self.statement}, {self.place})"


def open_message(setting: Setting, sender: int, data: bytes) -> Message:
    """Raises WireError for whatever is no message of this group."""
    return Message(sender, *_recalled(setting, data))


def read_frame(setting: Setting, data: bytes) -> Frame:
    """One that is part of another. WireError as ``open_message``."""
    return _recalled(setting, data)[0]


def _recalled(setting: Setting, data: bytes) -> _Opened:
    # A dealing holds a share, of which nothing may be left once the cohort is decided (§6).
    if len(data) > SMALL_FRAME or data.startswith(DEALING):
        return _opened(setting, data)
    return setting.memory.recall("frame", data, lambda: _opened(setting, data))


def _opened(setting: Setting, data: bytes) -> _Opened:
    frame = decode_frame(data)
    if isinstance(frame, HaveFrame):
        return frame, None, None, (frame.round, frame.attempt)
    statement = _statement_of(setting, frame)
    if isinstance(frame, AskFrame) and statement is not None:
        keys_in(setting.version, statement, frame)
    slot = slot_of(setting, frame) if statement is None else statement.slot
    return frame, statement, slot, slot.place if slot is not None else None


def own_message(me: int, frame: Frame, statement: Statement) -> Message:
    """What a peer says to itself."""
    return Message(me, frame, statement, statement.slot, statement.slot.place)


def read_statement(setting: Setting, data: bytes) -> Statement:
    """A statement of this group, no larger than it needs to be. Its signature is not looked at.

    Raises WireError for anything else.
    """
    if len(data) > setting.largest_statement:
        raise WireError(
            f"a statement of {len(data)} bytes; {setting.largest_statement} hold any of this group"
        )
    if len(data) > SMALL_STATEMENT:
        return decode_statement(data, setting.group)
    read = setting.memory.recall
    return read("statement", data, lambda: decode_statement(data, setting.group))


def remember(setting: Setting, said: Statement) -> Statement:
    """What this peer says comes back to it in votes, lists and certificates."""
    if len(said.wire) > SMALL_STATEMENT:
        return said
    return setting.memory.recall("statement", said.wire, lambda: said)


def is_signed(setting: Setting, statement: Statement, public: bytes) -> bool:
    """Whether the owner of this key signed it. A vote comes alone, and again in each lock, decision
    and certificate that it is part of.
    """
    if len(statement.wire) > SMALL_STATEMENT:
        return statement.signed_by(setting.crypto, public)
    key = public + statement.wire
    return setting.memory.recall(
        "signature", key, lambda: statement.signed_by(setting.crypto, public)
    )


def signed_in(setting: Setting, frames: Iterable[bytes], peer: int) -> list[Statement]:
    """The statements by ``peer`` that these frames are there for; their signatures unread."""
    messages = (open_message(setting, peer, data) for data in frames)
    said = (message.statement for message in messages)
    return [statement for statement in said if statement is not None and statement.signer == peer]


def _statement_of(setting: Setting, frame: Frame) -> Statement | None:
    if isinstance(frame, DealingFrame):
        return read_statement(setting, frame.header)
    if isinstance(frame, SumFrame | StatementFrame | SeenFrame | ProposalFrame | NewViewFrame):
        return read_statement(setting, frame.statement)
    return None


def slot_of(setting: Setting, frame: Frame) -> Slot | None:
    """Of the statement that it is there for; of a decision, that of its votes."""
    if not isinstance(frame, DecisionFrame):
        statement = _statement_of(setting, frame)
        return None if statement is None else statement.slot
    if not frame.votes:
        raise WireError("a decision without votes")
    slot = read_statement(setting, frame.votes[0]).slot
    if slot.kind is not Kind.SECOND_VOTE:
        raise WireError(f"a decision by {slot.kind.name} statements")
    return slot

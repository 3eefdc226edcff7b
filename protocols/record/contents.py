"""What a frame is about: the statement that it is there for, and that statement's slot."""

from __future__ import annotations

from collections.abc import Iterable

from protocols.errors import WireError
from protocols.wire.frames import (
    DealingFrame,
    DecisionFrame,
    Frame,
    HaveFrame,
    NewViewFrame,
    ProposalFrame,
    SeenFrame,
    StatementFrame,
    SumFrame,
)
from protocols.wire.statement import Kind, Slot, Statement, decode_statement


def slot_of(frame: Frame, group: bytes) -> Slot:
    """The slot of a frame's statement; of a decision, that of its first vote. Raises WireError."""
    if isinstance(frame, DecisionFrame):
        if not frame.votes:
            raise WireError("a decision without votes")
        slot = decode_statement(frame.votes[0], group).slot
        if slot.kind is not Kind.SECOND_VOTE:
            raise WireError(f"a decision by {slot.kind.name} statements")
        return slot
    if isinstance(frame, HaveFrame):
        return Slot(frame.round, frame.attempt, Kind.REPORT, 0, 0, 0)
    data = statement_in(frame)
    if data is None:
        raise WireError(f"{type(frame).__name__} belongs to no attempt")
    return decode_statement(data, group).slot


def signed_in(frames: Iterable[Frame], group: bytes, peer: int) -> list[Statement]:
    """The statements by ``peer`` that these frames are there for; their signatures unread."""
    data = (statement_in(frame) for frame in frames)
    statements = [decode_statement(item, group) for item in data if item is not None]
    return [statement for statement in statements if statement.signer == peer]


def statement_in(frame: Frame) -> bytes | None:
    """The statement that a frame is there for; None where there is none."""
    if isinstance(frame, DealingFrame):
        return frame.header
    if isinstance(frame, SumFrame | StatementFrame | SeenFrame | ProposalFrame | NewViewFrame):
        return frame.statement
    return None

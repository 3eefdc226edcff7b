"""Keys beside a report: what comes through the door, in groups of either version."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peerd.laboratory.simulation.swarm import FOUR, setting_of
from protocols.errors import WireError
from protocols.ports import HYBRID_KEY_BYTES
from protocols.record.asks import ask_frame, asked, frames_to, keys_in, word_of
from protocols.record.door import open_message
from protocols.version import EARLIEST, V3
from protocols.wire.frames import AskFrame, Frame, StatementFrame, encode_frame
from protocols.wire.payloads import Check, Kind, Payload, Report, Reveal
from protocols.wire.statement import Slot, Statement, sign

NEW, OLD = setting_of(FOUR, 1), setting_of(FOUR, 1, version=EARLIEST)
KEYS = {dealer: bytes([dealer]) * HYBRID_KEY_BYTES for dealer in range(4)}
SIGNER = 2


def say(kind: Kind, payload: Payload) -> Statement:
    slot = Slot(0, 0, kind, 0, 0, SIGNER)
    return sign(NEW.crypto, b"s" * 32, NEW.group, slot, payload)


def report(*dealers: int) -> Statement:
    """OK on everybody but those whom it asks."""
    words = (
        (d, int(Check.ASK), word_of(V3, KEYS[d])) if d in dealers else (d, int(Check.OK), bytes(32))
        for d in range(4)
    )
    return say(Kind.REPORT, Report(tuple(words)))


def opened(frame: Frame) -> Frame:
    return open_message(NEW, SIGNER, encode_frame(frame)).frame


def test_what_a_word_names() -> None:
    assert word_of(EARLIEST, b"k" * 32) == b"k" * 32
    assert len(word_of(V3, KEYS[0])) == 32 and word_of(V3, KEYS[0]) != word_of(V3, KEYS[1])
    said = report(0, 3)
    assert asked(said) == {d: word_of(V3, KEYS[d]) for d in (0, 3)}


@pytest.mark.parametrize("dealers", [(0,), (3,), (0, 3)])
def test_all_keys_of_a_report_or_some(dealers: tuple[int, ...]) -> None:
    said, keys = report(0, 3), {d: KEYS[d] for d in dealers}
    frame = ask_frame(V3, said, keys)
    assert isinstance(frame, AskFrame) and opened(frame) == frame
    message = open_message(NEW, SIGNER, encode_frame(frame))
    assert message.statement == said and message.place == (0, 0)
    assert keys_in(V3, said, frame) == keys


def test_a_report_alone_has_no_keys() -> None:
    for dealers in ((), (0, 3)):
        frame = ask_frame(V3, report(*dealers), {})
        assert type(frame) is StatementFrame and opened(frame) == frame
        assert keys_in(V3, report(*dealers), frame) == {}


def test_one_key_for_two_dealers_comes_once() -> None:
    words = tuple((d, int(Check.ASK), word_of(V3, KEYS[0])) for d in range(2))
    said = say(Kind.REPORT, Report(words))
    frame = ask_frame(V3, said, dict.fromkeys(range(2), KEYS[0]))
    assert isinstance(frame, AskFrame) and frame.keys == KEYS[0]
    assert keys_in(V3, said, frame) == dict.fromkeys(range(2), KEYS[0])


@pytest.mark.parametrize(
    "keys",
    [
        b"",
        KEYS[1],
        KEYS[0][:-1],
        KEYS[0] + b"\0",
        KEYS[0] + KEYS[1],
        KEYS[0] + KEYS[0],
        b"k" * 32,
    ],
    ids=["none", "of no ask", "short", "long", "one of no ask", "twice", "of version 2"],
)
def test_what_is_no_key_of_its_asks_is_refused(keys: bytes) -> None:
    with pytest.raises(WireError):
        opened(AskFrame(report(0, 3).wire, keys))


def test_only_a_report_has_keys_beside_it() -> None:
    with pytest.raises(WireError):
        opened(AskFrame(say(Kind.REVEAL, Reveal(bytes(32))).wire, KEYS[0]))


def test_version_2_knows_no_such_frame() -> None:
    """As peerd 0.2.0, which takes it for no frame: what holds a report is the same for both."""
    said = report(0, 3)
    for frame in (AskFrame(said.wire, KEYS[0] + KEYS[3]), AskFrame(said.wire, b"")):
        with pytest.raises(WireError):
            open_message(replace(OLD, group=NEW.group), SIGNER, encode_frame(frame))
    alone = StatementFrame(said.wire)
    assert open_message(replace(OLD, group=NEW.group), SIGNER, encode_frame(alone)).frame == alone


@pytest.mark.parametrize("size", [31, 33, HYBRID_KEY_BYTES])
def test_a_word_has_32_bytes_in_either(size: int) -> None:
    words = ((0, int(Check.ASK), bytes(size)),)
    frame = encode_frame(StatementFrame(say(Kind.REPORT, Report(words)).wire))
    for setting in (NEW, replace(OLD, group=NEW.group)):
        with pytest.raises(WireError):
            open_message(setting, SIGNER, frame)


def test_who_is_sent_which_keys() -> None:
    """A seat may have to pass them on; a dealer without one answers, and needs its own."""
    said, keys = report(0, 3), {d: KEYS[d] for d in (0, 3)}
    sent = dict(frames_to(V3, said, keys, (0, 1), (0, 2, 3)))
    assert sent == {
        (0, 1): AskFrame(said.wire, KEYS[0] + KEYS[3]),
        (2,): StatementFrame(said.wire),
        (3,): AskFrame(said.wire, KEYS[3]),
    }
    alone = StatementFrame(said.wire)
    assert dict(frames_to(EARLIEST, said, keys, (0, 1), (0, 2, 3))) == {(0, 1, 2, 3): alone}
    assert dict(frames_to(V3, said, {}, (0, 1), (0, 2, 3))) == {(0, 1, 2, 3): alone}

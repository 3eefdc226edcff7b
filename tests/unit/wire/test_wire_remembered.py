"""What is remembered of messages: within bounds, nothing secret, and no verdict but valid."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from peerd.crypto import Sodium
from protocols.errors import WireError
from protocols.hashing import digest
from protocols.wire import frames
from protocols.wire.frames import (
    REMEMBERED_FRAMES,
    SMALL_FRAME,
    DealingFrame,
    Frame,
    HelloFrame,
    StatementFrame,
    decode_frame,
    encode_frame,
)
from protocols.wire.statement import Ballot, Kind, Slot, Statement, Topic, sign

SECRET, GROUP = digest("test/secret"), digest("test/group")
PUBLIC, OTHER = (Sodium().signing_public(digest(name)) for name in ("test/secret", "test/other"))
SLOT = Slot(7, 2, Kind.FIRST_VOTE, int(Topic.COHORT), 3, 1)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    frames._decode_small.cache_clear()
    yield
    frames._decode_small.cache_clear()


def held() -> int:
    return frames._decode_small.cache_info().currsize


def test_a_frame_that_comes_again_is_not_decoded_again() -> None:
    data = encode_frame(HelloFrame(3, 1))
    assert decode_frame(data) is decode_frame(bytes(bytearray(data)))


@pytest.mark.parametrize(
    "frame", [DealingFrame(b"header", b"share"), StatementFrame(bytes(SMALL_FRAME))]
)
def test_nothing_is_kept_of_a_share_nor_of_what_is_large(frame: Frame) -> None:
    data = encode_frame(frame)
    assert decode_frame(data) == frame
    assert held() == 0


def test_what_is_refused_is_not_kept_and_refused_again() -> None:
    for _ in range(2):
        with pytest.raises(WireError, match="HelloFrame"):
            decode_frame(bytes([0x93, 1, 11, 0x91, 3]))
    assert held() == 0


def test_many_frames_take_no_more_than_the_bound() -> None:
    for number in range(REMEMBERED_FRAMES + 10):
        decode_frame(encode_frame(HelloFrame(number, 0)))
    assert held() == REMEMBERED_FRAMES


class Counting(Sodium):
    """Counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        self.asked += 1
        return super().verify(public, message, signature)


def vote() -> Statement:
    return sign(Sodium(), SECRET, GROUP, SLOT, Ballot(digest("test/outcome")))


def test_a_valid_signature_is_verified_once_under_its_key() -> None:
    crypto, said = Counting(), vote()
    assert said.signed_by(crypto, PUBLIC)
    assert said.signed_by(crypto, PUBLIC)
    assert crypto.asked == 1
    assert not said.signed_by(crypto, OTHER)
    assert crypto.asked == 2
    assert said.signed_by(crypto, PUBLIC), "another key's verdict changes nothing"


def test_an_invalid_signature_is_refused_each_time() -> None:
    crypto, said = Counting(), vote()
    forged = Statement(said.group, said.slot, said.payload, said.body, bytes(64))
    assert not forged.signed_by(crypto, PUBLIC)
    assert said.signed_by(crypto, PUBLIC)
    assert not forged.signed_by(crypto, PUBLIC)
    assert crypto.asked == 3


def test_one_group_s_signatures_are_not_another_s() -> None:
    """What one implementation of signatures found valid, another verifies itself."""
    first, second, said = Counting(), Counting(), vote()
    assert said.signed_by(first, PUBLIC)
    assert said.signed_by(second, PUBLIC)
    assert (first.asked, second.asked) == (1, 1)

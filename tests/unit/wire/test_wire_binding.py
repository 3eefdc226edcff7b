"""A signature binds a statement to its group and its whole slot; a hash to what was said."""

from dataclasses import replace

import pytest

from peerd.crypto import Sodium
from protocols.errors import WireError
from protocols.hashing import digest
from protocols.wire.canonical import pack, unpack
from protocols.wire.payloads import Ballot, Kind, Payload, Topic
from protocols.wire.statement import Slot, decode_statement, encode_body, sign

CRYPTO = Sodium()
GROUP, OTHER_GROUP = digest("test/group"), digest("test/other")
SECRET = digest("test/secret")
PUBLIC = CRYPTO.signing_public(SECRET)
SLOT = Slot(7, 2, Kind.FIRST_VOTE, int(Topic.COHORT), 3, 1)
PAYLOAD = Ballot(digest("test/outcome"))
ORIGINAL = sign(CRYPTO, SECRET, GROUP, SLOT, PAYLOAD)

ELSEWHERE = {
    "group": (OTHER_GROUP, SLOT, PAYLOAD),
    "round": (GROUP, SLOT._replace(round=8), PAYLOAD),
    "attempt": (GROUP, SLOT._replace(attempt=1), PAYLOAD),
    "kind": (GROUP, SLOT._replace(kind=Kind.SECOND_VOTE), PAYLOAD),
    "subject": (GROUP, SLOT._replace(subject=int(Topic.REVEALS)), PAYLOAD),
    "view": (GROUP, SLOT._replace(view=4), PAYLOAD),
    "signer": (GROUP, SLOT._replace(signer=2), PAYLOAD),
    "payload": (GROUP, SLOT, Ballot(digest("test/other outcome"))),
}


def test_a_statement_is_read_as_it_was_signed() -> None:
    read = decode_statement(ORIGINAL.wire, GROUP)
    assert (read, read.hash) == (ORIGINAL, ORIGINAL.hash)
    assert read.signed_by(CRYPTO, PUBLIC)
    assert not read.signed_by(CRYPTO, CRYPTO.signing_public(digest("test/another")))


@pytest.mark.parametrize(("group", "slot", "payload"), ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_a_signature_is_worth_nothing_elsewhere(group: bytes, slot: Slot, payload: Payload) -> None:
    wire = pack([encode_body(group, slot, payload), ORIGINAL.signature])
    moved = decode_statement(wire, group)
    assert (moved.wire, moved.slot, moved.payload) == (wire, slot, payload), "only not signed"
    assert not moved.signed_by(CRYPTO, PUBLIC)
    assert moved.hash != ORIGINAL.hash


def test_a_statement_of_another_group_is_not_even_read() -> None:
    with pytest.raises(WireError, match="another group"):
        decode_statement(ORIGINAL.wire, OTHER_GROUP)


def test_the_version_is_signed() -> None:
    value = unpack(ORIGINAL.body)
    assert isinstance(value, list)
    body = pack([2, *value[1:]])
    assert not replace(ORIGINAL, body=body).signed_by(CRYPTO, PUBLIC)
    with pytest.raises(WireError, match="version 2"):
        decode_statement(pack([body, ORIGINAL.signature]), GROUP)


def test_a_signature_over_the_bare_body_is_no_statement() -> None:
    """The domain keeps a statement's signature apart from whatever else the key signs."""
    bare = replace(ORIGINAL, signature=CRYPTO.sign(SECRET, ORIGINAL.body))
    assert not bare.signed_by(CRYPTO, PUBLIC)


def test_every_bit_of_the_body_is_signed() -> None:
    for bit in range(8 * len(ORIGINAL.body)):
        body = bytearray(ORIGINAL.body)
        body[bit // 8] ^= 1 << bit % 8
        try:
            flipped = decode_statement(pack([bytes(body), ORIGINAL.signature]), GROUP)
        except WireError:
            continue
        assert not flipped.signed_by(CRYPTO, PUBLIC)


def test_the_hash_does_not_depend_on_the_signature() -> None:
    """Else one statement under two signatures would pass for two."""
    other = decode_statement(pack([ORIGINAL.body, bytes(64)]), GROUP)
    assert other.hash == ORIGINAL.hash
    assert other != ORIGINAL


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("topic", Topic)
def test_which_key_signs_what(kind: Kind, topic: Topic) -> None:
    """The one-round key is not certified before the election ends: its votes need the identity."""
    election = {Kind.COMMIT, Kind.REVEAL, Kind.SEEN, Kind.ABANDON, Kind.APPROVE}
    agreement = {Kind.PROPOSAL, Kind.FIRST_VOTE, Kind.SECOND_VOTE, Kind.NEW_VIEW}
    by_identity = kind in election | agreement and topic is not Topic.COHORT
    assert Slot(0, 0, kind, int(topic), 0, 0).by_identity is by_identity


def test_journal_keys_are_apart_within_a_round() -> None:
    slots = [
        Slot(7, attempt, kind, subject, view, signer)
        for attempt in (0, 1, 11)
        for kind in (Kind.COMMIT, Kind.HEADER, Kind.DELIVERY)
        for subject in (0, 1, 11)
        for view in (0, 1, 11)
        for signer in (0, 1, 11)
    ]
    assert len({slot.key() for slot in slots}) == len(slots)

"""A party to an attempt: one signature a slot, bounded memory of others, conflicts found once."""

from __future__ import annotations

import pytest

from peerd.laboratory.simulation.seeded import swarm_secrets
from protocols.errors import WireError
from protocols.record.effects import Persist
from protocols.record.inbox import MAX_STATEMENTS_PER_SIGNER, Admission
from protocols.record.journal import Journal
from protocols.record.outcomes import Conflict
from protocols.record.party import Party, Role
from protocols.wire.payloads import Commit, Delivery, Header, Kind, Payload, Report, Reveal
from protocols.wire.statement import Slot, Statement, decode_statement, sign
from tests.simulation.swarm import FOUR, setting_of, swarm

SETTING = setting_of(FOUR, 1)
SECRETS, _ = swarm_secrets(SETTING.crypto, 4, 1)


def role_of(me: int = 0, journal: dict[str, bytes] | None = None) -> Role:
    return Role(Party(SETTING, me, SECRETS[me], 0, Journal(0, journal)))


def by(signer: int, kind: Kind, payload: Payload, subject: int = 0, round_: int = 0) -> Statement:
    slot = Slot(round_, 0, kind, subject, 0, signer)
    return sign(SETTING.crypto, SECRETS[signer].reveal(), SETTING.group, slot, payload)


def test_a_slot_is_signed_once_over_all_lives() -> None:
    role = role_of()
    first = role.sign(Kind.REVEAL, Reveal(b"a" * 32))
    effects = list(role.done())
    assert [type(effect) for effect in effects] == [Persist]
    disk = {effect.key: effect.value for effect in effects if isinstance(effect, Persist)}
    for life in (role, role_of(journal=disk)):
        assert life.sign(Kind.REVEAL, Reveal(b"b" * 32)).body == first.body
        assert not life.done(), "nothing more is to be written"


def test_what_others_say_is_read_only_in_its_place_and_signed_by_them() -> None:
    role = role_of()
    good = by(1, Kind.REVEAL, Reveal(b"a" * 32))
    assert role.party.inbox.read(good.wire) == good
    posing = sign(SETTING.crypto, SECRETS[2].reveal(), SETTING.group, good.slot, good.payload)
    outside = Slot(0, 0, Kind.REVEAL, 0, 0, 4)
    stranger = sign(SETTING.crypto, SECRETS[1].reveal(), SETTING.group, outside, good.payload)
    other_group = sign(SETTING.crypto, SECRETS[1].reveal(), b"x" * 32, good.slot, good.payload)
    later = by(1, Kind.REVEAL, Reveal(b"a" * 32), round_=1)
    for bad in (posing, stranger, other_group, later):
        with pytest.raises(WireError):
            role.party.inbox.read(bad.wire)


def test_a_conflict_is_reported_once_and_the_first_statement_kept() -> None:
    role = role_of()
    first = by(1, Kind.COMMIT, Commit(b"a" * 32, b"k" * 32))
    assert role.admit(first) is Admission.NEW
    assert role.admit(first) is Admission.KNOWN
    others = [by(1, Kind.COMMIT, Commit(bytes([n]) * 32, b"k" * 32)) for n in range(20)]
    admitted = [role.admit(other) for other in others]
    assert admitted == [Admission.CONFLICT] + [Admission.DOUBLED] * 19
    assert not any(admission.counts for admission in admitted)
    assert role.done().outcomes == (Conflict(first, others[0]),)
    assert role.admit(first) is Admission.KNOWN
    assert role.party.inbox.of(first.slot) is first


def test_one_signer_fills_neither_the_count_nor_the_bytes() -> None:
    role = role_of()
    admitted = 0
    for subject in range(40):
        statement = by(1, Kind.DELIVERY, Delivery(bytes(32), bytes(1 << 20)), subject)
        admitted += role.admit(statement) is Admission.NEW
    assert 1 <= admitted <= 5
    role = role_of()
    errands = SETTING.peers * SETTING.plan.committee
    most = MAX_STATEMENTS_PER_SIGNER + 4 * SETTING.peers + 3 * errands
    small = [by(2, Kind.DELIVERY, Delivery(bytes(32), b""), s) for s in range(most + 20)]
    assert sum(role.admit(statement) is Admission.NEW for statement in small) == most
    assert role.admit(by(3, Kind.REVEAL, Reveal(bytes(32)))) is Admission.NEW, "others have room"
    assert role.admit(by(2, Kind.REPORT, Report(()))) is Admission.NEW, "all hold one report each"


def test_a_statement_larger_than_any_of_this_group_is_not_read() -> None:
    """Evidence against a liar travels in everybody's SEEN: it may not be as large as it likes."""
    role = role_of()
    fat = by(1, Kind.HEADER, Header(bytes(32), bytes(32), bytes(SETTING.largest_statement)))
    with pytest.raises(WireError, match="hold any of this group"):
        role.party.inbox.read(fat.wire)


def test_what_is_remembered_as_signed_is_what_would_have_been_decoded() -> None:
    """Peers that share a memory get the signer's own object for its bytes."""
    world = swarm(FOUR, 1, parameters=3, traced=False)
    world.run()
    seen = 0
    for node in world.nodes:
        assert node.session is not None
        for statement in node.session.rounds.said_by(node.index):
            decoded = decode_statement(statement.wire, world.setting.group)
            assert (decoded.slot, decoded.payload) == (statement.slot, statement.payload)
            assert (decoded.hash, decoded.body) == (statement.hash, statement.body)
            seen += 1
    assert seen > 20

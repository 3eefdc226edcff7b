"""What a proposal in an election shows (docs/protocol.md §2): each thing once, within a frame."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerd.laboratory.simulation.crypto import Pretend
from peerd.laboratory.simulation.swarm import EIGHT, FOUR, setting_of
from protocols.election import inputs as inputs_module
from protocols.election.inputs import (
    Inputs,
    check_listed,
    encode_inputs,
    listed_by,
    shown,
    sort_inputs,
    unnamed,
)
from protocols.errors import WireError
from protocols.record.evidence import evidence_hash
from protocols.record.setting import MAX_ELECTORATE, shown_evidence
from protocols.wire.canonical import pack
from protocols.wire.frames import (
    EvidenceFrame,
    HelloFrame,
    SeenFrame,
    StatementFrame,
    decode_frame,
    encode_frame,
)
from protocols.wire.payloads import Commit, Kind, Payload, Reveal, Seen, Topic
from protocols.wire.schema import MAX_BULK, MAX_EVIDENCE
from protocols.wire.statement import Slot, Statement, decode_statement, sign

GROUP = setting_of(EIGHT, 2).group
PROOFS = [b"against 6", b"against 7, at length"]


def said(signer: int, kind: Kind, payload: Payload, subject: int = 0) -> Statement:
    slot = Slot(0, 0, kind, subject, 0, signer)
    return sign(Pretend(), bytes([signer]) * 32, GROUP, slot, payload)


def commit(signer: int, version: int = 0) -> Statement:
    return said(signer, Kind.COMMIT, Commit(bytes([version]) * 32, bytes([signer]) * 32))


def seen(
    signer: int, listed: Iterable[Statement], evidence: Iterable[bytes] = ()
) -> tuple[bytes, SeenFrame]:
    statements, proofs = list(listed), list(evidence)
    payload = Seen(
        tuple(sorted(item.hash for item in statements)), tuple(sorted(map(evidence_hash, proofs)))
    )
    signed = said(signer, Kind.SEEN, payload, int(Topic.COMMITS))
    wires = tuple(item.wire for item in statements)
    return signed.wire, SeenFrame(signed.wire, wires, tuple(proofs))


def read(data: bytes) -> Statement:
    return decode_statement(data, GROUP)


def encoded(frames: Iterable[SeenFrame], evidence: Iterable[bytes]) -> tuple[bytes, ...]:
    given = list(frames)
    listed = listed_by(given, read).values()
    return encode_inputs((frame.statement for frame in given), listed, evidence, ())


def decoded(inputs: Iterable[bytes]) -> Inputs:
    return sort_inputs(Topic.COMMITS, read, map(decode_frame, inputs))


COMMITS = [commit(peer) for peer in range(4)]
SEENS = [seen(peer, COMMITS, PROOFS)[1] for peer in range(3)]


def test_each_thing_is_there_once_whatever_number_of_seens_list_it() -> None:
    inputs = encoded(SEENS, PROOFS)
    assert len(inputs) == 3 + 4 + 2
    found = decoded(inputs)
    assert set(found.seen) == {0, 1, 2}
    assert {item.signer for item in found.listed.values()} == {0, 1, 2, 3}
    assert sorted(found.evidence.values()) == sorted(PROOFS)
    assert sum(data.count(PROOFS[0]) for data in inputs) == 1


def test_less_evidence_than_is_listed_can_be_read() -> None:
    assert decoded(encoded(SEENS, PROOFS[:1])).evidence == {evidence_hash(PROOFS[0]): PROOFS[0]}


def test_one_body_that_a_liar_signed_twice_is_one_statement() -> None:
    """A second signature under it is as valid where a liar makes it, and no second statement."""
    other = decode_statement(pack([COMMITS[3].body, bytes(64)]), GROUP)
    assert other.hash == COMMITS[3].hash
    assert other.wire != COMMITS[3].wire
    frames = [SEENS[0], seen(1, [*COMMITS[:3], other])[1]]
    assert len(decoded(encoded(frames, ())).listed) == 4


BAD = {
    "twice": lambda inputs: (*inputs, inputs[3]),
    "twice the SEEN": lambda inputs: (*inputs, inputs[0]),
    "twice the evidence": lambda inputs: (*inputs, inputs[-1]),
    "without a commitment": lambda inputs: (*inputs[:3], *inputs[4:]),
    "with a commitment that nobody lists": lambda inputs: (
        *inputs,
        encode_frame(StatementFrame(commit(5).wire)),
    ),
    "with evidence that nobody lists": lambda inputs: (
        *inputs,
        encode_frame(EvidenceFrame(b"against 5")),
    ),
    "with something else": lambda inputs: (*inputs, encode_frame(HelloFrame(0, 0))),
    "with a whole SEEN frame": lambda inputs: (*inputs, encode_frame(SEENS[2])),
    "with a reveal": lambda inputs: (
        *inputs,
        encode_frame(StatementFrame(said(5, Kind.REVEAL, Reveal(bytes(32))).wire)),
    ),
    "with no frame": lambda inputs: (*inputs, b"\xc0"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_proposal_with_too_much_or_too_little(bad: str) -> None:
    with pytest.raises(WireError):
        decoded(BAD[bad](encoded(SEENS, PROOFS)))


def test_seens_of_the_other_topic_are_no_seens() -> None:
    with pytest.raises(WireError):
        sort_inputs(Topic.REVEALS, read, map(decode_frame, encoded(SEENS, PROOFS)))


def test_a_seen_lists_one_statement_a_signer_and_one_proof_a_culprit() -> None:
    check_listed(Topic.COMMITS, COMMITS, [6, 7])
    for listed, culprits, why in (
        ([*COMMITS, commit(3, 1)], [], "two COMMITs of peer 3"),
        (COMMITS, [6, 7, 6], "two proofs against peer 6"),
        ([said(1, Kind.REVEAL, Reveal(bytes(32)))], [], "something else"),
    ):
        with pytest.raises(WireError, match=why):
            check_listed(Topic.COMMITS, listed, culprits)
    with pytest.raises(WireError, match="two COMMITs of peer 3"):
        decoded(encoded([seen(1, [*COMMITS, commit(3, 1)])[1]], ()))


@pytest.fixture
def half_a_frame(monkeypatch: pytest.MonkeyPatch) -> int:
    """100 bytes, and pieces of 60 at most."""
    monkeypatch.setattr(inputs_module, "MAX_EVIDENCE", 60)
    return 100


@pytest.mark.usefixtures("half_a_frame")
def test_the_smallest_proof_against_each_while_they_fit() -> None:
    pieces = [(1, b"a" * 50), (1, b"b" * 20), (2, b"c" * 40), (3, b"d" * 30), (4, b"e" * 45)]
    assert shown(pieces, 100) == {1: b"b" * 20, 3: b"d" * 30, 2: b"c" * 40}
    assert shown([(1, b"a" * 61)], 100) == {}, "it fits no frame"
    assert shown([], 100) == {}
    assert unnamed({}, [(1, b"a" * 60)], 100) == {1}
    assert unnamed({2: b"c" * 40}, [(1, b"a" * 60), (2, b"f")], 100) == {1}
    assert unnamed({2: b"c" * 41}, [(1, b"a" * 60)], 100) == set(), "there was no room for it"


LISTS = st.lists(st.tuples(st.integers(0, 5), st.binary(min_size=1, max_size=60)), max_size=12)


@given(pieces=LISTS, part=st.sets(st.integers(0, 11)))
def test_an_honest_leader_is_never_refused_for_what_it_left_out(
    pieces: list[tuple[int, bytes]], part: set[int]
) -> None:
    """Whoever judges it holds some of the pieces that it held."""
    chosen = shown(pieces, 100)
    assert sum(map(len, chosen.values())) <= 100
    assert not unnamed(chosen, [piece for i, piece in enumerate(pieces) if i in part], 100)
    everyone = {culprit for culprit, _ in pieces}
    spared = dict(list(chosen.items())[1:])
    if len(chosen) == len(everyone) and pieces:
        assert unnamed(spared, pieces, 100), "who was spared is noticed"


def test_the_largest_proposal_fits_a_frame() -> None:
    """With as many liars as any quorum allows, each with another commitment in each SEEN."""
    n = MAX_ELECTORATE
    for liars in range((n - 1) // 3 + 1):
        quorum = n - liars
        seens = quorum * (400 + 34 * n + 34 * n)
        listed = (n + liars * quorum) * len(encode_frame(StatementFrame(commit(1).wire)))
        outcome = 300 * n
        assert seens + listed + outcome + MAX_EVIDENCE < MAX_BULK


@pytest.mark.parametrize("parameters", [7, 1_000_000, 60_000_000])
def test_any_piece_of_evidence_of_a_group_finds_room(parameters: int) -> None:
    """Else whoever it is about would never be named."""
    setting = setting_of(FOUR, 1, parameters=parameters)
    piece = 2 * setting.largest_statement + 512 * 4
    assert piece <= shown_evidence(setting) <= MAX_EVIDENCE

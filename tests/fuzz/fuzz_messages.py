"""Harnesses for every decoder of the core: only WireError may leave, and what is accepted must be
what its author encoded."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
from fuzz_scene import (
    HOSTILE,
    PLAN,
    PROOFS,
    distinct,
    scene,
    setting,
)
from fuzz_trees import Script, lie, trees_of
from nacl.signing import SigningKey

from peerd.crypto import Sodium
from peerd.discovery.records import BadRecord, check_time, read_record, sign_record
from peerd.errors import GroupError
from peerd.group import Genesis, document, new_genesis, sign
from peerd.identity import Identity
from protocols.errors import WireError
from protocols.field import P16
from protocols.hashing import digest
from protocols.opening import (
    decode_polynomials,
    decode_words,
    evaluate_polynomial,
    verify_polynomial,
    verify_word,
)
from protocols.proof import BIT, DealingShape, Verdict, check, check_proof, one_segment
from protocols.record.audit import audit_round
from protocols.record.certificate import (
    Certificate,
    ResolutionCertificate,
    origin_of,
    verify_certificate,
)
from protocols.record.cohort import Cohort
from protocols.record.elected import ElectionCertificate, verify_election
from protocols.record.election import Commitments, Election
from protocols.record.evidence import judge_bytes
from protocols.record.resolution import Resolution
from protocols.record.transcript import Transcript
from protocols.version import EARLIEST, V3
from protocols.wire.canonical import pack, unpack
from protocols.wire.frames import (
    AwayFrame,
    DealingFrame,
    ReadyFrame,
    StatementFrame,
    SumFrame,
    decode_frame,
    encode_frame,
)
from protocols.wire.payloads import PAYLOADS, Act, Approve, Kind
from protocols.wire.schema import from_value, to_value
from protocols.wire.statement import Statement, decode_statement, encode_body

GROUP = b"g" * 32
GROUPED = DealingShape(PLAN, P16, one_segment(5000, BIT))
"""Opened polynomials lie two to a leaf."""
NOW = 1_800_000_000.0
MEMBERS = tuple(Identity(bytes([index]) * 32) for index in range(4))


def canonical(data: bytes) -> None:
    try:
        value = unpack(data)
    except WireError:
        return
    assert pack(value) == data


def frame(data: bytes) -> None:
    try:
        decoded = decode_frame(data)
    except WireError:
        return
    assert encode_frame(decoded) == data


def statement(data: bytes) -> None:
    try:
        said = decode_statement(data, GROUP)
    except WireError:
        return
    assert said.wire == data
    assert encode_body(GROUP, said.slot, said.payload) == said.body


def payload(data: bytes) -> None:
    """The first byte picks the kind."""
    kind = PAYLOADS[Kind(1 + data[0] % len(PAYLOADS))] if data else PAYLOADS[Kind.COMMIT]
    try:
        value = unpack(data[1:])
        decoded = from_value(kind, value)
    except WireError:
        return
    assert pack(to_value(decoded)) == data[1:]


def outcome(data: bytes) -> None:
    """What the agreements decide, and the certificate of an election."""
    for kind in (Commitments, Election, Cohort, Resolution):
        try:
            decoded = kind.decode(data)
        except WireError:
            continue
        assert decoded.encode() == data
    try:
        certificate = from_value(ElectionCertificate, unpack(data))
        flip = verify_election(setting(), certificate)
    except WireError:
        return
    assert flip.keys == verify_election(setting(), scene().election).keys


def evidence(data: bytes) -> None:
    """Bytes as they come. Nobody but the author of PROOFS can be found guilty."""
    try:
        finding = judge_bytes(setting(), data)
    except WireError:
        return
    assert finding.culprit == HOSTILE


def certificate(data: bytes) -> None:
    """Whatever verifies certifies the round's one true result."""
    try:
        certified = verify_certificate(setting(), data)
    except WireError:
        return
    assert certified.result == _true_result()
    assert Certificate.decode(data).encode() == data


@cache
def _true_result() -> object:
    return verify_certificate(setting(), scene().certificate).result


def transcript(data: bytes) -> None:
    try:
        audit = audit_round(setting(), data)
    except WireError:
        return
    assert audit.certified.result == _true_result()
    assert {finding.culprit for finding in audit.findings} <= {HOSTILE}
    assert Transcript.decode(data).encode() == data


@cache
def _evidence_trees() -> list[object]:
    return trees_of([make() for make in PROOFS.values()] + distinct(scene().frames))


def forged_evidence(data: bytes) -> None:
    """Proofs that the hostile member forges with its own keys frame nobody else."""
    script = Script(data)
    first = _evidence_trees()[: len(PROOFS)]
    message = lie(script, first if script.byte() & 3 else _evidence_trees())
    if message is not None:
        evidence(message)


@cache
def _certificate_trees() -> list[object]:
    return trees_of([scene().certificate, scene().transcript, *distinct(scene().frames)])


def forged_certificate(data: bytes) -> None:
    """Certificates and transcripts that one member forges (fault 27)."""
    script = Script(data)
    message = lie(script, _certificate_trees()[:2])
    if message is not None:
        certificate(message)
        transcript(message)


def genesis(data: bytes) -> None:
    try:
        decoded = Genesis.decode(data)
        assert decoded.encode() == data
        assert document.parse(document.render(decoded).encode()) == decoded
        decoded.verify()
    except GroupError:
        return


def genesis_document(data: bytes) -> None:
    try:
        parsed = document.parse(data)
        assert document.parse(document.render(parsed).encode()) == parsed
        assert Genesis.decode(parsed.encode()) == parsed
        parsed.verify()
    except GroupError:
        return


def address_record(data: bytes) -> None:
    try:
        record = read_record(data, GROUP)
        check_time(record, NOW)
    except BadRecord:
        return
    assert record.public in [each.public for each in MEMBERS]


def signed_address_record(data: bytes) -> None:
    """A member signs what it likes: the body is the fuzzer's."""
    body = Script(data)
    fields = {
        "addresses": [],
        "expires": int(NOW * 1000) + body.byte(),
        "group": GROUP,
        "public": MEMBERS[0].public,
        "sequence": body.byte(),
    }
    name = body.pick([*fields, "more"])
    try:
        fields[name] = unpack(body.rest())
        packed = pack(fields)
    except (WireError, ValueError):
        return
    key = SigningKey(MEMBERS[0].secret.reveal())
    address_record(key.sign(digest("peerd/address record", packed)).signature + packed)


def shares(data: bytes) -> None:
    """Packages, proofs, sums, polynomials and their openings: bytes from a dealer or a member."""
    shape = setting().shape
    script = Script(data)
    seat, index = script.below(4), script.pick([0, 1, 2, 7, 255, 256, 1 << 31, 1 << 62])
    mode, body = script.byte() % 4, script.rest()
    cut = body[0] % (len(body) + 1) if body else 0
    head, tail = body[:cut], body[cut:]
    if mode == 0:
        assert check(shape, seat, b"c" * 32, b"r" * 32, head, tail) is Verdict.UNBOUND
        check_proof(shape, body)
        return
    if mode == 1:
        assert not verify_word(shape, b"r" * 32, index, cut, tail)
        for of in (shape, GROUPED):
            assert not verify_polynomial(of, b"r" * 32, index, head, tail)
        return
    try:
        if mode == 2:
            assert np.all(decode_words(shape, body) < shape.field.p)
            assert np.all(decode_polynomials(shape, body) < shape.field.p)
        else:
            assert 0 <= evaluate_polynomial(shape, body, seat) < shape.field.p
    except WireError:
        return


def bound_shares(data: bytes) -> None:
    """A package that opens its root and says something else: guilty, never an exception."""
    dealt = decode_frame(scene().framed(DealingFrame, sender=0, to=1)[0].data)
    assert isinstance(dealt, DealingFrame)
    script = Script(data)
    package = bytearray(dealt.package)
    for _ in range(script.below(8)):
        package[script.below(len(package))] ^= script.byte()
    said = decode_statement(dealt.header, GROUP).payload
    proof = script.rest() if script.byte() & 1 else said.proof
    check(setting().shape, script.below(4), b"c" * 32, said.root, proof, bytes(package))


def sums(data: bytes) -> None:
    """Words of an opening: the decoder, on the bytes of a frame."""
    try:
        received = decode_frame(data)
        if isinstance(received, SumFrame):
            decode_words(setting().shape, received.words)
    except WireError:
        return


def signatures(data: bytes) -> None:
    """libsodium behind its port: keys, signatures and boxes from anybody; it never raises."""
    script, sodium = Script(data), Sodium()
    lengths = script.pick([0, 31, 32, 33, 64]), script.pick([0, 63, 64, 65])
    body = script.rest()
    public, signature = body[: lengths[0]], body[lengths[0] :][: lengths[1]]
    assert not sodium.verify(public, b"message", signature)
    if len(body) >= 32:
        for version in (EARLIEST, V3):
            boxes = sodium.boxes(version)
            boxes.seal(body[:32], b"message")
            boxes.seal(body, b"message")
            assert boxes.unseal(b"s" * 32, body) is None


# -- seeds -----------------------------------------------------------------------------------------


def frames() -> list[bytes]:
    """One of each type and kind."""
    chosen: dict[tuple[str, int], bytes] = {}
    approval = encode_frame(StatementFrame(an_approval().wire))
    idle = [encode_frame(each) for each in (ReadyFrame(1), AwayFrame(2, 1), AwayFrame(0, 0))]
    for data in [*distinct(scene().frames), *distinct(scene().relayed), approval, *idle]:
        decoded = decode_frame(data)
        inner = getattr(decoded, "statement", b"")
        kind = decode_statement(inner, GROUP).kind if inner else 0
        chosen.setdefault((type(decoded).__name__, int(kind)), data)
    return list(chosen.values())


def statements() -> list[bytes]:
    found = [getattr(decode_frame(data), "statement", b"") for data in frames()]
    return [data for data in found if data]


def payloads() -> list[bytes]:
    decoded = [decode_statement(data, GROUP) for data in statements()]
    return [bytes([said.kind - 1]) + pack(to_value(said.payload)) for said in decoded]


def outcomes() -> list[bytes]:
    held = Certificate.decode(scene().certificate)
    found = [held.cohort, held.election.outcome, pack(to_value(held.election))]
    found += [getattr(decode_frame(data), "outcome", b"") for data in frames()]
    found.append(a_resolution().encode())
    return [data for data in dict.fromkeys(found) if data]


def an_approval() -> Statement:
    """A peer that hears it keeps it: it is of a pause that may come."""
    about = origin_of(setting()).previous
    return scene().sign(Kind.APPROVE, Approve(int(Act.PAUSE), about, 0, 9))


def a_resolution() -> Resolution:
    previous = origin_of(setting()).previous
    model = setting().first_model
    named = ((HOSTILE, b"e" * 32),)
    return Resolution(int(Act.HANDOVER), b"d" * 32, previous, model, named, (HOSTILE,), ())


def unvoted() -> bytes:
    """A resolution that nobody has voted for."""
    return ResolutionCertificate(0, 0, a_resolution().encode(), ()).encode()


def proofs() -> list[bytes]:
    return [make() for make in PROOFS.values()]


def a_genesis() -> Genesis:
    made = new_genesis(
        roster=[each.public for each in MEMBERS],
        name="fuzz",
        task="peerd.tasks.digits:Digits",
        task_options={"hidden": 32, "schema": {"columns": ["a", "b"]}},
        aggregator="rsa",
        constants={"lambda": "1/100", "bits": 1},
        adversary=Fraction(1, 4),
        dropout=Fraction(0),
        absent=None,
        delta_ms=1000,
        bandwidth_bytes_per_second=1_000_000,
        training_seconds=18,
        deadlines={"deal": 30_000},
        parameters=2410,
        first_model=bytes(range(32)),
    )
    for each in MEMBERS:
        made = sign(made, each)
    return made


def records() -> list[bytes]:
    made = [("/ip4/127.0.0.1/tcp/4001",), ("/dns/example.org/tcp/1", "/ip6/::1/tcp/2"), ()]
    return [sign_record(MEMBERS[0], GROUP, each, 7, NOW).raw for each in made]


def scripts() -> list[bytes]:
    """Openings of a script: which message, how many changes, and the first of them."""
    return [bytes([0, 1, 1, 7, 1]), bytes([3, 2, 5, 7, 1, 0, 4, 9]), bytes(range(1, 40))]


def record_fields() -> list[bytes]:
    """What one field of a signed record says: two bytes for the numbers, the field, the value."""
    said = (["/ip4/1.2.3.4/tcp/1"], 1 << 63, b"g", b"k" * 32, -1, None)
    return [bytes([0, 1, index]) + pack(value) for index, value in enumerate(said)]

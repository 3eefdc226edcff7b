"""Write tests/vectors/wire_*.json: what every message of the wire looks like, and what is refused.

    python scripts/make_vectors.py            write the files
    python scripts/make_vectors.py --check    fail if they are not what this would write

Each payload of a statement, each frame and each certified record has vectors for each of its
fields. A vector's bytes are a list of pieces: hex, or [hex of one byte, how often]. The mutations
come from the shapes that the codec declares, so a new field has its vectors at once, and the files
in the tree show what that changed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from own_tree import ROOT

from peerd.crypto import Sodium
from protocols.hashing import digest
from protocols.record.certificate import ResolutionCertificate
from protocols.record.cohort import Cohort
from protocols.record.elected import ElectionCertificate
from protocols.record.election import Commitments, Election
from protocols.record.resolution import Resolution
from protocols.wire.canonical import Value, pack, unpack
from protocols.wire.frames import FRAME_VERSION, FRAMES
from protocols.wire.payloads import MAX_SUBJECT, MAX_VIEW, PAYLOADS, Kind, Topic
from protocols.wire.schema import Bytes, Integer, ListOf, Shape, Tuple
from protocols.wire.statement import MAX_ATTEMPT, Slot

DIRECTORY = ROOT / "tests" / "vectors"
GROUP = digest("vectors/group")
SEED = digest("vectors/seed")
RECORDS: dict[str, type[Any]] = {
    item.__name__: item
    for item in (
        Commitments,
        Election,
        Cohort,
        ElectionCertificate,
        Resolution,
        ResolutionCertificate,
    )
}
WITHOUT_SUBJECT = frozenset(
    {
        Kind.ATTESTATION,
        Kind.COMMIT,
        Kind.REVEAL,
        Kind.HEADER,
        Kind.REPORT,
        Kind.SUM,
        Kind.COIN,
        Kind.RESULT,
        Kind.ABANDON,
        Kind.APPROVE,
    }
)
BALLOTS = frozenset({Kind.PROPOSAL, Kind.FIRST_VOTE, Kind.SECOND_VOTE, Kind.NEW_VIEW})

Json = Any
Step = tuple[int, ...]


# -- samples from shapes ---------------------------------------------------------------------------


def sample(shape: Shape, name: str, index: int = 0) -> Value:
    """A value of the shape that differs from field to field."""
    match shape:
        case Integer(most, least):
            return min(most, least + 1 + index)
        case Bytes(most, exact):
            drawn = digest("vectors/bytes", name.encode(), bytes((index,)))
            size = most if exact else min(most, 5)
            return (drawn * (size // 32 + 1))[:size]
        case ListOf(item, most, rising):
            items = [sample(item, name, i) for i in range(min(most, 2))]
            return sorted(items, key=_rank) if rising else items
        case Tuple(items):
            return [sample(item, f"{name}.{i}", index) for i, item in enumerate(items)]
    return []  # a shape that checks its items by itself


def _rank(value: Value) -> Any:
    return value[0] if isinstance(value, list) else value


def mutations(shape: Shape, name: str) -> Iterator[tuple[Step, str, Value, str]]:
    """(where, what is wrong, the wrong value, what the error names) for one field."""
    for wrong, value in _wrong_types(shape):
        yield (), wrong, value, name
    match shape:
        case Integer(most, least):
            yield (), "too small", least - 1, name
            if most < (1 << 64) - 1:
                yield (), "too large", most + 1, name
        case Bytes(most, exact):
            yield (), "one byte too long", bytes(most + 1), name
            if exact:
                yield (), "one byte too short", bytes(most - 1), name
                yield (), "empty", b"", name
        case ListOf(item, most, rising):
            yield (), "one item too many", [None] * (most + 1), name
            if rising:
                first = sample(item, name)
                yield (), "an item twice", [first, first], f"{name}: not in strictly rising"
            for step, wrong, value, inner in mutations(item, f"{name}[0]"):
                yield (0, *step), wrong, value, inner
        case Tuple(items):
            yield (), "an item too few", [sample(item, name) for item in items[1:]], name
            for index, item in enumerate(items):
                for step, wrong, value, inner in mutations(item, f"{name}[{index}]"):
                    yield (index, *step), wrong, value, inner


def _wrong_types(shape: Shape) -> Iterator[tuple[str, Value]]:
    others: list[tuple[type, str, Value]] = [
        (int, "an integer", 3),
        (bytes, "bytes", b"\x03"),
        (list, "a list", [3]),
        (str, "text", "3"),
        (type(None), "nil", None),
        (dict, "a map", {"a": 3}),
    ]
    own = int if isinstance(shape, Integer) else bytes if isinstance(shape, Bytes) else list
    yield "a boolean", True
    for kind, wrong, value in others:
        if kind is not own:
            yield wrong, value


def limits(shape: Shape) -> Iterator[tuple[Step, str, Value]]:
    """Values at the edge that are still allowed."""
    match shape:
        case Integer(most, least):
            yield (), "smallest", least
            yield (), "largest", most
        case Bytes(_, False):
            yield (), "empty", b""
        case ListOf(item, _, _):
            yield (), "empty", []
            for step, what, value in limits(item):
                yield (0, *step), what, value
        case Tuple(items):
            for index, item in enumerate(items):
                for step, what, value in limits(item):
                    yield (index, *step), what, value


def changed(parts: list[Value], index: int, where: Step, new: Value, shape: Shape) -> list[Value]:
    """``parts`` with one place of field ``index`` changed."""
    part = parts[index]
    if where and isinstance(shape, ListOf):
        assert isinstance(part, list)
        part = part[:1]
    return [*parts[:index], _put(part, where, new), *parts[index + 1 :]]


def _put(value: Value, where: Step, new: Value) -> Value:
    if not where:
        return new
    assert isinstance(value, list)
    first, *rest = where
    return [_put(v, tuple(rest), new) if i == first else v for i, v in enumerate(value)]


# -- bytes as JSON -----------------------------------------------------------------------------


SHORTEST_RUN = 100
FILLERS = (b"\x00", b"\xc0")
"""What the vectors are filled up with: zero bytes, and nils."""


def pieces(data: bytes) -> list[Json]:
    """Hex, with long runs of filling counted."""
    for filler in FILLERS:
        start = data.find(filler * SHORTEST_RUN)
        if start >= 0:
            rest = data[start:].lstrip(filler)
            run = [filler.hex(), len(data) - start - len(rest)]
            before = pieces(data[:start]) if start else []
            return [*before, run, *(pieces(rest) if rest else [])]
    return [data.hex()]


def readable(value: Value) -> Json:
    return (
        value.hex()
        if isinstance(value, bytes)
        else ([readable(item) for item in value] if isinstance(value, list) else value)
    )


# -- what every kind of message has in common --------------------------------------------------


def vectors(kind: type[Any], wrap: Any) -> dict[str, list[Json]]:
    """Vectors of one dataclass; ``wrap`` makes a whole message of its list of fields."""
    shapes: list[tuple[str, Shape]] = [(f.name, f.metadata["shape"]) for f in fields(kind)]
    typical = [sample(shape, f"{kind.__name__}.{name}") for name, shape in shapes]
    accepted = [_accepted("typical", typical, wrap)]
    refused = []
    for index, (name, shape) in enumerate(shapes):
        for where, what, value in limits(shape):
            parts = changed(typical, index, where, value, shape)
            accepted.append(_accepted(f"{name}{_at(where)}: {what}", parts, wrap))
        for where, wrong, value, named in mutations(shape, f"{kind.__name__}.{name}"):
            parts = changed(typical, index, where, value, shape)
            refused.append(_refused(f"{name}{_at(where)}: {wrong}", wrap(parts), named))
    named = f"{kind.__name__}: a list of"
    if typical:
        refused.append(_refused("a field is missing", wrap(typical[:-1]), named))
    refused.append(_refused("a field too many", wrap([*typical, 0]), named))
    refused.append(_refused("the fields as a map", wrap({"a": 0}), named))
    return {"accepted": accepted, "refused": refused}


def _at(where: Step) -> str:
    return "".join(f"[{step}]" for step in where)


def _accepted(what: str, parts: list[Value], wrap: Any) -> Json:
    return {"what": what, "fields": readable(parts), "bytes": pieces(wrap(parts))}


def _refused(what: str, data: bytes, named: str) -> Json:
    return {"what": what, "error": named, "bytes": pieces(data)}


# -- statements --------------------------------------------------------------------------------


def slot_of(kind: Kind) -> Slot:
    subject = 0 if kind in WITHOUT_SUBJECT else 7
    if kind in BALLOTS:
        subject = int(Topic.COHORT)
    if kind is Kind.SEEN:
        subject = int(Topic.REVEALS)
    return Slot(5, 2, kind, subject, 3 if kind in BALLOTS else 0, 4)


def signed(body: bytes) -> bytes:
    """Refused for its body alone: the signature is a good one."""
    return pack([body, Sodium().sign(SEED, b"peerd/statement/1\0" + body)])


def head_of(kind: Kind, slot: Slot) -> list[Value]:
    return [1, GROUP, slot.round, slot.attempt, int(kind), slot.subject, slot.view, slot.signer]


def statement_vectors(kind: Kind) -> Json:
    slot = slot_of(kind)
    head = head_of(kind, slot)
    found = vectors(PAYLOADS[kind], lambda parts: signed(pack([*head, parts])))
    typical = [
        sample(f.metadata["shape"], f"{PAYLOADS[kind].__name__}.{f.name}")
        for f in fields(PAYLOADS[kind])
    ]
    wrong: list[tuple[int, str, Value, str]] = []
    if kind in BALLOTS or kind is Kind.SEEN:
        wrong += [(5, "no topic", subject, "subject") for subject in (0, 4)]
    elif kind in WITHOUT_SUBJECT:
        wrong += [(5, "a subject where there is none", 1, "subject")]
    if kind not in BALLOTS:
        wrong += [(6, "a view where there is none", 1, "view")]
    for index, what, value, named in wrong:
        body = pack([*[value if i == index else v for i, v in enumerate(head)], typical])
        found["refused"].append(_refused(f"{named}: {what} ({value!r})", signed(body), named))
    place = [slot.round, slot.attempt, int(kind), slot.subject, slot.view, slot.signer]
    return {"kind": kind.name, "slot": place, **found}


HEADER_FIELDS: list[tuple[str, Integer]] = [
    ("round", Integer((1 << 32) - 1)),
    ("attempt", Integer(MAX_ATTEMPT)),
    ("kind", Integer(max(Kind), 1)),
    ("subject", Integer(MAX_SUBJECT)),
    ("view", Integer(MAX_VIEW)),
    ("signer", Integer(4999)),
]


def header_vectors() -> Json:
    """The fields that all statements have, in a first vote and in an answer."""
    refused: list[Json] = []
    head = head_of(Kind.FIRST_VOTE, slot_of(Kind.FIRST_VOTE))
    payload: Value = [bytes(32)]

    def with_field(index: int, value: Value) -> bytes:
        return signed(pack([*[value if i == index else v for i, v in enumerate(head)], payload]))

    versions: list[Value] = [0, 2, True, "1", None, [1], b"\x01"]
    for value in versions:
        refused.append(_refused(f"version: {value!r}", with_field(0, value), "version"))
    others: list[Value] = [bytes(32), GROUP[:-1], GROUP + b"\0", b"", None, 0, GROUP.hex(), True]
    for value in others:
        refused.append(_refused(f"group: {readable(value)}", with_field(1, value), "group"))
    for index, (name, shape) in enumerate(HEADER_FIELDS, start=2):
        for _, wrong, value, _ in mutations(shape, name):
            refused.append(_refused(f"{name}: {wrong}", with_field(index, value), f"{name}: "))
    body = pack([*head, payload])
    signature = Sodium().sign(SEED, b"peerd/statement/1\0" + body)
    whole: list[tuple[str, Value, str]] = [
        ("a signature of 63 bytes", [body, signature[:-1]], "63 bytes"),
        ("a signature of 65 bytes", [body, signature + b"\0"], "65 bytes"),
        ("a signature as text", [body, signature.hex()], "bytes were expected"),
        ("no signature", [body], "a body and a signature"),
        ("two signatures", [body, signature, signature], "a body and a signature"),
        ("a body that is not wrapped", [unpack(body), signature], "bytes were expected"),
        ("a body alone", body, "a body and a signature"),
        ("a map", {"body": body, "signature": signature}, "a body and a signature"),
        ("an empty body", [b"", signature], "promised"),
        ("a body with a byte behind it", [body + b"\0", signature], "trail"),
        ("a body that is nil", [b"\xc0", signature], "nine fields"),
        ("a body of eight fields", [pack(head), signature], "nine fields"),
        ("a body of ten fields", [pack([*head, payload, 0]), signature], "nine fields"),
    ]
    refused += [_refused(what, pack(value), named) for what, value, named in whole]
    accepted = []
    for kind, subject, view, round_, attempt, signer in (
        (Kind.FIRST_VOTE, 1, MAX_VIEW, (1 << 32) - 1, MAX_ATTEMPT, 4999),
        (Kind.FIRST_VOTE, 3, 0, 0, 0, 0),
        (Kind.ANSWER, MAX_SUBJECT, 0, 0, 0, 0),
    ):
        slot = Slot(round_, attempt, kind, subject, view, signer)
        place = [round_, attempt, int(kind), subject, view, signer]
        data = signed(pack([*head_of(kind, slot), [bytes(32)]]))
        accepted.append({"what": kind.name, "slot": place, "bytes": pieces(data)})
    return {"accepted": accepted, "refused": refused}


def statements() -> Json:
    return {
        "group": GROUP.hex(),
        "public": Sodium().signing_public(SEED).hex(),
        "header": header_vectors(),
        "kinds": [statement_vectors(kind) for kind in Kind],
    }


# -- frames and records ------------------------------------------------------------------------


def frames() -> Json:
    found = []
    for code, kind in FRAMES.items():
        made = vectors(kind, lambda parts, code=code: pack([FRAME_VERSION, code, parts]))
        found.append({"frame": kind.__name__, "code": code, **made})
    fine: Value = [0, 0]
    whole: list[tuple[str, Value, str]] = [
        *[(f"version: {v!r}", [v, 11, fine], "version") for v in (0, 2, True, "1", None)],
        *[(f"type: {c!r}", [1, c, fine], "type") for c in (0, 255, -1, True, "11", None)],
        ("two fields", [1, 11], "three fields"),
        ("four fields", [1, 11, fine, 0], "three fields"),
        ("a map", {"version": 1}, "three fields"),
        ("nil", None, "three fields"),
    ]
    return {
        "frames": found,
        "refused": [_refused(what, pack(value), named) for what, value, named in whole],
    }


def records() -> Json:
    """What is agreed on and certified: decoded from inside of frames, hence as hostile."""
    return [{"record": name, **vectors(kind, pack)} for name, kind in RECORDS.items()]


FILES = {
    "wire_statements.json": statements,
    "wire_frames.json": frames,
    "wire_records.json": records,
}


def render(value: Json) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if out of date")
    check = parser.parse_args(argv).check
    stale = []
    for name, make in FILES.items():
        path, text = DIRECTORY / name, render(make())
        if check and (not path.exists() or path.read_text() != text):
            stale.append(name)
        elif not check:
            path.write_text(text)
    if stale:
        print(f"out of date: {', '.join(stale)}; run scripts/make_vectors.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())

"""tests/vectors/wire_*.json (scripts/make_vectors.py): each field of each message, well and ill."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from peerd.crypto import Sodium
from protocols.errors import WireError
from protocols.wire.canonical import pack, unpack
from protocols.wire.frames import FRAMES, decode_frame, encode_frame
from protocols.wire.payloads import PAYLOADS, Kind
from protocols.wire.schema import from_value, to_value
from protocols.wire.statement import decode_statement, encode_body
from tests.scripts import load_script

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "tests" / "vectors"
STATEMENTS = json.loads((VECTORS / "wire_statements.json").read_text())
FRAME_FILE = json.loads((VECTORS / "wire_frames.json").read_text())
RECORDS = json.loads((VECTORS / "wire_records.json").read_text())
GROUP = bytes.fromhex(STATEMENTS["group"])
KINDS = {entry["kind"]: entry for entry in STATEMENTS["kinds"]}
FRAME_VECTORS = {entry["frame"]: entry for entry in FRAME_FILE["frames"]}
RECORD_VECTORS = {entry["record"]: entry for entry in RECORDS}


SCRIPT = load_script("make_vectors")


def joined(pieces: list[Any]) -> bytes:
    return b"".join(
        bytes.fromhex(piece) if isinstance(piece, str) else bytes.fromhex(piece[0]) * piece[1]
        for piece in pieces
    )


def readable(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return [readable(item) for item in value] if isinstance(value, list | tuple) else value


def refuse(decode: Callable[[bytes], object], vector: dict[str, Any]) -> None:
    with pytest.raises(WireError) as caught:
        decode(joined(vector["bytes"]))
    assert vector["error"] in str(caught.value)


def each(entries: dict[str, Any], which: str) -> list[Any]:
    return [
        pytest.param(name, vector, id=f"{name}-{vector['what']}")
        for name, entry in entries.items()
        for vector in entry[which]
    ]


def test_the_committed_vectors_are_what_the_script_writes() -> None:
    assert SCRIPT.main(["--check"]) == 0


def test_every_kind_frame_and_field_has_vectors() -> None:
    assert set(KINDS) == {kind.name for kind in Kind}
    assert {entry["code"]: name for name, entry in FRAME_VECTORS.items()} == {
        code: kind.__name__ for code, kind in FRAMES.items()
    }
    dataclasses = [(KINDS[kind.name], payload) for kind, payload in PAYLOADS.items()]
    dataclasses += [(FRAME_VECTORS[frame.__name__], frame) for frame in FRAMES.values()]
    dataclasses += [(RECORD_VECTORS[name], record) for name, record in SCRIPT.RECORDS.items()]
    for entry, dataclass in dataclasses:
        for item in fields(dataclass):
            named = [v for v in entry["refused"] if f".{item.name}" in v["error"]]
            assert len(named) >= 5, (dataclass, item.name)
    for header in ("version", "group", "round", "attempt", "kind", "subject", "view", "signer"):
        named = [v for v in STATEMENTS["header"]["refused"] if v["what"].startswith(f"{header}:")]
        assert len(named) >= 5, header


@pytest.mark.parametrize(("name", "vector"), each(KINDS, "accepted"))
def test_a_statement_says_what_its_vector_says(name: str, vector: dict[str, Any]) -> None:
    data = joined(vector["bytes"])
    statement = decode_statement(data, GROUP)
    slot = statement.slot
    place = [slot.round, slot.attempt, slot.kind, slot.subject, slot.view, slot.signer]
    assert (statement.kind.name, place) == (name, KINDS[name]["slot"])
    assert readable(to_value(statement.payload)) == vector["fields"]
    assert encode_body(GROUP, slot, statement.payload) == statement.body
    assert statement.wire == data
    assert statement.signed_by(Sodium(), bytes.fromhex(STATEMENTS["public"]))


@pytest.mark.parametrize(("name", "vector"), each(KINDS, "refused"))
def test_a_wrong_statement_is_refused_by_its_field(name: str, vector: dict[str, Any]) -> None:
    refuse(lambda data: decode_statement(data, GROUP), vector)


@pytest.mark.parametrize(
    "vector", STATEMENTS["header"]["accepted"], ids=lambda vector: str(vector["what"])
)
def test_a_header_at_its_limits(vector: dict[str, Any]) -> None:
    statement = decode_statement(joined(vector["bytes"]), GROUP)
    slot = statement.slot
    place = [slot.round, slot.attempt, slot.kind, slot.subject, slot.view, slot.signer]
    assert place == vector["slot"]
    assert statement.signed_by(Sodium(), bytes.fromhex(STATEMENTS["public"]))


@pytest.mark.parametrize(
    "vector", STATEMENTS["header"]["refused"], ids=lambda vector: str(vector["what"])
)
def test_a_wrong_header_is_refused_by_its_field(vector: dict[str, Any]) -> None:
    refuse(lambda data: decode_statement(data, GROUP), vector)


@pytest.mark.parametrize(("name", "vector"), each(FRAME_VECTORS, "accepted"))
def test_a_frame_says_what_its_vector_says(name: str, vector: dict[str, Any]) -> None:
    data = joined(vector["bytes"])
    frame = decode_frame(data)
    assert type(frame).__name__ == name
    assert readable(to_value(frame)) == vector["fields"]
    assert encode_frame(frame) == data


@pytest.mark.parametrize(("name", "vector"), each(FRAME_VECTORS, "refused"))
def test_a_wrong_frame_is_refused_by_its_field(name: str, vector: dict[str, Any]) -> None:
    refuse(decode_frame, vector)


@pytest.mark.parametrize("vector", FRAME_FILE["refused"], ids=lambda vector: str(vector["what"]))
def test_what_is_no_frame_is_refused(vector: dict[str, Any]) -> None:
    refuse(decode_frame, vector)


@pytest.mark.parametrize(("name", "vector"), each(RECORD_VECTORS, "accepted"))
def test_a_record_says_what_its_vector_says(name: str, vector: dict[str, Any]) -> None:
    data = joined(vector["bytes"])
    record = from_value(SCRIPT.RECORDS[name], unpack(data))
    assert readable(to_value(record)) == vector["fields"]
    assert pack(to_value(record)) == data


@pytest.mark.parametrize(("name", "vector"), each(RECORD_VECTORS, "refused"))
def test_a_wrong_record_is_refused_by_its_field(name: str, vector: dict[str, Any]) -> None:
    refuse(lambda data: from_value(SCRIPT.RECORDS[name], unpack(data)), vector)

"""Signed address records: one negative vector for every field (faults 30 and 31)."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from peerd.discovery.records import (
    LIFETIME,
    MAX_RECORD_BYTES,
    MAX_SKEW,
    AddressRecord,
    BadRecord,
    check_address,
    check_time,
    read_record,
    sign_record,
)
from peerd.identity import Identity
from peerd.transport.circuit import circuit_address
from protocols.hashing import digest
from protocols.wire.canonical import pack

GROUP = hashlib.sha256(b"group").digest()
OTHER_GROUP = hashlib.sha256(b"another group").digest()
ALICE = Identity(bytes(range(32)))
MALLORY = Identity(bytes(range(1, 33)))
RSA_PEER = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"
NOW = 1_800_000_000.0
ADDRESSES = ("/ip4/192.0.2.7/tcp/4001", "/ip6/2001:db8::7/tcp/4001", "/dns4/peer.example/tcp/1")


def record(**changes: Any) -> AddressRecord:
    arguments: dict[str, Any] = {
        "identity": ALICE,
        "group": GROUP,
        "addresses": ADDRESSES,
        "sequence": 7,
        "now": NOW,
    }
    return sign_record(**{**arguments, **changes})


def signed(signer: Identity = ALICE, **changes: Any) -> bytes:
    """A record with any content, signed correctly."""
    fields: dict[str, Any] = {
        "addresses": list(ADDRESSES),
        "expires": int((NOW + LIFETIME) * 1000),
        "group": GROUP,
        "public": ALICE.public,
        "sequence": 7,
    }
    fields.update(changes)
    body = pack({name: value for name, value in fields.items() if value is not ...})
    key = SigningKey(signer.secret.reveal())
    return bytes(key.sign(digest("peerd/address record", body)).signature) + body


def test_a_record_says_what_was_signed() -> None:
    read = read_record(record().raw, GROUP)
    assert read == record()
    assert (read.public, read.addresses, read.sequence) == (ALICE.public, ADDRESSES, 7)
    assert signed() == record().raw
    check_time(read, NOW)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "0 bytes"),
        (bytes(64), "64 bytes"),
        (bytes(MAX_RECORD_BYTES + 1), "2049 bytes"),
        (signed(signer=MALLORY), "signature"),
        (signed(public=MALLORY.public), "signature"),
        (signed(public=bytes(32)), "signature"),  # a point of small order
        (signed(public=ALICE.public[:31]), "key"),
        (signed(public="a string"), "type"),
        (signed(group=OTHER_GROUP), "another group"),
        (signed(group=7), "type"),
        (signed(sequence=-1), "range"),
        (signed(sequence=True), "range"),
        (signed(sequence=b"7"), "range"),
        (signed(expires=-1), "range"),
        (signed(expires="tomorrow"), "range"),
        (signed(addresses="/ip4/192.0.2.7/tcp/4001"), "list"),
        (signed(addresses=["/ip4/192.0.2.7/tcp/1"] * 9), "list of at most 8"),
        (signed(addresses=["/ip4/192.0.2.7/udp/4001"]), "TCP port"),
        (signed(addresses=["/ip4/192.0.2.7/tcp/1/ws"]), "TCP port"),
        (signed(addresses=["/ip4/192.0.2.7/tcp/99999"]), "multiaddr"),
        (signed(addresses=["/unix/tmp/socket"]), "TCP port"),
        (signed(addresses=["/p2p-circuit"]), "TCP port"),
        (signed(addresses=[f"{circuit_address(MALLORY.public)}/ip4/192.0.2.7/tcp/1"]), "TCP port"),
        (signed(addresses=[f"/p2p/{RSA_PEER}/p2p-circuit"]), "TCP port"),
        (signed(addresses=["/p2p/12D3KooW/p2p-circuit"]), "multiaddr|TCP port"),
        (signed(addresses=["nonsense"]), "multiaddr"),
        (signed(addresses=[b"/ip4/192.0.2.7/tcp/1"]), "string"),
        (signed(addresses=["/dns4/" + "a" * 200 + "/tcp/1"]), "short"),
        (signed(sequence=...), "five fields"),
        (signed(extra=1), "five fields"),
        (signed() + b"\xc0", "decode"),
    ],
)
def test_a_record_with_one_wrong_field_is_dropped(raw: bytes, reason: str) -> None:
    with pytest.raises(BadRecord, match=reason):
        read_record(raw, GROUP)


def test_every_flipped_bit_is_found() -> None:
    raw = record().raw
    for position in range(len(raw)):
        for bit in range(8):
            forged = bytearray(raw)
            forged[position] ^= 1 << bit
            with pytest.raises(BadRecord):
                read_record(bytes(forged), GROUP)


def test_every_truncation_is_found() -> None:
    raw = record().raw
    for length in range(len(raw)):
        with pytest.raises(BadRecord):
            read_record(raw[:length], GROUP)


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_only_one_error_leaves_the_reader(raw: bytes) -> None:
    with pytest.raises(BadRecord):
        read_record(raw, GROUP)


def test_a_record_has_its_time() -> None:
    one = record()
    check_time(one, NOW + LIFETIME + MAX_SKEW - 1)
    with pytest.raises(BadRecord, match="expired"):
        check_time(one, NOW + LIFETIME + MAX_SKEW + 1)
    check_time(one, NOW - MAX_SKEW + 1)
    with pytest.raises(BadRecord, match="future"):
        check_time(one, NOW - MAX_SKEW - 1)


def test_addresses_are_a_host_and_a_tcp_port_or_a_circuit() -> None:
    for address in (*ADDRESSES, circuit_address(MALLORY.public)):
        assert check_address(address) == address
    for one in ((), (circuit_address(MALLORY.public),)):
        assert record(addresses=one).addresses == one


def test_a_record_doesn_t_show_the_seed() -> None:
    assert ALICE.secret.reveal() not in record().raw

"""What is sealed opens at its place, whole, with its key; else it does not open."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerd.sealing.vault import HEADER_BYTES, MAGIC, OVERHEAD_BYTES, PLAIN, Unsealed, Vault
from peerd.sealing.xaes import KEY_BYTES, Key

VAULT = Vault(b"directory-number", {1: Key(b"1" * 32), 2: Key(b"2" * 32)})
PLACE = (b"journal", b"\1" * 8, b"secret/0")


@pytest.mark.parametrize(
    ("key", "place", "sealed"),
    [
        (1, b"", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
        (
            3,
            b"c2sp.org/XAES-256-GCM",
            "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d",
        ),
    ],
)
def test_vectors(key: int, place: bytes, sealed: str) -> None:
    """Of https://c2sp.org/XAES-256-GCM."""
    nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX"
    opened = Key(bytes([key]) * KEY_BYTES).open(nonce + bytes.fromhex(sealed), place)
    assert opened == b"XAES-256-GCM"


@given(st.binary(max_size=200))
def test_what_is_sealed_opens_and_is_never_the_same(value: bytes) -> None:
    one, two = VAULT.seal(value, *PLACE), VAULT.seal(value, *PLACE)
    assert VAULT.open(one, *PLACE) == VAULT.open(two, *PLACE) == value
    assert one != two and len(one) == len(value) + OVERHEAD_BYTES == VAULT.size(len(value))
    assert len(value) < 8 or value not in one


def test_every_flipped_bit_and_every_truncation_is_noticed() -> None:
    sealed = VAULT.seal(b"value", *PLACE)
    changed = [sealed[:end] for end in range(len(sealed))] + [sealed + b"\0"]
    for at in range(8 * len(sealed)):
        flipped = bytearray(sealed)
        flipped[at // 8] ^= 1 << at % 8
        changed.append(bytes(flipped))
    for each in changed:
        with pytest.raises(Unsealed):
            VAULT.open(each, *PLACE)


@pytest.mark.parametrize(
    "place",
    [
        (b"meta", b"\1" * 8, b"secret/0"),
        (b"journal", b"\2" * 8, b"secret/0"),
        (b"journal", b"\1" * 8, b"secret/1"),
        (b"journal", b"\1" * 8 + b"secret/0"),
        (),
    ],
)
def test_it_opens_at_no_other_place(place: tuple[bytes, ...]) -> None:
    with pytest.raises(Unsealed):
        VAULT.open(VAULT.seal(b"value", *PLACE), *place)


def test_nor_in_another_directory_nor_with_another_key_nor_in_another_part() -> None:
    sealed = VAULT.seal(b"value", *PLACE)
    keys = dict(VAULT.generations())
    others = (
        Vault(b"another-number..", keys),
        Vault(VAULT.name, {2: Key(b"3" * 32)}),
        Vault(VAULT.name, {1: keys[1]}),
        VAULT.part("training"),
    )
    for other in others:
        with pytest.raises(Unsealed):
            other.open(sealed, *PLACE)


def test_a_value_of_an_older_generation_opens_until_that_is_gone() -> None:
    old = Vault(VAULT.name, {1: Key(b"1" * 32)})
    sealed = old.seal(b"value", *PLACE)
    vault = Vault(VAULT.name, {1: Key(b"1" * 32), 2: Key(b"2" * 32)})
    assert vault.open(sealed, *PLACE) == b"value"
    assert not vault.is_current(sealed) and vault.is_current(vault.seal(b"", *PLACE))
    assert not vault.settled
    vault.settle()
    assert vault.settled
    with pytest.raises(Unsealed):
        vault.open(sealed, *PLACE)


def test_a_plain_value_opens_only_while_a_directory_is_being_encrypted() -> None:
    during = Vault(VAULT.name, dict(VAULT.generations()), plain=True)
    assert during.open(b"plain", *PLACE) == PLAIN.open(b"plain", *PLACE) == b"plain"
    with pytest.raises(Unsealed):
        VAULT.open(b"plain", *PLACE)


def test_a_part_is_another_process_s_as_it_is_packed() -> None:
    part = VAULT.part("training")
    other = Vault.unpacked(part.packed())
    assert other.open(part.seal(b"value", *PLACE), *PLACE) == b"value"
    assert not Vault.unpacked(PLAIN.packed()).encrypts


def test_keys_do_not_print_themselves_and_are_forgotten() -> None:
    key = Key(b"canary-of-the-key-canary-of-the-")
    vault = Vault(b"n" * 16, {1: key})
    assert "canary" not in f"{key!r} {key} {vault!r} {vault} {vars(vault)}"
    sealed = vault.seal(b"value", *PLACE)
    vault.forget()
    assert key.reveal() == bytes(KEY_BYTES)
    with pytest.raises(Unsealed):
        vault.open(sealed, *PLACE)


@given(st.binary(max_size=300), st.booleans())
@settings(max_examples=300)
def test_whatever_comes_from_the_disk_is_refused(data: bytes, named: bool) -> None:
    sealed = VAULT.seal(b"value", *PLACE)
    for each in (data, sealed[:HEADER_BYTES] + data if named else MAGIC + data):
        with pytest.raises(Unsealed):
            VAULT.open(each, *PLACE)

"""libsodium behind the port: strict, deterministic, and never an exception for what others send."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.signing import SigningKey

from peerd.crypto import SealedBoxes, Sodium
from tests.unit.crypto.small_order import SMALL_ORDER

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "ed25519_edge_cases.json"
EDGES = json.loads(VECTORS.read_text())
SODIUM, BOXES = Sodium(), SealedBoxes()
SEED = bytes(range(32))
ORDER = (1 << 252) + 27742317777372353535851937790883648493
IDENTITY_POINT = b"\x01" + bytes(31)

# RFC 8032 §7.1, tests 1 to 3
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_rfc_8032(seed: str, public: str, message: str, signature: str) -> None:
    secret, text = bytes.fromhex(seed), bytes.fromhex(message)
    assert SODIUM.signing_public(secret).hex() == public
    assert SODIUM.sign(secret, text).hex() == signature
    assert SODIUM.verify(bytes.fromhex(public), text, bytes.fromhex(signature))


@pytest.mark.parametrize("case", EDGES["cases"], ids=lambda case: str(case["what"]))
def test_edge_cases_of_other_libraries(case: dict[str, Any]) -> None:
    public, message, signature = (
        bytes.fromhex(case[name]) for name in ("public", "message", "signature")
    )
    assert SODIUM.verify(public, message, signature) is case["valid"]


@pytest.mark.parametrize("key", EDGES["small_order_keys"])
@pytest.mark.parametrize("point", [IDENTITY_POINT, bytes(32)], ids=["R = identity", "R = 0"])
def test_a_key_of_small_order_signs_nothing(key: str, point: bytes) -> None:
    """With R the identity and S = 0 such a key would verify every message."""
    for message in (b"", b"a", b"b", b"c", b"d", b"e", b"f", b"g"):
        assert not SODIUM.verify(bytes.fromhex(key), message, point + bytes(32))


def test_a_scalar_that_is_not_reduced_is_refused() -> None:
    """S + L would be a second signature of the same statement."""
    public, signature = SODIUM.signing_public(SEED), SODIUM.sign(SEED, b"message")
    scalar = int.from_bytes(signature[32:], "little")
    assert SODIUM.verify(public, b"message", signature)
    for multiple in range(1, 16):
        moved = (scalar + multiple * ORDER).to_bytes(32, "little")
        assert not SODIUM.verify(public, b"message", signature[:32] + moved)


@pytest.mark.parametrize("size", [0, 1, 31, 33, 63, 65, 96, 128])
def test_wrong_lengths_are_no_signatures(size: int) -> None:
    public, signature = SODIUM.signing_public(SEED), SODIUM.sign(SEED, b"message")
    padded = (signature + bytes(128))[:size]
    assert not SODIUM.verify(public, b"message", padded)
    assert not SODIUM.verify((public + bytes(128))[:size], b"message", signature)


def test_bytes_do_not_move_between_signature_and_message() -> None:
    public, signature = SODIUM.signing_public(SEED), SODIUM.sign(SEED, b"message")
    assert not SODIUM.verify(public, b"essage", signature + b"m")
    assert not SODIUM.verify(public, signature[-1:] + b"message", signature[:-1])


def test_every_bit_of_a_signature_counts() -> None:
    public, signature = SODIUM.signing_public(SEED), SODIUM.sign(SEED, b"message")
    for bit in range(512):
        flipped = bytearray(signature)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not SODIUM.verify(public, b"message", bytes(flipped))


@settings(max_examples=200)
@given(st.binary(max_size=40), st.binary(max_size=64), st.binary(max_size=80))
def test_verify_never_raises(public: bytes, message: bytes, signature: bytes) -> None:
    assert SODIUM.verify(public, message, signature) is False
    assert SODIUM.verify(public.ljust(32, b"\0")[:32], message, signature.ljust(64)[:64]) is False


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100))
def test_signing_is_deterministic_and_agrees_with_pynacl(seed: bytes, message: bytes) -> None:
    key = SigningKey(seed)
    signature = SODIUM.sign(seed, message)
    assert signature == SODIUM.sign(seed, message) == key.sign(message).signature
    assert SODIUM.signing_public(seed) == bytes(key.verify_key)
    assert SODIUM.verify(SODIUM.signing_public(seed), message, signature)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_a_box_is_a_sealed_box(owner: bytes, message: bytes) -> None:
    """What peerd 0.2.0 opens, and what it sends."""
    secret = PrivateKey(owner)
    public = BOXES.public(owner)
    assert public == bytes(secret.public_key)
    box = BOXES.seal(public, message)
    assert len(box) == len(message) + 48
    assert SealedBox(secret).decrypt(box) == message
    assert BOXES.unseal(owner, SealedBox(PublicKey(public)).encrypt(message)) == message
    assert BOXES.unseal(owner, box) == message


def test_every_bit_of_a_box_counts() -> None:
    box = BOXES.seal(BOXES.public(b"\1" * 32), b"message")
    assert BOXES.unseal(b"\2" * 32, box) is None
    for end in range(len(box)):
        assert BOXES.unseal(b"\1" * 32, box[:end]) is None
    for index in range(len(box)):
        flipped = box[:index] + bytes((box[index] ^ 1,)) + box[index + 1 :]
        assert BOXES.unseal(b"\1" * 32, flipped) is None


@settings(max_examples=200)
@given(st.binary(max_size=120))
def test_unseal_never_raises(data: bytes) -> None:
    assert BOXES.unseal(b"\1" * 32, data) is None


@pytest.mark.parametrize("public", SMALL_ORDER, ids=lambda key: key.hex()[:8])
def test_nothing_is_sealed_to_a_key_of_small_order(public: bytes) -> None:
    """Everybody could open it. The empty box costs only the one who published such a key."""
    box = BOXES.seal(public, b"message")
    assert len(box) == 32
    assert BOXES.unseal(b"\1" * 32, box) is None

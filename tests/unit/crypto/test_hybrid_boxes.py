"""Boxes under X25519 and ML-KEM-768 together, against X-Wing's vector and HPKE written out here."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from peerd.crypto import HybridBoxes, SealedBoxes, Sodium
from peerd.laboratory.simulation.crypto import Pretend, PretendHybrid, Repeated
from protocols.ports import HYBRID_BOX_BYTES, HYBRID_KEY_BYTES, Boxes
from protocols.record.asks import box_bytes
from protocols.version import EARLIEST, V3
from tests.unit.crypto.small_order import SMALL_ORDER

VECTOR = json.loads((Path(__file__).resolve().parents[2] / "vectors" / "xwing.json").read_text())
INFO = b"peerd/delivery/3"
BOXES = HybridBoxes()
SECRET = b"s" * 32
PUBLIC = BOXES.public(SECRET)
MLKEM, X25519 = 1184, 32
CIPHERTEXT = 1088
UNREDUCED = b"\xff" * MLKEM


def xwing(shared: bytes, exchanged: bytes, ephemeral: bytes, public: bytes) -> bytes:
    """Its combiner (draft-connolly-cfrg-xwing-kem)."""
    return hashlib.sha3_256(shared + exchanged + ephemeral + public + b"\\.//^\\").digest()


def hpke(secret: bytes, info: bytes, message: bytes) -> bytes:
    """RFC 9180's base mode behind a KEM that gave ``secret``: what AES-256-GCM gives."""
    suite = b"HPKE\x64\x7a\x00\x01\x00\x02"

    def extract(salt: bytes, label: bytes, key: bytes) -> bytes:
        return hmac.digest(salt, b"HPKE-v1" + suite + label + key, "sha256")

    def expand(key: bytes, label: bytes, context: bytes, size: int) -> bytes:
        named = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context
        return hmac.digest(key, named + b"\x01", "sha256")[:size]

    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    schedule = extract(secret, b"secret", b"")
    key = expand(schedule, b"key", context, 32)
    return AESGCM(key).encrypt(expand(schedule, b"base_nonce", context, 12), message, b"")


def boxed(exchanged: bytes | None, ephemeral: bytes) -> bytes:
    """A box to PUBLIC by this file's HPKE. ``exchanged``: None for what X25519 gives."""
    shared, ciphertext = MLKEM768PublicKey.from_public_bytes(PUBLIC[:MLKEM]).encapsulate()
    if exchanged is None:
        mine = X25519PrivateKey.from_private_bytes(ephemeral)
        exchanged = mine.exchange(X25519PublicKey.from_public_bytes(PUBLIC[MLKEM:]))
        ephemeral = mine.public_key().public_bytes_raw()
    secret = xwing(shared, exchanged, ephemeral, PUBLIC[MLKEM:])
    return ciphertext + ephemeral + hpke(secret, INFO, b"message")


def test_keys_and_secrets_are_x_wing_s() -> None:
    seed = bytes.fromhex(VECTOR["seed"])
    assert hashlib.sha256(BOXES.public(seed)).hexdigest() == VECTOR["public_sha256"]
    ciphertext, secret = (bytes.fromhex(VECTOR[of]) for of in ("ciphertext", "shared_secret"))
    assert BOXES.unseal(seed, ciphertext + hpke(secret, INFO, b"message")) == b"message"
    assert BOXES.unseal(seed, ciphertext + hpke(secret, b"else", b"message")) is None


@pytest.mark.parametrize("boxes", [HybridBoxes(), PretendHybrid(), SealedBoxes(), Repeated()])
def test_only_the_owner_opens_a_box_and_only_whole(boxes: Boxes) -> None:
    public, longer = boxes.public(SECRET), 48 if isinstance(boxes, SealedBoxes) else 1136
    for message in (b"", b"message", b"m" * 5000):
        box = boxes.seal(public, message)
        assert len(box) == len(message) + longer
        assert boxes.unseal(SECRET, box) == message
        assert boxes.unseal(b"o" * 32, box) is None
    for end in (0, 1, 31, 48, longer - 1, len(box) - 1):
        assert boxes.unseal(SECRET, box[:end]) is None
    for index in (0, 40, CIPHERTEXT, CIPHERTEXT + 31, longer, len(box) - 1):
        flipped = box[:index] + bytes((box[index] ^ 1,)) + box[index + 1 :]
        assert boxes.unseal(SECRET, flipped) is None


def test_no_two_boxes_are_the_same_but_in_a_simulation() -> None:
    for boxes in (HybridBoxes(), SealedBoxes()):
        public = boxes.public(SECRET)
        assert boxes.seal(public, b"message") != boxes.seal(public, b"message")
    for boxes in (PretendHybrid(), Repeated()):
        public = boxes.public(SECRET)
        assert boxes.seal(public, b"message") == boxes.seal(public, b"message")


def test_a_group_s_version_says_which() -> None:
    for crypto in (Sodium(), Pretend()):
        for version, size in ((EARLIEST, 32), (V3, HYBRID_KEY_BYTES)):
            boxes = crypto.boxes(version)
            public = boxes.public(SECRET)
            assert len(public) == size
            assert len(boxes.seal(public, b"message")) == 7 + box_bytes(version)
    assert len(PretendHybrid().public(SECRET)) == HYBRID_KEY_BYTES


def test_it_opens_what_rfc_9180_and_x_wing_say() -> None:
    """Of another implementation: the suite, the order of keys and ciphertexts, and ``info``."""
    assert BOXES.unseal(SECRET, boxed(None, b"e" * 32)) == b"message"


@pytest.mark.parametrize("ephemeral", SMALL_ORDER, ids=lambda key: key.hex()[:8])
def test_no_box_is_opened_whose_exchange_is_nothing(ephemeral: bytes) -> None:
    """X-Wing would: its dealer would be honest to who opens it, and convicted by all others."""
    assert BOXES.unseal(SECRET, boxed(bytes(32), ephemeral)) is None


@pytest.mark.parametrize("point", SMALL_ORDER, ids=lambda key: key.hex()[:8])
def test_nothing_is_sealed_to_a_key_of_small_order(point: bytes) -> None:
    assert BOXES.seal(PUBLIC[:MLKEM] + point, b"message") == b""


@pytest.mark.parametrize(
    "public",
    [
        b"",
        PUBLIC[:-1],
        PUBLIC + b"\0",
        PUBLIC[MLKEM:],
        PUBLIC[MLKEM:] + PUBLIC[:MLKEM],
        UNREDUCED + PUBLIC[MLKEM:],
        b"\xff\x0f" + PUBLIC[2:],
    ],
    ids=["none", "short", "long", "x25519", "swapped", "unreduced", "one unreduced"],
)
def test_nothing_is_sealed_to_what_is_no_key(public: bytes) -> None:
    assert BOXES.seal(public, b"message") == b""
    assert BOXES.unseal(SECRET, b"") is None


@settings(max_examples=100)
@given(st.binary(max_size=HYBRID_BOX_BYTES + 40))
def test_nothing_raises_on_what_others_send(data: bytes) -> None:
    assert BOXES.unseal(SECRET, data) is None
    BOXES.seal(data, b"message")

"""The key file and the peer id. Fault rows 52 and 53."""

from __future__ import annotations

import os
import stat
import traceback
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerd.errors import IdentityError
from peerd.identity import Identity, is_public_key, peer_id_of, public_of

SEED = bytes(range(32))


def write_key(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text)
    path.chmod(mode)


def test_create_then_load_is_the_same_identity(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "peer.key"
    made = Identity.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    loaded = Identity.load(path)
    assert (loaded.public, loaded.peer_id) == (made.public, made.peer_id)
    assert loaded.secret == made.secret


def test_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o277)
    try:
        Identity.create(tmp_path / "k")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600


def test_create_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "k"
    Identity.create(path)
    before = path.read_bytes()
    with pytest.raises(IdentityError, match="exists already"):
        Identity.create(path)
    assert path.read_bytes() == before


def test_create_does_not_follow_a_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "k").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IdentityError, match="exists already"):
        Identity.create(tmp_path / "k")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777])
def test_a_key_open_to_others_is_refused_with_the_command_to_run(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "k"
    Identity.create(path)
    path.chmod(mode)
    with pytest.raises(IdentityError) as caught:
        Identity.load(path)
    assert str(caught.value).endswith(f"run: chmod 600 {path}")
    assert f"{mode:04o}" in str(caught.value)


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    Identity.create(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(IdentityError, match="symbolic link"):
        Identity.load(tmp_path / "link")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_owner_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "k"
    Identity.create(path)
    os.chown(path, 12345, -1)
    with pytest.raises(IdentityError, match="belongs to uid 12345"):
        Identity.load(path)


def test_a_fifo_or_directory_is_refused_without_hanging(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    (tmp_path / "directory").mkdir()
    for name in ("fifo", "directory"):
        with pytest.raises(IdentityError, match="not a regular file"):
            Identity.load(tmp_path / name)


def test_a_missing_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(IdentityError, match="peerd init"):
        Identity.load(tmp_path / "none")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ed25519-seed:",
        SEED.hex(),
        f"ed25519-seed:{SEED.hex()[:-2]}\n",
        f"ed25519-seed:{SEED.hex()}00\n",
        f"ed25519-seed:{SEED.hex()}\n\n",
        f"ed25519-seed:{SEED.hex()[:-1]}g\n",
        f"ed25519-seed:{SEED.hex()[:-2]} a\n",
        f"ed25519-seed: {SEED.hex()}\n",
        f"ed25519-seed:{SEED.hex()}\n" + "x" * 4096,
    ],
)
def test_a_malformed_key_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    write_key(tmp_path / "k", text)
    with pytest.raises(IdentityError) as caught:
        Identity.load(tmp_path / "k")
    shown = "".join(traceback.format_exception(caught.value))
    assert SEED.hex()[:16] not in shown
    assert "\n" not in str(caught.value)


def test_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(b"ed25519-seed:\xff\xfe")
    (tmp_path / "k").chmod(0o600)
    with pytest.raises(IdentityError, match="does not hold a peerd key"):
        Identity.load(tmp_path / "k")


def test_the_secret_never_prints() -> None:
    identity = Identity(SEED)
    for text in (repr(identity), str(identity), f"{identity}", repr(identity.secret)):
        assert SEED.hex() not in text
        assert repr(SEED) not in text


@given(st.binary(min_size=32, max_size=32))
@settings(max_examples=25)
def test_the_peer_id_is_libp2ps(seed: bytes) -> None:
    from libp2p.crypto.ed25519 import create_new_key_pair
    from libp2p.peer.id import ID

    identity = Identity(seed)
    pair = create_new_key_pair(identity.secret.reveal())
    assert pair.public_key.to_bytes() == identity.public
    assert ID.from_pubkey(pair.public_key).to_base58() == identity.peer_id
    assert public_of(identity.peer_id) == identity.public


@given(st.text(max_size=80))
def test_no_other_text_is_a_peer_id(text: str) -> None:
    with pytest.raises(IdentityError):
        public_of(text)


def test_a_peer_id_has_one_spelling() -> None:
    peer_id = Identity(SEED).peer_id
    for other in ("1" + peer_id, peer_id[1:], peer_id + "1", peer_id.lower()):
        with pytest.raises(IdentityError):
            public_of(other)


def test_small_order_points_are_no_keys() -> None:
    assert is_public_key(Identity(SEED).public)
    for bad in (bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f", b"\xff" * 32):
        assert not is_public_key(bad)
    assert not is_public_key(b"short")
    with pytest.raises(ValueError, match="32 bytes"):
        peer_id_of(b"short")

"""A peer's identity: an Ed25519 seed in a file that only its owner can read.

The file is one line, ``ed25519-seed:`` and 64 hex digits. It is refused when it is a symbolic
link, belongs to somebody else, or has any permission bit for group or others (fault 52). Where the
disk is encrypted it is a file that the disk's key opens (peerd/sealing/locked.py), and does so
alone: it must outlive the data directory.

The libp2p peer id is the identity multihash of the public key's protobuf, in base58
(https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md): 38 bytes with the key inside,
so that peer id and public key name each other. It has no checksum of its own, and one character
in the place of another mostly spells somebody else's: people are shown one behind it
(``with_checksum``), and where they type a peer id it is verified if it is there.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.signing import SigningKey

from peerd.errors import IdentityError, StorageError
from peerd.sealing.locked import Unopened, is_locked, lock, note_in, unlock
from peerd.sealing.source import VARIABLE, KeySource, named
from peerd.text import NotText, decode
from protocols.ports import PUBLIC_KEY_BYTES, SECRET_KEY_BYTES
from protocols.secret import Secret

_LABEL = "ed25519-seed:"
_MAX_FILE_BYTES = 256
_MAX_LOCKED_BYTES = 1 << 14  # a note of the next key has the path of that in it
_WHAT = "peer key"
# multihash: identity, 36 bytes; protobuf PublicKey: type = Ed25519, data of 32 bytes.
_PEER_ID_PREFIX = bytes((0x00, 0x24, 0x08, 0x01, 0x12, 0x20))
_PEER_ID_BYTES = len(_PEER_ID_PREFIX) + PUBLIC_KEY_BYTES
_MAX_PEER_ID_CHARACTERS = 64
_CHECKSUM_PRIME = 65521  # the largest below 2^16
_SEPARATOR = "-"  # no character of base 58, of a multiaddr or of a comment
_COPY = "copy it again from where it is shown, with the checksum behind it"
_GIVE_BACK = "put your copy of the file in its place; without one this member needs a new key"
_IF_UNOPENED = (
    "name the key that it was encrypted with: after an interrupted 'peerd storage rotate --to' that"
    " is the one from before, with which to repeat the command; if this is the right one, the file"
    " was changed: put your copy in its place"
)
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Identity:
    """One peer's Ed25519 key pair.

    ``public``: 32 bytes. ``peer_id``: libp2p's name for it, base58. ``secret``: the 32-byte seed.
    """

    __slots__ = ("peer_id", "public", "secret")

    def __init__(self, seed: bytes) -> None:
        """Raises ValueError unless ``seed`` has 32 bytes."""
        if len(seed) != SECRET_KEY_BYTES:
            raise ValueError(f"an Ed25519 seed has {SECRET_KEY_BYTES} bytes, not {len(seed)}")
        self.secret = Secret(seed)
        self.public: bytes = SigningKey(seed).verify_key.encode()
        self.peer_id = peer_id_of(self.public)

    @classmethod
    def load(cls, path: Path, source: KeySource | None = None) -> Identity:
        """The identity in the file ``path``. ``source``: of the key that opens it, where it is
        encrypted; where nobody says, the environment does. Raises IdentityError, StorageError.
        """
        content = _read(path)
        return cls(_opened(content, path, source) if is_locked(content) else _parse(content, path))

    @classmethod
    def create(cls, path: Path, source: KeySource | None = None) -> Identity:
        """A new identity, written to ``path`` with mode 0600, encrypted where there is a
        ``source``. Never overwrites: IdentityError.
        """
        identity = cls(secrets.token_bytes(SECRET_KEY_BYTES))
        identity._write(path, source)
        return identity

    def encrypt(self, path: Path, source: KeySource, note: str | None = None) -> None:
        """The file at ``path``, which holds this identity, holds it encrypted from now on; what it
        held is overwritten. ``note``: of the next key, in the place of the one that is there. A
        crash leaves the one or the other. IdentityError.
        """
        from peerd.storage.durable import replace_erasing  # numpy: not for each command's help

        try:
            note = note or note_in(path.read_bytes())
            replace_erasing(path, self._content(source, note))
        except OSError as error:
            raise IdentityError(f"can't replace the key file {path}: {error.strerror}") from None

    def _content(self, source: KeySource | None, note: str | None = None) -> bytes:
        seed = self.secret.reveal()
        if source is None:
            return f"{_LABEL}{seed.hex()}\n".encode()
        return lock(_WHAT, {"peer": self.peer_id}, seed, source, note)

    def _write(self, path: Path, source: KeySource | None = None) -> None:
        content = self._content(source)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, flags, 0o600)
        except FileExistsError:
            raise IdentityError(
                f"the key file {path} exists already", "choose another path, or keep this identity"
            ) from None
        except OSError as error:
            raise IdentityError(f"can't create the key file {path}: {error.strerror}") from None
        try:
            # The umask can only take bits away; fchmod makes the mode exact.
            os.fchmod(descriptor, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            _sync_directory(path.parent)
        except OSError as error:
            # A half-written key is of no use to anybody, and would block the next attempt.
            path.unlink(missing_ok=True)
            raise IdentityError(f"can't write the key file {path}: {error.strerror}") from None

    @staticmethod
    def promote(waiting: Path, path: Path) -> None:
        """The key of ``waiting`` takes the place of the one at ``path``, which is erased."""
        try:
            if path.exists():
                _overwrite(path)
            os.replace(waiting, path)
            _sync_directory(path.parent)
        except OSError as error:
            raise IdentityError(f"can't replace the key file {path}: {error.strerror}") from None

    @staticmethod
    def erase(path: Path) -> None:
        """Nothing is left of the key, as far as a file system can be told so."""
        try:
            _overwrite(path)
            path.unlink()
            _sync_directory(path.parent)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise IdentityError(f"can't erase the key file {path}: {error.strerror}") from None

    def __repr__(self) -> str:
        return f"Identity({self.peer_id})"


def next_key(path: Path) -> Path:
    """Where the key waits that is to take the place of the one at ``path``."""
    return path.with_name(path.name + ".next")


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"0" * path.stat().st_size)
        file.flush()
        os.fsync(file.fileno())


def peer_id_of(public: bytes) -> str:
    """The libp2p peer id (base58) of a 32-byte Ed25519 public key."""
    if len(public) != PUBLIC_KEY_BYTES:
        raise ValueError(f"a public key has {PUBLIC_KEY_BYTES} bytes, not {len(public)}")
    return _base58(_PEER_ID_PREFIX + public)


def checksum(peer_id: str) -> str:
    """Four hex digits: the number that a peer id spells in base 58, modulo a prime.

    The prime divides no 58^i · d with 0 < d < 58, and no 58^i · 57 · d: so one character in the
    place of another, and two neighbours that change places, always show. It is no secret, and
    keeps nobody from making a peer id up: it is against typing errors.
    """
    return f"{_number(peer_id) % _CHECKSUM_PRIME:04x}"


def with_checksum(peer_id: str) -> str:
    """A peer id as people copy it: ``12D3KooW…-3f0c``."""
    return f"{peer_id}{_SEPARATOR}{checksum(peer_id)}"


def public_of(text: str) -> bytes:
    """The public key inside a peer id, which may have its checksum behind it.

    Raises IdentityError for what is no Ed25519 peer id, or does not go with the checksum.
    """
    peer_id, separator, given = text.partition(_SEPARATOR)
    data = _decoded(peer_id)
    shown = text[:_MAX_PEER_ID_CHARACTERS]
    if data is None:
        raise IdentityError(f"{shown!r} is not the peer id of an Ed25519 key", _COPY)
    if separator and given.lower() != checksum(peer_id):
        raise IdentityError(
            f"{shown!r}: the peer id and its checksum do not go together, one of them is mistyped",
            _COPY,
        )
    public = data[len(_PEER_ID_PREFIX) :]
    if not is_public_key(public):
        raise IdentityError(f"{shown!r} is nobody's peer id: it is mistyped", _COPY)
    return public


def _decoded(peer_id: str) -> bytes | None:
    """The bytes of an Ed25519 peer id; None for anything else."""
    if len(peer_id) > _MAX_PEER_ID_CHARACTERS or not set(peer_id) <= set(_BASE58):
        return None
    number = _number(peer_id)
    if number.bit_length() > 8 * _PEER_ID_BYTES:
        return None
    data = number.to_bytes(_PEER_ID_BYTES, "big")
    # Encoding it again refuses a second spelling (other leading "1"s) of the same key.
    return data if data.startswith(_PEER_ID_PREFIX) and _base58(data) == peer_id else None


def is_public_key(public: bytes) -> bool:
    """Whether these bytes are a point of Ed25519's prime-order group (fault 60: no small order)."""
    return len(public) == PUBLIC_KEY_BYTES and bool(crypto_core_ed25519_is_valid_point(public))


def _number(text: str) -> int:
    number = 0
    for char in text:
        number = number * len(_BASE58) + _BASE58.index(char)
    return number


def _base58(data: bytes) -> str:
    number = int.from_bytes(data, "big")
    digits = []
    while number:
        number, digit = divmod(number, 58)
        digits.append(_BASE58[digit])
    leading = len(data) - len(data.lstrip(b"\0"))
    return _BASE58[0] * leading + "".join(reversed(digits))


def _read(path: Path) -> bytes:
    try:
        # O_NONBLOCK: a FIFO in the key's place must not hang the start.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise IdentityError(
            f"there is no key file at {path}", "create one with 'peerd init'"
        ) from None
    except OSError as error:
        if path.is_symlink():
            raise IdentityError(
                f"the key file {path} is a symbolic link", "name the file itself"
            ) from None
        raise IdentityError(f"can't read the key file {path}: {error.strerror}") from None
    try:
        _check_access(os.fstat(descriptor), path)
        return os.read(descriptor, _MAX_LOCKED_BYTES + 1)
    finally:
        os.close(descriptor)


def _check_access(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise IdentityError(f"the key file {path} is not a regular file")
    if status.st_uid != os.geteuid():
        raise IdentityError(
            f"the key file {path} belongs to uid {status.st_uid}, and this is {os.geteuid()}",
            "run as its owner, or make your own with 'peerd init'",
        )
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise IdentityError(
            f"the key file {path} is open to others (mode {mode:04o})", f"run: chmod 600 {path}"
        )


def is_encrypted_key(path: Path) -> bool:
    """Whether the key file at ``path`` is encrypted. IdentityError."""
    return is_locked(_read(path))


def _opened(content: bytes, path: Path, source: KeySource | None) -> bytes:
    """The seed in a file that is encrypted."""
    source = source or named()
    if source is None:
        raise IdentityError(
            f"the key file {path} is encrypted, and nobody says where the disk's key is",
            f"set {VARIABLE}=file:/PATH, or name it in [storage] of the peerd.toml that this reads",
        )
    try:
        return unlock(_WHAT, content, source)[1]
    except ValueError as error:
        raise IdentityError(f"the key file {path} is damaged: {error}", _GIVE_BACK) from None
    except Unopened as error:
        raise IdentityError(f"{path}: {error.message}", _IF_UNOPENED) from None
    except StorageError as error:
        raise IdentityError(f"{path}: {error.message}", error.hint) from None


def _parse(content: bytes, path: Path) -> bytes:
    """The seed. No error quotes the content: it may be a key in another format."""
    reason = ""
    try:
        text = decode(content)
        if len(content) <= _MAX_FILE_BYTES and text.startswith(_LABEL):
            digits = text[len(_LABEL) :].removesuffix("\n").removesuffix("\r")
            if len(digits) == 2 * SECRET_KEY_BYTES and digits.isalnum():
                return bytes.fromhex(digits)
    except NotText as error:
        reason = f": {error.message}"
    except ValueError:
        pass
    raise IdentityError(
        f"the file {path} does not hold a peerd key{reason}",
        f"it should be one line, '{_LABEL}' and {2 * SECRET_KEY_BYTES} hex digits, or what 'peerd"
        f" storage encrypt' made of that: {_GIVE_BACK}",
    ) from None


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

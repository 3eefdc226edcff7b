"""Where the key of the disk is: a systemd credential, a file elsewhere, or somebody's memory.

The configuration names the place, never the key. What is read there is kept until the process ends:
a daemon that goes over to another group reads its keys again, when nobody is there to type.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from functools import cache
from getpass import getpass
from pathlib import Path

from nacl.pwhash import argon2id

from peerd.errors import ConfigError, StorageError
from peerd.sealing.xaes import KEY_BYTES
from protocols.hashing import digest

CREDENTIAL, FILE, PASSPHRASE = "credential", "file", "passphrase"
LIKE = f"{CREDENTIAL}:NAME, {FILE}:/PATH or {PASSPHRASE}"
PASSPHRASE_CREDENTIAL = "peerd.passphrase"
"""The credential that is a passphrase, for a service: nobody can type one there."""
LEAST_CHARACTERS = 12
VARIABLE = "PEERD_STORAGE_KEY"
"""Names the source where no configuration does."""
SALT_BYTES = 16
OPERATIONS, MEMORY = argon2id.OPSLIMIT_MODERATE, argon2id.MEMLIMIT_MODERATE
MOST_OPERATIONS, MOST_MEMORY = 16, 1 << 30
"""What a file may ask for: it may be anybody's, and is read before its tag can be checked."""
_MAX_BYTES = 4096
CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Where systemd puts a service's credentials, for the service alone."""
_KEY_FORM = f"it should be one line of {2 * KEY_BYTES} hex digits: openssl rand -hex {KEY_BYTES}"


class KeySource:
    """One of the three; see ``LIKE``. Use ``key_source``, so that nobody is asked twice."""

    def __init__(self, text: str, of: str = "the disk") -> None:
        """Raises ConfigError for what is none of them; reads nothing yet. ``of``: what a passphrase
        is asked for.
        """
        self.text = text
        self._of = of
        self.kind, _, self._name = text.partition(":")
        good = {
            CREDENTIAL: bool(self._name) and "/" not in self._name and self._name[0] != ".",
            FILE: self._name.startswith("/"),
            PASSPHRASE: text == PASSPHRASE,
        }
        if not good.get(self.kind) or "\0" in text:
            raise ConfigError(f"{text[:80]!r} names no key", f"name one as {LIKE}")
        self._secret: bytearray | None = None
        self._derived: dict[tuple[bytes, int, int], bytes] = {}

    def derive(self, salt: bytes, operations: int, memory: int) -> bytes:
        """The key of one file with this salt (32 bytes). ``operations`` and ``memory``: Argon2id's,
        of a passphrase alone. StorageError where it can't be read.
        """
        settings = salt, operations, memory
        if settings not in self._derived:
            secret = bytes(self._read())
            if self.kind == PASSPHRASE:
                key = argon2id.kdf(KEY_BYTES, secret, salt, operations, memory)
            else:
                key = digest("peerd/key-encryption", salt, secret)
            self._derived[settings] = key
        return self._derived[settings]

    def ask_twice(self) -> None:
        """Of a passphrase that is new, and typed: a slip in it would lose everything."""
        if self.kind == PASSPHRASE and self._secret is None and _credential() is None:
            first = _typed(f"new passphrase for {self._of}: ")
            if first != _typed("once more: "):
                raise StorageError("the two passphrases differ", "nothing was changed: try again")
            self._secret = _passphrase(first)

    def same_as(self, other: KeySource) -> bool:
        """Whether both are one key, wherever it lies. StorageError where one can't be read."""
        kinds = {self.kind, other.kind}
        return (PASSPHRASE not in kinds or len(kinds) == 1) and self._read() == other._read()

    def _read(self) -> bytearray:
        if self._secret is None:
            if self.kind == PASSPHRASE:
                given = _credential()
                typed = _typed(f"passphrase of {self._of}: ") if given is None else _text(given)
                self._secret = _passphrase(typed)
            else:
                self._secret = self._raw_key()
        return self._secret

    def _raw_key(self) -> bytearray:
        path = Path(self._name)
        if self.kind == CREDENTIAL:
            directory = os.environ.get(CREDENTIALS)
            if not directory:
                raise StorageError(
                    f"there is no credential {self._name!r}: {CREDENTIALS} is not set",
                    f"a unit has LoadCredentialEncrypted={self._name}:/PATH; by hand: systemd-run"
                    f" --pty -p User=peerd -p LoadCredentialEncrypted={self._name}:/PATH peerd …",
                )
            path = Path(directory, self._name)
        text = _text(_content(path, guarded=self.kind == FILE)).strip()
        try:
            if len(text) == 2 * KEY_BYTES and text.isalnum():
                return bytearray.fromhex(text)
        except ValueError:
            pass
        raise StorageError(f"{path} does not hold a key", _KEY_FORM)

    def __repr__(self) -> str:
        return f"KeySource({self.text!r})"


def named() -> KeySource | None:
    """What the environment names, for a command without a configuration. ConfigError."""
    text = os.environ.get(VARIABLE)
    return key_source(text) if text else None


@cache
def key_source(text: str) -> KeySource:
    """The one source of this process that is named so. ConfigError."""
    return KeySource(text)


def next_source(source: KeySource, text: str) -> KeySource:
    """Where the key is to be that takes the place of ``source``; a passphrase that takes another's
    is a source of its own. ConfigError, StorageError.
    """
    if not source.text == text == PASSPHRASE:
        return key_source(text)
    if _credential() is not None:
        raise StorageError(
            f"the credential {PASSPHRASE_CREDENTIAL} is the passphrase that the disk has already",
            "a new one is typed: say this at a terminal, without credentials; then make the"
            " credential anew",
        )
    return KeySource(PASSPHRASE)


def _passphrase(text: str) -> bytearray:
    """As it is whichever keyboard it was typed on."""
    normal = unicodedata.normalize("NFC", text)
    if len(normal) < LEAST_CHARACTERS:
        raise StorageError(
            f"the passphrase has fewer than {LEAST_CHARACTERS} characters", "take a longer one"
        )
    return bytearray(normal.encode())


def _credential() -> bytes | None:
    directory = os.environ.get(CREDENTIALS)
    path = Path(directory, PASSPHRASE_CREDENTIAL) if directory else None
    return _content(path, guarded=False) if path is not None and path.exists() else None


def _typed(prompt: str) -> str:
    """From the terminal itself, whatever standard input is."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        raise StorageError(
            "the disk's passphrase is wanted, and there is no terminal to ask at",
            f"a service gets it as the credential {PASSPHRASE_CREDENTIAL}",
        ) from None
    try:
        return getpass(prompt)
    except EOFError:
        raise StorageError("no passphrase was given", "start again") from None


def _text(content: bytes) -> str:
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise StorageError("a key or a passphrase is not UTF-8", _KEY_FORM) from None


def _content(path: Path, *, guarded: bool) -> bytes:
    """``guarded``: the file's owner and mode are this user's to keep, and not systemd's."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (os.O_NOFOLLOW if guarded else 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        raise StorageError(
            f"can't read the disk's key at {path}: {error.strerror}",
            "is its medium there? nothing can be read without it",
        ) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise StorageError(f"the disk's key {path} is not a regular file")
        if guarded:
            _check_access(status, path)
        content = os.read(descriptor, _MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > _MAX_BYTES:
        raise StorageError(f"{path} is too long for a key", _KEY_FORM)
    return content


def _check_access(status: os.stat_result, path: Path) -> None:
    if status.st_uid != os.geteuid():
        raise StorageError(
            f"the disk's key {path} belongs to uid {status.st_uid}, and this is {os.geteuid()}",
            "run as its owner",
        )
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise StorageError(
            f"the disk's key {path} is open to others (mode {mode:04o})", f"run: chmod 600 {path}"
        )

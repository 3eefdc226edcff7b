"""A small file that only the key of the disk opens: the key ring of a directory, ``peer.key``.

One JSON document. ``sealed`` is its content under AES-256-GCM with a random nonce and a key that is
derived from the disk's with a salt of the file's own; all that stands beside it is bound to it as
associated data, so that nothing in the file can be changed, or taken from another one.

A file that is locked with another key than before has a note, which the former key opens: it says
where the next one is. Nobody else can write one, so that what it says may be followed.
"""

from __future__ import annotations

import json
import os
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from peerd.errors import StorageError
from peerd.sealing.source import (
    MEMORY,
    MOST_MEMORY,
    MOST_OPERATIONS,
    OPERATIONS,
    PASSPHRASE,
    SALT_BYTES,
    KeySource,
)

LABEL = "peerd-locked"
MAX_BYTES = 1 << 16
_VERSION = 1
_NONCE_BYTES = 12
_NEXT = "next"
_NOTE = "note of the next key"


class Unopened(StorageError):
    """The key is another one, or the file was changed: which of them can't be told."""


class Relocked(StorageError):
    """The key has opened the file until it was locked with the next one."""


def lock(
    what: str, said: dict[str, Any], content: bytes, source: KeySource, note: str | None = None
) -> bytes:
    """The file. ``what`` it is; ``said``: what it says openly; ``note``: of ``note_for``."""
    salt = os.urandom(SALT_BYTES)
    lock: dict[str, Any] = {"salt": salt.hex()}
    if source.kind == PASSPHRASE:
        lock |= {"operations": OPERATIONS, "memory": MEMORY}
    header = {LABEL: _VERSION, "what": what, "lock": lock, **said}
    if note is not None:
        header[_NEXT] = note
    key = source.derive(salt, lock.get("operations", 0), lock.get("memory", 0))
    nonce = os.urandom(_NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, content, _bound(header))
    return json.dumps({**header, "sealed": sealed.hex()}).encode() + b"\n"


def note_for(former: KeySource, source: KeySource) -> str:
    """Tells who has the ``former`` key alone where the next one is."""
    return lock(_NOTE, {}, source.text.encode(), former).decode()


def note_in(data: bytes) -> str | None:
    """The note of a file, as it stands there."""
    try:
        note = json.loads(data)[_NEXT]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return note if isinstance(note, str) else None


def is_locked(data: bytes) -> bool:
    """Whether it looks like a file of ``lock``: it may be damaged."""
    return data.startswith(f'{{"{LABEL}"'.encode())


def unlock(what: str, data: bytes, source: KeySource) -> tuple[dict[str, Any], bytes]:
    """What it says openly, and its content. ValueError for what is no such file; StorageError where
    the key is not there, Unopened where it is another one, Relocked where it was the former one.
    """
    header, sealed = _parsed(what, data)
    try:
        return header, _content(what, header, sealed, source)
    except StorageError:
        told = _told(header, source)
        if told is None:
            raise
    other = "passphrase" if told == source.text == PASSPHRASE else "key"
    new = "give the new passphrase" if other == PASSPHRASE else f'name the new key: key = "{told}"'
    raise Relocked(
        f"the {what} has another {other} than this since 'peerd storage rotate --to {told}'",
        f"if that was interrupted, say it again, with the configuration as it is; then {new}",
    )


def _content(what: str, header: dict[str, Any], sealed: bytes, source: KeySource) -> bytes:
    lock = header["lock"]
    if ("memory" in lock) != (source.kind == PASSPHRASE):
        right = "a passphrase" if "memory" in lock else "a key, and no passphrase"
        raise StorageError(f"the {what} is locked by {right}", f"name that, not {source.text!r}")
    key = source.derive(
        bytes.fromhex(lock["salt"]), lock.get("operations", 0), lock.get("memory", 0)
    )
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(header))
    except InvalidTag:
        typed = source.kind == PASSPHRASE
        who = "this passphrase" if typed else f"the key that {source.text!r} names"
        do = "give the passphrase" if typed else "name the key"
        raise Unopened(
            f"{who} does not open the {what}, or it was changed",
            f"{do} that it was encrypted with; nothing has been changed",
        ) from None


def _told(header: dict[str, Any], source: KeySource) -> str | None:
    """What the note says; None where there is none that ``source`` opens."""
    note = header.get(_NEXT)
    if not isinstance(note, str):
        return None
    try:
        parsed = _parsed(_NOTE, note.encode())
        return _content(_NOTE, *parsed, source).decode()
    except (ValueError, StorageError):
        return None


def _parsed(what: str, data: bytes) -> tuple[dict[str, Any], bytes]:
    """Bounded before anything is computed from it. ValueError."""
    if len(data) > MAX_BYTES:
        raise ValueError("it is too long")
    try:
        header = json.loads(data)
        sealed, lock = bytes.fromhex(header.pop("sealed")), header["lock"]
        version, named, salt = header[LABEL], header["what"], bytes.fromhex(lock["salt"])
        work = {name: lock[name] for name in lock.keys() - {"salt"}}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # what the parsers say of it is of no use to an operator
        raise ValueError("it was changed, or cut off") from None
    if version != _VERSION:
        raise ValueError(f"it is of another version than {_VERSION}, or was changed")
    if named != what or len(salt) != SALT_BYTES:
        raise ValueError(f"it is no {what}, or was changed")
    _check_work(work)
    return header, sealed


def _check_work(work: dict[str, Any]) -> None:
    """Of a passphrase; of a key there is none to do."""
    if not work:
        return
    operations, memory = work.get("operations"), work.get("memory")
    if type(operations) is not int or not 1 <= operations <= MOST_OPERATIONS:
        raise ValueError("it asks for too many operations")
    if type(memory) is not int or not 8192 <= memory <= MOST_MEMORY:
        raise ValueError("it asks for too much memory")


def _bound(header: dict[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()

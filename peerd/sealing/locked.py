"""A small file that only the key of the disk opens: the key ring of a directory, ``peer.key``.

One JSON document. ``sealed`` is its content under AES-256-GCM with a random nonce and a key that is
derived from the disk's with a salt of the file's own; all that stands beside it is bound to it as
associated data, so that nothing in the file can be changed, or taken from another one.
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


def lock(what: str, said: dict[str, Any], content: bytes, source: KeySource) -> bytes:
    """The file. ``what`` it is; ``said``: what it says openly."""
    salt = os.urandom(SALT_BYTES)
    lock: dict[str, Any] = {"salt": salt.hex()}
    if source.kind == PASSPHRASE:
        lock |= {"operations": OPERATIONS, "memory": MEMORY}
    header = {LABEL: _VERSION, "what": what, "lock": lock, **said}
    key = source.derive(salt, lock.get("operations", 0), lock.get("memory", 0))
    nonce = os.urandom(_NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, content, _bound(header))
    return json.dumps({**header, "sealed": sealed.hex()}).encode() + b"\n"


def is_locked(data: bytes) -> bool:
    """Whether it looks like a file of ``lock``: it may be damaged."""
    return data.startswith(f'{{"{LABEL}"'.encode())


def unlock(what: str, data: bytes, source: KeySource) -> tuple[dict[str, Any], bytes]:
    """What it says openly, and its content. ValueError for what is no such file; StorageError where
    the key is not there, or another one.
    """
    header, sealed = _parsed(what, data)
    lock = header["lock"]
    if ("memory" in lock) != (source.kind == PASSPHRASE):
        right = "a passphrase" if "memory" in lock else "a key, and no passphrase"
        raise StorageError(f"the {what} is locked by {right}", f"name that, not {source.text!r}")
    key = source.derive(
        bytes.fromhex(lock["salt"]), lock.get("operations", 0), lock.get("memory", 0)
    )
    try:
        content = AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(header))
    except InvalidTag:
        raise StorageError(
            f"the key that {source.text!r} names does not open the {what}, or it was changed",
            "name the key that it was encrypted with; nothing has been changed",
        ) from None
    return header, content


def _parsed(what: str, data: bytes) -> tuple[dict[str, Any], bytes]:
    """Bounded before anything is computed from it. ValueError."""
    if len(data) > MAX_BYTES:
        raise ValueError("it is too long")
    try:
        header = json.loads(data)
        if not isinstance(header, dict) or header.get(LABEL) != _VERSION:
            raise ValueError("it is of another version, or no locked file")
        sealed, lock = bytes.fromhex(header.pop("sealed")), header["lock"]
        if header["what"] != what or len(bytes.fromhex(lock["salt"])) != SALT_BYTES:
            raise ValueError(f"it is no {what}")
        _check_work(lock)
    except (KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("something is missing in it") from None
    return header, sealed


def _check_work(lock: dict[str, Any]) -> None:
    if lock.keys() == {"salt"}:
        return
    operations, memory = lock["operations"], lock["memory"]
    if type(operations) is not int or not 1 <= operations <= MOST_OPERATIONS:
        raise ValueError("it asks for too many operations")
    if type(memory) is not int or not 8192 <= memory <= MOST_MEMORY:
        raise ValueError("it asks for too much memory")


def _bound(header: dict[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()

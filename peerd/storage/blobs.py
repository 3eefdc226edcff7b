"""Content-addressed files: ``blobs/ab/abcdef…``, named by the SHA-256 of what they hold.

Models and transcripts live here and not in the database: they are large, public among the members,
and never change. Every read is checked against the name. In an encrypted directory a file holds its
blob sealed; the name is the hash of what is in it all the same, since others ask for it by that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import structlog

from peerd.errors import StorageError
from peerd.sealing import Unsealed, Vault
from peerd.storage.durable import (
    DIRECTORY_MODE,
    TEMPORARY_SUFFIX,
    replace_erasing,
    sync_directory,
    write_durably,
)

HASH_BYTES = 32
_DAMAGED_SUFFIX = ".damaged"

log = structlog.get_logger(__name__)


class Blobs:
    """The files below one directory. Knows nothing about who needs which."""

    def __init__(self, directory: Path, vault: Vault) -> None:
        self._directory = directory
        self._vault = vault
        try:
            if not directory.exists():
                directory.mkdir(mode=DIRECTORY_MODE)
                sync_directory(directory.parent)
        except OSError as error:
            raise StorageError(f"can't make {directory}: {error.strerror}") from None

    def write(self, data: bytes) -> bytes:
        """The hash under which ``data`` is now stored, durably. Raises StorageError."""
        name = hashlib.sha256(data).digest()
        path = self._path(name)
        if self.read(name) is None:
            try:
                if not path.parent.exists():
                    path.parent.mkdir(mode=DIRECTORY_MODE)
                    sync_directory(self._directory)
                write_durably(path, self._vault.seal(data, b"blob", name))
            except OSError as error:
                raise StorageError(
                    f"can't write {path}: {error.strerror}", "free some space, then start again"
                ) from None
        return name

    def read(self, name: bytes) -> bytes | None:
        """The content, or None when it is missing or damaged.

        A damaged file is set aside under another name, so that the content can be fetched again.
        """
        path = self._path(name)
        try:
            data = self._opened(path.read_bytes(), name)
            if data is not None:
                return data
            log.warning("blob damaged", path=str(path), hint="set aside; will be fetched again")
            path.replace(path.with_name(path.name + _DAMAGED_SUFFIX))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StorageError(f"can't read {path}: {error.strerror}") from None
        return None

    def size(self, data: bytes) -> int:
        """Bytes of the file that holds ``data``."""
        return self._vault.size(len(data))

    def renew(self, name: bytes) -> int:
        """Seals a blob with the newest key if it isn't; how many bytes were written. What is
        damaged stays as it is.
        """
        path = self._path(name)
        try:
            if is_current(path, self._vault) or (data := self.read(name)) is None:
                return 0
            stored = self._vault.seal(data, b"blob", name)
            replace_erasing(path, stored)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise StorageError(f"can't write {path}: {error.strerror}") from None
        return len(stored)

    def remove(self, name: bytes) -> None:
        """Forgets a blob; no error if it isn't there."""
        path = self._path(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"can't remove {path}: {error.strerror}") from None

    def erase_damaged(self) -> None:
        """Overwrites and removes the files that were set aside."""
        for path in self._directory.glob(f"??/*{_DAMAGED_SUFFIX}"):
            try:
                replace_erasing(path, b"")
                path.unlink()
            except OSError as error:
                raise StorageError(f"can't remove {path}: {error.strerror}") from None

    def sizes(self) -> Iterator[tuple[bytes, int]]:
        """(hash, bytes) of every file that has a blob's name; clears away what a crash left."""
        for path in sorted(self._directory.glob("??/*")):
            if path.name.endswith(TEMPORARY_SUFFIX):
                path.unlink()
                continue
            try:
                name = bytes.fromhex(path.name)
            except ValueError:
                continue
            if self._path(name) == path:
                yield name, path.stat().st_size

    def _opened(self, stored: bytes, name: bytes) -> bytes | None:
        """None for what is damaged."""
        try:
            data = self._vault.open(stored, b"blob", name)
        except Unsealed:
            return None
        return data if hashlib.sha256(data).digest() == name else None

    def _path(self, name: bytes) -> Path:
        if len(name) != HASH_BYTES:
            raise ValueError(f"a hash has {HASH_BYTES} bytes, not {len(name)}")
        digits = name.hex()
        return self._directory / digits[:2] / digits


def is_current(path: Path, vault: Vault) -> bool:
    """Whether a file is sealed with the newest key, by its first bytes."""
    with path.open("rb") as file:
        return vault.is_current(file.read(len(vault.header)))

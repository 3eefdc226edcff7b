"""``keys.json`` in a data directory: its data keys, locked with the key of the disk.

A rotation adds a generation and comes back at once; what is sealed is then sealed anew bit by bit,
and older generations go when nothing is left of them. At every moment the file on the disk opens
all that lies beside it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from peerd.errors import CorruptError, StorageError
from peerd.sealing.locked import MAX_BYTES, lock, note_in, unlock
from peerd.sealing.source import KeySource
from peerd.sealing.vault import ID_BYTES, MAX_GENERATIONS, PLAIN, Vault
from peerd.sealing.xaes import KEY_BYTES, Key
from peerd.storage.durable import replace_erasing, write_durably

KEYS = "keys.json"
TRAINING = "training"
"""The directory of the local models, which the training worker writes."""
REMOVE_LOCAL = "remove it: training then goes on from the round before, or from the group's model"
"""What to do about a local model that is damaged."""
_LOCAL_MODEL = re.compile(r"round-\d{1,18}\.x|statistics\.own")
_WHAT = "key ring"
_GIVE_BACK = (
    "put the file back as it was: without it nothing in the directory can be read; else move the"
    " directory away and start with an empty one by 'peerd run --restored' while the others run"
)
_NAME_IT = 'name it: key = "file:/PATH" in [storage] of peerd.toml, or PEERD_STORAGE_KEY'


def is_encrypted(directory: Path) -> bool:
    """Whether a key ring lies there: something in it may still be plain."""
    return (directory / KEYS).exists()


def vault_of(directory: Path, source: KeySource | None, hint: str = _NAME_IT) -> Vault:
    """What opens a data directory. ``hint``: what to do where nobody has named the key.
    StorageError where it is not there, or another one.
    """
    if not is_encrypted(directory):
        return PLAIN
    if source is None:
        raise StorageError(
            f"the data directory {directory} is encrypted, and nobody says where its key is", hint
        )
    return read_ring(directory, source)


def prepare_vault(directory: Path, source: KeySource | None) -> Vault:
    """As ``vault_of``; an empty directory begins encrypted where a key is named."""
    used = any((directory / name).exists() for name in (KEYS, "peerd.sqlite3", "blobs"))
    return vault_of(directory, source) if used or source is None else begin(directory, source)


def check_encrypted(directory: Path, vault: Vault, source: KeySource | None) -> None:
    """StorageError where a key is named for a directory that is not encrypted."""
    if source is not None and not vault.encrypts:
        raise StorageError(
            f"the data directory {directory} is not encrypted, and [storage] names a key",
            "stop the daemon, if it runs, and say: peerd storage encrypt",
        )


def local_models(directory: Path) -> list[Path]:
    """Their files, and no other that lies beside them."""
    files = sorted((directory / TRAINING).glob("*"))
    return [path for path in files if _LOCAL_MODEL.fullmatch(path.name)]


def begin(directory: Path, source: KeySource, *, plain: bool = False) -> Vault:
    """A first generation. ``plain``: what is there was not sealed so far, and is to be."""
    source.ask_twice()
    vault = Vault(os.urandom(ID_BYTES), {1: Key(os.urandom(KEY_BYTES))}, plain=plain)
    write_ring(directory, vault, source)
    return vault


def rotated(vault: Vault) -> Vault:
    """With one more generation, which seals from now on."""
    keys = dict(vault.generations())
    if len(keys) >= MAX_GENERATIONS:
        raise StorageError(
            f"{len(keys)} rotations are unfinished", "finish them first: peerd storage rotate"
        )
    keys[vault.generation + 1] = Key(os.urandom(KEY_BYTES))
    return Vault(vault.name, keys, plain=vault.plain)


def write_ring(directory: Path, vault: Vault, source: KeySource, note: str | None = None) -> None:
    """Durable on return; a crash leaves the old file or the new one. ``note``: of the next key, in
    the place of the one that is there. StorageError.
    """
    said = {
        "directory": vault.name.hex(),
        "generations": [number for number, _ in vault.generations()],
        "plain": vault.plain,
    }
    content = b"".join(key.reveal() for _, key in vault.generations())
    try:
        write = replace_erasing if is_encrypted(directory) else write_durably
        note = note or ring_note(directory)
        write(directory / KEYS, lock(_WHAT, said, content, source, note))
    except OSError as error:
        raise StorageError(f"can't write {directory / KEYS}: {error.strerror}") from None


def ring_note(directory: Path) -> str | None:
    """What tells the former key where the next one is. OSError."""
    return note_in((directory / KEYS).read_bytes()) if is_encrypted(directory) else None


def read_ring(directory: Path, source: KeySource) -> Vault:
    """CorruptError, and StorageError where the key is another."""
    path = directory / KEYS
    try:
        with path.open("rb") as file:
            said, content = unlock(_WHAT, file.read(MAX_BYTES + 1), source)
    except OSError as error:
        raise StorageError(f"can't read {path}: {error.strerror}") from None
    except ValueError as error:
        raise CorruptError(f"{path} is damaged: {error}", _GIVE_BACK) from None
    except StorageError as error:
        raise type(error)(f"{path}: {error.message}", error.hint) from None
    return _vault(said, content)


def _vault(said: dict[str, Any], content: bytes) -> Vault:
    """It was written by us: its tag has been checked."""
    pieces = [content[at : at + KEY_BYTES] for at in range(0, len(content), KEY_BYTES)]
    keys = dict(zip(said["generations"], map(Key, pieces), strict=True))
    return Vault(bytes.fromhex(said["directory"]), keys, plain=said["plain"])

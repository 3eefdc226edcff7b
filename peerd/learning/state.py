"""The local model x_i of each round on disk, so that a restart resumes it.

One file a round, written whole or not at all. A round whose file is there is not trained again:
the same round from the same base model gives the same bytes, as the dealing needs (a second,
different update of one round would meet the same masks). Only ``KEPT`` rounds stay: an old x_i
shows what was dealt from it, so it goes as soon as no restart needs it. The newest must stay
(equation 1 starts from it), which docs/threat-model.md has to say.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from peerd.errors import CorruptError, StorageError
from protocols.aggregation.contract import Model
from protocols.hashing import DIGEST_BYTES, digest

KEPT = 2
_MAGIC = b"peerd-local-1\n"
_NAME = re.compile(r"round-(\d{1,18})\.x")


@dataclass(frozen=True, slots=True)
class LocalModels:
    """The files of one peer's local models under ``directory`` (made 0700)."""

    directory: Path
    parameters: int

    def prepare(self) -> None:
        """Makes the directory and removes what an interrupted write left. Raises StorageError."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for left in self.directory.glob("*.part"):
                left.unlink()
        except OSError as error:
            raise StorageError(f"can't use {self.directory}: {error.strerror}") from error

    def rounds(self) -> list[int]:
        """The rounds that are kept, rising."""
        matches = (_NAME.fullmatch(path.name) for path in self.directory.iterdir())
        return sorted(int(match[1]) for match in matches if match)

    def load(self, round: int) -> tuple[bytes, Model]:
        """What ``save`` was given. Raises CorruptError when the file is damaged."""
        path = self._path(round)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StorageError(f"can't read {path}: {error.strerror}") from error
        head = len(_MAGIC) + DIGEST_BYTES
        whole = head + DIGEST_BYTES + 4 * self.parameters
        basis, checksum, body = data[len(_MAGIC) : head], data[head:][:DIGEST_BYTES], data[head:]
        body = body[DIGEST_BYTES:]
        if len(data) != whole or digest("peerd/learning/local", basis, body) != checksum:
            raise CorruptError(
                f"the local model {path} is damaged",
                "remove it: training then goes on from the round before, or from the group's model",
            )
        return basis, np.frombuffer(body, dtype="<f4").astype(np.float32)

    def save(self, round: int, basis: bytes, local: Model) -> None:
        """Durable on return. ``basis`` (32 bytes) names what the round was trained from."""
        body = local.astype("<f4", copy=False).tobytes()
        checksum = digest("peerd/learning/local", basis, body)
        path = self._path(round)
        part = path.with_suffix(".part")
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_MAGIC + basis + checksum + body)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
            self._sync_directory()
            for old in self.rounds()[:-KEPT]:
                self._path(old).unlink()
        except OSError as error:
            raise StorageError(f"can't write {path}: {error.strerror}") from error

    def _sync_directory(self) -> None:
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _path(self, round: int) -> Path:
        return self.directory / f"round-{round}.x"

"""What a peer trained in each round, and what it goes on from, so that a restart resumes it.

One file a round, written whole or not at all. A round whose file is there is not trained again:
the same round from the same base model gives the same bytes, as the dealing needs (a second,
different update of one round would meet the same masks). Beside x_i it holds the momentum m_i
under a rule that has one. Only ``KEPT`` rounds stay: an old x_i shows what was dealt from it, so it
goes as soon as no restart needs it. The newest must stay (equations 1 and 5 start from it), which
docs/threat-model.md has to say. In an encrypted directory they are sealed.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peerd.errors import CorruptError, StorageError
from peerd.learning.trained import Trained
from peerd.sealing import PLAIN, Unsealed, Vault
from peerd.storage.durable import replace_erasing
from peerd.storage.ring import REMOVE_LOCAL, TRAINING
from protocols.hashing import DIGEST_BYTES, digest

KEPT = 2
OWN_FILE = "statistics.own"
_ONE_VECTOR, _TWO_VECTORS = b"peerd-local-1\n", b"peerd-local-2\n"
_NAME = re.compile(r"round-(\d{1,18})\.x")


@dataclass(frozen=True, slots=True)
class Own:
    """Running statistics (n,) that are this peer's alone, after it trained in ``round``: the newest
    there are. None: it has not trained yet.
    """

    round: int | None
    values: NDArray[np.float64]


NOTHING = Own(None, np.zeros(0))


@dataclass(frozen=True, slots=True)
class LocalModels:
    """The files of one peer's local models under ``directory`` (made 0700)."""

    directory: Path
    parameters: int
    vault: Vault = PLAIN

    def prepare(self) -> None:
        """Makes the directory and removes what an interrupted write left; seals with the newest key
        what is not. Raises StorageError.
        """
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for left in self.directory.glob("*.part"):
                left.unlink()
            for path in self.files():
                self._renew(path)
        except OSError as error:
            raise StorageError(f"can't use {self.directory}: {error.strerror}") from error

    def files(self) -> list[Path]:
        """All that is kept."""
        kept = [*map(self._path, self.rounds()), self._own_path]
        return [path for path in kept if path.exists()]

    def rounds(self) -> list[int]:
        """The rounds that are kept, rising."""
        matches = (_NAME.fullmatch(path.name) for path in self.directory.iterdir())
        return sorted(int(match[1]) for match in matches if match)

    def load(self, round: int) -> tuple[bytes, Trained]:
        """What ``save`` was given. Raises CorruptError when the file is damaged."""
        path = self._path(round)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StorageError(f"can't read {path}: {error.strerror}") from error
        data = self.opened(path, data)
        magic, basis, checksum, body = _cut(data, len(_ONE_VECTOR), DIGEST_BYTES, DIGEST_BYTES)
        vectors = {_ONE_VECTOR: 1, _TWO_VECTORS: 2}.get(magic, 0)
        size = 4 * self.parameters * vectors
        if (
            not vectors
            or len(body) != size
            or digest("peerd/learning/local", basis, body) != checksum
        ):
            raise CorruptError(f"the local model {path} is damaged", REMOVE_LOCAL)
        stored = np.frombuffer(body, dtype="<f4").astype(np.float32).reshape(vectors, -1)
        return basis, Trained(stored[0], stored[-1])

    def save(self, round: int, basis: bytes, trained: Trained) -> None:
        """Durable on return. ``basis`` (32 bytes) names what the round was trained from."""
        vectors = [trained.update]
        if trained.kept is not trained.update:
            vectors.append(trained.kept)
        magic = _ONE_VECTOR if len(vectors) == 1 else _TWO_VECTORS
        body = np.concatenate(vectors).astype("<f4", copy=False).tobytes()
        checksum = digest("peerd/learning/local", basis, body)
        self._write(self._path(round), magic + basis + checksum + body)
        for old in self.rounds()[:-KEPT]:
            try:
                self._path(old).unlink()
            except OSError as error:
                raise StorageError(f"can't remove {self._path(old)}: {error.strerror}") from error

    def own(self) -> Own:
        """What ``save_own`` was given last; nothing where it never was, or is damaged: running
        statistics are learnt anew.
        """
        try:
            data = self.opened(self._own_path, self._own_path.read_bytes())
        except (FileNotFoundError, CorruptError):
            return NOTHING
        except OSError as error:
            raise StorageError(f"can't read {self._own_path}: {error.strerror}") from error
        checksum, number, body = _cut(data, DIGEST_BYTES, 8)
        if len(body) % 8 or digest("peerd/learning/own", number, body) != checksum:
            return NOTHING
        values = np.frombuffer(body, dtype="<f8").astype(np.float64)
        return Own(int.from_bytes(number, "little"), values)

    def save_own(self, round: int, values: NDArray[np.float64]) -> None:
        """This peer's running statistics after ``round``; nothing where there are none."""
        if values.size:
            number = round.to_bytes(8, "little")
            body = values.astype("<f8", copy=False).tobytes()
            self._write(self._own_path, digest("peerd/learning/own", number, body) + number + body)

    def opened(self, path: Path, data: bytes) -> bytes:
        """What the file holds. Raises CorruptError."""
        try:
            return self.vault.open(data, TRAINING.encode(), path.name.encode())
        except Unsealed as error:
            raise CorruptError(
                f"the local model {path} is damaged: {error}", REMOVE_LOCAL
            ) from None

    def _renew(self, path: Path) -> None:
        data = path.read_bytes()
        if not self.vault.is_current(data):
            plain = self.opened(path, data)
            replace_erasing(path, self.vault.seal(plain, TRAINING.encode(), path.name.encode()))

    @property
    def _own_path(self) -> Path:
        return self.directory / OWN_FILE

    def _write(self, path: Path, data: bytes) -> None:
        part = path.with_suffix(".part")
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(self.vault.seal(data, TRAINING.encode(), path.name.encode()))
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
            self._sync_directory()
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


def _cut(data: bytes, *lengths: int) -> list[bytes]:
    """The pieces of these lengths, and the rest."""
    pieces = []
    for length in lengths:
        pieces.append(data[:length])
        data = data[length:]
    return [*pieces, data]

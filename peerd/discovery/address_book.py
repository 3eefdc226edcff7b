"""The addresses of the roster's members, on disk: the daemon finds its group without a bootstrap.

A JSON file, replaced atomically. It holds signed records only, so it needs no trust: a damaged or
tampered entry fails its signature and is dropped like one from the network.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path

import structlog
import trio

from peerd.discovery.clocks import Clocks
from peerd.discovery.records import (
    MAX_RECORD_BYTES,
    AddressRecord,
    BadRecord,
    ClockDiffers,
    check_address,
    check_time,
    read_record,
)
from peerd.errors import StorageError

log = structlog.get_logger(__name__)

_VERSION = 1
_MAX_HINTS = 4  # addresses per peer that come from the configuration


class Outcome(Enum):
    """What became of a record that was offered to the book."""

    NEW = "new"
    KNOWN = "known"
    OLD = "rolled back"
    FOREIGN = "not in the roster"
    BAD = "forged, malformed or expired"


class AddressBook:
    """The newest valid record of each roster member.

    ``clock`` gives Unix time in seconds.
    """

    def __init__(
        self,
        path: Path,
        roster: Sequence[bytes],
        group: bytes,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._roster = frozenset(roster)
        self._group = group
        self._clock = clock
        self._clocks = Clocks(self._roster)
        self._records: dict[bytes, AddressRecord] = {}
        self._hints: dict[bytes, tuple[str, ...]] = {}
        self._changed: dict[bytes, trio.Event] = {}
        self.dropped = 0
        self.dirty = False
        self._load()

    # --- reading ------------------------------------------------------------------------------

    def addresses(self, public: bytes) -> tuple[str, ...]:
        """Multiaddrs of a member: its record's, even an expired one's, then the hints.

        An address needs no trust: whoever answers there has to prove that it is ``public``.
        """
        record = self._records.get(public)
        known = record.addresses if record is not None else ()
        return known + tuple(a for a in self._hints.get(public, ()) if a not in known)

    def record(self, public: bytes) -> AddressRecord | None:
        return self._records.get(public)

    def fresh_records(self) -> list[AddressRecord]:
        """What may be passed on: every record that has not expired."""
        now = self._clock()
        return [record for record in self._records.values() if not record.expired(now)]

    def unknown(self) -> list[bytes]:
        """Members without a record that is still valid."""
        now = self._clock()
        return sorted(
            public
            for public in self._roster
            if (record := self._records.get(public)) is None or record.expired(now)
        )

    async def wait_for_change(self, public: bytes) -> None:
        """Returns when the addresses of ``public`` have changed."""
        await self._changed.setdefault(public, trio.Event()).wait()

    # --- writing ------------------------------------------------------------------------------

    def add(self, raw: bytes, sender: bytes | None = None) -> Outcome:
        """Takes a record from anywhere; ``sender`` is the peer that gave it, if one did.

        Nothing but NEW changes the book (fault 30).
        """
        try:
            record = read_record(raw, self._group)
            check_time(record, self._clock())
        except ClockDiffers as error:
            self.dropped += 1
            self._clocks.differs(error, own=sender == error.public)
            return Outcome.BAD
        except BadRecord as error:
            self.dropped += 1
            log.debug("an address record was dropped", reason=str(error))
            return Outcome.BAD
        return self._take(record)

    def add_hint(self, public: bytes, address: str) -> None:
        """An address from the configuration. Raises ValueError outside of the roster."""
        if public not in self._roster:
            raise ValueError("a hint for a peer that is not in the roster")
        hints = self._hints.get(public, ())
        if address not in hints:
            self._hints[public] = (*hints, check_address(address))[-_MAX_HINTS:]
            self._tell(public)

    def _take(self, record: AddressRecord) -> Outcome:
        if record.public not in self._roster:
            self.dropped += 1
            return Outcome.FOREIGN
        self._clocks.agrees(record.public)
        old = self._records.get(record.public)
        if old is not None and record.sequence <= old.sequence:
            if record.raw == old.raw:
                return Outcome.KNOWN
            self.dropped += 1
            return Outcome.OLD
        self._records[record.public] = record
        self.dirty = True
        if old is None or old.addresses != record.addresses:
            self._tell(record.public)
        return Outcome.NEW

    def _tell(self, public: bytes) -> None:
        event = self._changed.pop(public, None)
        if event is not None:
            event.set()

    # --- the file -----------------------------------------------------------------------------

    def encode(self) -> str:
        """What the file should say now. Clears ``dirty``."""
        self.dirty = False
        content = {
            "version": _VERSION,
            "group": self._group.hex(),
            "records": [record.raw.hex() for record in self._records.values()],
        }
        return json.dumps(content, indent=1)

    def save(self) -> None:
        """``write`` of ``encode``."""
        self.write(self.encode())

    def write(self, text: str) -> None:
        """Replaces the file, durably; may run in a thread.

        Raises StorageError; the old file then still stands.
        """
        temporary = self._path.with_name(self._path.name + ".new")
        try:
            with open(temporary, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
        except OSError as error:
            self.dirty = True
            raise StorageError(f"can't write the address book {self._path}: {error}") from error

    def _load(self) -> None:
        for raw in _read_file(self._path, self._group, len(self._roster)):
            try:
                self._take(read_record(raw, self._group))
            except BadRecord as error:
                self.dropped += 1
                log.warning("a damaged entry in the address book", reason=str(error))
        self.dirty = False


def _read_file(path: Path, group: bytes, members: int) -> list[bytes]:
    """The records in the file. A file that can't be used is reported and left out: the network
    will fill the book again."""
    limit = 1024 + 4 * MAX_RECORD_BYTES * members
    try:
        with open(path, "rb") as file:
            text = file.read(limit + 1)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"can't read the address book {path}: {error}") from error
    try:
        if len(text) > limit:
            raise ValueError(f"more than {limit} bytes")
        content = json.loads(text)
        if content["version"] != _VERSION or content["group"] != group.hex():
            raise ValueError("it belongs to another version or group")
        return [bytes.fromhex(entry) for entry in content["records"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        log.warning("the address book is not used", path=str(path), reason=str(error))
        return []

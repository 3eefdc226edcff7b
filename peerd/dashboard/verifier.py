"""The chain of certificates that this node keeps, verified from its genesis on when asked to.

One verification at a time, in a thread. It holds one certificate, and pauses after each as long as
that took: the daemon's event loop shares the interpreter with it, and a round must not be late for
a reader's sake.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import structlog
import trio

from peerd.audit.chain import Chain, start_of, torn_out
from peerd.dashboard.sources import Sources
from peerd.errors import PeerdError
from peerd.group.members import told
from peerd.runner.succession.lineage import Epoch, epoch_of, handed_over
from protocols.errors import ProtocolError
from protocols.record.certificate import origin_of, verify_certificate

log = structlog.get_logger(__name__)

PAGE = 64
"""Certificates that are read from the store at once."""
LONGEST_PAUSE = 0.5
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Nobody has asked."""


@dataclass(frozen=True, slots=True)
class Running:
    """``done``: so many certificates hold so far; ``head``: the last round that there is."""

    done: int
    head: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """``rounds`` hold, from ``first`` on; ``fault``: why the next one does not, or None. ``whole``:
    from the genesis on. ``at``: Unix time.
    """

    first: int
    rounds: int
    fault: str | None
    whole: bool
    at: float


State: TypeAlias = "Idle | Running | Verdict"


class Verifier:
    """``state``: what to show. ``run`` it in a nursery."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._asked = trio.Event()
        self.state: State = Idle()

    def ask(self) -> None:
        """Verify; nothing more while that is under way."""
        if not isinstance(self.state, Running):
            self.state = Running(0, self._head())
            self._asked.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._asked.wait()
            self._asked = trio.Event()
            epochs = [*self._sources.epochs()]
            self.state = await trio.to_thread.run_sync(self._verified, epochs)

    def _head(self) -> int:
        head = self._sources.board.snapshot().get("head")
        return head if isinstance(head, int) else -1

    def _verified(self, epochs: list[Epoch]) -> Verdict:
        first, done = epochs[0].first, 0
        fault = None
        try:
            for _ in self._followed(epochs):
                done += 1
                self.state = Running(done, max(self._last(), first + done - 1))
        except (ProtocolError, PeerdError) as error:
            round_ = first + done
            fault = f"round {round_}: {told(epoch_of(epochs, round_).genesis, error)}"
        except Exception:  # must not end the daemon
            log.exception("the verification of the chain failed", round=first + done)
            fault = f"round {first + done}: a fault of peerd: the daemon's log has it"
        return Verdict(first, done, fault, not _is_torn(epochs[0]), time.time())

    def _last(self) -> int:
        return self.state.head if isinstance(self.state, Running) else -1

    def _followed(self, epochs: list[Epoch]) -> Iterator[None]:
        """Once for each certificate that holds. ProtocolError, PeerdError for what does not."""
        ends = [each.first - 1 for each in epochs[1:]]
        for number, epoch in enumerate(epochs):
            epoch.genesis.verify()
            if number:
                _check_handover(epochs[number - 1], epoch, self._certificate(epoch.first - 1))
            setting = epoch.setting()
            torn = not number and _is_torn(epoch)
            chain = None if torn else Chain(start_of(setting), setting)
            for record in self._records(epoch.first, ends[number] if ends[number:] else None):
                began = time.monotonic()
                certified = verify_certificate(setting, record)
                chain = chain or Chain(torn_out(certified), setting)
                chain.follow(certified)
                yield
                trio.from_thread.check_cancelled()
                time.sleep(min(time.monotonic() - began, LONGEST_PAUSE))

    def _records(self, first: int, last: int | None) -> Iterator[bytes]:
        """Of the rounds from ``first`` to ``last``, or to the last one that there is."""
        while last is None or first <= last:
            limit = PAGE if last is None else min(PAGE, last + 1 - first)
            found = self._sources.certificates(first, limit)
            yield from found
            first += len(found)
            if not found:
                return

    def _certificate(self, round_: int) -> bytes:
        return next(iter(self._sources.certificates(round_, 1)), b"")


def _is_torn(epoch: Epoch) -> bool:
    """A newcomer's history begins with the handover by which it joined."""
    return epoch.first != origin_of(epoch.setting()).round


def _check_handover(old: Epoch, new: Epoch, certificate: bytes) -> None:
    """GroupError where the certificate does not lead to the group that this peer is in."""
    handed_over(old.genesis, certificate, new.genesis)

"""How a daemon is run: who trains and plays the protocol in it, and what its operator says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from peerd.learning import Trainer
from peerd.learning.settings import Training
from peerd.runner.operators.told import Told
from peerd.trail import Trail
from protocols.record.position import Position
from protocols.session.events import Peer
from protocols.session.local import LocalPeer
from protocols.session.session import Session


class Sessions(Protocol):
    """Makes what plays the protocol, as ``Session`` is made."""

    def __call__(
        self,
        peer: LocalPeer,
        position: Position,
        journal: Mapping[str, bytes] | None = None,
        *,
        rounds: int | None,
        restored: bool | None,
        approvals: Iterable[bytes],
    ) -> Peer: ...


@dataclass(frozen=True, slots=True)
class Crew:
    """Who is in a daemon: an honest one, where nothing else is said."""

    trainer: Callable[[Training], Trainer] = Trainer
    session: Sessions = Session


@dataclass(frozen=True, slots=True)
class Terms:
    """``trail``: of this directory. ``restored``: it was put back from a backup, and may not know
    what was signed; False: it never was, and never emptied. None: nobody says anything. ``file``:
    where the configuration is read again on SIGHUP. ``told``: notes what it is told while it starts
    or stops.
    """

    trail: Trail
    crew: Crew = Crew()
    restored: bool | None = None
    file: Path | None = None
    told: Told = field(default_factory=Told)

"""One simulated peer: its session, its disk, and what it has seen happen."""

from __future__ import annotations

from dataclasses import dataclass, field

from peerd.group.rhythm import Schedule
from peerd.laboratory.adversaries.liar import Lie
from protocols.record.effects import Aborted, Blame, Completed, Dropped, Stopped
from protocols.record.position import Position
from protocols.secret import Secret
from protocols.session.events import Peer, Return, Stay
from protocols.session.session import Session


@dataclass
class Node:
    """``honest`` peers are promised something; ``lying`` ones break rules, and may be blamed. A
    ``frozen`` process does nothing before that virtual time; ``pace`` is its clock's, in percent;
    ``skew`` what that shows too much, in milliseconds. ``schedule``: when rounds begin, by this
    clock; a life's own. ``paused``: the round from which on its operator has it stay away, as its
    disk has it; ``ordered``: what he has left for it while it was down.
    ``peer`` takes the events: the ``session`` itself, or the liar around it.
    """

    index: int
    secret: Secret
    lie: Lie | None = None
    honest: bool = True
    silent: bool = False
    lying: bool = False
    frozen: int = 0
    pace: int = 100
    skew: int = 0
    schedule: Schedule | None = None
    paused: int | None = None
    ordered: Stay | Return | None = None
    session: Session | None = None
    peer: Peer | None = None
    position: Position | None = None
    up: bool = True
    journal: dict[int, dict[str, bytes]] = field(default_factory=dict)
    completed: dict[int, Completed] = field(default_factory=dict)
    blamed: list[Blame] = field(default_factory=list)
    aborted: list[Aborted] = field(default_factory=list)
    stopped: list[Stopped] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    approvals: list[bytes] = field(default_factory=list)
    lives: int = 0


class DiskFailed(Exception):
    """A write failed: the daemon ends at once, and nothing that depended on it is said."""


@dataclass(frozen=True)
class Backup:
    """All that is on a peer's disk."""

    position: Position | None
    journal: dict[int, dict[str, bytes]] = field(repr=False)
    completed: dict[int, Completed] = field(repr=False)
    approvals: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def of(cls, node: Node) -> Backup:
        journal = {round_: dict(entries) for round_, entries in node.journal.items()}
        return cls(node.position, journal, dict(node.completed), tuple(node.approvals))

    def put_back(self, node: Node) -> None:
        node.position, node.completed = self.position, dict(self.completed)
        node.approvals = list(self.approvals)
        node.journal = {round_: dict(entries) for round_, entries in self.journal.items()}

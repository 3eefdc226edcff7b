"""What the page is made from: the views of the status socket, and the group's own documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peerd.group import Genesis
from peerd.labels import label
from peerd.runner.succession.lineage import Epoch, epoch_of
from peerd.status.board import StatusBoard
from peerd.status.routes import Views

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sources:
    """``epochs()``: the groups that this peer was in, the current one last; ``certificates(first,
    limit)``: those kept, from a round on.
    """

    board: StatusBoard
    views: Views
    epochs: Callable[[], Sequence[Epoch]]
    certificates: Callable[[int, int], list[bytes]]

    @property
    def genesis(self) -> Genesis:
        """Of the current group."""
        return self.epochs()[-1].genesis

    def genesis_of(self, round_: int) -> Genesis:
        """Of the group that made a round."""
        return epoch_of(self.epochs(), round_).genesis


class Names:
    """How members are called, by peer id."""

    def __init__(self, peers: Sequence[Document]) -> None:
        self._names = {str(each["peer"]): each.get("name") for each in peers}

    def of(self, peer: object) -> str:
        """``St. Mary's (…ewkwhP7S)``; of a document that names a member, or of a peer id."""
        if isinstance(peer, Mapping):
            return label(peer.get("name") or self._names.get(str(peer["peer"])), peer["peer"])
        return label(self._names.get(str(peer)), peer)

    def all(self, peers: object) -> str:
        """Several of them; “nobody” for none."""
        found = peers if isinstance(peers, list | tuple) else ()
        return ", ".join(map(self.of, found)) or "nobody"

"""Where a daemon stands: in which group, as which member, and in which session of the protocol."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from peerd.group import Genesis
from peerd.group.addresses import as_bootstraps
from peerd.identity import Identity
from peerd.runner.succession.inheritance import bootstraps
from peerd.runner.succession.lineage import Epoch
from protocols.session.events import Peer


class Place:
    """In the last one of ``epochs``. ``configured``: the genesis of the operator's file, which may
    be of another of them, or of the next. ``session``: None until this peer takes part in rounds.
    """

    def __init__(self, epochs: Sequence[Epoch], identity: Identity, configured: Genesis) -> None:
        self.identity = identity
        self.genesis = epochs[-1].genesis
        self.me = self.genesis.index(identity.public)
        self.session: Peer | None = None
        self.configured = configured
        self.move_to(epochs)

    def move_to(self, epochs: Sequence[Epoch]) -> None:
        """The same group, of which is known by now what it goes on from. GroupError."""
        self.epochs = epochs
        self.setting = epochs[-1].setting()

    def guilty(self) -> Collection[bytes]:
        """The keys of those whom the session knows to be convicted."""
        guilty = self.session.position.ledger.guilty if self.session is not None else ()
        return {self.setting.roster[peer] for peer in guilty}

    def bootstraps(self, configured: Iterable[str]) -> list[str]:
        """Those of a configuration, in terms of the current group."""
        return bootstraps(configured, self.epochs, self.configured)

    def founding_addresses(self) -> list[str]:
        """Where members said that they can be reached first, as a configuration has them."""
        return as_bootstraps(self.configured.addresses)

"""What signs in the place of a daemon's."""

from __future__ import annotations

from peerd.runner.operators.signer import Signer
from peerd.storage import Store
from tests.unit.group.successions import MEMBERS, group


def signer(store: Store) -> Signer:
    """Of the first member of ``group()``, with its key file in the store's directory."""
    return Signer(MEMBERS[0], store.directory / "peer.key", group(), store)

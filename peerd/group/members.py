"""How the members of a group are called: by the names that its genesis has, and by their ids."""

from __future__ import annotations

from peerd.group.genesis import Genesis
from peerd.identity import peer_id_of
from peerd.labels import label, with_members


def called(genesis: Genesis, index: int) -> str:
    """A member for people: ``St. Mary's (…ewkwhP7S)``, ``…ewkwhP7S`` where it has no name."""
    return label(genesis.name_of(index), peer_id_of(genesis.roster[index]))


def names_by_peer(genesis: Genesis) -> dict[str, str]:
    """By peer id; empty where nobody has a name."""
    peers = map(peer_id_of, genesis.roster)
    return dict(zip(peers, genesis.names, strict=True)) if genesis.names else {}


def told(genesis: Genesis, error: Exception) -> str:
    """What the core says of a group's bytes: it knows places in the roster alone."""
    everybody = [called(genesis, index) for index in range(len(genesis.roster))]
    return with_members(str(error), everybody)

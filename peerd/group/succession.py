"""The draft of a successor: which group it goes on from, and who in it is who (docs §6).

A group's genesis can't change. Another one can go on from it: with the model, the chain of
certificates and the convictions, under another roster, rule or bounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peerd.group import fields as rules
from peerd.identity import is_public_key, peer_id_of
from protocols.record.approval import MAX_WINDOW
from protocols.wire.schema import MAX_ROUND

LEAVES = b""
"""In the place of a new key: this member has no part in the successor."""


@dataclass(frozen=True)
class Follows:
    """``group``: the id of the old one. It hands over behind one of the rounds ``first`` to
    ``last``. ``keys``: of every old member its key, and the one that it has in the successor, or
    LEAVES. ``lost``: old keys that can't sign any more for the new ones in their place.
    """

    group: bytes
    first: int
    last: int
    keys: tuple[tuple[bytes, bytes], ...]
    lost: tuple[bytes, ...] = ()

    @property
    def rotated(self) -> tuple[bytes, ...]:
        """Old keys in whose place there is another."""
        return tuple(old for old, new in self.keys if new not in (LEAVES, old))

    @property
    def signing(self) -> tuple[bytes, ...]:
        """Old keys that sign beside the new roster: for the keys that take their place."""
        return tuple(old for old in self.rotated if old not in self.lost)

    @property
    def leaving(self) -> tuple[bytes, ...]:
        return tuple(old for old, new in self.keys if new == LEAVES)

    def joining(self, roster: Sequence[bytes]) -> tuple[bytes, ...]:
        """Who of the successor's roster is nobody's new key."""
        known = {new for _, new in self.keys}
        return tuple(public for public in roster if public not in known)

    def places(self, roster: Sequence[bytes]) -> Mapping[int, int]:
        """Of each old index the new one, of those that stay."""
        return {
            index: list(roster).index(new)
            for index, (_, new) in enumerate(self.keys)
            if new != LEAVES
        }

    def content(self) -> dict[str, Any]:
        """As plain values, which ``check_follows`` reads."""
        said = {
            "group": self.group,
            "first": self.first,
            "last": self.last,
            "keys": [list(pair) for pair in self.keys],
        }
        return said | ({"lost": list(self.lost)} if self.lost else {})


def check_follows(value: object, roster: Sequence[bytes]) -> Follows | None:
    """From plain values, or what is read already. GroupError; None where there is none."""
    if value is None or isinstance(value, Follows):
        found = value
    else:
        found = _read(rules.check_mapping("follows", value))
    if found is not None:
        _check_window(found)
        _check_keys(found, roster)
    return found


def _read(given: dict[str, Any]) -> Follows:
    if (
        not {"group", "first", "last", "keys"}
        <= set(given)
        <= {*("group", "first", "last", "keys", "lost")}
    ):
        raise rules.refused("follows", "must hold group, first, last and keys, and may hold lost")
    if "lost" in given and not given["lost"]:
        raise rules.refused("follows.lost", "is left out where no key is lost")
    keys, lost = given["keys"], given.get("lost", [])
    if not isinstance(keys, tuple | list) or not isinstance(lost, tuple | list):
        raise rules.refused("follows.keys", "must be a list of pairs")
    pairs = []
    for pair in keys:
        match pair:
            case [bytes() as old, bytes() as new]:
                pairs.append((old, new))
            case _:
                raise rules.refused("follows.keys", "must be pairs of an old key and a new one")
    rules.check_hash("follows.group", given["group"])
    return Follows(given["group"], given["first"], given["last"], tuple(pairs), tuple(lost))


def _check_window(found: Follows) -> None:
    rules.check_integer("follows.first", found.first, 0, MAX_ROUND)
    most = min(found.first + MAX_WINDOW - 1, MAX_ROUND)
    rules.check_integer("follows.last", found.last, found.first, most)


def _check_keys(found: Follows, roster: Sequence[bytes]) -> None:
    olds = [old for old, _ in found.keys]
    news = [new for _, new in found.keys if new != LEAVES]
    if not all(is_public_key(key) for key in (*olds, *news)):
        raise rules.refused("follows.keys", "hold something that is no Ed25519 public key")
    if olds != sorted(set(olds)):
        raise rules.refused("follows.keys", "name an old member twice, or are out of order")
    if len(set(news)) < len(news):
        raise rules.refused("follows.keys", "give two old members one new key")
    for old, new in found.keys:
        if new != LEAVES and new not in roster:
            raise rules.refused(
                "follows.keys", f"name {peer_id_of(new)}, who is not in the new roster"
            )
        if new != old and old in roster:
            raise rules.refused(
                "follows.keys", f"take {peer_id_of(old)} out, who is in the new roster"
            )
    if not news:
        raise rules.refused("follows.keys", "let everybody leave: nobody has the model then")
    if not set(found.lost) <= set(found.rotated) or list(found.lost) != sorted(set(found.lost)):
        raise rules.refused("follows.lost", "may name old keys that another takes the place of")

"""A successor's draft, made from the genesis that it is to follow and from what is to change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from peerd.errors import GroupError
from peerd.group import fields as rules
from peerd.group.genesis import Genesis
from peerd.group.succession import LEAVES, Follows
from peerd.group.vector import state_size
from protocols.aggregation import AggregationError

KEPT = ("task", "parameters", "first_model", "fixed", "statistics", "model_seed", "starts_from")
"""What a successor can't change: the model goes on, and means what it meant."""


@dataclass(frozen=True)
class Changes:
    """Members by their public keys. ``keys``: of those that rotate, old to new; ``lost``: whose old
    key can't sign. ``joining`` with what they are called, where the group has names. ``values``:
    fields of a genesis that are to be others. ``addresses``: where those that join can be reached.
    """

    first: int
    last: int
    joining: Mapping[bytes, str | None] = field(default_factory=dict)
    leaving: frozenset[bytes] = frozenset()
    keys: Mapping[bytes, bytes] = field(default_factory=dict)
    lost: frozenset[bytes] = frozenset()
    renamed: Mapping[bytes, str] = field(default_factory=dict)
    weights: Mapping[bytes, int] = field(default_factory=dict)
    held_out: Mapping[bytes, int] = field(default_factory=dict)
    addresses: Mapping[bytes, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


def draft(old: Genesis, changes: Changes) -> Genesis:
    """The unsigned draft. GroupError for what makes no group."""
    keys = {key: _key(key, changes) for key in old.roster}
    stays = {new: key for key, new in keys.items() if new != LEAVES}
    roster = tuple(sorted({*stays, *changes.joining}))
    if len(roster) < len(stays) + len(changes.joining):
        raise GroupError("somebody who joins has the key of a member, or of another who joins")
    follows = Follows(
        old.group_id, changes.first, changes.last, tuple(keys.items()), tuple(sorted(changes.lost))
    )
    found = replace(
        old,
        roster=roster,
        names=_names(old, changes, roster, stays),
        weights=_weights(old, changes, roster, stays),
        evaluation=_evaluation(old, changes, roster, stays),
        follows=follows,
        signatures={},
        addresses=_addresses(old, changes, stays),
        **changes.values,
    )
    check_successor(found, old)
    _ = found.plan
    return found


def _key(key: bytes, changes: Changes) -> bytes:
    return LEAVES if key in changes.leaving else changes.keys.get(key, key)


def _addresses(old: Genesis, changes: Changes, stays: Mapping[bytes, bytes]) -> dict[bytes, str]:
    """Who has another key is still where it was."""
    before = {new: old.addresses[key] for new, key in stays.items() if key in old.addresses}
    return before | dict(changes.addresses)


def _names(
    old: Genesis, changes: Changes, roster: tuple[bytes, ...], stays: Mapping[bytes, bytes]
) -> tuple[str, ...]:
    def name(public: bytes) -> str | None:
        if public in changes.joining:
            return changes.joining[public]
        key = stays[public]
        return changes.renamed.get(key, old.name_of(old.index(key)))

    found = [name(public) for public in roster]
    said = [each for each in found if each is not None]
    if said and len(said) < len(found):
        raise GroupError(
            "some of the members would have a name, and others none",
            "name all that join; 'group successor --rename' names those that stay",
        )
    return tuple(said)


def _weights(
    old: Genesis, changes: Changes, roster: tuple[bytes, ...], stays: Mapping[bytes, bytes]
) -> tuple[int, ...]:
    def weight(public: bytes) -> int:
        before = old.weight_of(old.index(stays[public])) if public in stays else 1
        return changes.weights.get(public, before)

    found = tuple(weight(public) for public in roster)
    return () if set(found) == {1} else found


def _evaluation(
    old: Genesis, changes: Changes, roster: tuple[bytes, ...], stays: Mapping[bytes, bytes]
) -> Any:
    """Who joins and says no number counts no rows; nor does a group that adds noise."""
    if old.evaluation is None or changes.values.get("privacy", old.privacy) is not None:
        return None

    def rows(public: bytes) -> int:
        before = old.held_out_of(old.index(stays[public])) if public in stays else 0
        return changes.held_out.get(public, before)

    try:
        return replace(old.evaluation, rows=tuple(rows(public) for public in roster))
    except AggregationError as error:
        raise GroupError(f"genesis: evaluation: {error}") from None


def check_successor(draft: Genesis, old: Genesis) -> None:
    """GroupError unless ``draft`` is one of a successor that ``old`` could hand over to."""
    follows = draft.follows
    if follows is None:
        raise GroupError(
            "this is no draft of a successor: it follows no group", "'peerd group successor'"
        )
    if follows.group != old.group_id:
        raise GroupError(
            f"this draft follows the group {follows.group.hex()[:16]}…, and not"
            f" {old.name!r} ({old.group_id.hex()[:16]}…)"
        )
    if tuple(key for key, _ in follows.keys) != old.roster:
        raise rules.refused("follows.keys", "must name every member of the old group, and no other")
    for name in KEPT:
        if getattr(draft, name) != getattr(old, name):
            raise rules.refused(name, "is another than the old group's, whose model goes on")
    _check_unit(draft, old)
    _check_vector(draft, old)


def _check_vector(draft: Genesis, old: Genesis) -> None:
    """The certified vector goes on as it is, whatever rule it was another one's."""
    if state_size(draft) != state_size(old):
        raise GroupError(
            f"genesis: the successor's rule keeps {state_size(draft)} numbers beside the model, and"
            f" the old one {state_size(old)}: momentum, or a clip that moves, can't begin or end"
            " with a handover",
            "leave momentum and quantile as they are, or 0",
        )


def _check_unit(draft: Genesis, old: Genesis) -> None:
    """What is spent of one unit's budget can't be counted in another's."""
    before, now = old.privacy, draft.privacy
    if before is not None and now is not None and before.unit != now.unit:
        raise GroupError(
            f"genesis: privacy.unit is {now.unit}, and the old group's {before.unit}: what that has"
            " spent can't be counted for another unit",
            "found another group: it promises nothing of what this one has opened",
        )

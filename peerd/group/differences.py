"""What a successor's draft changes, in words that a member reads before it signs."""

from __future__ import annotations

import json
from collections.abc import Iterator

from peerd.group.drafting import check_successor
from peerd.group.genesis import Genesis
from peerd.group.members import called
from peerd.group.privacy import in_words as promised
from peerd.group.privacy import number, rounds_of
from peerd.group.rhythm import in_words
from peerd.group.succession import LEAVES

_PLAIN = {
    "name": "the group's name",
    "version": "the protocol's version",
    "aggregator": "the rule",
    "constants": "the rule's constants",
    "task_options": "the task's options",
    "adversary": "the share of members that may lie",
    "dropout": "the share that may be offline",
    "absent": "absent members planned for",
    "clients": "members drawn to train in a round",
    "delta_ms": "milliseconds for a small message",
    "bandwidth_bytes_per_second": "bytes a second",
    "training_seconds": "seconds to train",
    "deadlines": "longer deadlines",
    "rhythm": "the rhythm",
}
_COUNTED = {
    "accuracy": "whether right rows are counted",
    "classes": "classes whose rows are counted apart",
    "loss_bits": "bits of a site's loss",
}
_UNSAID = {"clients": "all", "absent": "as few as follow", "deadlines": "none"}


def differences(old: Genesis, draft: Genesis) -> list[str]:
    """One line a change. GroupError where ``draft`` is no successor of ``old``."""
    check_successor(draft, old)
    found = [*_promises(old, draft), *_members(old, draft)]
    found += [*_numbers(old, draft), *_values(old, draft)]
    said = found or ["members and terms stay as they are"]
    return [*said, *_inherits(old, draft), _window(draft)]


def _promises(old: Genesis, draft: Genesis) -> Iterator[str]:
    """What becomes of what people were promised: ahead of all else, as it is not the members' own.
    A smaller number of rounds is no weaker promise, and stands among the other values.
    """
    before, now = old.privacy, draft.privacy
    if before is None and now is None:
        return
    if before is None:
        assert now is not None
        yield (
            f"a promise begins: {promised(now)}. What the group before opened without noise is not"
            " covered"
        )
        return
    what = f"epsilon {number(before.epsilon)} and delta {number(before.delta)}"
    promise = f"THE PROMISE of {what} to each {before.unit}"
    if now is None:
        yield f"{promise} ENDS: sums are opened without noise from then on"
        return
    if now.epsilon > before.epsilon or now.delta > before.delta:
        yield (
            f"{promise} ENDS: a weaker one takes its place, epsilon {number(now.epsilon)} and delta"
            f" {number(now.delta)}, over the rounds of both groups together"
        )
    elif now.budget != before.budget:
        yield (
            f"a stronger promise, epsilon {number(now.epsilon)} and delta {number(now.delta)}, over"
            " the rounds of both groups together: where these are spent already no round is left"
        )
    if now.rounds != before.rounds:
        yield f"rounds until the group stops: {now.rounds} instead of {before.rounds}"


def _inherits(old: Genesis, draft: Genesis) -> Iterator[str]:
    if old.privacy is not None and draft.privacy is not None:
        yield (
            "what the old group has spent of its privacy budget goes along: how many rounds are"
            " left follows from the handover"
        )


def _members(old: Genesis, draft: Genesis) -> Iterator[str]:
    follows = draft.follows
    assert follows is not None
    for index, (key, new) in enumerate(follows.keys):
        who = called(old, index)
        if new == LEAVES:
            yield f"{who} leaves"
            continue
        now = draft.index(new)
        if new != key:
            how = ", whose old key can't sign" if key in follows.lost else ""
            yield f"{who} has a new key, and is {called(draft, now)} from then on{how}"
        if old.name_of(index) != draft.name_of(now):
            yield f"{who} is called {draft.name_of(now)!r}"
    for new in follows.joining(draft.roster):
        yield f"{called(draft, draft.index(new))} joins{_brings(draft, draft.index(new))}"


def _brings(draft: Genesis, index: int) -> str:
    weight = f", weighs {draft.weight_of(index)}" if draft.weights else ""
    return weight + (f", holds out {draft.held_out_of(index)} rows" if draft.evaluation else "")


def _numbers(old: Genesis, draft: Genesis) -> Iterator[str]:
    """Weights and held-out rows of those that stay."""
    assert draft.follows is not None
    for index, now in draft.follows.places(draft.roster).items():
        who = called(draft, now)
        if old.weight_of(index) != draft.weight_of(now):
            yield f"{who} weighs {draft.weight_of(now)} instead of {old.weight_of(index)}"
        if old.held_out_of(index) != draft.held_out_of(now):
            rows = draft.held_out_of(now)
            yield f"{who} holds out {rows} rows instead of {old.held_out_of(index)}"
    if (old.evaluation is None) != (draft.evaluation is None):
        counts = "held-out rows from then on" if draft.evaluation else "no held-out rows any more"
        yield f"the group counts {counts}"
    elif old.evaluation is not None:
        for name, plain in _COUNTED.items():
            before, after = getattr(old.evaluation, name), getattr(draft.evaluation, name)
            if before != after:
                yield f"{plain}: {after} instead of {before}"


def _values(old: Genesis, draft: Genesis) -> Iterator[str]:
    for name, plain in _PLAIN.items():
        before, now = getattr(old, name), getattr(draft, name)
        if isinstance(before, dict) and isinstance(now, dict):
            yield from _entries(plain, before, now)
        elif before != now:
            yield f"{plain}: {_shown(name, draft)} instead of {_shown(name, old)}"
    one, other = old.plan, draft.plan
    if one != other:
        yield (
            f"the committee: {other.committee} seats, {other.threshold} of which may lie and"
            f" {other.absent} be absent, instead of {one.committee}, {one.threshold} and"
            f" {one.absent}"
        )


def _entries(plain: str, before: dict[str, object], now: dict[str, object]) -> Iterator[str]:
    """By their text: true and 1 are equal, and not the same; nor are null and nothing."""
    for key in sorted({*before, *now}):
        was, told = _text(before, key), _text(now, key)
        if was != told:
            yield f"{plain}, {key}: {told} instead of {was}"


def _text(values: dict[str, object], key: str) -> str:
    if key not in values:
        return "nothing"
    value = values[key]
    return repr(value) if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _shown(name: str, genesis: Genesis) -> object:
    if name == "rhythm":
        return in_words(genesis.rhythm, rounds_of(genesis.privacy))
    value: object = getattr(genesis, name)
    return value if value else _UNSAID.get(name, value)


def _window(draft: Genesis) -> str:
    assert draft.follows is not None
    first, last = draft.follows.first, draft.follows.last
    return f"the group hands over in one of the rounds {first} to {last}"

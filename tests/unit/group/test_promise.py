"""What a genesis promises to people: how it is read, when refused, and what a successor says."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from peerd.errors import GroupError
from peerd.group import Genesis, load, save
from peerd.group.differences import differences
from peerd.group.document import parse, render
from peerd.group.drafting import draft
from peerd.group.privacy import Privacy, in_words
from peerd.group.promise import round_budget
from peerd.group.rhythm import Rhythm
from peerd.runner.resume import setting_of
from peerd.runner.succession.lineage import Epoch, handed_over, read_beginning
from protocols.aggregation import aggregator
from protocols.aggregation.evaluation import Evaluation
from protocols.privacy import rounds_within
from protocols.record.ledger import Ledger
from protocols.record.spending import is_spent, most_charged
from protocols.wire.canonical import pack
from tests.unit.group.successions import changes, group, handover, signed, successor

CONSTANTS: dict[str, int | str] = {"rows": 4, "steps": 64, "noise": "2", "rate": "1/10"}
DELTA = Fraction(1, 10**6)
PROMISE = Privacy("record", Fraction(2), DELTA, 30)


def private(promise: Privacy | None = PROMISE, **other: Any) -> Genesis:
    rule = aggregator("dp-sgd", CONSTANTS)
    values = {"aggregator": "dp-sgd", "constants": rule.constants(), "privacy": promise}
    return group(**{**values, **other})


def most(promise: Privacy = PROMISE) -> int:
    mechanism = aggregator("dp-sgd", CONSTANTS).mechanism(24)  # type: ignore[attr-defined]
    return rounds_within(promise.budget, mechanism)


# -- in the genesis ----------------------------------------------------------------------------


def test_it_is_a_part_of_the_genesis_and_of_its_id(tmp_path: Path) -> None:
    one, other = private(), private(replace(PROMISE, rounds=29))
    assert one.group_id != other.group_id
    save(one, tmp_path / "genesis.json")
    assert load(tmp_path / "genesis.json") == one == Genesis.decode(one.encode())
    told = json.loads(render(one))["privacy"]
    assert told == {"unit": "record", "epsilon": "2", "delta": "1/1000000", "rounds": 30}
    assert "privacy" not in json.loads(render(group()))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"unit": "row"}, "privacy.unit must be record or member"),
        ({"epsilon": 2}, "privacy.epsilon must be a rational"),
        ({"epsilon": "0"}, "privacy.epsilon must be more than 0 and at most 100"),
        ({"epsilon": "2.0"}, "privacy.epsilon must be in lowest terms"),
        ({"epsilon": "101"}, "at most 100"),
        ({"delta": "1/10"}, "privacy.delta must be more than 0 and at most 1/100"),
        ({"delta": "1/" + "9" * 99}, "more than 80 characters"),
        ({"rounds": 0}, "privacy.rounds must be in 1"),
        ({"rounds": "9"}, "privacy.rounds must be an integer"),
        ({"more": 1}, "must hold exactly unit, epsilon, delta, rounds"),
    ],
)
def test_a_bad_field_is_named(change: dict[str, Any], what: str) -> None:
    document = json.loads(render(private()))
    document["privacy"] |= change
    with pytest.raises(GroupError, match=what):
        parse(json.dumps(document).encode())


def test_nothing_is_promised_in_one_way_alone() -> None:
    document = json.loads(render(group()))
    document["privacy"] = None
    with pytest.raises(GroupError, match="privacy is left out where nothing is promised"):
        parse(json.dumps(document).encode())


# -- whoever signs or runs it counts the rounds ------------------------------------------------


def test_as_many_rounds_as_the_noise_allows_and_no_more() -> None:
    allowed = most()
    budget = setting_of(private(replace(PROMISE, rounds=allowed))).budget
    assert budget is not None and budget.rounds == allowed and budget.unit == "record"
    assert most_charged(setting_of(private())) == 30 < allowed
    with pytest.raises(GroupError, match=rf"privacy.rounds is {allowed + 1}.*for {allowed} rounds"):
        setting_of(private(replace(PROMISE, rounds=allowed + 1)))


def test_a_rule_that_adds_noise_has_a_promise_and_no_other_has() -> None:
    with pytest.raises(GroupError, match="privacy is missing"):
        setting_of(private(None))
    with pytest.raises(GroupError, match="the rule rsa adds no noise"):
        setting_of(group(privacy=PROMISE))


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"version": 2}, "version 3 of the protocol"),
        ({"promise": replace(PROMISE, unit="member")}, "dp-sgd hides a record"),
        ({"evaluation": Evaluation((50,) * 5)}, "evaluation opens exact counts"),
        ({"statistics": "averaged"}, "statistics are averaged"),
        ({"weights": {}}, "weights have a site's rows count several times"),
    ],
)
def test_what_is_opened_bare_is_refused_with_its_reason(other: dict[str, Any], what: str) -> None:
    found = private(**{name: each for name, each in other.items() if name != "weights"})
    if "weights" in other:
        found = replace(found, weights=(2, 1, 1, 1, 1))
    with pytest.raises(GroupError, match=what):
        round_budget(found, aggregator("dp-sgd", CONSTANTS))


def test_a_stop_by_exact_counts_is_refused() -> None:
    counted = private(evaluation=Evaluation((50,) * 5), rhythm=Rhythm(patience=3))
    with pytest.raises(GroupError, match="evaluation"):
        setting_of(counted)


def test_in_words() -> None:
    assert in_words(PROMISE) == (
        "after 30 rounds the group stops: a record's presence at a site changes any outcome's"
        " chance by at most a factor e^2, except with probability 10^-6"
    )
    assert "all that a member deals" in in_words(replace(PROMISE, unit="member", rounds=1))
    assert in_words(None).startswith("none")


# -- a successor -------------------------------------------------------------------------------


def differing(**values: Any) -> list[str]:
    return differences(private(), draft(private(), changes(values=values)))


def test_a_promise_that_ends_is_said_first() -> None:
    plain = group()
    ends = differing(
        aggregator=plain.aggregator,
        constants=plain.constants,
        privacy=None,
        adversary=Fraction(1, 5),
    )
    assert ends[0] == (
        "THE PROMISE of epsilon 2 and delta 10^-6 to each record ENDS: sums are opened without"
        " noise from then on"
    )


@pytest.mark.parametrize("worse", [{"epsilon": Fraction(3)}, {"delta": Fraction(1, 10**5)}])
def test_a_weaker_promise_is_said_first(worse: dict[str, Fraction]) -> None:
    first, *_ = differing(privacy=replace(PROMISE, **worse), name="autumn")
    assert "ENDS: a weaker one takes its place" in first


def test_a_promise_that_stays_or_is_stronger_ends_nothing() -> None:
    same = differing()
    assert same[0] == "members and terms stay as they are" and "goes along" in same[1]
    stronger = differing(privacy=replace(PROMISE, epsilon=Fraction(1), rounds=5))
    assert "stronger" in stronger[0] and not any("ENDS" in line for line in stronger)
    assert "rounds until the group stops: 5 instead of 30" in stronger


def test_a_promise_that_begins_does_not_cover_what_was_opened() -> None:
    values = {"aggregator": "dp-sgd", "constants": private().constants, "privacy": PROMISE}
    told = differences(group(), draft(group(), changes(values=values)))
    assert told[0].startswith("a promise begins") and "not covered" in told[0]


def test_what_one_unit_has_spent_is_not_counted_in_another() -> None:
    with pytest.raises(GroupError, match=r"privacy.unit is member, and the old group's record"):
        draft(private(), changes(values={"privacy": replace(PROMISE, unit="member")}))


def test_a_group_that_begins_to_promise_counts_no_rows_any_more() -> None:
    old = group(evaluation=Evaluation((50,) * 5))
    values = {"aggregator": "dp-sgd", "constants": private().constants, "privacy": PROMISE}
    assert draft(old, changes(values=values)).evaluation is None


@pytest.mark.parametrize("spent", [0, 7])
def test_each_member_counts_what_is_left_from_the_handover(spent: int) -> None:
    """A newcomer too, who has nothing but its certificate and the old genesis."""
    allowed = most()
    old = Epoch(0, private(replace(PROMISE, rounds=allowed)))
    to = successor(old.genesis)
    told = handover(old, to, 8, ledger=Ledger(charged=spent))
    new = handed_over(old.genesis, told, to).setting()
    assert most_charged(new) == allowed - spent
    assert not is_spent(new, Ledger(charged=allowed - spent - 1))
    assert is_spent(new, Ledger(charged=allowed - spent))
    begun = read_beginning(pack([old.genesis.encode(), told]), to)
    assert begun is not None and most_charged(begun[1].setting()) == allowed - spent


def test_what_is_spent_goes_along_where_nothing_is_promised_and_counts_where_it_is_again() -> None:
    allowed = most()
    first = Epoch(0, private(replace(PROMISE, rounds=allowed)))
    plain = {"aggregator": "rsa", "constants": group().constants, "privacy": None}
    to = signed(draft(first.genesis, changes(values=plain)))
    bare = handed_over(first.genesis, handover(first, to, 5, ledger=Ledger(charged=5)), to)
    assert most_charged(bare.setting()) is None
    again = {name: getattr(first.genesis, name) for name in plain}
    back = signed(draft(to, changes(9, 12, values=again)))
    last = handed_over(to, handover(bare, back, 9, ledger=Ledger(charged=3)), back)
    assert most_charged(last.setting()) == allowed - 5

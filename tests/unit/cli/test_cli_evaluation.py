"""What a new group counts: stated rows, sites that are too small, and sums that fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from peerd.cli.evaluation import evaluation_for, stated_rows
from peerd.errors import ConfigError
from peerd.group import Genesis, new_genesis
from peerd.identity import Identity
from peerd.learning.trained import Found
from peerd.runner.resume import setting_of

MEMBERS = sorted((Identity(bytes([n]) * 32) for n in range(4)), key=lambda each: each.public)
ROSTER = [each.public for each in MEMBERS]
FOUND = Found(360, True, 10)


def genesis(aggregator: str = "rsa", **changes: Any) -> Genesis:
    from fractions import Fraction

    from protocols.aggregation import aggregator as rule_of

    return new_genesis(
        name="g",
        task="peerd.tasks.digits:Digits",
        task_options={},
        roster=ROSTER,
        aggregator=aggregator,
        constants=rule_of(aggregator, {}).constants(),
        adversary=Fraction(1, 4),
        dropout=Fraction(0),
        absent=None,
        delta_ms=1000,
        bandwidth_bytes_per_second=1_000_000,
        training_seconds=18,
        parameters=650,
        first_model=bytes(32),
        **changes,
    )


def counted(found: Found | None, rows: list[int] | None, **changes: Any) -> tuple[Any, list[str]]:
    said: list[str] = []
    stated = None if rows is None else dict(zip(ROSTER, rows, strict=True))
    return evaluation_for(genesis(**changes), found, stated, said.append), said


def test_all_count_what_is_held_out_here_unless_they_say_otherwise() -> None:
    found, said = counted(FOUND, None)
    assert (found.rows, found.classes, found.accuracy) == ((360,) * 4, 10, True)
    assert found.loss_bits == 8 and not said
    found, said = counted(FOUND, [50, 70, 360, 100])
    assert found.rows == (50, 70, 360, 100) and not said


def test_a_site_of_forty_rows_stays_out_and_it_is_said() -> None:
    found, said = counted(FOUND, [40, 70, 0, 100])
    assert found.rows == (0, 70, 0, 100)
    assert said == ["1 members hold out fewer than 50 rows: they evaluate nothing"]
    found, said = counted(FOUND, [40, 49, 0, 1])
    assert found is None and said[-1].endswith("nobody holds out 50 rows")


@pytest.mark.parametrize("rows", [10_000, 1_000_000])
def test_rows_are_capped_so_that_updates_cost_no_more(rows: int) -> None:
    alone = setting_of(genesis()).field
    found, said = counted(FOUND, [rows] * 4)
    assert setting_of(replace(genesis(), evaluation=found)).field == alone
    assert 50 <= max(found.rows) < rows
    assert f"at most {max(found.rows)} held-out rows" in said[0]


def test_a_rule_with_a_wide_field_counts_all_rows() -> None:
    found, said = counted(FOUND, [1_000_000] * 4, aggregator="weighted-mean")
    assert max(found.rows) == 1_000_000 and not said


def test_many_classes_are_left_out_where_few_rows_would_be_left() -> None:
    found, _ = counted(replace(FOUND, classes=256), [300] * 4)
    assert found is not None
    assert setting_of(replace(genesis(), evaluation=found)).field == setting_of(genesis()).field


def test_what_can_not_be_right_is_counted_by_its_loss() -> None:
    found, _ = counted(Found(100, False, 0), None)
    assert (found.accuracy, found.classes, found.loss_bits) == (False, 0, 8)


@pytest.mark.parametrize("found", [None, Found(0, False, 0)])
def test_a_task_whose_rows_can_not_be_counted_has_no_evaluation(found: Found | None) -> None:
    assert counted(found, None) == (
        None,
        ["the group has no evaluation of its own: the task's held-out rows can't be counted here"],
    )


def test_rows_are_stated_for_all_or_one_by_one() -> None:
    ids = [each.peer_id for each in MEMBERS]
    assert stated_rows(None, ROSTER) is None
    assert stated_rows(["70"], ROSTER) == dict.fromkeys(ROSTER, 70)
    words = [f"{peer}={n}" for n, peer in enumerate(ids)]
    assert stated_rows(words, ROSTER) == dict(zip(ROSTER, range(4), strict=True))
    for wrong, why in [
        (words[:3], "says nothing of 1 of 4"),
        ([*words[:3], ids[3]], "without its rows"),
        ([*words[:3], f"{ids[3]}=-1"], "must be a whole number"),
        ([*words[:3], f"{ids[3]}=x"], "must be a whole number"),
        ([*words, f"{ids[3]}=4"], "named twice"),
        ([*words, f"{Identity(b's' * 32).peer_id}=4"], "not among --members"),
        (["99999999999"], "at most"),
    ]:
        with pytest.raises(ConfigError, match=why) as told:
            stated_rows(wrong, ROSTER)
        assert "--held-out-rows" in str(told.value)

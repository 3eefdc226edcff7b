"""A rule in one file (configs/aggregators/buckets.py), by nothing but its name; what files say."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerd.errors import GroupError
from peerd.group.rule import rule_of
from peerd.laboratory.experiments.baseline import baseline
from protocols.aggregation import AGGREGATORS, AggregationError, Aggregator, aggregate, aggregator
from protocols.field import P16

ROOT = Path(__file__).resolve().parents[3]
CONFIGS = ROOT / "configs" / "aggregators"
NAME = "buckets:Buckets"


@pytest.fixture(scope="module")
def buckets() -> Iterator[Aggregator]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(CONFIGS))
        importlib.invalidate_caches()
        yield aggregator(NAME, {})


def test_the_document_shows_the_file_that_is_tested() -> None:
    shown = (ROOT / "docs" / "aggregators.md").read_text()
    assert (CONFIGS / "buckets.py").read_text() in shown


@given(seed=st.integers(0, 2**32 - 1), parameters=st.integers(1, 30))
@settings(max_examples=50)
def test_definition_1(buckets: Aggregator, seed: int, parameters: int) -> None:
    random = np.random.default_rng(seed)
    model = random.standard_normal(parameters).astype(np.float32)
    relation = buckets.relation(parameters)
    for point in (
        random.integers(0, 2, 2 * parameters),
        np.zeros(2 * parameters, dtype=np.int64),
        np.ones(2 * parameters, dtype=np.int64),
    ):
        assert relation.violations(P16.p, point) == []
        assert np.array_equal(buckets.encode(model, buckets.preimage(model, point)), point)


def test_votes_are_three_one_and_their_opposites(buckets: Aggregator) -> None:
    model = np.zeros(4, dtype=np.float32)
    update = np.array([0.5, 0.005, -0.005, -0.5], dtype=np.float32)
    moved = aggregate(buckets, model, [update], 0)
    assert moved == pytest.approx(np.array([0.03, 0.01, -0.01, -0.03]), rel=1e-6)
    both = aggregate(buckets, model, [update, -update], 0)
    assert not both.any()


def test_it_learns_digits_among_liars(buckets: Aggregator) -> None:
    accuracy = baseline(NAME, "digits", {}, peers=8, liars=2, attack="sign-flip", rounds=10, seed=1)
    assert accuracy[-1] >= 0.9


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("plain", "there is no aggregator 'plain'; there is centered-clipping, "),
        ("nowhere.at_all:Rule", "no module 'nowhere'"),
        ("json:Rule", "module json has no factory Rule"),
        ("json:__doc__", "has no factory"),
        ("a b:c", "there is no aggregator"),
        (":c", "there is no aggregator"),
    ],
)
def test_a_rule_that_cannot_be_found_is_one_line(name: str, says: str) -> None:
    with pytest.raises(AggregationError, match=says):
        aggregator(name, {})
    with pytest.raises(GroupError, match=says):
        rule_of(name, {})


def test_a_module_that_misses_another_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_a_rule.py").write_text("import not_there_at_all\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere", *__import__("sys").path])
    with pytest.raises(GroupError, match="'not_there_at_all', which it imports"):
        rule_of("half_a_rule:Rule", {})


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_configurations_state_the_defaults(path: Path, buckets: Aggregator) -> None:
    document = tomllib.loads(path.read_text())
    rule = aggregator(document["aggregator"], {})
    assert rule.constants() == document["constants"]


def test_every_rule_has_a_configuration() -> None:
    assert {path.stem for path in CONFIGS.glob("*.toml")} == {*AGGREGATORS, "buckets"}

"""Each number of an evaluation against scikit-learn's or a plain count; intervals by trial."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from sklearn import metrics

from peerd.evaluation.classification import classification
from peerd.evaluation.intervals import wilson
from peerd.evaluation.ranking import area
from peerd.evaluation.regression import regression
from peerd.evaluation.summary import summary

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/evaluation.json").read_text())
SEEDS = range(30)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Targets and probabilities: few rows or many, with ties, and now and then a missing class."""
    draw = np.random.default_rng(seed)
    classes, rows = int(draw.integers(2, 6)), int(draw.choice([1, 2, 3, 10, 200]))
    present = draw.choice(classes, int(draw.integers(1, classes + 1)), replace=False)
    targets = draw.choice(present, rows)
    scores = draw.random((rows, classes)) + 0.5 * np.eye(classes)[targets]
    if seed % 2:
        scores = np.round(scores, 1) + 0.1  # ties
    return targets, scores / scores.sum(axis=1, keepdims=True), [f"c{n}" for n in range(classes)]


@pytest.mark.parametrize("seed", SEEDS)
def test_counts_are_those_of_scikit_learn(seed: int) -> None:
    targets, probabilities, names = drawn(seed)
    found = classification(targets, probabilities, names)
    predicted, labels = probabilities.argmax(axis=1), range(len(names))
    assert found["accuracy"] == metrics.accuracy_score(targets, predicted)
    wanted = metrics.confusion_matrix(targets, predicted, labels=labels)
    assert found["confusion"] == wanted.tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = metrics.precision_recall_fscore_support(
            targets, predicted, labels=labels, zero_division=np.nan
        )
    for each, *values in zip(names, *scores, strict=True):
        numbers = found["per_class"][each]
        for name, value in zip(("precision", "recall", "f1", "support"), values, strict=True):
            assert numbers[name] == (None if math.isnan(value) else pytest.approx(value))
            interval = numbers["intervals"].get(name)
            if interval is not None and name != "f1":
                assert 0 <= interval[0] <= numbers[name] <= interval[1] <= 1


@pytest.mark.parametrize("seed", SEEDS)
def test_auc_and_brier_are_those_of_scikit_learn(seed: int) -> None:
    targets, probabilities, names = drawn(seed)
    found = classification(targets, probabilities, names)
    areas = [
        metrics.roc_auc_score(targets == each, probabilities[:, each])
        if 0 < (targets == each).sum() < len(targets)
        else None
        for each in range(len(names))
    ]
    assert [found["per_class"][name]["auc"] for name in names] == [
        None if each is None else pytest.approx(each) for each in areas
    ]
    known = [each for each in areas if each is not None]
    assert found["auc"] == (pytest.approx(np.mean(known)) if known else None)
    if found["intervals"]["auc"] is not None:
        low, high = found["intervals"]["auc"]
        assert 0 <= low <= found["auc"] <= high <= 1
    labels = list(range(len(names)))
    given = probabilities[:, 1] if len(names) == 2 else probabilities
    if len(names) > 2:
        wanted = metrics.brier_score_loss(targets, given, labels=labels)
    else:
        wanted = metrics.brier_score_loss(targets, given, pos_label=1)
    assert found["brier"] == pytest.approx(wanted)


@pytest.mark.parametrize("seed", SEEDS)
def test_calibration_is_what_a_plain_count_gives(seed: int) -> None:
    targets, probabilities, names = drawn(seed)
    found = classification(targets, probabilities, names)["calibration"]
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
    error = 0.0
    for each in found["bins"]:
        inside = [n for n in range(len(sure)) if each["low"] < sure[n] <= each["high"]]
        assert each["rows"] == len(inside)
        if inside:
            assert each["confidence"] == pytest.approx(sure[inside].mean())
            assert each["accuracy"] == pytest.approx(right[inside].mean())
            error += len(inside) / len(sure) * abs(sure[inside].mean() - right[inside].mean())
    assert found["error"] == pytest.approx(error)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_regression_is_what_scikit_learn_says(seed: int) -> None:
    draw = np.random.default_rng(seed)
    rows = int(draw.choice([1, 2, 3, 50, 500]))
    targets = draw.normal(5, 3, rows) if seed % 3 else np.full(rows, 2.5)
    values = targets + draw.normal(0, 1, rows)
    found = regression(targets, values)
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(targets, values))
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(targets, values))
    defined = rows > 1 and bool(seed % 3)
    assert found["r2"] == (pytest.approx(metrics.r2_score(targets, values)) if defined else None)
    for name in ("rmse", "mae", "r2"):
        interval = found["intervals"][name]
        assert (interval is None) == (rows == 1 or found[name] is None)
        if interval is not None:
            assert interval[0] <= found[name] <= interval[1]


def test_wilson_is_the_textbooks() -> None:
    """Newcombe 1998, table I."""
    for successes, trials, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson(successes, trials) == (
            pytest.approx(low, abs=5e-5),
            pytest.approx(high, abs=5e-5),
        )
    assert wilson(20, 20) == (pytest.approx(1 - 0.1611, abs=5e-5), 1.0)
    assert wilson(0, 0) is None


def test_delongs_variance_is_the_one_of_its_definition() -> None:
    draw = np.random.default_rng(1)
    scores, positive = np.round(draw.normal(size=40), 1), draw.random(40) < 0.4
    high, low = scores[positive], scores[~positive]
    psi = (high[:, None] > low).astype(float) + 0.5 * (high[:, None] == low)
    wanted = psi.mean(axis=1).var(ddof=1) / len(high) + psi.mean(axis=0).var(ddof=1) / len(low)
    assert area(scores, positive).variance == pytest.approx(wanted)


def covered(trials: int, once: Any) -> float:
    """How often the interval of ``once`` holds its truth."""
    hits = 0
    for seed in range(trials):
        truth, interval = once(np.random.default_rng(seed))
        hits += interval is not None and interval[0] <= truth <= interval[1]
    return hits / trials


def classes_once(draw: np.random.Generator) -> Any:
    """Three classes, scores of which are normal with a known overlap; the truth by many rows."""
    targets = draw.integers(0, 3, 300)
    scores = draw.normal(size=(300, 3)) + 1.2 * np.eye(3)[targets]
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return classification(targets, shares, ["a", "b", "c"])


@pytest.mark.parametrize("name", ["accuracy", "auc", "brier"])
def test_intervals_hold_the_truth_as_often_as_they_say(name: str) -> None:
    many = [classes_once(np.random.default_rng(seed + 10_000))[name] for seed in range(100)]
    truth = float(np.mean(many))

    def once(draw: np.random.Generator) -> Any:
        return truth, classes_once(draw)["intervals"][name]

    assert 0.9 < covered(300, once) <= 0.99


@pytest.mark.parametrize("name", ["rmse", "mae", "r2"])
def test_intervals_of_a_regression_do_too(name: str) -> None:
    truth = {"rmse": 1.0, "mae": math.sqrt(2 / math.pi), "r2": 0.8}[name]

    def once(draw: np.random.Generator) -> Any:
        values = draw.normal(0, 2, 300)
        found = regression(values + draw.normal(0, 1, 300), values)
        return truth, found["intervals"][name]

    assert 0.9 < covered(300, once) <= 0.99


def test_the_bootstrap_of_f1_is_that_of_the_rows() -> None:
    draw = np.random.default_rng(2)
    targets = draw.integers(0, 2, 150)
    scores = np.where(draw.random(150) < 0.8, targets, 1 - targets)
    shares = np.eye(2)[scores] * 0.8 + 0.1
    found = classification(targets, shares, ["a", "b"])["per_class"]["b"]["intervals"]["f1"]
    again = []
    for _ in range(2000):
        rows = draw.integers(0, 150, 150)
        again.append(metrics.f1_score(targets[rows], scores[rows]))
    assert found == pytest.approx(np.percentile(again, [2.5, 97.5]), abs=0.01)


# -- documents -----------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_each_document_fits_its_schema_and_holds_no_nan(seed: int, values: bool) -> None:
    targets, probabilities, names = drawn(seed)
    if values:
        numbers = np.where(np.arange(len(targets)) == 1, np.nan, targets.astype(float))
        found = summary(None, numbers, probabilities[:, 0])
        assert found["accuracy"] is found["auc"] is found["per_class"] is None
    else:
        found = summary(
            names, np.append(targets, -100), np.vstack([probabilities, probabilities[:1]])
        )
        assert found["unlabelled"] == 1 and found["rmse"] is found["r2"] is None
    document = json.loads(json.dumps(found, allow_nan=False))
    assert not list(Draft202012Validator(SCHEMA).iter_errors(document))


def test_what_is_beyond_a_floats_range_is_none() -> None:
    found = summary(None, np.array([1e308, -1e308]), np.array([-1e308, 1e308]))
    assert found["rmse"] is found["mae"] is found["r2"] is None
    json.dumps(found, allow_nan=False)
    found = summary(None, np.array([1e200, -1e200, 0.0]), np.array([1e200, -1e200, 1e199]))
    assert found["rmse"] == pytest.approx(1e199 / math.sqrt(3)) and found["r2"] > 0.9
    with pytest.raises(ValueError, match="no row has a label"):
        summary(["a", "b"], np.array([-100]), np.array([[0.5, 0.5]]))

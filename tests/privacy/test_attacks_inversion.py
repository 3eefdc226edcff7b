"""Gradient inversion: succeeds in the clear and on a planted leak, at chance on t seats' view."""

from __future__ import annotations

import numpy as np
import pytest

from peerd.laboratory.experiments.privacy.dealt import DEALT, Tells
from peerd.laboratory.experiments.privacy.gradients import (
    PEERS,
    PLAN,
    Setting,
    estimate,
    measure,
    plain,
    secured,
    view_of,
)
from peerd.laboratory.experiments.privacy.inversion import Inversion, analytic, label_of
from peerd.laboratory.experiments.privacy.likeness import (
    Estimate,
    auc,
    bootstrap,
    cosine,
    proportion,
    psnr,
    ssim,
    tpr_at,
)
from peerd.laboratory.experiments.privacy.victims import Victims, quantised, restored
from peerd.laboratory.experiments.privacy.view import dealing_of
from protocols.aggregation.clear_sum import opened_part
from protocols.proof import Verdict, check

VICTIMS = Victims(hidden=16, steps=100)
"""In 100 steps iDLG finds what there is to find: a likeness above 0.97 on plain updates."""
COUNT = 16
ROWS = VICTIMS.draw(COUNT, 3)
Row = dict[str, dict[str, float]]
TRUSTED = ROWS[[bool(DEALT["fltrust"].values(VICTIMS, [int(row)]).any()) for row in ROWS[:, 0]]]
"""Cohorts whose first peer does not disagree with FLTrust's root: such a peer deals zeros."""


def attack(row: dict[str, object], name: str) -> Row:
    attacks = row["attacks"]
    assert isinstance(attacks, list)
    found: Row = next(each for each in attacks if each["method"] == name)
    return found


@pytest.mark.parametrize("rule", [name for name in DEALT if name != "rsa"])
def test_a_plain_update_gives_image_and_label(rule: str) -> None:
    row = plain(VICTIMS, rule, ROWS)
    for method in ("analytic", "idlg"):
        found = attack(row, method)
        assert found["identified"]["mean"] > 0.95
        assert found["likeness"]["mean"] > 0.9
    assert attack(row, "analytic")["ssim"]["mean"] > 0.9
    assert row["label"] == proportion(COUNT, COUNT).document()


def test_plain_bits_give_the_label_and_something_like_the_image() -> None:
    row = plain(VICTIMS, "rsa", ROWS)
    assert attack(row, "analytic")["identified"]["mean"] > 0.95
    assert attack(row, "analytic")["likeness"]["mean"] > 0.5
    assert row["label"] == proportion(COUNT, COUNT).document()


@pytest.mark.parametrize("rule", DEALT)
def test_t_seats_give_neither(rule: str) -> None:
    row = secured(VICTIMS, Setting(rule, 1, PLAN.threshold, opened=False), ROWS, "closed")
    assert row["at_chance"] is True
    assert row["rests_on"] == "noise"


@pytest.mark.parametrize("rule", [name for name in DEALT if DEALT[name].bits])
def test_one_seat_too_many_gives_bits(rule: str) -> None:
    """The control of the test above: the same code with a leak in it."""
    row = secured(VICTIMS, Setting(rule, 1, PLAN.threshold + 1, opened=False), ROWS, "leak")
    assert row["at_chance"] is False
    assert row["rests_on"] == "shares"
    assert attack(row, "analytic")["identified"]["mean"] > 0.9


@pytest.mark.parametrize("rule", [name for name in DEALT if not DEALT[name].bits])
def test_t_plus_k_seats_give_numbers_and_one_fewer_gives_none(rule: str) -> None:
    seats = PLAN.threshold + PLAN.packing
    assert len(TRUSTED) > COUNT / 2
    row = secured(VICTIMS, Setting(rule, 1, seats, opened=False), TRUSTED, "leak")
    assert row["rests_on"] == "shares"
    assert attack(row, "analytic")["identified"]["mean"] > 0.95
    view = view_of(VICTIMS, Setting(rule, 1, seats - 1, opened=False), TRUSTED[0], 0)
    assert estimate(view, DEALT[rule])[1] == "noise"


@pytest.mark.parametrize("rule", DEALT)
def test_a_sum_is_read_as_the_mean_of_what_went_in(rule: str) -> None:
    """What the colluding dealers put in is taken out again, hidden segments and all."""
    dealt = DEALT[rule]
    view = view_of(VICTIMS, Setting(rule, 2, PLAN.threshold, opened=True), ROWS[0], 3)
    target, rests_on = estimate(view, dealt)
    assert rests_on == "sum"
    relation = dealt.shape(VICTIMS, PLAN, PEERS).relation
    went_in = [opened_part(relation, dealt.values(VICTIMS, [int(row)])) for row in ROWS[0, :2]]
    expected = dealt.target(np.mean(went_in, axis=0))
    assert expected.any()
    assert np.allclose(target, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rule", DEALT)
def test_what_is_attacked_is_what_a_committee_accepts(rule: str) -> None:
    """Else the attacks would be on something that is never sent."""
    dealt = DEALT[rule]
    shape = dealt.shape(VICTIMS, PLAN, PEERS)
    rng = np.random.default_rng(8)
    for values in (dealt.values(VICTIMS, [5]), dealt.noise(VICTIMS, rng)):
        assert shape.relation.violations(shape.field.p, values) == []
        context, dealing = dealing_of(shape, values, 1, 0)
        for seat in range(PLAN.committee):
            package = dealing.packages[seat]
            verdict = check(shape, seat, context, dealing.root, dealing.proof, package)
            assert verdict is Verdict.VALID


def test_dealt_values_are_read_as_the_gradient_that_their_rule_keeps() -> None:
    """Against the rules' own definitions, with a step of 0.1 times the gradient."""
    victim = [int(TRUSTED[0, 0])]
    gradient = VICTIMS.gradient(victim).astype(np.float64)
    length = np.linalg.norm(gradient)
    found = {}
    for rule, dealt in DEALT.items():
        relation = dealt.shape(VICTIMS, PLAN, PEERS).relation
        opened = opened_part(relation, dealt.values(VICTIMS, victim))
        found[rule] = dealt.target(opened.astype(np.float64))
    assert np.array_equal(found["rsa"][gradient != 0], np.sign(gradient)[gradient != 0])
    box, ball = np.clip(gradient, -0.2, 0.2), gradient * min(1, 5 / length)
    assert np.allclose(found["centered-clipping"], box, rtol=0, atol=0.4 / 255)
    assert np.allclose(found["centered-clipping-l2"], ball, rtol=0, atol=5 / 2**14)
    own = found["fltrust"]
    assert float(own @ gradient) / (length * np.linalg.norm(own)) > 0.99
    assert np.linalg.norm(own) < 1
    for rule in ("rsa", "centered-clipping", "centered-clipping-l2"):
        assert np.array_equal(found[rule], DEALT[rule].update(VICTIMS, victim))


def test_a_sum_of_two_is_weak_and_a_sum_of_three_is_weaker() -> None:
    """What the aggregate leaks is real, and the shares beside it add nothing."""
    found = []
    for honest in (2, 3):
        row = secured(VICTIMS, Setting("rsa", honest, PLAN.threshold, opened=True), ROWS, "open")
        assert row["rests_on"] == "sum"
        found.append(attack(row, "analytic")["likeness"]["mean"])
    alone = attack(plain(VICTIMS, "rsa", ROWS), "analytic")["likeness"]["mean"]
    assert alone > found[0] > found[1] > 0.05


def test_an_update_of_noise_identifies_nobody() -> None:
    """The measure itself: guesses that know nothing are at chance, guesses that know are not."""
    rng = np.random.default_rng(9)
    truths = VICTIMS.images[ROWS[:, :1]]
    blind = rng.standard_normal((COUNT, 1, 64))
    found = measure(VICTIMS, "blind", blind, truths, ROWS, rescale=True)
    assert found.identified_at_chance
    seeing = truths + 0.1 * blind
    assert not measure(VICTIMS, "seeing", seeing, truths, ROWS, rescale=False).identified_at_chance


def test_many_blind_guesses_are_no_better_than_one() -> None:
    """The best of ten guesses is held against unrelated images in the same way."""
    rng = np.random.default_rng(10)
    truths = VICTIMS.images[ROWS[:, :1]]
    found = measure(
        VICTIMS, "blind", rng.standard_normal((COUNT, 10, 64)), truths, ROWS, rescale=True
    )
    assert found.identified_at_chance


def test_the_same_seed_finds_the_same() -> None:
    short = Victims(hidden=16, steps=20)
    targets = np.stack([short.gradient([row]) for row in (3, 4)]).astype(np.float64)
    one, two = (Inversion(Tells.NUMBERS, seed=5).dlg(short, targets) for _ in range(2))
    other = Inversion(Tells.NUMBERS, seed=6).dlg(short, targets)
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_the_label_is_the_class_whose_gradient_is_least() -> None:
    rows = [int(np.flatnonzero(VICTIMS.labels == label)[0]) for label in range(10)]
    targets = np.stack([VICTIMS.gradient([row]) for row in rows]).astype(np.float64)
    assert label_of(targets).tolist() == list(range(10))
    image = analytic(VICTIMS, targets)[:, 0]
    assert np.allclose(image, VICTIMS.images[rows], atol=0.05)


def test_fixed_point_comes_back() -> None:
    gradient = np.array([-2, -1, -0.3, 0, 0.7, 1, 3], np.float32)
    back = restored(quantised(gradient, 1.0).astype(np.float64), 1.0)
    assert np.allclose(back, np.clip(gradient, -1, 1), atol=2**-15)


def test_similarity_has_its_known_values() -> None:
    images = VICTIMS.grey(VICTIMS.images[:5])
    assert np.allclose(ssim(images, images), 1)
    assert (ssim(images, 1 - images) < 0.5).all()
    assert np.allclose(psnr(images, np.clip(images, 0, 1) + 0.1), 20)
    assert np.allclose(cosine(images, 3 * images), 1)
    assert np.allclose(cosine(images, np.zeros_like(images)), 0)


def test_auc_and_rates_agree_with_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score, roc_curve

    rng = np.random.default_rng(11)
    members, others = rng.normal(1, 1, 300).round(1), rng.normal(0, 1, 500).round(1)
    truth = np.r_[np.ones(300), np.zeros(500)]
    scores = np.r_[members, others]
    assert auc(members, others) == pytest.approx(roc_auc_score(truth, scores))
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    assert tpr_at(members, others, 0.1) == pytest.approx(true[false <= 0.1].max())


def test_intervals_cover() -> None:
    """95 % intervals hold the truth in 90 % to 99 % of 300 samples."""
    rng = np.random.default_rng(12)
    held = sum(0.3 in proportion(int(rng.binomial(80, 0.3)), 80) for _ in range(300))
    assert 270 <= held <= 297
    held = sum(0.0 in bootstrap(rng.standard_normal(60), seed) for seed in range(300))
    assert 270 <= held <= 297
    assert proportion(0, 9).low == 0 and proportion(9, 9) == Estimate(1, proportion(9, 9).low, 1)

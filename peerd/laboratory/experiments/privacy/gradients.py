"""Experiment 1: gradient inversion on a plain update, and on what t seats see of a dealt one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from peerd.laboratory.experiments.privacy.dealt import Dealt, Tells
from peerd.laboratory.experiments.privacy.inference import interpolated, posterior, prior, residues
from peerd.laboratory.experiments.privacy.inversion import Inversion, analytic, label_of, to_scale
from peerd.laboratory.experiments.privacy.likeness import (
    Z_999,
    Estimate,
    bootstrap,
    cosine,
    proportion,
    psnr,
    ssim,
)
from peerd.laboratory.experiments.privacy.rows import ATTACKED
from peerd.laboratory.experiments.privacy.victims import Victims
from peerd.laboratory.experiments.privacy.view import View, watch
from protocols.plan import plan_group

Floats = npt.NDArray[np.float64]
Cohorts = npt.NDArray[np.int64]
PEERS, LIARS = 16, 3
PLAN = plan_group(PEERS, Fraction(LIARS, PEERS))
UNRELATED = 200
MAX_DUMMIES = 80
CLASS_CHANCE = 0.1
ROUNDING = 1e-9
"""Floats that count patterns differ by less when the shares say nothing."""


@dataclass(frozen=True)
class Setting:
    """``honest`` dealers in the cohort with ``samples`` images each; ``seats`` that liars hold."""

    rule: str
    honest: int
    seats: int
    opened: bool
    samples: int = 1


@dataclass(frozen=True)
class Measured:
    """One attack on all victims. ``likeness`` is the cosine about the mean image."""

    method: str
    likeness: Estimate
    unrelated: Estimate
    identified: Estimate
    psnr: Estimate
    ssim: Estimate
    identified_at_chance: bool

    def document(self) -> dict[str, object]:
        document: dict[str, object] = {"method": self.method}
        for name in ("likeness", "unrelated", "identified", "psnr", "ssim"):
            document[name] = getattr(self, name).document()
        return {**document, "at_chance": self.identified_at_chance}


def estimate(view: View, dealt: Dealt) -> tuple[Floats, str]:
    """The best guess at the first honest dealer's update (d,), and what it rests on."""
    solved = interpolated(view)
    if solved is not None:
        return dealt.target(solved.astype(np.float64)), "shares"
    if dealt.bits:
        after = posterior(view)
        if (after != 0.5).any():
            moved = not np.allclose(after, prior(view), rtol=0, atol=ROUNDING)
            return dealt.target(after), "shares" if moved else "sum"
    elif view.opened is not None:
        return dealt.target(prior(view)), "sum"
    low, high = dealt.span
    return dealt.target(low + (high - low) / 2 * (residues(view) + 1)), "noise"


def view_of(victims: Victims, setting: Setting, cohort: Cohorts, turn: int) -> View:
    """The round in which the cohort's peers deal; seats are the adversary's at random."""
    dealt = ATTACKED[setting.rule]
    rows = cohort.reshape(-1)[: setting.honest * setting.samples].reshape(setting.honest, -1)
    shape = dealt.shape(victims, PLAN, PEERS)
    honest = [dealt.values(victims, row.tolist()) for row in rows]
    rng = np.random.default_rng([victims.seed, 3, turn])
    own = [dealt.noise(victims, rng) for _ in range(LIARS if setting.opened else 0)]
    seats = rng.choice(shape.plan.committee, setting.seats, replace=False).tolist()
    return watch(shape, honest, seats, seed=turn, opened=setting.opened, colluding=own)


def plain(victims: Victims, rule: str, cohorts: Cohorts, samples: int = 1) -> dict[str, object]:
    """The control: the same attacks on the victim's update in the clear."""
    rows = cohorts[:, :samples]
    targets = np.stack([ATTACKED[rule].update(victims, row.tolist()) for row in rows])
    title = {"rule": rule, "case": "plain update", "honest": 1, "samples": samples}
    return {**title, **_attacked(victims, rule, targets, cohorts, samples, samples)}


def secured(victims: Victims, setting: Setting, cohorts: Cohorts, case: str) -> dict[str, object]:
    """The attacks on what liars in ``setting.seats`` seats know of each cohort's first peer."""
    found = [
        estimate(view_of(victims, setting, cohort, turn), ATTACKED[setting.rule])
        for turn, cohort in enumerate(cohorts)
    ]
    targets = np.stack([target for target, _ in found])
    sources = sorted({source for _, source in found})
    all_images = setting.honest * setting.samples
    dummies = min(all_images, MAX_DUMMIES) if sources == ["sum"] else 1
    title = {"rule": setting.rule, "case": case, "honest": setting.honest}
    about = {"samples": setting.samples, "seats": setting.seats, "rests_on": "/".join(sources)}
    attacked = _attacked(victims, setting.rule, targets, cohorts, setting.samples, dummies)
    return {**title, **about, **attacked}


def _attacked(
    victims: Victims, rule: str, targets: Floats, cohorts: Cohorts, samples: int, dummies: int
) -> dict[str, object]:
    tells = ATTACKED[rule].tells
    one, many = Inversion(tells), Inversion(tells, dummies)
    attacks: dict[str, Callable[[], Floats]] = {
        "analytic": lambda: analytic(victims, targets),
        "dlg": lambda: many.dlg(victims, targets),
    }
    if dummies == 1:
        attacks["idlg"] = lambda: one.idlg(victims, targets)
    truths = victims.images[cohorts[:, :samples]]
    measured = [
        measure(victims, name, attack(), truths, cohorts, rescale=tells is Tells.SIGNS)
        for name, attack in attacks.items()
    ]
    labels = label_of(targets)
    right = int((labels == victims.labels[cohorts[:, 0]]).sum())
    label = proportion(right, len(labels))
    return {
        "attacks": [each.document() for each in measured],
        "label": label.document(),
        "at_chance": all(each.identified_at_chance for each in measured)
        and abs(label.mean - CLASS_CHANCE)
        <= Z_999 * math.sqrt(CLASS_CHANCE * (1 - CLASS_CHANCE) / len(labels)),
    }


def measure(
    victims: Victims,
    method: str,
    guesses: Floats,
    truths: Floats,
    cohorts: Cohorts,
    *,
    rescale: bool,
) -> Measured:
    """Guesses (V, g, 64) held against the victim's images (V, s, 64) and unrelated ones.

    The likeness of an image is that of the guess that is most like it, for true and for unrelated
    images: ``identified`` is the chance that a true one is more like than an unrelated one, 0.5
    when the guesses know nothing.
    """
    guesses = to_scale(victims, guesses) if rescale else guesses
    others = np.stack([victims.unrelated(c, UNRELATED, turn) for turn, c in enumerate(cohorts)])
    like = cosine(guesses[:, None], truths[:, :, None])
    hit, chance = like.max(axis=2), cosine(guesses[:, None], others[:, :, None]).max(axis=2)
    above = (hit[:, :, None] > chance[:, None]) + 0.5 * (hit[:, :, None] == chance[:, None])
    each = above.mean(axis=(1, 2))
    best = np.take_along_axis(guesses, like[:, 0].argmax(axis=1)[:, None, None], axis=1)[:, 0]
    shown, truth = victims.grey(best), victims.grey(truths[:, 0])
    error = max(each.std(ddof=1), 1e-12) / np.sqrt(len(each))
    return Measured(
        method,
        bootstrap(hit.mean(axis=1)),
        bootstrap(chance.mean(axis=1)),
        bootstrap(each),
        bootstrap(psnr(shown, truth)),
        bootstrap(ssim(shown, truth)),
        bool(abs(each.mean() - 0.5) <= Z_999 * error),
    )

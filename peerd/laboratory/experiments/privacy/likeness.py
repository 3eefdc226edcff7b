"""How like a reconstruction is to the truth, against what chance gives, with intervals."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
SIDE = 8
WINDOW = 7
# SSIM's constants for a range of 1 (Wang et al. 2004).
C1, C2 = 0.01**2, 0.03**2
RESAMPLES = 2000
Z_999 = 3.29
"""Standard deviations: "beyond chance" is said wrongly of one sound case in a thousand."""


@dataclass(frozen=True)
class Estimate:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float

    def document(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in asdict(self).items()}

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def bootstrap(values: Floats, seed: int = 0) -> Estimate:
    """The mean of ``values`` (n,) with the percentile bootstrap's interval over the n."""
    rng = np.random.default_rng(seed)
    means = values[rng.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(float(values.mean()), float(low), float(high))


def proportion(hits: int, trials: int) -> Estimate:
    """A share with Wilson's score interval."""
    z, share = 1.96, hits / trials
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / scale
    # at 0 and at 1 the interval ends there; rounding must not put it beyond
    low, high = float(centre - half), float(centre + half)
    return Estimate(share, max(0.0, min(share, low)), min(1.0, max(share, high)))


def cosine(guesses: Floats, truths: Floats) -> Floats:
    """Cosine of the angle, over the last axis; 0 for a vector of zeros."""
    norms = np.linalg.norm(guesses, axis=-1) * np.linalg.norm(truths, axis=-1)
    products = (guesses * truths).sum(axis=-1)
    result: Floats = np.divide(products, norms, out=np.zeros_like(products), where=norms > 0)
    return result


def psnr(guesses: Floats, truths: Floats) -> Floats:
    """Peak signal to noise in dB of images (…, pixels) in 0…1; 100 at most."""
    error = ((guesses - truths) ** 2).mean(axis=-1)
    result: Floats = -10 * np.log10(np.maximum(error, 1e-10))
    return result


def ssim(guesses: Floats, truths: Floats) -> Floats:
    """Structural similarity (Wang et al. 2004) of 8 × 8 images (…, 64) in 0…1: 7 × 7 windows."""
    one, two = _windows(guesses), _windows(truths)
    mean_1, mean_2 = one.mean(axis=-1), two.mean(axis=-1)
    count = WINDOW * WINDOW
    unbiased = count / (count - 1)
    var_1, var_2 = one.var(axis=-1) * unbiased, two.var(axis=-1) * unbiased
    joint = ((one * two).mean(axis=-1) - mean_1 * mean_2) * unbiased
    numerator = (2 * mean_1 * mean_2 + C1) * (2 * joint + C2)
    result: Floats = (numerator / ((mean_1**2 + mean_2**2 + C1) * (var_1 + var_2 + C2))).mean(-1)
    return result


def _windows(images: Floats) -> Floats:
    square = images.reshape(*images.shape[:-1], SIDE, SIDE)
    view = np.lib.stride_tricks.sliding_window_view(square, (WINDOW, WINDOW), axis=(-2, -1))
    shaped: Floats = view.reshape(*view.shape[:-4], -1, WINDOW * WINDOW)
    return shaped


def auc(members: Floats, others: Floats) -> float:
    """P(a member's score > another's) + P(equal)/2: the area under the ROC curve (Mann–Whitney)."""
    ranked = np.sort(others)
    below = np.searchsorted(ranked, members, "left")
    upto = np.searchsorted(ranked, members, "right")
    return float((below + upto).mean() / (2 * len(others)))


def tpr_at(members: Floats, others: Floats, rate: float) -> float:
    """Share of the members above the threshold that at most ``rate`` of the others exceed."""
    allowed = int(np.floor(rate * len(others)))
    threshold = np.sort(others)[::-1][min(allowed, len(others) - 1)]
    return float((members > threshold).mean())

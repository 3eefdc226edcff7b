"""Writes tests/vectors/opendp.json: what OpenDP draws of the discrete Gaussian, and its ε.

OpenDP is 47 MB that no other test needs. ``pip install opendp==0.16.0 numpy``, and
``python tests/unit/privacy/opendp_oracle.py``: other draws each time, as OpenDP takes no seed.
"""

from __future__ import annotations

import json
from pathlib import Path

VECTORS = Path(__file__).resolve().parents[2] / "vectors/opendp.json"
VARIANCES = (400, 10**6, 1 << 24)
DRAWS = 200_000
BINS = 40
"""Of a tenth of a deviation each, from −2 to 2; what is beyond has two of its own."""
CASES = ((100, 1, 1, "0.000001"), (1600, 1, 20, "0.000001"), (10**6, 900, 50, "0.0000001"))
"""Variance, squared norm, rounds, delta."""


def main() -> None:
    import numpy as np
    import opendp.prelude as dp

    dp.enable_features("contrib", "honest-but-curious")

    def gaussian(scale: float) -> dp.Measurement:
        domain = dp.vector_domain(dp.atom_domain(T=int))
        return dp.m.make_gaussian(domain, dp.l2_distance(T=float), scale)

    counts = {}
    for variance in VARIANCES:
        values = np.array(gaussian(variance**0.5)([0] * DRAWS))
        cuts = [-np.inf, *(variance**0.5 * np.arange(-BINS // 2, BINS // 2 + 1) / 10), np.inf]
        counts[str(variance)] = np.histogram(values, cuts)[0].tolist()
    epsilons = []
    for variance, squared_norm, rounds, delta in CASES:
        together = dp.c.make_composition([gaussian(variance**0.5)] * rounds)
        curve = dp.c.make_zCDP_to_approxDP(together)
        epsilon, _ = dp.c.make_fix_delta(curve, float(delta)).map(squared_norm**0.5)
        epsilons.append([str(variance), squared_norm, rounds, delta, epsilon])
    found = {"counts": counts, "epsilons": epsilons}
    VECTORS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Writes tests/vectors/gaussian_privacy.json: what dp-accounting says of the sampled Gaussian.

dp-accounting asks for older packages than the rest of the tests, so that it needs an environment
of its own: ``pip install dp-accounting==0.6.0``, and there
``python tests/unit/privacy/gaussian_oracle.py``. The orders are ours (``ORDERS``).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "tests/vectors/gaussian_privacy.json"
CASES = (
    (1.0, 0.01, 100, 1e-6),
    (1.0, 0.01, 1000, 1e-6),
    (0.7, 0.05, 200, 1e-5),
    (2.0, 0.1, 300, 1e-6),
    (1.2, 0.001, 10_000, 1e-7),
    (4.0, 0.5, 50, 1e-6),
    (6.0, 1.0, 20, 1e-6),
    (20.0, 1.0, 100, 1e-5),
    (1.0, 1.0, 1, 1e-6),
    (10.0, 0.02, 5000, 1e-8),
)


def main() -> None:
    import dp_accounting
    from dp_accounting.rdp import RdpAccountant

    sys.path.append(str(ROOT))
    from protocols.privacy import ORDERS

    found = []
    for noise, rate, rounds, delta in CASES:
        accountant = RdpAccountant(orders=ORDERS)
        event = dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(noise))
        accountant.compose(event, rounds)
        epsilon = accountant.get_epsilon(delta)
        found.append([str(noise), str(rate), rounds, f"{delta:.10f}".rstrip("0"), epsilon])
    VECTORS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

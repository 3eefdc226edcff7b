"""The server: FedAvg over all clients, under SecAgg+ or not. It evaluates nothing."""

from __future__ import annotations

import os

import numpy as np
from flwr.common import Context, NDArrays, Scalar, ndarrays_to_parameters
from flwr.server import Driver, LegacyContext, ServerApp, ServerConfig
from flwr.server.strategy import FedAvg
from flwr.server.workflow import DefaultWorkflow, SecAggPlusWorkflow

from sized.account import cpu_seconds, note

SHARES, THRESHOLD = 3, 2
"""Of SecAgg+, as in Flower's own example: the fewest that it takes."""
Evaluated = tuple[float, dict[str, Scalar]]

app = ServerApp()


class Over:
    """Called after each round, and once before the first."""

    def __init__(self) -> None:
        self.last: np.ndarray | None = None

    def __call__(self, round_: int, model: NDArrays, config: dict[str, Scalar]) -> Evaluated:
        if self.last is not None and np.array_equal(self.last, model[0]):
            raise RuntimeError(f"round {round_} aggregated nothing")
        self.last = model[0].copy()
        spent = cpu_seconds(os.environ["BASELINE_SUPERLINK"])
        note("server", superlink_cpu_seconds=spent)
        return 0.0, {}


@app.main()
def main(driver: Driver, context: Context) -> None:
    """As many rounds as BASELINE_ROUNDS says."""
    clients, parameters, rounds = (
        int(os.environ[f"BASELINE_{name}"]) for name in ("CLIENTS", "PARAMETERS", "ROUNDS")
    )
    strategy = FedAvg(
        fraction_fit=1.0,
        fraction_evaluate=0.0,
        min_fit_clients=clients,
        min_available_clients=clients,
        initial_parameters=ndarrays_to_parameters([np.zeros((1, parameters), np.float32)]),
        evaluate_fn=Over(),
    )
    legacy = LegacyContext(context, ServerConfig(num_rounds=rounds), strategy)
    secure = os.environ["BASELINE_SECURE"] == "1"
    DefaultWorkflow(SecAggPlusWorkflow(SHARES, THRESHOLD) if secure else None)(driver, legacy)

"""A client: the rows, the model and the steps of a peer in ``peerd bench round``."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import torch
from flwr.client import Client, ClientApp, NumPyClient
from flwr.client.mod import secaggplus_mod
from flwr.common import Context

from sized.account import note

ROWS, MOST_NUMBERS, STEPS, RATE = 64, 16_000_000, 2, 0.1
Arrays = list[np.ndarray]
Fitted = tuple[Arrays, int, dict[str, float]]


class Sized(NumPyClient):
    """Of one peer."""

    def __init__(self, index: int, parameters: int) -> None:
        rows = max(1, min(ROWS, MOST_NUMBERS // parameters))
        generator = torch.Generator().manual_seed(1 + index)
        self.index = index
        self.inputs = torch.randn((rows, parameters), generator=generator) / parameters**0.5
        self.targets = torch.randn((rows, 1), generator=generator)
        self.model = torch.nn.Linear(parameters, 1, bias=False)

    def fit(self, parameters: Arrays, config: dict[str, float]) -> Fitted:
        """Steps of all rows from the server's model."""
        note(f"client-{self.index}")
        weight = self.model.weight
        with torch.no_grad():
            weight.copy_(torch.from_numpy(parameters[0]))
        for _ in range(STEPS):
            loss = torch.nn.functional.mse_loss(self.model(self.inputs), self.targets)
            (gradient,) = torch.autograd.grad(loss, [weight])
            with torch.no_grad():
                weight.sub_(gradient, alpha=RATE)
        return [weight.detach().numpy().copy()], 1, {}


@cache
def sized(index: int, parameters: int) -> Sized:
    """The rows are drawn once in a process."""
    return Sized(index, parameters)


def client_of(context: Context) -> Client:
    """``partition-id`` and ``parameters`` come with the SuperNode's --node-config."""
    node = context.node_config
    return sized(int(node["partition-id"]), int(node["parameters"])).to_client()


secure = os.environ["BASELINE_SECURE"] == "1"
app = ClientApp(client_fn=client_of, mods=[secaggplus_mod] if secure else [])

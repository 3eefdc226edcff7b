"""Flower clients of the time before messages."""

import numpy as np
from flwr.client import NumPyClient
from flwr.clientapp import ClientApp

ROWS = np.random.default_rng(7).standard_normal((400, 5))
TARGETS = (ROWS @ np.array([1.0, -2.0, 0.5, 0.0, 3.0]) > 0).astype(float)


class Logistic(NumPyClient):
    """A logistic regression by plain gradient descent."""

    def get_parameters(self, config):
        return [np.zeros(5), np.zeros(1, dtype=np.float32)]

    def fit(self, parameters, config):
        weights, bias = parameters
        for _ in range(20):
            wrong = 1 / (1 + np.exp(-(ROWS @ weights + bias))) - TARGETS
            weights = weights - config["lr"] * ROWS.T @ wrong / len(ROWS)
            bias = bias - config["lr"] * wrong.mean(keepdims=True)
        return [weights, bias], len(ROWS), {"done": True}

    def evaluate(self, parameters, config):
        weights, bias = parameters
        right = ((ROWS @ weights + bias > 0) == TARGETS).mean()
        return float(1 - right), len(ROWS), {"accuracy": float(right)}


def client_fn(context):
    return Logistic().to_client()


app = ClientApp(client_fn=client_fn)

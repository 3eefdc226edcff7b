"""A scikit-learn classifier that trains by ``partial_fit``: tumours of the breast cancer table.

Start peerd in this directory, or put the file on PYTHONPATH, and name it as the group's task:

    sklearn_classifier:Classifier

Its update is what scikit-learn makes of the group's model, so the group's rule must take any
update: weighted-mean, or a clipping rule with momentum 0.
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

from peerd.errors import TaskError
from peerd.learning import FittedTask, Partition

CLASSES = np.array([0, 1])


class Classifier(FittedTask):
    """Options: ``model`` linear | mlp, ``passes`` over the peer's rows in a round (1)."""

    def __init__(self, options, local):
        super().__init__(options, local)
        self.unknown_options({"model", "passes"}, set())
        self.kind, self.passes = options.get("model", "linear"), options.get("passes", 1)
        if self.kind not in ("linear", "mlp"):
            raise TaskError(f"classifier: model {self.kind!r} is neither linear nor mlp")
        if not isinstance(self.passes, int) or not 1 <= self.passes <= 100:
            raise TaskError(f"classifier: passes = {self.passes!r} must be in 1…100")
        inputs, self.targets = load_breast_cancer(return_X_y=True)
        # The same at every peer: the group trains one model, so inputs must mean one thing.
        self.mean, self.scale = inputs.mean(axis=0), inputs.std(axis=0)
        self.inputs = (inputs - self.mean) / self.scale
        self.estimator = self._fresh()

    def _fresh(self):
        """Built by one step from nothing: ``partial_fit`` makes the arrays, and does not ask."""
        if self.kind == "linear":
            made = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=0.01)
        else:
            made = MLPClassifier((16,), solver="sgd", learning_rate_init=0.05, random_state=7)
        return made.partial_fit(np.zeros_like(self.inputs[:1]), CLASSES[:1], classes=CLASSES)

    def _arrays(self):
        made = self.estimator
        if self.kind == "linear":
            return [made.coef_, made.intercept_]
        return [*made.coefs_, *made.intercepts_]

    def first(self):
        self.estimator = self._fresh()
        return [np.array(array) for array in self._arrays()]

    def fit(self, arrays, partition: Partition, round: int):
        """Four rows of five, dealt to the peers like cards; in another order each time."""
        self._fill(arrays)
        rows = np.flatnonzero(np.arange(len(self.targets)) % 5)[partition.index :: partition.count]
        for _ in range(self.passes):
            mine = np.random.permutation(rows)
            self.estimator.partial_fit(self.inputs[mine], self.targets[mine])
        return self._arrays()

    def evaluate(self, arrays, partition: Partition):
        self._fill(arrays)
        inputs, targets = self.inputs[::5], self.targets[::5]
        return {
            "accuracy": self.estimator.score(inputs, targets),
            "loss": log_loss(targets, self.estimator.predict_proba(inputs), labels=CLASSES),
        }

    # for peerd model predict and evaluate

    def classes(self):
        return ["malignant", "benign"]

    def read(self, path, labelled):
        """A CSV with a header: thirty measurements, and behind them 0 or 1."""
        rows = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
        if rows.shape[1] < 30 + labelled:
            raise TaskError(f"{path} has {rows.shape[1]} columns, and not {30 + labelled}")
        yield (rows[:, :30] - self.mean) / self.scale, rows[:, 30].astype(int) if labelled else None

    def predict(self, arrays, inputs):
        self._fill(arrays)
        return self.estimator.predict_proba(inputs)

    def _fill(self, arrays):
        for mine, given in zip(self._arrays(), arrays, strict=True):
            mine[...] = given

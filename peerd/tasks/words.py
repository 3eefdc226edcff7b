"""What a group's options of the task ``table`` mean, for whoever signs them."""

from __future__ import annotations

from collections.abc import Mapping

from peerd.errors import TaskError
from peerd.tasks.class_weights import OPTION as WEIGHTS
from peerd.tasks.class_weights import class_weights
from peerd.tasks.held_out import HeldOutRule
from peerd.tasks.schema import Schema


def described(options: Mapping[str, object]) -> list[str]:
    """Lines: what is predicted, by which loss, and which rows are held out. Decimals are floats."""
    try:
        schema = Schema.from_options(options.get("schema"))
        rule = HeldOutRule.of(options)
        otherwise = ", unless a site names a file of its own" if rule.column is None else ""
        return [
            *_predicted(schema, options.get(WEIGHTS)),
            f"held-out rows: chosen by {rule.words()}{otherwise}",
        ]
    except TaskError as error:
        return [f"these options can't be used: {error}"]


def _predicted(schema: Schema, option: object) -> list[str]:
    if (target := schema.target) is not None:
        return [
            f"label {schema.label}: a number, predicted by regression (mean {target.mean:g}, scale"
            f" {target.scale:g}); loss: Huber, of scaled numbers"
        ]
    weights = class_weights(schema, option)
    loss = "cross-entropy, all classes alike"
    if weights is not None:
        each = (f"{name} {weight:g}" for name, weight in zip(schema.classes, weights, strict=True))
        loss = f"cross-entropy, weighted: {', '.join(each)}"
    return [f"label {schema.label}: one of {len(schema.classes)} classes; loss: {loss}"]

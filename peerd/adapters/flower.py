"""Flower clients as they stand: a ``NumPyClient`` or ``Client``, ``ClientApp(client_fn)``, and
``@app.train()``.

    task = "peerd.adapters.flower:Flower"

    [task.options]
    client = "pytorchexample.client_app:app"     # what Flower would run
    model = "pytorchexample.task:Net"            # where its server takes the first model from
    run = {local-epochs = 1}                     # context.run_config
    config = {lr = "0.01"}                       # what the server sends with each round

There is no server: each round peerd hands the client the group's model and takes its answer. What
was measured is shown, and weights nothing: that is what the genesis' weights are for. Written for
flwr 1.42; it uses parts of it that have moved before.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.extras import need
from peerd.learning.settings import Option, Options, Partition
from peerd.learning.task import Arrays, FittedTask

RUN_ID = 1
NODE_ID = 1
"""One client in one process: what tells them apart is the partition."""
OLD_METRICS = "evaluateres.metrics"
"""Where a client of the time before messages puts what it measured."""


class Flower(FittedTask):
    """Options ``client``, ``model``, ``run``, ``config`` (the group's). Local option ``node``:
    entries of ``context.node_config`` beside ``partition-id`` and ``num-partitions``.
    """

    def __init__(self, options: Options, local: Options) -> None:
        super().__init__(options, local)
        need("a Flower client", "flwr", TaskError)
        self.unknown_options({"client", "model", "run", "config"}, {"node"})
        self._run = _scalars("run", options.get("run", {}))
        self._config = _scalars("config", options.get("config", {}))
        self._node = _scalars("node", local.get("node", {}))
        self._client = _found("client", options.get("client"))
        model = options.get("model")
        self._model = None if model is None else _found("model", model)
        self._names: list[str] | None = None
        self._context: Any = None
        _identify()

    def first(self) -> Arrays:
        """Of ``model`` if it is named (a torch module's state, or a function's arrays), else what
        the client's ``get_parameters`` gives.
        """
        if self._model is None:
            return self._ask_for_parameters()
        made = self._model()
        state = made.state_dict() if hasattr(made, "state_dict") else made
        if isinstance(state, Mapping):
            self._names = list(state)
            return [np.asarray(value.detach().cpu()) for value in state.values()]
        return [np.asarray(array) for array in state]

    def fit(self, arrays: Arrays, partition: Partition, round: int) -> Arrays:
        reply = self._call("train", arrays, partition, round)
        records = list(reply.content.array_records.values())
        if len(records) != 1:
            raise TaskError(f"the Flower client answered with {len(records)} models instead of one")
        return _in_order(records[0], self._names)

    def evaluate(self, arrays: Arrays, partition: Partition) -> Mapping[str, float]:
        """Its numbers by their names; of several in a list, nothing."""
        content = self._call("evaluate", arrays, partition, 0).content
        records = list(content.metric_records.values())
        records += [each for name, each in content.config_records.items() if name == OLD_METRICS]
        numbers: dict[str, float] = {}
        for record in records:
            numbers |= {n: value for n, value in record.items() if isinstance(value, int | float)}
        return _named_alike(numbers)

    # -- messages ------------------------------------------------------------------------------

    def _ask_for_parameters(self) -> Arrays:
        from flwr.app import ConfigRecord, Message, RecordDict

        content = RecordDict({"getparametersins.config": ConfigRecord({})})
        reply = self._send(Message(content, NODE_ID, "get_parameters"), Partition())
        (record,) = reply.content.array_records.values()
        found: list[NDArray[Any]] = [array.numpy() for array in record.values()]
        if not found:
            raise TaskError(
                "the Flower client gives no first model",
                'name one: task option model = "package.module:Net"',
            )
        return found

    def _call(self, kind: str, arrays: Arrays, partition: Partition, round: int) -> Any:
        """One message as Flower's server would send it. A client of the time before messages finds
        the same records under the names of that time.
        """
        from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict

        old = self._is_old
        names = self._names or [str(index) for index in range(len(arrays))]
        record = ArrayRecord(
            {name: Array(array) for name, array in zip(names, arrays, strict=True)}
        )
        config = ConfigRecord({"server-round": round + 1, **self._config})
        place = {"train": "fitins", "evaluate": "evaluateins"}[kind]
        held = f"{place}.parameters" if old else "arrays"
        content = RecordDict({held: record, f"{place}.config" if old else "config": config})
        return self._send(Message(content, NODE_ID, kind), partition)

    def _send(self, message: Any, partition: Partition) -> Any:
        from flwr.app import Context, RecordDict

        if self._context is None:  # a client may keep its state in it from round to round
            node = {
                "partition-id": partition.index,
                "num-partitions": partition.count,
                **self._node,
            }
            self._context = Context(RUN_ID, NODE_ID, node, RecordDict(), self._run)
        reply = self._app(message, self._context)
        if reply.has_error():
            raise TaskError(f"the Flower client answered with an error: {reply.error.reason}")
        return reply

    @property
    def _is_old(self) -> bool:
        """Whether it is a client, or a function that makes one, and not functions of messages."""
        return getattr(self._app, "_call", None) is not None

    @property
    def _app(self) -> Any:
        from flwr.clientapp import ClientApp

        found = self._client
        if isinstance(found, ClientApp):
            return found
        self._client = ClientApp(_client_fn(found))
        return self._client


def _in_order(record: Mapping[str, Any], names: list[str] | None) -> Arrays:
    """The arrays of an answer as the first model has them. A client may answer in another order,
    and two layers of one shape would change places in silence; one of the time before messages
    knows no names but numbers.
    """
    if names is None or record.keys() == {str(index) for index in range(len(names))}:
        return [array.numpy() for array in record.values()]
    if record.keys() != set(names):
        wrong = sorted(record.keys() ^ set(names))
        raise TaskError(
            "the Flower client answered with other layers than the model's:"
            f" {', '.join(wrong[:3])}",
            "task option model must name what the client trains",
        )
    return [record[name].numpy() for name in names]


def _client_fn(found: Any) -> Callable[[Any], Any]:
    """From a client, its class without arguments, or a function of the context."""
    from flwr.client import Client, NumPyClient

    made = found() if isinstance(found, type) else found
    if isinstance(made, NumPyClient):
        client = made.to_client()
        return lambda context: client
    if isinstance(made, Client):
        return lambda context: made
    if callable(made):
        make: Callable[[Any], Any] = made
        return make
    raise TaskError(
        f"task option client: a {type(found).__name__} is no Flower client",
        "name a ClientApp, a NumPyClient, a Client, or a client_fn",
    )


def _found(option: str, reference: Option) -> Any:
    """What ``package.module:name`` names. Raises TaskError."""
    if not isinstance(reference, str) or reference.count(":") != 1:
        raise TaskError(
            f"task option {option}: {reference!r} is not of the form package.module:name"
        )
    module, _, name = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        raise TaskError(
            f"task option {option}: there is no module {error.name!r}",
            "install it, or start peerd in its directory",
        ) from error
    except AttributeError as error:
        raise TaskError(f"task option {option}: {error}") from error


def _scalars(where: str, given: Option) -> dict[str, bool | int | float | str]:
    if not isinstance(given, dict):
        raise TaskError(f"task option {where}: a table of names and values was expected")
    found: dict[str, bool | int | float | str] = {}
    for name, value in given.items():
        if not isinstance(value, bool | int | float | str):
            raise TaskError(f"task option {where}.{name}: {value!r} is no number, text or truth")
        found[name] = value
    return found


def _named_alike(numbers: Mapping[str, float]) -> dict[str, float]:
    """``eval_acc`` and ``eval_loss``, as Flower's examples call them, are accuracy and loss."""
    found = dict(numbers)
    for name, others in (
        ("accuracy", ("eval_acc", "eval_accuracy", "acc", "test_accuracy", "val_accuracy")),
        ("loss", ("eval_loss", "test_loss", "val_loss")),
    ):
        for other in others:
            if name not in found and other in found:
                found[name] = found[other]
    return found


def _identify() -> None:
    """Flower's messages carry who sends them; there it is set by the process that starts a task."""
    from flwr.supercore.task_identity import TaskIdentity

    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, RUN_ID, NODE_ID

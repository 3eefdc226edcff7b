"""What a genesis needs that has to be computed: first model, constants, training time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from peerd.cli.evaluation import OFF, OPTION, Say, evaluation_for
from peerd.cli.promise import NOISE, Promise, promising, settled
from peerd.cli.rule_arguments import typed, typed_rule
from peerd.config import TaskConfig
from peerd.group import Genesis, new_genesis
from peerd.group.fields import STARTS, STATISTICS
from peerd.group.privacy import in_words
from peerd.learning import Trainer
from peerd.runner.rehearsal import training_of, try_round, worker
from peerd.runner.resume import setting_of
from protocols.aggregation import Aggregator, model_hash
from protocols.aggregation.blocks import LAYERS, written
from protocols.aggregation.contract import Model
from protocols.aggregation.evaluation import Evaluation

DELTA = 1000  # milliseconds, between sites
BANDWIDTH = 1_000_000  # bytes a second: a modest uplink
SAFETY = 4  # other members' machines are slower, or have more data
LONG_TRAINING = 60  # seconds after which a person is told that it takes long
LEAST_TRAINING = 10  # seconds: a machine may be at work on something else


@dataclass(frozen=True, slots=True)
class Founding:
    """A group about to be founded. ``training``: seconds; None: ``safety`` times what one update
    takes here, and ``least``. ``deadlines``: milliseconds, those that are to be longer than what is
    derived. ``here``: the task's part on this machine. ``weights``: the members', by public key; 1
    for whoever isn't named. ``names``: what people call them, of all or of nobody. ``held_out``:
    rows that each member holds out, by public key; None: as many as here, where all hold out the
    same (``alike``, or the task says so). ``evaluates``: whether the group counts them. ``rhythm``:
    when rounds begin and end, as the genesis holds it. ``promise``: to the people behind the rows,
    of a rule that adds noise: nothing is counted of held-out rows then.
    """

    name: str
    task: str
    aggregator: str
    roster: Sequence[bytes]
    adversary: Fraction
    dropout: Fraction = Fraction(0)
    absent: int | None = None
    clients: int | None = None
    task_options: Mapping[str, Any] | None = None
    constants: Mapping[str, int | str] | None = None
    delta: int = DELTA
    bandwidth: int = BANDWIDTH
    training: int | None = None
    safety: int = SAFETY
    least: int = LEAST_TRAINING
    deadlines: Mapping[str, int] | None = None
    model_seed: int = 0
    statistics: str = STATISTICS[0]
    here: TaskConfig = field(default_factory=TaskConfig)
    weights: Mapping[bytes, int] | None = None
    names: Mapping[bytes, str] | None = None
    held_out: Mapping[bytes, int] | None = None
    alike: bool = False
    evaluates: bool = True
    rhythm: Mapping[str, Any] | None = None
    promise: Promise | None = None


async def found(request: Founding, say: Say = lambda line: None) -> Genesis:
    """The unsigned genesis. Starts a training worker to compute the first model, and to measure how
    long an update takes; ``say`` is told.

    Raises ConfigError (no plan, a bad field), TaskError (the task can't be built).
    """
    rule = promising(request.promise, typed_rule(request.aggregator, request.constants or {}))
    with typed():
        genesis = _draft(request, rule)
    complete, seconds = await _measured(request, genesis, say, rooted=rule.uses_reference)
    with typed():
        if seconds is not None:
            allowed = max(request.least, math.ceil(request.safety * seconds))
            complete = replace(complete, training_seconds=allowed)
            say(
                f"training_seconds {allowed}: {request.safety} times the {seconds:.1f} s from a"
                f" model to a dealing on this machine, and at least {request.least}"
            )
        setting_of(complete)  # says now, not at the first run, why a group of this size can't run
    return complete


def _draft(request: Founding, rule: Aggregator) -> Genesis:
    """The genesis but for its first model. GroupError."""
    return new_genesis(
        name=request.name,
        task=request.task,
        task_options=dict(request.task_options or {}),
        roster=request.roster,
        aggregator=request.aggregator,
        constants=rule.constants(),
        adversary=request.adversary,
        dropout=request.dropout,
        absent=request.absent,
        clients=request.clients,
        delta_ms=request.delta,
        bandwidth_bytes_per_second=request.bandwidth,
        training_seconds=1 if request.training is None else request.training,
        deadlines=dict(request.deadlines or {}),
        parameters=1,
        first_model=bytes(32),
        model_seed=request.model_seed,
        statistics=request.statistics,
        starts_from=STARTS[0] if request.here.start_from is None else STARTS[1],
        weights=request.weights,
        rhythm=request.rhythm,
        names=request.names,
    )


async def _measured(
    request: Founding, draft: Genesis, say: Say, *, rooted: bool
) -> tuple[Genesis, float | None]:
    """The genesis with its first model, and the seconds to a dealing unless the training time is
    given. ``say`` is told what the rehearsal warns of.
    """
    training = training_of(draft, request.here, Path())
    if request.training is None:
        training = replace(training, training_seconds=LONG_TRAINING)
    async with worker(training) as trainer:
        for line in await trainer.rehearse(at_home=True):
            say(f"warning: {line}")
        model = await trainer.initial_model()
        if rooted:  # says now, and not in round 0, that the task has no root data
            await trainer.root_step(0, model)
        complete = replace(
            draft, parameters=len(model), first_model=model_hash(model), fixed=trainer.fixed
        )
        if draft.constants.get("blocks") == LAYERS:
            lengths = {"blocks": written(trainer.layers)}
            complete = replace(complete, constants={**draft.constants, **lengths})
        complete = _promising(request, complete, say)
        if request.evaluates and request.promise is None:
            counted = await _evaluation(request, complete, trainer, model, say)
            complete = replace(complete, evaluation=counted)
        seconds = None
        if request.training is None:
            with typed():
                setting = setting_of(replace(complete, deadlines={}))
            seconds = (await try_round(trainer, setting, model)).dealing
    return complete, seconds


def _promising(request: Founding, complete: Genesis, say: Say) -> Genesis:
    """With its promise to people, and the noise that it needs; ``say`` is told. ConfigError."""
    if request.promise is None:
        return complete
    stated = NOISE in (request.constants or {})
    constants, privacy = settled(
        request.promise,
        complete.aggregator,
        complete.constants,
        complete.parameters,
        noise_stated=stated,
    )
    say(f"noise {constants[NOISE]} times the norm of a {privacy.unit}; {in_words(privacy)}")
    if request.evaluates:
        say(f"{OFF}: exact counts of held-out rows would be opened beside the noised sum")
    with typed():
        return replace(complete, constants=constants, privacy=privacy)


async def _evaluation(
    request: Founding, complete: Genesis, trainer: Trainer, model: Model, say: Say
) -> Evaluation | None:
    """What the group counts of held-out rows; ``say`` is told why where it is nothing."""
    found = await trainer.count(model)
    common = request.alike or (found is not None and found.common)
    if request.held_out is None and not common:
        say(f"{OFF}: say with {OPTION} how many held-out rows each member has")
        return None
    with typed():
        return evaluation_for(replace(complete, deadlines={}), found, request.held_out, say)

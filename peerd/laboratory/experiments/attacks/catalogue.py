"""All attacks of the laboratory by name, with their parameters and where they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from peerd.errors import ConfigError
from peerd.laboratory.experiments.attacks import alone, omniscient
from peerd.laboratory.experiments.attacks.view import Attack, Changes, Vector, View

Parameter: TypeAlias = "float | str"
Parameters: TypeAlias = Mapping[str, Parameter]
NONE = "none"
CLEAN, FLIPPED_LABELS, TRIGGER = "clean", "flipped labels", "trigger"


@dataclass(frozen=True, slots=True)
class _Kind:
    """``data``: what the liars train on. ``make``: from the parameters to the attack."""

    defaults: dict[str, Parameter]
    make: Callable[[Parameters], Attack]
    data: str = CLEAN


def _alone(lie: Callable[[Vector, float, np.random.Generator], Vector]) -> _Kind:
    def make(parameters: Parameters) -> Attack:
        scale = float(parameters["scale"])
        return lambda view: np.stack([lie(own, scale, view.random) for own in view.own])

    return _Kind({"scale": alone.DEFAULT_SCALE}, make)


def _scaled(scale: float, data: str = CLEAN) -> _Kind:
    """What was learnt, ``scale`` times: the lie is in the data."""
    return _Kind(
        {"scale": scale}, lambda given: lambda view: float(given["scale"]) * view.own, data
    )


def _agreed(lie: Callable[[View], Vector]) -> Attack:
    return lambda view: np.tile(lie(view), (view.liars, 1))


def _alie(given: Parameters) -> Attack:
    z = float(given["z"])
    return _agreed(
        lambda view: omniscient.a_little_is_enough(
            view.honest, z or omniscient.alie_z(view.peers, view.liars)
        )
    )


def _free_ride(view: View) -> Changes:
    """The common model's last change, as if it had been learnt again (Lin et al. 2019, "delta")."""
    last = np.zeros(view.own.shape[1]) if view.previous is None else view.previous
    return np.tile(last, (view.liars, 1))


CATALOGUE: dict[str, _Kind] = {
    NONE: _Kind({}, lambda given: lambda view: view.own),
    "bit-flip": _Kind({}, lambda given: lambda view: np.negative(view.own)),
    "sign-flip": _alone(alone.sign_flip),
    "gaussian": _alone(alone.gaussian),
    "label-flip": _scaled(1.0, FLIPPED_LABELS),
    "ipm": _Kind(
        {"epsilon": 0.5},
        lambda given: _agreed(
            lambda view: omniscient.inner_product(view.honest, float(given["epsilon"]))
        ),
    ),
    "alie": _Kind({"z": 0.0}, _alie),
    "min-max": _Kind(
        {"direction": "std"},
        lambda given: _agreed(
            lambda view: omniscient.min_max(view.honest, str(given["direction"]))
        ),
    ),
    "min-sum": _Kind(
        {"direction": "std"},
        lambda given: _agreed(
            lambda view: omniscient.min_sum(view.honest, str(given["direction"]))
        ),
    ),
    "mimic": _Kind({"warm_up": 20.0}, lambda given: omniscient.Mimic(int(given["warm_up"]))),
    "backdoor": _scaled(alone.DEFAULT_SCALE, TRIGGER),
    "free-riding": _Kind({}, lambda given: _free_ride),
}
"""``z = 0`` in alie: z_max of the paper for the cell's number of liars."""


@dataclass(frozen=True)
class AttackSpec:
    """A checked attack: its name in CATALOGUE and every parameter."""

    name: str
    parameters: Parameters = field(default_factory=dict)

    @property
    def label(self) -> str:
        """ "ipm", or "ipm(epsilon=5)" where a parameter is not the default."""
        defaults = CATALOGUE[self.name].defaults
        changed = [
            f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}"
            for key, value in self.parameters.items()
            if value != defaults[key]
        ]
        return f"{self.name}({', '.join(changed)})" if changed else self.name

    @property
    def data(self) -> str:
        """What the liars train on: CLEAN, FLIPPED_LABELS or TRIGGER."""
        return CATALOGUE[self.name].data

    def start(self) -> Attack:
        """The attack at the beginning of a run."""
        return CATALOGUE[self.name].make(self.parameters)


def attack_spec(name: str, given: Mapping[str, object] | None = None) -> AttackSpec:
    """The named attack with its parameters over the defaults. Raises ConfigError."""
    kind = CATALOGUE.get(name)
    if kind is None:
        raise ConfigError(f"there is no attack {name!r}", f"there are {', '.join(CATALOGUE)}")
    parameters = dict(kind.defaults)
    for key, value in (given or {}).items():
        if key not in parameters:
            known = ", ".join(parameters) or "none"
            raise ConfigError(f"attack {name} has no parameter {key!r}", f"it has {known}")
        parameters[key] = _parameter(name, key, value, parameters[key])
    return AttackSpec(name, parameters)


def _parameter(name: str, key: str, value: object, default: Parameter) -> Parameter:
    if isinstance(default, str):
        if value in omniscient.DIRECTIONS:
            return str(value)
        known = ", ".join(omniscient.DIRECTIONS)
        raise ConfigError(f"attack {name}: {key} = {value!r} must be one of {known}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e6:
        raise ConfigError(f"attack {name}: {key} = {value!r} must be a number from 0 to 1000000")
    return float(value)

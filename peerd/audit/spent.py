"""What a group has spent of its privacy budget, counted by its certificates (docs/privacy.md)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import sqrt
from pathlib import Path
from typing import Any

from peerd.audit.epoch import Epoch
from peerd.audit.genesis import found_genesis
from peerd.audit.history import History, verify
from peerd.audit.material import Material
from peerd.audit.places import read_places
from peerd.errors import ConfigError, VerificationError
from peerd.group.privacy import ASSUMPTIONS, in_words
from peerd.runner.spending import BUDGET_SPENT, spending, spent_by, warning
from protocols.record.budget import Charge
from protocols.record.certificate import Close
from protocols.record.spending import charges_by, inherited

Document = dict[str, Any]
CHARGED = (Close.OPENED, Close.ABANDONED)
OPEN = "open"
"""The state of a group that may make further rounds."""


def read_spent(paths: list[Path]) -> Document:
    """Of the last group of the lineage that these places (data directories, status sockets) hold.
    ConfigError, GroupError; VerificationError where certificates don't hold.
    """
    material = read_places(paths, genesis_given=False)
    material.transcripts, material.evidence, material.proofs = [], [], []  # certificates are enough
    material.kept_models, material.exports = [], []
    history = _verified(material)
    if history.first_lie is not None:
        raise VerificationError(
            str(history.first_lie),
            "what is spent is counted by certificates that hold, and no other",
        )
    return spent_document(history.epochs[-1])


def _verified(material: Material) -> History:
    from peerd.audit.epoch import epoch_of

    first = found_genesis(None, material)
    if first is None:
        return History([], whole=True, lies=material.lies)
    if not (material.certificates or material.lies):
        return History([epoch_of(first)], whole=False)  # before its first round
    return verify(material, first)


def spent_document(epoch: Epoch) -> Document:
    """As ``docs/schemas/privacy-report.json`` has it. ConfigError for a group that promises
    nothing.
    """
    genesis, setting = epoch.genesis, epoch.setting
    rounds = list(_rounds(epoch))
    found = spending(setting, sum(each["counts"] for each in rounds))
    privacy = genesis.privacy
    if found is None or privacy is None or setting.budget is None:
        raise ConfigError(
            f"the group {genesis.name!r} promises nothing to the people behind its rows",
            "'peerd group show' says what it agreed on",
        )
    opened, most = found["rounds_opened"], found["rounds_max"]
    left = privacy.epsilon - spent_by(charges_by(setting, opened), privacy.delta)
    one = spent_by((setting.budget.charge(1),), privacy.delta)
    warned = warning(opened, most)
    return {
        **found,
        "group": genesis.group_id.hex(),
        "name": genesis.name,
        "state": BUDGET_SPENT if opened >= most else OPEN,
        "epsilon_left": float(max(left, Fraction(0))),
        "epsilon_of_one_round": float(one),
        "rounds_left": max(most - opened, 0),
        "rounds_given_up": sum(each["outcome"] == Close.ABANDONED for each in rounds),
        "mechanism": _mechanism(setting.budget.charge(opened)),
        "earlier": [_mechanism(each) for each in inherited(setting)],
        "rounds": rounds,
        "promise": in_words(privacy),
        "assumptions": list(ASSUMPTIONS),
        "warnings": [] if warned is None else [warned],
    }


def _rounds(epoch: Epoch) -> Iterator[Document]:
    """Each with what is spent behind it."""
    charged, setting = 0, epoch.setting
    for found in epoch.rounds.values():
        counts = found.certified.close in CHARGED
        charged += counts
        behind = spending(setting, charged)
        yield {
            "round": found.certified.round,
            "outcome": found.certified.close.value,
            "counts": counts,
            "rounds_opened": charged,
            "epsilon_spent": 0.0 if behind is None else behind["epsilon_spent"],
        }


def _mechanism(charge: Charge) -> Document:
    said = charge.mechanism
    return {
        "unit": charge.unit,
        "noise_multiplier": sqrt(said.variance / said.squared_norm),
        "norm": sqrt(said.squared_norm),
        "rate": float(said.rate),
        "slack": float(said.slack),
        "rounds": charge.rounds,
    }

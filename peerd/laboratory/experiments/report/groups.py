"""Finished cells grouped for tables and plots: over seeds, by rule and attack, by setting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, TypeAlias

from peerd.laboratory.experiments.cell import CLEAR

CellResult: TypeAlias = "dict[str, Any]"
NO_ATTACK = "none"


@dataclass(frozen=True, order=True)
class Setting:
    """What one table is about."""

    partition: str
    peers: int
    liars: int

    def __str__(self) -> str:
        return f"{self.peers} peers, {self.liars} liars, {self.partition} data"


@dataclass(frozen=True)
class Spread:
    """Mean, least and greatest over seeds."""

    mean: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(fmean(values), min(values), max(values), len(values))


def rule_label(cell: CellResult) -> str:
    return str(cell["cell"]["rule"]["label"])


def is_clear(cell: CellResult) -> bool:
    """Whether the rule was computed in floats, with every update visible."""
    return bool(cell["cell"]["rule"]["form"] == CLEAR)


def settings(cells: Iterable[CellResult]) -> list[Setting]:
    """Every setting with liars; those without, where no run has any."""
    found = {_setting(cell) for cell in cells}
    attacked = {each for each in found if each.liars}
    return sorted(attacked or found)


def of_setting(cells: Iterable[CellResult], setting: Setting) -> list[CellResult]:
    """The setting's cells, and the runs without liars beside them."""
    quiet = Setting(setting.partition, setting.peers, 0)
    return [cell for cell in cells if _setting(cell) in (setting, quiet)]


def in_order(cells: Iterable[CellResult], key: Callable[[CellResult], str]) -> list[str]:
    """The different values of ``key``, as they come; no attack first."""
    values = list(dict.fromkeys(key(cell) for cell in cells))
    return sorted(values, key=lambda value: value != NO_ATTACK)


def attack_label(cell: CellResult) -> str:
    return str(cell["attack"])


def select(cells: Iterable[CellResult], rule: str, attack: str) -> list[CellResult]:
    """One entry of a table: the same run with different seeds."""
    return [cell for cell in cells if rule_label(cell) == rule and attack_label(cell) == attack]


def curve(cells: Sequence[CellResult]) -> tuple[list[int], list[Spread]]:
    """Rounds (from 1) and accuracy over seeds; a run that diverged stays where it ended."""
    rounds = sorted({each["round"] for cell in cells for each in cell["evaluations"]})
    values = [Spread.of([_at(cell, number) for cell in cells]) for number in rounds]
    return [number + 1 for number in rounds], values


def _at(cell: CellResult, number: int) -> float:
    known = [each for each in cell["evaluations"] if each["round"] <= number]
    return float((known or cell["evaluations"])[-1]["accuracy"])


def _setting(cell: CellResult) -> Setting:
    what = cell["cell"]
    return Setting(what["partition"], what["peers"], what["liars"])

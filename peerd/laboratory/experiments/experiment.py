"""Reading an experiment (configs/lab/*.toml): a grid of cells. A mistake is named by its key."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from peerd.errors import ConfigError, TaskError
from peerd.laboratory.experiments.attacks import AttackSpec, attack_spec
from peerd.laboratory.experiments.attacks.catalogue import NONE
from peerd.laboratory.experiments.cell import CLEAR, LIFTED, Cell, Descent, RuleSpec
from peerd.laboratory.experiments.rules import checked_rule, least_peers
from peerd.laboratory.experiments.sharing import committee_plan
from peerd.learning.settings import Option
from peerd.tasks.names import SHIPPED
from peerd.tasks.partition import checked_partition
from peerd.text import NotText, read_text

MAX_CONFIG_BYTES = 1 << 20
MAX_CELLS = 20_000
MAX_PEERS = 1_000
MAX_ROUNDS = 100_000
MAX_SEED = (1 << 31) - 1
OWN = "your own: package.module:Class"
Value = TypeVar("Value")
_KEYS = frozenset(
    {"title", "note", "task", "peers", "liars", "rounds", "seeds", "partitions", "attacks"}
    | {"rules", "training", "secured", "evaluate_every"}
)
_NEEDED = ("task", "peers", "rounds", "attacks", "rules")


@dataclass(frozen=True)
class Experiment:
    """``note``: what the report says under the title, such as which data stand in for which."""

    title: str
    note: str
    cells: tuple[Cell, ...]


def read_experiment(path: Path, local: Mapping[str, str] | None = None) -> Experiment:
    """The grid in a TOML file; ``local`` adds task files (--data).

    Raises ConfigError; TaskError where the code of a rule of one's own fails.
    """
    try:
        document = tomllib.loads(read_text(path, MAX_CONFIG_BYTES))
    except OSError as error:
        raise ConfigError(f"can't read {path}: {error.strerror}") from error
    except NotText as error:
        raise ConfigError(f"{path} is {error.message}", error.hint) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    try:
        return _Reader(document, path.stem, dict(local or {})).experiment()
    except (ConfigError, TaskError) as error:  # TaskError: the code of a rule of one's own failed
        raise type(error)(f"{path}: {error.message}", error.hint) from error


class _Reader:
    """One document. The first mistake raises ConfigError without the file's name."""

    def __init__(self, document: dict[str, Any], name: str, local: dict[str, str]) -> None:
        self.document = document
        self.name = name
        self.local = local
        if unknown := sorted(set(document) - _KEYS):
            raise ConfigError(f"unknown key {unknown[0]!r}", f"known: {', '.join(sorted(_KEYS))}")
        if missing := [key for key in _NEEDED if key not in document]:
            raise ConfigError(f"key {missing[0]!r} is missing")

    def experiment(self) -> Experiment:
        cells = tuple({cell.identifier: cell for cell in self._cells()}.values())
        if len(cells) > MAX_CELLS:
            raise ConfigError(f"{len(cells)} cells; at most {MAX_CELLS} are run")
        title = self._text("title", self.name)
        return Experiment(title, self._text("note", ""), cells)

    def _cells(self) -> list[Cell]:
        task = self._table("task", self.document["task"], {"name", "options", "local"})
        name = task.get("name")
        if not isinstance(name, str) or not name:
            raise ConfigError("task.name is missing", 'such as task.name = "digits"')
        if name not in SHIPPED and ":" not in name:
            raise ConfigError(
                f"task.name = {name!r} is no task", f"there are {', '.join(SHIPPED)}, or {OWN}"
            )
        rounds = self._integer("rounds", 1, MAX_ROUNDS)
        blank = Cell(
            task=name,
            options=self._table("task.options", task.get("options", {}), None),
            local={**self._table("task.local", task.get("local", {}), None), **self.local},
            partition="iid",
            peers=self._integer("peers", 1, MAX_PEERS),
            liars=0,
            rounds=rounds,
            seed=0,
            attack=attack_spec(NONE),
            rule=RuleSpec("", CLEAR, ""),
            descent=self._descent(),
            secured=self._secured(rounds),
            evaluate_every=self._integer("evaluate_every", 1, rounds, 1),
        )
        partitions = self._list("partitions", ["iid"])
        # Seeds outermost: an interrupted run has whole tables of the first seeds.
        grid = product(
            [_bounded("seeds", each, 0, MAX_SEED) for each in self._list("seeds", [1])],
            [_keyed("partitions", _partition, name, each) for each in partitions],
            [self._liars(each, blank.peers) for each in self._list("liars", [0])],
            [_keyed("attacks", self._attack, each) for each in self._list("attacks", [])],
            self._rules(),
        )
        return [self._cell(blank, *values) for values in grid]

    def _cell(
        self, blank: Cell, seed: int, partition: str, liars: int, attack: AttackSpec, rule: RuleSpec
    ) -> Cell:
        """An attack without liars, or liars without an attack, is the honest run."""
        if not liars or attack.name == NONE:
            liars, attack = 0, attack_spec(NONE)
        least = least_peers(rule, liars)
        if blank.peers < least:
            raise ConfigError(
                f"rule {rule.label} needs {least} peers for {liars} liars; there are {blank.peers}"
            )
        secured = blank.secured if rule.form == LIFTED else 0
        if secured:
            committee_plan(blank.peers, liars)
        fixed = replace(blank, partition=partition, liars=liars, attack=attack, seed=seed)
        # A rule that has a descent of its own does not depend on [training].
        descent = blank.descent if rule.form == CLEAR and not rule.constants else Descent()
        return replace(fixed, rule=rule, secured=secured, descent=descent)

    def _rules(self) -> list[RuleSpec]:
        rules = [_keyed("rules", self._rule, each) for each in self._list("rules", [])]
        labels = [rule.label for rule in rules]
        if twice := [label for label in labels if labels.count(label) > 1]:
            raise ConfigError(f"two rules are labelled {twice[0]!r}", "give one a label")
        return rules

    def _rule(self, value: object) -> RuleSpec:
        fields = {"name": value} if isinstance(value, str) else value
        table = self._table("rules", fields, {"name", "clear", "constants", "label"})
        form = CLEAR if "clear" in table else LIFTED
        name = table.get("clear" if form == CLEAR else "name")
        if not isinstance(name, str) or {"clear", "name"} <= set(table):
            raise ConfigError('a rule has a name = "…", or clear = "…" for one in floats')
        label = table.get("label", f"{name}, clear" if form == CLEAR else name)
        if not isinstance(label, str) or not label:
            raise ConfigError(f"rule {name}: label must be a text")
        constants = self._table(f"rule {label}: constants", table.get("constants", {}), None)
        return checked_rule(form, name, constants, label)

    def _attack(self, value: object) -> AttackSpec:
        if isinstance(value, str):
            return attack_spec(value)
        table = self._table("attacks", value, None)
        name = table.pop("name", None)
        if not isinstance(name, str):
            raise ConfigError('an attack is a name, or a table with name = "…" and parameters')
        return attack_spec(name, table)

    def _descent(self) -> Descent:
        """[training]: F^C of the rules in the clear that are nobody's floating-point version."""
        known = {"steps", "batch", "rate", "momentum"}
        table = self._table("training", self.document.get("training", {}), known)
        for key, (kind, low, high) in {
            "steps": (int, 1, 10_000),
            "batch": (int, 1, 65_536),
            "rate": (float, 0.0, 1000.0),
            "momentum": (float, 0.0, 0.9999),
        }.items():
            value = table.get(key, low)
            allowed = (int, float) if kind is float else (int,)
            if (
                isinstance(value, bool)
                or not isinstance(value, allowed)
                or not low <= value <= high
            ):
                raise ConfigError(f"training.{key} = {value!r} must be in {low}…{high}")
            if key in table:
                table[key] = kind(value)
        return Descent(**table)

    def _secured(self, rounds: int) -> int:
        value = self.document.get("secured", False)
        if isinstance(value, bool):
            return rounds if value else 0
        return self._integer("secured", 0, rounds)

    def _liars(self, value: object, peers: int) -> int:
        return _bounded("liars", value, 0, peers - 1)

    def _integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        return _bounded(key, self.document.get(key, default), low, high)

    def _text(self, key: str, default: str) -> str:
        value = self.document.get(key, default)
        if not isinstance(value, str):
            raise ConfigError(f"{key} must be a text")
        return value

    def _list(self, key: str, default: list[Any]) -> list[Any]:
        value = self.document.get(key, default)
        if not isinstance(value, list):
            value = [value]
        if not value:
            raise ConfigError(f"{key} is empty: there is nothing to run")
        return value

    def _table(self, where: str, value: object, known: set[str] | None) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ConfigError(f"{where} must be a table, not {value!r}")
        if known is not None and (unknown := sorted(set(value) - known)):
            raise ConfigError(
                f"{where} has no key {unknown[0]!r}", f"known: {', '.join(sorted(known))}"
            )
        return dict(value)


def _keyed(key: str, read: Callable[..., Value], *values: Any) -> Value:
    """``read(*values)``, whose error names the key."""
    try:
        return read(*values)
    except (ConfigError, TaskError) as error:
        message = error.message if error.message.startswith(key) else f"{key}: {error.message}"
        raise type(error)(message, error.hint) from error


def _partition(task: str, kind: Option) -> str:
    try:
        return checked_partition(task, kind)
    except TaskError as error:
        raise ConfigError(error.message, error.hint) from None


def _bounded(key: str, value: object, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ConfigError(f"{key} = {value!r} must be an integer in {low}…{high}")
    return value

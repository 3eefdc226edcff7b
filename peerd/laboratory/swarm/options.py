"""What a swarm is asked to do, checked before anything starts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from peerd.cli.promise import Promise
from peerd.cli.task_arguments import TaskRequest
from peerd.errors import ConfigError
from peerd.laboratory.adversaries.lies import NOISE_LIES, OVERCOUNT
from peerd.laboratory.adversaries.names import check_name
from peerd.status.routes import MAX_ROUNDS_LISTED
from protocols.aggregation.contract import private
from protocols.plan import SMALLEST_GROUP, CommitteePlan, PlanError, plan_group, plan_swarm

MAX_PEERS = 64  # processes that train on one machine
MAX_ROUNDS = MAX_ROUNDS_LISTED  # one answer of the status socket holds them all
MAX_SEED = 2**63 - 1

_WEIGHT = re.compile(r"[1-9]\d{0,6}", re.ASCII)
_KILL = re.compile(r"(\d{1,6})@(\d{1,6})")


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill peer ``peer`` (index) with SIGKILL in the middle of round ``round``; start it again."""

    peer: int
    round: int


@dataclass(frozen=True, slots=True)
class SwarmOptions:
    """A checked request. The liars are the last ``len(attacks)`` peers, one attack each."""

    peers: int
    rounds: int
    work: TaskRequest
    attacks: tuple[str, ...]
    seed: int
    kills: tuple[Kill, ...] = ()
    absent: int | None = None
    weights: tuple[int, ...] = ()  # one a peer, for a weighted aggregator; empty: all 1
    gone: int | None = None  # honest peers that may be missing when the committee is drawn
    clients: int | None = None  # peers that the coin draws to deal in a round; None: all
    evaluates: bool = True  # whether the group counts held-out rows
    promise: Promise | None = None  # to people, of a rule that adds noise
    bears: int = 1  # liars that the plan covers, if there are not more

    @property
    def liars(self) -> int:
        """How many peers lie."""
        return len(self.attacks)

    @property
    def attack(self) -> str:
        """All attacks by name, for the result: "sign-flip", "sign-flip,bad-share", "none"."""
        return ",".join(dict.fromkeys(self.attacks)) or "none"

    @property
    def plan(self) -> CommitteePlan:
        """The committee: everybody sits, or, if ``gone`` is given, what a genesis with that share
        derives. Checked when the options were made."""
        if self.gone is None:
            return plan_swarm(self.peers, max(self.liars, self.bears), self.absent)
        return self._group_plan()

    def _group_plan(self) -> CommitteePlan:
        """What every member derives from the genesis."""
        return plan_group(
            self.peers,
            self.adversary,
            self.dropout,
            absent=self.genesis_absent,
            selected=self.clients,
        )

    def check_plan(self) -> None:
        """Raises PlanError where the sizes have no plan."""
        _ = self.plan
        if self.clients is not None:
            self._group_plan()

    @property
    def adversary(self) -> Fraction:
        """β such that ⌊βn⌋ covers the liars."""
        return Fraction(max(self.liars, self.bears), self.peers)

    @property
    def dropout(self) -> Fraction:
        """q such that ⌊qn⌋ is ``gone``, or else the plan's e."""
        gone = self.plan.absent if self.gone is None else self.gone
        return Fraction(gone, self.peers)

    @property
    def genesis_absent(self) -> int | None:
        """e as the genesis says it: with it every member derives ``plan``."""
        return self.plan.absent if self.gone is None else self.absent

    def lie_of(self, index: int) -> str | None:
        """The attack of the peer at ``index``; None for an honest one."""
        first = self.peers - self.liars
        return self.attacks[index - first] if index >= first else None


def swarm_options(
    *,
    peers: int,
    rounds: int,
    work: TaskRequest,
    liars: int,
    attack: str,
    seed: int,
    kills: Iterable[str] = (),
    absent: int | None = None,
    gone: int | None = None,
    clients: int | None = None,
    weights: str | None = None,
    evaluates: bool = True,
    promise: Promise | None = None,
) -> SwarmOptions:
    """Check a request from the command line. ConfigError, for sizes without a plan too."""
    if 0 <= peers < SMALLEST_GROUP:
        raise ConfigError(
            f"--peers {peers}: a group has at least {SMALLEST_GROUP}",
            "every plan covers one liar, and among fewer peers none can be found out",
        )
    _in_range("--peers", peers, SMALLEST_GROUP, MAX_PEERS)
    _in_range("--rounds", rounds, 1, MAX_ROUNDS)
    _in_range("--seed", seed, 0, MAX_SEED)
    _in_range("--liars", liars, 0, peers)
    options = SwarmOptions(
        peers=peers,
        rounds=rounds,
        work=work,
        attacks=_attacks(attack, liars),
        seed=seed,
        kills=tuple(_kill(text, peers, rounds) for text in kills),
        absent=absent,
        gone=gone,
        clients=clients,
        weights=_weights(weights, peers),
        evaluates=evaluates,
        promise=promise,
    )
    if gone is not None:
        _in_range("--gone", gone, 0, peers)
    if clients is not None:
        _in_range("--clients", clients, 1, peers)
    _check_attacks(options)
    try:
        options.check_plan()
    except PlanError as error:
        raise ConfigError(f"--peers {peers} --liars {liars}: {error}") from None
    return options


def _attacks(text: str, liars: int) -> tuple[str, ...]:
    names = [check_name(name.strip()) for name in text.split(",")]
    if len(names) == 1:
        return tuple(names * liars)
    if len(names) != liars:
        raise ConfigError(
            f"--attack names {len(names)} attacks for {liars} liars",
            "name one for all, or one for each",
        )
    return tuple(names)


def _check_attacks(options: SwarmOptions) -> None:
    """No liar is to be as honest as all others because the group lacks what it lies about."""
    noisy = options.promise is not None or private(options.work.rule()) is not None
    asked = set(options.attacks)
    if not noisy and (about := sorted(asked & set(NOISE_LIES))):
        raise ConfigError(
            f"--attack {about[0]}: {options.work.aggregator} adds no noise",
            "take a rule that does, such as --aggregator dp-sgd",
        )
    if OVERCOUNT in asked and (noisy or not options.evaluates):
        raise ConfigError(
            f"--attack {OVERCOUNT}: the group counts no held-out rows",
            "leave --no-evaluation out, and take a rule without noise",
        )


def _weights(text: str | None, peers: int) -> tuple[int, ...]:
    if text is None:
        return ()
    words = text.split(",")
    if len(words) != peers or not all(_WEIGHT.fullmatch(word) for word in words):
        raise ConfigError(
            f"--weights {text}: not {peers} positive whole numbers", "one a peer: 3,1,1,1"
        )
    return tuple(int(word) for word in words)


def _kill(text: str, peers: int, rounds: int) -> Kill:
    found = _KILL.fullmatch(text)
    if found is None:
        raise ConfigError(f"--kill {text}: not PEER@ROUND", "for example --kill 3@5")
    peer, number = int(found[1]), int(found[2])
    _in_range("--kill's peer", peer, 0, peers - 1)
    _in_range("--kill's round", number, 0, rounds - 2)  # it needs a round to catch up in
    return Kill(peer, number)


def _in_range(what: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ConfigError(f"{what} {value}: must be in {least}…{most}")

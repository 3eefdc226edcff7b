"""The metrics of one daemon, collected when somebody asks for them.

A registry of our own: libp2p, and any library that it loads, registers with the process's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

import peerd
from peerd.group import Genesis
from peerd.identity import peer_id_of
from peerd.learning import Trainer
from peerd.metrics.probes import Probes
from peerd.metrics.tally import Tally
from peerd.transport.links import Link

STATES = (
    *("starting", "joining", "gathering", "running", "resting", "handing over"),
    *("stopped", "finished", "budget spent"),
)
GROUP_DIGITS = 16
SHORTEST = 8
"""Characters of a peer id's end, which tell members apart."""
Labels = tuple[str, ...]
Values = Iterable[tuple[Labels, float | None]]


@dataclass(frozen=True, slots=True)
class Numbers:
    """What counts."""

    tally: Tally
    probes: Probes
    trainer: Trainer


@dataclass(frozen=True, slots=True)
class Documents:
    """What is asked: the status; the summaries of the last so many rounds; a link for each other
    member.
    """

    status: Callable[[], Mapping[str, Any]]
    rounds: Callable[[int], Sequence[Mapping[str, Any]]]
    links: Callable[[], Sequence[Link]]


class Exposition:
    """``text()`` is what Prometheus reads of ``me``, a public key of the group's roster."""

    def __init__(self, genesis: Genesis, me: bytes, numbers: Numbers, ask: Documents) -> None:
        self._group_id = genesis.group_id.hex()[:GROUP_DIGITS]
        self._delta = genesis.delta_ms / 1000
        self._me = me
        self._numbers = numbers
        self._ask = ask
        self._labels = dict(zip(genesis.roster, member_labels(genesis), strict=True))
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        ProcessCollector("peerd_worker", self._worker, registry=self._registry)

    def text(self) -> bytes:
        """UTF-8, in the format's version 0.0.4."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The registry calls this."""
        status = self._ask.status()
        yield from self._identity(status)
        yield from self._round(status)
        yield from self._group(status)
        yield from self._peers()
        yield from self._costs()
        yield from self._evaluation(status)
        yield from _privacy(status)
        yield from self._machine()

    def _worker(self) -> int | str:
        """A process id that nobody has, while there is no worker."""
        return self._numbers.trainer.process_id or "none"

    # -- by subject ----------------------------------------------------------------------------

    def _identity(self, status: Mapping[str, Any]) -> Iterator[Metric]:
        names = ("version", "group", "peer", "name")
        here = (peerd.__version__, self._group_id, *self._labels[self._me])
        yield _gauge("peerd_info", "This daemon, its group and its peer.", [(here, 1)], names)
        state, phase = str(status.get("state")), status.get("phase")
        states = dict.fromkeys((*STATES, state), 0) | {state: 1}
        yield _gauge(
            "peerd_state",
            "1 for the state that the daemon is in.",
            [((name,), value) for name, value in states.items()],
            ("state",),
        )
        phases = [] if phase is None else [((str(phase),), 1)]
        yield _gauge("peerd_phase", "1 for the phase that the daemon is in.", phases, ("phase",))
        draining = bool(status.get("draining"))
        yield _number("peerd_draining", "1 while the daemon begins nothing new.", draining)
        warnings = len(status.get("warnings") or ())
        yield _number("peerd_warnings", "Warnings that the status shows.", warnings)
        alarms = _by_name(self._numbers.tally.alarms)
        yield _counter("peerd_alarms", "Alarms that rang, by reason.", alarms, ("reason",))

    def _round(self, status: Mapping[str, Any]) -> Iterator[Metric]:
        tally = self._numbers.tally
        yield _number("peerd_round", "The round in progress.", status.get("round"))
        yield _number("peerd_attempt", "The attempt at it, from 0 on.", status.get("attempt"))
        head = status.get("head")
        yield _number("peerd_head_round", "The last certified round; -1 before the first.", head)
        yield _number(
            "peerd_last_round_age_seconds",
            "Since a round ended here, or since the start where none has.",
            tally.age,
        )
        yield _counter(
            "peerd_rounds", "Rounds that ended, by outcome.", _by_name(tally.rounds), ("outcome",)
        )
        yield _counter("peerd_attempts", "Attempts at rounds that began here.", tally.attempts)
        yield _counter(
            "peerd_attempts_aborted",
            "Attempts that ended without a result, by reason.",
            _by_name(tally.aborted),
            ("reason",),
        )
        yield _counter(
            "peerd_dropped_frames",
            "Frames that were refused at the door, by reason.",
            _by_name(tally.dropped),
            ("reason",),
        )

    def _group(self, status: Mapping[str, Any]) -> Iterator[Metric]:
        tally, links = self._numbers.tally, self._ask.links()
        members = len(self._labels)
        yield _number("peerd_roster_peers", "Members of the group.", members)
        connected = sum(link.connected for link in links)
        yield _number("peerd_connected_peers", "Other members that are connected.", connected)
        yield _number("peerd_delta_seconds", "In it a small message has arrived.", self._delta)
        waiting = status.get("waiting")
        if isinstance(waiting, list):
            yield _number("peerd_waiting_peers", "Members that are awaited.", len(waiting))
        yield _counter("peerd_blames", "Blames that came up since the start.", tally.blames)
        yield _number(
            "peerd_guilty_members", "Members of whom there is evidence.", len(tally.guilty)
        )

    def _peers(self) -> Iterator[Metric]:
        tally = self._numbers.tally
        names = ("peer", "name")
        members = [(labels, index) for index, labels in enumerate(self._labels.values())]
        yield _counter(
            "peerd_peer_absent_rounds",
            "Rounds that ended here without a member's word.",
            [(label, tally.absent[index]) for label, index in members],
            names,
        )
        yield _gauge(
            "peerd_peer_guilty",
            "1 for a member of whom there is evidence.",
            [(label, index in tally.guilty) for label, index in members],
            names,
        )
        links = [(self._labels[link.peer], link) for link in self._ask.links()]
        yield _gauge(
            "peerd_peer_connected",
            "1 for a member that is connected.",
            [(label, link.connected) for label, link in links],
            names,
        )
        yield _gauge(
            "peerd_peer_rtt_seconds",
            "There and back, measured last.",
            [(label, link.rtt) for label, link in links],
            names,
        )
        yield _gauge(
            "peerd_peer_queued_bytes",
            "Frames that a member has not acknowledged.",
            [(label, link.queued_bytes) for label, link in links],
            names,
        )
        yield _counter(
            "peerd_peer_received_bytes",
            "From a member, decrypted.",
            [(label, link.bytes_in) for label, link in links],
            names,
        )
        yield _counter(
            "peerd_peer_sent_bytes",
            "To a member, before encryption.",
            [(label, link.bytes_out) for label, link in links],
            names,
        )
        yield _counter(
            "peerd_peer_outbox_dropped_frames",
            "Frames to a member that found no room.",
            [(label, link.dropped_frames) for label, link in links],
            names,
        )

    def _costs(self) -> Iterator[Metric]:
        """By phase, of rounds that were completed here."""
        costs = self._numbers.tally.costs
        for name, key, says in (
            ("seconds", "wall_seconds", "Time in a phase."),
            ("cpu_seconds", "cpu_seconds", "The daemon's CPU time in a phase."),
            ("received_bytes", "bytes_in", "Received in a phase."),
            ("sent_bytes", "bytes_out", "Sent in a phase."),
        ):
            yield _counter(f"peerd_phase_{name}", says, _by_name(costs[key]), ("phase",))

    def _evaluation(self, status: Mapping[str, Any]) -> Iterator[Metric]:
        known = [each for each in self._ask.rounds(2) if each.get("accuracy") is not None]
        here: Mapping[str, Any] = known[-1] if known else {}
        yield _number(
            "peerd_local_accuracy",
            "On this site's held-out rows, by its task.",
            here.get("accuracy"),
        )
        yield _number("peerd_local_loss", "On this site's held-out rows.", here.get("loss"))
        group = status.get("evaluation") or {}
        for name, key, says in (
            ("accuracy_ratio", "accuracy", "Over the held-out rows of all sites."),
            ("accuracy_within_ratio", "within", "How far liars may have moved it."),
            ("loss", "loss", "The mean of the sites' losses."),
            ("held_out_rows", "rows", "Rows of all sites that it is about."),
        ):
            yield _number(f"peerd_group_{name}", says, group.get(key))

    def _machine(self) -> Iterator[Metric]:
        trainer, probes = self._numbers.trainer, self._numbers.probes
        yield _counter("peerd_worker_restarts", "Training workers that ended.", trainer.restarts)
        yield _counter("peerd_trainings", "Updates that were trained.", trainer.trainings)
        yield _counter(
            "peerd_training_seconds", "From a model to its update.", trainer.training_seconds
        )
        yield _number(
            "peerd_event_loop_lag_seconds", "The longest delay of the last minute.", probes.lag
        )
        yield _number("peerd_data_bytes", "The data directory, on the disk.", probes.data_bytes)
        yield _number("peerd_disk_free_bytes", "Free on its file system.", probes.free_bytes)


def _privacy(status: Mapping[str, Any]) -> Iterator[Metric]:
    """What is not promised has no sample."""
    found = status.get("privacy") or {}
    for name, key, says in (
        ("rounds_spent", "rounds_opened", "Rounds that count against the privacy budget."),
        ("rounds_limit", "rounds_max", "Rounds that the privacy budget allows."),
        ("epsilon_spent", "epsilon_spent", "Epsilon of the lineage's rounds so far."),
        ("epsilon_limit", "epsilon_budget", "Epsilon that is promised."),
    ):
        yield _number(f"peerd_privacy_{name}", says, found.get(key))


def member_labels(genesis: Genesis) -> list[Labels]:
    """(peer, name) of each member: the end of its peer id, as long as it must be to tell all
    apart, and the name that the genesis gives it; empty without one.
    """
    ids = [peer_id_of(public) for public in genesis.roster]
    length = next(n for n in range(SHORTEST, 64) if len({each[-n:] for each in ids}) == len(ids))
    return [(each[-length:], genesis.name_of(index) or "") for index, each in enumerate(ids)]


def _by_name(counts: Mapping[str, float]) -> Values:
    return [((name,), value) for name, value in sorted(counts.items())]


def _number(name: str, says: str, value: float | None) -> Metric:
    return _gauge(name, says, [((), value)])


def _gauge(name: str, says: str, values: Values, labels: Labels = ()) -> Metric:
    family = GaugeMetricFamily(name, says, labels=labels)
    _fill(family, values)
    return family


def _counter(name: str, says: str, values: Values | float, labels: Labels = ()) -> Metric:
    """``name`` without the ``_total`` that its samples have."""
    family = CounterMetricFamily(name, says, labels=labels)
    _fill(family, [((), values)] if isinstance(values, int | float) else values)
    return family


def _fill(family: GaugeMetricFamily | CounterMetricFamily, values: Values) -> None:
    """What is not known has no sample."""
    for labels, value in values:
        if value is not None:
            family.add_metric(labels, float(value))

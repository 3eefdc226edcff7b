"""What is known of each daemon while it runs, from its events. Pure: events in, lines out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from peerd.cli.output import decimal, measures, short, size
from peerd.cli.rounds import over_all
from peerd.laboratory.swarm.result import absent_in, sent_in

STARTING = "starting"
COMPLETED = "completed"


@dataclass(slots=True)
class PeerView:
    """One row of the table."""

    index: int
    peer: str
    lie: str | None
    state: str = STARTING
    round: int | None = None
    phase: str = ""
    accuracy: float | None = None
    group: str | None = None  # accuracy over all sites' rows, as people read it
    bytes: int = 0
    model_hash: str | None = None
    finished: int | None = None  # the last round that it finished
    evaluated: int | None = None  # the last round whose model it evaluated
    blamed: dict[str, str] = field(default_factory=dict)  # peer id → reason
    resident: int = 0  # bytes

    @property
    def honest(self) -> bool:
        """Whether it was told to lie."""
        return self.lie is None


class Watch:
    """Every peer's view, fed with events; ``lines`` collects what plain output prints.

    ``first`` and ``rounds`` fix which rounds the swarm runs: first … first + rounds − 1.
    """

    def __init__(self, peers: Sequence[tuple[str, str | None]], rounds: int, first: int) -> None:
        self.views = [PeerView(index, peer, lie) for index, (peer, lie) in enumerate(peers)]
        self.last = first + rounds - 1
        self.first = first
        self._names = {peer: f"peer {index}" for index, (peer, _) in enumerate(peers)}
        self._told: set[tuple[object, ...]] = set()
        self._untold: dict[int, Mapping[str, object]] = {}  # rounds that await their evaluation
        self.lines: list[str] = []
        self.waits: dict[int, str] = {}  # by peer, what it last said of a long wait
        self.of_group: dict[int, float] = {}  # by round, accuracy over all sites' rows
        self.of_sites: dict[int, float] = {}  # by round, over one honest site's own

    def state(self, index: int, state: str) -> None:
        """The process started, was killed, ended."""
        self.views[index].state = state

    def event(self, index: int, event: Mapping[str, object]) -> None:
        """Take one event of the daemon at ``index``; unknown kinds change nothing."""
        view = self.views[index]
        match event.get("kind"):
            case "phase":
                self._phase(view, event)
            case "round":
                self._round(view, event)
            case "blame":
                self._blame(view, event)
            case "attempt":
                self._aborted(view, event)
            case "evaluation":
                view.accuracy = _number(event.get("accuracy"), None)
                self._evaluated(view, event)
            case "waiting" if view.honest:
                self.waits[index] = str(event.get("text"))
            case "waited":
                self.waits.pop(index, None)

    def done(self) -> bool:
        """Whether every honest peer has finished the last round."""
        return all(map(self._finished_all, filter(lambda view: view.honest, self.views)))

    def anybody_done(self) -> bool:
        """Whether an honest peer has finished the last round: the others can ask for it."""
        return any(map(self._finished_all, filter(lambda view: view.honest, self.views)))

    def _finished_all(self, view: PeerView) -> bool:
        return view.finished is not None and view.finished >= self.last

    def settled(self, index: int) -> bool:
        """Whether the peer has finished the last round and evaluated its model."""
        view = self.views[index]
        return view.finished is not None and view.finished >= self.last == view.evaluated

    def name(self, peer: object) -> str:
        """``peer 3`` for its peer id."""
        return self._names.get(str(peer), short(peer))

    def take_lines(self, *, everything: bool = False) -> list[str]:
        """The lines since the last call. At the end, ``everything`` that waits is told too."""
        if everything:
            for number in list(self._untold):
                self._tell_round(number, {})
        lines, self.lines = self.lines, []
        return lines

    def _phase(self, view: PeerView, event: Mapping[str, object]) -> None:
        number = event.get("round")
        view.round = number if isinstance(number, int) else view.round
        view.phase = str(event.get("phase", ""))
        view.state = "running"

    def _round(self, view: PeerView, event: Mapping[str, object]) -> None:
        number = event.get("round")
        if not isinstance(number, int):
            return
        view.round = number
        view.phase = str(event.get("outcome", ""))
        view.finished = number if view.finished is None else max(view.finished, number)
        if _is_evaluated(event):
            view.accuracy, view.evaluated = _number(event.get("accuracy"), None), number
        view.group = over_all(event.get("group")) or view.group
        if view.honest:
            self._measured(number, event)
        view.bytes += sent_in(event)
        model = event.get("model_hash")
        view.model_hash = str(model) if model else view.model_hash
        blamed = event.get("blamed")
        for each in blamed if isinstance(blamed, list) else ():
            if isinstance(each, dict):
                self._blame(view, each | {"round": number})
        if view.honest:
            self._finished(number, event)

    def _measured(self, number: int, event: Mapping[str, object]) -> None:
        group = event.get("group")
        over = group.get("accuracy") if isinstance(group, Mapping) else None
        for found, value in ((self.of_group, over), (self.of_sites, event.get("accuracy"))):
            if isinstance(value, int | float):
                found.setdefault(number, float(value))

    def _finished(self, number: int, event: Mapping[str, object]) -> None:
        """Told when its evaluation is there, or the next round is."""
        key = ("round", number, event.get("outcome"), event.get("reason"))
        if key in self._told or ("round", number, COMPLETED, None) in self._told:
            return
        self._told.add(key)
        for earlier in [each for each in self._untold if each < number]:
            self._tell_round(earlier, {})
        self._untold[number] = event
        if event.get("outcome") != COMPLETED or _is_evaluated(event):
            self._tell_round(number, event)

    def _evaluated(self, view: PeerView, event: Mapping[str, object]) -> None:
        number = event.get("round")
        if isinstance(number, int):
            view.evaluated = number
        if view.honest and isinstance(number, int) and number in self._untold:
            self._tell_round(number, event)

    def _aborted(self, view: PeerView, event: Mapping[str, object]) -> None:
        key = ("attempt", event.get("round"), event.get("attempt"), event.get("reason"))
        if view.honest and key not in self._told:
            self._told.add(key)
            _, number, attempt, reason = key
            why = f": {event['meaning']}" if event.get("meaning") else ""
            self.lines.append(f"round {number}: attempt {attempt} aborted: {reason}{why}")

    def _tell_round(self, number: int, evaluation: Mapping[str, object]) -> None:
        event = self._untold.pop(number)
        accuracy = _number(evaluation.get("accuracy"), None)
        outcome, reason = event.get("outcome"), event.get("reason")
        absent = absent_in(event)
        parts = [f"round {number}: {outcome}" + (f" ({reason})" if reason else "")]
        if accuracy is not None:
            parts.append(f"accuracy {decimal(accuracy)}")
        elif metrics := measures(evaluation.get("metrics")):
            parts.append(metrics)
        elif evaluation.get("warnings"):
            parts.append("accuracy unknown")
        if (group := over_all(event.get("group"))) is not None:
            parts.append(f"group before it {group}")
        parts.append(f"model {short(event.get('model_hash'))}")
        parts.append(f"{_number(event.get('seconds'), 0.0) or 0.0:.1f} s")
        parts.append(f"{size(sent_in(event))} sent by a peer")
        if absent:
            parts.append("absent: " + ", ".join(map(self.name, absent)))
        self.lines.append(", ".join(parts))

    def _blame(self, view: PeerView, event: Mapping[str, object]) -> None:
        culprit, reason = str(event.get("peer")), str(event.get("reason"))
        view.blamed.setdefault(culprit, reason)
        key = ("blame", culprit, reason)
        if view.honest and key not in self._told:
            self._told.add(key)
            where = f"round {event.get('round')}: " if event.get("round") is not None else ""
            self.lines.append(f"{where}{self.name(culprit)} is blamed: {reason}")


def _number(value: object, otherwise: float | None) -> float | None:
    return float(value) if isinstance(value, int | float) else otherwise


def _is_evaluated(event: Mapping[str, object]) -> bool:
    """Whether an evaluation is in a round's summary: with its warnings, where it has failed.

    A regression has a loss and no accuracy.
    """
    known = event.get("accuracy") is not None or event.get("loss") is not None
    return known or bool(event.get("warnings"))

"""What the session's effects mean, told to people: the log, the status and its events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import structlog

from peerd.learning.trained import Evaluation
from peerd.runner.aborts import stopped
from peerd.runner.absences import Absences
from peerd.runner.drops import Drops
from peerd.runner.evidence.keeping import Disk
from peerd.runner.operators.approvals import counting, kept_approvals
from peerd.runner.operators.approvals import shown as approval_shown
from peerd.runner.records import Records
from peerd.runner.spending import BUDGET_SPENT, reached, spending, warning
from peerd.status.board import StatusBoard
from peerd.storage import Store
from protocols.record.effects import (
    Abandonment,
    Aborted,
    Adopted,
    Announced,
    Approved,
    Blame,
    Completed,
    Dropped,
    Effect,
    Phase,
    Spent,
    Staying,
    Stopped,
)
from protocols.record.position import tip_of
from protocols.record.setting import Setting
from protocols.record.spending import is_spent
from protocols.session.events import Peer

log = structlog.get_logger(__name__)

RESTING = "resting"
"""The board's state, and how the session's phase begins, while the group has paused."""
RUNNING = "running"


class Teller:
    def __init__(
        self, setting: Setting, session: Peer, store: Store, board: StatusBoard, records: Records
    ) -> None:
        self._setting = setting
        self._session = session
        self._store = store
        self._board = board
        self._records = records
        self._drops = Drops()
        self._disk = Disk(store, board)
        self._absences = Absences(records, board)
        self._state = RUNNING
        self._warned = 0
        self.connected: Callable[[], frozenset[int]] = frozenset
        """The other members that are."""
        self.on_spent: Callable[[int, float], None] = lambda round_, share: None
        """Told of each threshold of the privacy budget, and the share that is spent."""

    def start(self) -> None:
        """What an earlier life left."""
        self._disk.show()
        self._show_approvals()
        self._show_spending()

    def tell(self, effect: Effect) -> None:
        """Most effects are nobody's business."""
        match effect:
            case Staying(since):
                self._board.update(paused_from=since)
            case Announced(since):
                self._absences.hear(since, self.connected())
            case Blame():
                shown = self._records.blame(effect)
                log.warning("blamed", round=effect.round, **shown)
                self._board.publish("blame", round=effect.round, **shown)
            case Phase():
                self._phase(effect)
            case Aborted():
                self._aborted(effect)
            case Stopped():
                self._stopped(effect)
            case Approved():
                shown = self._approval(effect)
                log.warning("an operator approves", **shown)
                self._board.publish("approval", **shown)
                self._show_approvals()
            case Spent(round_):
                self._spent(round_)
            case Abandonment():
                self._abandonment(effect)
            case Dropped(peer, reason):
                self._drops.note(self._records.name(peer), self._records.told(reason))
            case _:
                pass

    def completed(
        self, effect: Completed, cost: Mapping[str, object], group: dict[str, Any] | None
    ) -> None:
        """``cost``: what the meter read of the round. ``group``: what it measured together."""
        self._drops.next_round()
        missed = self._records.unannounced(effect.absent, effect.round)
        effect = replace(effect, absent=missed)
        summary = self._records.summary(effect, dict(cost)) | {"group": group}
        best = self._records.measured(effect.round, group)
        self._store.put_round(effect.round, summary)  # last: what is missing without it is made up
        self._board.update(evaluation=group, best=best, absent=summary["absent"])
        self.head(effect.round, effect.model_hash)
        absent = [self._records.called(peer) for peer in effect.absent]
        told = {"seconds": summary["seconds"], "absent": absent}
        told = {name: value for name, value in told.items() if value}
        log.info("round completed", round=effect.round, model=effect.model_hash.hex(), **told)

    def adopted(self, effect: Adopted) -> None:
        """Rounds that others ended without this peer."""
        last = effect.rounds[-1]
        log.info("caught up", round=last.round)
        self.head(last.round, last.end.model)

    def evaluated(self, round_: int, found: Evaluation) -> None:
        """For display: what fails is a warning on the round, and the group's business goes on."""
        for line in found.warnings:
            log.warning("a round's evaluation failed", round=round_, reason=line)
        self._board.warn("evaluation", [f"round {round_}: {line}" for line in found.warnings])
        self._board.publish("evaluation", round=round_, **asdict(found))
        summary = self._records.evaluated(round_, found)
        if summary is not None:
            self._board.publish("round", **summary)

    def head(self, round_: int, model: bytes) -> None:
        """The last certified round, and its model's hash."""
        finished = self._session.finished
        self._board.update(**shown_head(round_, model, finished=finished, state=self._state))
        if finished and is_spent(self._setting, self._session.position.ledger):
            self._board.update(state=BUDGET_SPENT)
        self._disk.show()
        self._show_approvals()
        self._show_spending()

    def unsendable(self, peer: int, error: ValueError) -> None:
        """The round goes on, or gives up, without this frame."""
        log.error("a frame can't be sent", peer=self._records.name(peer), reason=str(error))

    def _phase(self, effect: Phase) -> None:
        round_, attempt, name = effect.round, effect.attempt, effect.name
        if round_ >= self._session.position.round:  # else it is told late, and is over
            self._enter(name)
            place = {"round": round_, "attempt": attempt}
            self._board.update(phase=name, state=self._state, **place)
        self._board.publish("phase", round=round_, attempt=attempt, phase=name)

    def _enter(self, phase: str) -> None:
        """``running``, or ``resting`` from a pause on until the group goes on; or its budget is
        spent.
        """
        if phase.startswith(BUDGET_SPENT):
            if self._state != BUDGET_SPENT:
                log.warning("the privacy budget is spent: the group opens nothing more")
            self._state = BUDGET_SPENT
            return
        rests = phase.startswith(RESTING)
        if rests and self._state != RESTING:
            quorum = self._setting.roster_quorum
            log.warning("the group rests", goes_on=f"once {quorum} operators run 'group resume'")
        elif self._state == RESTING and not rests:
            log.warning("the group goes on")
        self._state = RESTING if rests else RUNNING

    def _show_spending(self) -> None:
        """What of the privacy budget is spent, and a warning from each threshold on."""
        found = spending(self._setting, self._session.position.ledger.charged)
        self._board.update(privacy=found)
        if found is None:
            return
        opened, most = found["rounds_opened"], found["rounds_max"]
        line, now = warning(opened, most), reached(opened, most)
        self._board.warn("privacy", [] if line is None else [line])
        if now > self._warned:
            log.warning("the privacy budget is being spent", reached=f"{now} %", rounds=opened)
            self.on_spent(max(0, self._session.position.round - 1), opened / most)
        self._warned = now

    def _spent(self, round_: int) -> None:
        text = f"this peer's approval was of the pause of round {round_}, and of no other"
        log.info(text)
        self._board.publish("spent", round=round_, text=text)

    def _aborted(self, effect: Aborted) -> None:
        shown = self._records.aborted(effect, self._setting.deadlines)
        log.warning("attempt aborted", round=effect.round, **shown)
        why = {name: shown[name] for name in ("meaning", "advice")}
        self._board.update(reason=effect.reason, **why)
        self._board.publish("attempt", round=effect.round, **shown)

    def _stopped(self, effect: Stopped) -> None:
        shown = stopped(effect)
        log.error("the group can't go on without its operators", reason=effect.reason, **shown)
        self._board.update(state="stopped", reason=effect.reason, **shown)
        self._board.publish("stopped", round=effect.round, reason=effect.reason, **shown)

    def _abandonment(self, effect: Abandonment) -> None:
        names = [self._records.name(peer) for peer in effect.signers]
        called = [self._records.called(peer) for peer in effect.signers]
        log.warning("operators give up the cohort", round=effect.round, signed=called)
        self._board.publish("abandon", round=effect.round, attempt=effect.attempt, signed=names)
        self._board.update(abandoned_by=names)

    def _approval(self, said: Approved) -> dict[str, Any]:
        return {**self._records.member(said.peer), **approval_shown(said)}

    def _show_approvals(self) -> None:
        """Those that may still count; ``quorum`` of one thing are needed."""
        tip = tip_of(self._setting, self._session.position)
        known = counting(kept_approvals(self._store, self._setting.group), self._setting.group, tip)
        shown = [self._approval(each) for each in known]
        self._board.update(approvals=shown, quorum=self._setting.roster_quorum)


def shown_head(
    round_: int, model: bytes, *, finished: bool, state: str = RUNNING
) -> dict[str, object]:
    """What the status says once a round is over: whoever has finished is in no phase."""
    told: dict[str, object] = {
        "reason": None,
        "meaning": None,
        "advice": None,
        "abandon": None,
        "abandoned_by": [],
    }
    ended = {"state": "finished", "phase": None, "attempt": None}
    stands = ended if finished else {"state": state}
    return {"head": round_, "model_hash": model.hex(), **told, **stands}

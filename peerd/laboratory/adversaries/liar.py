"""A liar: an honest session, and what stands between it and the others.

The honest session inside takes every event and says what an honest peer would say. What comes out
passes through the liar's tricks, and everything else in order. What others then say about it passes
back: the session inside is shown its own statement in place of what was said instead, and where
that can't be, because others have signed it, it is kept from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from peerd.laboratory.adversaries.keys import Keys
from peerd.laboratory.adversaries.place import Place, Woken
from peerd.laboratory.adversaries.scene import Scene
from peerd.laboratory.adversaries.trick import Trick
from protocols.aggregation import model_hash
from protocols.aggregation.contract import Reference
from protocols.errors import WireError
from protocols.record.base import Base, Values
from protocols.record.door import open_message
from protocols.record.effects import Ask, Effect, Send, Step, Timer, step_of
from protocols.record.position import Position
from protocols.record.timers import ViewOver
from protocols.record.waits import Wait
from protocols.session.events import Approval, Order, Return, Stay
from protocols.session.session import Session
from protocols.wire.frames import HelloFrame, encode_frame
from protocols.wire.payloads import Kind, Topic
from protocols.wire.statement import Statement


class Lie:
    """What a peer lies in: one trick in each role at most. Without tricks it is honest."""

    def __init__(self, *tricks: type[Trick]) -> None:
        self.tricks = {trick.role: trick for trick in tricks}

    def __or__(self, other: Lie) -> Lie:
        """Both lies; in a role that both have, the other's."""
        return Lie(*{**self.tricks, **other.tricks}.values())

    def told_by(self, session: Session, keys: Keys) -> Liar:
        """``keys.secret_of`` is what the session draws its secrets with."""
        return Liar(session, keys, tuple(self.tricks.values()))


class Liar:
    """Takes the events of a session (protocols/session/events.py)."""

    def __init__(self, session: Session, keys: Keys, tricks: Sequence[type[Trick]]) -> None:
        self._session = session
        self._keys = keys
        self._kinds = tricks
        self._scenes: dict[tuple[int, int], Scene] = {}
        self._base: tuple[int, Base] | None = None
        self._values: tuple[int, Values] | None = None
        self._approvals: dict[bytes, Statement] = {}

    @property
    def me(self) -> int:
        return self._session.me

    @property
    def position(self) -> Position:
        return self._session.position

    @property
    def finished(self) -> bool:
        return self._session.finished

    def waits(self) -> tuple[Wait, ...]:
        return self._session.waits()

    # -- events --------------------------------------------------------------------------------

    def start(self, present: Iterable[int]) -> list[Step]:
        return self._pass(self._session.start(present))

    def on_present(self, present: Iterable[int]) -> list[Step]:
        return self._pass(self._session.on_present(present))

    def on_connected(self, peer: int) -> list[Step]:
        return self._pass(self._session.on_connected(peer))

    def on_timer(self, timer: Timer) -> list[Step]:
        if isinstance(timer.event, Woken):
            if timer.place in self._scenes:
                self._scenes[timer.place].wake()
            return self._pass([])
        return self._pass(self._session.on_timer(timer))

    def on_answer(self, ask: Ask, data: bytes) -> list[Step]:
        return self._pass(self._session.on_answer(ask, data))

    def on_order(self, order: Order | Approval | Stay | Return) -> list[Step]:
        return self._pass(self._session.on_order(order))

    def on_update(
        self, round_: int, values: Values, reference: Reference | None = None
    ) -> list[Step]:
        if round_ == self.position.round and self._values_of(round_) is None:
            self._values = round_, values
            if reference is not None:
                self._base_of_round().take(reference)
            self._learn(self._session.place)
        if self._keeps_update:
            return self._pass([])
        return self._pass(self._session.on_update(round_, values, reference))

    def on_message(self, sender: int, data: bytes) -> list[Step]:
        try:
            message = open_message(self._session.setting, sender, data)
        except WireError:
            return self._pass(self._session.on_message(sender, data))
        if message.statement is not None and message.statement.kind is Kind.APPROVE:
            self._approvals[message.statement.hash] = message.statement
            return self._pass(self._session.on_message(sender, data))
        frame, scene = message.frame, self._scene_of(message.place)
        if scene is None:
            out = self._pass(self._session.on_message(sender, data))
            return out + (self._repeated(sender, out) if isinstance(frame, HelloFrame) else [])
        place = scene.place
        if (place.round, place.attempt) >= self._session.place:
            scene.hear(sender, frame)
        told = scene.admit(frame)
        if told is not None:
            data = data if told == frame else encode_frame(told)
            return [step_of(scene.added()), *self._pass(self._session.on_message(sender, data))]
        return [step_of(scene.added()), *self._pass([])]

    def _repeated(self, peer: int, answer: Iterable[Step]) -> list[Step]:
        """Whom the session inside sends everything again, the tricks do so too."""
        scene = self._scenes.get(self._session.place)
        sends = (effect for step in answer for effect in step.request if isinstance(effect, Send))
        answered = any(send.peers == (peer,) for send in sends)
        return [step_of(scene.repeated(peer))] if scene is not None and answered else []

    # -- the update ----------------------------------------------------------------------------

    @property
    def _keeps_update(self) -> bool:
        """From the session inside, which would deal it. A rule's reference it can't do without."""
        deals = any(trick.deals for trick in self._kinds)
        return deals and not self._session.setting.aggregator.uses_reference

    def _values_of(self, round_: int) -> Values | None:
        return self._values[1] if self._values is not None and self._values[0] == round_ else None

    def _base_of_round(self) -> Base:
        position = self.position
        if self._base is None or self._base[0] != position.round:
            self._base = position.round, Base(self._session.setting, model_hash(position.model))
        return self._base[1]

    def _learn(self, at: tuple[int, int]) -> None:
        """An attempt of this round is told what the round's update is."""
        scene = self._scenes.get(at)
        if scene is None or at[0] != self.position.round:
            return
        scene.place.base, scene.place.position = self._base_of_round(), self.position
        values = self._values_of(at[0])
        if values is not None and scene.place.values is None:
            scene.place.values = values
            for trick in scene.tricks:
                trick.trained()

    # -- what comes out ------------------------------------------------------------------------

    def _pass(self, steps: Iterable[Step]) -> list[Step]:
        """What comes of these steps, and of all that the liar then tells itself."""
        out = [self._replaced(step) for step in steps]
        for scene in list(self._scenes.values()):
            out.append(step_of(scene.added()))
        told = [frame for scene in self._scenes.values() for frame in scene.told()]
        for frame in told:
            out += self._pass(self._session.on_message(self.me, encode_frame(frame)))
        return out

    def _replaced(self, step: Step) -> Step:
        for timer in step.timers:
            if isinstance(timer.event, ViewOver):
                self._begin_view(timer.place, timer.event)
        if not step.request:
            return step
        return step_of(new for effect in step for new in self._replace(effect))

    def _replace(self, effect: Effect) -> list[Effect]:
        if not isinstance(effect, Send):
            return [effect]
        message = open_message(self._session.setting, self.me, effect.frame)
        scene = self._scene_of(message.place, make=True)
        if scene is None:  # a frame that belongs to no attempt
            return [effect]
        self._learn((scene.place.round, scene.place.attempt))
        return scene.say(effect, message.frame)

    def _begin_view(self, at: tuple[int, int], view: ViewOver) -> None:
        scene = self._scenes.get(at)
        if scene is None or view.topic != Topic.COHORT or not scene.place.is_elected:
            return
        leaders = scene.place.leaders
        if leaders[view.view % len(leaders)] == self.me:
            scene.leads(view.view)

    def _scene_of(self, at: tuple[int, int] | None, *, make: bool = False) -> Scene | None:
        """Of attempts that others name only the next ones are looked at."""
        session = self._session
        round_, attempt = session.place
        if at is None:
            return None
        if at not in self._scenes:
            near = at[0] <= round_ + 1 and at[1] <= attempt + 1
            if not (make or (at >= session.place and near)):
                return None
            self._scenes = {k: v for k, v in self._scenes.items() if k[0] >= round_ - 1}
            place = Place(session.setting, session.me, at, self._keys)
            place.approvals = self._approvals
            self._scenes[at] = Scene(place, self._kinds)
        return self._scenes[at]

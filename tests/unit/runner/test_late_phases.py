"""An attempt of a round that is over may still say so, while the next round's time is awaited."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import trio
import trio.testing
from test_unsendable_frames import Nobody, Says

from peerd.group.rhythm import Rhythm
from peerd.identity import Identity
from peerd.laboratory.simulation.swarm import FOUR, setting_of
from peerd.runner.driver import Driver
from peerd.runner.library import Library
from peerd.runner.records import Records
from peerd.runner.rhythm import Beat
from peerd.status.board import StatusBoard
from peerd.storage import Store
from peerd.transport import Transport
from protocols.record.effects import AwaitTime, Phase, Step, step_of
from protocols.record.setting import Setting
from protocols.session.states import Standing
from tests.patience import HANG


class Waits(Says):
    """Awaits the time of round 1, and says one phase more whenever the peers change."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting, b"")
        self.position = replace(self.position, round=1)
        self.says: list[Phase] = []

    def start(self, present: Iterable[int]) -> list[Step]:
        return [step_of([Phase(1, 0, Standing.WAITING.value), AwaitTime(1)])]

    def on_present(self, present: Iterable[int]) -> list[Step]:
        return [step_of([self.says.pop(0)])] if self.says else []


def test_they_end_no_wait_and_are_not_what_time_is_spent_in(tmp_path: Path) -> None:
    identities = sorted(
        (Identity(bytes([index]) * 32) for index in range(4)), key=lambda one: one.public
    )
    setting = replace(setting_of(FOUR, 1), roster=tuple(one.public for one in identities))

    async def story(store: Store) -> None:
        transport = Transport(
            identities[0], setting.group, setting.roster, "/ip4/127.0.0.1/tcp/0", Nobody()
        )
        board, session = StatusBoard(), Waits(setting)
        driver = Driver(
            setting,
            session,  # type: ignore[arg-type]
            store,
            transport,
            None,  # type: ignore[arg-type]
            board,
            Library(setting, store, transport),
            Records(store, setting.roster),
            Beat(Rhythm(every=3600), board),
        )

        async def says(phase: Phase) -> object:
            session.says.append(phase)
            driver.peers_changed.set()
            while session.says:
                await trio.sleep(0.01)
            await trio.testing.wait_all_tasks_blocked(0.05)
            return board.snapshot()["next_round_at"]

        with trio.fail_after(HANG):
            async with trio.open_nursery() as nursery:
                await nursery.start(driver.run)
                assert await says(Phase(0, 0, "over")) is not None
                assert driver._meter._phase == Standing.WAITING.value
                assert await says(Phase(1, 0, "electing")) is None
                assert driver._meter._phase == "electing"
                nursery.cancel_scope.cancel()

    with Store.open(tmp_path) as store:
        trio.run(story, store)

"""A frame that the transport refuses is told to the operator, and ends nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import structlog.testing
import trio

from peerd.identity import Identity
from peerd.laboratory.simulation.swarm import FOUR, first_model, setting_of
from peerd.runner.driver import Driver
from peerd.runner.library import Library
from peerd.runner.records import Records
from peerd.runner.rhythm import Beat
from peerd.status.board import StatusBoard
from peerd.storage import Store
from peerd.transport import Transport
from peerd.transport.limits import DEFAULT_LIMITS
from protocols.record.effects import Persist, Send, Step, step_of
from protocols.record.position import Position, first_position
from protocols.record.setting import Setting
from tests.patience import HANG

LARGEST = 1000
LIMITS = replace(DEFAULT_LIMITS, max_frame=LARGEST)
SENT: list[Persist | Send] = [
    Persist(0, "what", b"is signed"),
    Send((1, 2), bytes(LARGEST)),
    Send((3,), b"a vote"),
]


class Says:
    """A session that sends one frame more than fits, between others."""

    me = 0
    finished = False

    def __init__(self, setting: Setting, too_large: bytes) -> None:
        self.position: Position = first_position(setting, first_model(1, setting.parameters))
        self._too_large = too_large

    def start(self, present: Iterable[int]) -> list[Step]:
        return [step_of([SENT[0], Send((1, 2), self._too_large), *SENT[1:]])]

    def on_present(self, present: Iterable[int]) -> list[Step]:
        return [step_of([Send((1,), b"later")])]


class Nobody:
    """Addresses of peers that never come."""

    def addresses(self, public: bytes) -> tuple[str, ...]:
        return ()

    async def wait_for_change(self, public: bytes) -> None:
        await trio.sleep_forever()


def waiting(transport: Transport, peer: bytes) -> list[bytes]:
    lanes = transport._outboxes[peer].lanes.values()
    return [entry.frame for lane in lanes for entry in lane._unsent]


@pytest.mark.parametrize("size", [LARGEST + 1, 5 * LARGEST])
def test_the_others_are_sent_and_the_daemon_goes_on(size: int, tmp_path: Path) -> None:
    identities = sorted(
        (Identity(bytes([index]) * 32) for index in range(4)), key=lambda one: one.public
    )
    setting = replace(setting_of(FOUR, 1), roster=tuple(one.public for one in identities))

    async def story(store: Store) -> tuple[Transport, list[dict[str, object]]]:
        transport = Transport(
            identities[0], setting.group, setting.roster, "/ip4/127.0.0.1/tcp/0", Nobody(), LIMITS
        )
        driver = Driver(
            setting,
            Says(setting, bytes(size)),  # type: ignore[arg-type]
            store,
            transport,
            None,  # type: ignore[arg-type]
            StatusBoard(),
            Library(setting, store, transport),
            Records(store, setting.roster),
            Beat(None, StatusBoard()),
        )
        with structlog.testing.capture_logs() as logged:
            with trio.fail_after(HANG):
                async with trio.open_nursery() as nursery:
                    await nursery.start(driver.run)
                    driver.peers_changed.set()
                    while b"later" not in waiting(transport, setting.roster[1]):
                        await trio.sleep(0.01)
                    nursery.cancel_scope.cancel()
        return transport, list(logged)

    store = Store.open(tmp_path)
    try:
        transport, logged = trio.run(story, store)
        assert store.journal(0)["what"] == b"is signed"
    finally:
        store.close()
    assert waiting(transport, setting.roster[1]) == [bytes(LARGEST), b"later"]
    assert waiting(transport, setting.roster[2]) == [bytes(LARGEST)]
    assert waiting(transport, setting.roster[3]) == [b"a vote"]
    told = [line for line in logged if line["event"] == "a frame can't be sent"]
    assert [line["peer"] for line in told] == [
        Records(store, setting.roster).name(i) for i in (1, 2)
    ]
    assert all(line["log_level"] == "error" for line in told)
    assert all(f"a frame of {size} bytes; at most {LARGEST}" in line["reason"] for line in told)

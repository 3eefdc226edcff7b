"""The chain verified in the daemon: what holds, the first fault, one at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from page_world import World, world

from peerd.dashboard.chain import verdict
from peerd.dashboard.verifier import Idle, Running, Verdict, Verifier
from tests.patience import HANG
from tests.unit.audit.histories import group, simulated


@pytest.fixture
def there(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as found:
        yield found


def verified(there: World) -> Verdict:
    async def main() -> Verdict:
        verifier = Verifier(there.sources)
        assert isinstance(verifier.state, Idle) and verdict(verifier.state) == ""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(verifier.run)
            verifier.ask()
            with trio.fail_after(HANG):
                while not isinstance(verifier.state, Verdict):
                    assert isinstance(verifier.state, Running)
                    assert "verifying" in verdict(verifier.state)
                    await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
        return verifier.state

    return trio.run(main)


def test_what_holds_is_said(there: World) -> None:
    found = verified(there)
    assert (found.first, found.rounds, found.fault, found.whole) == (0, 5, None, True)
    assert "VERIFIED: 5 rounds (0 to 4), from the genesis on" in verdict(found)


def test_nothing_is_verified_where_there_is_nothing(there: World) -> None:
    there.certificates.clear()
    assert "VERIFIED: 0 rounds" in verdict(verified(there))


def _bit(certificates: list[bytes]) -> None:
    certificates[2] = certificates[2][:-1] + bytes([certificates[2][-1] ^ 1])


def _missing(certificates: list[bytes]) -> None:
    del certificates[2]


def _another_history(certificates: list[bytes]) -> None:
    genesis = group().genesis
    certificates[2] = simulated(genesis, seed=77, rounds=3)[2].certificate


def _of_another_group(certificates: list[bytes]) -> None:
    certificates[2] = group("another").completed[2].certificate


def _no_certificate(certificates: list[bytes]) -> None:
    certificates[2] = b"\x00<script>"


@pytest.mark.parametrize(
    "spoil", [_bit, _missing, _another_history, _of_another_group, _no_certificate]
)
def test_the_first_fault_is_named(there: World, spoil: object) -> None:
    assert callable(spoil)
    spoil(there.certificates)
    found = verified(there)
    assert found.rounds == 2 and found.fault is not None and found.fault.startswith("round 2: ")
    assert not re.search(r"peer \d", found.fault), "the core's places in the roster"
    said = verdict(found)
    assert "FAILED: round 2" in said and "2 rounds (0 to 1)" in said and "<script>" not in said


def test_a_fault_of_ours_is_told_and_ends_nothing(
    there: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("peerd.dashboard.verifier.Chain.follow", lambda *given: 1 / 0)
    assert verified(there).fault == "round 0: a fault of peerd: the daemon's log has it"


@pytest.mark.trio
async def test_one_at_a_time_and_again_later(there: World) -> None:
    verifier = Verifier(there.sources)
    verifier.ask()
    first = verifier.state
    verifier.ask()
    assert verifier.state is first
    async with trio.open_nursery() as nursery:
        nursery.start_soon(verifier.run)
        with trio.fail_after(HANG):
            while isinstance(verifier.state, Running):
                await trio.sleep(0.01)
        done = verifier.state
        verifier.ask()
        assert isinstance(verifier.state, Running)
        with trio.fail_after(HANG):
            while isinstance(verifier.state, Running):
                await trio.sleep(0.01)
        assert verifier.state is not done
        nursery.cancel_scope.cancel()


class Endless:
    """A chain that any certificate leads on."""

    def __init__(self, start: object, setting: object) -> None:
        pass

    def follow(self, certified: object) -> None:
        pass


@pytest.mark.trio
async def test_a_daemon_that_stops_does_not_wait_for_it(
    there: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("peerd.dashboard.verifier.Chain", Endless)
    asked: list[int] = []

    def certificates(first: int, limit: int) -> list[bytes]:
        asked.append(first)
        return there.certificates[:1]

    verifier = Verifier(replace(there.sources, certificates=certificates))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(verifier.run)
        verifier.ask()
        with trio.fail_after(HANG):
            while len(asked) < 3:
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
    assert isinstance(verifier.state, Running)

"""Nine daemons, each in a network namespace of its own, and what happens to networks.

`make test` plays one of the scenarios, `make acceptance` all of them.
"""

from __future__ import annotations

import os

import pytest
import trio

from tests.network.namespaces import Network, NetworkFailure, ip, sweep, unavailable
from tests.network.scenarios import SCENARIOS
from tests.network.stage import needs
from tests.network.story import play

ALWAYS = ("halves",)

pytestmark = pytest.mark.swarm
_allowed = needs(unavailable)


def test_a_group_outlives_partitions() -> None:
    assert trio.run(play, ALWAYS, 1, print) == []


@pytest.mark.acceptance
@pytest.mark.parametrize("seed", [1, 2])
def test_a_group_outlives_whatever_a_network_does(seed: int) -> None:
    assert trio.run(play, list(SCENARIOS), seed, print) == []


def test_no_namespace_outlives_its_maker() -> None:
    network = Network(3)

    def fail() -> None:
        with network:
            assert set(names()) >= {network.hub, *network.names}
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fail()
    assert not set(names()) & {network.hub, *network.names}


def test_what_a_killed_maker_left_is_swept() -> None:
    gone = f"peerd-net-{pid_of_nobody()}-hub"
    ip("netns", "add", gone)
    sweep()
    assert gone not in names()


def test_what_ip_refuses_is_an_error_with_its_words() -> None:
    with pytest.raises(NetworkFailure, match="netns"):
        ip("netns", "del", "peerd-net-never-made")


def test_where_namespaces_are_not_allowed_the_reason_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert unavailable() == "network namespaces need root"
    monkeypatch.setenv("PATH", "")
    assert "iproute2" in unavailable()


def names() -> list[str]:
    return os.listdir("/run/netns") if os.path.isdir("/run/netns") else []


def pid_of_nobody() -> int:
    with open("/proc/sys/kernel/pid_max") as file:
        return int(file.read()) + 1

"""Sizes against formulas, and what a wrong formula leads to. Of real daemons: tests/swarm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from peerd.cli.main import main
from peerd.laboratory.bench import wire
from peerd.laboratory.bench.formulas import TEXT, formulas
from peerd.laboratory.bench.keeping import ENTRY, OVER, entries
from peerd.laboratory.bench.sizes import Sizes
from peerd.laboratory.bench.wire import after_the_first, committees, summary, weigh
from peerd.laboratory.simulation.crypto import Pretend
from peerd.laboratory.simulation.seeded import swarm_secrets
from peerd.laboratory.simulation.swarm import FOUR, first_model, setting_of
from peerd.laboratory.simulation.world import World
from protocols.record.setting import Setting

Entry = tuple[bytes, bytes]


@pytest.fixture(scope="module")
def setting() -> Setting:
    return setting_of(FOUR, 1, parameters=40)


def update(peer: int, round_: int, model: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return model + np.float32(peer + 1)


@pytest.fixture(scope="module")
def kept(setting: Setting) -> list[Entry]:
    """All frames of one simulated round, and its certificate."""
    secrets, _ = swarm_secrets(Pretend(), 4, 1)
    model = first_model(1, 40)
    world = World(setting, secrets, model, update, seed=1, rounds=1)
    found: list[Entry] = []

    def keep(sender: int, to: int, data: bytes) -> bool:
        found.append((setting.roster[to], data))
        return False

    world.drop = keep
    world.run()
    return [*found, (OVER, world.nodes[0].completed[0].certificate)]


def weighed(setting: Setting, kept: list[Entry], **wrong: str) -> dict[str, wire.Weighed]:
    sizes = Sizes(setting, committees(setting, kept))
    for name, line in wrong.items():
        exec(f"{name} = lambda {line}", sizes.names)
    return weigh(sizes, [[each for each in kept if each[0] != OVER]])


def test_every_frame_is_weighed_under_its_kind(setting: Setting, kept: list[Entry]) -> None:
    found = weighed(setting, kept)
    assert sum(each.count for each in found.values()) == len(kept) - 1
    assert sum(each.bytes for each in found.values()) == sum(len(data) for _, data in kept[:-1])
    assert found["dealing"].count == found["sum"].count == 4 * 3
    assert all(each.off == 0 and each.bytes == each.formula_bytes for each in found.values())


def test_frames_that_are_off_are_counted_one_by_one(setting: Setting, kept: list[Entry]) -> None:
    """As much too long for one recipient as too short for another: a sum would hide it."""
    found = weighed(
        setting, kept, SumFrame="i, words: 4 + B(SUM(i)) + B(words * w) + (1 if i % 2 else -1)"
    )
    assert found["sum"].off == found["sum"].count
    assert found["sum"].bytes == found["sum"].formula_bytes
    assert found["dealing"].off == 0


def test_the_command_fails_and_says_which(
    setting: Setting, kept: list[Entry], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    plan = {"role": "wire", "aggregator": "rsa", "peers": 4, "params": 40, "plan": {}, "rounds": 1}
    for wrong, code in ({}, 0), ({"SumFrame": "i, words: 1"}, 1):
        document = plan | summary(weighed(setting, kept, **wrong), 100_000, 40, 4)
        monkeypatch.setattr(wire, "measure", lambda *_, document=document: document)
        assert main(["bench", "wire", "--peers", "4", "--params", "40"]) == code
        said = capsys.readouterr()
        assert "25.0 kB at the socket" in said.out
        assert ("docs/protocol.md §7 says: sum\n" in said.err) == bool(wrong)


def test_means_of_a_daemon_and_round() -> None:
    found = summary({"sum": wire.Weighed(6, 600, 300, 2)}, 1200, 100, 3)
    assert found["messages"]["sum"] == found["total"]
    assert found["total"] == {"count": 2, "bytes": 200, "formula_bytes": 100, "ratio": 2, "off": 2}
    assert (found["bytes_sent"], found["bytes_a_parameter"]) == (400, 4)
    assert found["overhead"] == {"framing": 24, "below": 176, "ratio": 2}


def test_the_first_round_and_one_that_did_not_end_are_left_out() -> None:
    over = (OVER, b"certificate")
    kept = [(b"a", b"1"), over, (b"a", b"2"), (b"b", b"2"), over, over, (b"a", b"4")]
    assert list(after_the_first(kept)) == [(b"a", b"2"), (b"b", b"2")]


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    peer, path = bytes(range(32)), tmp_path / "frames"
    path.write_bytes(ENTRY.pack(peer, 3) + b"one" + ENTRY.pack(OVER, 0))
    assert list(entries(path)) == [(peer, b"one"), (OVER, b"")]


def test_a_line_that_is_no_formula_is_named() -> None:
    assert formulas()["I"](300) == 3
    with pytest.raises(ValueError, match="not a formula: COMMIT is 7"):
        formulas(TEXT + "COMMIT is 7\n")

"""Evidence of every kind, kept through a store that prunes, and judged with the genesis alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from peerd.errors import VerificationError
from peerd.identity import peer_id_of
from peerd.laboratory.adversaries import ALL
from peerd.laboratory.simulation.swarm import FOUR, setting_of, swarm
from peerd.laboratory.simulation.world import World
from peerd.runner.evidence.blame import blamed, evidence
from peerd.runner.evidence.evidence_file import (
    evidence_file,
    group_of,
    is_evidence_file,
    verify_evidence_file,
)
from peerd.runner.records import Records
from peerd.runner.resume import convicted
from peerd.runner.succession.lineage import Epoch
from peerd.status import StatusBoard, Views
from peerd.status.routes import NoRoute, found, told
from peerd.storage import Store
from peerd.storage.keeping import Keeping
from protocols.record.certificate import verify_certificate
from protocols.record.evidence import Fault, evidence_hash, open_evidence
from protocols.record.setting import Setting
from protocols.version import EARLIEST, LATEST

LIAR, ROUNDS, END = 3, 4, 600_000
KINDS = {
    "WrongRevealer": Fault.WRONG_REVEAL,
    "HighDegree": Fault.COMPLAINT,
    "GarbageDeliverer": Fault.DISCLOSURE,
    "TwoHeaders": Fault.EQUIVOCATION,
    "WrongResult": Fault.WRONG_RESULT,
    "TwoSums": Fault.WRONG_SUM,
}


def spoken(lie: str) -> int:
    """Where all sit, only the earliest version has reveals."""
    return EARLIEST if lie == "WrongRevealer" else LATEST


def played(lie: str, seed: int = 7) -> World:
    lies = {LIAR: ALL[lie]}
    world = swarm(FOUR, 1, rounds=ROUNDS, seed=seed, lies=lies, real=True, version=spoken(lie))
    world.run(until=END)
    return world


def offline(lie: str = "HighDegree") -> Setting:
    """What an auditor has: nothing that this world remembers."""
    return setting_of(FOUR, 1, seed=7, real=True, version=spoken(lie))


@pytest.fixture(scope="module")
def world() -> World:
    return played("HighDegree")


def stored(world: World, path: Path, keep: int) -> Store:
    """An honest peer's store as its daemon writes it, with ROUNDS rounds."""
    node = next(node for node in world.nodes if node.honest)
    store = Store.open(path, Keeping(keep))
    records = Records(store, world.setting.roster)
    for blame in node.blamed:
        records.blame(blame)
    for round_ in range(ROUNDS):
        records.completed(node.completed[round_])
        store.put_round(round_, records.summary(node.completed[round_], {}))
    return store


@pytest.mark.parametrize("lie", KINDS)
def test_evidence_of_each_kind_outlives_its_round(lie: str, tmp_path: Path) -> None:
    world, setting = played(lie), offline(lie)
    with stored(world, tmp_path / "data", 2) as store:
        blames = store.blames()
        assert {blame.peer for blame in blames} == {LIAR}
        assert KINDS[lie] in {open_evidence(setting, each.evidence).fault for each in blames}
        for blame in blames:
            transcript = store.transcript(blame.round)
            assert transcript is not None, "kept for good"
            data = evidence_file(blame.evidence, transcript)
            assert is_evidence_file(data) and not is_evidence_file(transcript)
            proven = verify_evidence_file(setting, data)
            assert (proven.peer, proven.round, proven.reason) == (LIAR, blame.round, blame.reason)
            assert (proven.transcript, proven.evidence) == (True, evidence_hash(blame.evidence))
            alone = verify_evidence_file(setting, evidence_file(blame.evidence, None))
            assert alone == replace(proven, transcript=False)
        pruned = [r for r in range(ROUNDS - 2) if r not in {blame.round for blame in blames}]
        assert all(store.transcript(round_) is None for round_ in pruned)


def proof(world: World, tmp_path: Path) -> tuple[bytes, bytes]:
    with stored(world, tmp_path / "data", 2) as store:
        (blame,) = store.blames()
        transcript = store.transcript(blame.round)
    assert transcript is not None
    return blame.evidence, transcript


def test_a_changed_file_convicts_nobody(world: World, tmp_path: Path) -> None:
    data = evidence_file(*proof(world, tmp_path))
    for place in range(0, len(data), max(1, len(data) // 199)):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(VerificationError, match="does not hold"):
            verify_evidence_file(offline(), bytes(changed))
    for cut in (data[:-1], data + b"\0", b"", b"\xc0", evidence_file(b"", None)):
        with pytest.raises(VerificationError, match="does not hold"):
            verify_evidence_file(offline(), cut)


def test_another_groups_genesis_is_named(world: World, tmp_path: Path) -> None:
    evidence, transcript = proof(world, tmp_path)
    assert group_of(evidence) == world.setting.group
    other = replace(offline(), group=b"h" * 32)
    named = f"{world.setting.group.hex()}.*{other.group.hex()}"
    with pytest.raises(VerificationError, match=named):
        verify_evidence_file(other, evidence_file(evidence, transcript))


def test_a_transcript_of_another_round_is_refused(world: World, tmp_path: Path) -> None:
    evidence, _ = proof(world, tmp_path)
    node = next(node for node in world.nodes if node.honest)
    other = node.completed[ROUNDS - 1].transcript
    with pytest.raises(VerificationError, match=f"round 0, a transcript of round {ROUNDS - 1}"):
        verify_evidence_file(offline(), evidence_file(evidence, other))


class Roster:
    """Of a genesis, what the list needs."""

    follows = None

    def __init__(self, setting: Setting) -> None:
        self.roster = setting.roster

    def index(self, public: bytes) -> int:
        return self.roster.index(public)

    def name_of(self, index: int) -> str | None:
        return "St. Mary's" if index == LIAR else None


def epochs_of(setting: Setting) -> list[Epoch]:
    return [Epoch(0, cast(Any, Roster(setting)))]


def guilty_keys(store: Store, setting: Setting) -> set[bytes]:
    return {setting.roster[peer] for _, peer in convicted(store)}


def test_the_list_has_whom_a_certificate_alone_convicts(world: World, tmp_path: Path) -> None:
    """One peer heard the evidence; another was away, and took the certificates."""
    epochs = epochs_of(world.setting)
    with stored(world, tmp_path / "data", 2) as store:
        guilty = guilty_keys(store, world.setting)
        assert guilty == {world.setting.roster[LIAR]}
        (one,) = blamed(store, epochs, guilty)
        assert (one["number"], one["round"], one["name"]) == (1, 0, "St. Mary's")
        assert one["transcript"] is True
        piece = evidence(store, one["evidence"])
        assert piece == store.blames()[0].evidence
        assert evidence(store, "00") is None
    chain = [
        verify_certificate(world.setting, world.nodes[0].completed[round_].certificate)
        for round_ in range(ROUNDS)
    ]
    with Store.open(tmp_path / "away") as store:
        Records(store, world.setting.roster).adopted(
            world.setting, chain, world.nodes[0].completed[ROUNDS - 1].model
        )
        guilty = guilty_keys(store, world.setting)
        assert guilty == {world.setting.roster[LIAR]}
        (one,) = blamed(store, epochs, guilty)
        assert (one["round"], one["evidence"], one["transcript"]) == (None, None, False)
        assert one["peer"] == peer_id_of(world.setting.roster[LIAR])


def test_the_daemon_tells_of_blame(world: World, tmp_path: Path) -> None:
    with stored(world, tmp_path / "data", 2) as store:
        views = Views(
            peers=tuple,
            rounds=store.rounds,
            round=store.round,
            transcript=store.transcript,
            certificate=store.certificate,
            blame=lambda: blamed(store, epochs_of(world.setting), ()),
            evidence=partial(evidence, store),
        )

        def get(target: str) -> Any:
            try:
                return told(*found(StatusBoard(), views, "GET", target))
            except NoRoute as nowhere:
                return nowhere.answer

        (one,) = get("/v1/blame").document["blamed"]
        assert get(f"/v1/blame/{one['evidence']}/evidence").data == store.blames()[0].evidence
        assert get("/v1/rounds/1/certificate").data == store.certificate(1)
        for missing in ("/v1/blame/00/evidence", "/v1/rounds/9/certificate", "/v1/blame/1"):
            assert get(missing).status == 404

"""`peerd swarm` with real daemons: processes, libp2p over loopback, torch.

One lies, another is killed -9 in mid-round; then an audit, and a forged transcript.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.patience import HANG

PEERS = 6
KILLED = 1


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short path: the daemons' status sockets are below it."""
    return tmp_path_factory.mktemp("s") / "swarm"


@pytest.fixture(scope="module")
def result(kept: Path) -> dict[str, Any]:
    """Six daemons, e = 1: the last one deals a bad share, another is killed -9 in round 1."""
    out = kept.parent / "result.json"
    command = [sys.executable, "-m", "peerd.cli.main", "swarm"]
    command += ["--peers", str(PEERS), "--rounds", "4", "--task", "digits", "--aggregator", "rsa"]
    command += ["--liars", "1", "--attack", "bad-share", "--kill", f"{KILLED}@1"]
    command += ["--json", str(out), "--keep", str(kept)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(out.read_text())
    return document


@pytest.mark.swarm
def test_the_killed_daemon_catches_up_and_the_swarm_does_not_stop(
    result: dict[str, Any],
) -> None:
    honest = [peer for peer in result["peers"] if peer["honest"]]
    assert len(honest) == PEERS - 1
    assert len({peer["model_hash"] for peer in honest}) == 1
    assert [each["outcome"] for each in result["rounds"]] == ["completed"] * 4


@pytest.mark.swarm
def test_a_liar_is_caught_and_an_auditor_agrees(result: dict[str, Any], kept: Path) -> None:
    (liar,) = [peer["id"] for peer in result["peers"] if not peer["honest"]]
    standing = [peer for i, peer in enumerate(result["peers"]) if peer["honest"] and i != KILLED]
    assert len(standing) == PEERS - 2
    assert all(peer["blamed"] == [liar] for peer in standing)
    assert result["rounds"][-1]["accuracy"] > 0.3
    transcript, genesis = kept / "transcripts" / "round-0.transcript", kept / "genesis.json"
    command = [sys.executable, "-m", "peerd.cli.main", "audit", "--json", str(transcript)]
    command += ["--genesis", str(genesis)]
    audited = subprocess.run(command, capture_output=True, text=True, timeout=HANG, check=False)
    assert audited.returncode == 0, audited.stderr
    found = json.loads(audited.stdout)
    assert [each["peer"] for each in found["blamed"]] == [liar]
    assert liar not in found["cohort"]
    assert found["model_hash"] == result["rounds"][0]["model_hash"]


@pytest.mark.swarm
@pytest.mark.parametrize("of", ["", "peer-0", f"peer-{KILLED}/data"])
def test_the_history_that_daemons_left_is_verified(
    result: dict[str, Any], kept: Path, of: str
) -> None:
    """Of one peer, killed or not, and of all of them at once."""
    (liar,) = [peer["id"] for peer in result["peers"] if not peer["honest"]]
    command = [sys.executable, "-m", "peerd.cli.main", "audit", "--json", str(kept / of)]
    command += ["--genesis", str(kept / "genesis.json")]
    audited = subprocess.run(command, capture_output=True, text=True, timeout=HANG, check=False)
    assert audited.returncode == 0, audited.stderr
    found = json.loads(audited.stdout)
    assert (found["verdict"], found["rounds"], found["from_genesis"]) == ("verified", 4, True)
    assert {each["peer"] for each in found["blamed"]} == {liar}
    assert found["model"]["hash"] == result["rounds"][-1]["model_hash"]
    verifier = Path(__file__).parents[2] / "scripts" / "verify_transcript.py"
    command = [sys.executable, str(verifier), str(kept / "genesis.json")]
    command += map(str, sorted((kept / "transcripts").iterdir()))
    alone = subprocess.run(command, capture_output=True, text=True, timeout=HANG, check=False)
    assert alone.returncode == 0 and alone.stdout.endswith("VERIFIED: 4 rounds\n"), alone.stdout


@pytest.mark.swarm
def test_a_kept_directory_gives_the_proof(result: dict[str, Any], kept: Path) -> None:
    (liar,) = [peer["id"] for peer in result["peers"] if not peer["honest"]]
    peerd = [sys.executable, "-m", "peerd.cli.main"]

    def told(*words: str) -> dict[str, Any]:
        done = subprocess.run(
            [*peerd, *words, "--json"], capture_output=True, text=True, timeout=HANG, check=False
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    for index in range(PEERS - 1):  # the one that was killed too
        config = ("--config", str(kept / f"peer-{index}" / "peerd.toml"))
        (one,) = told("blame", "list", *config)["blamed"]
        assert one["peer"] == liar
        if not one["verified"]:
            assert index == KILLED, "who was away knows the certificate alone"
            assert (one["evidence"], one["round"]) == (None, None)
            continue
        proof = str(kept.parent / f"proof-{index}")
        told("blame", "export", "1", "--out", proof, *config)
        (proven,) = told("audit", proof, "--genesis", str(kept / "genesis.json"))["blamed"]
        assert (proven["peer"], proven["round"]) == (liar, 0)


@pytest.mark.swarm
def test_a_transcript_with_one_changed_byte_does_not_pass(
    result: dict[str, Any], kept: Path
) -> None:
    assert result
    original = (kept / "transcripts" / "round-0.transcript").read_bytes()
    changed = kept.parent / "changed.transcript"
    changed.write_bytes(original[:-20] + bytes((original[-20] ^ 1,)) + original[-19:])
    command = [sys.executable, "-m", "peerd.cli.main", "audit", str(changed)]
    command += ["--genesis", str(kept / "genesis.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG, check=False)
    assert done.returncode == 9
    assert done.stderr.startswith("peerd: error: ")
    assert "Traceback" not in done.stderr

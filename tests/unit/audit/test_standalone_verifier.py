"""The verifier that stands alone and the audit come to one verdict, on what is real and what is
changed; and it imports nothing of peerd.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from histories import Group, group, transcripts
from private_histories import private_group
from test_audit_handovers import HANDOVER, Line, line

from peerd.audit.chain import encode_chain
from peerd.group import save
from peerd.group.document import render
from peerd.runner.resume import setting_of
from peerd.tensor_file import write_npz
from protocols.errors import ProtocolError
from protocols.record.audit import audit_round
from protocols.record.evidence import judge_bytes
from protocols.record.ledger import Ledger
from protocols.wire.canonical import pack
from tests.scripts import load_script
from tests.tiers import later
from tests.unit.group.successions import MEMBERS, handover

SCRIPT = Path(__file__).parents[3] / "scripts" / "verify_transcript.py"
ATTACKS = ("bad-share", "equivocate", "bad-proof", "wrong-opening", "silent")


@pytest.fixture(scope="module")
def alone() -> ModuleType:
    return load_script("verify_transcript")


def of(attack: str) -> Group:
    return group(f"attacked by {attack}", 2, attack)


def test_it_imports_nothing_of_peerd() -> None:
    named = set()
    for node in ast.walk(ast.parse(SCRIPT.read_text())):
        if isinstance(node, ast.Import):
            named |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            named.add(str(node.module).partition(".")[0])
    assert named - set(sys.stdlib_module_names) == {"nacl", "numpy"}


@pytest.mark.parametrize("attack", ATTACKS)
def test_it_agrees_on_what_is_real(alone: ModuleType, attack: str) -> None:
    real = of(attack)
    outsider = alone.Group(render(real.genesis).encode())
    groups = {outsider.id: outsider}
    setting = setting_of(real.genesis)
    plan = real.genesis.plan
    assert outsider.id == real.genesis.group_id
    assert (outsider.seats, outsider.threshold, outsider.absent) == (
        *(plan.committee, plan.threshold, plan.absent),
    )
    for done in real.completed:
        found = audit_round(setting, done.transcript)
        certificate, _ = alone.verify_transcript(groups, alone.unpack(done.transcript))
        assert certificate.hash == found.certified.hash
        assert tuple(certificate.election.committee) == found.seats
        assert certificate.model == found.certified.end.model
    for blame in real.blamed:
        said = alone.verify_evidence(groups, alone.unpack(blame.evidence))
        judged = judge_bytes(setting, blame.evidence)
        assert "not judged" in said or real.genesis.name_of(judged.culprit) in said


@pytest.mark.parametrize("attack", [*ATTACKS[:2], *later(list(ATTACKS[2:]))])
@pytest.mark.parametrize("bit", [1, *later([2, 4, 8, 16, 32, 64, 128])])
def test_it_agrees_on_every_flipped_byte_of_a_sample(
    alone: ModuleType, attack: str, bit: int
) -> None:
    real = of(attack)
    outsider = alone.Group(render(real.genesis).encode())
    groups = {outsider.id: outsider}
    setting = setting_of(real.genesis)
    data = bytearray(real.completed[0].transcript)
    refused = 0
    for place in range(bit % 7, len(data), max(len(data) // 300, 1)):
        data[place] ^= bit
        changed = bytes(data)
        data[place] ^= bit
        try:
            audit_round(setting, changed)
            holds = True
        except ProtocolError:
            holds = False
        try:
            alone.verify_transcript(groups, alone.unpack(changed))
            holds_alone = True
        except alone.Lie:
            holds_alone = False
        assert holds is holds_alone, (place, holds)
        refused += not holds
    assert refused > 200


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    ("peers", "adversary", "dropout"),
    [
        (4, "1/4", "0"),
        (9, "1/10", "1/10"),
        (40, "1/10", "1/20"),
        (200, "1/20", "1/50"),
        (500, "1/10", "0"),
    ],
)
def test_it_derives_the_plan_of_the_group(
    alone: ModuleType, peers: int, adversary: str, dropout: str, version: int
) -> None:
    from fractions import Fraction

    from protocols.plan import liars_of, plan_group

    counted = 10_000 if version == 3 else None
    expected = plan_group(peers, Fraction(adversary), Fraction(dropout), values=counted)
    outsider = object.__new__(alone.Group)
    outsider.version = version
    outsider.peers, outsider.liars = peers, liars_of(peers, Fraction(adversary))
    outsider.gone = int(Fraction(dropout) * peers)
    outsider.plan(None, 10_000)
    found = outsider.seats, outsider.threshold, outsider.absent
    assert found == (expected.committee, expected.threshold, expected.absent)


def run(*words: object) -> tuple[int, dict[str, object]]:
    command = [sys.executable, "-I", str(SCRIPT), *map(str, words), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_it_runs_by_itself_on_files(tmp_path: Path) -> None:
    real = group()
    genesis, chain, model = tmp_path / "g.json", tmp_path / "chain", tmp_path / "model.npz"
    save(real.genesis, genesis)
    chain.write_bytes(encode_chain([done.certificate for done in real.completed]))
    with model.open("wb") as file:
        write_npz(file, real.completed[-1].model, None)
    paths = transcripts(tmp_path / "rounds")
    assert run(genesis, chain, *paths, "--model", model) == (
        0,
        {"verdict": "verified", "rounds": 5, "first_failure": None},
    )
    code, found = run(genesis, paths[0], paths[2])
    assert code == 9 and "round 1 is missing" in str(found["first_failure"])
    code, found = run(genesis, paths[0], "--model", model)
    assert code == 9 and "no round here certifies" in str(found["first_failure"])
    other = tmp_path / "other.json"
    save(group("others", 3, None).genesis, other)
    code, found = run(other, paths[0])
    assert code == 9 and "another group" in str(found["first_failure"])
    genesis.write_text(genesis.read_text().replace('"delta_ms": 1000', '"delta_ms": 1001'))
    code, found = run(genesis, paths[0])
    assert code == 9 and "no valid signature" in str(found["first_failure"])


# -- groups that follow each other -----------------------------------------------------------------


def files(folder: Path, of: Line, certificates: list[bytes]) -> tuple[Path, Path, Path]:
    old, new, chain = folder / "old.json", folder / "new.json", folder / "handed-over"
    save(of.old.genesis, old)
    save(of.new.genesis, new)
    chain.write_bytes(encode_chain(certificates))
    return old, new, chain


def test_it_follows_a_handover(tmp_path: Path) -> None:
    whole = line()
    old, new, chain = files(tmp_path, whole, whole.certificates)
    verified = {"verdict": "verified", "rounds": 7, "first_failure": None}
    assert run(old, chain, new) == (0, verified)
    rests = files(tmp_path, whole, whole.certificates[:HANDOVER])[2]
    assert run(old, rests) == (0, verified | {"rounds": HANDOVER})


def test_it_agrees_on_what_is_no_handover(tmp_path: Path) -> None:
    whole = line()
    rounds = whole.certificates
    few = line(voters=MEMBERS[:3]).certificates
    forgotten = line(ledger=Ledger(frozenset({1}))).certificates
    for certificates, said in (
        (few, "make a quorum"),
        (rounds[:HANDOVER] + rounds[HANDOVER + 1 :], f"round {HANDOVER} is missing"),
        (rounds[:-2] + rounds[-1:], "is missing"),
        (rounds[1:], "round 0 is missing"),
        ([*rounds[:-1], forgotten[HANDOVER]], "two certificates"),
        ([], "no certified round"),
    ):
        old, new, chain = files(tmp_path, whole, certificates)
        code, found = run(old, new, chain)
        assert code == 9 and said in str(found["first_failure"])
    old, new, chain = files(tmp_path, whole, rounds)
    for words, said in (
        ((old, chain), "another group"),
        ((new, old, chain), "round 0 is of a group"),
    ):
        code, found = run(*words)
        assert code == 9 and said in str(found["first_failure"])


def test_a_round_that_rests_forgets_nobody(alone: ModuleType) -> None:
    outsider = alone.Group(render(line().old.genesis).encode())
    named = handover(line().old, None, 0, ledger=Ledger(frozenset({1})))
    found = alone.certificate({outsider.id: outsider}, named)
    assert found.after({1}) == {1}
    with pytest.raises(alone.Lie, match="forgets"):
        found.after({1, 2})


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("no list of certificates", pack(["peerd/certificates/1", 5])),
        ("no certificates", pack(["peerd/certificates/1", [5]])),
        ("no votes", pack(["peerd/certificates/1", [pack([0, 0, b"", []])]])),
        ("no round at all", pack(["peerd/certificates/1", []])),
        ("a number", pack(5)),
        ("nested", b"\x91" * 3000),
        ("no statement", pack([1, None, [pack([pack([1]), bytes(64)])] * 2])),
        ("nothing", b""),
    ],
)
def test_rubbish_is_named_and_no_fault_of_its_own(name: str, data: bytes, tmp_path: Path) -> None:
    genesis, rubbish = tmp_path / "g.json", tmp_path / "rubbish"
    save(group().genesis, genesis)
    rubbish.write_bytes(data)
    code, found = run(genesis, rubbish)
    assert code == 9 and found["first_failure"], name


def test_nor_is_a_model_that_is_none(tmp_path: Path) -> None:
    genesis, model = tmp_path / "g.json", tmp_path / "model"
    save(group().genesis, genesis)
    (path, *_) = transcripts(tmp_path / "rounds")
    for data in (b"PK\x03\x04" + bytes(40), (30000).to_bytes(8, "little") + b"[" * 30000, b"{}"):
        model.write_bytes(data)
        code, found = run(genesis, path, "--model", model)
        assert code == 9 and "no model" in str(found["first_failure"])
    with model.open("wb") as file:
        np.savez_compressed(file, parameters=group().completed[0].model)
    code, found = run(genesis, path, "--model", model)
    assert code == 9 and "compressed" in str(found["first_failure"])


def test_it_counts_rounds_of_a_privacy_budget(alone: ModuleType, tmp_path: Path) -> None:
    """By the number in the genesis: it has no accountant."""
    for rounds, made in ((4, 4), (2, 3)):
        real = private_group(rounds, made)
        place = tmp_path / str(made)
        files = transcripts(place, real)
        save(real.genesis, place / "genesis.json")
        done = subprocess.run(
            [sys.executable, SCRIPT, place / "genesis.json", *files],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == (0 if made <= rounds else 9), done.stderr
        assert ("round 2 is beyond the 2 of the privacy budget" in done.stdout) == (made > rounds)

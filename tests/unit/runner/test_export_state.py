"""An export of a rule with momentum: what goes on beside the model is proven with it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from peerd.errors import GroupError, VerificationError
from peerd.group import save
from peerd.group.drafting import check_successor
from peerd.group.privacy import Privacy
from peerd.group.vector import own_part, state_size
from peerd.runner.evidence.export import STATE, describe, verify_export
from peerd.runner.succession.lineage import Epoch
from peerd.tensor_file import write_npz, write_safetensors
from protocols.aggregation import aggregator, model_hash
from tests.unit.group.successions import group, handover, successor

OWN = 3
VECTOR = np.arange(2 * OWN + 1, dtype=np.float32) / 7
RULE = aggregator("dp-sgd", {"momentum": "1/2", "quantile": "1/2", "noise": "8"})
KEEPING = group(
    aggregator="dp-sgd",
    constants=RULE.constants(),
    parameters=VECTOR.size,
    first_model=model_hash(VECTOR),
    privacy=Privacy("record", Fraction(2), Fraction(1, 10**5), 5),
)
GROUP = Epoch(0, KEEPING)
SCRIPTS = Path(__file__).parents[3] / "scripts"


def exported(path: Path, **other: str) -> Path:
    """The first round's, or as ``other`` says."""
    said = describe(GROUP.genesis, handover(GROUP, None, 11, model=VECTOR), VECTOR) | other
    with path.open("xb") as file:
        if path.suffix == ".npz":
            write_npz(file, VECTOR[:OWN], json.dumps(said))
        else:
            write_safetensors(file, [("layer", (OWN,))], VECTOR[:OWN], json.dumps(said))
    return path


@pytest.fixture
def genesis(tmp_path: Path) -> Path:
    save(KEEPING, tmp_path / "genesis.json")
    return tmp_path / "genesis.json"


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_the_file_has_the_model_and_proves_all_of_it(genesis: Path, suffix: str) -> None:
    assert state_size(KEEPING) == OWN + 1 and np.array_equal(
        own_part(KEEPING, VECTOR), VECTOR[:OWN]
    )
    found = verify_export(exported(genesis.with_suffix(suffix)), genesis)
    assert found["parameters"] == OWN and found["model_hash"] == model_hash(VECTOR).hex()


@pytest.mark.parametrize("state", ["", "AAAA", "AAAAAA==", "!", "AAAAAAAAAAAAAAAAAAAAAA=="])
def test_another_state_is_not_the_certified_one(genesis: Path, state: str) -> None:
    with pytest.raises(VerificationError):
        verify_export(exported(genesis.with_suffix(".npz"), **{STATE: state}), genesis)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_the_other_implementation_finds_the_same_hash(
    genesis: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import verify_transcript

    named = verify_transcript.model_hash(exported(genesis.with_suffix(suffix)))
    assert named == model_hash(VECTOR)
    del sys.modules["verify_transcript"]


def test_no_handover_begins_or_ends_it() -> None:
    goes_on = successor(KEEPING)
    check_successor(goes_on, KEEPING)
    check_successor(replace(goes_on, constants={**RULE.constants(), "momentum": "3/4"}), KEEPING)
    with pytest.raises(GroupError, match="can't begin or end with a handover"):
        check_successor(replace(goes_on, constants={**RULE.constants(), "momentum": "0"}), KEEPING)

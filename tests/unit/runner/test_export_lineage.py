"""An export of a later group is verified with that group's genesis, and with those before it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from peerd.errors import VerificationError
from peerd.group import Genesis, save
from peerd.runner.evidence.export import describe, verify_export
from peerd.runner.succession.lineage import Epoch
from peerd.tensor_file import write_npz
from tests.unit.group.successions import MODEL, group, handover, successor
from tests.unit.runner.test_lineage import follow

FIRST = Epoch(0, group())
SECOND = follow(FIRST, successor(FIRST.genesis))
THIRD = follow(SECOND, successor(SECOND.genesis, 8, 12), 9)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Genesis documents, and the model of a round of the third group."""
    for name, genesis in (
        ("first", FIRST.genesis),
        ("second", SECOND.genesis),
        ("third", THIRD.genesis),
        ("other", group(name="autumn")),
    ):
        save(genesis, tmp_path / f"{name}.json")

    said = describe(THIRD.genesis, handover(THIRD, None, 11), MODEL)
    with (tmp_path / "model.npz").open("wb") as file:
        write_npz(file, MODEL, json.dumps(said))
    return {path.stem: path for path in tmp_path.iterdir()}


def verified(files: dict[str, Path], *names: str) -> str:
    return str(verify_export(files["model"], *(files[name] for name in names))["group"])


@pytest.mark.parametrize(
    "names", [("third",), ("first", "second", "third"), ("third", "second"), ("second", "third")]
)
def test_the_groups_own_genesis_is_among_them(
    files: dict[str, Path], names: tuple[str, ...]
) -> None:
    assert verified(files, *names) == THIRD.genesis.group_id.hex()


def gone(genesis: Genesis) -> str:
    return f"is missing: {genesis.group_id.hex()[:16]}"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("first", "third"), gone(SECOND.genesis)),
        (("third", "first"), gone(SECOND.genesis)),
        (("third", "other"), gone(SECOND.genesis)),
        (("first", "second", "third", "other"), "is missing: none that it follows"),
        (("second",), "is it of this genesis, or of a group that goes on from it"),
        (("first", "second"), "is it of this genesis, or of a group that goes on from it"),
    ],
)
def test_the_one_that_is_missing_is_named(
    files: dict[str, Path], names: tuple[str, ...], said: str
) -> None:
    with pytest.raises(VerificationError, match=said):
        verified(files, *names)

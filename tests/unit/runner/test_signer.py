"""What the daemon signs with the key that it holds, which stays wrapped on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from peerd.errors import ConfigError, GroupError
from peerd.group.document import render
from peerd.group.signatures import verifies
from peerd.identity import Identity, is_encrypted_key, next_key
from peerd.runner.operators.signer import Signer
from peerd.sealing import KeySource
from peerd.storage import Store
from tests.unit.group.successions import MEMBERS, NEW, group, successor

FIRST = MEMBERS[0]


@pytest.fixture
def source(tmp_path: Path) -> KeySource:
    path = tmp_path / "disk.key"
    path.touch(0o600)
    path.write_text("5f" * 32)
    return KeySource(f"file:{path}")


@pytest.fixture
def signer(tmp_path: Path, source: KeySource) -> Iterator[Signer]:
    key = tmp_path / "peer.key"
    FIRST._write(key, source)
    with Store.open(tmp_path / "data", source=source) as store:
        yield Signer(FIRST, key, group(), store)


def test_a_key_that_it_makes_is_wrapped_as_its_own_and_made_once(
    signer: Signer, source: KeySource, tmp_path: Path
) -> None:
    first = trio.run(signer.rotate().carry_out)
    again = trio.run(signer.rotate().carry_out)
    assert first is not None and again is not None
    path = next_key(tmp_path / "peer.key")
    assert first["old"] == FIRST.peer_id and first["new"] == Identity.load(path, source).peer_id
    assert is_encrypted_key(path) and (first["made"], again["made"]) == (True, False)
    assert again["new"] == first["new"]
    assert NEW.secret.reveal().hex() not in str(first)


def test_it_signs_with_the_wrapped_key_that_waits_as_well(
    signer: Signer, source: KeySource, tmp_path: Path
) -> None:
    NEW._write(next_key(tmp_path / "peer.key"), source)
    draft = successor(group(), keys={FIRST.public: NEW.public})
    order = signer.sign({"draft": render(replace(draft, signatures={}))})
    assert order.arguments == {"draft": draft.group_id.hex()}
    answer = trio.run(order.carry_out)
    assert answer is not None
    made = answer["signatures"]
    assert isinstance(made, dict) and made.keys() == {FIRST.peer_id, NEW.peer_id}
    for one in (FIRST, NEW):
        assert verifies(draft.group_id, one.public, bytes.fromhex(made[one.peer_id]))


def test_what_is_none_of_its_business_is_not_signed(signer: Signer) -> None:
    with pytest.raises(ConfigError, match="missing"):
        signer.sign({})
    with pytest.raises(GroupError, match="no draft of a successor"):
        signer.sign({"draft": render(group())})
    other = successor(group(name="another"))
    with pytest.raises(GroupError, match="follows the group"):
        signer.sign({"draft": render(other)})
    without = successor(group(), leaving=frozenset({FIRST.public}), joining={NEW.public: None})
    with pytest.raises(GroupError, match="no part in the draft"):
        trio.run(signer.sign({"draft": render(without)}).carry_out)


def test_a_draft_with_a_wrong_signature_is_not_signed(signer: Signer) -> None:
    draft = successor(group())
    wrong = {**draft.signatures, MEMBERS[1].public: bytes(64)}
    with pytest.raises(GroupError, match="not the signature"):
        signer.sign({"draft": render(replace(draft, signatures=wrong))})

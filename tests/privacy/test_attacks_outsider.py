"""What leaves the group: hashes and masked polynomials; and what an outsider makes of them."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from peerd.discovery.records import AddressRecord
from peerd.laboratory.experiments.privacy.outsider import (
    Group,
    brute_force,
    confirm,
    follow,
    read_header,
)
from peerd.laboratory.experiments.privacy.public import FIELDS, PUBLISHED, RECORD, Bears
from peerd.laboratory.experiments.privacy.view import Leak, dealing_of, see
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.world import World
from protocols.aggregation import aggregator, model_hash
from protocols.record.effects import Effect, Send
from protocols.record.transcript import Transcript
from protocols.wire.frames import DealingFrame, SumFrame, decode_frame
from protocols.wire.payloads import PAYLOADS, Kind
from protocols.wire.statement import decode_statement
from tests.simulation.swarm import FOUR, swarm

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "privacy-attacks.md"
WINDOW = 12
"""Bytes of a share that are looked for: they occur in other bytes with chance 2^-96 a place."""


def test_every_field_that_is_sent_is_accounted_for() -> None:
    declared = {kind: [each.name for each in fields(payload)] for kind, payload in PAYLOADS.items()}
    named = {kind: list(told) for kind, told in FIELDS.items()}
    assert named == {kind: names for kind, names in declared.items() if names}
    assert sorted(RECORD) == sorted({each.name for each in fields(AddressRecord)} - {"raw"})


def test_the_document_lists_them_too() -> None:
    block = re.search(r"```fields\n(.*?)```", DOCUMENT.read_text(), re.S)
    assert block
    told = [
        f"{kind.name}.{name} = {bears.value}"
        for kind, fields_ in FIELDS.items()
        for name, bears in fields_.items()
    ]
    assert block[1].splitlines() == told


def spied(seed: int) -> tuple[World, set[bytes], set[bytes]]:
    """A real round; every window of every share and summed word; and of the updates."""
    world = swarm(FOUR, 1, seed=seed, traced=False, parameters=60)
    secret: set[bytes] = set()
    before = world.before

    def hear(node: Node, effect: Effect) -> None:
        if isinstance(effect, Send):
            frame = decode_frame(effect.frame)
            if isinstance(frame, DealingFrame):
                secret.update(windows(frame.package[:120]))
            if isinstance(frame, SumFrame):
                secret.update(windows(frame.words))
        before(node, effect)

    world.before = hear
    world.run()
    updates = {
        window
        for values in world.inputs.values()
        for kind in ("<u2", "<u4", "<i8", "u1")
        for window in windows(values.astype(kind).tobytes())
        if any(window)
    }
    return world, secret, updates


def windows(data: bytes) -> set[bytes]:
    return {data[at : at + WINDOW] for at in range(0, len(data) - WINDOW + 1, 2)}


@pytest.mark.parametrize("seed", [1, 2])
def test_no_share_and_no_update_is_in_what_an_audit_publishes(seed: int) -> None:
    world, secret, updates = spied(seed)
    assert len(secret) > 500 and len(updates) > 100
    for node in world.nodes:
        done = node.completed[0]
        seen = windows(done.transcript) | windows(done.transcript[1:])
        assert not seen & secret
        assert not seen & updates
        assert len(done.transcript) > 2000


def test_what_members_alone_hold_would_be_found() -> None:
    """The control: the same search in a share-bearing statement, which a liar may publish."""
    world, secret, _ = spied(1)
    share = next(iter(secret))
    leaking = world.nodes[0].completed[0].transcript + share
    assert (windows(leaking) | windows(leaking[1:])) & secret


def test_the_transcript_holds_the_kinds_that_the_table_says() -> None:
    world, _, _ = spied(3)
    transcript = Transcript.decode(world.nodes[0].completed[0].transcript)
    kinds = {
        decode_statement(each, world.setting.group).kind
        for each in (*transcript.pool, *transcript.cohort_votes)
    }
    assert kinds
    assert kinds <= PUBLISHED
    held = {bears for kind in kinds for bears in FIELDS.get(kind, {}).values()}
    assert Bears.SHARES not in held
    assert FIELDS[Kind.RESULT]["model"] is Bears.HASH_OF_MODEL


GROUPS = {
    "rsa": Group(3, peers=30, hidden=1),
    "centered-clipping": Group(3, "centered-clipping", peers=53),
}


@pytest.mark.parametrize("rule", GROUPS)
def test_an_outsider_reads_nothing_from_headers(rule: str) -> None:
    found = follow(GROUPS[rule], 12 if rule == "rsa" else 3)
    assert found["models_confirmed"] == 0
    assert found["slots_solved"] == 0
    assert found["beyond_chance"] is False


@pytest.mark.parametrize("rule", GROUPS)
def test_without_masks_it_reads_everything(rule: str) -> None:
    """The control: one planted leak, and the outsider has the group's models, certified by hash."""
    found = follow(GROUPS[rule], 3, Leak.NO_MASKS)
    assert found["models_confirmed"] == 3
    assert found["slots_solved"] == 1
    assert found["accuracy"]["outsider"] == found["accuracy"]["group"]  # type: ignore[index]


def test_a_header_without_masks_gives_the_values_and_one_with_them_does_not() -> None:
    group = Group(4, peers=30, hidden=1)
    values = np.random.default_rng(4).integers(0, 2, group.shape.length).astype(np.uint64)
    for leak, solved in ((Leak.NO_MASKS, group.shape.plan.packing), (Leak.NONE, 0)):
        seen = see(group.shape, (), *dealing_of(group.shape, values, 1, 0, leak))
        signs, count = read_header(group.shape, seen)
        assert count == solved
        assert np.array_equal(signs > 0, values == 1) is (leak is Leak.NO_MASKS)


def test_a_header_of_another_root_is_not_read() -> None:
    """The challenges come from the root: with a wrong one even an unmasked header says nothing."""
    group = Group(4, peers=30, hidden=1)
    values = np.ones(group.shape.length, np.uint64)
    seen = see(group.shape, (), *dealing_of(group.shape, values, 1, 0, Leak.NO_MASKS))
    assert read_header(group.shape, replace(seen, root=bytes(32)))[1] == 0


def test_a_guessed_model_is_confirmed_by_its_hash_and_a_wrong_one_is_not() -> None:
    model = np.arange(5, dtype=np.float32)
    assert confirm(model_hash(model), model.copy())
    other = model.copy()
    other[2] = np.nextafter(other[2], np.float32(9))
    assert not confirm(model_hash(model), other)


def test_a_tiny_model_is_found_by_trying_and_only_from_its_base() -> None:
    rule = aggregator("rsa", {})
    base = np.array([0.5, -1, 2], np.float32)
    next_model = rule.apply(base, np.array([3, 0, 4], np.int64), 4, 7)
    found, tries = brute_force(rule, base, 4, 7, model_hash(next_model))
    assert found is not None
    assert np.array_equal(found, next_model)
    assert tries <= 5**3
    assert brute_force(rule, base + 1, 4, 7, model_hash(next_model)) == (None, 5**3)

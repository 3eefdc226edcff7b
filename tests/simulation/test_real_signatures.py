"""Pretended signatures move the machines exactly as real ones do, liars and faults among them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import pytest

from peerd.laboratory.simulation.campaign import Plan
from peerd.laboratory.simulation.dice import FAULTS
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.scenario import run, world_of
from protocols.record.effects import Adopted, Effect, Persist, Send
from protocols.wire.frames import AskFrame, StatementFrame, decode_frame
from protocols.wire.statement import decode_statement
from tests.tiers import later

QUOTING = frozenset({"COMPLAINT", "DELIVERY", "DISCLOSURE", "ATTESTATION"})
"""Statements about bytes that hold a signature: their hashes, and so the order in which evidence
is passed on, depend on it. So do reports with asks on keys.
"""


SEEDS = range(44, 56)


@dataclass(frozen=True)
class Told:
    """``lines``: everything that every peer does, when and how large: all but the signatures' own
    bytes. ``quoted``: whether a signature was quoted. ``ends``: what each honest peer completed,
    with whom, and whom it blames.
    """

    rule: str
    lines: tuple[str, ...]
    quoted: bool
    ends: tuple[object, ...]


@cache
def told(seed: int, real: bool) -> Told:
    scenario = replace(Plan(None, 2, FAULTS).scenario(seed), real=real)
    world, lines, quoted = world_of(scenario), [], [False]

    def note(node: Node, effect: Effect) -> None:
        match effect:
            case Send(peers, frame):
                message = decode_frame(frame)
                what = f"send {type(message).__name__} {len(frame)} {peers}"
                if isinstance(message, StatementFrame):
                    said = decode_statement(message.statement, world.setting.group)
                    quoted[0] |= said.kind.name in QUOTING or isinstance(message, AskFrame)
            case Persist(round_, key, value):
                what = f"persist {round_} {key} {len(value)}"
            case Adopted(rounds, _):
                what = f"adopted {[certified.round for certified in rounds]}"
            case _:
                what = repr(effect)
        lines.append(f"{world.now} {node.index} {what}")

    world.before = note
    verdict = run(scenario, world)
    ends = tuple(
        (
            node.index,
            [(round_, done.dealers, done.absent) for round_, done in node.completed.items()],
            sorted({blame.peer for blame in node.blamed}),
        )
        for node in world.nodes
        if node.honest
    )
    return Told(verdict.rule, tuple(lines), quoted[0], ends)


@pytest.mark.parametrize("seed", [*SEEDS, *later([*range(40, 44), *range(56, 64)])])
def test_both_paths_have_one_trace(seed: int) -> None:
    """Where a signature is quoted the order of evidence differs, and with it the network's dice;
    these runs come to the same end. (Not any must: what is late may be another message.)
    """
    real, pretended = told(seed, True), told(seed, False)
    assert real.rule == pretended.rule == ""
    assert real.quoted == pretended.quoted
    assert real.ends == pretended.ends
    if not real.quoted:
        assert real == pretended


def test_most_runs_quote_no_signature() -> None:
    assert sum(told(seed, True).quoted for seed in SEEDS) < len(SEEDS) // 2

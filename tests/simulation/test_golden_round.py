"""A whole round against the text of it that is kept, and the diagram in docs/protocol.md."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from tests.simulation.golden_round import GOLDEN, GoldenRound

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
REGENERATE = "python -m tests.simulation.golden_round writes it anew; read what has changed"


@cache
def golden() -> GoldenRound:
    return GoldenRound()


def test_a_round_is_the_one_that_is_written_down() -> None:
    kept = GOLDEN.read_text(encoding="utf-8")
    assert golden().text.splitlines() == kept.splitlines(), REGENERATE


def test_the_diagram_has_the_messages_of_the_round_in_their_order() -> None:
    _, _, rest = DOCUMENT.read_text(encoding="utf-8").partition("```mermaid\nsequenceDiagram\n")
    arrows = re.findall(r"->>[\w ]+: (.+)", rest.partition("```")[0])
    assert arrows == golden().kinds

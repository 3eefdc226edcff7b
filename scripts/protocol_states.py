"""Write the ``states`` block of docs/protocol.md from the machines' tables.

python scripts/protocol_states.py            write it
python scripts/protocol_states.py --check    fail if it is not what this would write
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

from own_tree import ROOT

from protocols.agreement.states import AGREEMENT
from protocols.committee.states import OPENING, SEAT
from protocols.election.states import FLIP
from protocols.session.states import ROUND, SESSION, STAGE

DOCUMENT = ROOT / "docs" / "protocol.md"
State = TypeVar("State", bound=Enum)
Event = TypeVar("Event", bound=Enum)
FIRST, LAST = "```states\n", "```\n"


def diagram(title: str, table: Mapping[tuple[State, Event], State]) -> list[str]:
    """One block a state, in the order of the table."""
    lines = [title]
    for state in dict.fromkeys(state for state, _ in table):
        lines.append(f"  {state.value}")
        for (before, event), after in table.items():
            if before is state:
                lines.append(f"    └─ {event.value} → {after.value}")
    return lines


def block() -> str:
    diagrams = [
        diagram("Election, at every peer (§2)", FLIP),
        diagram("Agreement, at every peer (§5)", AGREEMENT),
        diagram("Member of the committee (§3, §5)", SEAT),
        diagram("Opening of a decided cohort, at every peer (§6)", OPENING),
        diagram("Attempt at a round, at every peer (§6)", STAGE),
        diagram("Attempts of a round, at every peer (§2, §6)", ROUND),
        diagram("A peer from round to round (§6)", SESSION),
    ]
    return "\n\n".join("\n".join(lines) for lines in diagrams) + "\n"


def updated(document: str) -> str:
    start = document.index(FIRST) + len(FIRST)
    end = document.index(LAST, start)
    return document[:start] + block() + document[end:]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if out of date")
    document = DOCUMENT.read_text()
    wanted = updated(document)
    if parser.parse_args(argv).check:
        if document != wanted:
            print(f"{DOCUMENT}: run scripts/protocol_states.py", file=sys.stderr)
        return int(document != wanted)
    DOCUMENT.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())

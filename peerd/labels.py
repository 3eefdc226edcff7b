"""How a person is shown who a peer is: its name and the end of its id, safe for a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from peerd.errors import printable

SHOWN = 8
_PLACE = re.compile(r"\bpeer ([0-9]{1,6})\b")
"""How the core calls a member: by its place in the roster."""
_WHOLE = 12  # what is not longer is shown as it is


def short(identifier: object) -> str:
    """The last characters of a peer id or hash: the first ones are the same for everyone."""
    text = "-" if identifier is None else str(identifier)
    return text if len(text) <= _WHOLE else f"…{text[-SHOWN:]}"


def label(name: object, peer: object) -> str:
    """``St. Mary's (…ewkwhP7S)``, or ``…ewkwhP7S`` where ``name`` is None or empty.

    Both may be what a stranger wrote: neither gets a control character, or a line, past this.
    """
    end = printable(short(peer))
    said = printable(str(name)) if name else ""
    return f"{said} ({end})" if said else end


def with_members(text: str, called: Sequence[str]) -> str:
    """What the core says, with its "peer 2" as everybody else calls that member."""

    def who(place: re.Match[str]) -> str:
        peer = int(place[1])
        return called[peer] if peer < len(called) else place[0]

    return _PLACE.sub(who, text)

"""How a person is shown who a peer is: its name and the end of its id, safe for a terminal."""

from __future__ import annotations

from peerd.errors import printable

SHOWN = 8
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

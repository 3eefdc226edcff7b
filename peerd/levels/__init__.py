"""Three named sets of what a peer can have: one table, which `peerd doctor --level` goes through.

No code of their own: each row is a setting that exists, what it is against, and how to get it. Only
what can be seen on this machine is here; docs/operate/levels.md has the rest.
"""

from peerd.levels.looking import findings, measures_set
from peerd.levels.measure import Again, Found, Level, Measure, Peer, State
from peerd.levels.table import MEASURES

__all__ = [
    "MEASURES",
    "Again",
    "Found",
    "Level",
    "Measure",
    "Peer",
    "State",
    "findings",
    "measures_set",
]

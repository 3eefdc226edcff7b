"""The audit trail: who did what to this daemon, and when; append-only, each record bound to the one
before (docs/operate/trail.md).
"""

from peerd.trail.directory import note_by_directory
from peerd.trail.record import Actor, Factor, Head
from peerd.trail.trail import Trail, TrailError

__all__ = ["Actor", "Factor", "Head", "Trail", "TrailError", "note_by_directory"]

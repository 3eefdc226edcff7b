"""What a command does to a data directory while no daemon runs: in the same trail."""

from __future__ import annotations

import os
from contextlib import closing
from typing import Any

from peerd.trail.record import Actor, Factor, user_name
from peerd.trail.trail import Memory, Trail


def note_by_directory(store: Memory, act: str, **arguments: Any) -> None:
    """On disk on return, and then it may be done. ``store``: open, so that no daemon runs.
    StorageError, CorruptError: it can't be put on record, and must not be done.
    """
    me = os.getuid()
    with closing(Trail(store)) as trail:
        trail.note(act, Actor(Factor.DIRECTORY, me, user_name(me)), **arguments)

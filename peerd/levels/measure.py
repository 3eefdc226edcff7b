"""What a measure is, and what is found of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peerd.config import Config
    from peerd.group import Genesis


class Level(IntEnum):
    """The higher has all that the lower has."""

    BASIC = 1
    ENHANCED = 2
    MAXIMUM = 3

    @property
    def word(self) -> str:
        return self.name.lower()


class State(StrEnum):
    """Whether this peer has it. UNSEEN: nobody can tell from here, now."""

    OK = "ok"
    MISSING = "missing"
    UNSEEN = "unseen"


class Again(StrEnum):
    """What makes a daemon that runs take over a changed setting. CONTROL is a reload, but a restart
    where ``[control]`` begins to name somebody, or names nobody any more.
    """

    RELOAD = "reload"
    CONTROL = "reload or restart"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Peer:
    """What is looked at. ``genesis``: of the group that it is in; None where that can't be read.
    ``pid``: of its daemon; None where none runs, 0 where it is not known. ``running``: what that
    daemon says of the settings it runs with (``measures_set``); None where it says nothing.
    ``reloads``: whether `peerd reload` reaches it: False where it has another socket than the file.
    """

    config: Config
    genesis: Genesis | None = None
    pid: int | None = None
    running: Mapping[str, str] | None = None
    reloads: bool = True


@dataclass(frozen=True, slots=True)
class Measure:
    """``against``: what it defends against; ``how``: to get it; ``look``: PeerdError counts as
    MISSING, and says why. ``again``: of a setting, which a daemon may run without although it is in
    the file; None for what is no setting.
    """

    level: Level
    name: str
    against: str
    how: str
    look: Callable[[Peer], State]
    again: Again | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Of one measure. ``said``: why, where more is known than the state; ``how``: to get it."""

    measure: Measure
    state: State
    said: str = ""
    how: str = ""

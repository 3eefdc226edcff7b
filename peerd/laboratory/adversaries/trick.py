"""A trick: what one liar does in one role of one attempt, around an honest session."""

from __future__ import annotations

from typing import ClassVar

from peerd.laboratory.adversaries.place import Place
from protocols.wire.frames import Frame
from protocols.wire.statement import Statement

Shown = tuple[bytes, tuple[Statement, ...]]
"""A proposal on the cohort: its outcome, and the statements that it shows."""


class Trick:
    """Changes nothing by itself. Of what its honest session says, a trick changes the statement
    (``instead``), the proposal (``propose``), or what each peer is sent (``frame_for``). What it
    says beside that it sends when something happens.

    ``deals``: the trick deals, and the honest session inside gets no update.
    """

    role: ClassVar[str]
    deals: ClassVar[bool] = False

    def __init__(self, at: Place) -> None:
        self.at = at

    # -- what is said, every time that the honest session says it -------------------------------

    def instead(self, said: Statement) -> Statement | None:
        """What is said in its place to everybody; None: nothing."""
        return said

    def propose(self, shown: Shown) -> Shown | None:
        """What is proposed in its place; None: nothing."""
        return shown

    def frame_for(self, peer: int, frame: Frame) -> Frame | None:
        """What ``peer`` is sent in its place; None: nothing."""
        return frame

    # -- what happens --------------------------------------------------------------------------

    def committed(self) -> None:
        """It is decided who committed."""

    def elected(self) -> None:
        """It is decided who sits and deals."""

    def trained(self) -> None:
        """The update is here, of a trick that deals."""

    def reported(self) -> None:
        """The liar's report is out."""

    def woken(self) -> None:
        """The time that it asked for (``Place.wake``) has passed."""

    def heard(self, statement: Statement) -> None:
        """Another's statement came, alone or in a list."""

"""Certificates as people read them: each is verified before it is shown."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from peerd.audit.chain import place_of
from peerd.audit.document import document
from peerd.audit.history import verify
from peerd.audit.material import Material, held
from peerd.dashboard.sources import Sources
from peerd.errors import PeerdError
from protocols.errors import ProtocolError

LISTED = 25
REMEMBERED = 64
"""Rounds whose documents are kept: whoever reads one reads its neighbours."""


@dataclass(frozen=True, slots=True)
class Told:
    """``document``: what an audit of this one certificate says, with one round in ``history``; None
    where it does not hold: ``fault``.
    """

    round: int
    document: dict[str, Any] | None
    fault: str | None = None

    @property
    def told(self) -> dict[str, Any] | None:
        """The round alone."""
        found: dict[str, Any] | None = (
            None if self.document is None else self.document["history"][0]
        )
        return found


class Certificates:
    """Called in worker threads."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._known: OrderedDict[int, Told] = OrderedDict()

    def document(self, round_: int) -> Told | None:
        """None where there is no certificate of this round."""
        known = self._known.get(round_)
        if known is not None:
            return known
        for data in self._sources.certificates(round_, 1):
            if place_of(data)[1] == round_:
                return self._remember(self._read(round_, data))
        return None

    def listed(self, last: int | None) -> list[Told]:
        """The LISTED ones up to round ``last`` (None: the last there is), the latest first."""
        head = self._head()
        end = head if last is None else min(last, head)
        found = (self.document(round_) for round_ in range(end, max(-1, end - LISTED), -1))
        return [each for each in found if each is not None]

    def _head(self) -> int:
        """Of what is listed as rounds: the store keeps a summary of each certificate's round."""
        last = self._sources.views.rounds(1)
        return int(str(last[-1]["round"])) if last else -1

    def _read(self, round_: int, data: bytes) -> Told:
        material = Material(certificates=[held(f"certificate of round {round_}", data, round_)])
        try:
            history = verify(material, self._sources.genesis_of(round_))
        except (ProtocolError, PeerdError) as error:
            return Told(round_, None, str(error))
        lie = history.first_lie
        if lie is not None or not history.rounds:
            return Told(round_, None, "nothing is in it" if lie is None else lie.reason)
        return Told(round_, document(history))

    def _remember(self, told: Told) -> Told:
        self._known[told.round] = told
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return told

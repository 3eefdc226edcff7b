"""Peers behind and ahead: hellos, certificates for the one, patience for the other (docs §6)."""

from __future__ import annotations

from collections.abc import Iterable

from protocols.presence.waiting import Waiting
from protocols.record.door import open_message
from protocols.record.effects import Send, Timer
from protocols.record.outcomes import Behind
from protocols.record.party import Component
from protocols.record.setting import Setting
from protocols.record.timers import AnswersDue, CertificateLate
from protocols.wire.frames import CertificateFrame, Frame, HelloFrame, encode_frame

MAX_AHEAD_FRAMES = 512
"""Frames of one sender that wait for this peer to reach their round or attempt."""
MAX_HELLOS = 16
"""How often one peer is sent this round's frames again, in the time of its result's deadline: each
time costs what the round did."""
CERTIFICATES_KEPT = 8
"""Rounds whose certificates are at hand for those behind; older ones are asked for (CatchUp)."""


class Neighbours(Component):
    """``me`` among the others; ``present``: who is connected, this peer among them."""

    def __init__(self, me: int) -> None:
        super().__init__()
        self.ahead: Waiting[bytes] = Waiting(MAX_AHEAD_FRAMES)
        self.present: frozenset[int] = frozenset()
        self._me = me
        self._greet_again: dict[int, int] = {}
        self.certificates: dict[int, bytes] = {}
        self._helped: dict[int, int] = {}
        self._hellos: dict[int, int] = {}
        self._put_off: dict[tuple[int, type[Frame]], Frame] = {}
        self._suspected = -1
        self._places: dict[int, tuple[int, int]] = {}

    @property
    def others(self) -> tuple[int, ...]:
        """Who else is connected."""
        return tuple(sorted(self.present - {self._me}))

    def next_round(self) -> None:
        self._hellos = {}

    def forget_before(self, round_: int, setting: Setting) -> None:
        """What waits of rounds before this one: a peer that begins none would keep it for good."""
        for sender, data in self.ahead.take_all():
            place = open_message(setting, sender, data).place
            if place is not None and place[0] >= round_:
                self.ahead.put(sender, data, len(data))

    # -- where this peer stands ----------------------------------------------------------------

    def greet(self, peers: Iterable[int], place: tuple[int, int]) -> None:
        """Say where this peer stands: whoever is further sends what it lacks. And once more from
        the next round: what they have said there may be lost as well, and their answer to this one
        only ends this round.
        """
        others = set(peers) - {self._me}
        for peer in sorted(others):
            self.send(peer, HelloFrame(*place))
        self.greet_later(others)

    def greet_later(self, peers: Iterable[int], lost: int = 0) -> None:
        """From the next round, and each further one up to ``lost``: the last round of which what
        they have said is lost here. Nobody says it again, and behind the group's last round nobody
        says anything more.
        """
        for peer in peers:
            self._greet_again[peer] = max(lost, self._greet_again.get(peer, 0))

    def greet_once_more(self, place: tuple[int, int]) -> None:
        again = (self._greet_again.keys() & self.present) - {self._me}
        later = self._greet_again.items()
        self._greet_again = {peer: lost for peer, lost in later if lost > place[0]}
        for peer in sorted(again):
            self.send(peer, HelloFrame(*place))

    def send(self, peer: int, frame: Frame) -> None:
        self.emit(Send((peer,), encode_frame(frame)))

    def catch_up(self, round_: int, peer: int) -> None:
        """``peer`` says that ``round_`` is certified."""
        self.emit(Behind(round_, peer))

    # -- those ahead ---------------------------------------------------------------------------

    def wait_for(self, sender: int, data: bytes, place: tuple[int, int]) -> bool:
        """Keep a frame of a later place; False where too much of its sender's waits already."""
        self.note(sender, place)
        waits = self.ahead.put(sender, data, len(data))
        if not waits:
            self.greet_later({sender}, lost=place[0])
        return waits

    def is_further(self, peer: int, round_: int) -> None:
        """It is in ``round_``, too far for its words to wait: the round before is certified."""
        self.greet_later({peer}, lost=round_)
        self.catch_up(round_ - 1, peer)

    def note(self, peer: int, place: tuple[int, int]) -> None:
        """It speaks from there, or is ready to."""
        self._places[peer] = max(place, self._places.get(peer, place))

    def beyond(self, place: tuple[int, int], *, inclusive: bool = False) -> int:
        """How many peers have spoken from a later place than this one, or (``inclusive``) from it
        as well.
        """
        return sum(
            theirs > place or (inclusive and theirs == place) for theirs in self._places.values()
        )

    def suspect_behind(self, round_: int, delay: int) -> None:
        """Somebody is a round further: the certificate should be here soon, or be asked for."""
        if self._suspected < round_:
            self._suspected = round_
            self.emit(Timer((round_, 0), CertificateLate(), delay))

    # -- those behind --------------------------------------------------------------------------

    def may_ask(self, peer: int, frame: Frame, place: tuple[int, int], delay: int) -> bool:
        """Whether this is answered now: every answer is larger, and waits in this peer's memory.

        What is too much is put off, the last of its kind: a link that fails again and again in a
        long round would else leave two honest peers without each other's words.
        """
        self._hellos[peer] = self._hellos.get(peer, 0) + 1
        if self._hellos[peer] <= MAX_HELLOS:
            return True
        if not self._put_off:
            self.emit(Timer((place[0], 0), AnswersDue(), delay))
        self._put_off[peer, type(frame)] = frame
        return False

    def take_put_off(self) -> list[tuple[int, Frame]]:
        """What was too much a while ago; it counts anew."""
        put_off, self._put_off = self._put_off, {}
        self._hellos = {}
        return [(peer, frame) for (peer, _), frame in put_off.items()]

    def help(self, peer: int, round_: int, place: tuple[int, int], *, again: bool = False) -> None:
        """A peer that is behind gets the certificate of the round in which it stands, once."""
        certificate = self.certificates.get(round_)
        if not again and self._helped.get(peer, -1) >= round_:
            return
        self._helped[peer] = max(round_, self._helped.get(peer, -1))
        frame = HelloFrame(*place) if certificate is None else CertificateFrame(certificate)
        self.send(peer, frame)

    def remember(self, round_: int, certificate: bytes) -> None:
        self.certificates[round_] = certificate
        for old in [r for r in self.certificates if r < round_ - CERTIFICATES_KEPT]:
            del self.certificates[old]

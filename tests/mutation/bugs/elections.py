"""Planted bugs: the coin: nonces, reveals, lock-outs."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

from protocols.hashing import digest
from protocols.record.effects import Blame
from protocols.secret import Secret
from protocols.wire.statement import Kind
from tests.mutation import attacks, expectations
from tests.mutation.attacks import (
    alone,
    restarting,
)
from tests.mutation.bug import Bugs, always

BUGS = Bugs()
bug, plant = BUGS.bug, BUGS.plant
WRONG_REVEAL = alone("WrongRevealer")
COPIED = alone("CommitCopier")
RESTART_IN_FLIP = restarting((Kind.COMMIT,))


ELECTION = "protocols.election.machine:"
LEDGER = "protocols.record.ledger:Ledger."


@bug(
    "the nonce is drawn anew after a restart",
    ELECTION + "Draw.of",
    RESTART_IN_FLIP,
    "framed refused",
)
def _redrawn(sound: Any) -> Any:
    lives = count()

    def of(cls: Any, secret: Secret) -> Any:
        life = next(lives).to_bytes(4, "little")
        return sound.__func__(cls, Secret(digest("planted", secret.reveal(), life)))

    return classmethod(of)


plant(
    "any reveal fits its commitment",
    ELECTION + "ElectionMachine._opens",
    always(True),
    WRONG_REVEAL,
    "blame",
)
plant(
    "a commitment does not bind its peer",
    "protocols.record.setting:Setting.commitment",
    lambda sound: lambda self, r, a, peer, nonce: sound(self, r, a, 0, nonce),
    COPIED,
    "blame",
)


@bug(
    "a missing reveal is passed over",
    ELECTION + "ElectionMachine._union_of_reveals",
    attacks.overruled,
    "coin",
)
def _passed_over(sound: Any) -> Any:
    return lambda self, frames: replace(sound(self, frames), missing=())


plant(
    "the guilty take part again",
    LEDGER + "eligible",
    lambda sound: (
        lambda self, peers, round_: frozenset(
            p for p in range(peers) if not self.locked_out(p, round_)
        )
    ),
    attacks.shut_out,
    "guilty",
)
plant("nobody is locked out", LEDGER + "locked_out", always(False), attacks.overruled, "lock-out")
plant(
    "lock-outs end a round early",
    LEDGER + "locked_out",
    lambda sound: lambda self, peer, round_: sound(self, peer, round_ + 1),
    attacks.overruled,
    "lock-out",
)


@bug(
    "who does not reveal is blamed",
    "protocols.session.attempts:Attempts._on_void",
    attacks.overruled,
    "blame",
)
def _blames_silence(sound: Any) -> Any:
    def on_void(self: Any, certificate: Any) -> None:
        for peer in certificate.election.missing:
            self._effects.append(Blame(certificate.round, peer, "planted", b""))
        sound(self, certificate)

    return on_void


plant(
    "a leader may leave out proof that SEENs list",
    "protocols.election.inputs:unnamed",
    always(frozenset()),
    expectations.spared,
    "blame",
)
plant(
    "an earlier conviction takes a peer off b",
    "protocols.record.setting:Setting.liars_among",
    lambda sound: lambda self, selected, pool: max(0, self.liars - (self.peers - pool)),
    expectations.panels,
    "cohort-size",
)

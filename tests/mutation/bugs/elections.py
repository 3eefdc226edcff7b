"""Planted bugs: the coin: nonces, reveals, lock-outs."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

from protocols.hashing import digest
from protocols.record.effects import Blame
from protocols.secret import Secret
from protocols.version import EARLIEST
from protocols.wire.payloads import Kind
from tests.mutation import attacks, expectations
from tests.mutation.attacks import (
    alone,
    restarting,
)
from tests.mutation.bug import Bugs, always

BUGS = Bugs()
bug, plant = BUGS.bug, BUGS.plant
WRONG_REVEAL = alone("WrongRevealer", version=EARLIEST)
COPIED = alone("CommitCopier", version=EARLIEST)
RESTART_IN_FLIP = restarting((Kind.COMMIT,), version=EARLIEST)


FLIP = "protocols.election.flip:"
HEARD = "protocols.election.heard:"
LEDGER = "protocols.record.ledger:Ledger."


@bug(
    "the nonce is drawn anew after a restart",
    FLIP + "Draw.of",
    RESTART_IN_FLIP,
    "framed refused",
)
def _redrawn(sound: Any) -> Any:
    lives = count()

    def of(cls: Any, secret: Secret) -> Any:
        life = next(lives).to_bytes(4, "little")
        return sound.__func__(cls, Secret(digest("planted", secret.reveal(), life)))

    return classmethod(of)


def _any_nonce(sound: Any) -> Any:
    """The agreed commitments are to whatever was revealed."""

    def election(party: Any, agreed: Any, listed: Any) -> Any:
        listed = list(listed)
        nonces = {said.signer: said.payload.nonce for said in listed}
        commits = tuple(
            (
                peer,
                party.setting.commitment(*party.place, peer, nonces.get(peer, b"")),
                key,
            )
            for peer, _, key in agreed.commits
        )
        return sound(party, replace(agreed, commits=commits), listed)

    return election


plant(
    "any reveal fits its commitment",
    HEARD + "Heard._opens",
    always(True),
    WRONG_REVEAL,
    "blame",
    also=((HEARD + "_election", _any_nonce),),
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
    HEARD + "_election",
    attacks.overruled,
    "coin",
)
def _passed_over(sound: Any) -> Any:
    return lambda party, agreed, listed: replace(sound(party, agreed, listed), missing=())


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
    "protocols.session.round:Round._on_aborting",
    attacks.overruled,
    "blame",
)
def _blames_silence(sound: Any) -> Any:
    def on_aborting(self: Any, outcome: Any) -> None:
        for peer in outcome.flip.election.missing:
            self.emit(Blame(self.number, peer, "planted", b""))
        sound(self, outcome)

    return on_aborting


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

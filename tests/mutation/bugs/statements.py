"""Planted bugs: signatures and evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from protocols.errors import WireError
from protocols.wire.canonical import pack, unpack
from protocols.wire.statement import Slot
from tests.mutation import attacks, expectations, liars
from tests.mutation.attacks import alone
from tests.mutation.bug import Bugs, always

BUGS = Bugs()
bug, plant = BUGS.bug, BUGS.plant
SLANDER = alone(liars.SLANDERER, guilty=None)


def _unbound(field_: int) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Signing and verifying leave one field of the body out."""

    def blank(body: bytes) -> bytes:
        value = unpack(body)
        assert isinstance(value, list)
        return pack([*value[:field_], 0, *value[field_ + 1 :]])

    def signing(sound: Any) -> Any:
        def make(crypto: Any, secret: bytes, group: bytes, slot: Slot, payload: Any) -> Any:
            said = sound(crypto, secret, group, slot, payload)
            return replace(said, signature=crypto.sign(secret, blank(said.body)))

        return make

    def verifying(sound: Any) -> Any:
        return lambda self, crypto, public: crypto.verify(public, blank(self.body), self.signature)

    return signing, verifying


STATEMENT = "protocols.wire.statement:"
FIELDS = {"group": 1, "round": 2, "attempt": 3, "kind": 4, "subject": 5, "view": 6, "signer": 7}
for _name, _field in FIELDS.items():
    _signing, _verifying = _unbound(_field)
    plant(
        f"signatures are not bound to the {_name}",
        STATEMENT + "sign",
        _signing,
        expectations.binding,
        "binding",
        seeds=1,
        also=((STATEMENT + "Statement.signed_by", _verifying),),
    )
plant(
    "signatures are not verified",
    STATEMENT + "Statement.signed_by",
    always(True),
    attacks.forged_votes_of_the_honest,
    "framed refused",
)
plant(
    "evidence may carry the same statement twice",
    "protocols.record.evidence:_equivocation",
    lambda sound: lambda case: _same_twice(sound, case),
    SLANDER,
    "framed",
)
plant(
    "evidence is not compared with signatures",
    STATEMENT + "Statement.signed_by",
    always(True),
    SLANDER,
    "framed",
)
plant(
    "a header's proof convicts unread",
    "protocols.proof.checking:check_proof",
    always(False),
    SLANDER,
    "framed",
)


def _same_twice(sound: Any, case: Any) -> Any:
    from protocols.record.evidence import Finding

    first, second = case.statement(0), case.statement(1)
    if first.slot != second.slot:
        raise WireError("planted")
    return Finding(first.signer, "planted", first.slot.round)


@bug(
    "a reveal convicts without being compared",
    "protocols.record.evidence:_wrong_reveal",
    expectations.worthless,
    "accepted",
    seeds=1,
)
def _any_reveal(sound: Any) -> Any:
    from protocols.record.evidence import Finding

    return lambda case: Finding(case.statement(0).signer, "planted", 0)


@bug(
    "the certified result convicts its signer",
    "protocols.record.evidence:_wrong_result",
    expectations.worthless,
    "accepted",
    seeds=1,
)
def _any_result(sound: Any) -> Any:
    from protocols.record.evidence import Finding

    return lambda case: Finding(case.statement(0).signer, "planted", 0)

"""Evidence about somebody who is blamed already, before anything in it is verified."""

from __future__ import annotations

import pytest

from peerd.laboratory.simulation.swarm import FOUR, setting_of
from protocols.errors import WireError
from protocols.record.evidence import STATEMENTS, Evidence, Fault
from protocols.record.ledger import Ledger
from protocols.session.proofs import Proofs
from protocols.wire.payloads import Commit, Kind
from protocols.wire.statement import Slot, sign

BLAMED = 1


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("count", range(6))
@pytest.mark.parametrize("signer", [BLAMED, 2])
def test_whatever_is_shown_is_refused_or_left_and_blames_nobody(
    fault: Fault, count: int, signer: int
) -> None:
    """Statements that nobody of the group signed, as many as one likes."""
    setting = setting_of(FOUR, 1, real=True)
    proofs = Proofs(setting, 0)
    proofs.blamed.add((0, BLAMED))
    slot = Slot(0, 0, Kind.COMMIT, 0, 0, signer)
    forged = sign(setting.crypto, b"\1" * 32, setting.group, slot, Commit(b"n" * 32, b"k" * 32))
    data = Evidence(fault, None, (forged,) * count).encode()
    if signer == BLAMED and count >= STATEMENTS[fault]:
        assert proofs.hear(3, data, Ledger()) is None
    else:
        with pytest.raises(WireError):
            proofs.hear(3, data, Ledger())
    assert proofs.blamed == {(0, BLAMED)} and proofs.pieces() == ()

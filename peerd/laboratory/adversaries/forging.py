"""What liars need: their own signature on anything, and a machine with one part replaced."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from protocols.record.desk import Desk
from protocols.session.attempt import Parts
from protocols.wire.statement import Kind, Payload, Statement, sign

Words = npt.NDArray[np.unsignedinteger]


def forge(desk: Desk, kind: Kind, payload: Payload, subject: int = 0, view: int = 0) -> Statement:
    """Signed with the liar's own key, past the journal that keeps honest peers from it."""
    slot = desk._slot(kind, subject, view)
    secret = desk._identity if slot.by_identity else desk._round_secret
    assert secret is not None
    return sign(desk.setting.crypto, secret.reveal(), desk.setting.group, slot, payload)


def parts(name: str, **replaced: type) -> type[Parts]:
    return type(name, (Parts,), replaced)

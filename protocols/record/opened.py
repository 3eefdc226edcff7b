"""What else a round's opened polynomials say, beside the model: the group's counts."""

from __future__ import annotations

from protocols.aggregation.evaluation import Counts
from protocols.opening import decode_polynomials, values_of
from protocols.record.setting import Setting


def opened_counts(setting: Setting, polynomials: bytes) -> Counts | None:
    """The group's evaluation in a certified round's opened polynomials; None where it counts
    nothing, or nothing was opened. Raises WireError for bytes that are none.
    """
    if setting.evaluation is None or not polynomials:
        return None
    return setting.counted(values_of(setting.shape, decode_polynomials(setting.shape, polynomials)))

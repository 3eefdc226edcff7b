"""A relation of small values in both versions of the protocol."""

from __future__ import annotations

import numpy as np
import pytest
from relation_world import shaped

from protocols.proof import FREE, DealingShape, Relation, Segment, Smallness
from protocols.proof.projections import Projections

COUNT = 384  # more values than projections: some W has all of them zero
BITS = Smallness.bits_for(100)
SMALL = Relation((Segment("w", COUNT, FREE),), smallness=(Smallness(("w",), BITS),))
QUIET = np.arange(COUNT) % 3 - 1
"""Of norm 16: small."""
versions = pytest.mark.parametrize("version", [2, 3])


def small(version: int) -> DealingShape:
    return shaped(SMALL, version=version)


def left(of: DealingShape, drawn: Projections) -> np.ndarray:
    """a of each projection, (all, polynomials), as integers: what folding unit vectors gives."""
    unit = np.eye(of.layout.projected[0].values.polynomials, dtype=np.uint64)
    folded = of.field.centred(drawn.fold(of.field, unit))
    return np.repeat(folded, of.projections.vectors, axis=0)

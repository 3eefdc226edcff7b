"""The planted bugs, area by area (tests/mutation/bugs)."""

from __future__ import annotations

from tests.mutation.bug import Bug
from tests.mutation.bugs import (
    agreement,
    cohort,
    elections,
    hellos,
    noise,
    openings,
    proofs,
    resolutions,
    restores,
    returns,
    secrets,
    statements,
    steps,
    sums,
    times,
)

BUGS: list[Bug] = [
    *proofs.BUGS,
    *sums.BUGS,
    *cohort.BUGS,
    *agreement.BUGS,
    *elections.BUGS,
    *statements.BUGS,
    *openings.BUGS,
    *noise.BUGS,
    *secrets.BUGS,
    *restores.BUGS,
    *resolutions.BUGS,
    *returns.BUGS,
    *times.BUGS,
    *hellos.BUGS,
    *steps.BUGS,
]

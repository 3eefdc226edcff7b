"""Four organisations over some years, by the documented commands alone (four_organisations.py)."""

from __future__ import annotations

import pytest

from tests.network.four_organisations import play
from tests.network.namespaces import unavailable
from tests.network.stage import needs

pytestmark = [pytest.mark.swarm, pytest.mark.acceptance]
_allowed = needs(unavailable)


def test_a_group_outlives_its_roster_and_an_auditor_sees_all_of_it() -> None:
    play(print)

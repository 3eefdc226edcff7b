"""Daemons behind NAT, on a LAN without a way out, with IPv6 alone, under names.

`make test` plays the one with a relay, `make acceptance` all of them.
"""

from __future__ import annotations

import pytest
import trio

from tests.network.neighbourhoods import no_translation
from tests.network.reach import STORIES, tell
from tests.network.stage import needs

pytestmark = pytest.mark.swarm
_allowed = needs(no_translation)


def test_two_members_behind_address_translation_meet_through_a_third() -> None:
    assert trio.run(tell, "relayed", 2, print) == []


@pytest.mark.acceptance
@pytest.mark.parametrize("name", STORIES)
def test_a_group_goes_on_in_whatever_network(name: str) -> None:
    assert trio.run(tell, name, 10 if name == "relayed" else 4, print) == []

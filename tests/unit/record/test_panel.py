"""Who deals and who may lie (docs/protocol.md §1, §2): a function of the certified flip alone.

Corruption moves between rounds. Whoever was convicted or locked out before is not in the pool that
dealers come from, and may be honest by now, while the adversary holds b of those that are.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import pytest

from peerd.laboratory.simulation.swarm import EIGHT, FOUR, setting_of
from protocols.plan import hypergeometric_tail, plan_group
from protocols.record.elected import Elected, ElectionCertificate, elected, panel_of
from protocols.record.election import Election
from protocols.record.setting import Setting


def flip(setting: Setting, revealed: int, guilty: tuple[int, ...] = ()) -> Elected:
    """A flip in which the first ``revealed`` peers of the roster took part."""
    seats = tuple((peer, bytes([peer % 256]) * 32, bytes(32)) for peer in range(revealed))
    outcome = Election(seats, (), tuple((peer, bytes(32)) for peer in guilty), ())
    return elected(setting, ElectionCertificate(0, 0, outcome.encode(), ()))


@pytest.mark.parametrize(
    ("plan", "liars", "revealed"), [(FOUR, 1, 4), (FOUR, 1, 3), (EIGHT, 2, 8), (EIGHT, 2, 6)]
)
def test_two_honest_dealers_are_opened_wherever_the_adversary_is_now(
    plan: object, liars: int, revealed: int
) -> None:
    """Peers 3, or 6 and 7, were convicted earlier; b of those left may lie in this round."""
    assert plan in (FOUR, EIGHT)
    setting = setting_of(FOUR if plan is FOUR else EIGHT, liars)
    panel = panel_of(setting, flip(setting, revealed))
    assert panel.selected == tuple(range(revealed))
    assert panel.liars == liars
    assert panel.smallest_cohort - liars >= 2


def test_proof_in_this_very_flip_takes_the_dealer_and_not_the_bound() -> None:
    setting = setting_of(EIGHT, 2)
    panel = panel_of(setting, flip(setting, 8, guilty=(6, 7)))
    assert panel.selected == tuple(range(6))
    assert panel.liars == 2


@cache
def drawing(peers: int, liars: int, clients: int) -> Setting:
    """A group of 400 that draws its dealers; the committee does not matter here."""
    plan = plan_group(peers, Fraction(liars, peers), committee=peers, absent=0)
    return setting_of(plan, liars, parameters=4, clients=clients)


@pytest.mark.parametrize(
    ("revealed", "bound"),
    [(400, 18), (392, 18), (390, 18), (378, 19), (356, 19), (60, 22), (40, 22), (20, 20)],
)
def test_a_pool_that_is_smaller_by_lockouts_holds_no_fewer_liars(revealed: int, bound: int) -> None:
    """b = 22 of n = 400, s = 60: each peer that is locked out makes every liar a likelier draw."""
    setting = drawing(400, 22, 60)
    panel = panel_of(setting, flip(setting, revealed))
    selected = min(revealed, 60)
    assert len(panel.selected) == selected
    assert panel.liars == bound
    marked = min(22, revealed)
    assert hypergeometric_tail(revealed, marked, selected, bound).below(40, 1 + 22)
    assert not hypergeometric_tail(revealed, marked, selected, bound - 1).below(40, 1 + 22)

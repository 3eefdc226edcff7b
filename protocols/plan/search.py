"""Finds the plan of a group: the packed committee with the smallest upload (protocol.md §1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

from protocols.plan.committee import (
    LARGEST_GROUP,
    SMALLEST_GROUP,
    CommitteePlan,
    PlanError,
    dropouts_of,
    largest_packing,
    liars_of,
    minimum_cohort,
    roster_quorum,
)
from protocols.plan.tails import Tail, hypergeometric_tail, least_bound

SECURITY_BITS = 40
"""A committee holds more than t liars in fewer than 2^-40 of the rounds, restarts included."""

LIVENESS_BITS = 10
"""With q of the roster gone, more than e members of a drawn committee are gone in fewer than
2^-10 of the rounds. Such a round aborts; nothing leaks."""

CONNECTION_CAP = 512
"""Members that one dealer sends to."""


def attempts(peers: int, adversary: Fraction, dropout: Fraction) -> int:
    """1 + b + floor(q n): flips that one round may need (protocol.md §2)."""
    return 1 + liars_of(peers, adversary) + dropouts_of(peers, dropout)


def election_tail(plan: CommitteePlan, peers: int, adversary: Fraction, dropout: Fraction) -> Tail:
    """Condition (P): the worst Pr[more than t liars are seated] of one election.

    The worst pool is the smallest: with the liars all present, each absent honest peer makes a
    seat more likely to go to a liar. Liars that keep silent only thin themselves out.
    """
    pool = peers if plan.committee == peers else peers - dropouts_of(peers, dropout)
    return hypergeometric_tail(pool, liars_of(peers, adversary), plan.committee, plan.threshold)


def plan_group(
    peers: int,
    adversary: Fraction,
    dropout: Fraction = Fraction(0),
    *,
    absent: int | None = None,
    committee: int | None = None,
    selected: int | None = None,
    connection_cap: int = CONNECTION_CAP,
    values: int | None = None,
) -> CommitteePlan:
    """The plan with the least upload for n peers, adversary bound beta and dropout q.

    ``absent`` is e; if None, the least e that q asks for. ``committee`` fixes m. ``selected`` is
    the number of dealers (default: every peer). ``values``: how many a dealer deals; with None the
    upload is m/k, headers left out. Deterministic: every member of the group derives
    the same plan from the genesis. PlanError says which sizes would do.
    """
    _check_request(peers, adversary, dropout, absent, connection_cap)
    liars, gone = liars_of(peers, adversary), dropouts_of(peers, dropout)
    dealers = peers if selected is None else selected
    try:
        roster_quorum(peers, liars, gone)
    except PlanError as error:
        advice = _advice(peers, adversary, dropout, absent, connection_cap)
        raise PlanError(f"{error}; {advice}") from None
    try:
        _check_cohort(peers, liars, gone, absent, dealers)
    except PlanError as error:
        fewest = _fewest_dealers(peers, liars, gone, absent)
        advice = (
            _advice(peers, adversary, dropout, absent, connection_cap)
            if fewest is None
            else f"{fewest} dealers would do"
        )
        raise PlanError(f"{error}; {advice}") from None
    plans = [
        plan
        for plan in _candidates(peers, liars, gone, absent, connection_cap)
        if committee is None or plan.committee == committee
    ]
    if not plans:
        what = "" if committee is None else f" in a committee of {committee}"
        raise PlanError(
            f"no plan{what} covers {_request(peers, liars, gone, absent)}; "
            + _advice(peers, adversary, dropout, absent, connection_cap)
        )
    return min(plans, key=lambda plan: (upload(plan, values), plan.committee))


def upload(plan: CommitteePlan, values: int | None) -> Fraction:
    """What a dealer sends to its committee: bytes, of ``values`` bits in the smallest field; with
    None m/k.

    Each seat gets a header, of c = 9 polynomials of degree t + k - 1 and 9 quotients, a signature
    and a path; but for the first t it gets a share of every k values, too (docs/protocol.md §3).
    """
    m, t, k = plan.committee, plan.threshold, plan.packing
    if values is None:
        return Fraction(m, k)
    header = 18 * (2 * k + 3 * t - 1) + 32 * (m - 1).bit_length() + 300
    return Fraction(m * header + (m - t) * 2 * (-(-values // k) + 18))


def plan_swarm(peers: int, liars: int, absent: int | None = None) -> CommitteePlan:
    """The plan of a group in which everybody sits: m = n, b = max(1, liars).

    ``absent`` is e; if None, one if the size allows it, else none. PlanError says which sizes
    would do.
    """
    if liars < 0 or (absent is not None and absent < 0):
        raise PlanError("a swarm can't have fewer than 0 liars or 0 absent peers")
    bound = max(1, liars)
    for e in (1, 0) if absent is None else (absent,):
        packing = largest_packing(peers, bound, e)
        if packing >= 1 and _cohort_remains(peers, bound, e):
            return CommitteePlan(peers, bound, packing, e)
    least = absent or 0
    sizes = _sizes(peers, lambda n: bound, lambda n: least, LARGEST_GROUP)
    most = [
        b
        for b in range(1, bound)
        if largest_packing(peers, b, least) >= 1 and _cohort_remains(peers, b, least)
    ]
    smaller = f", or {most[-1]} liars at most among {peers}" if most else ""
    larger = f"{_listed(sizes)} would do" if sizes else f"nor does any up to {LARGEST_GROUP}"
    raise PlanError(
        f"no plan covers {peers} peers of which {bound} lie and {least} may be absent; "
        f"{larger}{smaller}"
    )


def _candidates(
    peers: int, liars: int, gone: int, absent: int | None, cap: int
) -> Iterator[CommitteePlan]:
    """The best plan of each committee size: first the roster, then drawn committees."""
    roster_sits = False
    if peers <= cap:
        e = gone if absent is None else absent
        packing = largest_packing(peers, liars, e)
        # every absent peer keeps a silent seat, so that e must cover all of floor(q n)
        if e >= gone and packing >= 1:
            roster_sits = True
            yield CommitteePlan(peers, liars, packing, e)
    pool = peers - gone
    threshold = away = 0
    for m in range(SMALLEST_GROUP, min(cap, pool - liars) + 1):
        threshold = least_bound(pool, liars, m, SECURITY_BITS, 1 + liars + gone, threshold)
        if absent is None:
            away = least_bound(peers, gone, m, LIVENESS_BITS, 1, away)
        if roster_sits and threshold >= liars:
            return  # a drawn committee that must expect every liar is worse than the roster
        e = away if absent is None else absent
        packing = largest_packing(m, max(1, threshold), e)
        if packing >= 1:
            yield CommitteePlan(m, max(1, threshold), packing, e)


def _check_request(
    peers: int, adversary: Fraction, dropout: Fraction, absent: int | None, cap: int
) -> None:
    for name, value in (("adversary", adversary), ("dropout", dropout)):
        if not isinstance(value, Fraction):
            raise TypeError(f"{name} must be a Fraction: a float moves the floors")
    if not SMALLEST_GROUP <= peers <= LARGEST_GROUP:
        raise PlanError(f"a group has {SMALLEST_GROUP} to {LARGEST_GROUP} peers, not {peers}")
    if not 0 <= adversary < Fraction(1, 3):
        raise PlanError(f"adversary must be at least 0 and below 1/3, not {adversary}")
    if not 0 <= dropout < 1:
        raise PlanError(f"dropout must be at least 0 and below 1, not {dropout}")
    if absent is not None and absent < 0:
        raise PlanError(f"absent must be at least 0, not {absent}")
    if cap < SMALLEST_GROUP:
        raise PlanError(f"the connection cap must be at least {SMALLEST_GROUP}, not {cap}")


def liars_among(selected: int, pool: int, liars: int, flips: int) -> int:
    """b_s: what the liars among ``selected`` dealers exceed in fewer than 2^-40 of the rounds.

    The dealers are drawn without replacement from a ``pool`` that holds all ``liars``, in at most
    ``flips`` draws a round. The whole pool deals: b itself, or all of a smaller pool.
    """
    return least_bound(pool, min(liars, pool), selected, SECURITY_BITS, flips)


def _check_cohort(peers: int, liars: int, gone: int, absent: int | None, selected: int) -> None:
    """Condition (D): of s selected dealers enough remain without the liars and the absent."""
    if not 1 <= selected <= peers:
        raise PlanError(f"selected dealers must be 1 to {peers}, not {selected}")
    pool = peers if selected == peers else max(selected, peers - gone)
    bad = liars_among(selected, pool, liars, 1 + liars + gone)
    away = gone if selected == peers else least_bound(peers, gone, selected, LIVENESS_BITS)
    away = max(away, absent or 0)
    remain, need = selected - bad - away, minimum_cohort(selected, bad)
    if remain < need:
        raise PlanError(
            f"too few dealers: of {selected} selected, {bad} may lie and {away} be absent, so "
            f"that {remain} remain, and a cohort needs {need}"
        )


def _fewest_dealers(peers: int, liars: int, gone: int, absent: int | None) -> int | None:
    for selected in range(1, peers + 1):
        try:
            _check_cohort(peers, liars, gone, absent, selected)
        except PlanError:
            continue
        return selected
    return None


def _cohort_remains(peers: int, liars: int, absent: int) -> bool:
    return peers - liars - absent >= minimum_cohort(peers, liars)


def _request(peers: int, liars: int, gone: int, absent: int | None) -> str:
    e = gone if absent is None else absent
    return f"{peers} peers of which {liars} lie and {e} may be absent"


def _advice(
    peers: int, adversary: Fraction, dropout: Fraction, absent: int | None, cap: int
) -> str:
    def away(n: int) -> int:
        return max(dropouts_of(n, dropout), absent or 0)

    sizes = _sizes(peers, lambda n: liars_of(n, adversary), away, cap)
    if sizes:
        of = "; ".join(
            f"of {n}, {liars_of(n, adversary)} may lie and {away(n)} be absent" for n in sizes
        )
        return f"{_listed(sizes)} would do at these bounds ({of})"
    return (
        f"no roster up to the connection cap {cap} would do: lower the adversary, dropout or absent"
    )


def _sizes(
    peers: int, liars: Callable[[int], int], absent: Callable[[int], int], cap: int
) -> list[int]:
    """The nearest smaller size, and the next two larger ones, at which the roster can sit."""

    def sits(n: int) -> bool:
        b, e = liars(n), absent(n)
        return largest_packing(n, b, e) >= 1 and _cohort_remains(n, b, e)

    below = next((n for n in range(min(peers - 1, cap), SMALLEST_GROUP - 1, -1) if sits(n)), None)
    above: list[int] = []
    for n in range(max(peers + 1, SMALLEST_GROUP), cap + 1):
        if sits(n):
            above.append(n)
        if len(above) == 2:
            break
    return ([] if below is None else [below]) + above


def _listed(sizes: list[int]) -> str:
    names = [str(n) for n in sizes]
    return (
        f"{', '.join(names[:-1])} or {names[-1]} peers" if len(names) > 1 else f"{names[0]} peers"
    )

"""Officers' codes: RFC 6238's own, each once, few tries, and kept over restarts."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from peerd.status.codes import (
    FREE_TRIES,
    MOST_WAIT,
    STEP_SECONDS,
    CodeRefused,
    Codes,
    code_of,
    forget,
    uri,
)
from peerd.storage import Store

ANNA, BORIS = 1001, 1002
START = 1_800_000_000.0
RFC = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]
"""Appendix B, SHA-1: the last six of its eight digits."""


class Clock:
    now = START

    def __call__(self) -> float:
        return self.now


class Desk:
    """Codes in a store's place; ``at`` gives what an authenticator shows, some steps away."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.clock = Clock()
        self.codes = Codes(self, self.clock)
        self.secret = self.codes.enrol(ANNA)

    def meta(self, key: str) -> bytes | None:
        return self.values.get(key)

    def set_meta(self, key: str, value: bytes) -> None:
        self.values[key] = value

    def at(self, steps: int = 0) -> str:
        return code_of(self.secret, int(self.clock.now // STEP_SECONDS) + steps)

    def wrong(self) -> str:
        near = {self.at(steps) for steps in (-1, 0, 1)}
        return next(code for code in map("{:06}".format, range(9)) if code not in near)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(("time", "code"), RFC)
def test_the_codes_are_those_of_the_rfc(time: int, code: str) -> None:
    assert code_of(b"12345678901234567890", time // STEP_SECONDS) == code


def test_the_uri_is_one_that_authenticators_read() -> None:
    parts = urlsplit(uri(b"12345678901234567890", "b\u00f6ris @x"))
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert parts.path == "/peerd%3Ab%C3%B6ris%20%40x"
    query = {"secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"], "issuer": ["peerd"]}
    assert parse_qs(parts.query) == query


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_code_works_once_though_the_clocks_differ_by_a_step(desk: Desk, steps: int) -> None:
    code = desk.at(steps)
    desk.codes.check(ANNA, code)
    with pytest.raises(CodeRefused, match="used before"):
        desk.codes.check(ANNA, code)


@pytest.mark.parametrize("steps", [-3, -2, 2, 3])
def test_an_older_or_a_later_one_does_not(desk: Desk, steps: int) -> None:
    with pytest.raises(CodeRefused):
        desk.codes.check(ANNA, desk.at(steps))


def test_an_earlier_one_is_spent_by_a_later_one(desk: Desk) -> None:
    earlier, later = desk.at(0), desk.at(1)
    desk.codes.check(ANNA, later)
    with pytest.raises(CodeRefused):
        desk.codes.check(ANNA, earlier)


def test_a_clock_that_is_put_back_makes_no_code_work_again(desk: Desk) -> None:
    code = desk.at()
    desk.codes.check(ANNA, code)
    desk.clock.now -= STEP_SECONDS
    with pytest.raises(CodeRefused):
        desk.codes.check(ANNA, code)


def test_the_trail_is_told_what_whoever_guesses_is_not(desk: Desk) -> None:
    used, unused = desk.at(), desk.wrong()
    desk.codes.check(ANNA, used)
    found = []
    for code in (used, unused, desk.at(-1), "x"):
        with pytest.raises(CodeRefused) as refused:
            desk.codes.check(ANNA, code)
        found.append((refused.value.kind, str(refused.value)))
    assert [kind for kind, _ in found] == ["used", "wrong", "used", "wrong"]
    assert len({said for _, said in found}) == 1
    with pytest.raises(CodeRefused) as refused:
        desk.codes.check("nobody", used)
    assert refused.value.kind == "not enrolled"
    for _ in range(FREE_TRIES):
        with pytest.raises(CodeRefused) as refused:
            desk.codes.check(ANNA, unused)
    assert refused.value.kind == "too many"


RUBBISH = ["", "12345", "1234567", "abcdef", "\u0661" * 6, "x" * 4000, "\ud800"]


@pytest.mark.parametrize("code", RUBBISH, ids=ascii)
def test_rubbish_is_a_wrong_code(desk: Desk, code: str) -> None:
    with pytest.raises(CodeRefused, match="wrong"):
        desk.codes.check(ANNA, code)


def test_few_tries_and_then_longer_and_longer_waits(desk: Desk) -> None:
    for _ in range(FREE_TRIES):
        with pytest.raises(CodeRefused, match="wrong"):
            desk.codes.check(ANNA, desk.wrong())
    waits = []
    for _ in range(10):
        with pytest.raises(CodeRefused, match=r"wait \d+ s") as found:
            desk.codes.check(ANNA, desk.at())  # the right one does not count either
        waits.append(int(str(found.value).split()[-2]))
        desk.clock.now += waits[-1]
        with pytest.raises(CodeRefused, match="is wrong"):
            desk.codes.check(ANNA, desk.wrong())
    assert waits == [min(MOST_WAIT, 30 * 2**n) for n in range(10)]
    desk.clock.now += MOST_WAIT
    desk.codes.check(ANNA, desk.at())
    with pytest.raises(CodeRefused, match="is wrong"):  # and the count begins anew
        desk.codes.check(ANNA, desk.wrong())


def test_one_officers_code_is_nobody_elses(desk: Desk) -> None:
    with pytest.raises(CodeRefused, match="have not enrolled"):
        desk.codes.check(BORIS, desk.at())
    desk.codes.enrol(BORIS)
    with pytest.raises(CodeRefused):
        desk.codes.check(BORIS, desk.at())
    desk.codes.check(ANNA, desk.at())


def test_who_has_enrolled_does_so_again_only_once_it_is_forgotten(desk: Desk) -> None:
    with pytest.raises(CodeRefused, match="enrolled already"):
        desk.codes.enrol(ANNA)
    assert forget(desk, ANNA) and not forget(desk, ANNA) and not forget(desk, BORIS)
    with pytest.raises(CodeRefused, match="have not enrolled"):
        desk.codes.check(ANNA, desk.at())
    assert desk.codes.enrol(ANNA) != desk.secret


def test_a_restart_forgets_neither_the_last_code_nor_the_wrong_ones(tmp_path: Path) -> None:
    clock = Clock()
    with Store.open(tmp_path) as store:
        secret = Codes(store, clock).enrol(ANNA)
        code = code_of(secret, int(clock.now // STEP_SECONDS))
        Codes(store, clock).check(ANNA, code)
    for _ in range(FREE_TRIES):
        with Store.open(tmp_path) as store, pytest.raises(CodeRefused, match="used before"):
            Codes(store, clock).check(ANNA, code)
    with Store.open(tmp_path) as store, pytest.raises(CodeRefused, match="too many wrong"):
        Codes(store, clock).check(ANNA, code_of(secret, int(clock.now // STEP_SECONDS) + 1))

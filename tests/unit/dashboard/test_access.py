"""Who is let in: a token once and for a minute, a session for hours, each in a bounded number."""

from __future__ import annotations

import pytest

from peerd.dashboard.access import (
    MAX_SESSIONS,
    MAX_TOKENS,
    SESSION_SECONDS,
    TOKEN_SECONDS,
    Access,
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(clock: Clock) -> Access:
    return Access(clock)


def entered(access: Access) -> str:
    session = access.enter(access.token())
    assert session is not None
    return session


def test_a_token_lets_in_once(access: Access) -> None:
    token = access.token()
    session = access.enter(token)
    assert session is not None and access.admits(session)
    assert access.enter(token) is None
    assert access.admits(session)


def test_a_token_is_worth_nothing_after_its_time(access: Access, clock: Clock) -> None:
    token, late = access.token(), access.token()
    clock.now = TOKEN_SECONDS - 1
    assert access.enter(token) is not None
    clock.now = TOKEN_SECONDS
    assert access.enter(late) is None


def test_a_session_ends(access: Access, clock: Clock) -> None:
    session = entered(access)
    clock.now = SESSION_SECONDS - 1
    assert access.admits(session)
    clock.now = SESSION_SECONDS
    assert not access.admits(session)


@pytest.mark.parametrize("wrong", ["", "x", "é" * 43, "A" * 43, "\x00", "x" * 8000])
def test_what_was_never_issued_is_refused(access: Access, wrong: str) -> None:
    access.token()
    entered(access)
    assert access.enter(wrong) is None
    assert not access.admits(wrong)


def test_a_token_is_no_session_and_a_session_no_token(access: Access) -> None:
    token = access.token()
    assert not access.admits(token)
    assert access.enter(entered(access)) is None
    assert access.enter(token) is not None


def test_the_oldest_go_where_there_are_too_many(access: Access) -> None:
    tokens = [access.token() for _ in range(MAX_TOKENS + 1)]
    assert access.enter(tokens[0]) is None
    assert access.enter(tokens[1]) is not None
    sessions = [entered(access) for _ in range(MAX_SESSIONS + 1)]
    assert [access.admits(each) for each in sessions] == [False, *[True] * MAX_SESSIONS]


def test_each_is_another_and_long_enough(access: Access) -> None:
    tokens = {access.token() for _ in range(100)}
    assert len(tokens) == 100 and all(len(each) == 43 for each in tokens)


def test_neither_is_kept_as_it_is(access: Access) -> None:
    token, session = access.token(), entered(access)
    kept = repr(access) + repr(vars(access._tokens)) + repr(vars(access._sessions))
    assert token not in kept and session not in kept

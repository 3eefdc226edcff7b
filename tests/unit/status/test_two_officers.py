"""Orders that two officers give: nothing is done by one, nothing twice, nothing unseen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from peerd.errors import ConfigError
from peerd.status import Views
from peerd.status.callers import Caller, Certificate, restored
from peerd.status.gate import Gate
from peerd.status.orders import Orders
from peerd.status.pending import MOST_OF_ONE, Pending, digest_of
from peerd.status.roles import Role, Roles
from peerd.status.routes import ROUTES, Answer, JsonObject, Order
from peerd.storage import Store
from peerd.trail import Actor, Factor, Head, TrailError
from protocols.session.events import Refused


def holder(name: str, digit: str = "a") -> Caller:
    return Caller(certificate=Certificate(digit * 64, ord(digit), (name,), 1e12, b"issuer"))


ANNA, BORIS, CLARA = holder("anna", "a"), holder("boris", "b"), holder("clara", "c")
OFFICERS = Roles(officers=("cert:anna", "cert:boris"), operators=("cert:clara",))
COHORT: JsonObject = {"round": 3, "attempt": 1, "cohort": "00" * 32}
DAY = 86_400.0


class Crash(BaseException):
    """The machine loses its power."""


class Desk:
    """A daemon's orders. ``now``: seconds since 1970; ``stopped``: its disk is full."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = 1e9
        self.full = self.refuses = self.crashes = False
        self.done: list[tuple[str, JsonObject]] = []
        self.noted: list[tuple[str, Actor, dict[str, Any]]] = []
        self.gate = Gate()
        self.begin()

    def begin(self) -> None:
        """As after a restart: all but the store is new."""
        pending = Pending(self.store, 3600, lambda: self.now)
        self.gate = Gate(OFFICERS, self.note, pending=pending)
        self.orders = Orders(self.gate, Views(list, lambda n: [], lambda n: None, order=self.order))

    async def note(self, act: str, actor: Actor, **arguments: Any) -> Head:
        if self.full:
            raise TrailError("no space left on device")
        self.noted.append((act, actor, arguments))
        return Head(len(self.noted), "")

    def order(self, act: str, document: JsonObject) -> Order:
        if "rubbish" in document:
            raise ConfigError("this is no order")

        async def carry_out() -> None:
            if self.crashes:
                raise Crash
            if self.refuses:
                raise Refused("it has signed the result")
            self.done.append((act, document))

        return Order({"round": document.get("round")}, carry_out)

    def say(self, act: str, caller: Caller, document: JsonObject | None = None) -> Answer:
        route = next(each for each in ROUTES if each.act == act)
        body = json.dumps({} if document is None else document).encode()
        role = trio.run(self.gate.role, caller)
        assert role is not None and role >= route.role
        return trio.run(self.orders.take, route, caller, role, body)

    def confirm(self, caller: Caller, digest: str | None = None) -> Answer:
        return self.say("confirm", caller, {"order": digest or digest_of("abandon", COHORT)})

    def acts(self) -> list[str]:
        return [act for act, _, _ in self.noted]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Store.open(tmp_path / "data") as store:
        yield Desk(store)


def error_of(answer: Answer) -> str:
    assert isinstance(answer.document, dict)
    return str(answer.document["error"])


def test_one_officer_alone_does_nothing(desk: Desk) -> None:
    answer = desk.say("abandon", ANNA, COHORT)
    assert isinstance(answer.document, dict) and "done" not in answer.document
    (waiting,) = desk.gate.waiting()
    assert answer.document["pending"] == waiting
    assert waiting["act"] == "abandon" and waiting["digest"] == digest_of("abandon", COHORT)
    assert waiting["by"] == f"anna (certificate {'a' * 16}…)"
    assert desk.done == [] and desk.acts() == ["propose"]
    _, actor, arguments = desk.noted[0]
    assert actor == Actor(Factor.CERTIFICATE, None, "anna", "officer")
    assert arguments["what"] == "abandon" and arguments["certificate"] == "a" * 64


def test_another_officer_confirms_it_and_both_are_in_the_trail(desk: Desk) -> None:
    desk.say("abandon", ANNA, COHORT)
    assert desk.confirm(BORIS).document == {"done": "abandon"}
    assert desk.done == [("abandon", COHORT)] and desk.gate.waiting() == []
    assert desk.acts() == ["propose", "abandon"]
    _, actor, arguments = desk.noted[1]
    assert actor.user == "boris" and arguments["order"] == digest_of("abandon", COHORT)
    assert arguments["proposed_by"].startswith("anna (certificate ")


def test_who_confirms_their_own_order_is_on_record(desk: Desk) -> None:
    desk.say("abandon", ANNA, COHORT)
    assert desk.confirm(ANNA).status == 403
    act, actor, arguments = desk.noted[-1]
    assert (act, actor.user, actor.role) == ("refuse", "anna", "officer")
    assert arguments == {
        "what": "confirm",
        "reason": "it is their own order",
        "order": digest_of("abandon", COHORT),
        "certificate": "a" * 64,
    }


def test_who_has_too_many_that_wait_is_on_record(desk: Desk) -> None:
    for attempt in range(MOST_OF_ONE):
        desk.say("abandon", ANNA, {**COHORT, "attempt": attempt})
    assert desk.say("abandon", ANNA, {**COHORT, "attempt": 100}).status == 400
    assert desk.acts()[-1] == "refuse" and desk.noted[-1][2]["reason"] == "too many wait"


def test_whose_order_was_an_officers_no_more_is_on_record(desk: Desk) -> None:
    desk.say("abandon", ANNA, COHORT)
    desk.gate.roles = Roles(officers=("cert:boris",))
    assert desk.confirm(BORIS).status == 409
    act, actor, arguments = desk.noted[-1]
    assert (act, actor.user) == ("refuse", "boris")
    assert arguments["reason"] == "who gave it is no officer any more"


def test_the_same_order_by_the_other_is_a_confirmation(desk: Desk) -> None:
    desk.say("abandon", ANNA, COHORT)
    assert desk.say("abandon", BORIS, COHORT).document == {"done": "abandon"}
    assert desk.done == [("abandon", COHORT)]


def test_another_order_by_the_other_is_none(desk: Desk) -> None:
    """One byte differs: two orders wait, and neither is done."""
    desk.say("abandon", ANNA, COHORT)
    desk.say("abandon", BORIS, {**COHORT, "attempt": 2})
    assert desk.done == [] and len(desk.gate.waiting()) == 2


def test_who_says_it_twice_has_one_voice(desk: Desk) -> None:
    first = desk.say("abandon", ANNA, COHORT)
    assert desk.say("abandon", ANNA, COHORT).document == first.document
    refused = desk.confirm(ANNA)
    assert refused.status == 403 and "another officer" in error_of(refused)
    assert desk.done == [] and desk.acts() == ["propose", "refuse"]


def test_a_renewed_certificate_of_the_same_name_is_the_same_officer(desk: Desk) -> None:
    desk.say("abandon", ANNA, COHORT)
    assert desk.confirm(holder("anna", "d")).status == 403
    assert desk.done == []


def test_an_operator_confirms_nothing_and_orders_alone(desk: Desk) -> None:
    desk.say("abandon", ANNA, COHORT)
    with pytest.raises(AssertionError):
        desk.confirm(CLARA)
    assert desk.say("pause", CLARA).document == {"done": "pause"}
    assert desk.done == [("pause", {})]


def test_what_waits_too_long_is_over(desk: Desk) -> None:
    desk.say("abandon", ANNA, COHORT)
    desk.now += 3599
    assert len(desk.gate.waiting()) == 1
    desk.now += 1
    assert desk.gate.waiting() == []
    late = desk.confirm(BORIS)
    assert late.status == 400 and "out of time" in error_of(late)
    desk.say("abandon", BORIS, COHORT)  # begins anew, with one voice
    assert desk.done == [] and len(desk.gate.waiting()) == 1


def test_a_clock_that_is_put_back_keeps_nothing_alive(desk: Desk) -> None:
    desk.say("abandon", ANNA, COHORT)
    desk.now -= DAY
    assert desk.confirm(BORIS).status == 400


def test_a_restart_forgets_none_and_repeats_none(desk: Desk) -> None:
    desk.say("abandon", ANNA, COHORT)
    before = desk.gate.waiting()
    desk.begin()
    assert desk.gate.waiting() == before
    desk.confirm(BORIS)
    desk.begin()
    assert desk.gate.waiting() == [] and desk.confirm(BORIS).status == 400
    assert desk.done == [("abandon", COHORT)]


def test_a_crash_as_it_is_carried_out_is_no_second_time(desk: Desk) -> None:
    desk.say("abandon", ANNA, COHORT)
    desk.crashes = True
    with pytest.raises(Crash):
        desk.confirm(BORIS)
    desk.crashes = False
    desk.begin()
    assert desk.confirm(BORIS).status == 400 and desk.done == []
    assert desk.acts() == ["propose", "abandon"]  # whoever reads it knows to look


def test_who_is_no_officer_any_more_has_ordered_nothing(desk: Desk) -> None:
    desk.say("abandon", ANNA, COHORT)
    desk.gate.roles = Roles(officers=("cert:boris",))
    refused = desk.confirm(BORIS)
    assert refused.status == 409 and "no officer any more" in error_of(refused)
    desk.gate.roles = OFFICERS
    assert desk.gate.waiting() == [] and desk.done == []


def test_a_revoked_certificate_has_ordered_nothing(desk: Desk) -> None:
    desk.say("abandon", ANNA, COHORT)
    desk.gate.revoked = lambda each: each.fingerprint == "a" * 64
    assert desk.confirm(BORIS).status == 409


def test_what_can_not_be_put_on_record_waits_on(desk: Desk) -> None:
    desk.full = True
    assert desk.say("abandon", ANNA, COHORT).status == 503 and desk.gate.waiting() == []
    desk.full = False
    desk.say("abandon", ANNA, COHORT)
    desk.full = True
    assert desk.confirm(BORIS).status == 503
    assert len(desk.gate.waiting()) == 1 and desk.done == []


def test_an_officer_takes_an_order_back(desk: Desk) -> None:
    desk.say("abandon", ANNA, COHORT)
    answer = desk.say("withdraw", BORIS, {"order": digest_of("abandon", COHORT)})
    assert answer.document == {"done": "withdraw"}
    assert desk.confirm(BORIS).status == 400 and desk.acts() == ["propose", "withdraw"]


def test_what_the_daemon_refuses_is_ordered_anew(desk: Desk) -> None:
    desk.say("abandon", ANNA, COHORT)
    desk.refuses = True
    assert desk.confirm(BORIS).status == 409
    assert desk.gate.waiting() == [] and desk.acts() == ["propose", "abandon", "refuse"]


def test_rubbish_waits_for_nobody(desk: Desk) -> None:
    assert desk.say("abandon", ANNA, {"rubbish": 1}).status == 400
    for order in (None, "", "0" * 64, 5, ["a"]):
        assert desk.say("confirm", BORIS, {"order": order}).status == 400
    assert desk.gate.waiting() == [] and desk.noted == []


def test_one_officer_fills_no_list(desk: Desk) -> None:
    for attempt in range(MOST_OF_ONE):
        desk.say("abandon", ANNA, {**COHORT, "attempt": attempt})
    assert "wait for a second officer already" in error_of(
        desk.say("abandon", ANNA, {**COHORT, "attempt": 99})
    )
    desk.say("abandon", BORIS, {**COHORT, "attempt": 99})
    assert len(desk.gate.waiting()) == MOST_OF_ONE + 1


def test_what_is_shown_is_what_would_be_done(desk: Desk) -> None:
    desk.say("abandon", ANNA, {**COHORT, "extra": "\u202e"})
    (waiting,) = desk.gate.waiting()
    whole = desk.gate.waiting_order(str(waiting["digest"]))
    assert whole is not None and whole["document"] == {**COHORT, "extra": "\u202e"}
    assert isinstance(whole["document"], dict)
    assert digest_of("abandon", whole["document"]) == waiting["digest"]
    assert desk.gate.waiting_order("0" * 64) is None


def test_where_one_is_enough_nothing_waits(desk: Desk) -> None:
    desk.gate.pending = None
    assert desk.say("abandon", ANNA, COHORT).document == {"done": "abandon"}
    assert desk.confirm(BORIS).status == 400


# -- who is who ------------------------------------------------------------------------------------


def test_a_user_and_a_certificate_of_one_name_are_one() -> None:
    root = Caller(0)
    assert root.names() == {"root"} and root.in_words() == "root (uid 0)"
    pending = Pending(_Memory(), 60)
    waiting = pending.add("abandon", {}, {}, root)
    assert waiting.is_of(holder("root")) and not waiting.is_of(ANNA)


def test_roles_of_certificates() -> None:
    one = ANNA.certificate
    assert one is not None
    assert Roles().of_caller(ANNA) is None  # where nobody is named the daemon's user alone is in
    assert Roles(viewers=("anna",)).of_caller(ANNA) is None  # that is a user of this machine
    assert Roles(viewers=("cert:anna",)).of_caller(ANNA) is Role.VIEWER
    assert Roles(("cert:anna",), (), ("sha256:" + "a" * 64,)).of_caller(ANNA) is Role.OFFICER
    Roles(officers=("cert:nobody of this machine", "sha256:" + "a" * 64)).check()


def test_a_caller_is_the_same_after_a_restart() -> None:
    for each in (ANNA, Caller(1001)):
        assert restored(json.loads(json.dumps(each.stored()))) == each


class _Memory:
    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def meta(self, key: str) -> bytes | None:
        return self._kept.get(key)

    def set_meta(self, key: str, value: bytes) -> None:
        self._kept[key] = value

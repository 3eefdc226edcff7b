"""What the pages say of a real group, and that no stranger's word becomes markup."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from page_world import HOSTILE, VERSION, Page, World, cost, world

from peerd.dashboard import charts, schema
from peerd.dashboard.members import RING
from peerd.dashboard.now import LONG
from peerd.dashboard.pages import Pages
from peerd.group import Genesis
from peerd.identity import Identity, peer_id_of
from peerd.tasks.names import SHIPPED
from peerd.tasks.schema import CategoryColumn, NumberColumn, Schema
from tests.unit.audit.histories import LIAR, NAMES, group

WHOLE = ("/", "/rounds", "/rounds/0", "/blame", "/chain", "/schema")
PARTS = ("/part/now", "/part/members", "/part/member-rows", "/part/rounds", "/part/verify")


@pytest.fixture
def there(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as found:
        yield found


def shown(there: World, path: str, **query: str) -> Page:
    found = trio.run(Pages(there.sources).find, path, query)
    assert isinstance(found, str)
    return Page(found)


@pytest.mark.parametrize("path", [*WHOLE, *PARTS])
def test_each_is_well_formed_and_fetches_nothing_from_elsewhere(there: World, path: str) -> None:
    page = shown(there, path)
    for tag, attributes in page.tags:
        assert "style" not in attributes and not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "hx-get"):
            assert str(attributes.get(name, "/")).startswith(("/", "#")), (tag, attributes)
        assert tag != "script" or attributes["src"]
    if path in WHOLE:
        assert len(page.all("main")) == len(page.all("h1")) == len(page.all("nav")) == 1
        assert re.match(r"[^·]+ · sepsis · peerd", page.text)
        ids = [each["id"] for _, each in page.tags if "id" in each]
        assert len(ids) == len({*ids})


def test_the_overview_says_who_is_linked_how(there: World) -> None:
    page = shown(there, "/")
    for name in NAMES:
        assert name in page.text
    for said in ("4 members, 2 of 3 others connected", "12 ms", "36 ms", "sepsis"):
        assert said in page.text
    rows = shown(there, "/part/member-rows").text
    assert rows.count(VERSION) == 2 and rows.count("unknown") == 2
    assert "fail its own proof (round 0)" in rows
    assert "0.500 ±0.250" in page.text and "90" in page.text


def test_the_round_in_progress_and_its_phases(there: World) -> None:
    board = there.board
    for phase in ("collecting commitments", "collecting reveals", "collecting reports"):
        board.publish("phase", round=5, attempt=0, phase=phase)
    board.publish("phase", round=4, attempt=0, phase="opening the sum")
    page = shown(there, "/part/now")
    assert "Round 5: collecting reports" in page.text and "opening the sum" not in page.text
    steps = [
        each["class"] for each in page.all("li") if each.get("class") in ("over", "now", "ahead")
    ]
    assert steps == ["over", "over", "now", "ahead", "ahead"]
    (current,) = [each for each in page.all("li") if each.get("aria-current") == "step"]
    assert current["class"] == "now"


def test_who_is_awaited_is_read_out_once_and_its_seconds_are_not(there: World) -> None:
    peer = there.peers[1]
    entry = {"peer": peer["peer"], "name": peer["name"], "phase": "dealing", "deadline": 240.0}
    there.board.derive("waiting", lambda: [{**entry, "seconds": LONG + 77}])
    text = shown(there, "/part/now").text
    assert "Waiting for Charité <b>" in text and ": dealing" in text and "80 s of 240" in text
    assert spoken(there) == spoken(there, seconds=5) != spoken(there, seconds=LONG - 1)
    assert "80" not in spoken(there)


def spoken(there: World, seconds: float = LONG + 77) -> str:
    """What a screen reader is told when it changes."""
    entry = {"peer": there.peers[1]["peer"], "name": "Ward 8", "phase": "dealing"}
    there.board.derive("waiting", lambda: [{**entry, "seconds": seconds, "deadline": 240.0}])
    found = trio.run(Pages(there.sources).find, "/part/now", {})
    assert isinstance(found, str)
    (line,) = re.findall(r'<p role="status" id="awaited">(.*?)</p>', found)
    return str(line).replace("Ward 8", "")


def test_a_round_shows_its_seed_and_the_seats(there: World) -> None:
    page = shown(there, "/rounds/1")
    certified = group().completed[1]
    assert certified.model_hash.hex() in page.text
    assert re.search(r"All sit, and nobody is drawn.*Seed.*[0-9a-f]{64}.*Order", page.text)
    assert "the sum of 3 updates alone" in page.text
    assert page.text.index("collecting commitments") < page.text.index("agreeing on the cohort")
    assert "left out as guilty" in page.text and NAMES[LIAR] in page.text


def test_a_round_whose_certificate_is_forged_says_so(there: World) -> None:
    good = there.certificates[1]
    there.certificates[1] = good[:-1] + bytes([good[-1] ^ 1])
    page = shown(there, "/rounds/1")
    assert "The certificate does not hold" in page.text and "Seed" not in page.text
    assert "does not hold" in shown(there, "/chain").text


def test_blame_with_its_evidence_in_words(there: World) -> None:
    page = shown(there, "/blame")
    for said in (
        NAMES[LIAR],
        "dealt shares that fail its own proof",
        "verified here",
        "a member's signed complaint with the share in question",
        "peerd blame export 1",
    ):
        assert said in page.text


def test_evidence_that_convicts_another_is_not_called_verified(there: World) -> None:
    views = there.sources.views
    innocent = {"peer": there.peers[1]["peer"], "name": "the innocent"}
    there.sources = replace(
        there.sources,
        views=replace(views, blame=lambda: [{**each, **innocent} for each in views.blame()]),
    )
    page = shown(there, "/blame")
    assert "does not hold: it convicts nobody" in page.text and "verified here" not in page.text


def test_nobody_is_blamed(tmp_path: Path) -> None:
    with world(tmp_path, group(attack=None)) as found:
        assert "there is no evidence against anybody here" in shown(found, "/blame").text


def test_the_chain_lists_the_latest_first_and_leads_on(there: World) -> None:
    page = shown(there, "/chain")
    numbers = [each["href"] for each in page.all("a") if "/rounds/" in str(each["href"])]
    assert numbers == [f"/rounds/{number}" for number in (4, 3, 2, 1, 0)]
    numbers = [each["href"] for each in shown(there, "/chain", before="2").all("a")]
    assert "/rounds/1" in numbers and "/rounds/2" not in numbers


def test_the_series_of_the_charts(there: World) -> None:
    found = trio.run(Pages(there.sources).find, "/data/rounds.json", {})
    assert isinstance(found, bytes)
    series = json.loads(found)
    assert series["round"] == [0, 1, 2, 3, 4]
    assert series["accuracy"] == [0.5] * 5 and series["low"] == [0.25] * 5
    assert series["high"] == [0.75] * 5 and series["rows"] == [90] * 5
    assert charts.series([{"round": 7, "group": None}])["low"] == [None]


# -- strangers' words ------------------------------------------------------------------------------


def test_no_hostile_text_becomes_markup(there: World) -> None:
    """In every field of every document that is not a number."""
    there.peers = [_hostile(each, keep={"peer", "self"}) for each in there.peers]
    kept = {"peer", "round", "model_hash", "phases"}
    there.rounds = [_hostile(each, keep=kept) for each in there.rounds]
    for each in there.rounds:
        each["phases"] = {HOSTILE: cost()["phases"]["start"]}
        each["blamed"] = [{"peer": HOSTILE, "name": HOSTILE, "reason": HOSTILE, "evidence": ""}]
        each["aborted"] = [{"attempt": 0, "reason": HOSTILE, "meaning": HOSTILE, "advice": HOSTILE}]
        each["warnings"] = [HOSTILE]
    entry = {"peer": HOSTILE, "name": HOSTILE, "phase": HOSTILE, "seconds": 9.0, "deadline": 10.0}
    there.board.update(
        **dict.fromkeys(("state", "name", "phase", "reason", "meaning", "advice"), HOSTILE),
        warnings=[HOSTILE],
        approvals=[{"peer": HOSTILE, "name": HOSTILE, "act": HOSTILE, "about": HOSTILE}],
        quorum=3,
    )
    there.board.derive("waiting", lambda: [entry])
    there.board.publish("phase", round=5, attempt=0, phase=HOSTILE)
    views = there.sources.views
    listed = [{**each, "reason": HOSTILE, "name": HOSTILE} for each in views.blame()]
    there.sources = replace(there.sources, views=replace(views, blame=lambda: listed))
    for path in (*WHOLE, *PARTS):
        markup = trio.run(Pages(there.sources).find, path, {})
        assert isinstance(markup, str)
        page = Page(markup)
        assert all(each.get("src") for each in page.all("script")), path
        assert "\x1b" not in markup
        if path not in ("/schema", "/chain", "/part/verify"):
            assert "<script>alert(1)" in page.text, f"{path} shows it, as text"


def _hostile(document: dict[str, Any], keep: set[str]) -> dict[str, Any]:
    return {
        name: HOSTILE if isinstance(value, str) and name not in keep else value
        for name, value in document.items()
    }


def test_a_hostile_agreement_is_text(there: World) -> None:
    columns = (NumberColumn(HOSTILE, 1.0, 2.0), CategoryColumn("c" + HOSTILE, (HOSTILE,) * 1, 2))
    options = {"schema": Schema("l" + HOSTILE, ("a", HOSTILE), columns).to_options()}
    for task, given in ((SHIPPED["table"], options), ("digits", {HOSTILE[:20]: HOSTILE})):
        genesis = there.sources.genesis
        hostile = replace(genesis, name="<b>", task=task, task_options=given, signatures={})
        page = Page(schema.page(hostile))
        assert "<script>alert(1)" in page.text and not page.all("script")


# -- few and many ----------------------------------------------------------------------------------


def test_a_schema_of_a_table_says_its_columns(there: World) -> None:
    many = tuple(f"v{number}" for number in range(40))
    columns = (NumberColumn("age", 61.5, 12.25), CategoryColumn("ward", many, 4))
    options = {"schema": Schema("outcome", ("no", "yes"), columns).to_options()}
    page = Page(schema.page(_with(there.sources.genesis, options)))
    for said in ("age", "mean 61.5, scale 12.25", "ward", "v39", "40 values", "outcome", "no, yes"):
        assert said in page.text


def _with(genesis: Genesis, options: dict[str, Any]) -> Genesis:
    return replace(genesis, task=SHIPPED["table"], task_options=options, signatures={})


@pytest.mark.parametrize("count", [2, 4, RING, RING + 1, 100])
def test_few_members_are_a_ring_and_many_are_tiles(there: World, count: int) -> None:
    keys = [Identity(number.to_bytes(32, "little")).public for number in range(1, count + 1)]
    there.peers = [
        {**there.peers[1], "peer": peer_id_of(key), "name": f"Site {number}", "self": not number}
        for number, key in enumerate(keys)
    ]
    page = shown(there, "/part/members")
    assert bool(page.all("svg")) is (count <= RING)
    for number in range(count):
        assert f"Site {number}" in page.text
    rows = shown(there, "/part/member-rows")
    assert len(rows.all("tr")) == count + 1
    assert all(each.get("scope") in ("row", "col") for each in rows.all("th"))
    texts = page.all("text")
    assert all(0 <= float(str(each["x"])) <= 360 for each in texts)
    assert all(0 <= float(str(each["y"])) <= 260 for each in texts)

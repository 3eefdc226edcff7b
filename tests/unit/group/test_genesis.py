"""The genesis document: its id, its fields, its signatures, its file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerd.errors import GroupError
from peerd.group import Genesis, document, load, merge, new_genesis, save, sign
from peerd.identity import Identity
from peerd.runner.resume import setting_of
from protocols.aggregation.evaluation import Evaluation

MEMBERS = [Identity(bytes([index]) * 32) for index in range(8)]
STRANGER = Identity(b"s" * 32)
VALUES: dict[str, Any] = {
    "name": "spring",
    "task": "peerd.tasks.digits:Digits",
    "task_options": {"hidden": 32, "schema": {"columns": ["a", "b"], "scale": "1/3"}},
    "aggregator": "rsa",
    "constants": {"lambda": "1/100", "bits": 1},
    "adversary": Fraction(1, 4),
    "dropout": Fraction(0),
    "absent": None,
    "delta_ms": 1000,
    "bandwidth_bytes_per_second": 1_000_000,
    "training_seconds": 18,
    "deadlines": {"deal": 30_000},
    "parameters": 2410,
    "first_model": bytes(range(32)),
    "model_seed": 7,
}


def genesis(**changes: Any) -> Genesis:
    return new_genesis(roster=[peer.public for peer in MEMBERS], **{**VALUES, **changes})


def signed() -> Genesis:
    result = genesis()
    for peer in MEMBERS:
        result = sign(result, peer)
    return result


def test_the_id_is_pinned() -> None:
    """Changing this value splits every group from its past: raise the version instead."""
    assert genesis().group_id.hex() == PINNED


def test_a_group_of_version_2_stays_what_it_is() -> None:
    """Its id, and the plan of m/k alone: a group of 500 that a later release would plan anew."""
    assert replace(genesis(), version=2).group_id.hex() == PINNED_OF_VERSION_2
    roster = [Identity(index.to_bytes(2, "big") * 16).public for index in range(500)]
    values = {**VALUES, "adversary": Fraction(1, 10), "parameters": 10_000}
    newer = new_genesis(roster=roster, **values)
    assert newer.plan.committee < 500
    assert replace(newer, version=2).plan.committee == 500
    runs = genesis(constants={}, deadlines={})
    assert setting_of(replace(runs, version=2)).shape.version == 2


def test_a_ball_in_blocks_is_not_in_version_2() -> None:
    rule = {"aggregator": "centered-clipping-l2", "constants": {"blocks": 100}}
    later = genesis(**rule, deadlines={})
    setting_of(later)
    with pytest.raises(GroupError, match="in version 3 of the protocol, and this group speaks"):
        setting_of(replace(later, version=2))


def test_the_roster_is_put_in_order() -> None:
    reverse = new_genesis(roster=[peer.public for peer in reversed(MEMBERS)], **VALUES)
    assert reverse.roster == tuple(sorted(peer.public for peer in MEMBERS))
    assert reverse.group_id == genesis().group_id
    assert [reverse.index(public) for public in reverse.roster] == list(range(8))


CHANGES: dict[str, Any] = {
    "name": "autumn",
    "task": "peerd.tasks.table:Table",
    "task_options": {"hidden": 33},
    "aggregator": "clipping",
    "constants": {"lambda": "1/101"},
    "adversary": Fraction(1, 8),
    "dropout": Fraction(1, 100),
    "absent": 0,
    "delta_ms": 1001,
    "bandwidth_bytes_per_second": 999_999,
    "training_seconds": 17,
    "deadlines": {"deal": 30_001},
    "parameters": 2411,
    "first_model": bytes(32),
    "model_seed": 8,
}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_every_field_is_in_the_id(name: str) -> None:
    assert set(CHANGES) == set(VALUES)
    assert genesis(**{name: CHANGES[name]}).group_id != genesis().group_id


LEFT_OUT: dict[str, Any] = {"fixed": bytes(range(32)), "statistics": "averaged"}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_where_it_says_nothing_is_in_the_id_where_it_does(name: str) -> None:
    said = genesis(**{name: LEFT_OUT[name]})
    assert said.group_id != genesis().group_id
    assert Genesis.decode(said.encode()) == said
    assert document.parse(document.render(said).encode()) == said
    assert name not in json.loads(document.render(genesis()))
    usual = shown(getattr(genesis(), name))
    with pytest.raises(GroupError, match=f"{name} .* left out"):
        document.parse(document.render(said).replace(shown(LEFT_OUT[name]), usual).encode())


def shown(value: bytes | str) -> str:
    return json.dumps(value.hex() if isinstance(value, bytes) else value)


def test_signatures_are_not_in_the_id() -> None:
    assert signed().group_id == genesis().group_id


def test_the_callers_tables_are_copied() -> None:
    options = {"hidden": [1]}
    made = genesis(task_options=options)
    before = made.encode()
    options["hidden"].append(2)
    assert made.encode() == before


def test_everybody_has_signed() -> None:
    signed().verify()
    assert signed().unsigned() == ()


def test_verify_names_who_has_not_signed() -> None:
    part = genesis()
    for peer in MEMBERS[:-1]:
        part = sign(part, peer)
    assert part.unsigned() == (MEMBERS[-1].public,)
    with pytest.raises(GroupError, match=f"1 of 8 have not signed: {MEMBERS[-1].peer_id}"):
        part.verify()
    with pytest.raises(GroupError, match="3 more"):
        genesis().verify()


def test_a_strangers_signature_is_refused() -> None:
    with pytest.raises(GroupError, match=f"{STRANGER.peer_id} is not in the roster"):
        sign(genesis(), STRANGER)
    with pytest.raises(GroupError, match="somebody who is not in the roster"):
        replace(genesis(), signatures={STRANGER.public: bytes(64)})


def test_a_wrong_signature_names_its_peer() -> None:
    whole = signed()
    other = sign(genesis(name="autumn"), MEMBERS[2])
    public = MEMBERS[2].public
    bad = replace(whole, signatures={**whole.signatures, public: other.signatures[public]})
    with pytest.raises(GroupError, match=f"not the signature of {MEMBERS[2].peer_id}"):
        bad.verify()


def test_merge_collects_signatures() -> None:
    parts = [sign(genesis(), peer) for peer in MEMBERS]
    merged = merge(genesis(), parts)
    merged.verify()
    assert merged.encode() == signed().encode()


def test_merge_prefers_a_signature_that_verifies() -> None:
    spoiled = replace(genesis(), signatures={MEMBERS[0].public: bytes(64)})
    good = sign(genesis(), MEMBERS[0])
    for first, second in ((spoiled, good), (good, spoiled)):
        assert merge(first, [second]).signatures == good.signatures


def test_merge_refuses_another_group() -> None:
    with pytest.raises(GroupError, match="these are two groups"):
        merge(genesis(), [genesis(name="autumn")])


def test_a_plan_must_exist() -> None:
    with pytest.raises(GroupError, match="no committee plan exists"):
        genesis(absent=3)
    assert genesis().plan.committee == 8


REFUSED: list[tuple[str, Any, str]] = [
    ("version", 1, "this peerd reads versions 2 to 3"),
    ("version", True, "this peerd reads versions 2 to 3"),
    ("name", "", "name must be 1…64"),
    ("name", "a" * 65, "name must be 1…64"),
    ("name", "a\nb", "name must be 1…64"),
    ("name", 5, "name must be text"),
    ("task", "../evil:Task", "task must look like"),
    ("task", "a.b:C()", "task must look like"),
    ("task_options", [], "task_options must be a table"),
    ("task_options", {"rate": {"x": 0.5}}, r"task_options.rate.x is a float"),
    ("task_options", {"x": b"1"}, "task_options.x must be"),
    ("task_options", {"x": 1 << 64}, "task_options.x must be in"),
    ("task_options", {"x": "\ud800"}, "task_options.x holds half a character"),
    ("task_options", {"\ud800": 1}, "task_options holds half a character"),
    ("task_options", {"x": "y" * (1 << 20)}, "task_options has more than"),
    ("task_options", {"x": [[[[[[]]]]]]}, "nests more than 5 deep"),
    ("aggregator", "RSA", "aggregator must be a lower-case word or package.module:factory"),
    ("aggregator", "my.rule:", "aggregator must be"),
    ("constants", {"lambda": 0.01}, "constants.lambda must be an integer or text"),
    ("constants", {"lambda": True}, "constants.lambda must be an integer or text"),
    ("constants", {"x": "y" * 4097}, "constants.x must be"),
    ("constants", {str(i): i for i in range(65)}, "constants has more than 64"),
    ("adversary", 0.1, "adversary must be a rational"),
    ("adversary", Fraction(1, 3), "adversary must be at least 0 and below 1/3"),
    ("adversary", Fraction(-1, 9), "adversary must be at least 0"),
    ("adversary", Fraction(1, 10**40), "adversary is no rational"),
    ("dropout", Fraction(1), "dropout must be at least 0 and below 1"),
    ("absent", -1, "absent must be in 0…8"),
    ("absent", 9, "absent must be in 0…8"),
    ("absent", False, "absent must be an integer"),
    ("fixed", bytes(31), "fixed must be a hash of 32 bytes"),
    ("fixed", "00" * 32, "fixed must be a hash of 32 bytes"),
    ("statistics", "shared", "statistics must be one of refused, local, averaged"),
    ("statistics", None, "statistics must be one of"),
    ("delta_ms", 9, "delta_ms must be in 10…"),
    ("delta_ms", 0.5, "delta_ms must be an integer"),
    ("bandwidth_bytes_per_second", 999, "bandwidth_bytes_per_second must be in 1000…"),
    ("training_seconds", 0, "training_seconds must be in 1…"),
    ("deadlines", {"nap": 200}, "deadlines.nap is unknown"),
    ("deadlines", {"hurry": 200}, "deadlines.hurry is unknown"),
    ("deadlines", {"deal": 0}, "deadlines.deal must be in 1…"),
    ("deadlines", {"deal": 1e3}, "deadlines.deal must be an integer"),
    ("deadlines", {"deal": 86_400_001}, "deadlines.deal must be in"),
    ("parameters", 0, "parameters must be in 1…1000000000"),
    ("parameters", 10**9 + 1, "parameters must be in"),
    ("first_model", bytes(31), "first_model must be a hash of 32 bytes"),
    ("first_model", "00" * 32, "first_model must be a hash of 32 bytes"),
    ("model_seed", -1, "model_seed must be in"),
    ("roster", (), "roster must name 4…5000 peers"),
    ("roster", (b"x" * 31,) * 4, r"roster\[0\] is not an Ed25519 public key"),
    ("roster", (bytes(32), *genesis().roster), r"roster\[0\] is not an Ed25519 public key"),
    ("roster", genesis().roster[::-1], r"roster\[1\] is out of order"),
    ("roster", (genesis().roster[0], *genesis().roster), r"roster\[1\] appears twice"),
    ("signatures", {MEMBERS[0].public: b"short"}, "signatures must have 64 bytes"),
]


@pytest.mark.parametrize(("name", "value", "line"), REFUSED)
def test_a_bad_field_is_named(name: str, value: Any, line: str) -> None:
    with pytest.raises(GroupError, match=line) as caught:
        replace(genesis(), **{name: value})
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


def test_what_is_derived_is_not_stated() -> None:
    plain = genesis(deadlines={})
    assert "deadlines" not in json.loads(document.render(plain))
    assert Genesis.decode(plain.encode()) == plain
    stated = json.loads(document.render(plain)) | {"deadlines": {}}
    with pytest.raises(GroupError, match="deadlines are left out where none is longer"):
        document.parse(json.dumps(stated).encode())


@pytest.mark.parametrize(("name", "least"), [("check", 4000), ("commit", 4000), ("deal", 20000)])
def test_every_deadline_that_is_shorter_than_derived_is_refused(name: str, least: int) -> None:
    changes: dict[str, Any] = {"constants": {}, "parameters": 10}
    derived = setting_of(genesis(**changes, deadlines={})).deadlines
    assert derived.hurry >= 1000 and getattr(derived, name) >= least
    longer = setting_of(genesis(**changes, deadlines={name: 3 * least})).deadlines
    assert longer == replace(derived, **{name: 3 * least})
    with pytest.raises(GroupError, match=f"deadline {name} is {least - 1} ms, and at least"):
        setting_of(genesis(**changes, deadlines={name: least - 1}))


def test_binary_round_trip() -> None:
    for one in (genesis(), signed()):
        assert Genesis.decode(one.encode()) == one


@given(st.data())
@settings(max_examples=60)
def test_no_changed_byte_decodes_to_the_same_genesis(data: st.DataObject) -> None:
    encoded = bytearray(SIGNED_BYTES)
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] ^= data.draw(st.integers(1, 255))
    try:
        other = Genesis.decode(bytes(encoded))
    except GroupError:
        return
    assert other.encode() == bytes(encoded) != SIGNED_BYTES
    with pytest.raises(GroupError):
        other.verify()


@given(st.binary(max_size=64) | st.integers(0, 400).map(lambda cut: SIGNED_BYTES[:cut]))
def test_other_bytes_are_refused_with_one_error(data: bytes) -> None:
    with pytest.raises(GroupError):
        Genesis.decode(data)


def test_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "genesis.json"
    save(signed(), path)
    assert load(path) == signed()
    assert load(path).group_id.hex() == PINNED
    assert [child.name for child in tmp_path.iterdir()] == ["genesis.json"]


def test_layout_of_the_text_does_not_matter() -> None:
    text = json.loads(document.render(signed()))
    shuffled = json.dumps(dict(reversed(text.items())), separators=(",", ":"))
    assert document.parse(shuffled.encode()) == signed()


def edited(change: Callable[[dict[str, Any]], object]) -> bytes:
    content = json.loads(document.render(signed()))
    change(content)
    return json.dumps(content).encode()


TEXTS: list[tuple[bytes, str]] = [
    (b"", "not JSON"),
    (b"\xff", "not UTF-8"),
    (b"[" * 100_000, "nested too deep|not JSON"),
    (b"[]", "must be a table"),
    (b'{"name": "a", "name": "b"}', "'name' appears twice"),
    (b'{"name": NaN}', "NaN is no number"),
    (b'{"parameters": ' + b"1" * 5000 + b"}", "too many digits"),
    (edited(lambda c: c.pop("dropout")), "dropout is missing"),
    (edited(lambda c: c.pop("signatures")), "signatures must be a table"),
    (edited(lambda c: c.update(colour=1)), "'colour' is an unknown field"),
    (edited(lambda c: c.update(adversary=0.25)), "adversary must be a rational"),
    (edited(lambda c: c.update(adversary="2/8")), "adversary must be in lowest terms"),
    (edited(lambda c: c.update(adversary="1e-1")), "adversary is no rational"),
    (edited(lambda c: c.update(roster="all")), "roster must be a list"),
    (edited(lambda c: c["roster"].append("12D3")), r"roster\[8\] must be the peer id"),
    (edited(lambda c: c["roster"].reverse()), r"roster\[1\] is out of order"),
    (edited(lambda c: c.update(first_model="00")), "first_model must be a hash"),
    (edited(lambda c: c.update(first_model="AB" * 32)), "first_model must be lower-case hex"),
    (edited(lambda c: c.update(first_model="ab " * 32)), "first_model must be lower-case hex"),
    (edited(lambda c: c["signatures"].update({MEMBERS[0].peer_id: 1})), "lower-case hex"),
    (edited(lambda c: c["signatures"].update(me="00")), "signatures must be the peer id"),
    (edited(lambda c: c["task_options"].update(x=0.5)), "task_options.x is a float"),
]


@pytest.mark.parametrize(("text", "line"), TEXTS)
def test_a_bad_file_is_refused_with_one_line(tmp_path: Path, text: bytes, line: str) -> None:
    path = tmp_path / "genesis.json"
    path.write_bytes(text)
    with pytest.raises(GroupError, match=line) as caught:
        load(path)
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).isprintable()


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(GroupError, match="peerd group new"):
        load(tmp_path / "none")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(GroupError, match="this is no genesis"):
        load(tmp_path / "huge")


def test_saving_where_one_cannot(tmp_path: Path) -> None:
    with pytest.raises(GroupError, match="can't write the genesis"):
        save(genesis(), tmp_path / "no" / "where")


SIGNED_BYTES = signed().encode()
PINNED_OF_VERSION_2 = "73e53e97e0ebab59afa718ee38ee17cfc384da927544732560200b8bd5f110db"
PINNED = "d3c366563b4d26ddd2117b02b901e4d2ab160cd99e5ee896bc4520f802d2db00"


# -- weights -----------------------------------------------------------------------------------


WEIGHTS = {MEMBERS[2].public: 700, MEMBERS[5].public: 30}


def weighed(**changes: Any) -> Genesis:
    return genesis(weights=WEIGHTS, aggregator="weighted-mean", **changes)


def test_weights_are_signed_and_survive_wire_and_file() -> None:
    made = weighed()
    for peer in MEMBERS:
        assert made.weight_of(made.index(peer.public)) == WEIGHTS.get(peer.public, 1)
        made = sign(made, peer)
    made.verify()
    assert Genesis.decode(made.encode()) == made
    assert document.parse(document.render(made).encode()) == made
    shown = json.loads(document.render(made))["weights"]
    assert shown[MEMBERS[2].peer_id] == 700
    assert shown[MEMBERS[0].peer_id] == 1


def test_another_weight_is_another_group() -> None:
    ids = {
        genesis(aggregator="weighted-mean", weights=weights).group_id
        for weights in ({}, WEIGHTS, {**WEIGHTS, MEMBERS[0].public: 2})
    }
    assert len(ids) == 3


def test_equal_weights_are_not_written() -> None:
    """Groups without weights have the id that they had before there were any."""
    same = dict.fromkeys([peer.public for peer in MEMBERS], 1)
    assert genesis(weights=same) == genesis()
    assert "weights" not in document.render(genesis())
    with pytest.raises(GroupError, match="left out"):
        replace(genesis(), weights=(1,) * 8)


@pytest.mark.parametrize(
    ("weights", "line"),
    [
        ([0, 2, 1, 1, 1, 1, 1, 1], r"weights\[0\] must be in 1"),
        ([True, 2, 1, 1, 1, 1, 1, 1], r"weights\[0\] must be an integer"),
        ([1 << 21, 2, 1, 1, 1, 1, 1, 1], r"weights\[0\] must be in"),
        ([2, 3], "weights must be 8"),
        ("2", "weights must be a list"),
        ([], "left out"),
        ([1] * 8, "left out"),
    ],
)
def test_wrong_weights_are_refused(weights: object, line: str) -> None:
    content = weighed()._content() | {"weights": weights}
    with pytest.raises(GroupError, match=line):
        Genesis.from_content(content, {})


def test_the_file_gives_each_member_one_weight() -> None:
    text = json.loads(document.render(weighed()))
    for change, line in (
        ({STRANGER.peer_id: 2}, "not in the roster"),
        ({MEMBERS[0].peer_id: "many"}, "must be an integer"),
    ):
        with pytest.raises(GroupError, match=line):
            document.parse(json.dumps(text | {"weights": text["weights"] | change}).encode())
    del text["weights"][MEMBERS[3].peer_id]
    with pytest.raises(GroupError, match="leave out"):
        document.parse(json.dumps(text).encode())


def test_a_stranger_has_no_weight() -> None:
    with pytest.raises(GroupError, match="not in the roster"):
        genesis(weights={STRANGER.public: 2})


def test_a_group_whose_proposals_may_outgrow_a_frame_is_refused() -> None:
    """Five liars of 26, one proof against each, and a dealing of 60 MB."""
    roster = [Identity(bytes([index]) * 32).public for index in range(26)]
    changes = {"deadlines": {}, "constants": {}}
    values = {**VALUES, **changes, "adversary": Fraction(1, 5), "parameters": 180_000_000}
    large = new_genesis(roster=roster, **values)
    with pytest.raises(GroupError, match=r"a proposal on a cohort may take \d+ bytes") as refused:
        setting_of(large)
    assert "a smaller model" in str(refused.value.hint)
    setting_of(new_genesis(roster=roster, **{**values, "parameters": 200_000}))


# -- clients -----------------------------------------------------------------------------------


def test_drawn_clients_are_signed_and_survive_wire_and_file() -> None:
    made = genesis(clients=7)
    assert made.group_id not in {genesis().group_id, genesis(clients=8).group_id}
    assert Genesis.decode(made.encode()) == made
    assert document.parse(document.render(made).encode()) == made
    assert "clients" not in document.render(genesis())


@pytest.mark.parametrize(
    ("clients", "line"),
    [
        (0, "clients must be in 1"),
        (9, "clients must be in 1"),
        (True, "clients must be an integer"),
        (None, "clients is left out"),
    ],
)
def test_wrong_clients_are_refused(clients: object, line: str) -> None:
    with pytest.raises(GroupError, match=line):
        Genesis.from_content(genesis()._content() | {"clients": clients}, {})


def test_too_few_drawn_clients_have_no_plan() -> None:
    with pytest.raises(GroupError, match=r"too few dealers.*7 dealers would do"):
        _ = genesis(clients=2).plan


# -- what is counted of held-out rows ------------------------------------------------------------

COUNTED = Evaluation((100, 0, 50, 50, 50, 50, 50, 50), classes=2, loss_bits=4)


def test_an_evaluation_is_part_of_the_id_and_of_every_form() -> None:
    counting = genesis(evaluation=COUNTED)
    assert counting.group_id != genesis().group_id
    assert Genesis.decode(counting.encode()) == counting
    assert document.parse(document.render(counting).encode()) == counting
    assert [counting.held_out_of(index) for index in (0, 1)] == [100, 0]
    runs = replace(counting, constants={}, deadlines={})
    assert setting_of(runs).evaluation == COUNTED
    text = json.loads(document.render(counting))
    assert set(text["evaluation"]["rows"]) == set(text["roster"])


def _edited(change: Callable[[dict[str, Any]], None]) -> bytes:
    text = json.loads(document.render(genesis(evaluation=COUNTED)))
    change(text)
    return json.dumps(text).encode()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: text.update(evaluation=None), "evaluation"),
        (lambda text: text.update(evaluation={}), "evaluation.rows"),
        (lambda text: text["evaluation"].pop("rows"), "evaluation.rows"),
        (lambda text: text["evaluation"].pop("classes"), "exactly rows"),
        (lambda text: text["evaluation"].update(more=1), "exactly rows"),
        (lambda text: text["evaluation"].update(classes="2"), "classes must be an integer"),
        (lambda text: text["evaluation"].update(classes=1), "contradicts itself"),
        (lambda text: text["evaluation"].update(accuracy=True), "accuracy must be an integer"),
        (lambda text: text["evaluation"].update(accuracy=0), "contradicts itself"),
        (lambda text: text["evaluation"].update(loss_bits=9), "loss_bits must be in 0…8"),
        (lambda text: text["evaluation"]["rows"].popitem(), "leave out"),
        (lambda text: text["evaluation"]["rows"].update({text["roster"][0]: 49}), "contradicts"),
        (lambda text: text["evaluation"]["rows"].update({text["roster"][0]: -1}), "must be in 0"),
        (lambda text: text["evaluation"]["rows"].update({text["roster"][0]: 2**25}), "must be in"),
        (lambda text: text["evaluation"].update(rows=[100] * 8), "table of names"),
        (lambda text: text["evaluation"]["rows"].update({STRANGER.peer_id: 50}), "not in the"),
    ],
)
def test_an_evaluation_that_is_none_is_refused_by_name(
    change: Callable[[dict[str, Any]], None], why: str
) -> None:
    with pytest.raises(GroupError, match=why):
        document.parse(_edited(change))


def test_rows_are_one_a_member() -> None:
    with pytest.raises(GroupError, match=r"evaluation.rows must be 8, one a member, not 2"):
        genesis(evaluation=Evaluation((50, 50)))

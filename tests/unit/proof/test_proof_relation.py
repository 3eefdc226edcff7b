"""Relations: where segments lie, what contradicts itself, and what is outside V."""

from __future__ import annotations

import numpy as np
import pytest

from protocols.field import P16, P61
from protocols.proof import (
    BIT,
    FREE,
    Linear,
    Link,
    Relation,
    Segment,
    Smallness,
    Square,
    SummedConstraint,
)

W, SLACK = Segment("w", 3, FREE), Segment("slack", 4, BIT, opened=False)
BALL = SummedConstraint((Square("w", 1),), (Linear("slack", np.array([1, 2, 4, 8])),), 15)
"""w0^2 + w1^2 + w2^2 + slack = 15."""


def relation(**changed: object) -> Relation:
    return Relation(**{"segments": (W, SLACK), "summed": (BALL,), **changed})  # type: ignore[arg-type]


def test_where_segments_lie() -> None:
    of = relation()
    assert (of.length, of.opened_length) == (7, 3)
    assert (of.segment("w"), of.segment("slack")) == (slice(0, 3), slice(3, 7))
    with pytest.raises(ValueError, match="no segment x"):
        of.segment("x")


@pytest.mark.parametrize("p", [P16.p, P61.p])
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([3, -2, 1, 1, 0, 0, 0], []),
        ([0, 0, 0, 1, 1, 1, 1], []),
        ([3, -2, 1, 0, 0, 0, 0], ["summed constraint 0 over w, slack does not hold"]),
        ([4, 0, 0, 0, 0, 0, 0], ["summed constraint 0 over w, slack does not hold"]),
        ([3, -2, 0, 2, 0, 0, 0], ["value 0 of segment slack breaks its constraint"]),
        ([3, -2], ["v has shape (2,) where the relation says (7,)"]),
    ],
)
def test_a_ball(p: int, values: list[int], said: list[str]) -> None:
    assert relation().violations(p, np.array(values, np.int64)) == said


def test_field_elements_say_the_same_as_integers() -> None:
    values = np.array([3, -2, 1, 1, 0, 0, 0], np.int64)
    assert relation().violations(P61.p, P61.array(values)) == []


def test_a_link() -> None:
    parts = tuple(Segment(name, 2, BIT, opened=False) for name in ("low", "high"))
    of = Relation(
        (Segment("value", 2, FREE), *parts), links=(Link("value", (("low", 1), ("high", -2))),)
    )
    assert of.violations(P16.p, np.array([-1, -2, 1, 0, 1, 1], np.int64)) == []
    assert of.violations(P16.p, np.array([-1, -3, 1, 0, 1, 1], np.int64)) == [
        "value 1 of segment value breaks its link"
    ]


@pytest.mark.parametrize(("value", "wrong"), [(16, 0), (-16, 0), (17, 1), (-17, 1), (1 << 60, 1)])
def test_smallness_refuses_what_is_too_large(value: int, wrong: int) -> None:
    of = Relation((W,), smallness=(Smallness(("w",), 4),))
    assert len(of.violations(P61.p, np.array([0, value, 0], np.int64))) == wrong


def test_a_coefficient_for_all() -> None:
    of = relation(summed=(SummedConstraint((), (Linear("w", -1),), 2),))
    assert of.violations(P16.p, np.array([-1, -2, 1, 0, 0, 0, 0], np.int64)) == []
    assert of.violations(P16.p, np.array([-1, -2, 2, 0, 0, 0, 0], np.int64)) != []


def test_the_modulus_that_it_needs() -> None:
    assert relation(modulus_above=65520).fits(P16.p)
    assert not relation(modulus_above=65521).fits(P16.p)
    assert Relation((W,), smallness=(Smallness(("w",), 14),)).fits(P16.p)
    assert not Relation((W,), smallness=(Smallness(("w",), 15),)).fits(P16.p)


def test_bits_for_a_norm() -> None:
    for norm in (0, 1, 5, 100, 65536):
        small = Smallness(("w",), Smallness.bits_for(norm))
        assert 19 * norm <= small.bound
        assert norm < 2 or 19 * norm > small.bound // 2
        assert small.largest == 4 * small.bound


def test_equal_relations_are_equal() -> None:
    assert relation() == relation()
    assert hash(relation()) == hash(relation())
    other = SummedConstraint(BALL.squares, (Linear("slack", np.array([1, 2, 4, 9])),), 15)
    assert relation(summed=(other,)) != relation()


def test_coefficients_cannot_be_changed_afterwards() -> None:
    given = np.array([1, 2, 4, 8])
    term = Linear("slack", given)
    given[0] = 7
    assert term == Linear("slack", np.array([1, 2, 4, 8]))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"segments": (W, Segment("w", 1, BIT))}, "two segments are called w"),
        ({"segments": ()}, "between 1 and"),
        ({"segments": (Segment("a", 1 << 31, BIT), W)}, "between 1 and"),
        ({"segments": (SLACK,), "summed": ()}, "opens at least one"),
        ({"segments": (SLACK, Segment("x", 1, BIT))}, "no segment w"),
        ({"summed": (SummedConstraint((), (Linear("slack", np.arange(3)),)),)}, "4 values, not 3"),
        ({"links": (Link("w", (("slack", 1),)),)}, "4 values, not 3"),
        ({"links": (Link("x", (("slack", 1),)),)}, "no segment x"),
        ({"smallness": (Smallness(("x",), 3),)}, "no segment x"),
        ({"smallness": (Smallness(("w",), 3), Smallness(("w",), 4))}, "one smallness bound"),
    ],
)
def test_what_contradicts_itself(changed: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        relation(**changed)


def test_parts_that_contradict_themselves() -> None:
    with pytest.raises(ValueError, match="has a name"):
        Segment("", 1, BIT)
    for length in (0, (1 << 31) + 1):
        with pytest.raises(ValueError, match="values: 1 to"):
            Segment("w", length, BIT)
    for bits in (2, 60):
        with pytest.raises(ValueError, match="smallness to"):
            Smallness(("w",), bits)
    with pytest.raises(ValueError, match="sums something"):
        SummedConstraint()
    with pytest.raises(ValueError, match="no parts"):
        Link("w", ())
    with pytest.raises(ValueError, match="int64 vector"):
        Linear("w", np.zeros(3))  # type: ignore[arg-type]

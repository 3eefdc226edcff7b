"""The privacy report's sentences, for text and page alike."""

from __future__ import annotations

from typing import Any

from peerd.cli.output import table

LISTED = 20
"""The last rounds, on a terminal."""


def told(found: dict[str, Any]) -> list[str]:
    """The report, line by line."""
    lines = [f"{name}: {what}" for name, what in facts(found)]
    rounds = found["rounds"]
    if rounds:
        rows = [
            (each["round"], each["outcome"], each["rounds_opened"], f"{each['epsilon_spent']:.6f}")
            for each in rounds[-LISTED:]
        ]
        lines += ["", *table(("round", "outcome", "counted", "epsilon spent"), rows).splitlines()]
        if len(rounds) > LISTED:
            lines.append(f"the last {LISTED} of {len(rounds)} rounds; --json has all")
    lines += ["", "this assumes:", *(f"- {each}" for each in found["assumptions"])]
    return [*lines, *(f"warning: {each}" for each in found["warnings"])]


def facts(found: dict[str, Any]) -> list[tuple[str, str]]:
    """A heading, and what it is."""
    said = found["mechanism"]
    noise = f"{said['noise_multiplier']:g} times a {found['unit']}'s norm of {said['norm']:g}"
    if said["rate"] < 1:
        noise += f", of a sample with rate {said['rate']:g}"
    spent = f"{found['epsilon_spent']:.6f} of {found['epsilon_budget']:g}"
    counted = f"{found['rounds_opened']} of {found['rounds_max']}, {found['rounds_left']} left"
    if found["rounds_given_up"]:
        counted += f"; {found['rounds_given_up']} of them opened nothing, and count all the same"
    lines = [
        ("group", f"{found['name']} ({found['group'][:16]}…), {found['state']}"),
        ("promise", found["promise"]),
        ("unit", found["unit"]),
        (
            "epsilon spent",
            f"{spent}, {found['epsilon_left']:.6f} left, at delta {found['delta']:g}",
        ),
        ("one round alone", f"epsilon {found['epsilon_of_one_round']:.6f}"),
        ("rounds", counted),
        ("noise", noise),
    ]
    for each in found["earlier"]:
        rounds = f"{each['rounds']} rounds with noise {each['noise_multiplier']:g}"
        lines.append(("spent before this group", f"{rounds}, rate {each['rate']:g}"))
    return [*lines, ("accountant", found["accountant"])]

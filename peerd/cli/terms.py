"""What a genesis says, for whoever signs it: as one document, or as lines."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from peerd.cli.output import say
from peerd.decimals import numbers
from peerd.errors import PeerdError, printable
from peerd.tasks.names import SHIPPED
from peerd.tasks.words import described

if TYPE_CHECKING:
    from peerd.group import Genesis

STARTS_FROM = (
    "the group starts from a model with hash {}: each member names its copy of the file,"
    " start_from in [task] or --start-from"
)
UNSAID = {"clients": "all"}
TERMS = (
    "task",
    "aggregator",
    "constants",
    "adversary",
    "dropout",
    "clients",
    "parameters",
    "first_model",
    "starts_from",
    "fixed",
    "statistics",
    "evaluation",
    "delta_ms",
    "bandwidth_bytes_per_second",
    "training_seconds",
    "deadlines",
    "plan",
    "protocol",
)


def summary(genesis: Genesis) -> dict[str, object]:
    """The genesis as ``--json`` prints it; described by docs/schemas/group.json."""
    from peerd.group.privacy import privacy_content
    from peerd.group.rhythm import rhythm_content
    from peerd.identity import peer_id_of

    plan = genesis.plan
    missing = set(genesis.unsigned())
    return {
        "group": genesis.group_id.hex(),
        "name": genesis.name,
        "task": genesis.task,
        "task_options": numbers(genesis.task_options),
        "aggregator": genesis.aggregator,
        "constants": dict(genesis.constants),
        "adversary": str(genesis.adversary),
        "dropout": str(genesis.dropout),
        "clients": genesis.clients,
        "parameters": genesis.parameters,
        "first_model": genesis.first_model.hex(),
        "starts_from": genesis.starts_from,
        "fixed": genesis.fixed.hex() or None,
        "statistics": genesis.statistics,
        "evaluation": _evaluation(genesis),
        "delta_ms": genesis.delta_ms,
        "bandwidth_bytes_per_second": genesis.bandwidth_bytes_per_second,
        "training_seconds": genesis.training_seconds,
        "deadlines": _phases(genesis),
        "rhythm": None if genesis.rhythm is None else rhythm_content(genesis.rhythm),
        "privacy": None if genesis.privacy is None else privacy_content(genesis.privacy),
        "plan": {
            "committee": plan.committee,
            "threshold": plan.threshold,
            "packing": plan.packing,
            "absent": plan.absent,
        },
        "protocol": genesis.version,
        "members": [
            {
                "peer": peer_id_of(public),
                "name": genesis.name_of(index),
                "signed": public not in missing,
                "weight": genesis.weight_of(index),
                "held_out_rows": genesis.held_out_of(index),
            }
            for index, public in enumerate(genesis.roster)
        ],
        "follows": _follows(genesis),
    }


def _follows(genesis: Genesis) -> dict[str, object] | None:
    """Which group it is to go on from, and what becomes of each of its members there."""
    from peerd.identity import peer_id_of

    follows, missing = genesis.follows, set(genesis.unsigned())
    if follows is None:
        return None
    return {
        "group": follows.group.hex(),
        "first": follows.first,
        "last": follows.last,
        "members": [
            {
                "peer": peer_id_of(old),
                "becomes": peer_id_of(new) if new else None,
                "lost": old in follows.lost,
                "signed": old not in missing if old in genesis.signers else None,
            }
            for old, new in follows.keys
        ],
    }


def _evaluation(genesis: Genesis) -> dict[str, object] | None:
    """What is opened of the members' held-out rows, in sums over each round's cohort."""
    found = genesis.evaluation
    if found is None:
        return None
    return {
        "rows": sum(found.rows),
        "accuracy": found.accuracy,
        "classes": found.classes,
        "loss_bits": found.loss_bits,
    }


def _phases(genesis: Genesis) -> dict[str, int] | None:
    """The deadlines that hold; None where the group can't be run here: it can be read all the same.

    Whoever signs or verifies is told why; here a line must do.
    """
    from peerd.runner.resume import setting_of

    try:
        return setting_of(genesis).deadlines.phases
    except PeerdError as error:
        print(f"peerd: this group can't be run here: {error}", file=sys.stderr)
        return None


def print_group(genesis: Genesis, found: dict[str, object], *, terms: bool) -> None:
    """``found``: its summary. ``terms``: what a member must read before it signs as well."""
    print(f"group {found['group']} ({genesis.name})")
    print(f"{len(genesis.roster)} members, {len(genesis.unsigned())} signatures missing")
    _print_members(genesis)
    _print_follows(genesis)
    if terms:
        _print_terms(genesis, found)


def _print_members(genesis: Genesis) -> None:
    """Each by its whole peer id, which is what a signature vouches for; the name behind it."""
    from peerd.identity import peer_id_of, with_checksum

    missing = set(genesis.unsigned())
    for index, public in enumerate(genesis.roster):
        weight = f" weight {genesis.weight_of(index)}" if genesis.weights else ""
        rows = f" held-out rows {genesis.held_out_of(index)}" if genesis.evaluation else ""
        state = "missing" if public in missing else "signed"
        name = genesis.name_of(index)
        said = "" if name is None else f": {printable(name)}"
        print(f"member {with_checksum(peer_id_of(public))} {state}{weight}{rows}{said}")


def _print_follows(genesis: Genesis) -> None:
    """What becomes of the members of the group before; nothing of one that begins anew."""
    from peerd.identity import peer_id_of, with_checksum

    follows, missing = genesis.follows, set(genesis.unsigned())
    if follows is None:
        return
    print(f"follows {follows.group.hex()} in one of the rounds {follows.first} to {follows.last}")
    for old, new in follows.keys:
        if old == new:
            continue
        state = "signed" if old not in missing else "missing"
        how = "lost" if old in follows.lost else state
        what = f"becomes {with_checksum(peer_id_of(new))} {how}" if new else "leaves"
        print(f"old key {with_checksum(peer_id_of(old))} {what}")


def _print_terms(genesis: Genesis, found: dict[str, object]) -> None:
    """What a member must read before it signs, besides who they are."""
    from peerd.group.privacy import rounds_of
    from peerd.group.rhythm import in_words

    if not genesis.weights:
        print("weights all 1")
    print(f"rhythm {in_words(genesis.rhythm, rounds_of(genesis.privacy))}")
    _print_promise(genesis)
    from peerd.group.vector import state_size

    for name in TERMS:
        value = UNSAID.get(name, "none") if found[name] is None else found[name]
        shown = (
            ", ".join(f"{key} {each}" for key, each in value.items())
            if isinstance(value, dict)
            else value
        )
        say(f"{name} {shown}{' (ms)' if name == 'deadlines' and value != 'none' else ''}")
        if name == "parameters" and (beside := state_size(genesis)):
            print(f"of them {beside} are the rule's, and go on with the model: momentum, the clip")
        if name == "starts_from" and value == "file":
            print(STARTS_FROM.format(found["first_model"]))
    if genesis.task == SHIPPED["table"]:
        for line in described(numbers(genesis.task_options)):
            say(line)
    for name, option in sorted(genesis.task_options.items()):
        _print_option(name, numbers(option))


def _print_promise(genesis: Genesis) -> None:
    """What people are promised, and what that rests on."""
    from peerd.group.privacy import ASSUMPTIONS, in_words

    print(f"privacy {in_words(genesis.privacy)}")
    if genesis.privacy is None:
        return
    if genesis.follows is not None:
        print("privacy: what the group before has spent counts, so that fewer rounds may be left")
    for line in ASSUMPTIONS:
        print(f"privacy assumes: {line}")


def _print_option(name: str, option: object) -> None:
    """All of it: whoever signs has read what goes to everybody. Lists of maps line by line."""
    if isinstance(option, dict) and option:
        for key, value in option.items():
            _print_option(f"{name}.{key}", value)
    elif isinstance(option, list) and any(isinstance(item, dict) for item in option):
        for item in option:
            say(f"task option {name} {json.dumps(item, ensure_ascii=False)}")
    else:
        say(f"task option {name} {json.dumps(option)}")

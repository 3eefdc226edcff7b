"""Each document that peerd prints has a schema; the validator that checks them can say no."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import json_schema
import pytest
from test_cli_daemon import PEER, SCHEMAS, record

from peerd.cli.task_arguments import TaskRequest
from peerd.laboratory.swarm.options import SwarmOptions
from peerd.laboratory.swarm.result import document, witness

NAMES = sorted(path.stem for path in SCHEMAS.glob("*.json"))


def swarm_document() -> dict[str, Any]:
    work = TaskRequest("digits", "rsa", {}, {})
    asked = SwarmOptions(peers=4, rounds=2, work=work, attacks=("silent",), seed=1)
    witnesses = [witness(PEER, None, [record(0), record(1)]), witness(PEER, "silent", [])]
    return document(asked, witnesses, {"plain_mean": [0.5, 0.25], "no_liars": []})


def load(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text())
    return schema


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_uses_only_what_the_validator_knows(name: str) -> None:
    """The validator passes over a keyword that it doesn't know, a misspelt one among them."""
    annotations = {"$schema", "title", "description"}

    def walk(schema: dict[str, Any]) -> None:
        unknown = schema.keys() - json_schema.Validator.VALIDATORS.keys() - annotations
        assert not unknown
        inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
        inner += [schema[key] for key in ("items", "additionalProperties") if key in schema]
        for each in inner:
            if isinstance(each, dict):
                walk(each)

    schema = load(name)
    json_schema.Validator.check_schema(schema)
    assert schema["title"]
    assert schema["description"]
    walk(schema)


def test_a_swarms_result() -> None:
    assert json_schema.errors(load("swarm"), swarm_document()) == []


@pytest.mark.parametrize(
    ("path", "value", "what"),
    [
        (("seed",), "one", "'one' is not of type 'integer'"),
        (("seed",), True, "True is not of type 'integer'"),
        (("seed",), 1.0, "1.0 is not of type 'integer'"),
        (("seed",), -1, "-1 is less than the minimum of 0"),
        (("peers", 0, "id"), "somebody", "does not match"),
        (("peers", 0, "honest"), 1, "1 is not of type 'boolean'"),
        (("peers", 0, "model_hash"), "abc", "not valid under any"),
        (("rounds", 0, "outcome"), "fine", "is not one of"),
        (("rounds", 0, "accuracy"), "1.5", "not valid under any"),
        (("rounds", 0, "extra"), 1, "'extra' was unexpected"),
        (("baselines", "plain_mean", 0), "2", "not valid under any"),
    ],
)
def test_a_wrong_result_is_found(path: tuple[Any, ...], value: object, what: str) -> None:
    found = copy.deepcopy(swarm_document())
    place: Any = found
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    (error,) = json_schema.errors(load("swarm"), found)
    assert what in error
    del place[path[-1]]
    if isinstance(place, dict) and path[-1] != "extra":
        assert "is a required property" in json_schema.errors(load("swarm"), found)[0]


def test_the_plot_is_a_png(tmp_path: Path) -> None:
    from peerd.laboratory.swarm.plot import plot

    plot(swarm_document(), tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")

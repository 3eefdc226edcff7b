"""A variable for each key, before the file; an error of one names it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from peerd.config import Config, declared, from_environment, strange_variables
from peerd.environment import CONFIG, DEBUG, variable, without
from peerd.errors import ConfigError
from peerd.identity import Identity
from tests.patience import HANG

PEER = f"/ip4/10.0.0.1/tcp/1/p2p/{Identity(b'p' * 32).peer_id}"
BASE = 'data = "data"\nkey = "peer.key"\ngenesis = "genesis.json"\n'
KEYS = [name for name, _, _ in declared()]
SAID = {
    "data": ("/srv/d", "/srv/d"),
    "key": ("k", None),
    "genesis": ("g.json", None),
    "listen": ("/ip6/::/tcp/9", "/ip6/::/tcp/9"),
    "announce": ("/ip4/10.0.0.1/tcp/1, /dns/a.b/tcp/2,", ("/ip4/10.0.0.1/tcp/1", "/dns/a.b/tcp/2")),
    "bootstrap": (PEER, (PEER,)),
    "relays": (PEER, (PEER,)),
    "relay": ("true", True),
    "status": ("s.sock", None),
    "rounds": ("7", 7),
    "drain_seconds": ("0", 0),
    "task.data": ("r.csv", None),
    "task.partition": ("1", 1),
    "task.partitions": ("4", 4),
    "task.seed": ("9", 9),
    "task.device": ("cuda:1", "cuda:1"),
    "task.python": ("bin/p", None),
    "task.start_from": ("m.npz", None),
    "task.evaluation_seconds": ("8", 8),
    "task.options": ('{"hidden": 64, "rate": 0.1}', {"hidden": 64, "rate": 0.1}),
    "storage.keep": ("all", "all"),
    "storage.disk_budget": ("10 GB", "10 GB"),
    "storage.key": ("file:/media/k", "file:/media/k"),
    "log.level": ("debug", "debug"),
    "log.format": ("json", "json"),
    "log.file": ("p.log", None),
    "metrics.listen": ("[::1]:9464", "[::1]:9464"),
    "dashboard.listen": ("127.0.0.1:8080", "127.0.0.1:8080"),
    "control.viewers": ("@audit", ("@audit",)),
    "control.operators": ("anna, @peerd-ops", ("anna", "@peerd-ops")),
    "control.officers": ("boris, clara", ("boris", "clara")),
    "control.second_factor": ("true", True),
    "control.officers_needed": ("2", 2),
    "control.confirm_seconds": ("600", 600),
    "control.tls.listen": ("127.0.0.1:9443", "127.0.0.1:9443"),
    "control.tls.certificate": ("a.crt", None),
    "control.tls.key": ("a.key", None),
    "control.tls.clients_ca": ("ca.crt", None),
    "control.tls.crl": ("ca.crl", None),
    "alarms.on_norm": ("draft", "draft"),
    "alarms.on_loss": ("pause", "pause"),
    "alarms.on_storage": ("pause", "pause"),
    "alarms.on_budget": ("log", "log"),
    "alarms.rounds": ("30", 30),
    "alarms.score": ("12", 12),
}
"""By key: a text, and what it is read as. None: the path of the text, from the file's folder on."""


def load(tmp_path: Path, text: str, **environment: str) -> Config:
    path = tmp_path / "peerd.toml"
    path.write_text(text)
    return Config.load(path, environment)


def found(config: Any, key: str) -> Any:
    for part in key.split("."):
        config = getattr(config, part)
    return config


def test_each_key_has_a_variable_of_its_own() -> None:
    assert len({*map(variable, KEYS), CONFIG, DEBUG}) == len(KEYS) + 2
    assert variable("task.start_from") == "PEERD_TASK_START_FROM"


@pytest.mark.parametrize("key", KEYS)
def test_every_key_can_be_said_by_the_environment(tmp_path: Path, key: str) -> None:
    """Without it in the file, and in the place of what the file says."""
    said, expected = SAID[key]
    environment = {variable(key): said}
    if key == "task.partition":
        environment[variable("task.partitions")] = "4"
    if key == "control.officers_needed":
        environment[variable("control.officers")] = "anna, boris"
    if key == "control.tls.listen":
        for other in ("certificate", "key", "clients_ca"):
            environment[variable(f"control.tls.{other}")] = "file"
    if key.startswith("control."):
        environment[variable("status")] = "s.sock"
    expected = tmp_path / said if expected is None else expected
    for text in (BASE, f"{BASE}listen = 5\n[task]\npartition = 0\n"):
        if "listen" in text and key != "listen":
            text = text.replace("listen = 5\n", "")
        value = found(load(tmp_path, text, **environment), key)
        assert value == (Path(said) if key == "data" else expected)
    assert from_environment(environment).keys() >= {key}


def test_all_of_it_without_a_key_in_the_file(tmp_path: Path) -> None:
    config = load(tmp_path, "", **{variable(key): said for key, (said, _) in SAID.items()})
    assert (config.status, config.task.local["data"]) == (tmp_path / "s.sock", f"{tmp_path}/r.csv")
    less = load(tmp_path, BASE, PEERD_DATA="/srv/d")
    assert less.status == Path("/srv/d/run/status.sock")


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    text = f'{BASE}announce = ["/ip4/10.0.0.1/tcp/1"]\nrounds = 3'
    config = load(tmp_path, text, PEERD_ANNOUNCE="", PEERD_ROUNDS="")
    assert (config.announce, config.rounds) == (("/ip4/10.0.0.1/tcp/1",), 3)


@pytest.mark.parametrize(
    ("name", "said", "why"),
    [
        ("PEERD_ROUNDS", "many", "rounds must be a whole number, not 'many'"),
        ("PEERD_ROUNDS", "0", "rounds must be in 1…"),
        ("PEERD_LISTEN", "/ip4/224.0.0.1/tcp/1", "listen can't be .*multicast"),
        ("PEERD_ANNOUNCE", "/ip4/10.0.0.1/tcp/1,x", r"announce\[1\] must look like"),
        ("PEERD_BOOTSTRAP", ",".join(["x"] * 65), "bootstrap has more than 64"),
        ("PEERD_LOG_LEVEL", "loud", "log.level must be one of"),
        ("PEERD_TASK_OPTIONS", "hidden=64", "task.options must be a JSON object"),
        ("PEERD_TASK_OPTIONS", "[1]", "task.options must be a table"),
        ("PEERD_TASK_OPTIONS", "[" * 9999, "task.options must be a JSON object"),
        ("PEERD_TASK_PARTITION", "3", "task.partition must be in 0…0"),
    ],
)
def test_a_bad_value_is_refused_by_the_variables_name(
    tmp_path: Path, name: str, said: str, why: str
) -> None:
    with pytest.raises(ConfigError, match=f"^the environment's {name}: {why}"):
        load(tmp_path, BASE, **{name: said})


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("PEERD_LISTN", "PEERD_LISTEN"),
        ("PEERD_LOGLEVEL", "PEERD_LOG_LEVEL"),
        ("PEERD_BOOTSTRAPS", "PEERD_BOOTSTRAP"),
        ("PEERD_TASK_PARTION", "PEERD_TASK_PARTITION"),
    ],
)
def test_a_variable_that_is_nearly_a_keys_is_refused(
    tmp_path: Path, name: str, nearest: str
) -> None:
    with pytest.raises(ConfigError, match=f"{name} is no key's; did you mean {nearest}?"):
        load(tmp_path, BASE, **{name: "x"})


def test_what_others_set_under_this_name_is_no_error() -> None:
    """A cluster does, for a service that is called peerd."""
    others = ["PEERD_PORT", "PEERD_PORT_4001_TCP_ADDR", "PEERD_SERVICE_HOST", "PEERD_SERVICE_PORT"]
    environment = {**dict.fromkeys(others, "x"), CONFIG: "c", DEBUG: "1", "HOME": "/"}
    assert from_environment(environment) == {}
    assert strange_variables(environment) == others
    assert without(environment) == {CONFIG: "c", DEBUG: "1", "HOME": "/"}


def test_the_doctor_says_what_comes_from_it_and_init_does_not_look_at_it(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "PEERD_LOG_LEVEL": "loud",
        "PEERD_HOME": "/x",
    }

    def peerd(*words: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "peerd", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=HANG,
            check=False,
        ).stdout

    assert "configuration" in peerd("init", "peer")
    words = ("doctor", "--json", "--config", "peer/peerd.toml")
    checks = [each for each in json.loads(peerd(*words))["checks"] if "conf" in each["check"]]
    assert checks[0]["level"] == "error"
    assert checks[0]["message"].startswith("the environment's PEERD_LOG_LEVEL: log.level must be")
    environment["PEERD_LOG_LEVEL"] = "warning"
    checks = [e for e in json.loads(peerd(*words))["checks"] if e["check"] == "environment"]
    assert [(each["level"], each["message"]) for each in checks] == [
        ("ok", "goes before the file: log.level (PEERD_LOG_LEVEL)"),
        ("warning", "no keys of peerd's: PEERD_HOME"),
    ]

"""The image and the compose file, read; and the group that the compose file makes, made."""

from __future__ import annotations

import ipaddress
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from peerd.config import Config
from peerd.extras import EXTRAS
from peerd.group import load
from peerd.identity import Identity
from peerd.tasks.names import SHIPPED
from tests.patience import HANG
from tests.tiers import later

ROOT = Path(__file__).parents[3]


def stages() -> list[list[tuple[str, str]]]:
    """The Dockerfile's stages: their instructions and what follows."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    found: list[list[tuple[str, str]]] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest.strip()))
    return found


def test_the_image_is_small_and_not_run_by_root() -> None:
    build, last = stages()
    assert any("gcc" in rest and "libgmp-dev" in rest for _, rest in build)
    apt = " ".join(rest for word, rest in last if word == "RUN")
    assert "libgmp10" in apt
    assert "gcc" not in apt
    instructions = dict(last)
    assert instructions["USER"] == "peerd"
    assert instructions["VOLUME"] == "/data"
    assert [word for word, _ in last].index("USER") > [word for word, _ in last].index("RUN")
    copied = {rest.split()[-2] for word, rest in build + last if word == "COPY"}
    assert "." not in copied


def test_the_images_commands_are_peerds() -> None:
    from peerd.cli.commands import COMMANDS
    from peerd.cli.dispatch import build_parser

    instructions = dict(stages()[-1])
    health = instructions["HEALTHCHECK"].partition("CMD ")[2]
    for words in (eval_list(health)[1:], eval_list(instructions["CMD"])):
        chosen = next(command for command in COMMANDS if command.name == words[0])
        args = build_parser(chosen).parse_args(words)
        assert args.config == Path("/data/peerd.toml")


def eval_list(text: str) -> list[str]:
    """A Dockerfile's JSON list."""
    import json

    words = json.loads(text)
    assert isinstance(words, list)
    return words


def test_nothing_but_the_source_goes_to_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    sources = {
        source
        for stage in stages()
        for word, rest in stage
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert sources <= allowed
    assert all((ROOT / source).exists() for source in sources)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml", reason="the test extra is not installed in full")
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert isinstance(document, dict)
    return document


def test_each_peer_has_its_own_volume_and_address(compose: dict[str, Any]) -> None:
    services = dict(compose["services"])
    group = services.pop("group")
    subnet = ipaddress.ip_network(compose["networks"]["peers"]["ipam"]["config"][0]["subnet"])
    command, directory, count, prefix = group["entrypoint"]
    assert (command, int(count)) == ("compose-group", len(services))
    rows, *volumes = group["volumes"]
    made = dict(reversed(each.split(":")) for each in volumes)
    for index, (name, service) in enumerate(services.items()):
        volume = made[f"{directory}/peer-{index}"]
        assert volume == name
        assert service["volumes"] == [f"{volume}:/data", rows]
        address = service["networks"]["peers"]["ipv4_address"]
        assert address == f"{prefix}.{10 + index}"
        assert ipaddress.ip_address(address) in subnet
        assert service["depends_on"]["group"]["condition"] == "service_completed_successfully"
        assert service["image"] == group["image"]
        assert service["pull_policy"] == "never", "nobody else has it"
    assert set(compose["volumes"]) == set(made.values())
    assert group["environment"]["OWNER"].split(":")[0] in dict(stages()[-1][1:2])["RUN"]


def test_the_image_of_the_compose_file_has_what_the_tasks_that_ship_need(
    compose: dict[str, Any],
) -> None:
    texts = [path.read_text() for path in (ROOT / "peerd/tasks").glob("*.py")]
    needed = {
        extra
        for module, (_, extra) in EXTRAS.items()
        if any(re.search(rf'^import {module}\b|need\(.*"{module}"', text, re.M) for text in texts)
    }
    assert needed == {"lab", "table"}
    extras = shell(compose["services"]["group"]["build"]["args"]["EXTRAS"])
    assert set(extras.split(",")) == needed
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert needed <= declared["optional-dependencies"].keys()
    build = stages()[0]
    assert ("ARG", f'EXTRAS="{extras}"') in build, "one image for a group and for a node"
    assert any("pip install" in rest and '".${EXTRAS:+[$EXTRAS]}"' in rest for _, rest in build)


def shell(text: str, **variables: str) -> str:
    """``text`` with its variables, which compose and the shell put in by the same rules."""
    found = subprocess.run(
        ["sh", "-c", f'printf %s "{text}"'],
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout


def test_the_compose_file_passes_task_and_data_on(compose: dict[str, Any]) -> None:
    group = compose["services"]["group"]
    given = {"TASK": "table", "DATA": "./visits.csv", "OPTIONS": "--label outcome"}
    said = {name: shell(value, **given) for name, value in group["environment"].items()}
    assert said["LOCAL"] == "--data /rows"
    assert {name: said[name] for name in ("TASK", "OPTIONS")} == {
        "TASK": "table",
        "OPTIONS": "--label outcome",
    }
    assert shell(group["environment"]["LOCAL"], **given, LOCAL="--local a=b") == "--local a=b"
    assert shell(group["volumes"][0], **given) == "./visits.csv:/rows:ro"
    unsaid = {name: shell(value) for name, value in group["environment"].items()}
    assert unsaid == {"OWNER": unsaid["OWNER"], "TASK": "digits", "OPTIONS": "", "LOCAL": ""}
    assert shell(group["volumes"][0]) == "/dev/null:/rows:ro"


@pytest.mark.parametrize("task", ["table", *later(["digits"])])
def test_the_group_of_the_compose_file(task: str, tmp_path: Path) -> None:
    """The same script as in the container: every member can start from what it makes."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "TASK": task,
    }
    if task == "table":
        rows = [f"Anna Q{number},{number % 7},{'ab'[number % 2]}" for number in range(240)]
        (tmp_path / "rows.csv").write_text("\n".join(["patient,age,label", *rows]))
        environment["LOCAL"] = f"--data {tmp_path}/rows.csv"
        environment["OPTIONS"] = "--label label --drop patient"
    command = shlex.join([str(ROOT / "scripts/compose-group.sh"), str(tmp_path), "6", "127.0.71"])

    def run(code: int = 0) -> str:
        done = subprocess.run(
            command, shell=True, env=environment, capture_output=True, text=True, timeout=HANG
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    run()
    if task == "digits":
        # As after an interruption between two peers: nobody has run, so all is made anew.
        old = Identity.load(tmp_path / "peer-5/peer.key").public
        (tmp_path / "peer-5/genesis.json").unlink()
        run()
        assert Identity.load(tmp_path / "peer-5/peer.key").public != old
    keys = set()
    for index in range(6):
        config = Config.load(tmp_path / f"peer-{index}" / "peerd.toml")
        identity = Identity.load(config.key)
        genesis = load(config.genesis)
        genesis.verify()
        genesis.index(identity.public)
        assert genesis.plan.absent == 1
        assert config.listen == f"/ip4/127.0.71.{10 + index}/tcp/4001"
        assert (config.task.partition, config.task.partitions) == (index, 6)
        data = str(tmp_path / "rows.csv") if task == "table" else None
        assert config.task.local.get("data") == data
        assert genesis.addresses[identity.public] == config.listen
        assert genesis.name_of(genesis.index(identity.public)) == f"peer-{index}"
        keys.add(identity.public)
    assert keys == set(genesis.roster)
    assert genesis.task == SHIPPED[task]
    assert ("schema" in genesis.task_options) == (task == "table")
    before = (tmp_path / "peer-0/genesis.json").read_bytes()
    assert "the group is there" in run()
    assert (tmp_path / "peer-0/genesis.json").read_bytes() == before
    # Who has run keeps its key, even where another's volume is gone.
    (tmp_path / "peer-0/data").mkdir()
    (tmp_path / "peer-1/genesis.json").unlink()
    assert "docker compose down --volumes" in run(code=1)
    assert (tmp_path / "peer-0/genesis.json").read_bytes() == before

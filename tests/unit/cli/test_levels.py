"""``peerd doctor --level``: each row says what it is against, and is missing until it is there."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import json_schema
import pytest
from test_cli_daemon import SCHEMAS

from peerd.cli.levels import NAMES
from peerd.cli.main import main
from peerd.config import Config, render_config
from peerd.errors import NotRunningError
from peerd.identity import Identity
from peerd.levels import MEASURES, Found, Level, Peer, State, findings, measures_set
from peerd.runner.operators.reload import in_force
from peerd.storage import Store
from peerd.trail import Trail
from tests.unit.group.successions import group

ROOT = Path(__file__).parents[3]
KEY = "5f" * 32
SETTINGS = """
[storage]
disk_budget = "10 GB"
key = "file:{key}"
[control]
officers = ["root", "@root"]
second_factor = true
officers_needed = 2
[alarms]
on_norm = "pause"
on_loss = "alert"
on_storage = "pause"
[dashboard]
listen = "off"
"""


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="peerd-") as name:
        path = Path(name)
        (path / "peerd.toml").write_text(render_config())
        Identity.create(path / "peer.key")
        yield path


def states(home: Path, pid: int | None = None) -> dict[str, State]:
    config = Config.load(home / "peerd.toml")
    peer = Peer(config, group(), pid)
    return {each.measure.name: each.state for each in findings(peer, Level.MAXIMUM)}


def begin(home: Path) -> None:
    """A daemon's first start."""
    config = Config.load(home / "peerd.toml")
    with Store.open(config.data, source=config.storage.source) as store:
        Trail(store).close()


def missing(home: Path) -> set[str]:
    return {name for name, state in states(home).items() if state is State.MISSING}


def test_a_new_peer_has_little(home: Path) -> None:
    found = states(home)
    assert found["key of its owner alone"] is found["metrics at home"] is State.OK
    assert found["trail"] is found["roles"] is found["encrypted disk"] is State.MISSING
    begin(home)
    assert states(home)["trail"] is State.OK


def test_what_is_set_is_there(home: Path) -> None:
    key = home / "disk.key"
    key.touch(0o600)
    key.write_text(KEY)
    base = 'data = "data"\nkey = "peer.key"\ngenesis = "genesis.json"\nstatus = "run/s.sock"\n'
    (home / "peerd.toml").write_text(base + SETTINGS.format(key=key))
    begin(home)
    assert main(["storage", "encrypt", "--config", str(home / "peerd.toml")]) == 0
    # the key is on the same disk, and the group has no budget
    assert missing(home) <= {"disk's key elsewhere", "privacy budget", "hybrid handshake"}
    assert "disk's key elsewhere" in missing(home)
    found = states(home, pid=1)
    assert found["store is whole"] is State.UNSEEN  # a daemon has it open
    key.unlink()
    assert states(home)["disk's key elsewhere"] is State.UNSEEN


def test_each_setting_alone_is_missed(home: Path) -> None:
    base = 'data = "data"\nkey = "peer.key"\ngenesis = "genesis.json"\nstatus = "run/s.sock"\n'
    wrong = {
        '[metrics]\nlisten = "0.0.0.0:9464"\n': "metrics at home",
        '[alarms]\non_norm = "log"\n': "alarms are heard",
        '[control.tls]\nlisten = "127.0.0.1:1"\ncertificate = "c"\nkey = "k"\nclients_ca = "a"\n': (
            "certificates can be revoked"
        ),
    }
    for text, name in wrong.items():
        (home / "peerd.toml").write_text(base + text)
        assert name in missing(home), text
    (home / "peer.key").chmod(0o644)
    assert "key of its owner alone" in missing(home)


def test_a_changed_trail_is_no_trail(home: Path) -> None:
    begin(home)
    path = home / "data" / "trail"
    path.write_bytes(path.read_bytes().replace(b"begin", b"began") * 2)
    assert "trail" in missing(home)


def test_the_command_says_what_is_missing_and_how_to_get_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ("--config", str(home / "peerd.toml"))
    assert main(["doctor", "--level", "basic", *config]) == 1
    said = capsys.readouterr().out
    assert "missing  disk budget: against a disk that runs full" in said
    assert 'get it: disk_budget = "10 GB" in [storage]' in said
    assert "two officers" not in said and said.endswith("basic: not reached\n")
    assert main(["doctor", "--level", "maximum", "--json", *config]) == 1
    document = json.loads(capsys.readouterr().out)
    assert json_schema.errors(json.loads((SCHEMAS / "levels.json").read_text()), document) == []
    assert len(document["measures"]) == len(MEASURES) and not document["reached"]


def test_a_level_is_reached(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (home / "peerd.toml").read_text()
    (home / "peerd.toml").write_text(text.replace("# disk_budget", "disk_budget"))
    begin(home)
    assert main(["doctor", "--level", "basic", "--config", str(home / "peerd.toml")]) == 0
    assert capsys.readouterr().out.endswith("basic: reached\n")


# -- the daemon that runs, and the file ------------------------------------------------------------


BASE = 'data = "data"\nkey = "peer.key"\ngenesis = "genesis.json"\nstatus = "run/s.sock"\n'


def configured(home: Path, text: str) -> Config:
    (home / "peerd.toml").write_text(BASE + text)
    return Config.load(home / "peerd.toml")


def beside(home: Path, daemons: str, files: str) -> dict[str, Found]:
    """What is found of the file, beside a daemon that runs with other settings."""
    running = measures_set(configured(home, daemons))
    peer = Peer(configured(home, files), group(), 0, running)
    return {each.measure.name: each for each in findings(peer, Level.MAXIMUM)}


def full(home: Path) -> str:
    key = home / "disk.key"
    if not key.exists():
        key.touch(0o600)
        key.write_text(KEY)
        configured(home, SETTINGS.format(key=key))
        begin(home)
        assert main(["storage", "encrypt", "--config", str(home / "peerd.toml")]) == 0
    return SETTINGS.format(key=key)


def test_what_the_file_alone_has_is_not_there(home: Path) -> None:
    files = full(home)
    found = beside(home, "", files)
    set_ = {each.name for each in MEASURES if each.again is not None}
    assert set_ >= {"roles", "second factor", "two officers", "encrypted disk", "alarms pause"}
    before = beside(home, files, files)
    for name in set_ - {"disk's key elsewhere"}:
        assert before[name].state is State.OK, name
        if measures_set(configured(home, ""))[name] == "missing":
            assert found[name].state is State.MISSING, name
            assert "needs a re" in found[name].said
    assert found["roles"].said.endswith("needs a restart")
    assert found["second factor"].said.endswith("needs a restart")
    assert found["encrypted disk"].said.endswith("needs a restart")
    assert found["alarms are heard"].said.endswith("needs a reload")


def test_what_a_reload_takes_over_needs_no_restart(home: Path) -> None:
    roles = '[control]\nofficers = ["root"]\n'
    found = beside(home, roles, roles + "second_factor = true\n")
    assert found["roles"].state is State.OK
    assert found["second factor"].said.endswith("needs a reload")
    assert found["second factor"].how == "peerd reload"


def test_what_the_daemon_alone_has_is_gone_with_the_next_start(home: Path) -> None:
    found = beside(home, '[control]\nofficers = ["root"]\n', "")["roles"]
    assert found.state is State.MISSING and "gone with the next start" in found.said


def test_of_a_daemon_that_does_not_say_nothing_is_known(home: Path) -> None:
    peer = Peer(configured(home, '[control]\nofficers = ["root"]\n'), group(), 0)
    found = {each.measure.name: each for each in findings(peer, Level.MAXIMUM)}
    assert found["roles"].state is State.UNSEEN
    assert found["roles"].said.endswith("needs a restart")
    assert found["second factor"].state is State.MISSING  # the file has it not


@pytest.mark.parametrize("name", ["viewers", "officers"])
def test_what_needs_a_reload_is_what_a_reload_takes_over(home: Path, name: str) -> None:
    """Of each setting: the same file, read again by a daemon that ran without."""
    files = full(home)
    for daemons in ("", f'[control]\n{name} = ["root"]\n'):
        old, new = configured(home, daemons), configured(home, files)
        after = measures_set(in_force(old, new))
        for each in beside(home, daemons, files).values():
            if each.said.endswith("needs a reload"):
                assert after[each.measure.name] == "ok", each.measure.name
            elif each.said.endswith("needs a restart"):
                assert after[each.measure.name] == "missing", each.measure.name


def test_nothing_that_is_set_tells_a_value(home: Path) -> None:
    text = json.dumps(measures_set(configured(home, full(home))))
    assert "root" not in text and "disk.key" not in text


@pytest.mark.parametrize("place", ["run/s.sock", "data/run/status.sock"])
def test_the_command_asks_the_daemon_that_runs(
    home: Path, place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told(path: Path, target: str) -> dict[str, object]:
        if path != socket:
            raise NotRunningError("nobody answers here")
        assert target == "/v1/status"
        return {"pid": os.getpid(), "measures": running}

    monkeypatch.setattr("peerd.status.client.get", told)
    running = measures_set(configured(home, ""))
    named = '[storage]\ndisk_budget = "10 GB"\n[control]\nofficers = ["root"]\n'
    socket = home / place  # its own may be another than the file's, which needs one elsewhere now
    config = ("--config", str(home / "peerd.toml"))
    with Store.open(configured(home, named).data) as store:
        Trail(store).close()
        assert main(["doctor", "--level", "enhanced", *config]) == 1
    said = capsys.readouterr().out
    takes = "reload" if place == "run/s.sock" else "restart"  # `peerd reload` goes by the file
    assert (
        f"nothing put on record (the file has it, the daemon that runs has not: needs a {takes})"
        in (said)
    )
    assert (
        "missing  roles: against one session of one user, who could do everything (the file has it,"
        " the daemon that runs has not: needs a restart); get it: start the daemon again\n"
    ) in said
    assert said.endswith("enhanced: not reached\n")


def test_what_is_unseen_is_named_and_not_reached(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    only = [each for each in MEASURES if each.name in ("trail", "store is whole")]
    monkeypatch.setattr("peerd.levels.looking.MEASURES", only)
    with Store.open(configured(home, "").data) as store:  # which answers nowhere
        Trail(store).close()
        config = ("--config", str(home / "peerd.toml"))
        assert main(["doctor", "--level", "enhanced", *config]) == 0
        end = "enhanced: reached, but for what is unseen: store is whole\n"
        assert capsys.readouterr().out.endswith(end)
        assert main(["doctor", "--level", "enhanced", "--json", *config]) == 0
    document = json.loads(capsys.readouterr().out)
    assert json_schema.errors(json.loads((SCHEMAS / "levels.json").read_text()), document) == []
    assert not document["reached"]
    assert document["unseen"] == ["store is whole"] and document["missing"] == []


def test_the_documents_table_is_the_codes() -> None:
    text = (ROOT / "docs" / "operate" / "levels.md").read_text()
    rows = [f"| {m.level.word} | {m.name} | {m.against} | {m.how} |" for m in MEASURES]
    assert f"\n|---|---|---|---|\n{chr(10).join(rows)}\n\n" in text
    assert tuple(each.word for each in Level) == NAMES
    assert len({each.name for each in MEASURES}) == len(MEASURES)
    assert [each.level for each in MEASURES] == sorted(each.level for each in MEASURES)

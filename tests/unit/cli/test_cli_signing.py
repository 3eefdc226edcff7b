"""What is signed goes through the daemon where one runs, by two officers where two are needed."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import json_schema
import pytest
import trio
from test_cli_daemon import SCHEMAS

from peerd.cli.answers import check_may
from peerd.cli.main import main
from peerd.config import Config, render_config
from peerd.errors import NotAllowedError
from peerd.group import Genesis, load, save
from peerd.group.document import render
from peerd.identity import Identity, next_key, with_checksum
from peerd.runner.operators.orders import Desk
from peerd.runner.operators.signer import Signer
from peerd.status import StatusBoard, Views, serve_status
from peerd.status import server as status_server
from peerd.status.callers import Caller, Certificate
from peerd.status.codes import Codes
from peerd.status.gate import Gate
from peerd.status.pending import Pending
from peerd.status.roles import Roles
from peerd.status.routes import AuditViews
from peerd.storage import Store
from tests.unit.group.successions import MEMBERS, NEW, group, successor

FIRST = MEMBERS[0]
ROTATED = successor(group(), keys={FIRST.public: NEW.public})
STAYS = successor(group(), values={"name": "renamed"})


class Home:
    """A peer's directory. ``acting``: who is at the other end of the socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.acting = "anna"
        self.key, self.draft = path / "peer.key", path / "draft.json"
        (path / "peerd.toml").write_text(render_config())
        FIRST._write(self.key)
        self.trail: list[str] = []

    def called(self, *words: str) -> int:
        return main([*words, "--config", str(self.path / "peerd.toml")])

    def caller(self, uid: int) -> Caller:
        return Caller(certificate=Certificate(self.acting[0] * 64, 1, (self.acting,), 1e12))

    def beside_daemon(
        self, story: Callable[[], None], *, two: bool = False, coded: bool = False
    ) -> None:
        async def note(act: str, *words: object, **more: object) -> None:
            self.trail.append(act)

        async def serve(store: Store) -> None:
            signer = Signer(FIRST, self.key, group(), store)
            desk = Desk(store, group(), lambda: None, signer)
            audit = AuditViews(lambda: render(group()).encode(), list, lambda one, two: [], dict)
            views = Views(list, lambda n: [], lambda n: None, order=desk.order, audit=audit)
            pending = Pending(store, 3600) if two else None
            roles = Roles(("cert:carl",), (), ("cert:anna", "cert:boris"))
            board = StatusBoard()
            board.update(peer=FIRST.peer_id, head=0)
            codes = Codes(store) if coded else None
            gate = Gate(roles, note, codes, pending)  # type: ignore[arg-type]
            async with trio.open_nursery() as nursery:
                socket = self.path / "data" / "run" / "status.sock"
                await nursery.start(partial(serve_status, board, socket, views, gate=gate))
                nursery.start_soon(gate.refusals.run)
                await trio.to_thread.run_sync(story)
                nursery.cancel_scope.cancel()

        with Store.open(self.path / "data") as store:
            trio.run(serve, store)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    with tempfile.TemporaryDirectory(prefix="peerd-") as name:
        found = Home(Path(name))
        monkeypatch.setattr(status_server, "Caller", lambda uid: found.caller(uid))
        yield found


def unsigned(path: Path, genesis: Genesis) -> None:
    save(replace(genesis, signatures={}), path)


def test_a_daemon_signs_with_the_key_that_it_holds(home: Home) -> None:
    unsigned(home.draft, STAYS)

    def story() -> None:
        home.key.unlink()  # no command reads it
        assert home.called("group", "sign", str(home.draft), "--unmeasured") == 0

    home.beside_daemon(story)
    assert home.trail == ["sign"]
    assert load(home.draft).signatures == {FIRST.public: STAYS.signatures[FIRST.public]}


def test_a_key_that_is_named_is_the_daemons_if_it_lies_beside_its_configuration(home: Home) -> None:
    done: list[int] = []
    unsigned(home.draft, STAYS)
    words = ["group", "sign", str(home.draft), "--key", str(home.key), "--unmeasured"]
    home.beside_daemon(lambda: done.append(main(words)))
    assert done == [0]
    assert home.trail == ["sign"] and FIRST.public in load(home.draft).signatures


def test_without_a_daemon_the_command_signs(home: Home) -> None:
    unsigned(home.draft, STAYS)
    assert home.called("group", "sign", str(home.draft), "--unmeasured") == 0
    assert FIRST.public in load(home.draft).signatures and home.trail == []


def no_measuring(*words: object) -> None:
    raise AssertionError("an update was timed")


def at_terminal(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr("peerd.cli.group_sign.at_terminal", lambda: True)
    monkeypatch.setattr("peerd.cli.answers.at_terminal", lambda: True)
    monkeypatch.setattr("builtins.input", lambda prompt: typed)


@pytest.mark.parametrize("who", ["carl", "anna"])
def test_who_may_not_sign_or_has_no_code_is_told_so_before_an_update_is_timed(
    home: Home, who: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    unsigned(home.draft, STAYS)
    home.acting, done = who, [0]
    monkeypatch.setattr("peerd.cli.group_sign.measure", no_measuring)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    sign = ("group", "sign", str(home.draft))
    home.beside_daemon(lambda: done.append(home.called(*sign)), coded=True)
    said = capsys.readouterr().err
    if who == "carl":
        assert done[1] == 10 and "needs the role officer" in said and home.trail == ["refuse"]
    else:
        assert done[1] == 2 and "say --code DIGITS" in said
        assert home.trail == ["refuse"]  # as the daemon ends


@pytest.mark.parametrize("beside", [True, False])
def test_who_sits_at_a_terminal_sees_what_is_signed_and_types_its_digits(
    home: Home, beside: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    unsigned(home.draft, STAYS)
    digits, done = STAYS.group_id.hex()[:8], [0]
    sign = ("group", "sign", str(home.draft), "--unmeasured")

    def story() -> None:
        at_terminal(monkeypatch, "00000000")
        done.append(home.called(*sign))
        assert "nothing was signed" in capsys.readouterr().err
        assert load(home.draft).signatures == {}
        at_terminal(monkeypatch, digits)
        done.append(home.called(*sign))
        assert "renamed" in capsys.readouterr().out
        at_terminal(monkeypatch, "")
        done.append(home.called(*sign, "--yes"))
        done.append(home.called(*sign, "--json"))

    if beside:
        home.beside_daemon(story)
    else:
        story()
    assert done == [0, 2, 0, 0, 0]
    assert FIRST.public in load(home.draft).signatures


def test_whether_one_may_is_asked_without_doing_it(home: Home) -> None:
    def story() -> None:
        socket = Config.load(home.path / "peerd.toml").status
        assert check_may(socket, "rotate") is False
        assert check_may(socket, "pause") is False
        home.acting = "carl"
        with pytest.raises(NotAllowedError, match="needs the role officer"):
            check_may(socket, "rotate")

    home.beside_daemon(story)
    assert home.trail == ["refuse"] and not next_key(home.key).exists()


def test_a_rotation_signs_with_both_keys_in_one_order(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    unsigned(home.draft, ROTATED)

    def story() -> None:
        NEW._write(next_key(home.key))
        assert home.called("group", "sign", str(home.draft), "--unmeasured") == 0

    home.beside_daemon(story)
    assert load(home.draft).signatures.keys() == {FIRST.public, NEW.public}
    said = capsys.readouterr().out
    assert "as the key before that of" in said and " and as " in said


def test_the_daemon_makes_the_next_key(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    def story() -> None:
        for _ in range(2):
            assert home.called("group", "rotate") == 0

    home.beside_daemon(story)
    first, made, second, known = capsys.readouterr().out.splitlines()
    assert first == second and FIRST.peer_id in first
    assert Identity.load(next_key(home.key)).peer_id in first
    assert "made " in made and "was made before" in known
    assert home.trail == ["rotate", "rotate"]


def test_a_daemon_signs_no_other_group(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    done: list[int] = []
    save(group(), home.draft)
    words = ("group", "sign", str(home.draft), "--unmeasured")
    home.beside_daemon(lambda: done.append(home.called(*words)))
    assert done != [0]
    assert "no draft of a successor" in capsys.readouterr().err and home.trail == []


def test_two_officers_sign_and_the_second_sees_what(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    unsigned(home.draft, STAYS)
    out = home.path / "signed.json"

    def story() -> None:
        assert home.called("group", "sign", str(home.draft), "--unmeasured") == 0
        said = capsys.readouterr().out
        assert "not done yet: it waits until" in said and "peerd officer confirm" in said
        assert load(home.draft).signatures == {}
        assert home.called("officer", "pending", "--json") == 0
        shown = json.loads(capsys.readouterr().out)
        schema = json.loads((SCHEMAS / "officer-pending.json").read_text())
        assert json_schema.errors(schema, shown) == []
        (waiting,) = shown["pending"]
        assert home.called("officer", "pending") == 0
        assert "anna (certificate" in capsys.readouterr().out
        confirm = ("officer", "confirm", waiting["id"], "--yes")
        assert home.called(*confirm, "--out", str(out)) == 10  # by anna herself
        assert "another officer confirms" in capsys.readouterr().err
        home.acting = "boris"
        assert home.called(*confirm) == 2  # where would it go?
        capsys.readouterr()
        assert home.called(*confirm, "--out", str(out)) == 0
        said = capsys.readouterr().out
        assert STAYS.group_id.hex() in said and "renamed" in said and "sign, by anna" in said

    home.beside_daemon(story, two=True)
    assert home.trail == ["propose", "refuse", "sign"]
    assert load(out).signatures == {FIRST.public: STAYS.signatures[FIRST.public]}


def test_who_confirms_a_rotation_gets_the_line_for_the_draft(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    def story() -> None:
        assert home.called("group", "rotate") == 0
        capsys.readouterr()
        assert home.called("officer", "pending", "--json") == 0
        (waiting,) = json.loads(capsys.readouterr().out)["pending"]
        home.acting = "boris"
        assert home.called("officer", "confirm", waiting["id"], "--yes") == 0

    home.beside_daemon(story, two=True)
    said = capsys.readouterr().out.splitlines()
    new = Identity.load(next_key(home.key)).peer_id
    assert f"{with_checksum(FIRST.peer_id)}={with_checksum(new)}" in said


def test_who_types_other_digits_confirms_nothing(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def story() -> None:
        assert home.called("group", "pause") == 0
        capsys.readouterr()
        assert home.called("officer", "pending", "--json") == 0
        (waiting,) = json.loads(capsys.readouterr().out)["pending"]
        home.acting = "boris"
        monkeypatch.setattr("builtins.input", lambda prompt: "00000000")
        assert home.called("officer", "confirm", waiting["digest"][:8]) == 2
        assert "nothing was confirmed" in capsys.readouterr().err
        assert home.called("officer", "confirm", "0123") == 2
        assert home.called("officer", "confirm", "0" * 16) == 2
        assert home.called("officer", "withdraw", waiting["id"]) == 0
        assert home.called("officer", "withdraw", waiting["id"]) == 2

    home.beside_daemon(story, two=True)
    assert home.trail == ["propose", "withdraw"]


def test_up_signs_nothing_beside_a_daemon(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    done: list[int] = []
    save(group(), home.path / "genesis.json")
    home.beside_daemon(lambda: done.append(home.called("up", "--yes", "--unmeasured")))
    assert done == [2]
    assert "a daemon runs already" in capsys.readouterr().err

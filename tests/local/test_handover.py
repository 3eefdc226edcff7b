"""Members over the years, with real daemons and the commands of docs/operate/change.md."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from peerd.cli.current_group import running
from peerd.errors import NotRunningError
from peerd.group import Genesis, load, save, sign
from peerd.group.drafting import Changes, draft
from peerd.identity import Identity, next_key
from peerd.runner.succession.lineage import lineage
from peerd.status.client import post
from peerd.storage import Store
from protocols.record.certificate import ResolutionCertificate, decode_certificate
from protocols.record.resolution import Resolution
from tests.local.dies import STEPS
from tests.local.sites import Site, commands, founded, run, typed, until

pytestmark = pytest.mark.swarm

DOCUMENTED = commands("operate/change.md")
DIES = Path(__file__).with_name("dies.py")


def command(verb: str) -> str:
    """The first that the section has."""
    return next(line for line in DOCUMENTED if line.startswith(f"group {verb} "))


@pytest.fixture
def folder() -> Iterator[Path]:
    """Paths of sockets must be short."""
    directory = Path(tempfile.mkdtemp(prefix="peerd-"))
    yield directory
    shutil.rmtree(directory)


def rounds_on(sites: Sequence[Site], count: int = 3) -> None:
    """Until each of these has certified so many more."""
    aims = [site.head() + count for site in sites]
    until(
        f"{count} rounds more",
        lambda: all(site.head() >= aim for site, aim in zip(sites, aims, strict=True)),
        sites,
    )


def same_models(sites: Sequence[Site], from_round: int = 0) -> None:
    """Of all rounds that two have, both have the same."""
    known: dict[int, str] = {}
    for site in sites:
        with Store.open(site.data) as store:
            told = store.rounds()
        assert told, site.config
        for each in told:
            if each["round"] >= from_round:
                wanted = known.setdefault(each["round"], each["model_hash"])
                assert each["model_hash"] == wanted, (site.config, each["round"])


def handovers(site: Site) -> dict[int, Resolution]:
    """By round, what nothing was opened for."""
    found = {}
    with Store.open(site.data) as store:
        for round_ in range(store.head() + 1):
            record = store.certificate(round_)
            certificate = None if record is None else decode_certificate(record)
            if isinstance(certificate, ResolutionCertificate):
                found[round_] = Resolution.decode(certificate.outcome)
    return found


# -- as documented -----------------------------------------------------------------------------


def test_the_section_has_each_command_once_at_least() -> None:
    verbs = {line.split()[1] for line in DOCUMENTED}
    assert verbs == {
        "rotate", "successor", "show", "sign", "merge", "verify", "approve", "pause", "resume",
    }  # fmt: skip


def _draft(folder: Path, sites: Sequence[Site], joins: Site, rotates: Site, leaves: str) -> Path:
    """Written, read, signed and merged by the documented commands; each has a copy of its own."""
    (rotated, *_) = run(*typed(command("rotate"), CONFIG=str(rotates.config))).splitlines()
    line = f"{Identity.load(joins.key).peer_id} newcomer"
    first = sites[0].head() + 2
    words = typed(
        command("successor"),
        CONFIG=str(sites[0].config),
        JOINS=line,
        ROTATED=rotated,
        LEAVES=leaves,
        FIRST=str(first),
        LAST=str(first + 400),
    )
    run(*words, cwd=folder)
    told = run(*typed(command("show"), CONFIG=str(sites[0].config)), cwd=folder)
    assert "newcomer" in told and "leaves" in told and "has a new key" in told
    copies = []
    for number, site in enumerate([*sites, joins]):
        copy = folder / f"copy-{number}"
        copy.mkdir()
        shutil.copy(folder / "draft.json", copy)
        run(*typed(command("sign"), CONFIG=str(site.config)), "--unmeasured", cwd=copy)
        copies.append(str(copy / "draft.json"))
    merge = [
        w for word in typed(command("merge")) for w in (copies if word == "SIGNED" else [word])
    ]
    run(*merge, cwd=folder)
    assert "every member has signed" in run(*typed(command("verify")), cwd=folder)
    return folder / "successor.json"


def _approve(site: Site, file: Path) -> None:
    words = typed(command("approve"), CONFIG=str(site.config))
    words[words.index("successor.json")] = str(file)
    assert "approved" in run(*words, "--yes")


@pytest.mark.acceptance
def test_members_join_leave_rotate_and_are_away_and_the_model_goes_on(folder: Path) -> None:
    with founded(folder / "g", 4) as (first, rotates, away, leaves, joins):
        everybody = [first, rotates, away, leaves]
        for site in everybody:
            site.start()
        until("the first rounds", lambda: all(site.head() >= 1 for site in everybody), everybody)
        old = first.group()
        file = _draft(folder, everybody[:3], joins, rotates, "peer 3")
        successor = load(file).group_id.hex()
        assert away.stop() == 0
        shutil.copy(file, joins.genesis)
        joins.start()
        until("it waits", lambda: joins.ask().get("state") == "joining", [joins])
        old_key = Identity.load(rotates.key)
        for site in (first, rotates, leaves):
            _approve(site, file)
        now = [first, rotates, joins]
        until("it goes over", lambda: all(s.group() == successor for s in now), [*now, leaves])
        until("it has left", lambda: leaves.ended() is not None, [leaves])
        assert leaves.ended() == 0 and not leaves.key.exists()
        rounds_on(now)
        _rotated_keys_are_gone(rotates, old_key)
        away.start()
        until("it is told", lambda: away.group() == successor, [away, first])
        members = [*now, away]
        rounds_on(members)
        pause_and_go_on(members)
        _commands_know_the_group(first, old, successor, folder)
        for site in members:
            assert site.stop() == 0
        leaves.start()
        until("it says so again", lambda: leaves.ended() is not None, [leaves])
        assert leaves.ended() == 0 and "went on without this peer" in leaves.last_words()
        same_models([*members, leaves])
        (handover, *_) = [round_ for round_, each in handovers(first).items() if each.hands_over]
        assert _chain_is_whole(away, handover), "what it missed is there"


def _rotated_keys_are_gone(site: Site, old: Identity) -> None:
    assert not next_key(site.key).exists()
    assert Identity.load(site.key).public != old.public
    seed = old.secret.reveal()
    for path in site.key.parent.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert seed not in data and seed.hex().encode() not in data, path


def pause_and_go_on(members: Sequence[Site]) -> None:
    for site in members[:3]:
        run(*typed(command("pause"), CONFIG=str(site.config)))
    until("it rests", lambda: all(s.ask().get("state") == "resting" for s in members), members)
    heads = {site.head() for site in members}
    assert len(heads) == 1
    run(*typed(command("resume"), CONFIG=str(members[0].config)))
    until(
        "they see who wants to go on",
        lambda: all(
            [each["act"] for each in site.ask().get("approvals", [])] == ["resume"]
            for site in members
        ),
        members,
    )
    assert {site.head() for site in members} == heads, "one of three that are needed"
    for site in members[1:3]:
        run(*typed(command("resume"), CONFIG=str(site.config)))
    rounds_on(members)
    assert all(site.ask()["state"] == "running" for site in members)


def _commands_know_the_group(site: Site, old: str, successor: str, folder: Path) -> None:
    config = ["--config", str(site.config)]
    shown = json.loads(run("status", *config, "--json"))
    assert shown["group"] == successor
    last = shown["head"] - 1
    for name, group, round_ in (("old", old, 0), ("new", successor, last)):
        file = folder / f"{name}.npz"
        if name == "old":
            continue  # its model is not kept any more
        run("model", "export", *config, "--round", str(round_), "--out", str(file))
        documents = ["--genesis", str(site.genesis), "--genesis", str(folder / "successor.json")]
        assert group in run("model", "verify", str(file), *documents)
        run("model", "verify", str(file), "--genesis", str(site.genesis), code=9)
    transcript = folder / "transcript"
    run("rounds", str(last), "--transcript", str(transcript), *config)
    run("audit", str(transcript), "--genesis", str(folder / "successor.json"))
    assert "newcomer" in run("peers", *config) and "peer 3" not in run("peers", *config)


def _chain_is_whole(site: Site, handover: int) -> bool:
    with Store.open(site.data) as store:
        return all(store.certificate(round_) is not None for round_ in range(handover + 1))


# -- at every step of the way ------------------------------------------------------------------


class Years:
    """A group of four whose operators do everything on this machine."""

    def __init__(self, sites: Sequence[Site], folder: Path) -> None:
        self.sites = sites
        self._folder = folder
        self._drafts = 0

    @property
    def first(self) -> Site:
        return self.sites[0]

    def genesis(self) -> Genesis:
        return running(self.first.config)[0]

    def draft(self, rotates: Site | None, *, rounds: int = 300, ahead: int = 3) -> Path:
        """One key takes another's place, or nothing changes; signed by all."""
        old, keys = self.genesis(), {site.key: Identity.load(site.key) for site in self.sites}
        changed = {}
        if rotates is not None:
            new = Identity.create(next_key(rotates.key))
            changed[keys[rotates.key].public] = new.public
            keys[next_key(rotates.key)] = new
        first = self.first.head() + ahead
        found = draft(old, Changes(first, first + rounds - 1, keys=changed))
        for one in keys.values():
            if one.public in found.signers:
                found = sign(found, one)
        return self.saved(found)

    def saved(self, found: Genesis) -> Path:
        self._drafts += 1
        path = self._folder / f"draft-{self._drafts}.json"
        save(found, path)
        return path

    def everywhere(self, group: str) -> bool:
        return all(site.group() == group for site in self.sites)


def _runs(site: Site) -> bool:
    assert site.ended() is None, site.last_words()
    return site.ask().get("state") == "running"


def approve(site: Site, file: Path) -> None:
    """The order of ``peerd group approve``, to a daemon that may die of it."""
    socket = site.data / "run" / "status.sock"
    with suppress(NotRunningError):
        trio.run(post, socket, "/v1/orders/approve-handover", {"draft": file.read_text()})


@pytest.mark.acceptance
def test_a_daemon_is_killed_at_each_step_and_goes_on(folder: Path) -> None:
    with founded(folder / "g", 4) as (*sites, _):
        years = Years(sites, folder)
        for site in sites:
            site.start()
        until("the first rounds", lambda: all(site.head() >= 1 for site in sites), sites)
        groups = [years.first.group()]
        victim = sites[2]
        for number, step in enumerate(STEPS):
            mark = folder / f"died-{number}"
            victim.stop()
            victim.start(str(DIES), "--at", step, "--mark", str(mark))
            until("it is back", lambda: _runs(victim), sites)
            file = years.draft(victim)
            for site in sites:
                approve(site, file)
            until(f"it dies: {step}", lambda: victim.ended() is not None, sites)
            assert mark.exists() and victim.ended() == -9, (step, victim.last_words())
            victim.start()
            groups.append(load(file).group_id.hex())
            until(f"all go over: {step}", lambda: years.everywhere(groups[-1]), sites)
            rounds_on(sites, 2)
        for site in sites:
            assert site.stop() == 0
        same_models(sites)
        for site in sites:
            with Store.open(site.data) as store:
                found = lineage(store, load(site.genesis))
                assert [each.genesis.group_id.hex() for each in found] == groups
                assert not store.blames()


# -- those that try to take it over ------------------------------------------------------------


@pytest.mark.acceptance
def test_a_takeover_and_two_drafts_at_once_come_to_nothing(folder: Path) -> None:
    with founded(folder / "g", 4) as (*sites, _):
        years = Years(sites, folder)
        for site in sites:
            site.start()
        until("the first rounds", lambda: all(site.head() >= 1 for site in sites), sites)
        group = years.first.group()
        _takeover(years)
        assert years.everywhere(group)
        _two_drafts(years)
        assert years.everywhere(group)
        file = years.draft(sites[1])
        for site in sites[:3]:
            _approve(site, file)
        until("another goes through", lambda: years.everywhere(load(file).group_id.hex()), sites)
        rounds_on(sites)
        for site in sites:
            site.stop()
        same_models(sites)
        assert len(handovers(sites[0])) == 1


def _takeover(years: Years) -> None:
    """Three keys of one member's own; all of the new roster sign, and of the old one it alone."""
    old, mine = years.genesis(), [Identity(bytes([200 + number]) * 32) for number in range(3)]
    keep = Identity.load(years.first.key)
    names = {one.public: f"mine {number}" for number, one in enumerate(mine)}
    first = years.first.head() + 3
    others = frozenset(old.roster) - {keep.public}
    found = draft(old, Changes(first, first + 5, joining=names, leaving=others))
    for one in (keep, *mine):
        found = sign(found, one)
    found.verify()
    _approve(years.first, years.saved(found))
    until("its window is over", lambda: years.first.head() > first + 6, years.sites)


def _two_drafts(years: Years) -> None:
    """Two approve one of them, and two the other: neither has a quorum of three."""
    one = years.draft(None, rounds=40, ahead=80)  # time for operators, however fast rounds are
    found = load(one)
    assert found.follows is not None
    other = draft(
        years.genesis(),
        Changes(found.follows.first, found.follows.last, values={"delta_ms": 2 * found.delta_ms}),
    )
    for site in years.sites:
        other = sign(other, Identity.load(site.key))
    second = years.saved(other)
    for number, site in enumerate(years.sites):
        _approve(site, one if number < 2 else second)
    words = ["group", "approve", str(second), "--config", str(years.first.config), "--yes"]
    assert "another draft is approved" in run(*words, code=1)
    last = found.follows.last
    until("both windows are over", lambda: years.first.head() > last + 1, years.sites)

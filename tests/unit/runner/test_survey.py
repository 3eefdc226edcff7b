"""Where the group stands, before anything is signed (faults 42, 47): what others can make of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import trio
import trio.testing
from peerd.runner.survey import SURVEY_SECONDS, Standing, Survey

from peerd.laboratory.simulation.swarm import FOUR, first_model, swarm
from peerd.laboratory.simulation.world import World
from peerd.runner.driver import Driver
from peerd.runner.library import CERTIFICATE, HEAD, MODEL, REQUEST_SECONDS, Library
from peerd.runner.records import Records
from peerd.runner.resume import journaled_secret, position_of
from peerd.storage import Store
from protocols.record.certificate import verify_certificate
from protocols.record.effects import Timer
from protocols.record.timers import RecallOver
from protocols.session.local import LocalPeer
from protocols.session.session import Session
from protocols.session.standing import SIGNS, sat_out, sat_out_key

pytestmark = pytest.mark.xdist_group("survey")  # one process makes what all share

ROUNDS = 5


@pytest.fixture(scope="module")
def world() -> World:
    made = swarm(FOUR, 1, rounds=ROUNDS)
    made.run()
    return made


def filled(world: World, path: Path, rounds: int, *, journal: bool) -> Store:
    """The store of peer 0 after so many rounds; with or without what it signed in the next one."""
    store = Store.open(path)
    for round_ in range(rounds):
        done = world.nodes[0].completed[round_]
        store.put_model(round_, done.model)
        store.put_certificate(round_, done.certificate)
    if journal:
        store.journal_put(rounds, "seed", b"s" * 32)
    return store


class Shelf(Library):
    """Asks the stores of the others, without a network between; ``lies`` replace their answers."""

    def __init__(self, world: World, store: Store, others: dict[bytes, Library]) -> None:
        super().__init__(
            world.setting, store, SimpleNamespace(handle_requests=lambda handler: None)
        )
        self.others = others
        self.lies: dict[tuple[bytes, str], bytes | None] = {}
        self.stalls: frozenset[tuple[bytes, str]] = frozenset()
        self.drips: frozenset[tuple[bytes, str]] = frozenset()

    async def ask(self, peer: bytes, what: str, round_: int, limit: int) -> bytes:
        await trio.sleep(REQUEST_SECONDS if (peer, what) in self.stalls else 0)
        if (peer, what) in self.stalls:
            return b""
        if (peer, what) in self.drips:
            await trio.sleep(REQUEST_SECONDS - 1)
        lie = self.lies.get((peer, what))
        data = self.others[peer]._find(what, round_) if lie is None else lie
        return data if len(data) <= limit else b""


class Scene:
    def __init__(self, world: World, path: Path, heads: list[int]) -> None:
        self.world = world
        self.peers = list(world.setting.roster[1 : 1 + len(heads)])
        self.stores = [
            filled(world, path / f"peer-{i}", head + 1, journal=True)
            for i, head in enumerate(heads)
        ]
        others = {
            peer: Shelf(world, store, {})
            for peer, store in zip(self.peers, self.stores, strict=True)
        }
        self.path = path
        self.others = others

    def stand(
        self,
        rounds: int,
        *,
        journal: bool,
        lies: dict[tuple[bytes, str], bytes] | None = None,
        stalls: frozenset[tuple[bytes, str]] = frozenset(),
        drips: frozenset[tuple[bytes, str]] = frozenset(),
        restored: bool = False,
        sits_out: int = SIGNS,
    ) -> tuple[Standing, Store, float]:
        store = filled(self.world, self.path / "own", rounds, journal=journal)
        if sits_out != SIGNS:
            store.journal_put(rounds, sat_out_key(sits_out), b"")
        self.stores.append(store)
        setting = self.world.setting
        shelf = Shelf(self.world, store, self.others)
        shelf.lies |= lies or {}
        shelf.stalls, shelf.drips = stalls, drips
        survey = Survey(setting, store, shelf, Records(store, setting.roster))
        position = position_of(setting, store, first_model(1, setting.parameters))

        async def run() -> tuple[Standing, float]:
            before = trio.current_time()
            standing = await survey.stand(position, self.peers, restored=restored)
            return standing, trio.current_time() - before

        standing, seconds = trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0.2))
        return standing, store, seconds

    def at(self, standing: Standing, round_: int) -> bool:
        """Whether it stands before ``round_``, with the model that the group has there."""
        model = (
            self.world.nodes[0].completed[round_ - 1].model
            if round_
            else first_model(1, self.world.setting.parameters)
        )
        return standing.position.round == round_ and np.array_equal(standing.position.model, model)


@pytest.fixture
def scene(world: World, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(world, tmp_path, [3, 3, 1])
    yield made
    for store in made.stores:
        store.close()


def journaled(store: Store) -> list[int]:
    """The rounds that have a journal, of all that these stores know of."""
    return [round_ for round_ in range(9) if store.journal(round_)]


def test_with_nobody_further_the_store_stands(scene: Scene) -> None:
    standing, _, _ = scene.stand(4, journal=True)
    assert scene.at(standing, 4)
    assert standing.sit_out == standing.suspect == -1


def test_a_crash_leaves_one_round_to_catch_up_and_none_to_sit_out(scene: Scene) -> None:
    standing, store, _ = scene.stand(3, journal=True)
    assert scene.at(standing, 4)
    assert standing.sit_out == standing.suspect == -1
    assert store.head() == 3
    assert journaled(store) == [], "what was signed in a certified round is erased"


@pytest.mark.parametrize(("rounds", "journal"), [(3, False), (2, True), (1, True), (0, False)])
def test_a_store_that_may_have_forgotten_is_suspect_in_the_next_round(
    scene: Scene, rounds: int, journal: bool
) -> None:
    standing, store, _ = scene.stand(rounds, journal=journal)
    assert scene.at(standing, 4)
    assert standing.sit_out == -1
    assert standing.suspect == 4
    assert store.head() == 3
    assert store.witnessed() == 3


@pytest.mark.parametrize("rounds", [2, 3, 4])
def test_an_operator_s_word_that_it_was_restored_sits_two_rounds_out(
    scene: Scene, rounds: int
) -> None:
    standing, _, _ = scene.stand(rounds, journal=True, restored=True)
    assert scene.at(standing, 4)
    assert standing.sit_out == 5


@pytest.mark.parametrize("last", [2, 3, 4, 9])
def test_what_is_to_be_sat_out_is_known_in_the_round_that_it_catches_up_to(
    scene: Scene, last: int
) -> None:
    """The journal of the round in which it was written is erased with that round."""
    standing, store, _ = scene.stand(2, journal=True, sits_out=last)
    assert scene.at(standing, 4)
    assert sat_out(store.journal(4)) == (last if last >= 4 else SIGNS)
    assert journaled(store) == ([4] if last >= 4 else [])


def test_a_journal_that_only_says_what_to_sit_out_remembers_nothing(scene: Scene) -> None:
    """It was written because something had been forgotten."""
    standing, _, _ = scene.stand(3, journal=False, sits_out=3)
    assert scene.at(standing, 4)
    assert standing.suspect == 4


class Crash(BaseException):
    """The process ends here."""


def test_what_is_to_be_sat_out_outlives_a_crash_in_catching_up(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as the store's head is the later one, only the later round's journal is read."""
    store_adopted = Records.adopted

    def adopted(records: Records, *given: Any) -> None:
        store_adopted(records, *given)
        raise Crash

    monkeypatch.setattr(Records, "adopted", adopted)
    with pytest.raises(Crash):
        scene.stand(2, journal=True, sits_out=4)
    store = scene.stores[-1]
    assert store.head() == 3
    assert sat_out(store.journal(4)) == 4


def test_and_one_in_catching_up_later(
    scene: Scene, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session itself persists it, and the driver what the session says."""
    store = filled(world, tmp_path / "late", 2, journal=True)
    scene.stores.append(store)
    position = position_of(world.setting, store, first_model(1, world.setting.parameters))
    secrets = partial(journaled_secret, store)
    peer = LocalPeer(world.setting, 0, world.nodes[0].secret, secrets)
    session = Session(peer, position, {}, sit_out=4)

    class Ends:
        def adopted(self, chain: Any, model: Any) -> None:
            Records(store, world.setting.roster).adopted(chain, model)
            raise Crash

    nothing = cast(Any, SimpleNamespace(links=tuple))
    driver = Driver(
        world.setting, session, store, nothing, nothing, nothing, nothing, cast(Any, Ends())
    )
    done = [world.nodes[1].completed[round_] for round_ in (2, 3)]
    chain = [verify_certificate(world.setting, item.certificate) for item in done]
    session.start({0, 1, 2, 3})
    session.on_timer(Timer((2, 0), RecallOver(), 0))
    with pytest.raises(Crash):
        trio.run(driver._adopt, chain, done[-1].model)
    assert store.head() == 3
    assert sat_out(store.journal(4)) == 4


def test_a_head_without_certificates_is_hot_air(scene: Scene) -> None:
    boast = (10**6).to_bytes(4, "big")
    liar = scene.peers[0]
    standing, _, _ = scene.stand(4, journal=True, lies={(liar, HEAD): b"\xce" + boast})
    assert scene.at(standing, 4)
    assert standing.sit_out == standing.suspect == -1


def test_a_liar_s_rubbish_costs_a_question_and_an_honest_peer_is_asked(scene: Scene) -> None:
    liar = scene.peers[0]
    for what, lie in (
        (MODEL, bytes(4 * scene.world.setting.parameters)),
        (MODEL, b"short"),
        (CERTIFICATE, b"rubbish"),
        (CERTIFICATE, scene.world.nodes[1].completed[4].certificate),
        (HEAD, b"\xff"),
    ):
        standing, store, _ = scene.stand(3, journal=True, lies={(liar, what): lie})
        assert scene.at(standing, 4), what
        assert store.head() == 3
        scene.stores.remove(store)
        store.close()
        _forget(scene.path / "own")


def test_a_certificate_of_another_round_s_place_is_refused(scene: Scene) -> None:
    """All three tell the same lie: then nothing is adopted."""
    late = scene.world.nodes[1].completed[4].certificate
    standing, store, _ = scene.stand(
        3, journal=True, lies={(peer, CERTIFICATE): late for peer in scene.peers}
    )
    assert scene.at(standing, 3)
    assert store.head() == 2


def test_whoever_does_not_answer_is_not_waited_for_long(scene: Scene) -> None:
    mute = {(peer, HEAD): b"" for peer in scene.peers}
    standing, _, seconds = scene.stand(2, journal=True, lies=mute)
    assert scene.at(standing, 2)
    assert SURVEY_SECONDS <= seconds < SURVEY_SECONDS + 1.0


def test_who_shows_certificates_and_no_model_is_waited_for_once(scene: Scene) -> None:
    """However many rounds this peer is behind: each has a model that could be asked for."""
    liar = scene.peers[0]
    boast = {(liar, HEAD): bytes((4,))}  # a round more than it has: it is asked first
    standing, _, seconds = scene.stand(
        0, journal=False, lies=boast, stalls=frozenset({(liar, MODEL)})
    )
    assert scene.at(standing, 4)
    assert REQUEST_SECONDS <= seconds < REQUEST_SECONDS + 1.0


def test_who_is_shown_certificates_and_no_model_signs_in_none_of_those_rounds(
    scene: Scene,
) -> None:
    """What was signed there nobody remembers but liars: of whoever signs anew in a round that is
    over they hold two statements in one slot.
    """
    gone = {(peer, MODEL): b"" for peer in scene.peers}
    standing, _, _ = scene.stand(0, journal=False, lies=gone)
    assert scene.at(standing, 0)
    assert standing.sit_out == 3
    assert standing.suspect == 4


def test_certificates_drop_by_drop_are_waited_for_no_longer_than_others_take(
    world: World, tmp_path: Path
) -> None:
    scene = Scene(world, tmp_path, [3, 3, 3])
    liar = scene.peers[0]
    standing, _, seconds = scene.stand(
        0,
        journal=False,
        lies={(liar, HEAD): bytes((4,))},  # a round more than it has: it is asked first
        drips=frozenset({(liar, CERTIFICATE), (liar, MODEL)}),
    )
    assert scene.at(standing, 4)
    assert seconds < 3 * REQUEST_SECONDS


def test_a_chain_goes_on_to_where_its_giver_has_got_to_meanwhile(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hundreds of rounds: of those in between nobody has a model any more."""
    heads = iter([400, 410, 410])

    class Long(Library):
        async def ask(self, peer: bytes, what: str, round_: int, limit: int) -> bytes:
            return round_.to_bytes(8, "little")

        async def head(self, peer: bytes) -> int | None:
            return next(heads)

    monkeypatch.setattr(
        "peerd.runner.library.verify_certificate",
        lambda setting, data: SimpleNamespace(round=int.from_bytes(data, "little")),
    )
    transport = SimpleNamespace(handle_requests=lambda handler: None)
    library = Long(scene.world.setting, scene.stores[0], transport)

    async def chain() -> list[int]:
        return [item.round for item in await library.chain(b"peer", 3, 390)]

    assert trio.run(chain) == list(range(3, 411))


def _forget(path: Path) -> None:
    for file in sorted(path.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()

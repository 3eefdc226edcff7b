"""What is run against sound and faulty code alike: attack(seed) raises where a rule is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any

from peerd.laboratory.adversaries import ALL
from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.adversaries.lies import LIES
from peerd.laboratory.simulation.groups import Group, group_of
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.operations import Power, Restore, Rollback, parse
from peerd.laboratory.simulation.oracle import demand
from peerd.laboratory.simulation.scenario import Scenario, run
from peerd.laboratory.simulation.world import World
from protocols.aggregation import Aggregator
from protocols.plan import CommitteePlan
from protocols.record.certificate import verify_certificate
from protocols.record.door import open_message
from protocols.record.effects import Completed, Effect, Send
from protocols.version import EARLIEST, LATEST
from protocols.wire.canonical import pack
from protocols.wire.frames import StatementFrame, SumFrame, decode_frame, encode_frame
from protocols.wire.payloads import Kind, Topic
from protocols.wire.statement import decode_statement
from tests.mutation.rules import judge
from tests.simulation.swarm import EIGHT, FOUR, TEN, swarm
from tests.simulation.test_returns import WITHIN, deadlines_waited, dealt_since, freeze

Attack = Callable[[int], None]


def group(plan: CommitteePlan, seed: int, lies: dict[int, Lie] | None = None, **more: Any) -> World:
    liars = {FOUR: 1, EIGHT: 2, TEN: 1}[plan]
    settings = {"rounds": 1, "parameters": 3, **more}
    return swarm(plan, liars, seed=seed, lies=lies, traced=False, **settings)  # type: ignore[arg-type]


def alone(
    liar: Lie | str,
    *,
    plan: CommitteePlan = FOUR,
    guilty: bool | None = True,
    unknown: bool = False,
    rounds: int = 1,
    parameters: int = 3,
    version: int = LATEST,
    rule: Aggregator | None = None,
) -> Attack:
    """One liar, who must be named (``guilty``), or must not be (False)."""
    lie = {**ALL, **LIES}[liar] if isinstance(liar, str) else liar

    def attack(seed: int) -> None:
        who = seed % plan.committee
        sizes = {"rounds": rounds, "parameters": parameters, "version": version, "rule": rule}
        world = group(plan, seed, {who: lie}, **sizes)
        named = None if guilty is None else (who,) if guilty else ()
        judge(world, guilty=named, unknown_inputs=(who,) if unknown else ())

    return attack


def leading(liar: Lie, *, guilty: bool = False, unknown: bool = False) -> Attack:
    """The liar has the first seat, and so leads the agreement on the cohort."""

    def attack(seed: int) -> None:
        who = first_seat(seed)
        world = group(FOUR, seed, {who: liar})
        judge(world, guilty=(who,) if guilty else (), unknown_inputs=(who,) if unknown else ())

    return attack


@cache
def first_seat(seed: int) -> int:
    """Nonces and so seats are a function of the seed, whoever lies about something else."""
    world = group(FOUR, seed)
    world.run()
    record = world.nodes[0].completed[0]
    certified = verify_certificate(world.setting, record.certificate)
    return certified.flip.seats[0]


def honest(seed: int) -> None:
    judge(group(FOUR, seed, rounds=2), guilty=())


def overruled(seed: int) -> None:
    """A silent revealer in round 0 and ever after: void flips, lock-outs, no blame. Of groups in
    which all sit only the earliest version flips a coin.
    """
    lies = {seed % 4: ALL["SilentRevealer"]}
    judge(group(FOUR, seed, lies, rounds=3, version=EARLIEST), guilty=())


def shut_out(seed: int) -> None:
    """Proven guilty in one round, excluded in those that follow."""
    judge(group(FOUR, seed, {seed % 4: ALL["DoubleVoter"]}, rounds=4), guilty=(seed % 4,))


def restarting(kinds: Iterable[Kind], *, rounds: int = 1, version: int = LATEST) -> Attack:
    """One honest peer dies as soon as it has sent a statement of such a kind, and comes back."""
    wanted = frozenset(kinds)

    def attack(seed: int) -> None:
        world, victim = group(FOUR, seed, rounds=rounds, version=version), seed % 4
        ends = [False]

        def before(node: Node, effect: Effect) -> None:
            if node.index == victim and ends[0] and node.lives == 1:
                world.crash(node)
                world.happen(world.now + 300, lambda: world.boot(node))
            elif node.index == victim and node.lives == 1 and _says(world, effect, wanted):
                ends[0] = True

        world.before = before
        judge(world, guilty=(), away=(victim,), audited=False)

    return attack


def behind_then_restarted(kind: Kind) -> Attack:
    """One honest peer hears another's words only after it has said something of this kind, without
    them; then it dies, and is told everything anew.
    """

    def attack(seed: int) -> None:
        world, victim, other = group(FOUR, seed), seed % 4, (seed + 1) % 4
        node, said = world.nodes[victim], [False]

        def before(at: Node, effect: Effect) -> None:
            if at is node and said[0] and node.lives == 1:
                world.crash(node)
                world.happen(world.now + 300, lambda: world.boot(node))
            said[0] = said[0] or (at is node and _says(world, effect, frozenset({kind})))

        def delay(sender: int, to: int, data: bytes) -> int | None:
            return 60_000 if (sender, to) == (other, victim) and node.lives == 1 else None

        world.before, world.delay = before, delay
        judge(world, guilty=(), away=(victim, other), audited=False)
        demand(node.lives > 1, "vacuous", "nobody died")

    return attack


def dies_before_it_stores(seed: int) -> None:
    """One honest peer dies when it is to store a certified round, and comes back alone: nobody is
    there to tell it what it has signed.
    """
    world, victim = group(FOUR, seed), seed % 4
    node, others = world.nodes[victim], {0, 1, 2, 3} - {victim}
    links = [link for other in others for link in ((victim, other), (other, victim))]

    def before(at: Node, effect: Effect) -> None:
        if at is node and node.lives == 1 and isinstance(effect, Completed):
            world.crash(node)
            world.cut(links)
            world.happen(world.now + 300, lambda: world.boot(node))
            world.happen(world.now + 2_000, lambda: world.heal(links))

    world.before = before
    judge(world, guilty=(), away=(victim,))
    demand(node.lives > 1, "vacuous", "nobody died")


def dark_ahead_of_the_sums(seed: int) -> None:
    """All lose power when the first sum is to be sent: the others know the cohort, or will."""
    world = group(FOUR, seed)
    before, dark = world.before, [False]

    def going_dark(node: Node, effect: Effect) -> None:
        before(node, effect)
        if dark[0] or not isinstance(effect, Send):
            return
        if isinstance(decode_frame(effect.frame), SumFrame):
            dark[0] = True
            for each in world.nodes:
                world.crash(each)
                world.happen(world.now + 100 + each.index, partial(world.boot, each))

    world.before = going_dark
    judge(world, guilty=(), away=range(4), covered=False)
    demand(dark[0], "vacuous", "nobody sent a sum")


def elected_late(seed: int) -> None:
    """Two of four hear late who is elected: they are dealt to before that."""
    world, late = group(FOUR, seed), {seed % 4, (seed + 1) % 4}

    def delay(sender: int, to: int, data: bytes) -> int | None:
        slot = open_message(world.setting, sender, data).slot
        said = None if slot is None else (slot.kind, slot.subject)
        return 1_500 if to in late and said == (Kind.SECOND_VOTE, Topic.REVEALS) else None

    world.delay = delay
    judge(world, guilty=())


def replayed(number: int, operations: str, rounds: int = 2) -> Attack:
    """A run of the campaign that once broke a rule, whatever the seed here."""

    def attack(seed: int) -> None:
        found = run(Scenario(number, group_of(number), rounds, tuple(parse(operations))))
        demand(not found.rule, found.rule, found.what)

    return attack


def put_back(seed: int) -> None:
    """One honest peer is put back to a backup of the round before: it signs nothing anew."""
    victim = seed % 4
    world = group(FOUR, seed, rounds=3)
    Restore(victim, 10 + 6 * seed, 2_600, 500).install(world)
    judge(world, guilty=(), away=(victim,))
    demand(world.faults["restore"] == 1, "vacuous", "nothing was put back")
    demand(not world.faults["exposed"], "signed-twice", f"peer {victim} signs a slot anew")


def back_again(seed: int) -> None:
    """Who said nothing while it was waited for is back within three rounds, at a latency of Δ."""
    assert seed == 0  # nothing is drawn
    demand(True in dealt_since(freeze, 200, 1000)[: WITHIN + 1], "returns", "it never comes back")


def never_says_a_word(seed: int) -> None:
    """Who is connected and never commits costs a deadline in eight rounds."""
    assert seed == 0
    waited = deadlines_waited()
    demand(waited <= 3, "waits", f"{waited} deadlines in 18 rounds")


def _paused(until: int) -> None:
    operations = parse(f"rhythm 5; skew 1 900; pause 2 3000 {until}")
    group_of_four = Group(4, 1, CommitteePlan(4, 1, 1, 0))
    found = run(Scenario(1, group_of_four, 8, tuple(operations)))
    demand(not found.rule, found.rule, found.what)


def one_is_paused(seed: int) -> None:
    """For good: nobody waits out a deadline for it."""
    assert seed == 0  # nothing is drawn
    _paused(0)


def one_is_paused_for_a_while(seed: int) -> None:
    """It takes part again within three rounds."""
    assert seed == 0
    _paused(12_000)


def emptied(seed: int) -> None:
    """One honest peer's directory is emptied, and all others start again ahead of its question:
    whoever remembers what it signed has forgotten it. A report that lists name may be lost with
    it, so that the attempt is given up.
    """
    victim = seed % 4
    world = group(FOUR, seed, rounds=3)
    moment = 3_000 + 1_700 * seed
    others = tuple(peer for peer in range(4) if peer != victim)
    Rollback((victim,), 0, moment, 1).install(world)
    Power(others, moment + 100, 40).install(world)
    judge(world, covered=False, guilty=(), away=range(4))
    demand(world.faults["rollback"] == 1, "vacuous", "nothing was emptied")


def _says(world: World, effect: Effect, kinds: frozenset[Kind]) -> bool:
    if not isinstance(effect, Send):
        return False
    frame = decode_frame(effect.frame)
    wire = getattr(frame, "statement", None)
    return wire is not None and decode_statement(wire, world.setting.group).kind in kinds


def gone_after(kind: Kind) -> Attack:
    """One honest peer dies for good once it has said this: left out perhaps, never blamed."""

    def attack(seed: int) -> None:
        world, victim = group(FOUR, seed), seed % 4
        said = [False]

        def before(node: Node, effect: Effect) -> None:
            if node.index != victim:
                return
            if said[0]:
                world.crash(node)
            said[0] = said[0] or _says(world, effect, frozenset({kind}))

        world.before = before
        judge(world, guilty=(), away=(victim,))

    return attack


def untrained(seed: int) -> None:
    """Two of four never have an update: no sum of the other two is opened, however long it takes.

    That is more than the plan covers, so that no round needs to complete.
    """
    world = group(FOUR, seed)
    mute = {(seed + 1) % 4, (seed + 3) % 4}
    train = world._train

    def some(node: Node, round_: int, model: object) -> None:
        if node.index not in mute:
            train(node, round_, model)  # type: ignore[arg-type]

    world._train = some  # type: ignore[method-assign]
    judge(world, guilty=(), away=range(4), completes=False, until=150_000, covered=False)


def forged_votes_of_the_honest(seed: int) -> None:
    """Statements under honest names that only the liar has signed are refused, and frame nobody."""
    world, liar = group(FOUR, seed), seed % 4
    sent = [0]

    def drop(sender: int, to: int, data: bytes) -> bool:
        frame = decode_frame(data)
        if sender != liar and to == liar and isinstance(frame, StatementFrame) and sent[0] < 40:
            said = decode_statement(frame.statement, world.setting.group)
            body = said.body[:-1] + bytes([said.body[-1] ^ 1])
            sent[0] += 1
            copy = encode_frame(StatementFrame(pack([body, said.signature])))
            for peer in {0, 1, 2, 3} - {liar, sender}:
                node = world.nodes[peer]
                world.at(node, 1, lambda session: session.on_message(liar, copy))
        return False

    world.drop = drop
    world.nodes[liar].lying = True
    judge(world, guilty=None, audited=False)
    demand(sent[0] > 0, "vacuous", "nothing was forged")

"""Cells: the daemons' computation, the liars' lies, data poisoning, real shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from peerd.errors import ConfigError, TaskError
from peerd.laboratory.experiments.attacks import attack_spec
from peerd.laboratory.experiments.cell import CLEAR, LIFTED, Cell, Descent
from peerd.laboratory.experiments.experiment import read_experiment
from peerd.laboratory.experiments.peers import Peers
from peerd.laboratory.experiments.play import Result, play
from peerd.laboratory.experiments.poison import TARGET, Trigger, poisoned
from peerd.laboratory.experiments.rules import checked_rule
from peerd.laboratory.experiments.sharing import SharedRounds, committee_plan
from peerd.learning.client import Client
from peerd.learning.loading import load_torch_task
from peerd.learning.settings import Partition, peer_seed
from peerd.learning.task import Samples
from protocols.aggregation import aggregator
from protocols.aggregation.clear_sum import opened_part
from protocols.aggregation.contract import largest_weight
from protocols.hashing import digest

PEERS = 8
SECURED = ("rsa", "centered-clipping", "centered-clipping-l2", "fltrust", "weighted-mean")


def cell(
    form: str,
    rule: str,
    attack: str = "none",
    liars: int = 0,
    *,
    rounds: int = 3,
    parameters: Mapping[str, object] | None = None,
    constants: Mapping[str, int | str] | None = None,
    **more: object,
) -> Cell:
    fields = {"task": "digits", "options": {"hidden": 8}, "partition": "iid", "seed": 3, **more}
    return Cell(
        peers=PEERS,
        liars=liars,
        rounds=rounds,
        attack=attack_spec(attack, parameters),
        rule=checked_rule(form, rule, constants or {}, rule),
        descent=Descent(rate=0.5),
        **fields,  # type: ignore[arg-type]
    )


def accuracies(result: Result) -> list[float]:
    return [each.accuracy for each in result.evaluations]


@pytest.mark.parametrize("name", SECURED)
def test_it_is_the_computation_of_the_daemons(name: str) -> None:
    """With the pieces that a worker and a round use: kept model, momentum, reference, weights."""
    rule = aggregator(name, {})
    task = load_torch_task("digits", {"hidden": 8}, {})
    clients = [Client(task, Partition(i, PEERS), peer_seed(3, i), 3) for i in range(PEERS)]
    weights = [min(len(client.samples), largest_weight(rule)) for client in clients]
    model = clients[0].first_model
    kept: list[np.ndarray | None] = [None] * PEERS
    expected = []
    for round in range(3):
        local = rule.local_rule(round)
        trained = [
            client.train(local, round, model, last)
            for client, last in zip(clients, kept, strict=True)
        ]
        kept = [each.kept for each in trained]
        reference = None
        if rule.uses_reference:
            group = digest("peerd/lab/group", (3).to_bytes(8, "little"))
            step = clients[2].root_step(local, round, model, group)
            reference = rule.reference(step)  # type: ignore[attr-defined]
        relation = rule.relation(model.size, reference)
        opened = sum(
            weight * opened_part(relation, rule.encode(model, each.update, reference))
            for weight, each in zip(weights, trained, strict=True)
        )
        model = rule.apply(model, np.asarray(opened), sum(weights), round)
        expected.append(clients[1].evaluate(model).accuracy)
    assert accuracies(play(cell(LIFTED, name))) == expected


@pytest.mark.parametrize("name", SECURED)
def test_a_rule_and_its_version_in_floats_learn_alike(name: str) -> None:
    """Ten rounds apart by rounding only; and they do learn."""
    lifted = accuracies(play(cell(LIFTED, name, rounds=10)))
    floats = accuracies(play(cell(CLEAR, name, rounds=10)))
    assert abs(lifted[-1] - floats[-1]) < 0.05
    assert lifted[-1] > lifted[0] + 0.1


@pytest.mark.parametrize("name", SECURED)
def test_real_shares_change_nothing(name: str) -> None:
    """Dealt, checked by all, summed and opened; with liars, whose lies are members of V."""
    plain = play(cell(LIFTED, name, "sign-flip", 1, rounds=2))
    shared = play(cell(LIFTED, name, "sign-flip", 1, rounds=2, secured=2))
    assert accuracies(shared) == accuracies(plain)
    assert plain.secured == {} and shared.secured["member"] > shared.secured["open"] > 0
    assert "aggregate" in plain.seconds and "aggregate" not in shared.seconds


def test_an_opening_that_is_not_the_plain_sum_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from peerd.laboratory.experiments import sharing

    honest = sharing.sum_shares

    def wrong(shape: object, shares: object, weights: object) -> object:
        return honest(shape, shares[:-1], weights[:-1])  # type: ignore[arg-type, index]

    monkeypatch.setattr(sharing, "sum_shares", wrong)
    with pytest.raises(TaskError, match="not the plain sum"):
        play(cell(LIFTED, "rsa", rounds=1, secured=1))


def test_a_dealing_that_does_not_stand_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte of one package of one dealer: the shared round checks what it is dealt."""
    from peerd.laboratory.experiments import sharing

    honest, made = sharing.deal, []

    def wrong(shape: object, *given: object) -> object:
        dealt = honest(shape, *given)  # type: ignore[arg-type]
        made.append(dealt)
        if len(made) != 4:
            return dealt
        *others, last = dealt.packages
        return replace(dealt, packages=(*others, bytes([last[0] ^ 1]) + last[1:]))

    monkeypatch.setattr(sharing, "deal", wrong)
    with pytest.raises(TaskError, match="seat 7 refused a valid dealing"):
        play(cell(LIFTED, "rsa", rounds=1, secured=1))
    assert len(made) == PEERS


CONFIGS = sorted((Path(__file__).resolve().parents[3] / "configs" / "lab").glob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_rule_and_attack_that_ships_starts(path: Path, tmp_path: Path) -> None:
    """Every cell is read; of each rule and of each attack, one plays a round of eight peers.

    The paper's network is too large for a test: there the perceptron takes its place.
    """
    experiment = read_experiment(path, image_files(tmp_path) if "emnist" in path.stem else None)
    by_rule = {each.rule.label: each for each in experiment.cells if not each.liars}
    by_attack = {each.attack.label: each for each in experiment.cells if each.liars}
    assert by_rule and by_attack
    for each in [*by_rule.values(), *by_attack.values()]:
        options = dict(each.options)
        if options.get("model") == "cnn":
            options |= {"model": "mlp", "hidden": 2}
        few = {"peers": PEERS, "liars": min(each.liars, 1), "rounds": 1, "evaluate_every": 1}
        small = replace(each, **few, options=options, secured=min(each.secured, 1))
        result = play(small)
        assert result.rounds == 1 and result.diverged is None, each.title
        assert bool(result.secured) == bool(each.secured)


def image_files(folder: Path) -> dict[str, str]:
    """Letters as EMNIST's files have them, with pixels at random: the options that name them."""
    rng = np.random.default_rng(1)
    files = {}
    for part, count in (("", 104), ("held_out_", 26)):
        arrays = {
            "images": rng.integers(0, 256, (count, 28, 28)),
            "labels": np.arange(count) % 26 + 1,
        }
        for kind, array in arrays.items():
            sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
            header = bytes([0, 0, 8, array.ndim]) + sizes
            path = folder / f"{part}{kind}"
            path.write_bytes(header + array.astype(np.uint8).tobytes())
            files[path.name] = str(path)
    return files


def test_a_committee_for_too_many_liars_is_refused() -> None:
    assert committee_plan(50, 10).threshold == 10
    with pytest.raises(ConfigError, match="no committee of 50 peers stands 23 liars"):
        committee_plan(50, 23)
    with pytest.raises(ConfigError, match="leave secured out"):
        SharedRounds(None, 4, 2, 0)  # type: ignore[arg-type]


def test_runs_repeat_and_seeds_differ() -> None:
    one = play(cell(CLEAR, "median", "gaussian", 2))
    again = play(cell(CLEAR, "median", "gaussian", 2))
    other = play(cell(CLEAR, "median", "gaussian", 2, seed=4))
    assert one.evaluations == again.evaluations
    assert one.evaluations != other.evaluations


def test_liars_are_the_last_and_only_they_lie() -> None:
    peers = Peers(cell(CLEAR, "mean", "sign-flip", 2, parameters={"scale": 1}))
    rule = aggregator("centered-clipping", {}).local_rule(0)
    model = peers.first_model
    learnt = peers.train(rule, 0, model)
    said = peers.speak(learnt, 0, model, None)
    for index in range(PEERS):
        change, told = learnt[index] - model, said[index] - model
        np.testing.assert_allclose(told, -change if index >= PEERS - 2 else change, atol=1e-6)


def test_a_mean_is_driven_out_and_the_run_says_when() -> None:
    result = play(cell(CLEAR, "mean", "sign-flip", 3, rounds=60, parameters={"scale": 1e5}))
    assert result.diverged is not None and result.rounds == result.diverged < 60
    assert len(result.evaluations) == result.diverged + 1
    assert np.isfinite([each.loss for each in result.evaluations]).all()


def test_evaluations_are_as_rare_as_asked_and_the_last_round_has_one() -> None:
    result = play(cell(CLEAR, "mean", rounds=5, evaluate_every=2))
    assert [each.round for each in result.evaluations] == [1, 3, 4]


def test_labels_are_mirrored_and_only_the_liars() -> None:
    held_out = load_torch_task("digits", {}, {}).held_out()
    samples = Samples(torch.zeros(3, 64), torch.tensor([0, 3, 9]))
    assert poisoned("flipped labels", samples, held_out).targets.tolist() == [9, 6, 0]
    assert poisoned("clean", samples, held_out) is samples
    peers = Peers(cell(CLEAR, "mean", "label-flip", 2))
    honest = Peers(cell(CLEAR, "mean"))
    for index in range(PEERS):
        own = peers.clients[index].samples.targets
        true = honest.clients[index].samples.targets
        assert own.equal(9 - true if index >= PEERS - 2 else true)
    assert peers.clients[-1].held_out.targets.equal(honest.clients[-1].held_out.targets)


@pytest.mark.parametrize(
    ("shape", "marked"), [((64,), 4), ((7,), 4), ((3,), 3), ((3, 32, 32), 3 * 16), ((16, 16), 4)]
)
def test_the_trigger_is_a_patch(shape: tuple[int, ...], marked: int) -> None:
    inputs = torch.rand((5, *shape))
    stamped = Trigger.on(inputs).stamp(inputs)
    changed = stamped != inputs
    assert int((stamped == inputs.max()).flatten(1).sum(dim=1).min()) >= marked
    assert int(changed.flatten(1).sum(dim=1).max()) <= marked
    assert stamped.flatten(1)[:, -1].tolist() == [float(inputs.max())] * 5


def test_every_second_row_of_a_backdoor_is_stamped() -> None:
    held_out = load_torch_task("digits", {}, {}).held_out()
    samples = Samples(held_out.inputs[:6], held_out.targets[:6])
    bad = poisoned("trigger", samples, held_out)
    assert bad.targets[::2].tolist() == [TARGET] * 3
    assert bad.targets[1::2].equal(samples.targets[1::2])
    assert bad.inputs[1::2].equal(samples.inputs[1::2])
    assert not bad.inputs[::2].equal(samples.inputs[::2])


def test_a_backdoor_works_on_the_mean_and_its_success_is_measured() -> None:
    """A patch that nobody trained on does little; one that a quarter did opens the door."""
    bad = play(cell(CLEAR, "mean", "backdoor", 2, rounds=30, parameters={"scale": 4}))
    assert bad.evaluations[-1].trigger is not None and bad.evaluations[-1].trigger > 0.6
    assert play(cell(CLEAR, "mean")).evaluations[-1].trigger is None
    clean = play(cell(CLEAR, "mean", "backdoor", 2, rounds=30, parameters={"scale": 0}))
    assert clean.evaluations[-1].trigger is not None and clean.evaluations[-1].trigger < 0.4


def test_a_task_without_root_data_can_not_be_played_with_fltrust() -> None:
    peers = Peers(cell(LIFTED, "fltrust"))
    peers.clients[0].root = None
    with pytest.raises(TaskError, match="no public root data"):
        peers.root(aggregator("fltrust", {}).local_rule(0), 0, peers.first_model)

"""Experiment 3: the model as somebody outside of the group can rebuild it from public messages.

The outsider is given every header and certificate of every round, the genesis and the first model
(which task and seed determine), and has no seat. It reads each header as if u were zero on the
slots: then the values are a subset sum that has one solution, found by enumeration; where there is
none it takes the matched filter of D with the challenge. It then adds up, applies F^R and the
post-processing as a member does, and compares its model's hash with the certificate's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import product

import numpy as np
import numpy.typing as npt
import torch

from peerd.laboratory.experiments.privacy.confirmation import linear_form, published
from peerd.laboratory.experiments.privacy.inference import places
from peerd.laboratory.experiments.privacy.likeness import Z_999, bootstrap
from peerd.laboratory.experiments.privacy.view import Leak, Seen, dealing_of, see, shape_of
from peerd.learning.client import Client
from peerd.learning.loading import load_torch_task
from peerd.learning.settings import Partition, peer_seed
from peerd.learning.steps import steps_of
from protocols.aggregation import aggregator, model_hash
from protocols.aggregation.contract import Aggregator, Constants, Model
from protocols.field import Residues
from protocols.field.polynomial import powers
from protocols.plan import plan_group
from protocols.proof import DealingShape

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
PEERS, LIARS = 53, 2
MAX_POLYNOMIALS = 16


@dataclass(frozen=True)
class Followed:
    """A rule of bits, and ``hidden`` units of a model with few enough polynomials to enumerate."""

    constants: Constants
    hidden: int


FOLLOWED: dict[str, Followed] = {
    "rsa": Followed({}, 4),
    # momentum would only be more for a client to keep
    "centered-clipping": Followed(
        {"tau": "1/5", "theta": 4, "momentum": "0", "local_steps": 2, "batch": 96}, 1
    ),
}


@dataclass(frozen=True)
class Published:
    """A round as the public has it: headers (no shares), and what the certificate says of the
    model.
    """

    headers: tuple[Seen, ...]
    model_hash: bytes


@dataclass(frozen=True)
class Lesson:
    """A round with its truth, for the measurement only.

    ``signs`` (|v|,) is Σ over the cohort of 1 for a bit that is set, −1 for one that isn't.
    """

    published: Published
    signs: Counts
    model: Model


class Group:
    """A group of digits with few enough polynomials that an unmasked header can be solved.

    A rule of bits: numbers are no subset sum, and the projections of a norm are too many to try.
    """

    def __init__(
        self, seed: int, rule: str = "rsa", *, peers: int = PEERS, hidden: int | None = None
    ) -> None:
        torch.set_num_threads(1)
        hidden = hidden or FOLLOWED[rule].hidden
        task = load_torch_task("digits", {"model": "mlp", "hidden": hidden}, {})
        self.peers, self.seed = peers, seed
        self.clients = [
            Client(task, Partition(i, peers), peer_seed(seed, i), seed) for i in range(peers)
        ]
        self.rule: Aggregator = aggregator(rule, FOLLOWED[rule].constants)
        plan = plan_group(peers, Fraction(LIARS, peers))
        d = self.first_model.size
        self.shape = shape_of(plan, self.rule.relation(d), self.rule.largest_sum(d, peers))
        if self.shape.polynomials > MAX_POLYNOMIALS:
            raise ValueError(f"{self.shape.polynomials} polynomials are too many to enumerate")

    @property
    def first_model(self) -> Model:
        return self.clients[0].first_model

    def lessons(self, rounds: int, leak: Leak) -> Iterator[Lesson]:
        """The rounds, with real dealings by real updates."""
        model = self.first_model
        own = [model] * self.peers
        for turn in range(rounds):
            local = steps_of(self.rule, turn)
            opened = np.zeros(self.shape.length, np.int64)
            headers = []
            for i, client in enumerate(self.clients):
                own[i] = client.update(local, turn, model, own[i])
                values = self.rule.encode(model, own[i])
                place = (self.seed * rounds + turn) * self.peers + i
                dealt = dealing_of(self.shape, values, place, i, leak)
                headers.append(see(self.shape, (), *dealt))
                opened += values
            model = self.rule.apply(model, opened, self.peers, turn)
            yield Lesson(
                Published(tuple(headers), model_hash(model)), 2 * opened - self.peers, model
            )

    def accuracy(self, model: Model) -> float:
        """On the held-out images."""
        return self.clients[0].evaluate(model).known()[0]


def read_header(shape: DealingShape, seen: Seen) -> tuple[Floats, int]:
    """Expected signs (|v|,) in [−1, 1] of the dealt bits, and how many slots were solved."""
    d, _ = published(shape, seen.proof)
    on_slots = shape.field.matmul(d, powers(shape.field, shape.sharing.slots, d.shape[1]))
    count = shape.polynomials
    patterns = _patterns(count)
    form = linear_form(shape, seen, np.eye(count, dtype=np.uint64))
    sums = shape.field.matmul(patterns, form)
    guesses = _matched(shape, form, on_slots)
    solved = 0
    order = np.argsort(sums[:, 0], kind="stable")
    first = sums[order, 0]
    for slot in range(shape.plan.packing):
        left = np.searchsorted(first, on_slots[0, slot], "left")
        right = np.searchsorted(first, on_slots[0, slot], "right")
        fitting = [row for row in order[left:right] if (sums[row] == on_slots[:, slot]).all()]
        if len(fitting) == 1:
            guesses[:, slot] = 2.0 * patterns[fitting[0]] - 1
            solved += 1
    return guesses.ravel()[places(shape)], solved


@cache
def _patterns(count: int) -> Residues:
    rows = (np.arange(1 << count)[:, None] >> np.arange(count)) & 1
    return np.ascontiguousarray(rows, np.uint64)


def _matched(shape: DealingShape, form: Residues, on_slots: Residues) -> Floats:
    """(L, k): D's slot values correlated with the challenge coefficients (L, c), modulo p."""
    p = shape.field.p
    weights, said = (
        np.where(part > p // 2, part.astype(np.float64) - p, part.astype(np.float64)) / p
        for part in (form, on_slots)
    )
    signs: Floats = np.sign(weights @ said)
    return signs


def follow(group: Group, rounds: int, leak: Leak = Leak.NONE) -> dict[str, object]:
    """The outsider through the rounds: what it believes, and what is true."""
    own = group.first_model
    likeness, confirmed, solved = [], 0, 0
    truth = own
    for turn, lesson in enumerate(group.lessons(rounds, leak)):
        read = [read_header(group.shape, header) for header in lesson.published.headers]
        believed = np.sum([signs for signs, _ in read], axis=0)
        solved += sum(count for _, count in read)
        likeness.append(float(np.corrcoef(believed, lesson.signs)[0, 1]))
        opened = np.rint((np.clip(believed, -group.peers, group.peers) + group.peers) / 2)
        own = group.rule.apply(own, opened.astype(np.int64), group.peers, turn)
        confirmed += model_hash(own) == lesson.published.model_hash
        truth = lesson.model
    alike = np.array(likeness)
    slots = rounds * group.peers * group.shape.plan.packing
    return {
        "rule": group.rule.name,
        "leak": leak.value,
        "rounds": rounds,
        "parameters": int(group.first_model.size),
        "slots_solved": solved / slots,
        "likeness_of_the_sum": bootstrap(alike).document(),
        "beyond_chance": bool(abs(alike.mean()) > Z_999 * alike.std(ddof=1) / np.sqrt(rounds)),
        "models_confirmed": confirmed,
        "accuracy": {
            "first model": group.accuracy(group.first_model),
            "outsider": group.accuracy(own),
            "group": group.accuracy(truth),
        },
    }


def walks(group: Group, rounds: int, count: int, seed: int) -> Floats:
    """Accuracies (count,) of an outsider that reads nothing and tosses a coin for every bit."""
    found = []
    for index in range(count):
        rng = np.random.default_rng([seed, 6, index])
        model = group.first_model
        for turn in range(rounds):
            opened = rng.binomial(group.peers, 0.5, group.shape.length).astype(np.int64)
            model = group.rule.apply(model, opened, group.peers, turn)
        found.append(group.accuracy(model))
    return np.array(found)


def confirm(certified: bytes, guess: Model) -> bool:
    """Whether a guessed model is the certified one. Its hash has no salt: anybody can ask."""
    return model_hash(guess) == certified


def brute_force(
    rule: Aggregator, base: Model, dealers: int, turn: int, certified: bytes
) -> tuple[Model | None, int]:
    """The next model by trying all (dealers + 1)^d sums from a known base model; how many tries."""
    tries = 0
    for sums in product(range(dealers + 1), repeat=base.size):
        tries += 1
        guess = rule.apply(base, np.array(sums, np.int64), dealers, turn)
        if confirm(certified, guess):
            return guess, tries
    return None, tries

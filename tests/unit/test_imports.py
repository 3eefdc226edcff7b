"""Who may import whom (ARCHITECTURE.md): the core is pure and in layers, the command line quick."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PURE = frozenset({"numpy", "protocols"})
EFFECTS = frozenset(
    {"asyncio", "os", "secrets", "socket", "ssl", "subprocess", "sys", "tempfile", "threading"}
    | {"time", "random", "datetime", "pathlib", "shutil", "signal", "select", "sqlite3", "io"}
    | {"multiprocessing", "urllib", "http", "uuid", "logging", "ctypes", "pickle", "glob"}
)
"""Modules of the standard library with a clock, entropy, files or sockets in them."""
WITH_TORCH = ("peerd/learning", "peerd/tasks", "peerd/laboratory/experiments")
LAYERS = (
    {"errors", "hashing", "ports", "secret", "version"},
    {"field", "plan", "privacy", "wire"},
    {"sharing"},
    {"proof"},
    {"aggregation", "opening"},
    {"record"},
    {"agreement", "presence", "sizes"},
    {"committee", "election"},
    {"session"},
)
"""The folders and files of the core, from the bottom: each imports from lower layers alone."""
CALLS = frozenset({"open", "print", "input", "exec", "eval", "__import__", "breakpoint"})


def sources(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found
    return found


def imported(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Every module that a file imports, anywhere in it, with where."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(path.relative_to(ROOT).parts[: -node.level]) if node.level else ""
            yield ".".join(filter(None, (package, node.module))), node


def top(module: str) -> str:
    return module.partition(".")[0]


@pytest.mark.parametrize("path", sources("protocols"), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_core_imports_nothing_that_has_effects(path: Path) -> None:
    for module, _ in imported(path):
        assert top(module) in PURE or top(module) in sys.stdlib_module_names, module
        assert top(module) not in EFFECTS, module


@pytest.mark.parametrize("path", sources("protocols"), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_core_does_nothing_to_the_world(path: Path) -> None:
    """numpy's global randomness and files count too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in CALLS, (path, node.lineno)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used = node.value.id, node.attr
            assert used[0] != "np" or used[1] not in {"random", "save", "load", "fromfile"}, used


def test_the_core_does_not_depend_on_the_machine_below_it() -> None:
    """Loaded by itself, the whole core brings in no package but numpy."""
    modules = [named(path) for path in sources("protocols")]
    loaded = modules_after(f"import {', '.join(modules)}")
    foreign = {top(name) for name in loaded} & {"peerd", "trio", "torch", "nacl", "msgpack"}
    assert not foreign


# -- layers ----------------------------------------------------------------------------------------


def named(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def core() -> dict[str, set[str]]:
    return files_of("protocols")


def files_of(folder: str) -> dict[str, set[str]]:
    """Each file there, with those that it imports, anywhere and for types alone too."""
    files = {named(path): path for path in sources(folder)}
    found: dict[str, set[str]] = {module: set() for module in files}
    for module, path in files.items():
        for name, node in imported(path):
            members = node.names if isinstance(node, ast.ImportFrom) else []
            inner = {f"{name}.{alias.name}" for alias in members} & files.keys()
            outer = {name} if any(f"{name}.{a.name}" not in files for a in members) else set()
            plain = {name} if isinstance(node, ast.Import) else set()
            found[module] |= inner | ((outer | plain) & files.keys())
    return found


def part(module: str) -> str:
    """The folder that a file stands in, or itself where it stands in none."""
    return module.split(".")[1] if "." in module else ""


def test_the_files_of_the_core_import_each_other_in_no_circle() -> None:
    """``static_order`` raises, and names the circle, where there is one."""
    graph = core()
    assert len(graph) > 100 and sum(map(len, graph.values())) > 300
    assert set(TopologicalSorter(graph).static_order()) == graph.keys()


def test_nor_do_those_of_a_group_s_documents() -> None:
    graph = files_of("peerd/group")
    assert set(TopologicalSorter(graph).static_order()) == graph.keys()


def test_the_folders_of_the_core_are_layers() -> None:
    """No arrow upward, and none within a layer."""
    above = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    graph = core()
    assert {part(module) for module in graph} - {""} == above.keys()
    for module, others in graph.items():
        for other in others:
            one, two = part(module), part(other)
            assert one == two or above[two] < above[one], f"{module} imports {other}"


def test_each_layer_is_where_it_is_for_a_reason() -> None:
    """Each folder above the lowest layer needs one of the layer below it: the list says no more
    than the imports do.
    """
    needs: dict[str, set[str]] = {}
    for module, others in core().items():
        needs.setdefault(part(module), set()).update(map(part, others))
    for lower, upper in pairwise(LAYERS):
        assert all(needs[name] & lower for name in upper), upper


def loaded_with(path: Path) -> Iterator[str]:
    """Every module that is loaded with a file: imported outside of its functions, and not for
    types alone.
    """
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            waiting += [] if types else ast.iter_child_nodes(node)


@pytest.mark.parametrize("path", sources("peerd"), ids=lambda p: str(p.relative_to(ROOT)))
def test_what_runs_a_group_knows_nothing_of_the_laboratory(path: Path) -> None:
    """A command of the laboratory loads it when it runs."""
    parts = path.relative_to(ROOT).parts
    if parts[1] == "laboratory":
        return
    assert not [name for name in loaded_with(path) if name.startswith("peerd.laboratory")]
    anywhere = any(module.startswith("peerd.laboratory") for module, _ in imported(path))
    assert parts[1] == "cli" or not anywhere


@pytest.mark.parametrize(
    "path", sources("peerd/laboratory/adversaries"), ids=lambda p: str(p.relative_to(ROOT))
)
def test_liars_use_no_machine_of_the_core(path: Path) -> None:
    """They stand around a session, so that what is inside can be built anew without them."""
    for module, node in imported(path):
        names = {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) else set()
        assert not module.startswith(("protocols.committee", "protocols.agreement")), module
        assert module != "protocols.election.flip" or names == {"Draw"}
        assert module != "protocols.session.attempt" or names == {"attempt_secrets"}


# -- what drives the core --------------------------------------------------------------------------

DRIVES = {
    "protocols.aggregation": "set-up: the group's rule, and the hash by which a model is named",
    "protocols.aggregation.contract": "the rule encodes what was trained",
    "protocols.aggregation.evaluation": "what a peer counts beside it goes in",
    "protocols.errors": "what bad input raises",
    "protocols.plan": "set-up: a group's sizes",
    "protocols.record.audit": "the verdict on what is stored",
    "protocols.record.budget": "set-up: how many rounds the group may be charged",
    "protocols.record.certificate": "what is stored, and read back",
    "protocols.record.deadlines": "set-up, and what people are told of them",
    "protocols.record.effects": "what is carried out",
    "protocols.record.elected": "who sat and dealt, for records and for the oracle",
    "protocols.record.position": "set-up: where a store stands",
    "protocols.record.setting": "set-up: the group",
    "protocols.record.spending": "what of its budget is spent, for people, and for the oracle",
    "protocols.secret": "the identity and the entropy that go in",
    "protocols.session.events": "the events that go in",
    "protocols.session.local": "set-up: whose session it is",
    "protocols.session.session": "set-up: the one machine that is made",
    "protocols.wire.canonical": "records as they are asked for",
    "protocols.wire.payloads": "what operators approve",
    "protocols.wire.statement": "a stored certificate's results are read",
}
USED = {
    "peerd/runner": {
        **DRIVES,
        "protocols.hashing": "the rehearsal's updates",
        "protocols.privacy": "what of the budget is spent, for people to read",
        "protocols.proof": "the rehearsal deals once, to measure this machine",
        "protocols.record.election": "see RULES_OUTSIDE: resume",
        "protocols.record.opened": "what the group counted, for people to read",
        "protocols.record.evidence": "the hash by which evidence is shown",
        "protocols.record.ledger": "see RULES_OUTSIDE: lineage",
        "protocols.record.origin": "where a successor's rounds begin",
        "protocols.record.resolution": "which successor a round hands over to",
        "protocols.sizes": "set-up: what deadlines follow from",
        "protocols.record.timers": "which timers outlive an attempt, where waits are shown",
        "protocols.record.transcript": "what is stored, with evidence that came late",
        "protocols.session.follow": "what a handover that was missed is found by",
        "protocols.session.states": "the phase in which a round's time is awaited",
        "protocols.record.waits": "whom a session says that it waits for",
        "protocols.version": "whether its members must connect by the hybrid handshake",
        "protocols.wire.schema": "bounds on what is asked for",
    },
    "peerd/laboratory/simulation": {
        **DRIVES,
        "protocols.aggregation.clear_sum": "what an opened sum must be, computed in the clear",
        "protocols.agreement": "the model checker tries these very rules",
        "protocols.committee.receiver": "kept_prefix alone: where the watch looks on a disk",
        "protocols.hashing": "the seeded entropy, and pretended signatures",
        "protocols.opening": "the oracle reads what was opened",
        "protocols.proof": "the oracle knows which values are bits",
        "protocols.record.door": "the watch reads frames as a peer does",
        "protocols.record.election": "the watch reads what was committed to",
        "protocols.record.ledger": "see RULES_OUTSIDE: who is excluded behind a handover",
        "protocols.record.origin": "where the successor of a simulated group begins",
        "protocols.record.resolution": "the oracle reads what was resolved",
        "protocols.session.approvals": "a bound that the oracle holds sessions to",
        "protocols.record.inbox": "a bound that the oracle holds sessions to",
        "protocols.record.timers": "when a restored peer asks what it has signed",
        "protocols.session.attempt": "a bound that the oracle holds sessions to",
        "protocols.presence.neighbours": "a bound that the oracle holds sessions to",
        "protocols.session.phases": "the watch looks into a member",
        "protocols.session.proofs": "a bound that the oracle holds sessions to",
        "protocols.session.standing": "see RULES_OUTSIDE",
        "protocols.presence.waiting": "a bound that the oracle holds sessions to",
        "protocols.ports": "how long keys and boxes are that it pretends",
        "protocols.version": "some of its groups speak the earliest version",
        "protocols.wire.frames": "story and watch read frames",
    },
}
"""All that a folder uses of the core, and for what: what goes in, what comes out, and set-up."""
RULES_OUTSIDE = {
    "peerd/laboratory/simulation/successor.py": {
        "protocols.record.ledger",
        "protocols.record.origin",
    },
    "peerd/laboratory/simulation/records.py": {"protocols.session.standing"},
    "peerd/laboratory/simulation/world.py": {"protocols.session.standing"},
    "peerd/runner/succession/lineage.py": {"protocols.record.ledger", "protocols.record.origin"},
    "peerd/runner/resume.py": {"protocols.record.election"},
}
"""The files that work out themselves where certificates lead, each with what it takes for that."""
CARRY_OUT = {
    "peerd/laboratory/simulation/agenda.py",
    "peerd/laboratory/simulation/node.py",
    "peerd/laboratory/simulation/records.py",
    "peerd/laboratory/simulation/world.py",
    "peerd/runner/crew.py",
    "peerd/runner/driver.py",
    "peerd/runner/equipment.py",
    "peerd/runner/library.py",
    "peerd/runner/life.py",
    "peerd/runner/place.py",
    "peerd/runner/records.py",
    "peerd/runner/teller.py",
}
"""The files through which events go in and effects come out."""
INSIDE = ("protocols.agreement", "protocols.committee", "protocols.election", "protocols.session")


def of_the_core(path: Path) -> set[str]:
    return {module for module, _ in imported(path) if top(module) == "protocols"}


@pytest.mark.parametrize("folder", sorted(USED))
def test_what_drives_the_core_uses_this_of_it_and_no_more(folder: str) -> None:
    """The list names no more than is imported, so that it can't go stale."""
    found = {module for path in sources(folder) for module in of_the_core(path)}
    assert found == USED[folder].keys()


def test_whoever_carries_effects_out_knows_no_machine_but_the_session() -> None:
    doors = {"protocols.session.events", "protocols.session.local", "protocols.session.session"}
    for name in sorted(CARRY_OUT):
        inside = {module for module in of_the_core(ROOT / name) if module.startswith(INSIDE)}
        assert inside <= doors | RULES_OUTSIDE.get(name, set()), name


def test_rules_are_applied_outside_in_these_files_alone() -> None:
    rules = {module for modules in RULES_OUTSIDE.values() for module in modules}
    judges = {"oracle.py", "watch.py", "budgets.py"}
    for folder in USED:
        for path in sources(folder):
            name = str(path.relative_to(ROOT))
            used = of_the_core(path) & rules if path.name not in judges else set()
            assert used == RULES_OUTSIDE.get(name, set()), name


def test_a_daemon_loads_nothing_of_the_laboratory() -> None:
    loaded = modules_after("import peerd.runner.daemon")
    assert not [name for name in loaded if name.startswith("peerd.laboratory")]


@pytest.mark.parametrize("path", sources("peerd"), ids=lambda p: str(p.relative_to(ROOT)))
def test_torch_is_imported_only_where_models_are_trained(path: Path) -> None:
    inside = str(path.relative_to(ROOT)).startswith(WITH_TORCH)
    for module, _ in imported(path):
        assert inside or top(module) != "torch", path


@pytest.mark.parametrize("path", sources("peerd"), ids=lambda p: str(p.relative_to(ROOT)))
def test_what_runs_what_it_is_sent_is_used_by_the_laboratory_alone(path: Path) -> None:
    inside = path.is_relative_to(ROOT / "peerd/laboratory/pool")
    for module, _ in imported(path):
        assert inside or top(module) not in {"distributed", "dask"}, path


def modules_after(statement: str) -> list[str]:
    """What a fresh interpreter has loaded after one statement."""
    program = f"{statement}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names: list[str] = json.loads(ran.stdout.splitlines()[-1])
    return names


UNUSED = {"aioquic", "websockets", "trio_websocket"}
"""libp2p's for transports that no daemon has."""


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import peerd.cli.main", {"torch", "libp2p", "trio", "numpy", "sklearn", "matplotlib"}),
        ("import peerd.cli.dispatch as m; m.build_parser(None)", {"torch", "libp2p", "trio"}),
        ("import peerd.runner.daemon", {"torch", "sklearn", "matplotlib", *UNUSED}),
        ("import peerd.discovery.lookup", UNUSED),
        ("import peerd.runner.evidence.audit", {"torch", "sklearn", "matplotlib"}),
        ("import peerd.laboratory.simulation.world", {"torch", "libp2p", "trio", "sklearn"}),
        (
            "import peerd.laboratory.experiments.attacks, peerd.laboratory.adversaries.lies",
            {"torch", "libp2p", "trio", "matplotlib"},
        ),
        (
            "import peerd.laboratory.experiments.campaign, peerd.laboratory.experiments.report",
            {"torch", "libp2p", "matplotlib"},
        ),
    ],
)
def test_what_is_dear_to_load_is_not_loaded(statement: str, absent: set[str]) -> None:
    """Torch takes seconds and hundreds of megabytes; only what trains pays them."""
    assert not {top(name) for name in modules_after(statement)} & absent


def test_the_worker_is_the_one_that_loads_torch() -> None:
    """Else the rule above would hold because torch is not used at all."""
    users = [path for path in sources("peerd") if "torch" in {top(m) for m, _ in imported(path)}]
    assert {path.relative_to(ROOT).parts[1] for path in users} == {
        "learning",
        "tasks",
        "laboratory",
    }

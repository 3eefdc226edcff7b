"""A group of organisations: founded, watched, changed by drafts, as docs/operate says."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.network.namespaces import Network
from tests.network.organisations import ROOT, Broken, Organisation, Say, send, until

TASK = ("--task", "digits")
PARTS = 5
"""Parts of the data: more than founders, so that who joins has one of its own."""


@dataclass
class Consortium:
    """``members``: those of the group that is running, by folder. ``first``: the group id that an
    auditor is given. ``documents``: every genesis of the history, for the auditor.
    ``installation``: the code that members start with.
    """

    directory: Path
    network: Network
    say: Say
    members: dict[str, Organisation] = field(default_factory=dict)
    everybody: dict[str, Organisation] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    first: str = ""
    documents: list[Path] = field(default_factory=list)
    installation: Path = ROOT

    def title(self, text: str) -> None:
        """A part of the story begins."""
        self.say("")
        self.say(f"=== {text}")

    # -- founding ------------------------------------------------------------------------------

    def enrol(self, folder: str, name: str) -> Organisation:
        """A machine, and a peer on it; ``lines`` has what it sends to the founder."""
        host = len(self.everybody)
        place = self.directory / folder
        place.mkdir()
        made = Organisation(name, place, self.network, host, self.say, self.installation)
        listen = f"/ip4/{self.network.hosts[host]}/tcp/4001"
        part = f"{host % PARTS}/{PARTS}"
        said = made.peerd("init", ".", "--name", name, "--listen", listen, "--partition", part)
        self.everybody[folder] = made
        self.lines[folder] = said.splitlines()[0]
        return made

    def found(self, names: dict[str, str], *terms: str) -> None:
        """Everybody has the merged genesis then, and its daemon runs."""
        for folder, name in names.items():
            self.members[folder] = self.enrol(folder, name)
        founder, *others = self.members.values()
        lines = "".join(f"{self.lines[folder]}\n" for folder in names)
        (founder.folder / "members.txt").write_text(lines)
        founder.tells("writes what they sent to members.txt")
        new = ("group", "new", "--name", "digits of four", "--members", "members.txt")
        founder.peerd(*new, *TASK, *terms, "--out", "genesis.json")
        send("genesis.json", founder, others)
        self.signed("genesis.json", self.members.values(), founder)
        verified = founder.peerd("group", "verify", "genesis.json")
        self.first = _group_id(verified)
        self.documents.append(self.keep(founder, "genesis.json"))
        self.bootstrap(founder, others)
        for each in self.members.values():
            each.peerd("doctor", quiet=each is not founder)
        for each in self.members.values():
            each.start()

    def bootstrap(self, known: Organisation, to: Iterable[Organisation]) -> None:
        """``known``, in the configuration of the others."""
        peer = self.peer_id(known)
        address = f"/ip4/{self.network.hosts[known.host]}/tcp/4001/p2p/{peer}"
        for each in to:
            _set(each.folder / "peerd.toml", "bootstrap", f'["{address}"]')
            each.tells(f'writes bootstrap = ["{address}"] into peerd.toml')

    def peer_id(self, member: Organisation) -> str:
        """Its line's peer id, without the checksum."""
        folder = member.folder.name
        return self.lines[folder].split()[0].partition("-")[0]

    def signed(
        self,
        file: str,
        signers: Iterable[Organisation],
        founder: Organisation,
        also: Sequence[Organisation] = (),
        options: Sequence[str] = (),
    ) -> None:
        """Everybody signs its copy, ``also`` with the key that waits; the founder merges them, and
        all have the result.
        """
        signers, copies = list(signers), []
        for each in signers:
            keys = ["peer.key", "peer.key.next"] if each in also else ["peer.key"]
            for key in keys:
                each.peerd("group", "sign", file, "--key", key, *options)
            copies.append(f"{each.folder.name}-{file}")
            if each is not founder:
                send(file, each, [founder], copies[-1])
            else:
                shutil.copyfile(each.folder / file, each.folder / copies[-1])
        founder.peerd("group", "merge", *copies, "--out", file)
        send(file, founder, signers)

    def keep(self, owner: Organisation, file: str) -> Path:
        """A document that the auditor will get."""
        folder = self.directory / "published"
        folder.mkdir(exist_ok=True)
        kept = folder / f"genesis-{len(self.documents)}.json"
        shutil.copyfile(owner.folder / file, kept)
        return kept

    # -- watching ------------------------------------------------------------------------------

    def reach(self, round_: int, members: Iterable[Organisation] | None = None) -> int:
        """Until all have certified ``round_``; a round that all have."""
        waited = list(self.members.values() if members is None else members)

        def there() -> bool:
            return all(each.head() >= round_ for each in waited)

        seconds = until(f"everybody has round {round_}", there, waited)
        self.say(f"# round {round_} is certified at {len(waited)} members, after {seconds:.0f} s")
        return round_

    def on(self, rounds: int, members: Iterable[Organisation] | None = None) -> int:
        """So many rounds further than the first of them."""
        waited = list(self.members.values() if members is None else members)
        return self.reach(max(each.head() for each in waited) + rounds, waited)

    def same_model(self) -> float:
        """One model at all members, in a round that all have: its accuracy at the first of them.
        Broken where there are two.
        """
        members = list(self.members.values())
        round_ = min(each.head() for each in members)
        found = {each.name: each.rounds().get(round_) for each in members}
        hashes = {name: record and record["model_hash"] for name, record in found.items()}
        if len(set(hashes.values())) != 1 or None in hashes.values():
            raise Broken(f"round {round_} has more than one model: {hashes}")
        accuracy = self.accuracy(round_)
        some = str(next(iter(hashes.values())))
        self.say(f"# round {round_}: one model at all {len(members)}, {some[:16]}…, {accuracy:.3f}")
        return accuracy

    def accuracy(self, round_: int) -> float:
        """The best that a member has seen of the rounds up to ``round_``'s last three."""
        seen = [
            record["accuracy"]
            for each in self.members.values()
            for number, record in each.rounds().items()
            if round_ - 3 < number <= round_ and record["accuracy"] is not None
        ]
        return max(seen, default=0.0)

    # -- changing ------------------------------------------------------------------------------

    def draft(
        self,
        drafter: Organisation,
        changes: Sequence[str],
        signers: Sequence[Organisation],
        rotated: Sequence[Organisation] = (),
        *,
        file: str,
    ) -> str:
        """A draft that all of the new roster have signed, in ``file`` at each; its group id.

        Updates are not timed: the machine is busy with those of all members.
        """
        drafter.peerd("group", "successor", *changes, "--out", file)
        send(file, drafter, signers)
        drafter.peerd("group", "show", file, "--diff")
        self.signed(file, signers, drafter, rotated, ("--unmeasured",))
        return _group_id(drafter.peerd("group", "verify", file))

    def approve(self, approvers: Iterable[Organisation], draft: str, group: str) -> None:
        """Each is asked for the first digits of the group's id."""
        for each in approvers:
            each.peerd("group", "approve", draft, typed=f"{group[:8]}\n")

    def hand_over(self, members: dict[str, Organisation], draft: str, group: str) -> None:
        """Until the daemons of ``members`` are in ``group``; they are the members then."""

        def there() -> bool:
            found = [each.look() for each in members.values()]
            return all(each is not None and each.get("group") == group for each in found)

        seconds = until(f"everybody is in {group[:16]}…", there, members.values())
        self.say(f"# all are in the group {group[:16]}… after {seconds:.0f} s")
        self.members = members
        self.documents.append(self.keep(next(iter(members.values())), draft))

    def clear(self) -> None:
        """No daemon is left."""
        for each in self.everybody.values():
            each.kill()


def _group_id(said: str) -> str:
    words = [word for line in said.splitlines() for word in line.replace(":", " ").split()]
    found = [word for word in words if len(word) == 64 and set(word) <= set("0123456789abcdef")]
    if not found:
        raise Broken(f"no group id in {said!r}")
    return found[0]


def _set(path: Path, key: str, value: str) -> None:
    """The line of a key in a TOML file that 'peerd init' wrote, commented out or not."""
    lines = path.read_text().splitlines()
    places = [n for n, line in enumerate(lines) if line.lstrip("# ").startswith(f"{key} =")]
    if not places:
        raise Broken(f"{path} has no line for {key}")
    lines[places[0]] = f"{key} = {value}"
    path.write_text("\n".join(lines) + "\n")


def second_installation(directory: Path, version: str) -> Path:
    """A copy of the code whose version says ``version``."""
    place = directory / "second-installation"
    for package in ("peerd", "protocols"):
        shutil.copytree(ROOT / package, place / package)
    init = place / "peerd" / "__init__.py"
    text = init.read_text()
    start = text.index("__version__")
    end = text.index("\n", start)
    init.write_text(f'{text[:start]}__version__ = "{version}"{text[end:]}')
    return place

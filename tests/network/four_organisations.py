"""Four organisations over some years, in minutes; each act ends with what must hold."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.network.consortium import Consortium, second_installation
from tests.network.namespaces import Network
from tests.network.organisations import Broken, Organisation, Say, send, until
from tests.network.stage import stage

FOUNDERS = {
    "mary": "St. Mary's",
    "charite": "Charité",
    "norte": "Clínica del Norte",
    "koge": "Ward #3, Køge",
}
FIFTH = ("chuo", "中央病院 #5")
STRANGERS = {"x1": "Helpful One", "x2": "Helpful Two", "x3": "Helpful Three"}
TERMS = ("--adversary", "0.25", "--training", "20")
HOSTS = len(FOUNDERS) + 1 + len(STRANGERS)
STARTS_AT = 0.3
"""Accuracy on ten digits that no model has before it has learnt."""
FALLS_BY = 0.15
"""Accuracy that a model may have less than the best before: the rule's steps are coarse."""
CONTESTED = 160
"""Rounds: enough for three drafts to be made, signed and approved meanwhile."""
NEXT_VERSION = "0.2.1"


@dataclass
class Story:
    """``group``: everybody, as they stand. ``accuracy``: the best that was seen. ``contested``: the
    rounds in which drafts that lead nowhere might be decided.
    """

    group: Consortium
    accuracy: float = 0.0
    contested: tuple[int, int] = (0, 0)

    def at(self, folder: str) -> Organisation:
        """A machine."""
        return self.group.everybody[folder]

    def goes_on(self, rounds: int = 2) -> None:
        """So many rounds more, with one model at all members that is no worse than before."""
        self.group.on(rounds)
        accuracy = self.group.same_model()
        if accuracy < self.accuracy - FALLS_BY:
            raise Broken(f"the model fell back: {accuracy}, after {self.accuracy}")
        self.accuracy = max(accuracy, self.accuracy)


# -- the acts --------------------------------------------------------------------------------------


def founded(story: Story) -> None:
    """Four organisations found a group, by name."""
    group = story.group
    group.found(FOUNDERS, *TERMS)
    group.reach(0)
    story.at("charite").peerd("status")
    story.at("charite").peerd("peers")


def twenty_rounds(story: Story) -> None:
    """Twenty rounds."""
    story.group.reach(19)
    story.goes_on(0)
    if story.accuracy < STARTS_AT:
        raise Broken(f"nothing is learnt in 20 rounds: {story.accuracy}")
    story.at("norte").peerd("rounds")


def takeover(story: Story) -> None:
    """One member and three strangers sign a draft that drops the others; it approves alone."""
    group, traitor = story.group, story.at("koge")
    strangers = [group.enrol(folder, name) for folder, name in STRANGERS.items()]
    dropped = [name for folder, name in FOUNDERS.items() if folder != "koge"]
    head = traitor.head()
    story.contested = head + 2, head + CONTESTED
    changes = [word for name in dropped for word in ("--leave", name)]
    changes += [word for folder in STRANGERS for word in ("--join", group.lines[folder])]
    changes += _contested(story)
    file = "takeover.json"
    draft = group.draft(traitor, changes, [traitor, *strangers], file=file)
    group.approve([traitor], file, draft)
    story.goes_on(4)
    _same_group(story, group.first)


def two_drafts(story: Story) -> None:
    """Two more drafts at once, none with a quorum: nobody approves two, and none happens."""
    group = story.group
    mary, charite, norte, koge = everybody = list(group.members.values())
    window = _contested(story)
    slow = group.draft(mary, ["--delta", "1500", *window], everybody, file="slow.json")
    slower = group.draft(norte, ["--delta", "1600", *window], everybody, file="slower.json")
    group.approve([mary, charite], "slow.json", slow)
    group.approve([norte], "slower.json", slower)
    said = mary.peerd("group", "approve", "slower.json", code=1, typed=f"{slower[:8]}\n")
    if "another draft" not in said:
        raise Broken(f"a second approval is refused otherwise: {said}")
    koge.peerd("group", "approve", "slower.json", code=1, typed=f"{slower[:8]}\n")
    norte.peerd("status")
    group.reach(story.contested[1] + 1)
    story.goes_on()
    _same_group(story, group.first)


def fifth_joins(story: Story) -> None:
    """A fifth organisation joins."""
    group = story.group
    folder, name = FIFTH
    mary, *others = group.members.values()
    newcomer = group.enrol(folder, name)
    signers = [mary, *others, newcomer]
    draft = group.draft(mary, ["--join", group.lines[folder]], signers, file="join.json")
    send("join.json", mary, [newcomer], "genesis.json")
    group.bootstrap(mary, [newcomer])
    newcomer.peerd("doctor")
    newcomer.start()
    group.approve([mary, *others[:2]], "join.json", draft)
    group.hand_over({**group.members, folder: newcomer}, "join.json", draft)
    story.goes_on(3)
    newcomer.peerd("peers")


def one_rotates(story: Story) -> None:
    """One member changes its key; the old one is erased."""
    group, charite = story.group, story.at("charite")
    before = (charite.folder / "peer.key").read_text()
    line = charite.peerd("group", "rotate", "--key", "peer.key").splitlines()[0]
    _, _, new = line.partition("=")
    members = list(group.members.values())
    changes = ["--rotate", f"{charite.name}={new}"]
    draft = group.draft(members[0], changes, members, [charite], file="rotate.json")
    group.approve([each for each in members if each is not members[0]], "rotate.json", draft)
    group.hand_over(dict(group.members), "rotate.json", draft)
    story.goes_on(3)
    charite.peerd("doctor")
    if (charite.folder / "peer.key").read_text() == before:
        raise Broken("the old key is still there")
    if (charite.folder / "peer.key.next").exists():
        raise Broken("the new key still waits")


def one_leaves(story: Story) -> None:
    """One leaves: its daemon ends by itself, and its key is erased."""
    group, norte = story.group, story.at("norte")
    stay = {folder: each for folder, each in group.members.items() if each is not norte}
    drafter = next(iter(stay.values()))
    draft = group.draft(drafter, ["--leave", norte.name], list(stay.values()), file="leave.json")
    group.approve(stay.values(), "leave.json", draft)
    if norte.ended() != 0:
        raise Broken("who leaves ends with another exit code than 0")
    group.hand_over(stay, "leave.json", draft)
    story.goes_on(3)
    if (norte.folder / "peer.key").exists():
        raise Broken("the key of who left is still there")


def group_rests(story: Story) -> None:
    """The group pauses, and goes on."""
    group = story.group
    members = list(group.members.values())
    for each in members[:3]:
        each.peerd("group", "pause")
    until("the group rests", lambda: all(_state(each) == "resting" for each in members), members)
    heads = {each.head() for each in members}
    time.sleep(5)
    if {each.head() for each in members} != heads or len(heads) != 1:
        raise Broken(f"a group that rests goes on: {heads}")
    members[0].peerd("status")
    for each in members[:3]:
        each.peerd("group", "resume")
    story.goes_on()


def one_pauses(story: Story) -> None:
    """One node pauses; the others don't wait for it."""
    group, koge = story.group, story.at("koge")
    others = [each for each in group.members.values() if each is not koge]
    koge.peerd("pause")
    head = max(each.head() for each in others)
    start = time.monotonic()
    group.on(4, others)
    rounds = max(each.head() for each in others) - head
    group.say(f"# without it: {(time.monotonic() - start) / rounds:.1f} s a round")
    others[0].peerd("status")
    koge.peerd("resume")
    story.goes_on()


def one_upgrades(story: Story) -> None:
    """One node is upgraded within a version of the protocol, and the others go on."""
    group, mary = story.group, story.at("mary")
    others = [each for each in group.members.values() if each is not mary]
    mary.signal(signal.SIGTERM)
    if mary.ended() != 0:
        raise Broken("SIGTERM ends with another exit code than 0")
    mary.installation = second_installation(group.directory, NEXT_VERSION)
    group.on(2, others)
    mary.peerd("doctor")
    mary.start()
    story.goes_on(3)
    for each in (mary, others[0]):
        line = next(line for line in each.read("/metrics").splitlines() if "peerd_info{" in line)
        group.say(f"  {line}")
        if (NEXT_VERSION in line) != (each is mary):
            raise Broken(f"{each.name} runs another version than it should: {line}")


def stalled(story: Story) -> None:
    """One daemon stands still (SIGSTOP); another one's status and log name it."""
    group, koge = story.group, story.at("koge")
    watcher = next(each for each in group.members.values() if each is not koge)
    told = watcher.log().count(f"waiting for {koge.name}")
    koge.signal(signal.SIGSTOP)

    def shown() -> bool:
        found = watcher.look() or {}
        awaited = [each for each in found.get("waiting", ()) if each["name"] == koge.name]
        return any(each["seconds"] >= 1 for each in awaited)

    in_status = until("the status names who is awaited", shown, [watcher])
    watcher.peerd("status")
    in_log = in_status + until(
        "the log names who is awaited",
        lambda: watcher.log().count(f"waiting for {koge.name}") > told,
        [watcher],
    )
    group.say(f"# awaited: in the status after {in_status:.1f} s, in the log after {in_log:.1f} s")
    for line in watcher.log().splitlines()[-3:]:
        group.say(f"  {line}")
    koge.signal(signal.SIGCONT)
    story.goes_on()


def _contested(story: Story) -> list[str]:
    first, last = story.contested
    return ["--rounds", f"{first}:{last}"]


def _same_group(story: Story, group: str) -> None:
    found = {each.name: (each.look() or {}).get("group") for each in story.group.members.values()}
    if set(found.values()) != {group}:
        raise Broken(f"somebody went over: {found}")


def _state(member: Organisation) -> object:
    return (member.look() or {}).get("state")


# -- the auditor -----------------------------------------------------------------------------------


def audited(story: Story) -> None:
    """An auditor has the first group id and a folder of files, and verifies the whole history."""
    group, mary = story.group, story.at("mary")
    folder = group.directory / "evidence"
    folder.mkdir()
    for document in group.documents:
        shutil.copyfile(document, folder / document.name)
    mary.peerd("model", "export", "--out", f"{folder}/model.safetensors")
    head = mary.head()
    for number in (head - 2, head - 1):
        mary.peerd("rounds", f"{number}", "--transcript", f"{folder}/round-{number}.bin")
    # last, as docs/audit.md has it: rounds go on meanwhile, and these must reach as far
    mary.peerd("rounds", "--certificates", f"{folder}/certificates.bin")
    mary.tells(f"sends the folder, and over the telephone {group.first}")
    auditor = Organisation("auditor", group.directory, group.network, mary.host, group.say)
    auditor.installation = group.installation
    asked = ("--genesis", group.first)
    reports = ("--report", "report.html", "--report", "report.json")
    auditor.peerd("audit", "evidence", *asked, *reports)
    found = json.loads((group.directory / "report.json").read_text())
    handovers = len(group.documents) - 1
    if (found["verdict"], found["handovers"]) != ("verified", handovers):
        raise Broken(f"the audit found {found['verdict']}, {found['handovers']} handovers")
    if found["rounds"] < head or found["model"] is None:
        raise Broken(f"the audit saw {found['rounds']} rounds of {head}, model {found['model']}")
    for file in sorted(folder.iterdir()):
        _changed(auditor, file, asked)


def _changed(auditor: Organisation, file: Path, asked: Sequence[str]) -> None:
    """One byte of a file is another: the audit ends with 9, and names the file."""
    whole = file.read_bytes()
    place = len(whole) // 2
    auditor.tells(f"changes byte {place} of evidence/{file.name}")
    file.write_bytes(whole[:place] + bytes((whole[place] ^ 1,)) + whole[place + 1 :])
    said = auditor.peerd("audit", "evidence", *asked, code=9)
    file.write_bytes(whole)
    if file.name not in said.splitlines()[-1]:
        raise Broken(f"the audit does not name {file.name}")


Act = Callable[[Story], None]
ACTS: Sequence[Act] = (
    founded,
    twenty_rounds,
    takeover,
    two_drafts,
    fifth_joins,
    one_rotates,
    one_leaves,
    group_rests,
    one_pauses,
    one_upgrades,
    stalled,
    audited,
)


def play(say: Say, *, keep: bool = False, acts: Sequence[Act] = ACTS) -> None:
    """Everything, one after another. Raises Broken at the first thing that is not as it should be;
    the folders are left then, or if ``keep``.
    """
    with stage(say, "orgs-", keep=keep) as here, Network(HOSTS) as network:
        group = Consortium(here.directory, network, here.told)
        try:
            _play_all(Story(group), acts)
        finally:
            group.clear()


def _play_all(story: Story, acts: Sequence[Act]) -> None:
    for act in acts:
        story.group.title((act.__doc__ or act.__name__).splitlines()[0])
        act(story)

"""When the log says whom a daemon waits for, and how the sentence reads."""

from __future__ import annotations

from peerd.runner.sight.announce import Announcer
from peerd.status.board import JsonObject
from peerd.status.waiting import WORDS, Here, sentence
from protocols.record.waits import Awaiting

ME = "12D3KooW" + "m" * 44
MARY, BERN = "12D3KooW" + "a" * 44, "12D3KooW" + "b" * 44


def entry(
    peer: str | None,
    phase: str,
    seconds: float,
    deadline: float | None = None,
    name: str | None = None,
) -> JsonObject:
    return {
        "peer": peer,
        "name": name,
        "phase": phase,
        "seconds": seconds,
        "deadline": deadline,
    }


def test_every_wait_has_a_word_and_no_two_phases_share_one_but_the_comparisons() -> None:
    assert WORDS.keys() == {*Awaiting, *Here}
    assert len(set(WORDS.values())) == len(WORDS)
    assert all(len(word) <= 28 for word in WORDS.values())


def test_sentences() -> None:
    mary = entry(MARY, "dealing", 80.2, 240.0, "St. Mary's")
    assert sentence([mary], ME) == "waiting for St. Mary's (…aaaaaaaa, dealing), 80 s of 240"
    assert sentence([entry(ME, "training", 40, 80)], ME) == "training here, 40 s of 80"
    assert sentence([entry(ME, "training", 2, 0.4)], ME) == "training here, 2 s of 0.4"
    assert sentence([entry(ME, "training", 4, 0.0)], ME) == "training here, 4 s"
    both = sentence([mary, entry(BERN, "dealing", 80.0, 240.0)], ME)
    assert (
        both == "waiting for St. Mary's (…aaaaaaaa, dealing) and …bbbbbbbb (dealing), 80 s of 240"
    )
    away = [entry(BERN, "sum", 7), entry(BERN, "not connected", 3)]
    assert sentence(away, ME) == "waiting for …bbbbbbbb (sum, not connected), 7 s"
    apart = [mary, entry(BERN, "not connected", 3)]
    assert sentence(apart, ME).endswith("240; not connected: …bbbbbbbb")
    assert sentence([entry(BERN, "not connected", 3)], ME) == ""
    assert sentence([entry(None, "sitting out", 9)], ME) == (
        "sitting the round out until the others end it, 9 s"
    )
    assert sentence([entry(None, "next round at 02:00", 9)], ME) == (
        "waiting: next round at 02:00, 9 s"
    )
    many = [entry(f"{MARY[:-3]}{n:03}", "dealing", 4.0, 20.0) for n in range(99)]
    assert sentence(many, ME).endswith("(dealing) and 94 others, 4 s of 20")


def test_a_name_neither_breaks_the_line_nor_steers_the_terminal() -> None:
    text = sentence([entry(MARY, "dealing", 4.0, None, "a\x1b[2J\nb")], ME)
    assert "\x1b" not in text and "\n" not in text


class Story:
    """An announcer that is asked twice a second."""

    def __init__(self) -> None:
        self.now = 100.0
        self.announcer = Announcer(ME, lambda: self.now)
        self.lines: list[tuple[float, str]] = []

    def go(self, seconds: float, *phases: tuple[str, str]) -> None:
        begun = self.now
        while self.now < begun + seconds:
            entries = [entry(peer, phase, self.now - begun) for peer, phase in phases]
            told = self.announcer.look(entries)
            if told is not None:
                self.lines.append((self.now - 100.0, told[0]))
            self.now += 0.5


def test_a_stall_of_minutes_gives_a_few_lines() -> None:
    story = Story()
    for _ in range(28):  # 224 s, of ever other phases
        story.go(4, (MARY, "commitment"), (BERN, "commitment"))
        story.go(4, (MARY, "reveal"), (BERN, "reveal"))
    assert story.lines[0][0] <= 5
    assert 3 <= len(story.lines) <= 8
    assert all("…aaaaaaaa" in line and "…bbbbbbbb" in line for _, line in story.lines)


def test_a_short_wait_is_not_told_nor_its_end() -> None:
    story = Story()
    for _ in range(20):
        story.go(2, (MARY, "dealing"))
        story.go(1)
    assert story.lines == []


def test_the_end_of_a_wait_that_was_told_is_told_once() -> None:
    story = Story()
    story.go(10, (MARY, "dealing"))
    story.go(30)
    waited = [line for _, line in story.lines if line.startswith("no longer waiting")]
    assert waited == ["no longer waiting, after 10 s"] and story.lines[-1][1] == waited[0]


def test_somebody_else_is_named_at_once_and_fewer_are_no_news() -> None:
    story = Story()
    story.go(5, (MARY, "dealing"), (BERN, "dealing"))
    story.go(3.5, (MARY, "report"))
    assert len(story.lines) == 1
    story = Story()
    story.go(4.5, (MARY, "dealing"))
    story.go(4.5, (MARY, "report"), (BERN, "report"))
    assert len(story.lines) == 2 and "…bbbbbbbb" in story.lines[1][1]


def test_fast_rounds_after_a_stall_end_its_story() -> None:
    """In which the same peers are awaited in every phase, and never for long."""
    story = Story()
    story.go(10, (MARY, "dealing"))
    for _ in range(20):
        story.go(0.5, (MARY, "dealing"))
        story.go(0.5, (MARY, "report"))
    assert [line for _, line in story.lines if line.startswith("no longer")]

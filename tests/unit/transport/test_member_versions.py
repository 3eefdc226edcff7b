"""Which release members say that they run: asked over each connection, believed by nobody."""

from __future__ import annotations

import pytest
from network_world import ANYWHERE as HERE
from network_world import GROUP, LIMITS, Phonebook, attacker, eventually, identities, running

import peerd
from peerd.transport import Transport, versions
from peerd.transport.errors import TransportError

ONE, OTHER = identities(2)


def transport(who: int) -> tuple[Transport, Phonebook]:
    roster = [ONE.public, OTHER.public]
    book = Phonebook()
    return Transport((ONE, OTHER)[who], GROUP, roster, HERE, book, LIMITS), book


@pytest.mark.trio
async def test_a_member_that_comes_back_is_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    here, book = transport(0)
    async with running(here):
        for release in ("0.3.0", "0.4.0rc1"):
            monkeypatch.setattr(peerd, "__version__", release)
            there, _ = transport(1)
            async with running(there):
                book.set(OTHER.public, *there.listen_addresses())
                await eventually(lambda: here.links()[0].version == release)  # noqa: B023
        await eventually(lambda: not here.links()[0].connected)
        assert here.links()[0].version == "0.4.0rc1"  # what it ran when it was last here


@pytest.mark.trio
async def test_a_release_that_does_not_answer_is_unknown_and_stays_connected() -> None:
    here, _ = transport(0)
    async with running(here), attacker(OTHER, here, LIMITS) as old:
        await old.connection()
        await eventually(lambda: here.links()[0].connected)
        with pytest.raises(TransportError):
            await here._ask_version(OTHER.public)
        assert here.connected() == {OTHER.public}
        assert here.links()[0].version is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"0.2.0", "0.2.0"),
        (b"1.0.0rc1+local.2", "1.0.0rc1+local.2"),
        (b"", None),
        (b"<script>", None),
        (b"0.2.0\n", None),
        (b"0.2\x1b[31m", None),
        ("0.2.0é".encode(), None),
        (b"0" * (versions.MOST + 1), None),
    ],
    ids=["release", "local", "empty", "markup", "line", "escape", "letters", "long"],
)
def test_only_a_release_is_taken_for_one(answer: bytes, said: str | None) -> None:
    assert versions.read(answer) == said

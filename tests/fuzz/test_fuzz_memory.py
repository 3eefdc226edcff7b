"""A message costs memory in proportion to its own bytes, whatever it announces (faults 31, 56)."""

from __future__ import annotations

import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import fuzz_messages
import pytest
from fuzz_scene import HOSTILE, world
from fuzz_targets import TARGETS, corpus

from protocols.errors import WireError
from protocols.presence.neighbours import MAX_HELLOS
from protocols.wire.canonical import MAX_CONTAINERS, MAX_ITEMS, unpack
from protocols.wire.frames import HelloFrame, encode_frame

HERE = Path(__file__).parent
MOST_PER_BYTE = 130
"""Bytes of memory for one of a message: an empty map has one byte there, and 64 here."""
SLACK = 256 * 1024

BOMBS: dict[str, bytes] = {
    "4 GiB of bytes": b"\xc6\xff\xff\xff\xff",
    "4 GiB of text": b"\xdb\xff\xff\xff\xff",
    "2^32 items": b"\xdd\xff\xff\xff\xff" + b"\xc0" * 1000,
    "2^32 pairs": b"\xdf\xff\xff\xff\xff" + b"\xa0\xc0" * 1000,
    "nested lists": b"\x91" * 100_000,
    "nested maps": b"\x81\xa1a" * 50_000,
    "empty lists": b"\xdd" + (70_000).to_bytes(4, "big") + b"\x90" * 70_000,
    "empty maps": b"\xdd" + (60_000).to_bytes(4, "big") + b"\x80" * 60_000,
    "extension": b"\xc9\xff\xff\xff\xff\x01",
    "float": b"\xcb" + bytes(8),
    "nils": b"\xdd" + (1 << 17).to_bytes(4, "big") + b"\xc0" * (1 << 17),
    "short texts": b"\xdd" + (70_000).to_bytes(4, "big") + b"\xa2ab" * 70_000,
}


def peak_of(feed: Callable[[bytes], object], data: bytes) -> int:
    tracemalloc.start()
    try:
        feed(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def refused(data: bytes) -> None:
    try:
        unpack(data)
    except WireError:
        return


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_no_more_than_its_own_bytes_do(name: str) -> None:
    data = BOMBS[name]
    assert peak_of(refused, data) <= MOST_PER_BYTE * len(data) + SLACK


@pytest.mark.parametrize("name", ["frame", "statement", "evidence", "certificate", "transcript"])
def test_what_is_built_from_a_message_is_bounded_by_it(name: str) -> None:
    for data in corpus(name):
        TARGETS[name].feed(data)  # once, for what is made only once
        assert peak_of(TARGETS[name].feed, data) <= MOST_PER_BYTE * len(data) + SLACK


def test_the_bound_holds_for_the_largest_count_of_items() -> None:
    """At the caps the absolute cost is below 256 MB, in a frame of at most 64."""
    assert MAX_ITEMS * 8 + MAX_CONTAINERS * 64 + MAX_ITEMS * 82 < 256 << 20


CHILD = """
import resource, sys
sys.path[:0] = [{here!r}, {root!r}]
from protocols.wire.canonical import unpack
from protocols.wire.frames import decode_frame
from protocols.errors import WireError
from test_fuzz_memory import BOMBS
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (96 << 20),) * 2)
for read in (unpack, decode_frame):
    for data in BOMBS.values():
        try:
            read(data)
        except WireError:
            pass
print("survived")
"""


def test_bombs_under_a_memory_limit_of_the_kernel() -> None:
    """RLIMIT_AS 96 MB above what the interpreter has: a MemoryError would end the child."""
    assert resource.RLIMIT_AS is not None
    program = CHILD.format(here=str(HERE), root=str(HERE.parents[1]))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "survived\n", done.stderr


def test_a_gzip_bomb_of_images_is_cut_off_at_what_it_announced(tmp_path: Path) -> None:
    import gzip

    from peerd.errors import TaskError
    from peerd.tasks.idx import read_idx

    path = tmp_path / "bomb.idx.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x05" + bytes(64 << 20)))

    def read(_: bytes) -> None:
        with pytest.raises(TaskError, match="announces 5 bytes"):
            read_idx(path)

    assert peak_of(read, b"") < 4 << 20


def test_a_genesis_and_a_record_beyond_their_bounds_are_not_parsed() -> None:
    for feed in (fuzz_messages.genesis, fuzz_messages.genesis_document):
        assert peak_of(feed, b"\x80" * (9 << 20)) <= 20 << 20
    assert peak_of(fuzz_messages.address_record, b"x" * 3000) < SLACK


def test_a_flood_of_hellos_is_answered_a_bounded_number_of_times() -> None:
    """An answer is a certificate, hundreds of times as large, and waits until somebody reads it."""
    swarm = world(rounds=2)
    swarm.run(until=2500)
    session = swarm.nodes[0].session
    assert session is not None and session.position.round == 1
    for asked in (0, 1, 2):
        hello = encode_frame(HelloFrame(asked, 0))
        steps = [step for _ in range(2000) for step in session.on_message(HOSTILE, hello)]
        effects = [effect for step in steps for effect in step]
        assert len(effects) <= 64 * MAX_HELLOS

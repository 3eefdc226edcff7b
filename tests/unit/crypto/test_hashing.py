"""Many digests at once are the digests one by one (docs/protocol.md §0)."""

from __future__ import annotations

import pytest

from protocols.hashing import LARGE, digest, digest_each


@pytest.mark.parametrize("width", [1, 31, 256, LARGE + 1])
@pytest.mark.parametrize("pieces", [0, 1, 5])
@pytest.mark.parametrize("more", [0, 1])
def test_each_piece_has_its_own_digest(width: int, pieces: int, more: int) -> None:
    data = bytes(at % 251 for at in range(width * pieces + more))
    expected = [digest("test/piece", data[at : at + width]) for at in range(0, len(data), width)]
    assert digest_each("test/piece", data, width) == expected

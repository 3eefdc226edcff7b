"""Secrets that can't print themselves."""

from __future__ import annotations

import hmac


class Secret:
    """Bytes that never reach a log, a repr, a status or an error by accident.

    ``reveal`` is the only way to the bytes, so every use of a secret can be found by its name.
    Equality is constant-time; a Secret can't be hashed, pickled or copied into a container that
    prints its items.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = bytes(value)

    def reveal(self) -> bytes:
        return self._value

    def forget(self) -> None:
        """Drop the bytes, for everyone who holds this Secret. Nobody may reveal it any more."""
        self._value = b""

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> str:
        raise TypeError("a Secret can't be pickled")

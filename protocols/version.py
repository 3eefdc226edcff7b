"""Versions of the protocol that a genesis can name: all of its members speak the one that it names.

A group goes over to a later one by a handover (docs/protocol.md §6).
"""

EARLIEST = 2
"""peerd 0.2.0."""
SHARED_PROJECTIONS = 3
"""Projections with a row of bits in common, several opened polynomials to a leaf, several blocks of
a ball, and plans that count headers."""
LATEST = SHARED_PROJECTIONS

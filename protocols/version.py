"""Versions of the protocol that a genesis can name: all of its members speak the one that it names.

A group goes over to a later one by a handover (docs/protocol.md §6).
"""

EARLIEST = 2
"""peerd 0.2.0."""
V3 = 3
"""Projections with a row of bits in common (§3), several opened polynomials to a leaf (§6), several
blocks of a ball (§4), plans that count headers (§1), lock-outs that end with any attempt in which
too few took part, no coin where nothing is drawn (§2), and hybrid keys of asks beside reports
(§3)."""
LATEST = V3

"""The live view of ``peerd top`` and ``peerd swarm``: what it shows, and how it is drawn (rich)."""

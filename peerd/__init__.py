"""The daemon: everything that has effects (network, disk, clock, randomness, training)."""

__version__ = "0.3.0.dev0"

"""The tasks that ship with peerd: ``digits``, ``table`` and ``images``."""

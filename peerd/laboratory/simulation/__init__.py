"""Whole swarms of the real round machines in one process, in virtual time."""

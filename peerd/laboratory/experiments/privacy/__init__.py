"""Attacks on privacy, measured: what an update, a model and public messages give away.

docs/privacy-attacks.md says what was measured and how; ``peerd lab privacy`` measures it again.
"""

"""Whom the daemon waits for, and who comes and goes."""

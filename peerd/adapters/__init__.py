"""Clients of other frameworks as tasks of a group. They run in the training worker alone."""

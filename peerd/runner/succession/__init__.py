"""A group that goes on as another one: its lineage, and the way over."""

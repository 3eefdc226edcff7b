"""A whole group on one machine: real daemons as processes, liars among them, and a verdict."""

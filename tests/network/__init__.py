"""Real daemons in network namespaces of their own: what a network can do to a group."""

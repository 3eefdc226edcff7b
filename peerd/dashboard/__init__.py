"""The page that a daemon serves to its own user, on loopback, read-only."""

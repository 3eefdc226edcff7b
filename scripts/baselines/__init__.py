"""What others take for the same work, measured beside ours: see README.md."""

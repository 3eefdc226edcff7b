"""What operators ask of a daemon: orders, approvals, stays, signals."""

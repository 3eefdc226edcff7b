"""What one role's work for one round costs, on real messages and one thread."""

"""What differential privacy costs in accuracy: one curator with all rows, and sites that share."""

"""The tasks that ship with peerd: ``digits`` and ``table``, and loaders for common file formats."""

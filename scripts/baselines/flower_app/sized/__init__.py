"""The task of ``peerd bench round`` (peerd/tasks/sized.py) as a Flower app."""

"""Training: a task of the user's, run in a worker process of its own.

Importing this package doesn't load torch: only the worker (``python -m peerd.learning.worker``)
and the in-process baselines do, through the modules that need it.
"""

from __future__ import annotations

from peerd.learning.settings import Partition, Training, peer_seed
from peerd.learning.task import FittedTask, Samples, Task
from peerd.learning.trainer import Trainer

__all__ = ["FittedTask", "Partition", "Samples", "Task", "Trainer", "Training", "peer_seed"]

"""``peerd simulate`` on a scheduler and a worker of this machine."""

from __future__ import annotations

import sys

from distributed import LocalCluster

from peerd.cli.main import main

if __name__ == "__main__":
    with LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        words = ["simulate", "--seeds", "0:1", "--peers", "4", "--rounds", "1"]
        sys.exit(main([*words, "--cluster", cluster.scheduler_address]))

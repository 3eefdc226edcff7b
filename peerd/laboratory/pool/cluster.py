"""The workers of a Dask cluster. Whoever reaches its scheduler runs what he likes on all of them:
for a network of people who trust each other, and never what a node of a group has to do with.
"""

from __future__ import annotations

import logging
import pickle
import re
import sys
import time
import uuid
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from peerd.errors import ConfigError, NetworkError, TaskError, with_kind
from peerd.extras import need
from peerd.laboratory.pool.versions import differences, equipment
from peerd.laboratory.pool.work import MEMORY_OR_KILLED, Results, Work, result_of

ANSWER_SECONDS = 10.0
"""How long a scheduler has to answer, and a cluster to have a worker."""
LOOK_SECONDS = 2.0
GONE_SECONDS = 60.0
"""After how long without any worker a run gives up."""

_ADDRESS = re.compile(r"((tcp|tls)://)?([^\s:/@]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}", re.ASCII)


@dataclass(frozen=True)
class Cluster:
    """``address`` of the scheduler, such as tcp://10.0.0.7:8786; tls:// as Dask's own configuration
    says.
    """

    address: str

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.address):
            raise ConfigError(
                f"--cluster {self.address!r} is no address of a scheduler",
                "write tcp://HOST:PORT, which dask scheduler prints, or tls://HOST:PORT",
            )
        need("--cluster", "distributed")

    def run(self, work: Work) -> Results:
        """As Pool's. NetworkError where nobody answers, or a worker has other software."""
        client = _connected(self.address)
        try:
            run = _Run(client, self.address, work)
            yield from run.results()
        finally:
            # What still runs is dropped with its futures, and its processes end.
            with suppress(Exception):
                client.close(timeout=ANSWER_SECONDS)


def _connected(address: str) -> Any:
    """A client of a cluster that has workers, all of which have the same software as this."""
    # A line of our own says each thing that is wrong, once.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    made: SimpleQueue[Any] = SimpleQueue()
    # Dask's own timeout ends no wait for somebody who takes a connection and says nothing.
    Thread(target=_make, args=(address, made.put), daemon=True).start()
    try:
        client = made.get(timeout=2 * ANSWER_SECONDS)
    except Empty:
        client = TimeoutError("whoever is there says nothing")
    if isinstance(client, Exception):
        raise NetworkError(
            f"--cluster {address}: no Dask scheduler answers there ({client})",
            "start one with: dask scheduler",
        )
    try:
        _look_at_workers(client, address)
    except BaseException:
        client.close()
        raise
    return client


def _make(address: str, give: Callable[[Any], None]) -> None:
    """Gives a client, or the error of sockets, TLS or another Dask's messages."""
    from distributed import Client

    untyped: Any = Client  # in part, where it is installed

    class Closed(untyped):  # type: ignore[misc]
        """Where it can't be made: else it waits for the scheduler again when it is deleted."""

        def __init__(self, *args: Any, **options: Any) -> None:
            try:
                super().__init__(*args, **options)
            except BaseException:
                self.status = "closed"
                raise

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            give(Closed(address, timeout=ANSWER_SECONDS, set_as_default=False))
    except Exception as error:
        give(error)


def _look_at_workers(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=ANSWER_SECONDS)
    except TimeoutError:
        raise NetworkError(
            f"--cluster {address}: the scheduler has no worker",
            f"start some with: dask worker {address} --nthreads 1 --nworkers auto",
        ) from None
    here = equipment()
    for worker, there in sorted(client.run(equipment, on_error="return").items()):
        wrong = differences(here, there) if isinstance(there, dict) else f"no such peerd: {there}"
        if wrong:
            raise NetworkError(
                f"--cluster {address}: worker {worker} has {wrong}",
                "install there what is here, and start it again",
            )


class _Run:
    """One work, given to a cluster."""

    def __init__(self, client: Any, address: str, work: Work) -> None:
        self._client = client
        self._address = address
        self._titles = work.titles
        self._finished: SimpleQueue[Any] = SimpleQueue()
        self._workers: set[str] = set(client.nthreads())
        self._seen = time.monotonic()
        here, name = equipment(), uuid.uuid4().hex
        self._indices = {}
        for index, item in enumerate(work.items):
            call = pickle.dumps(_Call(here, pickle.dumps((work.function, item))))
            future = client.submit(pickle.loads, call, key=f"peerd-{name}-{index}", pure=False)
            self._indices[future] = index
            future.add_done_callback(self._finished.put)

    def results(self) -> Results:
        """Each with its index, as they finish."""
        while self._indices:
            with suppress(Empty):
                future = self._finished.get(timeout=LOOK_SECONDS)
                index = self._indices.pop(future)
                yield index, self._result(future, self._titles[index])
            self._look()

    def _result(self, future: Any, title: str) -> Any:
        from distributed import CancelledError, KilledWorker

        try:
            worker, answer = future.result()
        except CancelledError:
            raise self._lost() from None
        except KilledWorker as error:
            raise TaskError(
                f"{title}: {error.allowed_failures + 1} workers died while they did it, the last at"
                f" {error.last_worker.address}",
                MEMORY_OR_KILLED,
            ) from None
        except Exception as error:  # of a worker that came later, and has no such peerd
            raise TaskError(f"{title}: {with_kind(error)}") from None
        return result_of(answer, title, f" (at {worker})")

    def _look(self) -> None:
        """Says which workers have gone; TaskError where there has been none for long."""
        now = time.monotonic()
        if now - self._seen < LOOK_SECONDS:
            return
        try:
            workers = set(self._client.nthreads())
        except Exception:  # whatever the connection's end looks like
            raise self._lost() from None
        for gone in sorted(self._workers - workers):
            print(f"peerd: worker {gone} is gone; others do what it did", file=sys.stderr)
        self._workers = workers
        if workers:
            self._seen = now
        elif now - self._seen > GONE_SECONDS:
            raise TaskError(
                f"the cluster at {self._address} has had no worker for {GONE_SECONDS:.0f} s",
                "start some, and run it again",
            )

    def _lost(self) -> TaskError:
        return TaskError(
            f"the scheduler at {self._address} is gone, or has dropped the work",
            "start it and its workers, and run it again",
        )


@dataclass(frozen=True)
class _Call:
    """Unpickled, it is what comes of the piece: so the scheduler, which reads what it passes on,
    needs no peerd.
    """

    equipment: dict[str, str]
    piece: bytes

    def __reduce__(self) -> tuple[Any, ...]:
        from peerd.laboratory.pool.remote import play

        return play, (self.equipment, self.piece)

"""`genteach generate --ray`: the shards of a run on the machines of a Ray cluster, and one merge at the end.

This process only starts them, starts lost ones again, and shows how far they are. What works is the same
`genteach generate --shard I/N` that Slurm, or a person in a terminal, would start (see worker.py).
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from ..progress import Progress
from ..run import (
    Accounting,
    AccountingError,
    BadInput,
    EnvironmentFailure,
    Interrupted,
    Lock,
    QuarantineOverThreshold,
    fingerprint,
    make_folder,
)
from .command import PREPARING, check_quarantine, job_of, prepare
from .engine import Shard
from .merge import merge
from .parts import FOLDER, ROUND
from .recipe import GenerateRecipe
from .report import say_pairs, say_teachers
from .worker import GENTEACH, Ended, Worker, gpus_for, named

TICK = 1.0  # seconds between two looks at the workers
RESTARTS, HOUR = 5, 3600.0  # of one shard within the hour
PAUSE = 5.0  # seconds before a shard is started again, and as much more each time
CLOSING = 60.0  # seconds that workers are given to stop their servers
STORE = 80 << 20  # bytes of Ray's object store on this machine: hardly anything goes through it
COUNTED = ("accepted", "rejected", "calls", "reused")
FINISHED = (0, QuarantineOverThreshold.exit_code)
HOPELESS = {failure.exit_code: failure for failure in (BadInput, AccountingError)}
STOPPED, LOST = Interrupted.exit_code, EnvironmentFailure.exit_code


def generate_on_ray(
    recipe: GenerateRecipe,
    address: str,
    shards: int,
    *,
    journal_dir: Path | None = None,
    take_over: bool = False,
    update: bool = False,
    as_json: bool = False,
) -> None:
    """Do the whole of a recipe in `shards` shares on the Ray cluster at `address`: `local`, `auto`, or a URL.

    The run's folder must be the same one on all machines; the journals lie on their own disks, in
    `journal_dir` if given. Raises Failure with the exit code of the command.
    """
    ray = _import_ray()
    teacher, *others = map(named, recipe.teachers)
    given = {"out": recipe.out.resolve(), "teacher": teacher, "more_teachers": tuple(others)}
    recipe = recipe.model_copy(update=given)
    job = job_of(recipe, update=update, as_json=as_json)
    with Lock(job.folder, wait=PREPARING, take_over=take_over):
        prepare(job)
    say_teachers(recipe.teachers)
    options = ["--update"] * update + ["--take-over"] * take_over
    with Lock(make_folder(job.folder / FOLDER), take_over=take_over), _cluster(ray, address, shards):
        new_worker = partial(_actor(ray, recipe).remote, recipe, journal_dir, Path.cwd(), GENTEACH)
        driver = Driver(ray, new_worker, [Share(Shard(n, shards)) for n in range(shards)], options)
        with Progress(job.label, sum(1 for _ in job.planned()), "items", as_json) as progress:
            driver.run(progress)
    driver.raise_failure()
    with Lock(job.folder, wait=PREPARING):
        manifest = merge(job.folder, fingerprint(job.decides), job.planned())
    say_pairs(job.folder / ROUND, manifest)
    check_quarantine(recipe, Accounting.of(manifest))


def _import_ray() -> ModuleType:
    try:
        import ray  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError:
        raise EnvironmentFailure("--ray: ray is not installed; pip install 'genteach[ray]'") from None
    return ray


@contextmanager
def _cluster(ray: ModuleType, address: str, shards: int) -> Iterator[None]:
    """Be connected to a cluster; `local` is one of this machine alone, gone when this ends."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would send statistics over the network
    given: dict[str, Any] = {"log_to_driver": False, "logging_level": "CRITICAL"}
    if address == "local":
        cpus = max(shards, os.cpu_count() or 1)
        given |= {"num_cpus": cpus, "object_store_memory": STORE, "include_dashboard": False}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, **given)
        signal.signal(signal.SIGTERM, handler)  # Ray's would exit with 15
    except (ray.exceptions.RayError, OSError, RuntimeError, ValueError) as error:
        raise EnvironmentFailure(f"--ray {address}: {_first_line(error)}") from None
    try:
        yield
    finally:
        ray.shutdown()


def _actor(ray: ModuleType, recipe: GenerateRecipe) -> Any:
    """A worker as an actor: a core, and the GPUs that the recipe's servers need, on any machine that has them."""
    has_gpus = bool(ray.cluster_resources().get("GPU"))
    gpus = sum(map(gpus_for, recipe.teachers)) if has_gpus else 0
    return ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0, scheduling_strategy="SPREAD")(Worker)


@dataclass(eq=False)
class Share:
    """One shard: the worker that has it, how far it is, and the code that it ended with, once it has."""

    shard: Shard
    worker: Any = None
    place: str = ""  # the machine that the worker is on
    begun: bool = False  # the worker has found a place, and was told to run
    begin_at: float = 0.0
    code: int | None = None
    why: str = ""
    done: int = 0
    said: dict[str, Any] = field(default_factory=dict)
    before: Counter[str] = field(default_factory=Counter)  # counted by processes that have ended
    losses: deque[float] = field(default_factory=lambda: deque(maxlen=RESTARTS + 1))

    def hear(self, said: dict[str, Any]) -> None:
        """Take in what its process counted last."""
        self.said, self.done = said, said.get("done", self.done)

    def let_go(self) -> Any:
        """Leave its worker, which is returned; another process would count from nothing."""
        worker, self.worker, self.begun = self.worker, None, False
        self.before.update({name: self.said.get(name, 0) for name in COUNTED})
        self.said = {}
        return worker

    def count(self, name: str) -> int:
        return self.before[name] + self.said.get(name, 0)


class Driver:
    """Has every share run to its end: each by a worker of its own, or by one that has become free.

    `new_worker` asks the cluster for a worker, which waits there until some machine has room.
    """

    def __init__(
        self, ray: ModuleType, new_worker: Callable[[], Any], shares: list[Share], options: list[str]
    ) -> None:
        self._ray, self._new_worker, self._shares, self._options = ray, new_worker, shares, options
        self._expected: dict[Any, tuple[Share, Any, Callable[[Share, Any], None]]] = {}
        self._leaving: dict[Any, Any] = {}
        self._signals = 0
        self._draining = False
        self._progress: Progress

    def run(self, progress: Progress) -> None:
        """Return when every share has ended; the first SIGINT or SIGTERM has them drain, the second ends them."""
        self._progress = progress
        with self._counting_signals():
            while waiting := [share for share in self._shares if share.code is None]:
                for share in waiting:
                    if share.worker is None and time.monotonic() >= share.begin_at:
                        share.worker = self._new_worker()
                        self._expect(share, share.worker.place.remote(), self._begin)
                self._take_in()
                self._show()
                self._obey()
        self._see_off(CLOSING)

    def raise_failure(self) -> None:
        """Raise what kept the run from its end, if anything did."""
        failed = [share for share in self._shares if share.code not in (*FINISHED, STOPPED)]
        if failed:
            which = ", ".join(str(share.shard) for share in failed)
            raise HOPELESS.get(failed[0].code or LOST, EnvironmentFailure)(f"shard {which}: {failed[0].why}")
        finished = sum(share.code in FINISHED for share in self._shares)
        if finished < len(self._shares):
            shares = f"{finished} of {len(self._shares)} shards are done"
            raise Interrupted(f"stopped; {shares}; run the same command to go on")

    # The way of a share: its worker finds a place, and runs it to its end, unless it is lost.

    def _begin(self, share: Share, place: str) -> None:
        share.place, share.begun = place, True
        options = [*self._options, *(["--take-over"] if share.losses else [])]
        self._expect(share, share.worker.run.remote(share.shard, options), self._end)
        self._expect(share, share.worker.progress.remote(share.shard), self._hear)

    def _hear(self, share: Share, said: dict[str, Any]) -> None:
        share.hear(said)
        self._expect(share, share.worker.progress.remote(share.shard), self._hear)

    def _end(self, share: Share, ended: Ended) -> None:
        code, why, said = ended
        share.hear(said)
        worker = share.let_go()
        if code in FINISHED:
            share.code, share.done = code, said.get("total", share.done)
            self._hand_on(worker, share.place)
        elif code in HOPELESS or (code == STOPPED and self._draining):
            share.code, share.why = code, why
            self._dismiss(worker)
        else:
            self._dismiss(worker)
            self._lose(share, why)

    def _hand_on(self, worker: Any, place: str) -> None:
        """Give a worker, and the servers that it hosts, to a share whose own still waits for a place."""
        for share in self._shares:
            if share.worker is not None and not share.begun:
                self._ray.kill(share.worker)
                share.worker = worker
                return self._begin(share, place)
        return self._dismiss(worker)

    def _lose(self, share: Share, why: str) -> None:
        """Have it started again after a pause, unless that was done too often."""
        now = time.monotonic()
        share.losses.append(now)
        if self._draining:
            share.code = STOPPED
        elif len(share.losses) == share.losses.maxlen and now - share.losses[0] < HOUR:
            share.code, share.why = LOST, f"{why}; no restart is left this hour"
        else:
            share.begin_at = now + PAUSE * len(share.losses)
            self._progress.say(f"shard {share.shard} on {share.place}: {why}; it is started again")

    # What workers answer, and when.

    def _expect(self, share: Share, answer: Any, then: Callable[[Share, Any], None]) -> None:
        self._expected[answer] = (share, share.worker, then)

    def _take_in(self) -> None:
        """Wait for TICK, then hand on the answers that have come."""
        if not self._expected:
            time.sleep(TICK)
            return
        refs = [*self._expected, *self._leaving]
        ready, _ = self._ray.wait(refs, num_returns=len(refs), timeout=TICK)
        for ref in ready:
            if ref in self._leaving:
                self._ray.kill(self._leaving.pop(ref))
                continue
            share, worker, then = self._expected.pop(ref)
            if share.worker is not worker:  # it has left this worker since
                continue
            try:
                answer = self._ray.get(ref)
            except self._ray.exceptions.RayError as error:
                self._ray.kill(share.let_go())
                self._lose(
                    share, f"its worker is lost ({_first_line(getattr(error, 'cause', None) or error)})"
                )
            else:
                then(share, answer)

    def _dismiss(self, worker: Any) -> None:
        """Have it stop its servers, then end it."""
        self._leaving[worker.close.remote()] = worker

    def _see_off(self, seconds: float) -> None:
        """End what is left of the workers that were dismissed."""
        if self._leaving:
            self._ray.wait(list(self._leaving), num_returns=len(self._leaving), timeout=seconds)
        for worker in self._leaving.values():
            self._ray.kill(worker)

    def _show(self) -> None:
        shares, progress = self._shares, self._progress
        progress.advance(sum(share.done for share in shares) - progress.done)
        running = sum(share.begun for share in shares)
        ended = sum(share.code is not None for share in shares)
        counts = {name: sum(share.count(name) for share in shares) for name in COUNTED}
        progress.state(shards=f"{running} running, {ended} of {len(shares)} ended", **counts)

    # Signals

    @contextmanager
    def _counting_signals(self) -> Iterator[None]:
        def count(*_: object) -> None:
            self._signals += 1

        before = {number: signal.signal(number, count) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _obey(self) -> None:
        """Do what the signals since the last time ask for."""
        if self._signals and not self._draining:
            self._draining = True
            self._progress.say("every shard finishes its calls in flight; press again to stop at once")
            for share in self._shares:
                if share.begun:
                    share.worker.drain.remote()
        for share in self._shares:
            if share.code is None and self._draining and (not share.begun or self._signals > 1):
                share.code = STOPPED
                if share.worker is not None:
                    self._ray.kill(share.let_go())


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]

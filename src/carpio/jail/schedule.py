"""Many jails at once: each in its own thread, in an order that keeps to what depends on what.

A jail that failed fails those that wait for it: they are skipped. How many commands run at
once is limited, and who comes first in the list is served first.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final, TypeAlias

from carpio.jail.notes import Notes
from carpio.jail.worker import Turn

__all__ = ["Job", "Schedule", "Turns", "Work"]

_PATIENCE_S: Final = 0.2
"""After which an interrupt is noticed."""

Work: TypeAlias = Callable[[Turn, Callable[[], None]], bool]
"""Does it and returns whether it went well; calls the second argument when the jail is there."""


@unique
class _State(Enum):
    WAITING = "waiting"
    AT_WORK = "at work"
    DONE = "done"
    FAILED = "failed"


@dataclass(eq=False, slots=True, kw_only=True)
class Job:
    """What is to be done about one jail."""

    label: str
    work: Work
    needs: list[Job] = field(default_factory=list)
    """Must be done before, and go well."""
    needs_made: list[Job] = field(default_factory=list)
    """Must have made their jails before."""
    after: list[Job] = field(default_factory=list)
    """Must be done before, well or not."""
    is_made: bool = False
    _state: _State = _State.WAITING

    def is_ready(self) -> bool:
        """Return whether it may begin."""
        return (
            self._state is _State.WAITING
            and all(one._state is _State.DONE for one in self.needs)
            and all(one.is_made or one._state is _State.DONE for one in self.needs_made)
            and all(one._state in (_State.DONE, _State.FAILED) for one in self.after)
        )

    def is_lost(self) -> bool:
        """Return whether something that it needs has failed."""
        return self._state is _State.WAITING and (
            any(one._state is _State.FAILED for one in self.needs)
            or any(one._state is _State.FAILED and not one.is_made for one in self.needs_made)
        )

    @property
    def is_waiting(self) -> bool:
        """Whether it has not begun."""
        return self._state is _State.WAITING

    @property
    def is_at_work(self) -> bool:
        """Whether it has begun and not ended."""
        return self._state is _State.AT_WORK

    def begin(self) -> None:
        """Go to work."""
        self._state = _State.AT_WORK

    def end(self, *, is_good: bool) -> None:
        """Be done, or failed."""
        self._state = _State.DONE if is_good else _State.FAILED

    @property
    def has_failed(self) -> bool:
        """Whether it went badly, or was not done at all."""
        return self._state is _State.FAILED

    @property
    def is_good(self) -> bool:
        """Whether it went well."""
        return self._state is _State.DONE


class Turns:
    """No more than `limit` holders at once, 0 for any number; lower numbers come first."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._is_limited = limit > 0
        self._changed = threading.Condition()
        self.waiting: list[int] = []
        """Numbers that wait now."""

    def of(self, number: int) -> Turn:
        """Return what one of the numbers waits with."""

        def turn() -> AbstractContextManager[None]:
            return self._turn(number)

        return turn

    @contextmanager
    def _turn(self, number: int) -> Iterator[None]:
        if not self._is_limited:
            yield
            return
        with self._changed:
            self.waiting.append(number)
            self._changed.wait_for(lambda: self._left and min(self.waiting) == number)
            self.waiting.remove(number)
            self._left -= 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._left += 1
                self._changed.notify_all()


class Schedule:
    """Runs jobs."""

    def __init__(self, jobs: Sequence[Job], notes: Notes, limit: int) -> None:
        self._jobs, self._notes = jobs, notes
        self._turns = Turns(limit)
        self._changed = threading.Condition()
        self._is_interrupted = False
        self._has_threads = limit != 1 and len(jobs) > 1
        """Whether each job has a thread; otherwise they are done here, one after the other."""

    def run(self) -> bool:
        """Do all jobs and return whether all went well; those that cannot be done are told."""
        with self._interrupts_noted(), self._changed:
            while any(job.is_waiting or job.is_at_work for job in self._jobs):
                if not self._launch():
                    self._changed.wait(_PATIENCE_S)
        return all(job.is_good for job in self._jobs)

    @contextmanager
    def _interrupts_noted(self) -> Iterator[None]:
        """Let nothing new begin after an interrupt; what has a thread is waited for."""

        def note(_number: int, _frame: object) -> None:
            self._is_interrupted = True

        if not self._has_threads or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _launch(self) -> bool:
        """Begin or skip what can be; return whether there was anything."""
        is_stuck = not any(job.is_at_work or job.is_ready() or job.is_lost() for job in self._jobs)
        has_changed = False
        for number, job in enumerate(self._jobs):
            if not job.is_waiting:
                continue
            if job.is_lost() or is_stuck or self._is_interrupted:
                self._skip(job)
            elif job.is_ready():
                self._start(job, number)
            else:
                continue
            has_changed = True
        return has_changed

    def _skip(self, job: Job) -> None:
        failed = [one.label for one in job.needs if one.has_failed]
        job.end(is_good=False)
        if not failed or any(label != job.label for label in failed):
            self._notes.remark(job.label, "skipped")

    def _start(self, job: Job, number: int) -> None:
        job.begin()
        if self._has_threads:
            threading.Thread(target=self._run_there, args=(job, number)).start()
        else:
            job.end(is_good=self._run_here(job, number))

    def _run_here(self, job: Job, number: int) -> bool:
        """Do a job in this thread, where an interrupt is raised."""
        try:
            return job.work(self._turns.of(number), lambda: None)
        except KeyboardInterrupt:
            self._is_interrupted = True
            return False

    def _run_there(self, job: Job, number: int) -> None:
        """Do a job in a thread of its own."""
        is_good = False
        try:
            is_good = job.work(self._turns.of(number), lambda: self._made(job))
        except Exception as error:  # the outermost loop of this thread
            self._notes.remark(job.label, f"internal error: {type(error).__name__}: {error}")
        finally:
            with self._changed:
                job.end(is_good=is_good)
                self._changed.notify_all()

    def _made(self, job: Job) -> None:
        with self._changed:
            job.is_made = True
            self._changed.notify_all()

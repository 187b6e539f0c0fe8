"""Jobs of jails at once: dependencies, the limit, order, and what fails with what."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carpio.jail.notes import Notes
from carpio.jail.schedule import Job, Schedule, Turns
from carpio.jail.worker import Turn


@dataclass
class Diary:
    """What happened, in order, by any thread."""

    lines: list[str] = field(default_factory=list)
    running: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, line: str, change: int = 0) -> None:
        with self.lock:
            self.lines.append(line)
            self.running += change
            self.most = max(self.most, self.running)

    def job(self, name: str, *, commands: int = 2, fails_at: int | None = None) -> Job:
        """Return a job that runs some commands, and fails at one of them."""

        def work(turn: Turn, on_made: Callable[[], None]) -> bool:
            self.write(f"begin {name}")
            for number in range(commands):
                with turn():
                    self.write(f"{name}{number}", 1)
                    self.write(f"{name}{number} ends", -1)
                if number == fails_at:
                    self.write(f"fail {name}")
                    return False
                if number == 0:
                    self.write(f"made {name}")
                    on_made()
            self.write(f"end {name}")
            return True

        return Job(label=name, work=work)

    def at(self, line: str) -> int:
        return self.lines.index(line)


def run(jobs: Sequence[Job], limit: int = 0) -> tuple[bool, str]:
    """Return whether all went well, and what was told."""
    said = io.StringIO()
    is_good = Schedule(jobs, Notes(said, said), limit).run()
    return is_good, said.getvalue()


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[tuple[list[int], list[int], list[int]]], set[int], int]:
    """Return for each job what it needs, needs made and comes after; who fails; the limit."""
    count = draw(st.integers(1, 7))
    order = draw(st.permutations(range(count)))
    place = {job: number for number, job in enumerate(order)}
    before = [
        [other for other in range(count) if place[other] < place[job]] for job in range(count)
    ]

    def some(job: int) -> list[int]:
        return draw(st.lists(st.sampled_from(before[job]), unique=True)) if before[job] else []

    jobs = [(some(job), some(job), some(job)) for job in range(count)]
    return jobs, draw(st.sets(st.integers(0, count - 1), max_size=2)), draw(st.integers(0, 3))


@given(plans())
@settings(max_examples=120, deadline=None)
def test_jobs_keep_to_what_they_wait_for_and_to_the_limit(
    plan: tuple[list[tuple[list[int], list[int], list[int]]], set[int], int],
) -> None:
    edges, failing, limit = plan
    diary = Diary()
    jobs = [
        diary.job(f"j{number}x", fails_at=1 if number in failing else None)
        for number in range(len(edges))
    ]
    for job, (needs, made, after) in zip(jobs, edges, strict=True):
        job.needs += [jobs[other] for other in needs]
        job.needs_made += [jobs[other] for other in made]
        job.after += [jobs[other] for other in after]
    is_good, said = run(jobs, limit)
    assert not limit or diary.most <= limit
    lost: set[int] = set()
    for _ in edges:
        lost |= {
            number
            for number, (needs, made, _) in enumerate(edges)
            if set(needs) & (failing | lost) or set(made) & lost
        }
    ended = failing - lost
    for number, (needs, made, after) in enumerate(edges):
        name = f"j{number}x"
        # one that was made and fails later may or may not have been seen in between
        maybe = any(other in ended for other in made) and number not in lost
        if number in lost:
            assert f"begin {name}" not in diary.lines
            assert f"jail: {name}: skipped\n" in said
            continue
        if f"begin {name}" not in diary.lines:
            assert maybe or any(f"begin j{o}x" not in diary.lines for o in [*needs, *made])
            continue
        for other in needs:
            assert diary.at(f"end j{other}x") < diary.at(f"begin {name}")
        for other in made:
            assert diary.at(f"made j{other}x") < diary.at(f"begin {name}")
        for other in after:
            finished = [f"end j{other}x", f"fail j{other}x"]
            places = [diary.at(line) for line in finished if line in diary.lines]
            assert all(place < diary.at(f"begin {name}") for place in places)
    assert is_good == all(f"end j{number}x" in diary.lines for number in range(len(edges)))


def test_without_a_limit_jobs_run_at_once() -> None:
    both = threading.Barrier(2, timeout=20)

    def work(turn: Turn, _on_made: Callable[[], None]) -> bool:
        with turn():
            both.wait()
        return True

    assert run([Job(label="a", work=work), Job(label="b", work=work)]) == (True, "")


def test_with_a_limit_of_one_they_are_done_one_after_the_other_in_order() -> None:
    diary = Diary()
    jobs = [diary.job(name, commands=1) for name in "cab"]
    assert run(jobs, 1) == (True, "")
    assert [line for line in diary.lines if line.startswith("begin")] == [
        "begin c", "begin a", "begin b",
    ]  # fmt: skip
    assert diary.most == 1


def test_who_is_first_in_the_list_is_served_first() -> None:
    turns = Turns(1)
    served: list[int] = []
    held, waiting = threading.Event(), threading.Event()

    def hold() -> None:
        with turns.of(9)():
            held.set()
            waiting.wait(20)

    def ask(number: int) -> None:
        with turns.of(number)():
            served.append(number)

    threads = [threading.Thread(target=hold)]
    threads[0].start()
    assert held.wait(20)
    for number in (3, 1, 2):
        threads.append(threading.Thread(target=ask, args=(number,)))
        threads[-1].start()
    while len(turns.waiting) < 3:
        threading.Event().wait(0.001)
    waiting.set()
    for thread in threads:
        thread.join(20)
    assert served == [1, 2, 3]


def test_jobs_that_wait_for_each_other_are_skipped() -> None:
    diary = Diary()
    one, other, third = (diary.job(name) for name in "abc")
    one.needs.append(other)
    other.needs_made.append(one)
    assert run([one, other, third]) == (False, "jail: a: skipped\njail: b: skipped\n")
    assert "end c" in diary.lines


@pytest.mark.parametrize("limit", [0, 1])
def test_what_only_comes_after_a_skipped_job_is_still_done(limit: int) -> None:
    diary = Diary()
    failing, lost, later = diary.job("a", fails_at=0), diary.job("b"), diary.job("c")
    lost.needs.append(failing)
    later.after.append(lost)
    assert run([later, lost, failing], limit) == (False, "jail: b: skipped\n")
    assert "end c" in diary.lines


def test_a_mistake_in_one_thread_fails_only_its_job() -> None:
    def work(_turn: Turn, _on_made: Callable[[], None]) -> bool:
        raise ZeroDivisionError("x")

    diary = Diary()
    assert run([Job(label="a", work=work), diary.job("b")]) == (
        False,
        "jail: a: internal error: ZeroDivisionError: x\n",
    )
    assert "end b" in diary.lines


def test_the_same_jail_is_not_skipped_aloud() -> None:
    diary = Diary()
    stop, start, other = diary.job("a", fails_at=0), diary.job("a"), diary.job("b")
    start.needs.append(stop)
    other.needs.append(start)
    # what depends on it is told through the one that was not done
    assert run([stop, start, other], 1) == (False, "jail: b: skipped\n")


@pytest.mark.parametrize("limit", [1, 2])
def test_nothing_to_do_is_done(limit: int) -> None:
    assert run([], limit) == (True, "")


def test_after_an_interrupt_nothing_new_begins_and_what_runs_is_waited_for() -> None:
    diary = Diary()
    said = io.StringIO()

    def work(_turn: Turn, _on_made: Callable[[], None]) -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        deadline = time.monotonic() + 20
        while "skipped" not in said.getvalue() and time.monotonic() < deadline:
            threading.Event().wait(0.001)
        diary.write("ended in good order")
        return True

    running, waiting = Job(label="a", work=work), diary.job("b")
    waiting.needs.append(running)
    assert not Schedule([running, waiting], Notes(said, said), 0).run()
    assert said.getvalue() == "jail: b: skipped\n"
    assert diary.lines == ["ended in good order"]


def test_an_interrupt_of_one_is_the_end_of_all_that_come_after_it() -> None:
    def work(_turn: Turn, _on_made: Callable[[], None]) -> bool:
        raise KeyboardInterrupt

    diary = Diary()
    jobs = [diary.job("a"), Job(label="b", work=work), diary.job("c")]
    assert run(jobs, 1) == (False, "jail: c: skipped\n")
    assert "end a" in diary.lines

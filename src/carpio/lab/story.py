"""The life of a redundant pair, step by step, and what each step must lead to.

Host a is preferred (advskew 0, preempt), host b stands by (advskew 100). A step does one thing to
a host and says who must be master at its end. The story measures nothing: it acts, notes the time,
and goes on when the advertisement it waits for was seen, or not seen in time.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from carpio.lab.implementation import Group, Implementation
from carpio.lab.observe import AdvertWatch
from carpio.lab.topology import Host, Lab

__all__ = ["ACTS", "STEPS", "Played", "Stage", "Step", "play", "steps_of"]

ADVSKEW: Final = {"a": 0, "b": 100}
TAKEOVER_TIMEOUT_S: Final = 8.0
WATCH_S: Final = 1.5
"""How long a step is watched after the takeover."""
STANDBY_S: Final = 4.5
"""Longer than a BACKUP that hears nothing would wait: 3 x advbase + advskew/256 s."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a step acts on."""

    lab: Lab
    watch: AdvertWatch
    implementation: Implementation
    group: Group

    def start(self, name: str) -> None:
        """Start the daemon of a host."""
        self.lab[name].start(self.implementation, self.group, advskew=ADVSKEW[name], preempt=True)

    def boot(self, name: str) -> None:
        """Bring a host up with nothing left in its kernel, and start its daemon."""
        self.lab[name].boot()
        self.start(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event of the story. `act` names the option by which it is chosen."""

    act: str
    title: str
    do: Callable[[Stage], None]
    master: str
    takeover: bool = True
    """Whether `master` must take over; otherwise it must stay."""
    has_service_before: bool = True
    gap_target_ms: float | None = None
    about_s: float = 3.5
    """Duration to expect, for people who wait."""


def _signal(name: str, number: signal.Signals) -> Callable[[Stage], None]:
    def do(stage: Stage) -> None:
        host: Host = stage.lab[name]
        if host.daemon:
            host.daemon.send(number)

    return do


STEPS: Final[tuple[Step, ...]] = (
    Step(
        act="start",
        title="a starts, alone",
        do=lambda stage: stage.start("a"),
        master="a",
        has_service_before=False,
        about_s=5.0,
    ),
    Step(
        act="boot",
        title="b boots beside a busy master",
        do=lambda stage: stage.boot("b"),
        master="a",
        takeover=False,
        gap_target_ms=20.0,
        about_s=5.0,
    ),
    Step(
        act="crash",
        title="a loses power",
        do=lambda stage: stage.lab["a"].crash(),
        master="b",
        about_s=5.0,
    ),
    Step(
        act="crash",
        title="a is back and preempts",
        do=lambda stage: stage.boot("a"),
        master="a",
        gap_target_ms=20.0,
    ),
    Step(
        act="stop",
        title="a is stopped gracefully",
        do=_signal("a", signal.SIGTERM),
        master="b",
        gap_target_ms=20.0,
        about_s=2.0,
    ),
    Step(
        act="stop",
        title="a is started again",
        do=lambda stage: stage.start("a"),
        master="a",
        gap_target_ms=20.0,
    ),
    Step(
        act="kill",
        title="a's daemon is killed, link up",
        do=_signal("a", signal.SIGKILL),
        master="b",
        gap_target_ms=600.0,
        about_s=5.0,
    ),
    Step(
        act="kill",
        title="a's daemon is restarted",
        do=lambda stage: stage.start("a"),
        master="a",
        gap_target_ms=20.0,
    ),
)
PROLOGUE: Final = ("start", "boot")
ACTS: Final = tuple(dict.fromkeys(step.act for step in STEPS if step.act not in PROLOGUE))


def steps_of(acts: Sequence[str]) -> tuple[Step, ...]:
    """Return the steps of the chosen acts, always begun with start and boot."""
    return tuple(step for step in STEPS if step.act in (*PROLOGUE, *acts))


@dataclass(frozen=True, slots=True)
class Played:
    """A step that was played in [start_ns, end_ns)."""

    step: Step
    start_ns: int
    end_ns: int


def play(stage: Stage, steps: Sequence[Step], tell: Callable[[Step], None]) -> tuple[Played, ...]:
    """Play the steps in order; `tell` is called before each."""
    starts: list[int] = []
    for step in steps:
        tell(step)
        stage.watch.forget()
        starts.append(time.time_ns())
        step.do(stage)
        if step.takeover:
            _wait_for_takeover(stage, step.master)
        time.sleep(WATCH_S if step.takeover else STANDBY_S)
    ends = (*starts[1:], time.time_ns())
    return tuple(
        Played(step, start, end) for step, start, end in zip(steps, starts, ends, strict=True)
    )


def _wait_for_takeover(stage: Stage, master: str) -> None:
    stage.watch.wait_for(
        lambda host, advert: host == master and not advert.is_bow_out, TAKEOVER_TIMEOUT_S
    )

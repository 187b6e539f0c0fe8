"""State x trigger -> what to do: the one table that the engine obeys.

Theory of operation. An instance is INIT while it may not run (link down, `allow` off,
no address), BACKUP while it listens, MASTER while it owns the addresses. In BACKUP each
family of its addresses has a master-down timer, restarted by each advertisement that is
better than or equal to its own rank; when one expires, or an advertisement says that
its sender is worse (and `preempt` is on) or leaving, the instance takes over. In MASTER it
advertises until it hears a better or equal advertisement. Both directions are ordered so
that nobody lies: a new master lets its advertisement leave before it serves and announces,
an old one falls silent before anything else.

A pair that is not in `RULES` changes nothing. A rule that names another state than the
present one is a change of state: all deadlines of the old state are forgotten, then the
steps are performed in order.

What cannot be in the table, and lives in `instance.py`:
- while the platform refuses the addresses no rule may lead to MASTER; the trigger named by
  `Rule.if_refused` is applied in its place;
- after a bow-out (`LEAVING`) a BACKUP waits for its turn before it applies the trigger;
- a MASTER that gave way to an advert that crossed its own applies `MASTER_TIMED_OUT` again, soon;
- a BACKUP that wakes up much too late applies `STALLED` instead of `MASTER_TIMED_OUT`.

Source: `ip_carp.c` of FreeBSD, as told in the specification, sections 5.3 and 6.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum, auto, unique
from types import MappingProxyType
from typing import Final

from carpio.core.model import Nanoseconds, State

__all__ = ["AFTER_RIVAL", "AT_ONCE", "LEAVING", "RULES", "Rule", "Step", "Trigger", "mermaid"]


@unique
class Trigger(IntEnum):
    """A judged input. (An IntEnum because its hash is cheap.)"""

    ADVERTISEMENT_BETTER = auto()
    """Better than or equal to our rank."""
    ADVERTISEMENT_WORSE = auto()
    """Worse than our rank, no reason to preempt."""
    PREEMPT_LIVING = auto()
    """Worse than our rank, preempt is on, and its sender lives on."""
    PREEMPT_LEAVING = auto()
    """As before, but the sender will time out: a bow-out."""
    WILL_TIME_OUT = auto()
    """So slow that its sender will time out, preempt is off."""
    MASTER_TIMED_OUT = auto()
    ADVERTISEMENT_DUE = auto()
    DEMOTION_CHANGED = auto()
    ADDRESSES_CHANGED = auto()
    """The list changed, is not empty, and nothing else is wrong."""
    READY = auto()
    """The instance may run."""
    RESUMED = auto()
    """It may run, and its gate never closed since an earlier process was MASTER."""
    REEVALUATED = auto()
    """It has to pass through INIT though the link is fine: all addresses gone, or FreeBSD's way."""
    LINK_LOST = auto()
    FORBIDDEN = auto()
    """`allow` was switched off."""
    MASTER_REQUESTED = auto()
    BACKUP_REQUESTED = auto()
    ADDRESSES_REFUSED = auto()
    ADDRESSES_WITHDRAWN = auto()
    """Refused from now on, though until now the mastership was in order."""
    TAKEOVER_REFUSED = auto()
    STALLED = auto()
    SHUT_DOWN = auto()
    VHID_REMOVED = auto()


LEAVING: Final = frozenset({Trigger.PREEMPT_LEAVING, Trigger.WILL_TIME_OUT})
"""Triggers given by an advertisement whose sender will not send the next one in time."""


@unique
class Step(Enum):
    """What is done, in the order of a rule."""

    REPORT = "report"
    ACQUIRE = "acquire"
    ADVERTISE = "advertise"
    RELEASE = "release"
    BOW_OUT = "bow out"
    """Only when the policy asks for it."""
    LISTEN = "listen"
    """Start the master-down timer of every family."""
    LISTEN_FAMILY = "listen family"
    """Restart the master-down timer of the family that was heard or that expired."""
    REANNOUNCE = "reannounce"
    """A rival claims the group: announce again, rate-limited."""


AT_ONCE: Final = (Nanoseconds(0),)
"""Nobody else claims the addresses any more."""
AFTER_RIVAL: Final = (
    Nanoseconds(1_500_000),
    Nanoseconds(5_000_000),
    Nanoseconds(20_000_000),
)
"""A living master needs a moment to fall silent; its last word must not be the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Where to go and what to do.

    `next` None: stay. `reason` "": the input brings its own (a refusal). `announcements`
    are delays after the addresses begin to serve. `if_refused`: applied instead of a rule
    that leads to MASTER while the addresses are refused; None: nothing.
    """

    next: State | None = None
    reason: str = ""
    steps: tuple[Step, ...] = ()
    announcements: tuple[Nanoseconds, ...] = AT_ONCE
    if_refused: Trigger | None = None


def _take_over(
    reason: str,
    *,
    announcements: tuple[Nanoseconds, ...] = AT_ONCE,
    if_refused: Trigger | None = Trigger.TAKEOVER_REFUSED,
) -> Rule:
    return Rule(
        next=State.MASTER,
        reason=reason,
        steps=(Step.REPORT, Step.ACQUIRE, Step.ADVERTISE),
        announcements=announcements,
        if_refused=if_refused,
    )


def _step_down(reason: str) -> Rule:
    steps = (Step.RELEASE, Step.REPORT, Step.LISTEN)
    return Rule(next=State.BACKUP, reason=reason, steps=steps)


def _drop_out(reason: str) -> Rule:
    return Rule(next=State.INIT, reason=reason, steps=(Step.RELEASE, Step.REPORT))


def _bow_out(next_state: State, reason: str, *after: Step) -> Rule:
    steps = (Step.RELEASE, Step.BOW_OUT, Step.REPORT, *after)
    return Rule(next=next_state, reason=reason, steps=steps)


def _retire(reason: str) -> Rule:
    return Rule(next=State.INIT, reason=reason, steps=(Step.REPORT,))


_PREEMPTING: Final = "preempting a slower master"
_REQUESTED: Final = "user requested via ifconfig"
_DOWN: Final = "hardware interface down"
_UP: Final = "hardware interface up"
_LISTEN_ON: Final = Rule(steps=(Step.LISTEN_FAMILY,))
_LISTEN_ANEW: Final = Rule(steps=(Step.LISTEN,))
_ADVERTISE: Final = Rule(steps=(Step.ADVERTISE,))
_REANNOUNCE: Final = Rule(steps=(Step.REANNOUNCE,))

RULES: Final[Mapping[State, Mapping[Trigger, Rule]]] = MappingProxyType(
    {
        State.INIT: MappingProxyType(
            {
                Trigger.READY: Rule(
                    next=State.BACKUP,
                    reason="initialization complete",
                    steps=(Step.REPORT, Step.LISTEN),
                ),
                Trigger.RESUMED: _take_over("resumed", if_refused=Trigger.READY),
            }
        ),
        State.BACKUP: MappingProxyType(
            {
                Trigger.ADVERTISEMENT_BETTER: _LISTEN_ON,
                Trigger.ADVERTISEMENT_WORSE: _LISTEN_ON,
                Trigger.PREEMPT_LIVING: _take_over(_PREEMPTING, announcements=AFTER_RIVAL),
                Trigger.PREEMPT_LEAVING: _take_over(_PREEMPTING),
                Trigger.WILL_TIME_OUT: _take_over("master will time out"),
                Trigger.MASTER_TIMED_OUT: _take_over("master timed out"),
                Trigger.MASTER_REQUESTED: _take_over(_REQUESTED, if_refused=None),
                Trigger.TAKEOVER_REFUSED: _LISTEN_ON,
                Trigger.STALLED: _LISTEN_ANEW,
                Trigger.ADDRESSES_CHANGED: _LISTEN_ANEW,
                Trigger.LINK_LOST: _retire(_DOWN),
                Trigger.FORBIDDEN: _retire(_DOWN),
                Trigger.REEVALUATED: _retire(_UP),
                Trigger.SHUT_DOWN: _retire("shutdown"),
                Trigger.VHID_REMOVED: _retire("vhid removed"),
            }
        ),
        State.MASTER: MappingProxyType(
            {
                Trigger.ADVERTISEMENT_DUE: _ADVERTISE,
                Trigger.DEMOTION_CHANGED: _ADVERTISE,
                Trigger.ADDRESSES_CHANGED: _ADVERTISE,
                Trigger.ADVERTISEMENT_WORSE: _REANNOUNCE,
                Trigger.PREEMPT_LIVING: _REANNOUNCE,
                Trigger.PREEMPT_LEAVING: _REANNOUNCE,
                Trigger.WILL_TIME_OUT: _REANNOUNCE,
                Trigger.ADVERTISEMENT_BETTER: _step_down("more frequent advertisement received"),
                Trigger.ADDRESSES_REFUSED: _step_down(""),
                Trigger.ADDRESSES_WITHDRAWN: _bow_out(State.BACKUP, "", Step.LISTEN),
                Trigger.STALLED: _step_down("stalled"),
                Trigger.BACKUP_REQUESTED: _bow_out(State.BACKUP, _REQUESTED, Step.LISTEN),
                Trigger.LINK_LOST: _drop_out(_DOWN),
                Trigger.REEVALUATED: _bow_out(State.INIT, _UP),
                Trigger.FORBIDDEN: _bow_out(State.INIT, _DOWN),
                Trigger.SHUT_DOWN: _bow_out(State.INIT, "shutdown"),
                Trigger.VHID_REMOVED: _bow_out(State.INIT, "vhid removed"),
            }
        ),
    }
)


def mermaid() -> str:
    """Return the diagram of all changes of state, for the documentation."""
    labels: dict[tuple[State, State], list[str]] = {}
    for state, rules in RULES.items():
        for rule in rules.values():
            if rule.next is not None:
                reasons = labels.setdefault((state, rule.next), [])
                reason = rule.reason or "addresses refused"
                if reason not in reasons:
                    reasons.append(reason)
    lines = ["stateDiagram-v2", f"    [*] --> {State.INIT.value}"]
    lines += [
        f"    {old.value} --> {new.value}: {'<br>'.join(reasons)}"
        for (old, new), reasons in labels.items()
    ]
    return "\n".join(lines) + "\n"

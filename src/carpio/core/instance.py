"""One vhid on one carpdev: obeys the table, keeps the deadlines.

Knows its configuration, its rank and what it heard; must not know links, demotion causes or
other instances (the engine does). Every method takes the effects gathered so far and
appends its own.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, assert_never

from carpio.core.announcer import Announcer
from carpio.core.counters import SENT, new_counters
from carpio.core.crossings import Crossings
from carpio.core.effects import (
    AcquireAddresses,
    AnnounceAddresses,
    Effect,
    ReleaseAddresses,
    ReportTransition,
    SendAdvertisement,
    ServeAddresses,
)
from carpio.core.election import Rank, interval, judge, master_down_time, turn_delay
from carpio.core.events import AddressesRefused
from carpio.core.model import (
    EngineConfig,
    InstanceConfig,
    InstanceView,
    IpAddress,
    Nanoseconds,
    State,
)
from carpio.core.rivals import Rivals
from carpio.core.send_health import SendHealth
from carpio.core.signer import Entropy, Signer
from carpio.core.table import LEAVING, RULES, Step, Trigger
from carpio.core.tenure import Takeover, Tenure
from carpio.wire.constants import BOW_OUT_ADVBASE, BOW_OUT_ADVSKEW, Family
from carpio.wire.header import CarpHeader

__all__ = ["Instance"]

_BACKUP: Final = State.BACKUP
_BETTER: Final = Trigger.ADVERTISEMENT_BETTER
"""Looked up once: a member of an Enum costs five times as much as a global."""
_LISTEN_FAMILY: Final = Step.LISTEN_FAMILY
_OtherStep: TypeAlias = Literal[
    Step.ADVERTISE,
    Step.REANNOUNCE,
    Step.LISTEN,
    Step.REPORT,
    Step.ACQUIRE,
    Step.RELEASE,
    Step.BOW_OUT,
]
_TOO_LATE: Final = 500_000_000
"""A BACKUP that wakes up this late was asleep: it may not have heard the master."""


class Instance:
    """The state machine of one group.

    `due` is the earliest deadline; `order` tells instances apart by creation; `is_suppressed`
    and `send_health` belong to the engine, which turns them into demotion.
    """

    def __init__(
        self,
        config: InstanceConfig,
        policy: EngineConfig,
        *,
        demotion: int,
        entropy: Entropy,
        order: int,
        now: Nanoseconds,
        totals: dict[str, int],
    ) -> None:
        self.key = config.instance
        self.order = order
        self.due: Nanoseconds | None = None
        self.counters = new_counters()
        self.is_suppressed = False
        self.send_health = SendHealth()
        self._totals = totals
        self._signer = Signer(config, entropy)
        self._crossings = Crossings(entropy)
        self._rivals = Rivals()
        self._demotion = demotion
        self._refusal: str | None = None
        self._last_sent: Nanoseconds | None = None
        self._tenure = Tenure(State.INIT, now)
        self._configure(config, policy)

    @property
    def state(self) -> State:
        """The present state."""
        return self._tenure.state

    # -- what the engine tells -----------------------------------------------------------

    def apply(
        self,
        trigger: Trigger,
        now: Nanoseconds,
        effects: list[Effect],
        family: Family = Family.IPV4,
        reason: str = "",
    ) -> None:
        """Do what the table says about `trigger`; the only way to another state.

        `family` is the one that was heard or expired, `reason` the text of a refusal.
        """
        tenure = self._tenure
        old = tenure.state
        rule = RULES[old].get(trigger)
        if self._refusal is not None and rule is not None and rule.next is State.MASTER:
            rule = None if rule.if_refused is None else RULES[old][rule.if_refused]
        if rule is None:
            return
        if rule.next is not None:
            tenure = Tenure(rule.next, now, rule.reason or reason, rule.announcements)
            self._tenure = tenure
        for step in rule.steps:
            if step is _LISTEN_FAMILY:  # what BACKUPs do nearly all the time
                tenure.master_down[family] = self._master_down_at(now)
            else:
                self._perform(step, old, now, effects)
        if tenure.announcer is not None:
            self._announce_if_due(now, effects)
        self.due = tenure.due()

    def hear(
        self,
        header: CarpHeader,
        family: Family,
        source: IpAddress,
        now: Nanoseconds,
        effects: list[Effect],
    ) -> None:
        """React to a valid advertisement (spec 5.3) that is none of ours."""
        self._rivals.note(source, header, now)
        rank = self._rank
        theirs = interval(header.advbase, header.advskew)
        if theirs == rank.interval and self._has_crossed(header, family):
            self._cross(family, now, effects)
            return
        self._crossings.end()
        trigger = judge(theirs, rank)
        tenure = self._tenure
        if tenure.state is _BACKUP:
            if trigger is _BETTER:
                tenure.takeover = None
            elif trigger in LEAVING and self._waits_for_turn(trigger, family, now):
                self.due = tenure.due()
                return
        self.apply(trigger, now, effects, family)

    def fire(self, now: Nanoseconds, effects: list[Effect]) -> None:
        """Do what is due; harmless when nothing is."""
        tenure = self._tenure
        if tenure.state is _BACKUP:
            self._fire_backup(now, effects)
        elif tenure.advertise_at is not None and tenure.advertise_at <= now:
            self._crossings.end()
            self.apply(Trigger.ADVERTISEMENT_DUE, now, effects)
        else:
            self._announce_if_due(now, effects)
            self.due = tenure.due()

    def serve(self, now: Nanoseconds, effects: list[Effect]) -> bool:
        """An advertisement left: with the first of a mastership the addresses begin to work.

        Tells whether it was that one, and `due` another.
        """
        tenure = self._tenure
        if tenure.announcer is not None or tenure.state is not State.MASTER:
            return False
        tenure.announcer = Announcer(tenure.announcements, now)
        effects.append(ServeAddresses(self.key))
        self._announce_if_due(now, effects)
        self.due = tenure.due()
        return True

    def refuse(self, event: AddressesRefused, now: Nanoseconds, effects: list[Effect]) -> None:
        """The platform does not hold the addresses: never MASTER until `permit`."""
        self._refusal = event.reason
        trigger = Trigger.ADDRESSES_WITHDRAWN if event.was_in_order else Trigger.ADDRESSES_REFUSED
        self.apply(trigger, now, effects, reason=event.reason)

    def permit(self) -> None:
        """The platform will hold the addresses."""
        self._refusal = None

    def demote(self, demotion: int, now: Nanoseconds, effects: list[Effect]) -> None:
        """The demotion number of the host is now `demotion`."""
        self._demotion = demotion
        self._rerank()
        self.apply(Trigger.DEMOTION_CHANGED, now, effects)

    def reconfigure(
        self,
        config: InstanceConfig,
        policy: EngineConfig,
        now: Nanoseconds,
        effects: list[Effect],
    ) -> None:
        """Go on with `config`; running deadlines stay (R-085) unless the addresses change."""
        old = {virtual.address for virtual in self.config.addresses}
        new = {virtual.address for virtual in config.addresses}
        self._policy = policy
        if old != new and (policy.strict_freebsd or not new):
            self.apply(Trigger.REEVALUATED, now, effects)
        self._configure(config, policy)
        if old == new:
            return
        if self._tenure.announcer is not None and new - old:
            self._tenure.announcer.start_again(now)
        self.apply(Trigger.ADDRESSES_CHANGED, now, effects)

    # -- what the engine asks --------------------------------------------------------------

    def recognises(self, header: CarpHeader, family: Family) -> bool:
        """Tell whether one of our own advertisements was the same."""
        return self._signer.has_sent(header, family)

    def accepts(self, header: CarpHeader) -> bool:
        """Check the digest; a right one sets our counter, in every state (spec 4.4)."""
        return self._signer.accepts(header)

    def count(self, name: str) -> None:
        """Count something of this instance, here and in the totals."""
        self.counters[name] += 1
        self._totals[name] += 1

    def view(self) -> InstanceView:
        """Return a frozen picture."""
        return InstanceView(
            instance=self.key,
            state=self.state,
            since=self._tenure.since,
            reason=self._tenure.reason,
            advbase=self.config.advbase,
            advskew=self.config.advskew,
            effective_advskew=self._rank.advskew,
            addresses=self.config.addresses,
            serving=self._tenure.announcer is not None,
            refusal=self._refusal,
            last_advert_heard=self._rivals.last_heard(),
            last_advert_sent=self._last_sent,
            next_deadline=self.due,
            rivals=self._rivals.views(),
            counters=dict(self.counters),
        )

    # -- steps -----------------------------------------------------------------------------

    def _perform(
        self, step: _OtherStep, old: State, now: Nanoseconds, effects: list[Effect]
    ) -> None:
        tenure = self._tenure
        match step:  # the frequent one first
            case Step.ADVERTISE:
                self._advertise(now, effects)
            case Step.REANNOUNCE:
                if tenure.announcer is not None and not self._policy.strict_freebsd:
                    tenure.announcer.note_rival(now)
            case Step.LISTEN:
                tenure.takeover = None
                tenure.master_down = dict.fromkeys(self.families, self._master_down_at(now))
            case Step.REPORT:
                effects.append(ReportTransition(self.key, old, tenure.state, tenure.reason))
            case Step.ACQUIRE:
                effects.append(AcquireAddresses(self.key))
            case Step.RELEASE:
                effects.append(ReleaseAddresses(self.key))
            case Step.BOW_OUT:
                self._bow_out(effects)
            case _:
                assert_never(step)

    def _advertise(self, now: Nanoseconds, effects: list[Effect]) -> None:
        tenure, rank = self._tenure, self._rank
        for family in self.families:
            payload = self._signer.sign(self.config.advbase, rank.advskew, family)
            effects.append(SendAdvertisement(self.key, family, payload))
            self.count(SENT[family])
        self._last_sent = now
        tenure.advertise_at = Nanoseconds(now + rank.interval)
        if tenure.announcer is not None:
            tenure.announcer.note_advertisement(now)

    def _bow_out(self, effects: list[Effect]) -> None:
        if self._policy.strict_freebsd or not self._policy.bow_out:
            return
        for family in self.families:
            payload = self._signer.sign(BOW_OUT_ADVBASE, BOW_OUT_ADVSKEW, family)
            effects.append(SendAdvertisement(self.key, family, payload, bow_out=True))
            self.count(SENT[family])

    def _announce_if_due(self, now: Nanoseconds, effects: list[Effect]) -> None:
        announcer = self._tenure.announcer
        if announcer is not None and announcer.take(now):
            effects.append(AnnounceAddresses(self.key))

    # -- deadlines -------------------------------------------------------------------------

    def _fire_backup(self, now: Nanoseconds, effects: list[Effect]) -> None:
        tenure = self._tenure
        if self.due is not None and now - self.due > _TOO_LATE:
            self.apply(Trigger.STALLED, now, effects)
            return
        takeover = tenure.takeover
        if takeover is not None and takeover.at <= now:
            tenure.takeover = None
            self.apply(takeover.trigger, now, effects, takeover.family)
        for family, at in tuple(tenure.master_down.items()):
            if at <= now:  # nothing, when the instance has just taken over
                self.apply(Trigger.MASTER_TIMED_OUT, now, effects, family)

    def _has_crossed(self, header: CarpHeader, family: Family) -> bool:
        """Tell whether a peer of our rank sent this before it can have heard the same of us."""
        return not self._policy.strict_freebsd and self._signer.has_sent(header, family)

    def _cross(self, family: Family, now: Nanoseconds, effects: list[Effect]) -> None:
        """Give way to an equal as ever (R-065); it does the same, so somebody must come back."""
        was_master = self.state is State.MASTER
        self.apply(Trigger.ADVERTISEMENT_BETTER, now, effects, family)
        if was_master:
            at = Nanoseconds(now + self._crossings.next_delay())
            self._tenure.takeover = Takeover(at, Trigger.MASTER_TIMED_OUT, family)
            self.due = self._tenure.due()

    def _waits_for_turn(self, trigger: Trigger, family: Family, now: Nanoseconds) -> bool:
        """Let better ones go first after a bow-out; tell whether there is anything to wait for."""
        delay = turn_delay(self._rank.advskew)
        if self._policy.strict_freebsd or not delay:
            return False
        if self._tenure.takeover is None:
            self._tenure.takeover = Takeover(Nanoseconds(now + delay), trigger, family)
        return True

    def _master_down_at(self, now: Nanoseconds) -> Nanoseconds:
        return Nanoseconds(now + self._master_down_time)

    # -- settings --------------------------------------------------------------------------

    def _configure(self, config: InstanceConfig, policy: EngineConfig) -> None:
        self.config = config
        self._policy = policy
        held = {virtual.family for virtual in config.addresses}
        self.families = tuple(family for family in Family if family in held)
        self._master_down_time = master_down_time(config.advbase, config.advskew)
        self._signer.configure(config)
        self._rerank()

    def _rerank(self) -> None:
        preempt = self._policy.preempt if self.config.preempt is None else self.config.preempt
        self._rank = Rank.of(
            self.config.advbase, self.config.advskew, self._demotion, preempt=preempt
        )

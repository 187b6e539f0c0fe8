"""All instances of one network stack: the only door into the core.

Theory of operation. The engine owns what instances share - the state of the links, the
demotion ledger, the schedule - and turns each event into triggers for the instances it
concerns, always in the order of the configuration. An instance that may run (its link is up,
`allow` is on, it has an address) leaves INIT, one that may not falls back to it (`_evaluate`);
the demotion that goes with a lost link is added after the change of state is reported, as
the BSDs do. Whenever the demotion number was adjusted, every MASTER advertises once at the
end of the same call, however many adjustments there were.

Effects must be performed in order and the events that come of them (`SendSucceeded`,
`SendFailed`) handed in before anything that happened later.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from types import MappingProxyType
from typing import Final, TypeAlias, assert_never

from carpio.core.counters import RECEIVED, new_counters
from carpio.core.demotion import DemotionLedger
from carpio.core.effects import Effect, ReportDemotion, ReportDrop
from carpio.core.events import (
    AddressesAvailable,
    AddressesRefused,
    ConfigurationReplaced,
    CountersCleared,
    DatagramReceived,
    DeadlineReached,
    DemotionAdjusted,
    DemotionCleared,
    Event,
    LinkWentDown,
    LinkWentUp,
    SendFailed,
    SendSucceeded,
    Stalled,
    Started,
    StateRequested,
    Stopped,
)
from carpio.core.instance import Instance
from carpio.core.model import (
    EngineConfig,
    EngineView,
    InstanceConfig,
    InstanceKey,
    Nanoseconds,
    State,
)
from carpio.core.schedule import Schedule
from carpio.core.signer import Entropy
from carpio.core.table import Trigger
from carpio.core.verify import verify
from carpio.wire.constants import DropReason

__all__ = ["Engine"]

_RareEvent: TypeAlias = (
    Started
    | Stopped
    | ConfigurationReplaced
    | LinkWentUp
    | LinkWentDown
    | DemotionAdjusted
    | DemotionCleared
    | CountersCleared
    | StateRequested
    | SendFailed
    | AddressesRefused
    | AddressesAvailable
    | Stalled
)
"""What does not happen with each advert."""
_NO_GROUPS: Final[Mapping[int, Instance]] = MappingProxyType({})
_REMOVED: Final = "vhid removed"
_REQUESTS: Final = MappingProxyType(
    {State.MASTER: Trigger.MASTER_REQUESTED, State.BACKUP: Trigger.BACKUP_REQUESTED}
)
"""A request for INIT is ignored (spec 6.3)."""


class Engine:
    """Events in, effects out; see the package docstring for the contract.

    Before `Started` and after `Stopped` every other event is ignored.
    """

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._order = count()
        self._is_running = False
        self._config = EngineConfig()
        self._instances: dict[InstanceKey, Instance] = {}
        self._groups: dict[str, dict[int, Instance]] = {}
        self._links: dict[str, bool] = {}
        self._resumed: set[InstanceKey] = set()
        self._demotion = DemotionLedger()
        self._demotion_changed = False
        self._schedule = Schedule()
        self._counters = new_counters()

    def handle(self, event: Event, now: Nanoseconds) -> list[Effect]:
        """Return what must be done because of `event`, in order."""
        effects: list[Effect] = []
        if not self._is_running and not isinstance(event, Started):
            return effects
        match event:  # the frequent ones first
            case DatagramReceived():
                self._receive(event, now, effects)
            case SendSucceeded():
                self._note_success(event.instance, now, effects)
            case DeadlineReached():
                for instance in self._schedule.pop_due(now):
                    instance.fire(now, effects)
                    self._schedule.update(instance)
            case _:
                self._handle_rare(event, now, effects)
        if self._demotion_changed:
            self._demotion_changed = False
            for instance in self._instances.values():
                instance.demote(self._demotion.total, now, effects)
                self._schedule.update(instance)
        return effects

    def next_deadline(self) -> Nanoseconds | None:
        """Return when `DeadlineReached` is due at the latest; None: nothing is awaited."""
        return self._schedule.next_deadline()

    def awaits_takeover(self) -> bool:
        """Return whether at `next_deadline` an instance may become MASTER."""
        instance = self._schedule.next_instance()
        return instance is not None and instance.state is State.BACKUP

    def is_stuck(self, carpdev: str, vhid: int) -> bool:
        """Return whether a group that is not INIT awaits nothing: it would never act by itself.

        That must not be; for those who test the engine. A group that is not there is not stuck.
        """
        instance = self._groups.get(carpdev, _NO_GROUPS).get(vhid)
        if instance is None or instance.state is State.INIT:
            return False
        return not self._schedule.awaits(instance)

    def snapshot(self) -> EngineView:
        """Return a frozen picture of everything."""
        return EngineView(
            instances=tuple(instance.view() for instance in self._instances.values()),
            demotion=self._demotion.total,
            causes=self._demotion.causes(),
            counters=dict(self._counters),
        )

    def _handle_rare(self, event: _RareEvent, now: Nanoseconds, effects: list[Effect]) -> None:
        match event:
            case SendFailed():
                self._note_failure(event.instance, event.errno, effects)
            case Started():
                self._start(event, now, effects)
            case Stopped():
                self._stop(now, effects)
            case ConfigurationReplaced():
                self._replace_configuration(event.config, now, effects)
            case LinkWentUp():
                self._set_link(event.carpdev, True, now, effects)
            case LinkWentDown():
                self._set_link(event.carpdev, False, now, effects)
            case DemotionAdjusted():
                self._adjust_demotion(event.cause, event.delta, event.cause, effects)
            case DemotionCleared():
                if self._demotion.holds(event.cause):
                    self._clear_demotion(event.cause, event.cause, effects)
            case CountersCleared():
                self._counters.update(new_counters())
            case Stalled():
                for instance in self._instances.values():
                    self._apply(instance, Trigger.STALLED, now, effects)
            case StateRequested() | AddressesRefused() | AddressesAvailable():
                self._tell(event, now, effects)
            case _:
                assert_never(event)

    # -- adverts ---------------------------------------------------------------------------

    def _receive(self, event: DatagramReceived, now: Nanoseconds, effects: list[Effect]) -> None:
        received = RECEIVED[event.family]
        self._counters[received] += 1
        if not self._config.allow:
            effects.append(ReportDrop(event.carpdev, DropReason.NOT_ALLOWED, ""))
            return
        verified = verify(event, self._groups.get(event.carpdev, _NO_GROUPS))
        if isinstance(verified, ReportDrop):
            self._count_drop(verified)
            effects.append(verified)
            return
        instance, header = verified
        instance.counters[received] += 1
        instance.hear(header, event.family, event.source, now, effects)
        self._schedule.update(instance)

    def _count_drop(self, drop: ReportDrop) -> None:
        if drop.instance is None:
            self._counters[drop.reason.value] += 1
        else:
            self._instances[drop.instance].count(drop.reason.value)

    def _note_success(self, key: InstanceKey, now: Nanoseconds, effects: list[Effect]) -> None:
        """Take a good send into account (spec 10.1)."""
        instance = self._instances.get(key)
        if instance is None:
            return
        if instance.serve(now, effects):
            self._schedule.update(instance)
        if instance.send_health.succeed():
            cause, reason = _send_error_cause(key), f"send ok on {key.carpdev}"
            self._clear_demotion(cause, reason, effects)

    def _note_failure(self, key: InstanceKey, errno: int, effects: list[Effect]) -> None:
        instance = self._instances.get(key)
        if instance is not None and instance.send_health.fail():
            cause, reason = _send_error_cause(key), f"send error {errno} on {key.carpdev}"
            factor = self._config.senderr_demotion_factor
            self._adjust_demotion(cause, factor, reason, effects)

    # -- life of instances -----------------------------------------------------------------

    def _start(self, event: Started, now: Nanoseconds, effects: list[Effect]) -> None:
        self._is_running = True
        self._resumed = set(event.resumed)
        self._replace_configuration(event.config, now, effects)

    def _stop(self, now: Nanoseconds, effects: list[Effect]) -> None:
        for instance in self._instances.values():
            self._apply(instance, Trigger.SHUT_DOWN, now, effects)
        self._links.clear()
        self._is_running = False

    def _replace_configuration(
        self, config: EngineConfig, now: Nanoseconds, effects: list[Effect]
    ) -> None:
        old, self._config = self._instances, config
        wanted = {settings.instance: settings for settings in config.instances}
        for key, instance in old.items():
            if key not in wanted:
                self._remove(instance, now, effects)
        self._instances, self._groups = {}, {}
        for key, settings in wanted.items():
            known = old.get(key)
            if known is not None:
                known.reconfigure(settings, config, now, effects)
            instance = known or self._create(settings, now)
            self._instances[key] = instance
            self._groups.setdefault(key.carpdev, {})[key.vhid] = instance
            self._evaluate(instance, now, effects)

    def _create(self, settings: InstanceConfig, now: Nanoseconds) -> Instance:
        return Instance(
            settings,
            self._config,
            demotion=self._demotion.total,
            entropy=self._entropy,
            order=next(self._order),
            now=now,
            totals=self._counters,
        )

    def _remove(self, instance: Instance, now: Nanoseconds, effects: list[Effect]) -> None:
        self._resumed.discard(instance.key)
        self._apply(instance, Trigger.VHID_REMOVED, now, effects)
        if instance.is_suppressed:
            self._clear_demotion(_link_cause(instance.key), _REMOVED, effects)
        if instance.send_health.is_condemned:
            self._clear_demotion(_send_error_cause(instance.key), _REMOVED, effects)

    def _set_link(self, carpdev: str, is_up: bool, now: Nanoseconds, effects: list[Effect]) -> None:
        if self._links.get(carpdev) is is_up:
            return
        self._links[carpdev] = is_up
        for instance in self._groups.get(carpdev, {}).values():
            self._evaluate(instance, now, effects)

    def _evaluate(self, instance: Instance, now: Nanoseconds, effects: list[Effect]) -> None:
        """Apply the "may run" condition (spec 6.2, 6.4) and the demotion that goes with it."""
        key = instance.key
        is_up = self._links.get(key.carpdev)
        if is_up is None:  # not heard of yet: neither up nor a failure
            return
        cause = _link_cause(key)
        if is_up and self._config.allow:
            if instance.families:
                trigger = Trigger.RESUMED if key in self._resumed else Trigger.READY
                self._apply(instance, trigger, now, effects)
            if instance.is_suppressed:
                instance.is_suppressed = False
                self._clear_demotion(cause, "interface up", effects)
        else:
            trigger = Trigger.FORBIDDEN if is_up else Trigger.LINK_LOST
            self._apply(instance, trigger, now, effects)
            if not instance.is_suppressed:
                instance.is_suppressed = True
                factor = self._config.ifdown_demotion_factor
                self._adjust_demotion(cause, factor, "interface down", effects)
        self._resumed.discard(key)

    # -- the rest ----------------------------------------------------------------------------

    def _tell(
        self,
        event: StateRequested | AddressesRefused | AddressesAvailable,
        now: Nanoseconds,
        effects: list[Effect],
    ) -> None:
        instance = self._instances.get(event.instance)
        if instance is None:
            return
        match event:
            case StateRequested():
                trigger = _REQUESTS.get(event.state)
                if trigger is not None:
                    self._apply(instance, trigger, now, effects)
            case AddressesRefused():
                instance.refuse(event, now, effects)
                self._schedule.update(instance)
            case AddressesAvailable():
                instance.permit()
            case _:
                assert_never(event)

    def _apply(
        self, instance: Instance, trigger: Trigger, now: Nanoseconds, effects: list[Effect]
    ) -> None:
        instance.apply(trigger, now, effects)
        self._schedule.update(instance)

    def _adjust_demotion(self, cause: str, delta: int, reason: str, effects: list[Effect]) -> None:
        self._demotion.add(cause, delta)
        self._report_demotion(delta, reason, effects)

    def _clear_demotion(self, cause: str, reason: str, effects: list[Effect]) -> None:
        self._report_demotion(self._demotion.clear(cause), reason, effects)

    def _report_demotion(self, delta: int, reason: str, effects: list[Effect]) -> None:
        self._demotion_changed = True
        effects.append(ReportDemotion(delta, self._demotion.total, reason))


def _link_cause(key: InstanceKey) -> str:
    return f"interface down {key}"


def _send_error_cause(key: InstanceKey) -> str:
    return f"send error {key}"

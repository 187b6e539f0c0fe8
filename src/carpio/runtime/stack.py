"""One network stack: an engine, the datapath it commands, and the carpdevs it speaks through.

Turns what Linux says into events, hands them to the engine, and has the effects performed.
Knows no election rule. The driver calls `turn` when a file is readable or a deadline has come.
"""

from __future__ import annotations

import dataclasses
import errno
import hmac
import logging
from collections import deque
from collections.abc import Collection, Mapping, Sequence

from carpio.config.model import DaemonConfig
from carpio.core.effects import (
    AcquireAddresses,
    Effect,
    ReportDemotion,
    ReportDrop,
    ReportTransition,
)
from carpio.core.engine import Engine
from carpio.core.events import (
    AddressesAvailable,
    AddressesRefused,
    ConfigurationReplaced,
    DatagramReceived,
    DeadlineReached,
    DemotionAdjusted,
    DemotionCleared,
    Event,
    LinkWentDown,
    LinkWentUp,
    Stalled,
    Started,
    Stopped,
)
from carpio.core.model import EngineView, InstanceConfig, InstanceKey, Nanoseconds, State, Vhid
from carpio.errors import PlatformError
from carpio.ports import Clock, Entropy
from carpio.runtime.carpdev import Carpdev, choose_sources
from carpio.runtime.claims import Claims
from carpio.runtime.guard import Guard
from carpio.runtime.guests import Attachment
from carpio.runtime.inventory import ALIAS_PREFIX, BACKUP_TABLE, Inventory
from carpio.runtime.namespace import Namespace
from carpio.runtime.nfnetlink import open_netfilter_socket
from carpio.runtime.performer import Performer
from carpio.runtime.plane import MOVING, Plane, boot_time, dead_man_time
from carpio.runtime.rtnetlink import open_route_socket, receive_notifications
from carpio.runtime.rtobjects import (
    MONITOR_GROUPS,
    Address,
    Link,
    LocalRoute,
    Notification,
    Route,
)
from carpio.runtime.settings import StateFile
from carpio.runtime.trace import Tracer, TraceWriter
from carpio.wire.constants import Family
from carpio.wire.ethernet import advertising_vhid
from carpio.wire.packet import Datagram, dissect

__all__ = ["NOT_READY", "Stack"]

log = logging.getLogger("carpio")

_BURST = 32
"""Frames handled before effects are performed: a better advert is obeyed even under a flood."""
_CATCH_UP = 4096
"""Frames read before a late deadline is believed: they may say that nothing is wrong."""
_CROSSING = 512
"""Frames read when gates were opened: an advert of each group and family may have crossed."""
_LATE = Nanoseconds(50_000_000)
_EARLY = Nanoseconds(300_000)
"""So long before a takeover this process wakes up, and waits for the moment without sleeping."""
_LOOK_DELAY = Nanoseconds(20_000_000)
"""Changes by others come in groups; one look after this time serves all."""
_LOOK_DURATION = Nanoseconds(15_000_000)
"""What a look costs at least; none is begun so shortly before a deadline."""
_PATIENCE = Nanoseconds(200_000_000)
_NO_PATIENCE = Nanoseconds(0)
_LOOK_INTERVAL = Nanoseconds(10_000_000_000)
"""A look without any notification, against what nobody reports."""
_GUEST_INTERVAL = Nanoseconds(2_000_000_000)
"""The same where containers hold addresses: nobody tells when a namespace loses its name."""
_RETRY = Nanoseconds(1_000_000_000)
_SECOND_DISMISSAL = Nanoseconds(5_000_000)
"""We hear a frame before the guard sees it: so much later what it did is seen for sure."""
_NO_SOURCE = frozenset((bytes(4), bytes(16)))
"""0.0.0.0 and `::`, from hosts without an address: they can be anybody's."""
NOT_READY = "waiting until duplicate address detection of the interface is over"
"""A refusal that goes away by itself."""
_LEVEL = {True: logging.INFO, False: logging.ERROR}


class Stack:
    """The groups of one network namespace."""

    def __init__(
        self,
        namespace: Namespace,
        config: DaemonConfig,
        state: StateFile,
        clock: Clock,
        entropy: Entropy,
        guard: Guard | None = None,
        demoted: Mapping[str, int] | None = None,
    ) -> None:
        """Claim the namespace. Raises PlatformError, also when another daemon serves it.

        Where the kernel cannot guard, the groups are refused until it can. `demoted` holds by how
        much for which causes it begins demoted.
        """
        self.namespace = namespace
        self.claims = Claims()
        self._use(config)
        self._clock = clock
        self._state = state
        self._guard = guard or Guard(open_socket=lambda: namespace.call(open_netfilter_socket))
        self._is_guarded = False
        self._found_earlier = False
        try:
            self._found_earlier = self._guard.claim()
            self._is_guarded = True
        except PlatformError as error:
            if error.errno in (errno.EBUSY, errno.EPERM):
                raise
        self._monitor = namespace.call(lambda: open_route_socket(MONITOR_GROUPS))
        self._tracer = Tracer(entropy)
        self._engine = Engine(self._tracer.entropy)
        self._plane = Plane(namespace, self._guard, state, backup_routes=config.backup_routes)
        self._carpdevs: dict[str, Carpdev] = {}
        self._own_sources: dict[str, frozenset[bytes]] = {}
        """By carpdev: what an echo of one of our adverts can have as its source."""
        self._usable: set[str] = set()
        self._places: dict[int, tuple[str, int]] = {}
        """Name and master of every interface, by index, as of the last look."""
        self._performer = Performer(self._plane, self._plane.settle, self._carpdevs)
        self._inbox: deque[Event] = deque()
        self._contested: dict[InstanceKey, None] = {}
        """Groups from whose virtual MAC somebody else advertised, in what waits in the inbox."""
        self._dismissed: dict[InstanceKey, None] = {}
        self._dismiss_again_at: Nanoseconds | None = None
        """When to see whether groups whose rivals were dismissed are contested all the same."""
        self.demoted: dict[str, int] = dict(demoted or {})
        """What requests added to the demotion number, by cause."""
        self._refusals: dict[InstanceKey, str] = {}
        self._has_unread = False
        """More frames may wait than were read."""
        self._look_duration = _LOOK_DURATION
        """What the last look cost."""
        self._next_look = clock.now()
        self._look_at_latest = clock.now()
        self._asleep = boot_time() - clock.now()

    # -- life ----------------------------------------------------------------------------

    def start(self) -> None:
        """Hold the groups and begin, as BACKUP or as the MASTER that a killed process was."""
        adopted = self._adopt()
        self._look(self._instances)
        engine_config = self._config.engine_config(self.namespace.name)
        shares = [DemotionAdjusted(cause, value) for cause, value in self.demoted.items()]
        self._inbox.extendleft(reversed(shares))  # before anything is advertised
        self._inbox.appendleft(Started(config=engine_config, resumed=tuple(adopted)))
        self._remember_groups()
        self.turn()

    def replace(self, config: DaemonConfig) -> None:
        """Use another configuration: bind first and be visible second, and the reverse."""
        staying = {new.instance for new in self._of(config)}
        leaving = [old for old in self._instances if old.instance not in staying]
        before, attached = self._instances, self._attached
        self._use(config)
        is_same = before == self._instances and attached == self._attached
        if not is_same:
            self._look([*self._instances, *(self._without_moved(old) for old in leaving)])
        self._inbox.append(ConfigurationReplaced(config=config.engine_config(self.namespace.name)))
        self.turn()
        if leaving or is_same:  # in both cases frames and filters may not be those wanted now
            self._look(self._instances)
        self._remember_groups()
        self.turn()

    def _without_moved(self, leaving: InstanceConfig) -> InstanceConfig:
        """A group that leaves, without addresses that another one has now."""
        kept = tuple(a for a in leaving.addresses if a.address not in self._virtual)
        return dataclasses.replace(leaving, addresses=kept)

    def bow_out(self) -> None:
        """Fall silent and say goodbye: others may take over while the rest is done."""
        self._inbox.append(Stopped())
        self.turn()

    def leave(self, *, wait: bool = True) -> None:
        """Remove everything, after `bow_out`; with `wait` see a trace written to its end."""
        self._plane.remove_all()
        for carpdev in self._carpdevs.values():
            carpdev.close()
        self._monitor.close()
        self._tracer.leave(self._clock.now(), wait=wait)

    # -- the driver's side -----------------------------------------------------------------

    def files(self) -> list[int]:
        """File descriptors to wait on; they change when carpdevs come and go."""
        sockets = [carpdev.socket.fileno() for carpdev in self._carpdevs.values()]
        watched = [self._guard.fileno()] if self._is_guarded else []
        return [*sockets, self._monitor.fileno(), *watched, *self._plane.guests.files()]

    def next_deadline(self) -> Nanoseconds:
        """When `turn` must be called at the latest."""
        deadline = self._engine.next_deadline()
        if deadline is not None and self._engine.awaits_takeover():
            deadline = Nanoseconds(deadline - _EARLY)
        times = (deadline, self._dismiss_again_at, self._next_look)
        return min(at for at in times if at is not None)

    def submit(self, event: Event) -> None:
        """Hand over an event from outside (control) and act on it."""
        if isinstance(event, DemotionAdjusted):
            value = self.demoted.pop(event.cause, 0) + event.delta
            if value:
                self.demoted[event.cause] = value
        elif isinstance(event, DemotionCleared):
            self.demoted.pop(event.cause, None)
        self._inbox.append(event)
        self.turn()

    def view(self) -> EngineView:
        """The engine's picture of itself."""
        return self._engine.snapshot()

    def interfaces(self) -> tuple[list[Link], list[Address]]:
        """What the namespace has now. Raises PlatformError."""
        return self._plane.interfaces()

    def check_attachment(self, attachment: Attachment) -> None:
        """Raise PlatformError when no address could live there."""
        self._plane.guests.check(attachment)

    def refusal(self, key: InstanceKey) -> str | None:
        """Why the host cannot hold this group, or None."""
        return self._refusals.get(key)

    def trace(self, writer: TraceWriter | None) -> None:
        """Let what happens be written down from now on; None: no longer."""
        self._tracer.use(writer, self._engine, self._clock.now())

    def turn(self, ready: Collection[int] | None = None) -> None:
        """Read what waits, then act on time, until nothing is left to do.

        `ready`: the descriptors known to be readable; None: not known, try all. Adverts are
        looked for in any case: they decide whether a deadline still holds.
        """
        now = self._clock.now()
        self._notice_sleep(now)
        deadline = self._engine.next_deadline()
        late = deadline is not None and now - deadline > _LATE
        self._read_monitor(now, ready)
        self._read_frames(_CATCH_UP if late else _BURST)
        self._run_inbox(now)
        self._dismiss_again(now)
        self._give_up_expired()
        self._await_takeover()
        now = self._clock.now()
        deadline = self._engine.next_deadline()
        if deadline is not None and deadline <= now:
            self._inbox.append(DeadlineReached())
        self._run_inbox()
        if self._may_look(self._clock.now()):
            self._look(self._instances)
            self._run_inbox()

    def _await_takeover(self) -> None:
        """Be awake when a takeover is due: waking up costs a third of what it takes."""
        deadline = self._engine.next_deadline()
        begin = self._clock.now()
        if deadline is None or not begin < deadline <= begin + _EARLY:
            return
        if not self._engine.awaits_takeover():
            return
        while self._clock.now() < deadline:
            pass
        self._read_frames(_BURST)
        self._run_inbox()

    def _may_look(self, now: Nanoseconds) -> bool:
        """True when a look is due and nothing more urgent is about to be, or it waited enough."""
        if self._next_look > now:
            return False
        if now >= self._look_at_latest:
            return True
        if self._has_unread:
            return False
        deadline = self._engine.next_deadline()
        if deadline is None or deadline - now >= self._look_duration:
            return True
        self._next_look = Nanoseconds(deadline + 1_000_000)
        return False

    # -- events ----------------------------------------------------------------------------

    def _use(self, config: DaemonConfig) -> None:
        self._config = config
        self._settings = config.settings(self.namespace.name)
        self.log_level = self._settings.log
        """As in `log` of the configuration, until somebody says otherwise."""
        self._instances = self._of(config)
        self._attached = {
            vhid.instance.instance: vhid.attach
            for vhid in config.vhids
            if vhid.netns == self.namespace.name and vhid.attach is not None
        }
        self._virtual = frozenset(a.address for c in self._instances for a in c.addresses)
        shortest = min((c.advbase for c in self._instances), default=1)
        self._shortest_dead_man = dead_man_time(shortest)

    def _of(self, config: DaemonConfig) -> tuple[InstanceConfig, ...]:
        return config.engine_config(self.namespace.name).instances

    def _run_inbox(self, heard_at: Nanoseconds | None = None) -> None:
        """Handle events and what comes of them; talk about it when all is done.

        `heard_at`: when the events that wait came to be known; None: now.
        """
        reports: list[Effect] = []
        while self._inbox or self._contested:
            now, heard_at = heard_at or self._clock.now(), None
            effects: list[Effect] = []
            while self._inbox:
                effects += self._handle(self._inbox.popleft(), now)
            contested, self._contested = self._contested, {}
            if effects or contested:
                self._inbox.extend(self._perform(effects, contested))
                reports += effects
        self._report(reports)
        self._tracer.write(self._engine)

    def _perform(
        self, effects: Sequence[Effect], contested: Collection[InstanceKey]
    ) -> Sequence[Event]:
        """Perform; before anything is served, hear who advertised until the gates were open.

        From then on the guard notes it.
        """
        events = self._performer.perform(effects, contested)
        if any(isinstance(effect, AcquireAddresses) for effect in effects):
            self._read_frames(_CROSSING)
        masters = [key for key in contested if self._plane.gate_until(key)]
        if masters:
            self._dismissed.update(dict.fromkeys(masters))
            if self._dismiss_again_at is None:
                self._dismiss_again_at = Nanoseconds(self._clock.now() + _SECOND_DISMISSAL)
        return events

    def _dismiss_again(self, now: Nanoseconds) -> None:
        """Dismiss what the guard noted after the daemon had judged the same frame."""
        if self._dismiss_again_at is None or now < self._dismiss_again_at:
            return
        groups, self._dismissed, self._dismiss_again_at = self._dismissed, {}, None
        self._plane.dismiss_late(groups)

    def _handle(self, event: Event, now: Nanoseconds) -> list[Effect]:
        effects = self._engine.handle(event, now)
        self._tracer.note(now, event, effects)
        return effects

    def _read_frames(self, limit: int) -> None:
        self._has_unread = False
        for name, carpdev in self._carpdevs.items():
            frames = carpdev.socket.receive(limit)
            self._has_unread = self._has_unread or len(frames) == limit
            for frame in frames:
                self._hear(name, frame)

    def _hear(self, carpdev: str, frame: bytes) -> None:
        vhid = advertising_vhid(frame)
        if vhid is not None:
            self._contested[InstanceKey(Vhid(vhid), carpdev)] = None
        packet = dissect(frame)
        if packet is None:
            return
        if isinstance(packet, Datagram):
            self._inbox.append(
                DatagramReceived(
                    carpdev=carpdev,
                    family=packet.family,
                    source=packet.source_address,
                    ttl=packet.ttl,
                    payload=packet.payload,
                    is_own_source=packet.source in self._own_sources.get(carpdev, _NO_SOURCE),
                )
            )
            return
        for address, mac in packet.claims():
            self.claims.hear(carpdev, address, mac, self._clock.now())

    def _notice_sleep(self, now: Nanoseconds) -> None:
        """A suspended machine: monotonic time stood still, the world did not."""
        asleep = boot_time() - now
        slept = Nanoseconds(asleep - self._asleep)
        self._asleep = asleep
        if slept >= self._shortest_dead_man:
            self._inbox.append(Stalled(slept))

    def _give_up_expired(self) -> None:
        """Masters whose gate the kernel has closed, because this process did not run."""
        now = boot_time()
        for key in self._plane.expired(now):
            self._inbox.append(AddressesRefused(key, "dead-man closed the gate"))
            self._inbox.append(AddressesAvailable(key))
        self._run_inbox()

    # -- the host ----------------------------------------------------------------------------

    def _read_monitor(self, now: Nanoseconds, ready: Collection[int] | None) -> None:
        """Obey lost links at once; look at everything else a moment later."""
        speaks = self._is_guarded and (ready is None or self._guard.fileno() in ready)
        if speaks and self._guard.changed():
            self._schedule_look(now)
        if self._plane.guests.has_changed(ready):
            has_ended = self._plane.guests.has_ended()
            at = now if has_ended else Nanoseconds(now + _LOOK_DELAY)
            self._schedule_look(at, _NO_PATIENCE if has_ended else _PATIENCE)
        if ready is not None and self._monitor.fileno() not in ready:
            return
        changes = receive_notifications(self._monitor, self._plane.netlink_ports)
        if changes is None:
            self._schedule_look(now)
            return
        for change in changes:
            if isinstance(change.subject, Link):
                self._note_link(change.subject, change.added, now)
            elif self._concerns(change):
                urgent = isinstance(change.subject, Address) and change.added
                if urgent:
                    self._schedule_look(now)
                else:
                    self._schedule_look(Nanoseconds(now + _LOOK_DELAY), _PATIENCE)

    def _schedule_look(self, at: Nanoseconds, patience: Nanoseconds = _NO_PATIENCE) -> None:
        """Look at the host at `at`, or up to `patience` later when deadlines are near."""
        self._next_look = min(self._next_look, at)
        self._look_at_latest = min(self._look_at_latest, Nanoseconds(at + patience))

    def _note_link(self, link: Link, exists: bool, now: Nanoseconds) -> None:
        for name, carpdev in self._carpdevs.items():
            if carpdev.link.index == link.index:
                if exists and link.name == name:
                    carpdev.link = link
                usable = exists and link.name == name and carpdev.is_usable
                if usable != (name in self._usable):
                    self._set_usable(name, usable)
                    self._schedule_look(Nanoseconds(now + _LOOK_DELAY), _PATIENCE)
                if link.name != name or not exists:
                    self._schedule_look(now)
        if link.name in {c.carpdev for c in self._instances} and link.name not in self._carpdevs:
            self._schedule_look(now)
        if exists and self._is_strange(link):  # it answers for our addresses until it is guarded
            self._schedule_look(now)
        seen = self._plane.latest.link_at(link.index)
        is_news = link != seen if exists else seen is not None
        if (is_news and link.alias.startswith(ALIAS_PREFIX)) or self._refusals:
            # a cause of refusal may be gone now
            self._schedule_look(Nanoseconds(now + _LOOK_DELAY), _PATIENCE)

    def _is_strange(self, link: Link) -> bool:
        """True for an interface that was not there, or not so, at the last look."""
        is_ours = link.alias.startswith(ALIAS_PREFIX)
        return not is_ours and self._places.get(link.index) != (link.name, link.master)

    def _set_usable(self, name: str, usable: bool) -> None:
        if usable and name not in self._usable:
            self._usable.add(name)
            self._inbox.append(LinkWentUp(name))
        elif not usable and name in self._usable:
            self._usable.discard(name)
            self._inbox.append(LinkWentDown(name))

    def _concerns(self, change: Notification) -> bool:
        """True when a change by somebody else may touch what we hold."""
        subject = change.subject
        if isinstance(subject, Address):
            parents = {carpdev.link.index for carpdev in self._carpdevs.values()}
            return subject.address in self._virtual or subject.index in parents
        if isinstance(subject, Route):
            return subject.table == BACKUP_TABLE or subject.oif in self._plane.children
        if isinstance(subject, LocalRoute):
            return not change.added and subject.address in self._virtual
        return bool(self._instances)

    def _look(self, instances: Sequence[InstanceConfig]) -> None:
        """Compare the host with what it must hold, repair it, and tell the engine."""
        now = self._clock.now()
        self._plane.guests.want(self._attached)
        interval = _GUEST_INTERVAL if self._attached else _LOOK_INTERVAL
        self._next_look = Nanoseconds(now + interval)
        self._look_at_latest = Nanoseconds(self._next_look + _PATIENCE)
        now_boot = boot_time()
        gates = {c.instance: self._plane.gate_until(c.instance) > now_boot for c in instances}
        try:
            look = self._plane.inventory()
            self._places = {link.index: (link.name, link.master) for link in look.links}
            self._renew_carpdevs(look, instances)
            if not self._is_guarded:
                self._guard.claim()
                self._is_guarded = True
            refusals = dict(self._plane.install(instances, look))
            if self._plane.dismiss_forgotten():
                self._schedule_look(Nanoseconds(now + _RETRY))
            self._places |= {
                link.index: (link.name, link.master)  # made just now; told of before its alias
                for link in self._plane.latest.links
                if link.alias.startswith(ALIAS_PREFIX)
            }
        except PlatformError as error:
            log.debug("carpio: looking at the host: %s", error)  # the refusals are said below
            refusals = {config.instance: str(error) for config in instances}
            self._schedule_look(Nanoseconds(now + _RETRY))
        refusals = self._prepare_carpdevs(instances) | refusals
        self.claims.configure(instances)
        for key, reason in refusals.items():
            if self._refusals.get(key) != reason:
                waiting = reason == NOT_READY
                log.log(_LEVEL[waiting], "carpio: %s: refused: %s", key, reason)
                # whoever lost its gate before may have a successor, who must not hear a goodbye
                in_order = bool(gates.get(key))
                self._inbox.append(AddressesRefused(key, reason, was_in_order=in_order))
        for key in [key for key in self._refusals if key not in refusals]:
            log.info("carpio: %s: no longer refused", key)
            self._inbox.append(AddressesAvailable(key))
        if MOVING in refusals.values():
            self._schedule_look(now)
        self._refusals = refusals
        self._look_duration = max(_LOOK_DURATION, Nanoseconds(self._clock.now() - now))

    def _renew_carpdevs(self, look: Inventory, instances: Sequence[InstanceConfig]) -> None:
        """Follow interfaces that appear, vanish, or come back as another one."""
        names = dict.fromkeys(config.carpdev for config in instances)
        for name in [*names, *[n for n in self._carpdevs if n not in names]]:
            link = look.link(name) if name in names else None
            known = self._carpdevs.get(name)
            if known is not None and (link is None or known.link.index != link.index):
                self._set_usable(name, False)
                self._run_inbox()
                self._carpdevs.pop(name).close()
                known = None
            if link is not None and known is None:
                self._carpdevs[name] = known = Carpdev(self.namespace, link)
            if link is not None and known is not None:
                known.link = link
                self._set_usable(name, known.is_usable)

    def _prepare_carpdevs(self, instances: Sequence[InstanceConfig]) -> dict[InstanceKey, str]:
        """Build frames and filters; return groups whose carpdev refuses."""
        look = self._plane.latest
        refused: dict[InstanceKey, str] = {}
        virtual = [a.address for config in instances for a in config.addresses]
        masters = {v.instance for v in self.view().instances if v.state is State.MASTER}
        for name, carpdev in self._carpdevs.items():
            here = [config for config in instances if config.carpdev == name]
            mastered = [a.address for c in here if c.instance in masters for a in c.addresses]
            sources = choose_sources(look, carpdev.link.index, virtual, mastered)
            self._own_sources[name] = _NO_SOURCE | {sources.ipv4.packed, sources.ipv6.packed}
            try:
                carpdev.prepare(here, sources, self._settings.dscp)
            except PlatformError as error:
                refused |= {config.instance: str(error) for config in here}
            if look.awaits_detection(carpdev.link.index):
                # a MASTER that cannot find its neighbours would only cut them off
                refused |= {
                    config.instance: NOT_READY
                    for config in here
                    if config.instance not in masters and _has_ipv6(config)
                }
        return refused

    # -- resuming ------------------------------------------------------------------------------

    def _adopt(self) -> list[InstanceKey]:
        """Groups of which an earlier process with the same settings was MASTER until now."""
        if not self._is_guarded:
            return []
        if not (self._found_earlier and self._config.resume):
            self._plane.adopt(())
            return []
        unchanged = [
            config
            for config in self._instances
            if self._state.groups.get(str(config.instance)) == self._fingerprint(config)
        ]
        self._plane.guests.want(self._attached)
        return self._plane.adopt(unchanged)

    def _remember_groups(self) -> None:
        self._state.groups = {str(c.instance): self._fingerprint(c) for c in self._instances}
        try:
            self._state.save()
        except PlatformError as error:
            log.warning("carpio: %s", error)

    def _fingerprint(self, config: InstanceConfig) -> str:
        """Equal for equal groups in the same place; tells nothing of the key."""
        text = f"{config.instance} {config.advbase} {' '.join(map(str, config.addresses))}"
        text += f" {self._attached.get(config.instance, '')}"
        return hmac.digest(config.key.raw, text.encode(), "sha256").hex()

    # -- logging -------------------------------------------------------------------------------

    def _report(self, effects: Sequence[Effect]) -> None:
        """Log in the words of spec 12. Levels: 1 changes, 2 bad packets (spec 11)."""
        for effect in effects if self.log_level else ():
            if isinstance(effect, ReportTransition):
                log.info(
                    "carp: %s: %s -> %s (%s)",
                    effect.instance,
                    effect.old.value,
                    effect.new.value,
                    effect.reason,
                )
            elif isinstance(effect, ReportDemotion):
                log.info(
                    "carp: demoted by %d to %d (%s)", effect.delta, effect.total, effect.reason
                )
            elif isinstance(effect, ReportDrop) and effect.text and self.log_level > 1:
                log.debug("%s", effect.text)


def _has_ipv6(config: InstanceConfig) -> bool:
    return any(address.family is Family.IPV6 for address in config.addresses)

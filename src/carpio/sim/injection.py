"""Faults at work: what each does to hosts and links, which premise it takes away, and how it ends.

Each kind has one function that begins it and returns what undoes it, so that whatever begins can
end in any order, several of a kind included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_interface
from types import MappingProxyType
from typing import Final, TypeAlias

from carpio.core.model import InstanceConfig, VirtualAddress
from carpio.sim.delays import cause_of, too_slow
from carpio.sim.faults import Fault, FaultKind
from carpio.sim.network import Impairment
from carpio.sim.node import NOTABLE_DRIFT, Hold, Nic, Node
from carpio.sim.watch import GroupWatch
from carpio.sim.world import World
from carpio.wire.auth import Key
from carpio.wire.constants import Family

__all__ = ["Injection", "propagation_of"]

Undo: TypeAlias = Callable[[int], None]
Edit: TypeAlias = Callable[[InstanceConfig], InstanceConfig]

_ALL: Final = 1_000_000
_LINK_OFF: Final = 1_000_000_000
_HOLDS: Final = MappingProxyType(
    {
        FaultKind.CRASH: Hold.CRASHED,
        FaultKind.STOP: Hold.STOPPED,
        FaultKind.KILL: Hold.KILLED,
        FaultKind.PAUSE: Hold.PAUSED,
        FaultKind.FREEZE: Hold.FROZEN,
    }
)


def propagation_of(faults: Sequence[Fault]) -> int:
    """Return how much longer than normal a frame may take under these faults, in nanoseconds."""
    return 2 * sum(fault.by for fault in faults)


class Injection:
    """Plays faults in a world."""

    def __init__(self, world: World, faults: Sequence[Fault]) -> None:
        self.played: list[tuple[int, str]] = []
        """What was done, with the host that was meant."""
        self.warnings: list[str] = []
        """Faults that did nothing, and why."""
        self._world = world
        self._edits: dict[str, dict[int, Edit]] = {}
        self._drifts: dict[str, list[int]] = {}
        """Of each host, those that last; the latest counts."""
        self._delays: dict[int, Fault] = {}
        self._too_slow: dict[GroupWatch, list[str]] = {}
        """Of each group, what makes adverts take too long together."""
        self._base = {node.name: node.config for node in world.nodes}
        self._number = 0
        for watch in world.invariants.watches:
            watch.lag = propagation_of(faults)
            if (
                watch.lag
            ):  # a late frame of the old master may be the last word until the next advert
                watch.lag += watch.bounds.two
        for number, fault in enumerate(faults):
            world.schedule(fault.at, self._begin, (number, fault))

    def _begin(self, what: tuple[int, Fault], now: int) -> None:
        number, fault = what
        fault = self._resolved(fault)
        self.played.append((now, str(fault)))
        why = self._why_idle(fault)
        if why:
            self.warnings.append(f"fault {len(self.played)} does nothing: {why}")
            return
        undo = _ACTIONS[fault.kind](self, fault, number, now)
        if fault.lasts is not None:
            self._world.schedule(now + fault.lasts, _end, undo)

    # -- who is meant --------------------------------------------------------------------------

    def _resolved(self, fault: Fault) -> Fault:
        """Say who is meant by master and backup now; a host of that name comes first."""
        if fault.host in self._world.node_of or fault.host not in ("master", "backup"):
            return fault
        watch = self._world.invariants.watches[0]
        speaker = self._master(watch)
        if fault.host == "master":
            return replace(fault, host=speaker)
        others = [member for member in watch.members if member.node.name != speaker]
        waiting = [member for member in others if member.is_backup()]
        return replace(fault, host=(waiting or others)[0].node.name) if others else fault

    def _master(self, watch: GroupWatch) -> str:
        return watch.speakers[0] if watch.speakers else watch.members[0].node.name

    def _why_idle(self, fault: Fault) -> str:
        """Say why a fault cannot do anything; nothing: it can."""
        if not fault.host:
            return ""
        if fault.host not in self._world.node_of:
            watch = self._world.invariants.watches[0]
            return f"no host but {self._master(watch)} has {watch.name}"
        if self._nics(fault):
            return ""
        on = f" on {fault.interface}" if fault.interface else ""
        return f"{fault.host} has no group{on}"

    def _node(self, fault: Fault) -> Node:
        return self._world.node_of[fault.host]

    def _nics(self, fault: Fault) -> list[Nic]:
        nics = self._node(fault).nics.values()
        return [nic for nic in nics if fault.interface in ("", nic.carpdev)]

    def _watches(self, fault: Fault) -> Iterator[GroupWatch]:
        for watch in self._world.invariants.watches:
            member = watch.member_of.get(fault.host)
            if member is not None and fault.interface in ("", member.key.carpdev):
                yield watch

    def _without_premise(self, fault: Fault, cause: str) -> Undo:
        """Take a premise away from the groups of the host, until the undo is called."""
        watches = list(self._watches(fault))
        return self._without(watches, cause)

    def _without(self, watches: Sequence[GroupWatch], cause: str) -> Undo:
        for watch in watches:
            watch.begin(cause)

        def undo(now: int) -> None:
            for watch in watches:
                watch.end(cause, now)
            self._world.invariants.reschedule()

        self._world.invariants.reschedule()
        return undo

    # -- hosts -----------------------------------------------------------------------------------

    def _hold(self, fault: Fault, _number: int, now: int) -> Undo:
        node, hold = self._node(fault), _HOLDS[fault.kind]
        undo_premise: Undo = _nothing
        if hold is Hold.FROZEN:
            undo_premise = self._without_premise(fault, f"{node.name} stood still with its clocks")
        node.hold(hold, now)

        def undo(now: int) -> None:
            node.let_go(hold, now)
            undo_premise(now)

        return undo

    def _drift(self, fault: Fault, _number: int, now: int) -> Undo:
        node = self._node(fault)
        undo_premise: Undo = _nothing
        if abs(fault.ppm) > NOTABLE_DRIFT:
            undo_premise = self._without_premise(
                fault, f"the clock of {node.name} is wrong by {fault.ppm / 10_000:g} %"
            )
        drifts = self._drifts.setdefault(node.name, [])
        drifts.append(fault.ppm)
        node.drift(fault.ppm, now)

        def undo(now: int) -> None:
            drifts.remove(fault.ppm)
            node.drift(drifts[-1] if drifts else 0, now)
            undo_premise(now)

        return undo

    def _link_down(self, fault: Fault, _number: int, now: int) -> Undo:
        node, nics = self._node(fault), self._nics(fault)
        for nic in nics:
            node.cut(nic.carpdev, now)

        def undo(now: int) -> None:
            for nic in nics:
                node.mend(nic.carpdev, now)

        return undo

    def _slow_link(self, fault: Fault, number: int, now: int) -> Undo:
        undo_link = self._link_down(fault, number, now)
        undo_premise = self._without_premise(fault, f"the link of {fault.host} carries nothing")
        undo_sends = self._refuse_sends(fault)
        deaf = Impairment(loss=_ALL)
        for nic in self._nics(fault):
            nic.port.inbound.append(deaf)
        _rewire(self._nics(fault))
        self._world.schedule(now + _LINK_OFF, _end, undo_link)

        def undo(now: int) -> None:
            for nic in self._nics(fault):
                nic.port.inbound.remove(deaf)
            _rewire(self._nics(fault))
            undo_sends(now)
            undo_premise(now)

        return undo

    def _send_errors(self, fault: Fault, _number: int, _now: int) -> Undo:
        undo_premise = self._without_premise(fault, f"sends of {fault.host} fail")
        undo_sends = self._refuse_sends(fault)

        def undo(now: int) -> None:
            undo_sends(now)
            undo_premise(now)

        return undo

    def _refuse_sends(self, fault: Fault) -> Undo:
        nics = self._nics(fault)
        for nic in nics:
            nic.refuses_to_send += 1

        def undo(now: int) -> None:
            for nic in nics:
                nic.refuses_to_send -= 1
                self._world.invariants.changed(nic.node, None, now)

        return undo

    def _demote(self, fault: Fault, number: int, now: int) -> Undo:
        node, cause = self._node(fault), f"fault {number}"
        standing = self._world.standing_causes
        standing.add((node.name, cause))
        node.demote(cause, fault.points, now)

        def undo(now: int) -> None:
            standing.discard((node.name, cause))
            node.promote(cause, now)

        return undo

    def _refuse(self, fault: Fault, _number: int, now: int) -> Undo:
        node = self._node(fault)
        keys = [config.instance for config in self._base[node.name].instances]
        for key in keys:
            node.refuse(key, "the host refuses", now)

        def undo(now: int) -> None:
            for key in keys:
                node.permit(key, now)

        return undo

    # -- settings --------------------------------------------------------------------------------

    def _edit(self, fault: Fault, number: int, now: int, edit: Edit) -> Undo:
        node = self._node(fault)
        edits = self._edits.setdefault(node.name, {})
        edits[number] = edit
        self._reconfigure(node, now)

        def undo(now: int) -> None:
            del edits[number]
            self._reconfigure(node, now)

        return undo

    def _reconfigure(self, node: Node, now: int) -> None:
        config = self._base[node.name]
        instances = config.instances
        for edit in self._edits[node.name].values():
            instances = tuple(edit(one) for one in instances)
        node.config = replace(config, instances=instances)
        for watch in self._world.invariants.watches:
            if node.name in watch.member_of:
                watch.compare(now)  # before anybody claims what is new
        node.reconfigure(node.config, now)
        self._world.invariants.changed(node, None, now)

    def _addresses(self, fault: Fault, number: int, now: int) -> Undo:
        first = self._base[fault.host].instances[0]
        known = first.addresses
        if fault.addresses:
            parsed = map(ip_interface, fault.addresses)
            wanted = tuple(VirtualAddress(it.ip, it.network.prefixlen) for it in parsed)
        elif len(known) > 1:
            wanted = known[:-1]
        else:
            wanted = (*known, *(VirtualAddress(a.address + 1, a.prefix_length) for a in known))

        def edit(config: InstanceConfig) -> InstanceConfig:
            is_meant = config.instance == first.instance
            return replace(config, addresses=wanted) if is_meant else config

        return self._edit(fault, number, now, edit)

    def _passphrase(self, fault: Fault, number: int, now: int) -> Undo:
        key = Key.from_passphrase(f"of fault {number}")
        return self._edit(fault, number, now, lambda config: replace(config, key=key))

    # -- links -----------------------------------------------------------------------------------

    def _impair(self, fault: Fault, number: int, now: int) -> Undo:
        what = {
            FaultKind.LOSS: Impairment(loss=fault.share, family=fault.family),
            FaultKind.DELAY: Impairment(delay=fault.by, family=fault.family),
            FaultKind.JITTER: Impairment(jitter=fault.by, family=fault.family),
            FaultKind.DUPLICATE: Impairment(duplicate=fault.share, family=fault.family),
            FaultKind.REORDER: Impairment(
                reorder=fault.share, reorder_by=fault.by, family=fault.family
            ),
        }[fault.kind]
        undo_premise: Undo = _nothing
        if fault.by:
            undo_premise = self._delay(fault, number, now)
        elif fault.kind is FaultKind.LOSS and fault.share == _ALL:
            undo_premise = self._without_premise(fault, cause_of(fault))
        return self._on_links(fault, what, undo_premise)

    def _delay(self, fault: Fault, number: int, now: int) -> Undo:
        """Count a fault among those that delay, of which several can be too long together."""
        self._delays[number] = fault
        self._judge_delays(now)

        def undo(now: int) -> None:
            del self._delays[number]
            self._judge_delays(now)

        return undo

    def _judge_delays(self, now: int) -> None:
        """Take the premise away from the groups that it does not hold for, and give it back."""
        faults = list(self._delays.values())
        for watch in self._world.invariants.watches:
            old, new = self._too_slow.get(watch, []), too_slow(watch, faults)
            self._too_slow[watch] = new
            for cause in new:
                if cause not in old:
                    watch.begin(cause)
            for cause in old:
                if cause not in new:
                    watch.end(cause, now)
        self._world.invariants.reschedule()

    def _one_way(self, fault: Fault, _number: int, _now: int) -> Undo:
        text = f"the link of {fault.host} carries nothing {fault.direction}"
        if fault.family is not None:
            text += f" of IPv{int(fault.family)}"
        dead = Impairment(loss=_ALL, family=fault.family)
        return self._on_links(fault, dead, self._without_premise(fault, text))

    def _on_links(self, fault: Fault, what: Impairment, undo_premise: Undo) -> Undo:
        lists = []
        for nic in self._nics(fault):
            if fault.direction != "in":
                lists.append(nic.port.outbound)
            if fault.direction != "out":
                lists.append(nic.port.inbound)
        for impairments in lists:
            impairments.append(what)
        _rewire(self._nics(fault))

        def undo(now: int) -> None:
            for impairments in lists:
                impairments.remove(what)
            _rewire(self._nics(fault))
            undo_premise(now)

        return undo

    def _partition(self, fault: Fault, number: int, now: int) -> Undo:
        side = number + 1
        nodes = [self._world.node_of[name] for name in fault.hosts]
        nics = [nic for node in nodes for nic in node.nics.values()]
        watches = [
            watch
            for watch in self._world.invariants.watches
            if any(name in watch.member_of for name in fault.hosts)
        ]
        undo_premise = self._without(watches, "the segment is cut")
        for nic in nics:
            nic.port.sides.append(side)
        _rewire(nics)

        def undo(now: int) -> None:
            for nic in nics:
                nic.port.sides.remove(side)
            _rewire(nics)
            undo_premise(now)

        return undo

    def _filter(self, fault: Fault, _number: int, _now: int) -> Undo:
        families = [fault.family] if fault.family is not None else list(Family)
        names = " and ".join(f"IPv{int(family)}" for family in families)
        text = f"the switch filters multicast of {names} to {fault.host}"
        undo_premise = self._without_premise(fault, text)
        nics = self._nics(fault)
        for nic in nics:
            nic.port.filtered.extend(families)
        _rewire(nics)

        def undo(now: int) -> None:
            for nic in nics:
                for family in families:
                    nic.port.filtered.remove(family)
            _rewire(nics)
            undo_premise(now)

        return undo


def _nothing(_now: int) -> None:
    """Undo what changed nothing."""


def _end(undo: Undo, now: int) -> None:
    undo(now)


def _rewire(nics: Iterable[Nic]) -> None:
    for nic in nics:
        nic.segment.rewire()


_ACTIONS: Final[Mapping[FaultKind, Callable[[Injection, Fault, int, int], Undo]]] = (
    MappingProxyType(
        {
            **dict.fromkeys(_HOLDS, Injection._hold),
            FaultKind.DRIFT: Injection._drift,
            FaultKind.LINK_DOWN: Injection._link_down,
            FaultKind.SLOW_LINK: Injection._slow_link,
            FaultKind.SEND_ERRORS: Injection._send_errors,
            FaultKind.DEMOTE: Injection._demote,
            FaultKind.REFUSE: Injection._refuse,
            FaultKind.ADDRESSES: Injection._addresses,
            FaultKind.PASSPHRASE: Injection._passphrase,
            FaultKind.LOSS: Injection._impair,
            FaultKind.DELAY: Injection._impair,
            FaultKind.JITTER: Injection._impair,
            FaultKind.DUPLICATE: Injection._impair,
            FaultKind.REORDER: Injection._impair,
            FaultKind.ONE_WAY: Injection._one_way,
            FaultKind.PARTITION: Injection._partition,
            FaultKind.MULTICAST_FILTERED: Injection._filter,
        }
    )
)

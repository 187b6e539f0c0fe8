"""How Linux holds the addresses: the order of steps that leaves no wrong-MAC window.

One macvlan per group, made down and with its virtual MAC; behind the guard before any address
exists; BACKUP addresses routed to the wire by `BACKUP_TABLE`; silence by closing a gate, which
costs 0.1 ms, and the link down only later, which costs 10 (docs/adr/0007). Every look at the
host repairs what somebody else removed. Knows nothing of elections: it is told what to hold.

Order up:   gate opened - advertisement (not here) - backup routes away, link up, prefix routes.
Order down: gate closed - bow-out (not here) - prefix routes away, backup routes - link down.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from functools import partial
from ipaddress import IPv6Address

from carpio.core.model import InstanceConfig, InstanceKey, IpAddress, Nanoseconds
from carpio.errors import PlatformError
from carpio.runtime import inventory as host
from carpio.runtime.child import child_fault, child_settings, ensure_addresses, ensure_child
from carpio.runtime.guard import Gate, Guard, GuardedGroup
from carpio.runtime.guests import Guests
from carpio.runtime.holding import CLOSED, Holding
from carpio.runtime.inventory import ALIAS_PREFIX, BACKUP_TABLE, Inventory
from carpio.runtime.lowerer import LinkLowerer
from carpio.runtime.namespace import Namespace
from carpio.runtime.owned_routes import (
    backup_corrections,
    backup_routes,
    prefix_routes,
)
from carpio.runtime.place import Guest, Place
from carpio.runtime.rtnetlink import (
    RouteSocket,
    add_address,
    add_local_route,
    delete_address,
    delete_links,
    delete_macvlans,
    delete_route,
    set_link_down,
    set_link_up,
)
from carpio.runtime.rtobjects import Address, Link
from carpio.runtime.rules import ensure_rules, remove_rules
from carpio.runtime.settings import StateFile
from carpio.wire.ethernet import format_mac, virtual_mac

__all__ = ["DEAD_MAN", "MOVING", "Plane", "boot_time", "dead_man_time"]

log = logging.getLogger("carpio")

DEAD_MAN = 2.9
"""Dead-man time in units of advbase: over one interval, under the 3 after which a BACKUP comes."""
MOVING = "its addresses move to another network namespace"
"""A refusal of the moment: it is held there as soon as it is not MASTER any more."""
_DELIVERY_DELAY = 1_000_000_000

_PARENT_SETTINGS = {"ipv4/conf/{}/arp_announce": 2, "ipv4/conf/{}/arp_ignore": 1}
_BYSTANDER_SETTING = "ipv4/conf/{}/arp_announce"


def boot_time() -> Nanoseconds:
    """Nanoseconds since boot, suspended time included."""
    return Nanoseconds(time.clock_gettime_ns(time.CLOCK_BOOTTIME))


def dead_man_time(advbase: int) -> Nanoseconds:
    """How long an open gate lives after an advertisement."""
    return Nanoseconds(int(DEAD_MAN * advbase * 1_000_000_000))


class Plane:
    """The datapath of one namespace; implements `ports.AddressPlane`."""

    def __init__(
        self,
        namespace: Namespace,
        guard: Guard,
        state: StateFile,
        *,
        backup_routes: bool = True,
    ) -> None:
        """`state` remembers changed settings. Opens the netlink sockets."""
        self._guard = guard
        self._state = state
        self._backup_routes = backup_routes
        self._home = Place(namespace, state)
        self._routes = self._home.routes
        self._settings = self._home.settings
        self.guests = Guests(namespace, state.directory)
        """Containers in which macvlans of groups live."""
        self.latest = Inventory(links=(), addresses=(), rules=(), backup_routes=())
        """The last look at the namespace."""
        self.children: frozenset[int] = frozenset()
        """Indexes of the macvlans of groups, as of the last `install`."""
        self._holdings: dict[InstanceKey, Holding] = {}
        self._unsettled: list[InstanceKey] = []
        self._is_tidy = False
        """True when nothing is left of groups that are gone, also of an earlier process."""
        self._contested: set[tuple[str, bytes]] = set()
        """Masters' virtual MACs that were contested at the last `dismiss_forgotten`."""
        self._settled: set[int] = set()
        """Parents whose settings were seen to be right in this look."""
        self.netlink_ports = self._home.ports
        """Port ids of the netlink sockets through which this plane makes changes."""
        self._lowerer = LinkLowerer(self._idle_child)

    # -- what the host holds -------------------------------------------------------------

    def adopt(self, instances: Sequence[InstanceConfig]) -> list[InstanceKey]:
        """Take over gates that an earlier process left open; return those that never closed.

        To be called once, before the first `install`. All other gates are closed, also those that
        a rival has contested: nobody was there to judge.
        """
        left = self._guard.gates()
        contested = self._guard.contested()
        self.guests.find()
        holdings = [
            Holding(config=c, mac=virtual_mac(c.vhid), place=self._found_place(c.instance))
            for c in instances
        ]
        candidates = [h for h in holdings if (h.config.carpdev, h.mac) in left.keys() - contested]
        for holding in candidates:
            self._holdings[holding.config.instance] = holding
        refused = self.refresh([h.config.instance for h in candidates]) if candidates else {}
        adopted = [h for h in candidates if h.config.instance not in refused]
        for holding in adopted:
            holding.serving, holding.served_at = True, boot_time()
        kept = {(h.config.carpdev, h.mac) for h in adopted}
        self._guard.close([place for place in left if place not in kept])
        return [h.config.instance for h in adopted]

    def _found_place(self, key: InstanceKey) -> Place:
        with suppress(PlatformError):
            return self.guests.of(key) or self._home
        return self._home

    def install(
        self, instances: Sequence[InstanceConfig], look: Inventory | None = None
    ) -> Mapping[InstanceKey, str]:
        """Make the host hold exactly these groups, or restore what somebody removed.

        Guard first, then routes, then addresses; removal the other way round. Returns the
        groups that cannot be held, with the reason and the remedy; they stay silent.
        `look`: what was seen just now.
        """
        wanted = {config.instance: config for config in instances}
        look = look if look is not None else self.inventory()
        executed = self._routes.executed
        self._settled.clear()
        self._follow_guests()
        previous = [h.config for h in self._holdings.values()]
        changed = previous != list(instances)
        self._install_guard([*previous, *instances] if changed else instances, look)
        unwanted = [key for key in self._holdings if key not in wanted]
        self._remove_holdings([self._holdings.pop(key) for key in unwanted])
        before = {a for h in self._holdings.values() for a in h.addresses}
        for key, config in wanted.items():
            holding = self._holdings.setdefault(
                key, Holding(config=config, mac=virtual_mac(config.vhid), place=self._home)
            )
            holding.config = config
        refusals: dict[InstanceKey, str] = {}
        if wanted and self._backup_routes:
            _attempt(partial(ensure_rules, self._routes, look), wanted, refusals)
        look = self._shed(self._remove_strangers(look), before)
        if wanted:
            self._settle_bystanders(look)
        for key, holding in self._holdings.items():
            _attempt(partial(self._hold, holding, look), [key], refusals)
        if self._routes.executed != executed:
            look = self.inventory()
        for key, holding in self._holdings.items():
            if key not in refusals:
                _attempt(partial(self._verify, holding, look), [key], refusals)
        if not {*previous} <= {*instances} or not self._is_tidy:
            self._install_guard(instances, look)
            self._tidy(look)
        self.children = frozenset(
            h.child for h in self._holdings.values() if h.child and h.place is self._home
        )
        self._reopen_lost_gates()
        return refusals

    def remove_all(self) -> None:
        """Take everything away, in the order in which nothing can lie. Never raises."""
        places = [(h.config.carpdev, h.mac) for h in self._holdings.values()]
        steps: list[Callable[[], object]] = [
            lambda: self._guard.close(places),
            lambda: self._routes.execute([delete_macvlans()]),
            lambda: self._remove_holdings([*self._holdings.values()]),
            self._leave_guests,
            lambda: self._remove_strangers(host.take(self._routes)),
            lambda: remove_rules(self._routes, host.take(self._routes)),
            lambda: self._settings.restore({k.name: k.index for k in self._routes.links()}),
            self._guard.remove,
            self._state.remove,
        ]
        for step in steps:
            try:
                step()
            except (PlatformError, OSError) as error:
                log.error("carpio: cleaning up: %s", error)
        self._holdings.clear()
        self._lowerer.close()
        self._home.close()

    def inventory(self) -> Inventory:
        """Take a fresh look at the namespace. Raises PlatformError."""
        self.latest = host.take(self._routes)
        return self.latest

    def interfaces(self) -> tuple[list[Link], list[Address]]:
        """What the namespace has now, cheap to ask again. Raises PlatformError."""
        return self._routes.links(), self._routes.addresses()

    def child_index(self, key: InstanceKey) -> int:
        """Interface index of the group's macvlan, 0 if there is none."""
        holding = self._holdings.get(key)
        return holding.child if holding else 0

    def gate_until(self, key: InstanceKey) -> Nanoseconds:
        """Boot time at which the kernel will close the gate; 0 when it is closed."""
        holding = self._holdings.get(key)
        return holding.gate_until if holding else CLOSED

    def expired(self, now: Nanoseconds) -> list[InstanceKey]:
        """Groups whose gate the kernel has closed by `now` (boot time), each told once."""
        found = [h for h in self._holdings.values() if h.gate_until and h.gate_until < now]
        for holding in found:
            holding.gate_until = CLOSED
        return [holding.config.instance for holding in found]

    # -- switching -----------------------------------------------------------------------

    def acquire(self, instances: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        """Open the gates of groups that have their macvlan; nothing can answer yet."""
        refusals = {k: "no interface to hold it" for k in instances if not self.child_index(k)}
        now = boot_time()
        opening = [
            self._holdings[key]
            for key in instances
            if key not in refusals and self.gate_until(key) <= now
        ]
        try:
            self._guard.open([self._gate(holding) for holding in opening])
        except PlatformError as error:
            return refusals | {holding.config.instance: str(error) for holding in opening}
        for holding in opening:
            holding.gate_until = Nanoseconds(now + dead_man_time(holding.config.advbase))
        return refusals

    def refresh(self, instances: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        """Wind the dead-man; a gate that has expired is refused, never opened again."""
        holdings = {(h.config.carpdev, h.mac): h for h in map(self._holdings.get, instances) if h}
        now = boot_time()
        gates = [self._gate(holding) for holding in holdings.values()]
        try:
            refused = {(gate.parent, gate.mac) for gate in self._guard.refresh(gates)}
        except PlatformError as error:  # the gates close by themselves when their time is over
            return {holding.config.instance: str(error) for holding in holdings.values()}
        outcome: dict[InstanceKey, str] = {}
        for place, holding in holdings.items():
            if place in refused:
                holding.gate_until = CLOSED
                outcome[holding.config.instance] = "dead-man closed the gate"
            else:
                holding.gate_until = Nanoseconds(now + dead_man_time(holding.config.advbase))
        return outcome

    def serve(self, instances: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        """Backup routes away, links up, prefix routes: one batch for all groups of a place."""
        holdings = [h for h in map(self._holdings.get, instances) if h is not None and h.child]
        failed: dict[InstanceKey, str] = {}
        with self._lowerer.switching:
            for place, group in _by_place(holdings):
                failed |= _serve(place, group)
        return failed

    def release(self, instances: Sequence[InstanceKey]) -> None:
        """Close the gates, nothing else: `settle` does the rest when there is time."""
        holdings = [h for h in map(self._holdings.get, instances) if h is not None]
        try:
            self._guard.close([(h.config.carpdev, h.mac) for h in holdings])
        except PlatformError as error:  # the dead-man will do it; the links go down at once
            log.error("carpio: closing gates: %s", error)
            for place, group in _by_place(holdings):
                place.routes.execute([set_link_down(h.child) for h in group if h.child])
        for holding in holdings:
            holding.gate_until = CLOSED
            self._unsettled.append(holding.config.instance)

    def dismiss_late(self, instances: Iterable[InstanceKey]) -> None:
        """Dismiss those of them, with an open gate, that are contested though they were judged."""
        try:
            found = self._guard.contested()
        except PlatformError as error:
            log.error("carpio: looking for rivals: %s", error)
            return
        self.dismiss([key for key in instances if (key.carpdev, virtual_mac(key.vhid)) in found])

    def dismiss(self, instances: Sequence[InstanceKey]) -> None:
        """Let groups speak on whose rivals were judged not to be MASTER; only open gates count."""
        holdings = [h for h in map(self._holdings.get, instances) if h is not None]
        places = [(h.config.carpdev, h.mac) for h in holdings if h.gate_until]
        if not places:
            return
        try:
            self._guard.dismiss(places)
        except PlatformError as error:  # they stay silent; `dismiss_forgotten` tries again
            log.error("carpio: dismissing a rival: %s", error)

    def dismiss_forgotten(self) -> bool:
        """Dismiss contests that were there the last time as well: their adverts were never heard.

        True when others were found, which may be forgotten next time. Raises PlatformError.
        """
        masters = {(h.config.carpdev, h.mac) for h in self._holdings.values() if h.gate_until}
        found = self._guard.contested() & masters if masters else set()
        forgotten = found & self._contested
        if forgotten:
            log.warning("carpio: an advert of a rival was not heard; speaking again")
            self._guard.dismiss(forgotten)
        self._contested = found - forgotten
        return bool(self._contested)

    def settle(self) -> None:
        """After `release`, when bow-outs are out: routes of a BACKUP, links down later."""
        keys, self._unsettled = self._unsettled, []
        found = [h for h in map(self._holdings.get, dict.fromkeys(keys)) if h is not None]
        idle = [holding for holding in found if not holding.gate_until]
        for place, group in _by_place(idle):
            requests = [route.deleting for h in group for route in h.prefix_routes]
            requests += [route.adding for h in group for route in h.backup_routes]
            if requests:
                place.routes.execute(requests)
        with suppress(PlatformError):  # behind a closed gate it makes no difference
            self._guard.dismiss((h.config.carpdev, h.mac) for h in idle)
        for holding in idle:
            holding.serving = False
            self._lowerer.lower(holding.config.instance)

    def _idle_child(self, key: InstanceKey) -> tuple[RouteSocket, int] | None:
        """The macvlan of a group that is not serving, and a socket where it lives."""
        holding = self._holdings.get(key)
        if holding is None or holding.serving or not holding.child:
            return None
        return holding.place.slow, holding.child

    # -- steps ---------------------------------------------------------------------------

    def _hold(self, holding: Holding, look: Inventory) -> None:
        """Bring one group into being as far as the host allows. Raises PlatformError."""
        config = holding.config
        parent = look.link(config.carpdev)
        holding.parent = parent
        if parent is None:
            holding.child = 0
            return
        host.check_parent(look, parent)
        name = host.child_name(config, parent)
        self._refuse_foreign_holders(holding, look, name)
        if not config.addresses:
            if holding.child:
                self._remove_holdings([holding])
            return
        if parent.index not in self._settled:
            parent_settings = {k.format(parent.name): v for k, v in _PARENT_SETTINGS.items()}
            self._settings.apply_remembered(parent.index, parent_settings)
            self._settled.add(parent.index)
        place = self._settle_in(holding)
        is_home = place is self._home
        there = look if is_home else self._look_into(holding, name)
        earlier = holding.child
        if self._backup_routes and is_home:
            holding.backup_routes = backup_routes(holding.addresses, parent, look)
            corrections = backup_corrections(holding.backup_routes, look, serving=holding.serving)
            self._routes.execute(corrections)
        child = ensure_child(
            self._routes,
            place,
            there,
            name=name,
            owner=config.instance,
            mac=holding.mac,
            parent=parent,
        )
        holding.child = child.index
        if child.is_up and not holding.serving:
            self._lowerer.lower(config.instance)
        kept = {a.address for a in there.addresses_of(holding.child)}
        is_intact = kept.issuperset(holding.addresses)  # else the settings may have gone as well
        if holding.child != earlier or holding.addresses != holding.prepared or not is_intact:
            place.settings.apply(holding.child, child_settings(name, holding.addresses))
            holding.prepared = holding.addresses
        ensure_addresses(place.routes, there, holding.child, holding.addresses)
        holding.local_routes = tuple(
            add_local_route(holding.child, address)
            for address in holding.addresses
            if isinstance(address, IPv6Address)
        )
        before = holding.prefix_routes
        holding.prefix_routes = prefix_routes(config, holding.child, there)
        if holding.serving:
            known = there.link_at(holding.child)
            up = [] if known and known.is_up else [set_link_up(holding.child)]
            gone = [r.deleting for r in before if r not in holding.prefix_routes]
            place.routes.execute([*gone, *up, *(r.keeping for r in holding.prefix_routes)])
            self._restore_delivery(holding, there)

    def _settle_in(self, holding: Holding) -> Place:
        """Return where the macvlan of a group belongs. Raises PlatformError.

        One that lives elsewhere is removed there; a MASTER gives up first.
        """
        place = self.guests.of(holding.config.instance) or self._home
        if holding.place is not place:
            holding.is_uprooted |= holding.serving or bool(holding.gate_until)
            self._remove_holdings([holding])
            holding.place, holding.backup_routes, holding.prepared = place, (), ()
        if holding.is_uprooted:
            holding.is_uprooted = False
            raise PlatformError(MOVING)
        return place

    def _look_into(self, holding: Holding, name: str) -> Inventory:
        """Look around in a container, and see to it that nothing else there can answer."""
        guest = holding.place
        look = guest.take()
        self._refuse_foreign_holders(holding, look, name)
        if isinstance(guest, Guest):
            guest.hush(look)
        return look

    def _follow_guests(self) -> None:
        """Let containers go that are gone, or where no group lives any more; find new ones."""
        for guest in self.guests.lost():
            lodgers = [h for h in self._holdings.values() if h.place is guest]
            for holding in lodgers:
                holding.is_uprooted |= holding.serving or bool(holding.gate_until)
            with self._lowerer.switching:
                self._remove_holdings(lodgers)
                for holding in lodgers:
                    holding.place, holding.prepared = self._home, ()
                self.guests.forget(guest)
        self.guests.find()

    def _leave_guests(self) -> None:
        with self._lowerer.switching:
            self.guests.close()

    def _restore_delivery(self, holding: Holding, look: Inventory) -> None:
        """Put back the kernel's own route to an address, which only adding it anew makes.

        Without it a MASTER swallows what is sent to the address. Not in the first second: the
        kernel makes the routes of IPv6 addresses a moment after the link comes up.
        """
        if boot_time() - holding.served_at < _DELIVERY_DELAY:
            return
        lost = [a for a in holding.addresses if a not in look.delivered]
        if lost:
            log.warning("carpio: %s: local route restored", ", ".join(map(str, lost)))
            routes = holding.place.routes
            routes.execute([delete_address(holding.child, a) for a in lost])
            routes.execute([add_address(holding.child, a) for a in lost])

    def _settle_bystanders(self, look: Inventory) -> None:
        """Other interfaces ask for neighbours by their own address, not by one of ours.

        The guard drops the question otherwise, and what was routed that way would be lost.
        """
        for link in self._bystanders(look):
            setting = {_BYSTANDER_SETTING.format(link.name): 2}
            try:
                self._settings.apply_remembered(link.index, setting)
            except PlatformError as error:
                log.warning("carpio: %s: %s", link.name, error)

    def _bystanders(self, look: Inventory) -> list[Link]:
        """Other interfaces that ask for neighbours over IPv4."""
        parents = {h.config.carpdev for h in self._holdings.values()}
        with_ipv4 = {a.index for a in look.addresses if a.address.version == 4}
        return [link for link in host.bystanders(look, parents) if link.index in with_ipv4]

    def _tidy(self, look: Inventory) -> None:
        """Put back what no group needs any more, or an earlier process left behind."""
        self._is_tidy = True
        kept: set[str] = set()
        if self._holdings:
            parents = {h.config.carpdev for h in self._holdings.values() if h.addresses}
            kept |= {key.format(parent) for parent in parents for key in _PARENT_SETTINGS}
            kept |= {_BYSTANDER_SETTING.format(link.name) for link in self._bystanders(look)}
        elif any(rule.table == BACKUP_TABLE for rule in look.rules):
            remove_rules(self._routes, look)
        self._settings.restore({link.name: link.index for link in look.links}, keep=kept)

    def _reopen_lost_gates(self) -> None:
        """A plain table (before Linux 6.9) can be flushed by others, and the gates with it.

        What is reopened keeps the time that it had; an expired gate stays closed.
        """
        serving = [h for h in self._holdings.values() if h.serving and h.gate_until]
        if not serving:
            return
        now, present = boot_time(), self._guard.gates()
        lost = [
            Gate(
                parent=holding.config.carpdev,
                mac=holding.mac,
                timeout_ms=(holding.gate_until - now) // 1_000_000,
            )
            for holding in serving
            if (holding.config.carpdev, holding.mac) not in present and holding.gate_until > now
        ]
        if lost:
            self._guard.open([gate for gate in lost if gate.timeout_ms > 0])

    def _shed(self, look: Inventory, before: Set[IpAddress]) -> Inventory:
        """Take from macvlans what a group had `before` and has no more: another may have it."""
        requests = [
            delete_address(holding.child, held.address)
            for holding in self._holdings.values()
            if holding.child and holding.place is self._home
            for held in look.addresses_of(holding.child)
            if held.address in before and held.address not in holding.addresses
        ]
        if not requests:
            return look
        self._routes.execute(requests)
        return host.take(self._routes)

    def _refuse_foreign_holders(self, holding: Holding, look: Inventory, name: str) -> None:
        for address in holding.addresses:
            for link in look.holders(address):
                if link.name != name:
                    length = host.prefix_length(look, link, address)
                    raise PlatformError(
                        f"{address} is already on {link.name}, which would answer for it with "
                        f"{format_mac(link.mac)}",
                        remedy=f"remove it: ip addr del {address}/{length} dev {link.name}",
                    )

    def _verify(self, holding: Holding, look: Inventory) -> None:
        """Read back: the child ends on the parent with its MAC and has its addresses."""
        if not holding.child or holding.parent is None:
            return
        if holding.place is not self._home:
            look = holding.place.take()
        child = look.link_at(holding.child)
        if child is None:
            holding.child = 0
            raise PlatformError("its macvlan vanished", remedy="see who removes interfaces")
        fault = child_fault(child, holding.mac, holding.parent, holding.place)
        if fault:
            raise PlatformError(f"{child.name}: {fault}", remedy="see who changes interfaces")
        missing = set(holding.addresses) - {a.address for a in look.addresses_of(child.index)}
        if missing:
            names = ", ".join(sorted(map(str, missing)))
            raise PlatformError(f"{child.name} does not keep {names}")

    def _remove_holdings(self, holdings: Sequence[Holding]) -> None:
        if not holdings:
            return
        self._guard.close([(holding.config.carpdev, holding.mac) for holding in holdings])
        for place, group in _by_place(holdings):
            place.routes.execute(delete_links([h.child for h in group if h.child]))
        self._routes.execute([route.deleting for h in holdings for route in h.backup_routes])
        for holding in holdings:
            holding.child, holding.serving = 0, False

    def _remove_strangers(self, look: Inventory) -> Inventory:
        """Remove macvlans and backup routes that an earlier process left behind."""
        names = {
            host.child_name(h.config, parent): h.config.instance
            for h in self._holdings.values()
            if (parent := look.link(h.config.carpdev)) is not None
        }
        strangers = [
            link.index
            for link in look.links
            if link.alias.startswith(ALIAS_PREFIX)
            and link.kind == "macvlan"
            and link.alias != f"{ALIAS_PREFIX}{names.get(link.name)}"
        ]
        ours = {f"{a}/{a.max_prefixlen}" for h in self._holdings.values() for a in h.addresses}
        requests = delete_links(strangers) + [
            delete_route(r.destination, oif=r.oif, table=BACKUP_TABLE)
            for r in look.backup_routes
            if r.destination not in ours
        ]
        if not requests:
            return look
        self._routes.execute(requests)
        return host.take(self._routes)

    def _install_guard(self, instances: Iterable[InstanceConfig], look: Inventory) -> None:
        groups: dict[InstanceKey, set[IpAddress]] = {}
        for config in instances:
            if look.link(config.carpdev) is not None:
                groups.setdefault(config.instance, set()).update(
                    a.address for a in config.addresses
                )
        guarded = [
            GuardedGroup(
                parent=key.carpdev,
                mac=virtual_mac(key.vhid),
                addresses=tuple(sorted(found, key=lambda a: (a.version, a.packed))),
            )
            for key, found in groups.items()
        ]
        parents = {key.carpdev for key in groups}
        others = [link.name for link in host.bystanders(look, parents)] if guarded else []
        self._guard.install(guarded, others, host.ports_below(look, parents))

    # -- requests ------------------------------------------------------------------------

    def _gate(self, holding: Holding) -> Gate:
        timeout = dead_man_time(holding.config.advbase) // 1_000_000
        return Gate(parent=holding.config.carpdev, mac=holding.mac, timeout_ms=timeout)


def _by_place(holdings: Iterable[Holding]) -> Iterator[tuple[Place, list[Holding]]]:
    """Yield each place with the groups that live there."""
    found: dict[Place, list[Holding]] = {}
    for holding in holdings:
        found.setdefault(holding.place, []).append(holding)
    yield from found.items()


def _serve(place: Place, holdings: Sequence[Holding]) -> Mapping[InstanceKey, str]:
    removals = [route.deleting for h in holdings for route in h.backup_routes]
    ups = [set_link_up(holding.child) for holding in holdings]
    local = [request for h in holdings for request in h.local_routes]
    prefixes = [route.adding for h in holdings for route in h.prefix_routes]
    for holding in holdings:
        holding.serving, holding.served_at = True, boot_time()
    results = place.routes.execute([*removals, *ups, *local, *prefixes])[len(removals) :]
    return {
        holding.config.instance: f"bringing the link up: errno {error}"
        for holding, error in zip(holdings, results, strict=False)
        if error
    }


def _attempt(
    step: Callable[[], object], keys: Iterable[InstanceKey], refusals: dict[InstanceKey, str]
) -> None:
    """Take a step; what it raises is the refusal of `keys`."""
    try:
        step()
    except PlatformError as error:
        for key in keys:
            refusals.setdefault(key, str(error))

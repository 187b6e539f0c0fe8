"""How Linux holds the addresses: the order of steps that leaves no wrong-MAC window.

One macvlan per group, made down and with its virtual MAC; behind the guard before any address
exists; BACKUP addresses routed to the wire by `BACKUP_TABLE`; silence by closing a gate, which
costs 0.1 ms, and the link down only later, which costs 10 (docs/adr/0007). Every look at the
host repairs what somebody else removed. Knows nothing of elections: it is told what to hold.

Order up:   gate opened - advertisement (not here) - backup routes away, link up, prefix routes.
Order down: gate closed - bow-out (not here) - prefix routes away, backup routes - link down.
"""

from __future__ import annotations

import errno
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_network

from carpio.core.model import InstanceConfig, InstanceKey, IpAddress, Nanoseconds
from carpio.errors import PlatformError
from carpio.runtime import inventory as host
from carpio.runtime.guard import Gate, Guard, GuardedGroup
from carpio.runtime.inventory import ALIAS_PREFIX, BACKUP_TABLE, Inventory
from carpio.runtime.namespace import Namespace
from carpio.runtime.rtnetlink import (
    Request,
    RouteSocket,
    add_address,
    add_macvlan,
    add_route,
    delete_address,
    delete_link,
    delete_route,
    open_route_socket,
    set_link_alias,
    set_link_down,
    set_link_up,
)
from carpio.runtime.rtobjects import ARPHRD_ETHER, IFF_LOOPBACK, Link
from carpio.runtime.rules import ensure_rules, remove_rules
from carpio.runtime.settings import Settings, StateFile
from carpio.wire.ethernet import format_mac, virtual_mac

__all__ = ["DEAD_MAN", "Plane", "boot_time", "dead_man_time"]

log = logging.getLogger("carpio")

DEAD_MAN = 2.9
"""Dead-man time in units of advbase: over one interval, under the 3 after which a BACKUP comes."""
_MAIN_TABLE = 254
_PREFIX_ROUTE_PRIORITY = 20_000
"""Worse than any route of the host for the same prefix; plus the vhid, so groups may share one."""
_LINK_DOWN_PAUSE = 0.05
_CLOSED = Nanoseconds(0)
_GONE = (errno.ESRCH, errno.ENOENT, errno.ENODEV, errno.EADDRNOTAVAIL)

_PARENT_SETTINGS = {"ipv4/conf/{}/arp_announce": 2, "ipv4/conf/{}/arp_ignore": 1}
_CHILD_SETTINGS = {
    "ipv4/conf/{}/arp_ignore": 1,
    "ipv4/conf/{}/arp_announce": 2,
    "ipv4/conf/{}/arp_notify": 0,
    "ipv4/conf/{}/rp_filter": 2,
}
_CHILD_SETTINGS_V6 = {
    "ipv6/conf/{}/disable_ipv6": 0,
    "ipv6/conf/{}/keep_addr_on_down": 1,
    "ipv6/conf/{}/addr_gen_mode": 1,
    "ipv6/conf/{}/accept_ra": 0,
    "ipv6/conf/{}/router_solicitations": 0,
    "ipv6/conf/{}/accept_dad": 0,
    "ipv6/conf/{}/ndisc_notify": 0,
}


def boot_time() -> Nanoseconds:
    """Nanoseconds since boot, suspended time included."""
    return Nanoseconds(time.clock_gettime_ns(time.CLOCK_BOOTTIME))


def dead_man_time(advbase: int) -> Nanoseconds:
    """How long an open gate lives after an advertisement."""
    return Nanoseconds(int(DEAD_MAN * advbase * 1_000_000_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    """A route of ours with its messages, built before they are needed."""

    destination: str
    oif: int
    source: IpAddress | None
    adding: Request
    keeping: Request
    """Like `adding`, but an equal route is left alone."""
    deleting: Request


def _make_route(
    destination: str, *, oif: int, table: int, source: IpAddress | None, priority: int = 0
) -> _Route:
    adding, keeping = (
        add_route(
            destination, oif=oif, table=table, source=source, priority=priority, replace=replace
        )
        for replace in (True, False)
    )
    deleting = delete_route(destination, oif=oif, table=table, priority=priority)
    return _Route(
        destination=destination,
        oif=oif,
        source=source,
        adding=adding,
        keeping=keeping,
        deleting=deleting,
    )


@dataclass(slots=True, kw_only=True)
class _Holding:
    """What the host holds for one group."""

    config: InstanceConfig
    mac: bytes
    parent: Link | None = None
    child: int = 0
    """Interface index of the macvlan, 0 while there is none."""
    prepared: tuple[IpAddress, ...] = ()
    """The addresses for which the settings of the macvlan were made."""
    serving: bool = False
    gate_until: Nanoseconds = _CLOSED
    """Boot time at which the kernel closes the gate; 0 while it is closed."""
    backup_routes: tuple[_Route, ...] = ()
    """The way to the addresses while BACKUP, as of the last look at the host."""
    prefix_routes: tuple[_Route, ...] = ()
    """Connected prefixes that only this group provides, as of the last look."""

    @property
    def addresses(self) -> tuple[IpAddress, ...]:
        return tuple(a.address for a in self.config.addresses)


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
        self._routes = RouteSocket(namespace.call(open_route_socket))
        self._settings = Settings(namespace, self._routes, state)
        self.latest = Inventory(links=(), addresses=(), rules=(), backup_routes=())
        """The last look at the namespace."""
        self._holdings: dict[InstanceKey, _Holding] = {}
        self._unsettled: list[InstanceKey] = []
        self._switching = threading.Lock()
        self._links_to_lower: queue.SimpleQueue[InstanceKey | None] = queue.SimpleQueue()
        slow = RouteSocket(namespace.call(open_route_socket))
        self.netlink_ports = (self._routes.port, slow.port)
        """Port ids of the netlink sockets through which this plane makes changes."""
        self._lowerer = threading.Thread(
            target=self._lower_links, args=(slow,), name="link-down", daemon=True
        )
        self._lowerer.start()

    # -- what the host holds -------------------------------------------------------------

    def adopt(self, instances: Sequence[InstanceConfig]) -> list[InstanceKey]:
        """Take over gates that an earlier process left open; return those that never closed.

        To be called once, before the first `install`. All other gates are closed.
        """
        left = self._guard.gates()
        holdings = [_Holding(config=c, mac=virtual_mac(c.vhid)) for c in instances]
        candidates = [h for h in holdings if (h.config.carpdev, h.mac) in left]
        for holding in candidates:
            self._holdings[holding.config.instance] = holding
        refused = self.refresh([h.config.instance for h in candidates]) if candidates else {}
        adopted = [h for h in candidates if h.config.instance not in refused]
        for holding in adopted:
            holding.serving = True
        kept = {(h.config.carpdev, h.mac) for h in adopted}
        self._guard.close([place for place in left if place not in kept])
        return [h.config.instance for h in adopted]

    def install(self, instances: Sequence[InstanceConfig]) -> Mapping[InstanceKey, str]:
        """Make the host hold exactly these groups, or restore what somebody removed.

        Guard first, then routes, then addresses; removal the other way round. Returns the
        groups that cannot be held, with the reason and the remedy; they stay silent.
        """
        wanted = {config.instance: config for config in instances}
        look = self.inventory()
        previous = [h.config for h in self._holdings.values()]
        if previous != list(instances):
            self._install_guard([*previous, *instances], look)
        for key in [key for key in self._holdings if key not in wanted]:
            self._remove_holding(self._holdings.pop(key))
        for key, config in wanted.items():
            holding = self._holdings.setdefault(
                key, _Holding(config=config, mac=virtual_mac(config.vhid))
            )
            holding.config = config
        self._install_guard(instances, look)
        refusals: dict[InstanceKey, str] = {}
        if wanted and self._backup_routes:
            _attempt(lambda: ensure_rules(self._routes, look), wanted, refusals)
        look = self._remove_strangers(look)
        if wanted:
            self._settle_bystanders(look)
        for key, holding in self._holdings.items():
            _attempt(partial(self._hold, holding, look), [key], refusals)
        look = self.inventory()
        for key, holding in self._holdings.items():
            if key not in refusals:
                _attempt(partial(self._verify, holding, look), [key], refusals)
        self._reopen_lost_gates()
        return refusals

    def remove_all(self) -> None:
        """Take everything away, in the order in which nothing can lie. Never raises."""
        steps: list[Callable[[], object]] = [
            *(lambda h=h: self._remove_holding(h) for h in self._holdings.values()),
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
        self._links_to_lower.put(None)
        self._lowerer.join(timeout=5)

    def inventory(self) -> Inventory:
        """Take a fresh look at the namespace. Raises PlatformError."""
        self.latest = host.take(self._routes)
        return self.latest

    def child_index(self, key: InstanceKey) -> int:
        """Interface index of the group's macvlan, 0 if there is none."""
        holding = self._holdings.get(key)
        return holding.child if holding else 0

    def gate_until(self, key: InstanceKey) -> Nanoseconds:
        """Boot time at which the kernel will close the gate; 0 when it is closed."""
        holding = self._holdings.get(key)
        return holding.gate_until if holding else _CLOSED

    def expired(self, now: Nanoseconds) -> list[InstanceKey]:
        """Groups whose gate the kernel has closed by `now` (boot time), each told once."""
        found = [h for h in self._holdings.values() if h.gate_until and h.gate_until < now]
        for holding in found:
            holding.gate_until = _CLOSED
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
                holding.gate_until = _CLOSED
                outcome[holding.config.instance] = "dead-man closed the gate"
            else:
                holding.gate_until = Nanoseconds(now + dead_man_time(holding.config.advbase))
        return outcome

    def serve(self, instances: Sequence[InstanceKey]) -> Mapping[InstanceKey, str]:
        """Backup routes away, links up, prefix routes: one batch for all groups."""
        holdings = [h for h in map(self._holdings.get, instances) if h is not None and h.child]
        with self._switching:
            removals = [route.deleting for h in holdings for route in h.backup_routes]
            ups = [set_link_up(holding.child) for holding in holdings]
            prefixes = [route.adding for h in holdings for route in h.prefix_routes]
            for holding in holdings:
                holding.serving = True
            results = self._routes.execute([*removals, *ups, *prefixes])[len(removals) :]
        return {
            holding.config.instance: f"bringing the link up: errno {error}"
            for holding, error in zip(holdings, results, strict=False)
            if error
        }

    def release(self, instances: Sequence[InstanceKey]) -> None:
        """Close the gates, nothing else: `settle` does the rest when there is time."""
        holdings = [h for h in map(self._holdings.get, instances) if h is not None]
        try:
            self._guard.close([(h.config.carpdev, h.mac) for h in holdings])
        except PlatformError as error:  # the dead-man will do it; the links go down at once
            log.error("carpio: closing gates: %s", error)
            self._routes.execute([set_link_down(h.child) for h in holdings if h.child])
        for holding in holdings:
            holding.gate_until = _CLOSED
            self._unsettled.append(holding.config.instance)

    def settle(self) -> None:
        """After `release`, when bow-outs are out: routes of a BACKUP, links down later."""
        keys, self._unsettled = self._unsettled, []
        requests: list[Request] = []
        for key in keys:
            holding = self._holdings.get(key)
            if holding is None or holding.gate_until:
                continue
            holding.serving = False
            requests += [route.deleting for route in holding.prefix_routes]
            requests += [route.adding for route in holding.backup_routes]
            self._links_to_lower.put(key)
        if requests:
            self._routes.execute(requests)

    # -- steps ---------------------------------------------------------------------------

    def _hold(self, holding: _Holding, look: Inventory) -> None:
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
            return
        parent_settings = {k.format(parent.name): v for k, v in _PARENT_SETTINGS.items()}
        self._settings.apply_remembered(parent.index, parent_settings)
        known = holding.child
        self._choose_backup_routes(holding, look, parent)
        holding.child = self._ensure_child(holding, look, parent, name)
        if holding.child != known or holding.addresses != holding.prepared:
            self._settings.apply(holding.child, _child_settings(name, holding.addresses))
            holding.prepared = holding.addresses
        self._ensure_addresses(holding, look)
        self._choose_prefix_routes(holding, look)
        child = look.link_at(holding.child)
        if holding.serving:
            up = [] if child and child.is_up else [set_link_up(holding.child)]
            self._routes.execute([*up, *(r.keeping for r in holding.prefix_routes)])

    def _settle_bystanders(self, look: Inventory) -> None:
        """Other interfaces ask for neighbours by their own address, not by one of ours.

        The guard drops the question otherwise, and what was routed that way would be lost.
        """
        parents = {h.config.carpdev for h in self._holdings.values()}
        with_ipv4 = {a.index for a in look.addresses if a.address.version == 4}
        for link in _bystanders(look, parents):
            if link.index in with_ipv4:
                setting = {f"ipv4/conf/{link.name}/arp_announce": 2}
                try:
                    self._settings.apply_remembered(link.index, setting)
                except PlatformError as error:
                    log.warning("carpio: %s: %s", link.name, error)

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

    def _refuse_foreign_holders(self, holding: _Holding, look: Inventory, name: str) -> None:
        for address in holding.addresses:
            for link in look.holders(address):
                if link.name != name:
                    raise PlatformError(
                        f"{address} is already on {link.name}, which would answer for it with "
                        f"{format_mac(link.mac)}",
                        remedy=f"remove it: ip addr del {address}/{_length(look, link, address)} "
                        f"dev {link.name}",
                    )

    def _ensure_child(self, holding: _Holding, look: Inventory, parent: Link, name: str) -> int:
        alias = f"{ALIAS_PREFIX}{holding.config.instance}"
        child = look.link(name)
        if child is not None and child.alias == alias and _child_fault(child, holding.mac, parent):
            log.warning("carpio: %s: %s", name, _child_fault(child, holding.mac, parent))
            self._routes.require([delete_link(child.index)], tolerate=_GONE)
            child = None
        if child is None:
            made = add_macvlan(name=name, parent=parent.index, mac=holding.mac, alias=alias)
            self._routes.require([made])
            child = next((k for k in self._routes.links() if k.name == name), None)
            if child is None:
                raise PlatformError(f"creating macvlan {name}: it vanished at once")
            if child.alias != alias:
                self._routes.require([set_link_alias(child.index, alias)])
        elif child.alias != alias:
            raise PlatformError(
                f"{name} exists and is not carpio's", remedy=f"remove it: ip link del {name}"
            )
        fault = _child_fault(child, holding.mac, parent)
        if fault:
            self._routes.execute([delete_link(child.index)])
            raise PlatformError(f"{name}: {fault}", remedy="see who changes new interfaces")
        if child.is_up and not holding.serving:
            self._links_to_lower.put(holding.config.instance)
        return child.index

    def _ensure_addresses(self, holding: _Holding, look: Inventory) -> None:
        present = {a.address for a in look.addresses_of(holding.child)}
        wanted = holding.addresses
        requests = [
            delete_address(holding.child, a) for a in sorted(present - set(wanted), key=str)
        ]
        requests += [add_address(holding.child, a) for a in wanted if a not in present]
        self._routes.require(requests, tolerate=(errno.EADDRNOTAVAIL, errno.EEXIST))

    def _verify(self, holding: _Holding, look: Inventory) -> None:
        """Read back: the child ends on the parent with its MAC and has its addresses."""
        if not holding.child or holding.parent is None:
            return
        child = look.link_at(holding.child)
        if child is None:
            holding.child = 0
            raise PlatformError("its macvlan vanished", remedy="see who removes interfaces")
        fault = _child_fault(child, holding.mac, holding.parent)
        if fault:
            raise PlatformError(f"{child.name}: {fault}", remedy="see who changes interfaces")
        missing = set(holding.addresses) - {a.address for a in look.addresses_of(child.index)}
        if missing:
            names = ", ".join(sorted(map(str, missing)))
            raise PlatformError(f"{child.name} does not keep {names}")

    def _remove_holding(self, holding: _Holding) -> None:
        self._guard.close([(holding.config.carpdev, holding.mac)])
        if holding.child:
            self._routes.execute([delete_link(holding.child)])
        self._routes.execute([route.deleting for route in holding.backup_routes])
        holding.child, holding.serving = 0, False

    def _remove_strangers(self, look: Inventory) -> Inventory:
        """Remove macvlans and backup routes that an earlier process left behind."""
        names = {
            host.child_name(h.config, parent): h.config.instance
            for h in self._holdings.values()
            if (parent := look.link(h.config.carpdev)) is not None
        }
        requests = [
            delete_link(link.index)
            for link in look.links
            if link.alias.startswith(ALIAS_PREFIX)
            and link.kind == "macvlan"
            and link.alias != f"{ALIAS_PREFIX}{names.get(link.name)}"
        ]
        ours = {str(ip_network(a)) for h in self._holdings.values() for a in h.addresses}
        requests += [
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
        bystanders = [link.name for link in _bystanders(look, parents)] if guarded else []
        self._guard.install(guarded, bystanders, _ports(look, parents))

    # -- requests ------------------------------------------------------------------------

    def _gate(self, holding: _Holding) -> Gate:
        timeout = dead_man_time(holding.config.advbase) // 1_000_000
        return Gate(parent=holding.config.carpdev, mac=holding.mac, timeout_ms=timeout)

    def _choose_backup_routes(self, holding: _Holding, look: Inventory, parent: Link) -> None:
        """Decide the way to each address while BACKUP and make the table say so."""
        if not self._backup_routes or not parent.is_up:
            holding.backup_routes = ()
            return
        holding.backup_routes = tuple(
            _make_route(
                destination=str(ip_network(address)),
                oif=parent.index,
                table=BACKUP_TABLE,
                source=look.source_towards(parent.index, address) if address.version == 6 else None,
            )
            for address in holding.addresses
        )
        present = {(r.destination, r.oif, r.source): r for r in look.backup_routes}
        requests: list[Request] = []
        for route in holding.backup_routes:
            exists = (route.destination, route.oif, route.source) in present
            if holding.serving and exists:
                requests.append(route.deleting)
            elif not holding.serving and not exists:
                requests.append(route.adding)
        self._routes.execute(requests)

    def _choose_prefix_routes(self, holding: _Holding, look: Inventory) -> None:
        """Find the connected prefixes that no other interface of this host provides."""
        children = {h.child for h in self._holdings.values()}
        found: dict[str, _Route] = {}
        for address in holding.config.addresses:
            network = str(ip_network(str(address), strict=False))
            if address.prefix_length == address.address.max_prefixlen or network in found:
                continue
            if not look.provides_network(address, children):
                found[network] = _make_route(
                    destination=network,
                    oif=holding.child,
                    table=_MAIN_TABLE,
                    source=address.address,
                    priority=_PREFIX_ROUTE_PRIORITY + holding.config.vhid,
                )
        gone = [r for r in holding.prefix_routes if r not in found.values()]
        holding.prefix_routes = tuple(found.values())
        if holding.serving:
            self._routes.execute([route.deleting for route in gone])

    # -- the thread that takes links down ----------------------------------------------------

    def _lower_links(self, routes: RouteSocket) -> None:
        """Take one link down at a time, never during a switch, never one that serves again."""
        while (key := self._links_to_lower.get()) is not None:
            time.sleep(_LINK_DOWN_PAUSE)
            with self._switching:
                holding = self._holdings.get(key)
                if holding is not None and holding.child and not holding.serving:
                    routes.execute([set_link_down(holding.child)])
        routes.close()


def _attempt(
    step: Callable[[], object], keys: Iterable[InstanceKey], refusals: dict[InstanceKey, str]
) -> None:
    """Take a step; what it raises is the refusal of `keys`."""
    try:
        step()
    except PlatformError as error:
        for key in keys:
            refusals.setdefault(key, str(error))


def _child_settings(name: str, addresses: Sequence[IpAddress]) -> dict[str, int]:
    chosen = dict(_CHILD_SETTINGS)
    if any(address.version == 6 for address in addresses):
        chosen |= _CHILD_SETTINGS_V6
    return {key.format(name): value for key, value in chosen.items()}


def _child_fault(child: Link, mac: bytes, parent: Link) -> str | None:
    """Why an interface cannot be the macvlan of this group, or None."""
    if child.kind != "macvlan":
        return f"is a {child.kind or 'plain interface'}, not a macvlan"
    if child.mac != mac:
        return f"has the MAC {format_mac(child.mac)}, not {format_mac(mac)}"
    if child.lower != parent.index or child.lower_elsewhere:
        return f"does not end on {parent.name}: frames would bypass the guard"
    return None


def _ports(look: Inventory, parents: set[str]) -> dict[str, str]:
    """The devices below a parent, each with that parent: ports of a bridge, slaves of a bond."""
    return {
        link.name: master.name
        for link in look.links
        if (master := look.link_at(link.master)) is not None and master.name in parents
    }


def _bystanders(look: Inventory, parents: set[str]) -> list[Link]:
    """Ethernet interfaces that could claim an address of ours by mistake."""
    return [
        link
        for link in look.links
        if link.hardware == ARPHRD_ETHER
        and not link.flags & IFF_LOOPBACK
        and not look.is_port(link)
        and link.name not in parents
        and not link.alias.startswith(ALIAS_PREFIX)
    ]


def _length(look: Inventory, link: Link, address: IpAddress) -> int:
    found = [a.prefix_length for a in look.addresses_of(link.index) if a.address == address]
    return found[0] if found else address.max_prefixlen

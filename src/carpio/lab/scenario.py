"""Scenarios: what is done to a lab, in which order, and what must come of it. Files and values.

A scenario file is TOML; docs/reference/lab.md describes it. Keys that end in `_short` replace those
without in the short form.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from carpio.errors import CarpioError, ConfigError
from carpio.lab.actions import Action, ActionError, Verb, parse_action
from carpio.lab.document import Table, read_document, short
from carpio.lab.peers import peer_named
from carpio.lab.plan import Interface, Plan
from carpio.lab.topology_file import read_topology

__all__ = [
    "FULL",
    "MAX_FLOOD",
    "SHORT",
    "Event",
    "Override",
    "Scenario",
    "find_topology",
    "read_scenario",
    "scenario_names",
    "scenario_path",
    "topology_names",
]

SHORT: Final = "short"
FULL: Final = "full"
DIRECTORY: Final = Path(__file__).parent
DEFAULT_WATCH_S: Final = 1.5
DEFAULT_FLOOD: Final = 100
MAX_FLOOD: Final = 50_000
UNKNOWN: Final = Plan(name="", title="", networks=(), machines=())
"""Stands for a topology that cannot be used, so that the rest of a scenario is read, too."""
ABOUT_BUILDING_S: Final = 2.0
ABOUT_TAKEOVER_S: Final = 1.8
"""A mean: a power loss takes twice as long, a graceful stop nothing."""
EVENT_KEYS: Final = (
    *("title", "do", "do_short", "master", "takeover", "watch", "watch_short", "gap", "service"),
    *("apart", "times", "times_short", "only", "variant", "known", "act"),
)
TOP_KEYS: Final = (
    *("title", "why", "topology", "flood", "flood_short", "probe", "transfer", "preempt", "delay"),
    *("options", "impl", "event", "variant", "override"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that is done, and who must be master afterwards."""

    title: str
    actions: tuple[Action, ...]
    masters: tuple[str, ...]
    """Of every group that they take part in; empty: nobody."""
    takeover: bool
    """Whether to wait until the masters advertise."""
    watch_s: float
    """How long to look on after that."""
    gap_ms: float | None
    """Target for the gap, where the protocol has no limit."""
    has_service_before: bool
    apart: tuple[str, ...]
    """Hosts that do not hear each other, or refuse what they hear, in this event."""
    known: str
    """A documented window in which packets (never claims) may be sent wrongly; empty: none."""
    act: str = ""
    """Name of the part of the story by which it can be chosen; empty: played always."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What one host has otherwise than the others."""

    passphrase: str = ""
    addresses: tuple[Interface, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario in one form and variant."""

    name: str
    title: str
    why: str
    form: str
    variant: str
    plan: Plan
    events: tuple[Event, ...]
    flood_hz: int
    probes: tuple[str, ...]
    """Addresses; empty: some of the groups'."""
    transfer: tuple[str, ...]
    """Client and server of a TCP transfer, or nothing."""
    preempt: bool
    delay_s: float
    """Of naive hosts."""
    options: tuple[str, ...]
    implementations: Mapping[str, str] = field(default_factory=dict)
    """By host, where the scenario has an opinion."""
    overrides: Mapping[str, Override] = field(default_factory=dict)
    variants: tuple[str, ...] = ()
    """All there are."""

    @property
    def acts(self) -> tuple[str, ...]:
        """The parts that can be chosen, in the order of the story."""
        return tuple(dict.fromkeys(event.act for event in self.events if event.act))

    @property
    def about_s(self) -> float:
        """How long it plays, roughly, for people who wait."""
        seconds = ABOUT_BUILDING_S
        for event in self.events:
            seconds += event.watch_s + sum(action.seconds for action in event.actions)
            seconds += ABOUT_TAKEOVER_S if event.takeover and event.masters else 0.0
        return seconds

    def does(self, verb: Verb) -> bool:
        """Whether anything of that kind is done in it."""
        return any(action.verb is verb for event in self.events for action in event.actions)

    def only(self, acts: Collection[str]) -> Scenario:
        """Return it with the events of these acts and those that are played always."""
        events = tuple(one for one in self.events if not one.act or one.act in acts)
        return replace(self, events=events)

    def without_ipv6(self) -> Scenario:
        """Return it with the IPv4 addresses of its groups only, and the groups that have some."""
        groups = tuple(
            replace(group, addresses=tuple(a for a in group.addresses if a.version == 4))
            for group in self.plan.groups
        )
        plan = replace(self.plan, groups=tuple(group for group in groups if group.addresses))
        probes = tuple(address for address in self.probes if ":" not in address)
        return replace(self, plan=plan, probes=probes)

    @classmethod
    def bare(cls, plan: Plan, form: str) -> Scenario:
        """Return one in which nothing happens."""
        return cls(
            name=plan.name,
            title=plan.title,
            why="",
            form=form,
            variant="",
            plan=plan,
            events=(),
            flood_hz=0,
            probes=(),
            transfer=(),
            preempt=True,
            delay_s=1.0,
            options=(),
        )


def scenario_names() -> tuple[str, ...]:
    """Return the scenarios that come with carpio."""
    return tuple(sorted(path.stem for path in (DIRECTORY / "scenarios").glob("*.toml")))


def scenario_path(name: str) -> Path:
    """Return the file of a scenario, by its name or path.

    Raises:
        ConfigError: there is none.
    """
    if name in scenario_names():
        return DIRECTORY / "scenarios" / f"{name}.toml"
    if _is_there(Path(name)):
        return Path(name)
    raise ConfigError([f"{name}: neither a scenario nor a file; carpio lab list tells all"])


def is_topology(name: str, beside: Path = Path()) -> bool:
    """Whether there is such a topology, or such a file."""
    return name in topology_names() or bool(name and _is_there(beside / name))


def _is_there(path: Path) -> bool:
    """Whether there is such a file, also one that we may not see: reading it tells why."""
    try:
        return path.is_file()
    except OSError:
        return True


def topology_names() -> tuple[str, ...]:
    """Return the topologies that come with carpio."""
    return tuple(sorted(path.stem for path in (DIRECTORY / "topologies").glob("*.toml")))


def find_topology(name: str, beside: Path = Path()) -> Plan:
    """Return a topology by its name, or by its path relative to `beside`.

    Raises:
        ConfigError: there is none, or it is wrong.
    """
    if name in topology_names():
        return read_topology(DIRECTORY / "topologies" / f"{name}.toml")
    if is_topology(name, beside):
        return read_topology(beside / name)
    known = ", ".join(topology_names())
    raise ConfigError([f"{name or repr(name)}: neither a topology ({known}) nor a file"])


def read_scenario(path: Path, form: str = FULL, variant: str = "") -> Scenario:
    """Read a scenario file. Raises ConfigError, OSError.

    Without `variant` it is the first, where there are any.
    """
    document = read_document(path)
    root = document.root
    root.only(*TOP_KEYS)
    variants = dict(root.named("variant"))
    for table in variants.values():
        table.only("options", "impl", "delay")
    if variant and variant not in variants:
        raise ConfigError(
            [f"{path}: no variant {variant!r}; there is {', '.join(variants) or 'none'}"]
        )
    variant = variant or next(iter(variants), "")
    chosen = variants.get(variant, root)
    plan = _plan_of(root)
    scenario = Scenario(
        name=path.stem,
        title=root.text("title"),
        why=" ".join(root.text("why").split()),
        form=form,
        variant=variant,
        plan=plan,
        events=tuple(
            event
            for table in _tables_of(root, variant, variants)
            for event in _events(table, form, plan)
        ),
        flood_hz=root.number(_key(root, "flood", form), 0, MAX_FLOOD, DEFAULT_FLOOD),
        probes=root.texts("probe"),
        transfer=root.texts("transfer"),
        preempt=root.flag("preempt", default=True),
        delay_s=chosen.seconds("delay", 1.0) or 0.0,
        options=(*root.texts("options"), *(chosen.texts("options") if variants else ())),
        implementations=_implementations(chosen, plan),
        overrides={name: _override(table) for name, table in root.named("override")},
        variants=tuple(variants),
    )
    _check(root, scenario)
    document.finish()
    return scenario


def _plan_of(root: Table) -> Plan:
    """Return the topology; if it cannot be used it is noted, and an unknown one stands for it."""
    name = root.text("topology", None)
    beside = root.document.path.parent
    if name and not is_topology(name, beside):
        known = ", ".join(topology_names())
        root.wrong("topology", f"{short(name)} is neither a topology nor a file", f"use {known}")
    elif name:
        try:
            return find_topology(name, beside)
        except ConfigError as error:
            root.wrong_elsewhere("topology", error.problems)
    elif root.data.get("topology") == "":
        root.wrong("topology", "is empty", f"use {', '.join(topology_names())}, or a file")
    return UNKNOWN


def _tables_of(root: Table, variant: str, variants: Collection[str]) -> Iterator[Table]:
    """Yield the events of a variant."""
    if not root.data.get("event"):
        root.wrong("event", "is missing", "add [[event]] with title, do and master")
    for table in root.tables("event"):
        name = table.text("variant", variant)
        if name not in variants and name != variant:
            known = ", ".join(variants) or "none"
            table.wrong("variant", f"{name!r} is no variant", f"there is {known}")
        if name == variant:
            yield table


def _check(root: Table, scenario: Scenario) -> None:
    """Note names of machines and addresses that the topology has not."""
    plan = scenario.plan
    if root.data.get("event") and not scenario.events:
        of = f" of variant {scenario.variant}" if scenario.variant else ""
        what = f"none is played in the {scenario.form} form{of}"
        remedy = "add one without `only` and `variant`, or choose another form or variant"
        root.wrong("event", what, remedy)
    hosts = [host.name for host in plan.hosts]
    for name, table in root.named("override") if plan.is_known else ():
        if name not in hosts:
            key = next(iter(table.data), "passphrase")
            table.wrong(key, f"{name!r} is no host", f"one of {', '.join(hosts)}")
    for text in scenario.probes:
        if not _is_address(text):
            root.wrong("probe", f"{text!r} is no address", 'write ["10.77.0.100"]')
    machines = [machine.name for machine in plan.machines]
    ends = scenario.transfer
    if ends and plan.is_known and (len(ends) != 2 or not set(ends) <= set(machines)):
        remedy = f"write two of {', '.join(machines)}: client and server"
        root.wrong("transfer", f"{list(ends)} cannot be used", remedy)
    if ends and not scenario.probes:
        root.wrong("transfer", "has no address to go to", "name it first in probe")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _key(table: Table, name: str, form: str) -> str:
    short = f"{name}_short"
    return short if form == SHORT and short in table.data else name


def _implementations(table: Table, plan: Plan) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for text in table.texts("impl"):
        host, _, name = text.partition("=")
        hosts = [one.name for one in plan.hosts]
        if not name or (plan.is_known and host not in hosts):
            table.wrong("impl", f"{text!r} cannot be used", 'write "HOST=IMPLEMENTATION"')
        elif problem := _problem_of(name):
            table.wrong("impl", f"{text!r} cannot be used", problem)
        found[host] = name
    return found


def _problem_of(implementation: str) -> str:
    """Return why there is no such implementation; nothing if there is."""
    try:
        peer_named(implementation)
    except CarpioError as error:
        return str(error)
    return ""


def _override(table: Table) -> Override:
    table.only("passphrase", "addresses")
    return Override(
        passphrase=table.text("passphrase", ""),
        addresses=table.interfaces("addresses") if "addresses" in table.data else (),
    )


def _events(table: Table, form: str, plan: Plan) -> Iterator[Event]:
    table.only(*EVENT_KEYS)
    only = table.text("only", form)
    hosts = [machine.name for machine in plan.hosts]
    masters = table.texts("master", None)
    for key, names in (("master", masters), ("apart", table.texts("apart"))):
        for name in names if plan.is_known else ():
            if name not in hosts:
                table.wrong(key, f"{name!r} is no host", f"one of {', '.join(hosts)}")
    if len(set(table.texts("apart"))) == 1:
        remedy = f"name two of {', '.join(hosts)} at least, or leave it out"
        table.wrong("apart", "one host alone is apart from nobody", remedy)
    if only not in (SHORT, FULL):
        table.wrong("only", f"{only!r} is no form", f'write "{SHORT}" or "{FULL}"')
    event = Event(
        title=table.text("title"),
        actions=tuple(_actions(table, _key(table, "do", form), plan)),
        masters=masters,
        takeover=table.flag("takeover", default=True),
        watch_s=table.seconds(_key(table, "watch", form), DEFAULT_WATCH_S) or 0.0,
        gap_ms=None if (gap_s := table.seconds("gap", None)) is None else gap_s * 1000,
        has_service_before=table.flag("service", default=True),
        apart=table.texts("apart"),
        known=table.text("known", ""),
        act=table.text("act", ""),
    )
    times = table.number(_key(table, "times", form), 1, 1000, 1)
    if only == form:
        yield from (event for _ in range(times))


def _actions(table: Table, key: str, plan: Plan) -> Iterator[Action]:
    for text in table.texts(key):
        try:
            yield parse_action(text, plan)
        except ActionError as error:
            table.wrong(key, f"{short(text)}: {error.what}", error.remedy)

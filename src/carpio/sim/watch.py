"""One group on one segment: its members, who answers for it, and whether that may be so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from carpio.core.election import Rank
from carpio.core.model import InstanceConfig, InstanceKey, State
from carpio.sim.findings import Findings, Kind
from carpio.sim.node import Node
from carpio.sim.premises import Bounds, Premises, differences
from carpio.wire.ethernet import virtual_mac

__all__ = ["NEVER", "GroupWatch", "Member"]

NEVER: Final = 1 << 62
_KEPT: Final = 20_000
"""Changes that are kept for the picture; a run with more is flapping."""


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    """A host's part in a group."""

    node: Node
    key: InstanceKey
    _found: InstanceConfig | None = None
    _found_in: tuple[InstanceConfig, ...] | None = None

    @property
    def config(self) -> InstanceConfig | None:
        """Its present settings of the group."""
        instances = self.node.config.instances
        if instances is not self._found_in:
            self._found_in = instances
            self._found = next((c for c in instances if c.instance == self.key), None)
        return self._found

    @property
    def advbase(self) -> int:
        """That of its present settings; 0: it has none."""
        config = self.config
        return config.advbase if config is not None else 0

    def is_eligible(self) -> bool:
        """Whether it could be master: it runs, its link is up, nothing refuses the addresses."""
        nic, config = self.node.nics[self.key.carpdev], self.config
        return (
            config is not None
            and bool(config.addresses)
            and self.node.is_working
            and self.node.config.allow
            and nic.port.is_up
            and not nic.refuses_to_send
            and self.key not in self.node.datapath.refused
        )

    def is_backup(self) -> bool:
        """Whether it waits to take over."""
        return self.node.is_working and self.node.states.get(self.key) is State.BACKUP

    def rank(self) -> Rank:
        """Return what the election compares now."""
        config = self.config
        assert config is not None  # noqa: S101 - asked of eligible members only
        preempt = self.node.config.preempt if config.preempt is None else config.preempt
        return Rank.of(config.advbase, config.advskew, self.node.demotion, preempt=preempt)


class GroupWatch:
    """Follows one group through a run."""

    def __init__(self, name: str, vhid: int, segment: str, members: Sequence[Member]) -> None:
        self.name = name
        self.vhid = vhid
        self.segment = segment
        self.mac = virtual_mac(vhid)
        self.members = tuple(members)
        self.member_of = {one.node.name: one for one in members}
        self.premises = Premises()
        self.speakers: tuple[str, ...] = ()
        """Hosts that answer for the group now."""
        self.changes: list[tuple[int, tuple[str, ...]]] = [(0, ())]
        """When the speakers changed, and to whom."""
        self.uncounted = 0
        self.lag = 0
        """How much longer than normal frames may take in this run."""
        self.check_at = NEVER
        """When `check` has something to say, if nothing changes until then."""
        self._since = 0
        self._is_excused = self._is_broken = False
        """What was told of the present situation."""
        self._differences: list[str] = []
        self.addresses: frozenset[bytes]
        """All that any member holds, packed."""
        self.compared: Callable[[], None] | None = None
        """Told when `addresses` may be others."""
        self.compare(0)

    def compare(self, now: int) -> None:
        """Look at the settings of all members anew."""
        configs = [config for config in (one.config for one in self.members) if config is not None]
        self.addresses = frozenset(a.address.packed for c in configs for a in c.addresses)
        if configs:
            self.bounds = Bounds.of(configs)
        for cause in self._differences:
            self.premises.end(cause, now + self.bounds.echo)
        self._differences = differences(configs)
        for cause in self._differences:
            self.premises.begin(cause)
        self.touch(now)
        if self.compared is not None:
            self.compared()

    def touch(self, now: int) -> None:
        """The eligible hosts or their ranks may have changed."""
        self.premises.changed_at = now
        self._is_broken = False
        self._plan()

    def disturb(self, cause: str, now: int) -> None:
        """A premise failed for a moment."""
        self.premises.disturb(cause, now + self.bounds.echo)
        self._plan()

    def begin(self, cause: str) -> None:
        """A premise does not hold."""
        self.premises.begin(cause)

    def end(self, cause: str, now: int) -> None:
        """It holds again."""
        self.premises.end(cause, now + self.bounds.echo)
        self._plan()

    def update(self, now: int) -> None:
        """Look who speaks now."""
        speakers = tuple(m.node.name for m in self.members if m.node.speaks(m.key, now))
        if speakers == self.speakers:
            return
        if len(speakers) != 1 or len(self.speakers) != 1:
            self._since = now
        self.premises.changed_at = max(self.premises.changed_at, now)
        self.speakers = speakers
        self._is_excused = self._is_broken = False
        if self.changes[-1][0] == now:
            self.changes[-1] = (now, speakers)
        elif len(self.changes) < _KEPT:
            self.changes.append((now, speakers))
        else:
            self.uncounted += 1
        self._plan()

    def _plan(self) -> None:
        """Reckon when the present situation is too old, with or without an excuse."""
        premises = self.premises
        begin, bound = self._since, self._bound()
        if len(self.speakers) < 2:
            begin = max(begin, premises.changed_at)
        self.check_at = NEVER
        if not self._is_excused and len(self.speakers) != 1:
            self.check_at = begin + bound + 1
        elif premises.hold and not self._is_broken:
            self.check_at = max(begin, premises.bad_until) + bound + 1

    def _bound(self) -> int:
        bounds = self.bounds
        if not self.speakers:
            return bounds.none
        if len(self.speakers) == 1:
            return bounds.best
        nodes = [self.member_of[name].node for name in self.speakers]
        if all(node.is_working for node in nodes):
            return bounds.two
        return bounds.two + self.lag  # the advert that deposes it can come after its daemon left

    def check(self, now: int, findings: Findings) -> None:
        """Say what lasts too long: once with its excuse, and once when there is none left."""
        self._plan()
        if now < self.check_at:
            return
        premises = self.premises
        is_broken = premises.hold and now > premises.bad_until + self._bound()
        cause = "" if is_broken else premises.cause()
        self._is_excused = True
        self._is_broken = self._is_broken or is_broken
        if len(self.speakers) > 1:
            self._tell(Kind.TWO_MASTERS, now, findings, cause, ", ".join(self.speakers))
        elif not self.speakers:
            able = [m.node.name for m in self.members if m.is_eligible()]
            if able:
                self._tell(Kind.NO_MASTER, now, findings, cause, f"able: {', '.join(able)}")
        elif is_broken:
            self._check_rank(now, findings)
        self._plan()

    def _check_rank(self, now: int, findings: Findings) -> None:
        master = self.member_of[self.speakers[0]]
        if master.config is None:
            return
        able = [member for member in self.members if member.is_eligible()]
        mine = master.rank()
        for member in able:
            rank = member.rank()
            if rank.preempt and rank.interval < mine.interval:
                text = f"{member.node.name} is better and preempts"
                self._tell(Kind.NOT_THE_BEST, now, findings, "", text)

    def _tell(self, kind: Kind, now: int, findings: Findings, cause: str, evidence: str) -> None:
        host = ", ".join(self.speakers)
        findings.add(kind, now, group=self.name, host=host, cause=cause, evidence=evidence)

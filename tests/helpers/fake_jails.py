"""A host on paper for jails: containers, commands, records and addresses, with faults at will.

What happens is written to `log`. State outlives a `jail` process: `host()` is one process of many,
and `die_at` kills the present one before or after any of the things it does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from carpio.bsd.batch import change_of
from carpio.bsd.messages import IfconfigError
from carpio.control.network import AddAddress, DeleteAddress, SetLink, SetVhid
from carpio.errors import CarpioError, PlatformError
from carpio.jail.addresses import Family
from carpio.jail.aliases import Called, HeldAddress, same_address
from carpio.jail.host import Host
from carpio.jail.judge import Setpoint
from carpio.jail.ports import (
    CannotChange,
    Command,
    Ending,
    Holder,
    MountLine,
    Outcome,
    Record,
)

__all__ = ["FakeJails", "Killed"]


class Killed(BaseException):
    """The process is gone; nothing that it still does has an effect."""


@dataclass
class FakeJails:
    """All that is outside of one `jail` process."""

    log: list[str] = field(default_factory=list)
    timeline: list[str] = field(default_factory=list)
    """The log with `> ` before each line, and what others add."""
    records: dict[int, Record] = field(default_factory=dict)
    living: set[Holder] = field(default_factory=set)
    """Holders of jails."""
    makers: set[Holder] = field(default_factory=set)
    """`jail` processes."""
    fellows: set[Holder] = field(default_factory=set)
    """Those that run beside the next one."""
    addresses: dict[tuple[str, str], int | None] = field(default_factory=dict)
    """By interface and address the vhid that has it."""
    vhids: set[tuple[str, int]] = field(default_factory=set)
    was_plain: set[str] = field(default_factory=set)
    """All addresses that ever were on an interface without a vhid."""
    hosts: dict[str, list[tuple[Family, str]]] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """By command as one text what becomes of it; DONE when it is not there."""
    effects: dict[str, Callable[[], None]] = field(default_factory=dict)
    """By command as one text what else happens when it runs."""
    refused: set[str] = field(default_factory=set)
    """Lines of the log that fail."""
    fail_at: int | None = None
    """The number of the operation (from 0, of those that are logged) that fails."""
    die_at: int | None = None
    """The number of the moment (two for each thing done) at which the process is killed."""
    moments: int = 0
    commands_run: list[Command] = field(default_factory=list)
    has_daemon: bool = True
    processes: dict[int, list[int]] = field(default_factory=dict)
    """By jid the processes that get a SIGTERM."""
    unrecorded: set[str] = field(default_factory=set)
    """Jails whose holder cannot be written down."""
    warnings: list[str] = field(default_factory=list)
    """What the next call of ifconfig says, though it succeeds."""
    unchangeable: set[str] = field(default_factory=set)
    """Parameters that `-m` cannot change here."""
    most_at_once: int = 0
    _at_once: int = 0
    _last_jid: int = 0
    _last_pid: int = 1000
    _is_dead: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def host(self, environ: Mapping[str, str] | None = None) -> Host:
        """Return the host as a new `jail` process sees it; the one before is gone."""
        self.makers = set(self.fellows)
        self._is_dead = False
        me = self._new_process()
        makers = self.makers
        makers.add(me)
        return Host(
            containers=_Containers(self),
            commands=_Commands(self),
            registry=_Registry(self, me),
            interfaces=_Interfaces(self),
            environ={"PATH": "/bin"} if environ is None else environ,
            links="/opt/carpio/libexec/carpio",
            control="/run/carpio/control.sock",
            me=me,
            is_running=lambda process: process in makers,
            resolve=self._resolve,
        )

    def _resolve(self, name: str) -> Sequence[tuple[Family, str]]:
        if name not in self.hosts:
            raise OSError(-2, "Name or service not known")
        return self.hosts[name]

    def _new_process(self) -> Holder:
        self._last_pid += 1
        return Holder(pid=self._last_pid, started=self._last_pid * 100)

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Do something that a kill may come before or after."""
        self._tick()
        with self._lock:
            yield
        self._tick()

    def _tick(self) -> None:
        with self._lock:
            if self._is_dead:
                raise Killed
            if self.moments == self.die_at:
                self._is_dead = True
                raise Killed
            self.moments += 1

    @contextmanager
    def operation(self, text: str) -> Iterator[None]:
        """Do something that is logged and may fail."""
        with self.moment():
            number = len(self.log)
            self.log.append(text)
            fails = number == self.fail_at or text in self.refused
            self.timeline.append(f"> {text}{'  # fails' if fails else ''}")
            if fails:
                raise PlatformError("refused here")
            yield

    def end(self, name: str) -> None:
        """Let a jail vanish by itself."""
        record = next(one for one in self.records.values() if one.name == name)
        self.living.discard(record.holder or Holder(pid=0, started=0))

    def is_living(self, name: str) -> bool:
        """Return whether a jail of that name runs."""
        return any(r.name == name and r.holder in self.living for r in self.records.values())

    # -- addresses ---------------------------------------------------------------------------

    def apply(self, words: Sequence[str]) -> None:
        """Do what a call of ifconfig asks for. Raises IfconfigError."""
        change = change_of(words, lambda _name, _version: None)
        for step in change.steps:
            self._apply(change.interface, step)

    def _apply(self, interface: str, step: object) -> None:
        match step:
            case SetVhid(vhid=vhid):
                self.vhids.add((interface, vhid))
            case AddAddress(address=address, vhid=vhid):
                key = (interface, same_address(address))
                if vhid is None and self.addresses.get(key) is not None:
                    raise IfconfigError("ioctl (SIOCAIFADDR): File exists")
                self.addresses[key] = vhid
                if vhid is None:
                    self.was_plain.add(key[1])
            case DeleteAddress(address=str(address)):
                key = (interface, same_address(address))
                if key not in self.addresses:
                    raise IfconfigError("ioctl (SIOCDIFADDR): Can't assign requested address")
                vhid = self.addresses.pop(key)
                left = [v for (i, _), v in self.addresses.items() if i == interface]
                if vhid is not None and vhid not in left:
                    self.vhids.discard((interface, vhid))
            case SetLink():
                pass
            case _:
                raise AssertionError(step)


class _Containers:
    def __init__(self, fake: FakeJails) -> None:
        self._fake = fake

    def check(self, values: Mapping[str, Setpoint]) -> None:
        del values
        if "check" in self._fake.refused:
            raise PlatformError("no runtime for containers", remedy="install one")

    def stage(self, values: Mapping[str, Setpoint], path: str) -> _Stage:
        return _Stage(self._fake, values, path)

    def set_persistent(self, record: Record, is_persistent: bool) -> Record:
        with self._fake.operation(f"{'persist' if is_persistent else 'nopersist'} {record.name}"):
            ends = not is_persistent and not self._fake.processes.get(record.jid)
            if ends and record.holder is not None:
                self._fake.living.discard(record.holder)
            return replace(record, is_persistent=is_persistent)

    def update(self, record: Record, values: Mapping[str, Setpoint]) -> Record:
        for name in values:
            if name in self._fake.unchangeable:
                raise CannotChange(name)
        shown = " ".join(f"{name}={value}" for name, value in sorted(values.items()))
        with self._fake.operation(f"update {record.name}: {shown}"):
            return record

    def give_interface(self, record: Record, interface: str) -> None:
        with self._fake.operation(f"give {record.name}: {interface}"):
            pass

    def take_interface(self, record: Record, interface: str) -> None:
        with self._fake.operation(f"take {record.name}: {interface}"):
            pass

    def processes(self, record: Record) -> Sequence[int]:
        return self._fake.processes.get(record.jid, [])

    def terminate(self, record: Record, timeout_s: int) -> Sequence[int]:
        with self._fake.operation(f"terminate {record.name}: {timeout_s} s"):
            return self._fake.processes.pop(record.jid, [])

    def destroy(self, record: Record) -> None:
        with self._fake.operation(f"destroy {record.name}"):
            self._fake.processes.pop(record.jid, None)
            self._fake.living = {
                holder for holder in self._fake.living if holder.started // 100 != record.jid * 7
            }
            if record.holder is not None:
                self._fake.living.discard(record.holder)

    def is_alive(self, record: Record) -> bool:
        return record.holder in self._fake.living


class _Stage:
    def __init__(self, fake: FakeJails, values: Mapping[str, Setpoint], path: str) -> None:
        del values, path
        self._fake = fake
        self._mounted: list[MountLine] = []

    def mount(self, line: MountLine) -> None:
        with self._fake.operation(f"mount {line.point}"):
            self._mounted.append(line)

    def unmount(self, line: MountLine) -> None:
        with self._fake.operation(f"unmount {line.point}"):
            assert self._mounted.pop() == line

    def create(self, record: Record) -> Record:
        with self._fake.operation(f"create {record.name}"):
            # by the start time `destroy` finds it also when nobody wrote the holder down
            holder = Holder(pid=record.jid * 7, started=record.jid * 700)
            self._fake.living.add(holder)
            return replace(record, holder=holder, details={"container": f"jail-{record.jid}"})

    def discard(self) -> None:
        if not self._fake._is_dead:
            self._mounted.clear()


class _Commands:
    def __init__(self, fake: FakeJails) -> None:
        self._fake = fake

    def run(self, command: Command) -> Outcome:
        words = " ".join(command.argv).removeprefix("/bin/sh -c ")
        place = f"jail {command.record.name}" if command.record is not None else "host"
        with self._fake._lock:
            self._fake._at_once += 1
            self._fake.most_at_once = max(self._fake.most_at_once, self._fake._at_once)
        try:
            with self._fake.operation(f"{place}: {words}"):
                self._fake.commands_run.append(command)
                self._fake.effects.get(words, lambda: None)()
                good = Ending.LEFT_RUNNING if command.is_background else Ending.DONE
                return self._fake.outcomes.get(words, Outcome(ending=good))
        finally:
            with self._fake._lock:
                self._fake._at_once -= 1


class _Interfaces:
    def __init__(self, fake: FakeJails) -> None:
        self._fake = fake

    def ifconfig(self, words: Sequence[str], timeout_s: int) -> Called:
        del timeout_s
        try:
            self._require_daemon()
            with self._fake.operation(f"ifconfig {' '.join(words)}"):
                if words[0] != "-j":  # that is about another namespace
                    self._fake.apply(words)
        except CarpioError as error:
            return Called(is_good=False, texts=(f"ifconfig: {error}",))
        said = tuple(self._fake.warnings)
        self._fake.warnings.clear()
        return Called(is_good=True, texts=said)

    def held(self) -> Sequence[HeldAddress]:
        self._require_daemon()
        with self._fake.moment():
            return [
                HeldAddress(interface=interface, address=address, vhid=vhid)
                for (interface, address), vhid in self._fake.addresses.items()
            ]

    def _require_daemon(self) -> None:
        if not self._fake.has_daemon:
            raise CarpioError("/run/carpio/control.sock: daemon not reachable")


class _Registry:
    def __init__(self, fake: FakeJails, me: Holder) -> None:
        self._fake, self._me = fake, me
        self._lock = threading.Lock()
        self._lock_timeout_s = 20.0

    @contextmanager
    def locked(self) -> Iterator[None]:
        assert self._lock.acquire(timeout=self._lock_timeout_s), "locked twice"
        try:
            yield
        finally:
            self._lock.release()

    def records(self) -> Iterator[Record]:
        return iter([record for _, record in sorted(self._fake.records.items())])

    def find(self, name_or_jid: str) -> Record | None:
        if name_or_jid.isdigit():
            return self._fake.records.get(int(name_or_jid))
        return next((r for r in self.records() if r.name == name_or_jid), None)

    def reserve(self, name: str, jid: int | None, path: str) -> Record:
        assert self._lock.locked()
        with self._fake.moment():
            if name and self.find(name) is not None:
                raise CarpioError(f'"{name}" already exists')
            if jid is not None and jid in self._fake.records:
                raise CarpioError(f'"{jid}" already exists')
            if jid is None:
                self._fake._last_jid += 1
                jid = self._fake._last_jid
            record = Record(
                jid=jid,
                name=name or str(jid),
                path=path,
                values={},
                holder=None,
                is_persistent=False,
                maker=self._me,
            )
            self._fake.records[jid] = record
            return record

    def put(self, record: Record) -> None:
        assert self._lock.locked()
        if record.holder is not None and record.name in self._fake.unrecorded:
            raise PlatformError("writing a record", errno=28)
        with self._fake.moment():
            self._fake.records[record.jid] = record

    def drop(self, record: Record) -> None:
        assert self._lock.locked()
        with self._fake.moment():
            del self._fake.records[record.jid]

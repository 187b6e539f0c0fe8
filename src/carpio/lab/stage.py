"""Plays scenarios: does what they say to a lab that runs, and notes when.

Measures nothing. It goes on when the adverts that an event waits for were seen, or not in time.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, assert_never

from carpio.lab.actions import Action, Verb
from carpio.lab.forger import forger_command
from carpio.lab.host import Host
from carpio.lab.implementation import carpio_command
from carpio.lab.namespaces import ip, pids_in
from carpio.lab.observe import AdvertWatch, Awaited
from carpio.lab.peers import WITH_CONTROL, Duty, Peer, Post
from carpio.lab.plan import GroupPlan
from carpio.lab.ports import clear_port, delay_port, lose_at_port, mute_nic, unmute_nic
from carpio.lab.process import Child
from carpio.lab.scenario import Event, Override, Scenario
from carpio.lab.topology import Lab

__all__ = ["Played", "Stage"]

TAKEOVER_TIMEOUT_S: Final = 20.0
"""Long, because hundreds of groups on a busy machine take their time to start."""
STOP_TIMEOUT_S: Final = 5.0
PROMOTE_TIMEOUT_S: Final = 5.0
POLL_S: Final = 0.02
SETTLE_S: Final = 1.0
"""Given to what has no control socket to fail."""
UP_TIMEOUT_S: Final = 10.0
PASSPHRASE: Final = "carpio lab"  # noqa: S105 - guards a lab only
ORDERED: Final = (128 + signal.SIGTERM, 128 + signal.SIGKILL)
"""Status of a shell whose program was told to leave, or killed."""
ENDING: Final = (Verb.STOP, Verb.KILL, Verb.CRASH, Verb.BOOT, Verb.REBOOT)
"""Ends what runs on a host."""


@dataclass(frozen=True, slots=True)
class Played:
    """An event that was played in [start_ns, end_ns); all was done at `acted_ns`."""

    event: Event
    start_ns: int
    acted_ns: int
    end_ns: int
    problems: tuple[str, ...] = ()
    """Of implementations that ended, which nobody had stopped or killed."""


@dataclass(slots=True)
class Stage:
    """A lab with the peers of its hosts."""

    lab: Lab
    watch: AdvertWatch
    scenario: Scenario
    peers: Mapping[str, Peer]
    """By host."""
    started_ns: dict[str, list[int]] = field(default_factory=dict)
    """When each host began to listen."""
    _serving: dict[str, list[Child]] = field(default_factory=dict)
    """By host: what nobody stopped or killed since it was started."""
    _ended: list[str] = field(default_factory=list)
    """Problems of the event that is played."""
    _commanded: set[str] = field(default_factory=set)
    """Hosts on which it ran a command."""

    def play(self, tell: Callable[[Event], None]) -> tuple[Played, ...]:
        """Play all events in order; `tell` is called before each."""
        starts: list[int] = []
        acted: list[int] = []
        problems: list[tuple[str, ...]] = []
        for event in self.scenario.events:
            tell(event)
            self.watch.forget()
            starts.append(time.time_ns())
            for action in event.actions:
                self.do(action)
            acted.append(time.time_ns())
            if event.takeover and event.masters:
                self._wait_for_takeover(event)
            time.sleep(event.watch_s)
            problems.append(self.ended())
        ends = (*starts[1:], time.time_ns())
        return tuple(map(Played, self.scenario.events, starts, acted, ends, problems))

    def _wait_for_takeover(self, event: Event) -> None:
        """Wait until the new masters were heard; not for one whose implementation has ended."""

        def has_ended() -> bool:
            self._look()
            return any(
                told.startswith(f"{host}: ") for told in self._ended for host in event.masters
            )

        self.watch.wait_for_all(self._wanted(event), TAKEOVER_TIMEOUT_S, has_ended)

    def wait_until_up(self) -> tuple[str, ...]:
        """Wait until all that was started listens or had time to fail; return what ended."""
        sockets = [
            self.lab[name].control
            for name in self._serving
            if self.peers[name].name in WITH_CONTROL
        ]
        settled = time.monotonic() + (0.0 if len(sockets) == len(self._serving) else SETTLE_S)
        deadline = time.monotonic() + UP_TIMEOUT_S
        while time.monotonic() < deadline:
            self._look()
            is_settled = time.monotonic() > settled and all(one.exists() for one in sockets)
            if self._ended or is_settled:
                break
            time.sleep(POLL_S)
        return self.ended()

    def ended(self) -> tuple[str, ...]:
        """Return a problem for each implementation that ended by itself; each is told once."""
        self._look()
        told, self._ended = tuple(self._ended), []
        self._commanded.clear()
        return told

    def _look(self) -> None:
        """Note what has ended by itself."""
        for name, children in self._serving.items():
            for child in [child for child in children if not child.is_running]:
                children.remove(child)
                if not self._is_meant(name, child.status or 0):
                    self._ended.append(f"{name}: {self.peers[name].name} {child.ending}")

    def _is_meant(self, host: str, status: int) -> bool:
        """Whether an end was ordered by a command, or only that of who started a daemon."""
        if host in self._commanded and (status <= 0 or status in ORDERED):
            return True
        return status == 0 and bool(pids_in(self.lab[host].namespace))

    def _wanted(self, event: Event) -> set[Awaited]:
        """Return the adverts that show the takeover: of each family where each is an election."""
        return {
            (host, group.network, group.vhid, address.version if self.peers[host].is_vrrp else None)
            for group in self.scenario.plan.groups
            for address in group.addresses
            for host in event.masters
            if host in group.advskews
        }

    def do(self, action: Action) -> None:
        """Do one thing. Raises PlatformError when it cannot be done."""
        match action.verb:
            case Verb.WAIT:
                time.sleep(action.seconds)
            case Verb.CUT | Verb.MEND:
                self._set_trunk(action.place, "down" if action.verb is Verb.CUT else "up")
            case (
                Verb.START | Verb.STOP | Verb.KILL | Verb.CRASH | Verb.BOOT | Verb.REBOOT
                | Verb.FREEZE | Verb.THAW | Verb.PROMOTE
            ):  # fmt: skip
                self._do_life(action.verb, self.lab[action.place])
            case Verb.PULL | Verb.PLUG | Verb.LOSE | Verb.DELAY | Verb.CLEAR:
                self._do_cable(action, self.lab[action.place])
            case (
                Verb.REFUSE | Verb.ACCEPT | Verb.STEAL | Verb.FLUSH | Verb.RENAME
                | Verb.FORGE | Verb.RUN
            ):  # fmt: skip
                self._do_host(action, self.lab[action.place])
            case _:
                assert_never(action.verb)

    def _do_life(self, verb: Verb, host: Host) -> None:
        if verb in ENDING:
            self._look()
            self._serving.pop(host.name, None)
        match verb:
            case Verb.START:
                self._start(host)
            case Verb.STOP:
                host.signal(signal.SIGTERM)
            case Verb.KILL:
                _kill_all(host)
            case Verb.CRASH:
                _kill_all(host)
                host.crash()
            case Verb.BOOT:
                host.boot()
                self._start(host)
            case Verb.REBOOT:
                host.shut_down()
                host.crash()
                host.boot()
                self._start(host)
            case Verb.FREEZE:
                _signal_all(host, signal.SIGSTOP)
            case Verb.THAW:
                _signal_all(host, signal.SIGCONT)
            case Verb.PROMOTE:
                self._promote(host)

    def _do_cable(self, action: Action, host: Host) -> None:
        cable = host.cable_on(action.network)
        match action.verb:
            case Verb.PULL:
                host.pull_cable(action.network)
            case Verb.PLUG:
                host.plug_cable(action.network)
            case Verb.LOSE:
                lose_at_port(self.lab.switch, cable.port, action.share, action.direction)
            case Verb.DELAY:
                delay_port(self.lab.switch, cable.port, action.seconds)
            case Verb.CLEAR:
                clear_port(self.lab.switch, cable.port)

    def _do_host(self, action: Action, host: Host) -> None:
        interface = host.cable_on(action.network).plan.interface
        match action.verb:
            case Verb.REFUSE:
                mute_nic(host.namespace, interface)
            case Verb.ACCEPT:
                unmute_nic(host.namespace, interface)
            case Verb.STEAL:
                self._steal(host)
            case Verb.FLUSH:
                host.run("nft", "flush", "ruleset", check=False)
            case Verb.RENAME:
                host.run("ip", "link", "set", interface, "name", action.words[0])
            case Verb.FORGE:
                host.run(*forger_command(interface, self._duty(host, 0), action.count))
            case Verb.RUN:
                self._run(host, action.words)

    def _run(self, host: Host, words: tuple[str, ...]) -> None:
        """Run a command; it may stop or kill what runs on the host."""
        self._look()
        self._commanded.add(host.name)
        control = f"CARPIO_CONTROL={host.control}"
        done = host.run("env", control, f"PATH={_path()}", *words, check=False)
        if done.returncode:
            raise host.failure(words, done)

    def _set_trunk(self, name: str, state: str) -> None:
        numbers = {trunk.name: number for number, trunk in enumerate(self.lab.plan.trunks)}
        ip("link", "set", f"trunk{numbers[name]}-l", state, namespace=self.lab.switch)

    def _groups_of(self, host: Host) -> tuple[GroupPlan, ...]:
        return tuple(group for group in self.scenario.plan.groups if host.name in group.advskews)

    def _duty(self, host: Host, number: int) -> Duty:
        group = self._groups_of(host)[number]
        override = self.scenario.overrides.get(host.name, Override())
        cable = host.cable_on(group.network).plan
        return Duty(
            vhid=group.vhid,
            interface=cable.interface,
            own=cable.addresses,
            addresses=override.addresses or group.addresses,
            passphrase=override.passphrase or PASSPHRASE,
            advbase=group.advbase,
            advskew=group.advskews[host.name],
        )

    def _start(self, host: Host) -> None:
        count = len(self._groups_of(host))
        post = Post(
            directory=host.directory,
            control=host.control,
            duties=tuple(self._duty(host, number) for number in range(count)),
            preempt=self.scenario.preempt,
            options=self.scenario.options,
            delay_s=self.scenario.delay_s,
        )
        self.started_ns.setdefault(host.name, []).append(time.time_ns())
        commands = self.peers[host.name].commands(post)
        children = [host.spawn(*command, log="daemon.log") for command in commands]
        host.daemon, host.companions = children[0], children[1:]
        self._serving[host.name] = list(children)

    def _promote(self, host: Host) -> None:
        """Make a carpio host MASTER of all its groups as soon as it can be; others come in time."""
        if self.peers[host.name].name not in WITH_CONTROL:
            return
        count = len(self._groups_of(host))
        control = ("--control", str(host.control))
        command = str(carpio_command())
        deadline = time.monotonic() + PROMOTE_TIMEOUT_S
        while time.monotonic() < deadline:
            done = host.run(command, "status", "--json", *control, check=False)
            states = _states(done.stdout)
            if len(states) >= count and all(state == "MASTER" for state in states.values()):
                return
            for name, state in states.items():
                if state == "BACKUP":
                    host.run(command, "state", *control, name, "master", check=False)
            time.sleep(POLL_S)

    def _steal(self, host: Host) -> None:
        shared = {str(address.ip) for group in self._groups_of(host) for address in group.addresses}
        for link in json.loads(host.run("ip", "-j", "addr").stdout):
            for address in link.get("addr_info", ()):
                if address.get("local") in shared:
                    text = f"{address['local']}/{address['prefixlen']}"
                    host.run("ip", "addr", "del", text, "dev", link["ifname"])


def _states(status: str) -> dict[str, str]:
    """Return the state of each group that `carpio status --json` names."""
    try:
        return {str(group["name"]): str(group["state"]) for group in json.loads(status)["vhids"]}
    except (ValueError, KeyError):
        return {}


def _path() -> str:
    return f"{Path(carpio_command()).parent}:/usr/sbin:/usr/bin:/sbin:/bin"


def _kill_all(host: Host) -> None:
    _signal_all(host, signal.SIGKILL)


def _signal_all(host: Host, number: signal.Signals) -> None:
    """Signal every process of the host: some implementations have several."""
    for pid in pids_in(host.namespace):
        with suppress(ProcessLookupError):
            os.kill(pid, number)

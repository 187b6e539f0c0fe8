"""The daemon: composes the world, runs one loop in one thread, and leaves in good order.

One stack per network namespace, one control server, one place where the process waits.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import socket
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, assert_never

from carpio import __version__
from carpio.config.load import load_config
from carpio.config.model import DaemonConfig, VhidConfig
from carpio.control.messages import (
    Demote,
    DemoteClear,
    DemotionStatus,
    LogLevel,
    Reload,
    ReloadResult,
    Request,
    SetState,
    Status,
    StatusRequest,
    Version,
    VersionResult,
    VhidStatus,
)
from carpio.core.events import DemotionAdjusted, DemotionCleared, StateRequested
from carpio.core.model import EngineView, Nanoseconds, State
from carpio.errors import CarpioError, ConfigError, ControlError, PlatformError
from carpio.runtime.clock import MonotonicClock
from carpio.runtime.logs import LogWriter, level_for
from carpio.runtime.namespace import Namespace
from carpio.runtime.report import WallClock, demotion_status, vhid_status
from carpio.runtime.server import ControlServer
from carpio.runtime.settings import StateFile
from carpio.runtime.stack import Stack
from carpio.runtime.waiting import be_punctual, wait

__all__ = ["Daemon", "run"]

log = logging.getLogger("carpio")

STATE_DIRECTORY: Final = Path("/run/carpio")
"""Where each namespace has a file of its own, named by the namespace's number."""
_FAILED, _INVALID_FILE, _NOT_PERMITTED = 1, 2, 5


class Daemon:
    """The composition root."""

    def __init__(self, config_path: Path, control: Path, netns: Sequence[str]) -> None:
        """Read the configuration and claim every namespace. Raises CarpioError."""
        self._config_path = config_path
        self._netns = tuple(netns)
        self._clock = MonotonicClock()
        self._stacks: dict[str | None, Stack] = {}
        self._stopping = False
        self._config = self._load()
        log.setLevel(level_for(self._config.log))
        for warning in self._config.warnings:
            log.warning("carpio: %s", warning)
        self._server = ControlServer(control, self._answer, self._clock)
        try:
            self._stacks |= self._make_stacks(self._names(self._config), self._config)
        except BaseException:
            self._leave()
            raise

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then leave gracefully."""
        waker, wakened = socket.socketpair()
        waker.setblocking(False)
        wakened.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: None)
        try:
            for stack in self._stacks.values():
                stack.start()
            be_punctual()
            _notify_ready()
            while not self._stopping:
                self._wait_and_turn(wakened)
        finally:
            self._leave()

    def _wait_and_turn(self, wakened: socket.socket) -> None:
        readers = [wakened.fileno()]
        for stack in self._stacks.values():
            readers += stack.files()
        writers: list[int] = []
        deadlines = [stack.next_deadline() for stack in self._stacks.values()]
        rest = self._server.rest()
        if rest:
            deadlines.append(Nanoseconds(self._clock.now() + rest))
        else:
            readers += self._server.readers()
            writers = self._server.writers()
        deadline = min(deadlines, default=None)
        timeout = None if deadline is None else max(0, deadline - self._clock.now())
        ready = wait(readers, writers, timeout)
        for stack in self._stacks.values():
            stack.turn(ready)
        if not rest:
            self._server.serve(ready)
        if wakened.fileno() in ready:
            self._obey_signals(wakened.recv(64))

    def _obey_signals(self, numbers: bytes) -> None:
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            self._stopping = True
        elif signal.SIGHUP in numbers:
            try:
                self._reload()
            except ConfigError as error:
                for problem in error.problems:
                    log.error("carpio: %s", problem)
                log.error("carpio: the configuration is invalid; the running one stays in use")
            except PlatformError as error:
                log.error("carpio: %s; the running configuration stays in use", error)

    def _leave(self) -> None:
        for stack in self._stacks.values():
            stack.stop()
        self._stacks.clear()
        self._server.close()

    # -- configuration ---------------------------------------------------------------------

    def _load(self) -> DaemonConfig:
        config = load_config(self._config_path)
        own = self._netns[0] if len(self._netns) == 1 else None
        if own is None:
            return config
        vhids = [
            vhid
            if vhid.netns is not None
            else VhidConfig(instance=vhid.instance, netns=own, name=vhid.name)
            for vhid in config.vhids
        ]
        return replace(config, vhids=tuple(vhids))

    def _names(self, config: DaemonConfig) -> list[str | None]:
        """The namespaces to serve: the daemon's own unless others were named, and the groups'."""
        base: list[str | None] = list(self._netns) or [None]
        return list(dict.fromkeys([*base, *(vhid.netns for vhid in config.vhids)]))

    def _make_stacks(
        self, names: Iterable[str | None], config: DaemonConfig
    ) -> dict[str | None, Stack]:
        """Claim namespaces. Raises PlatformError with all of them given back."""
        made: dict[str | None, Stack] = {}
        try:
            for name in names:
                namespace = Namespace(name)
                state = StateFile(STATE_DIRECTORY / f"netns-{namespace.identity}.json")
                made[name] = Stack(namespace, config, state, self._clock, random.SystemRandom())
        except BaseException:
            for stack in made.values():
                stack.stop()
            raise
        return made

    def _reload(self) -> ReloadResult:
        """Validate, then swap. Raises ConfigError or PlatformError with nothing changed."""
        config = self._load()
        missing = [name for name in self._names(config) if name not in self._stacks]
        added = self._make_stacks(missing, config)
        self._config = config
        log.setLevel(level_for(config.log))
        for stack in self._stacks.values():
            stack.replace(config)
        self._stacks |= added
        for stack in added.values():
            stack.start()
        log.info("carpio: configuration read again: %d groups", len(config.vhids))
        return ReloadResult(warnings=list(config.warnings))

    # -- control -----------------------------------------------------------------------------

    def _answer(self, request: Request) -> object:
        match request:
            case Version():
                return VersionResult(carpio=__version__)
            case StatusRequest():
                return self._status()
            case Demote():
                return self._demote(DemotionAdjusted(request.cause, request.delta))
            case DemoteClear():
                return self._demote(DemotionCleared(request.cause))
            case SetState():
                return self._set_state(request)
            case LogLevel():
                log.setLevel(level_for(request.level))
                return None
            case Reload():
                return self._reload()
            case _:
                assert_never(request)

    def _status(self) -> Status:
        views = {name: stack.view() for name, stack in self._stacks.items()}
        return Status(
            vhids=[self._vhid_status(vhid, views[vhid.netns]) for vhid in self._config.vhids],
            demotion=demotion_status(list(views.values())),
        )

    def _vhid_status(self, vhid: VhidConfig, engine: EngineView) -> VhidStatus:
        stack = self._stacks[vhid.netns]
        key = vhid.instance.instance
        view = next(view for view in engine.instances if view.instance == key)
        return vhid_status(
            vhid,
            view,
            demotion=engine.demotion,
            refusal=stack.refusal(key),
            claims=stack.claims.of(key),
            clock=WallClock(self._clock.now()),
        )

    def _demote(self, event: DemotionAdjusted | DemotionCleared) -> DemotionStatus:
        for stack in self._stacks.values():
            stack.submit(event)
        return demotion_status([stack.view() for stack in self._stacks.values()])

    def _set_state(self, request: SetState) -> VhidStatus:
        found = [
            vhid
            for vhid in self._config.vhids
            if request.name in (vhid.name, str(vhid.instance.instance))
        ]
        if len(found) != 1:
            known = ", ".join(vhid.name for vhid in self._config.vhids) or "none"
            raise ControlError(f"no group is called {request.name}; known: {known}")
        (vhid,) = found
        stack = self._stacks[vhid.netns]
        wanted = State[request.state.upper()]
        refusal = stack.refusal(vhid.instance.instance)
        if refusal is not None and wanted is State.MASTER:
            raise ControlError(f"{vhid.name} cannot become MASTER: {refusal}")
        stack.submit(StateRequested(vhid.instance.instance, wanted))
        status = self._vhid_status(vhid, stack.view())
        if status.state == State.INIT.value:
            raise ControlError(f"{vhid.name} is INIT ({status.reason}); a state has no effect yet")
        return status


def run(config_path: Path, control: Path, netns: tuple[str, ...]) -> int:
    """Run the daemon until it is told to stop; return its exit status."""
    writer = LogWriter()
    log.addHandler(writer)
    log.propagate = False
    log.setLevel(logging.INFO)
    try:
        Daemon(config_path, control, netns).run()
    except ConfigError as error:
        for problem in error.problems:
            log.error("carpio: %s", problem)
        return _INVALID_FILE
    except PlatformError as error:
        log.error("carpio: %s", error)
        return _NOT_PERMITTED if error.errno in (1, 13) else _FAILED
    except CarpioError as error:
        log.error("carpio: %s", error)
        return _FAILED
    finally:
        log.removeHandler(writer)
        writer.close()
    return 0


def _notify_ready() -> None:
    """Tell systemd that the daemon is up (sd_notify(3)), when it asked."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(b"READY=1", address)
        except OSError as error:
            log.warning("carpio: telling systemd: %s", error)

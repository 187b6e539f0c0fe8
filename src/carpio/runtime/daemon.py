"""The daemon: composes the world, runs one loop in one thread, and leaves in good order.

One stack per network namespace, one control server, one place where the process waits.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import assert_never

from carpio import __version__
from carpio.config.load import load_config
from carpio.config.model import DaemonConfig, Process, VhidConfig
from carpio.control.messages import (
    Attach,
    Demote,
    DemoteClear,
    DemotionStatus,
    Detach,
    LogLevel,
    Reload,
    ReloadResult,
    Request,
    SetState,
    Status,
    StatusRequest,
    TraceOff,
    TraceOn,
    Version,
    VersionResult,
    VhidStatus,
)
from carpio.control.network import (
    ChangeSettings,
    Configuration,
    ConfigurationRequest,
    Configure,
    NetworkRequest,
    SettingsRequest,
)
from carpio.core.events import DemotionAdjusted, DemotionCleared, StateRequested
from carpio.core.model import EngineView, Nanoseconds, State
from carpio.errors import CarpioError, ConfigError, ControlError, PlatformError
from carpio.runtime.caller import Caller
from carpio.runtime.clock import MonotonicClock
from carpio.runtime.guests import Attachment, process_of
from carpio.runtime.keeper import Keeper, Running
from carpio.runtime.logs import LogWriter, level_for
from carpio.runtime.network import NetworkService
from carpio.runtime.plane import MOVING
from carpio.runtime.report import (
    WallClock,
    absent_status,
    configuration,
    demotion_status,
    vhid_status,
)
from carpio.runtime.server import ControlServer
from carpio.runtime.stack import Stack
from carpio.runtime.stacks import STATE_DIRECTORY, Stacks
from carpio.runtime.trace import TraceFile, TraceWriter
from carpio.runtime.waiting import be_punctual, wait

__all__ = ["Daemon", "run"]

log = logging.getLogger("carpio")

_FAILED, _INVALID_FILE, _NOT_PERMITTED = 1, 2, 5


class Daemon:
    """The composition root."""

    def __init__(self, config_path: Path, control: Path, netns: Sequence[str]) -> None:
        """Read the configuration and claim every namespace. Raises CarpioError."""
        self._config_path = config_path
        self._netns = tuple(netns)
        self._clock = MonotonicClock()
        self._stacks = Stacks(self._clock)
        self._stopping = False
        self._saved = self._load()
        """What the files said when they were read last."""
        self._keeper = Keeper(STATE_DIRECTORY, self._base[0], self._own)
        recalled, nameless = self._keeper.recall(self._saved)
        self._config = recalled.config
        """What runs."""
        self._set_log_levels()
        for warning in self._config.warnings:
            log.warning("carpio: %s", warning)
        self._network = NetworkService(
            self._stacks, self._own, lambda: self._config, self._use, self._lasting
        )
        self._server = ControlServer(control, self._answer, self._clock)
        try:
            self._stacks.begin_demoted(recalled.demotions)
            self._stacks.make(self._base, self._config)
            lost = self._stacks.make_nameless(nameless, self._config)
        except BaseException:
            self._leave()
            raise
        self._config = _without(self._config, lost)
        self._stacks.await_missing(self._names(self._config))
        self._keep()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then leave gracefully."""
        waker, wakened = socket.socketpair()
        waker.setblocking(False)
        wakened.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: None)
        try:
            self._stacks.start()
            self._look_around()
            be_punctual()
            _notify_ready()
            while not self._stopping:
                self._wait_and_turn(wakened)
        finally:
            self._leave()

    def _wait_and_turn(self, wakened: socket.socket) -> None:
        readers = [wakened.fileno(), *self._stacks.files()]
        writers: list[int] = []
        deadlines = [self._stacks.next_deadline()]
        rest = self._server.rest()
        if rest:
            deadlines.append(Nanoseconds(self._clock.now() + rest))
        else:
            readers += self._server.readers()
            writers = self._server.writers()
        deadline = min((one for one in deadlines if one is not None), default=None)
        timeout = None if deadline is None else max(0, deadline - self._clock.now())
        ready = wait(readers, writers, timeout)
        self._stacks.turn(ready)
        if not rest:
            self._server.serve(ready)
        self._look_around()
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
            except (ControlError, PlatformError) as error:
                log.error("carpio: %s; the running configuration stays in use", error)
            self._keep()

    def _leave(self) -> None:
        self._stacks.close()
        self._server.close()

    # -- configuration ---------------------------------------------------------------------

    def _load(self) -> DaemonConfig:
        config = load_config(self._config_path)
        own = self._netns[0] if len(self._netns) == 1 else None
        if own is None:
            return config
        vhids = [
            vhid if vhid.netns is not None else replace(vhid, netns=own) for vhid in config.vhids
        ]
        return replace(config, vhids=tuple(vhids))

    @property
    def _own(self) -> str | None:
        """The namespace that the top level of the file is about first of all."""
        return self._netns[0] if len(self._netns) == 1 else None

    @property
    def _base(self) -> list[str | None]:
        """The namespaces that must be there: the daemon's own unless others were named."""
        return list(self._netns) or [None]

    def _names(self, config: DaemonConfig) -> list[str | None]:
        """The namespaces to serve: those that must be there, and those of groups."""
        return list(dict.fromkeys([*self._base, *(vhid.netns for vhid in config.vhids)]))

    def _lasting(self) -> list[str | None]:
        """The namespaces to serve even when no group is left there."""
        return self._names(self._saved)

    def _keep(self) -> None:
        """Let the next daemon know what runs and no file says."""
        running = Running(files=self._saved, config=self._config, demotions=self._stacks.demotions)
        self._keeper.keep(running, [stack.namespace for stack in self._stacks])

    def _use(self, config: DaemonConfig) -> None:
        """Let another configuration run; the caller tells the stacks that it concerns."""
        self._config = config
        self._set_log_levels()

    def _set_log_levels(self) -> None:
        """What one namespace does not want to hear, its own stack leaves out."""
        others = (one.log for _, one in self._config.namespaces if one.log is not None)
        log.setLevel(level_for(max(self._config.log, *others, 0)))

    def _look_around(self) -> None:
        """Follow namespaces that come and go.

        What files say of one that is gone waits for its return, what else ran there is dropped.
        """
        gone = self._stacks.look_around(self._config)
        if gone:
            kept = [one for one in self._saved.vhids if one.netns in gone]
            settings = [one for one in self._saved.namespaces if one[0] in gone]
            left = _without(self._config, gone)
            self._config = replace(
                left, vhids=(*left.vhids, *kept), namespaces=(*left.namespaces, *settings)
            )
            self._stacks.await_missing(self._names(self._config))
            self._keep()

    def _reload(self, *, discard: bool = False) -> ReloadResult:
        """Validate, then swap. Raises ConfigError, PlatformError or ControlError unchanged."""
        loaded = self._load()
        config = loaded if discard else self._with_nameless(loaded)
        if not discard and self._has_unsaved and not _is_same(config, self._config):
            raise ControlError(
                "what ifconfig and sysctl changed is not in the configuration files: "
                "`carpio save` keeps it, `carpio reload --discard` drops it"
            )
        self._saved = loaded
        self._use(config)
        self._stacks.replace(config)
        self._network.forget_unused()
        self._stacks.await_missing(self._names(config))
        self._look_around()
        log.info("carpio: configuration read again: %d groups", len(config.vhids))
        return ReloadResult(warnings=list(config.warnings))

    @property
    def _has_unsaved(self) -> bool:
        return not _is_same(self._config, self._with_nameless(self._saved))

    def _with_nameless(self, config: DaemonConfig) -> DaemonConfig:
        """Add what no file can say, so that none can drop it.

        That is what runs in namespaces without a name, and who holds addresses by process id.
        """
        names = self._nameless
        vhids = (one for one in self._config.vhids if one.netns in names)
        namespaces = (one for one in self._config.namespaces if one[0] in names)
        processes = {
            (one.netns, one.instance.instance): one.attach
            for one in self._config.vhids
            if isinstance(one.attach, Process)
        }
        kept = [
            replace(one, attach=processes.get((one.netns, one.instance.instance), one.attach))
            for one in config.vhids
        ]
        return replace(
            config,
            vhids=(*kept, *vhids),
            namespaces=(*config.namespaces, *namespaces),
        )

    @property
    def _nameless(self) -> set[str | None]:
        """The namespaces that are served and have no name by which a file could speak of them."""
        return {stack.namespace.name for stack in self._stacks if not stack.namespace.has_name}

    def _configuration(self) -> Configuration:
        return configuration(
            self._config,
            file=self._config_path.absolute(),
            saved=self._saved,
            has_unsaved=self._has_unsaved,
            own=self._own,
            nameless=self._nameless,
        )

    # -- control -----------------------------------------------------------------------------

    def _answer(self, request: Request, caller: Caller) -> object:
        try:
            return self._carry_out(request, caller)
        except OSError as error:  # above all: no descriptor is left
            raise PlatformError(f"carrying out {request.method}", errno=error.errno or 0) from error
        finally:
            self._keep()

    def _carry_out(self, request: Request, caller: Caller) -> object:
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
            case Attach():
                return self._attach(request.name, _attachment(request))
            case Detach():
                return self._attach(request.name, None)
            case LogLevel():
                log.setLevel(level_for(request.level))
                for stack in self._stacks:
                    stack.log_level = request.level
                return None
            case TraceOn() | TraceOff():
                self._trace(request, caller)
                return None
            case Reload():
                return self._reload(discard=request.discard)
            case NetworkRequest():
                return self._network.look(request, caller)
            case Configure():
                self._see(caller)
                return self._network.configure(request, caller)
            case SettingsRequest():
                return self._network.settings(caller)
            case ChangeSettings():
                self._see(caller)
                return self._network.change_settings(request, caller)
            case ConfigurationRequest():
                return self._configuration()
            case _:
                assert_never(request)

    def _trace(self, request: TraceOn | TraceOff, caller: Caller) -> None:
        """Begin or end the trace of the caller's namespace. Raises ControlError, PlatformError."""
        stack = self._stacks.of(caller)
        if stack is None:
            raise ControlError(
                "there are no groups in your network namespace; "
                "run it where they are, as with ip netns exec"
            )
        writer = None
        if isinstance(request, TraceOn):
            file = TraceFile(Path(request.path), caller.uid)
            writer = TraceWriter(file, request.mib * 1024 * 1024, stack.namespace.name)
            log.info("carpio: what happens is written to %s", request.path)
        stack.trace(writer)

    def _see(self, caller: Caller) -> None:
        """Before a new namespace is served let go of a dead one that may have had its name."""
        if self._stacks.of(caller) is None:
            self._stacks.look_soon()
            self._look_around()

    def _status(self) -> Status:
        views = {stack.namespace.name: stack.view() for stack in self._stacks}
        return Status(
            vhids=[self._vhid_status(vhid, views.get(vhid.netns)) for vhid in self._config.vhids],
            demotion=demotion_status(list(views.values())),
        )

    def _vhid_status(self, vhid: VhidConfig, engine: EngineView | None) -> VhidStatus:
        stack = self._stacks.named(vhid.netns)
        if stack is None or engine is None:
            return absent_status(vhid, self._stacks.why_absent(vhid.netns))
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
        self._stacks.submit(event)
        self._network.forget_unused()
        return demotion_status([stack.view() for stack in self._stacks])

    def _served(self, name: str) -> tuple[VhidConfig, Stack]:
        """The group of that name and its stack. Raises ControlError."""
        vhids = self._config.vhids
        found = [one for one in vhids if one.name == name] or [
            one for one in vhids if str(one.instance.instance) == name
        ]
        if len(found) != 1:
            known = ", ".join(vhid.name for vhid in self._config.vhids) or "none"
            raise ControlError(f"no group is called {name}; known: {known}")
        (vhid,) = found
        stack = self._stacks.named(vhid.netns)
        if stack is None:
            raise ControlError(f"{vhid.name}: {self._stacks.why_absent(vhid.netns)}")
        return vhid, stack

    def _attach(self, name: str, attachment: Attachment | None) -> VhidStatus:
        """Let addresses live elsewhere; when they cannot, nothing changes. Raises ControlError."""
        vhid, stack = self._served(name)
        former = self._config
        if attachment is not None:
            stack.check_attachment(attachment)
        wanted = replace(vhid, attach=attachment)
        vhids = tuple(wanted if one is vhid else one for one in former.vhids)
        self._use(replace(former, vhids=vhids))
        stack.replace(self._config)
        refusal = stack.refusal(vhid.instance.instance)
        if attachment is not None and refusal is not None and refusal != MOVING:
            self._use(former)
            stack.replace(former)
            raise ControlError(f"{vhid.name}: {refusal}; it is where it was")
        return self._vhid_status(wanted, stack.view())

    def _set_state(self, request: SetState) -> VhidStatus:
        vhid, stack = self._served(request.name)
        wanted = State[request.state.upper()]
        refusal = stack.refusal(vhid.instance.instance)
        if refusal is not None and wanted is State.MASTER:
            raise ControlError(f"{vhid.name} cannot become MASTER: {refusal}")
        stack.submit(StateRequested(vhid.instance.instance, wanted))
        status = self._vhid_status(vhid, stack.view())
        if status.state == State.INIT.value:
            raise ControlError(f"{vhid.name} is INIT ({status.reason}); a state has no effect yet")
        return status


def _attachment(request: Attach) -> Attachment:
    """Where to. Raises ControlError unless exactly one place is named, and PlatformError."""
    if (request.netns is None) == (request.pid is None):
        raise ControlError("attach: name either a network namespace or a process")
    return request.netns if request.netns is not None else process_of(request.pid or 0)


def _without(config: DaemonConfig, netns: Sequence[str]) -> DaemonConfig:
    """The configuration without what is in these namespaces."""
    return replace(
        config,
        vhids=tuple(one for one in config.vhids if one.netns not in netns),
        namespaces=tuple(one for one in config.namespaces if one[0] not in netns),
    )


def _is_same(one: DaemonConfig, other: DaemonConfig) -> bool:
    """Whether two configurations mean the same, whichever files say it, in whichever order."""
    first, second = (
        replace(
            config,
            files=(),
            warnings=(),
            vhids=tuple(sorted(config.vhids, key=lambda vhid: vhid.name)),
            namespaces=tuple(sorted(config.namespaces, key=lambda pair: pair[0])),
        )
        for config in (one, other)
    )
    return first == second


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

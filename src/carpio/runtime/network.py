"""Answers what callers ask and want of their own network namespace.

Knows which namespace that is, and the running configuration, which it changes by replacing it.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from typing import Final

from carpio.config.addresses import Unusable, namespace_name
from carpio.config.model import DaemonConfig, NamespaceSettings
from carpio.config.schema import PER_NETNS, TOP_LEVEL, Kind
from carpio.control.messages import StepError
from carpio.control.network import (
    ChangeSettings,
    Configure,
    ConfigureResult,
    Network,
    NetworkRequest,
    SettingChange,
    SettingResult,
    SettingsResult,
)
from carpio.core.events import CountersCleared, DemotionAdjusted, StateRequested
from carpio.core.model import EngineView, InstanceKey
from carpio.errors import PlatformError
from carpio.runtime.caller import Caller
from carpio.runtime.draft import Draft, StepRefused
from carpio.runtime.namespace import Namespace, known_name, named_namespaces
from carpio.runtime.network_view import network_view
from carpio.runtime.operations import Operator
from carpio.runtime.plan import Others, Plan, plan
from carpio.runtime.rtnetlink import RouteSocket, open_route_socket
from carpio.runtime.rtobjects import Address, Link
from carpio.runtime.stack import NOT_READY, Stack
from carpio.runtime.stacks import Stacks

__all__ = ["NetworkService"]

_LOOKED_AT: Final = 64
"""Other namespaces whose interfaces' names are kept from being given again."""
_FIELDS: Final = {field.name: field for field in TOP_LEVEL if field.name in PER_NETNS}
_MOST_DEMOTION: Final = 65535
"""Added or taken back at once, as by the request `demote`."""
_CAUSE: Final = "sysctl"
"""The share of the demotion number that is written as a setting (spec 10)."""


class NetworkService:
    """The requests of `control.network`, but for keeping."""

    def __init__(
        self,
        stacks: Stacks,
        own: str | None,
        config: Callable[[], DaemonConfig],
        use: Callable[[DaemonConfig], None],
        lasting: Callable[[], Collection[str | None]],
    ) -> None:
        """`own`: the namespace whose settings are the file's top level.

        `config` returns the running configuration, `use` remembers another one; `lasting`
        names the namespaces that are served even when nothing is configured there.
        """
        self._stacks = stacks
        self._own = own
        self._config = config
        self._use = use
        self._lasting = lasting

    # -- looking ---------------------------------------------------------------------------

    def look(self, request: NetworkRequest, caller: Caller) -> Network:
        """Tell what the caller's namespace has. Raises PlatformError."""
        stack = self._stacks.of(caller)
        groups = []
        if stack is None:
            with self._stacks.namespace_of(caller) as namespace:
                links, addresses = _look(namespace)
        else:
            links, addresses = stack.interfaces()
            views = {view.instance: view for view in stack.view().instances}
            engine = self._config().engine_config(stack.namespace.name)
            groups = [(one, views.get(one.instance)) for one in engine.instances]
        keys = request.keys and caller.may_change_network()
        return network_view(links, addresses, groups, keys=keys)

    def settings(self, caller: Caller) -> SettingsResult:
        """Tell settings and counters of the caller's namespace. Raises PlatformError."""
        stack = self._stacks.of(caller)
        with self._stacks.namespace_of(caller) as namespace:
            name = namespace.name
        settings = self._config().settings(name)
        view = stack.view() if stack else EngineView(instances=(), demotion=0, causes=())
        return SettingsResult(
            allow=int(settings.allow),
            preempt=int(settings.preempt),
            dscp=settings.dscp,
            log=settings.log,
            demotion=view.demotion,
            ifdown_demotion_factor=settings.ifdown_demotion_factor,
            senderr_demotion_factor=settings.senderr_demotion_factor,
            stats=view.counters,
        )

    # -- settings --------------------------------------------------------------------------

    def change_settings(self, request: ChangeSettings, caller: Caller) -> list[SettingResult]:
        """Change all settings or none. Raises StepError or PlatformError."""
        for position, change in enumerate(request.changes):
            _check(change, position)
        results = []
        with self._served(caller) as stack:
            config = self._config()
            for change in request.changes:
                if change.name in ("demotion", "stats"):
                    old, new = _submitted(stack, change)
                else:
                    config, old, new = self._changed(config, stack, change)
                results.append(SettingResult(name=change.name, old=old, new=new))
            if config != self._config():
                self._use(config)
                stack.replace(config)
        return results

    def _changed(
        self, config: DaemonConfig, stack: Stack, change: SettingChange
    ) -> tuple[DaemonConfig, int, int]:
        """Return the configuration with one more change, the setting's old value and the new."""
        name = stack.namespace.name
        old = int(getattr(config.settings(name), change.name))
        is_switch = _FIELDS[change.name].kind is Kind.BOOLEAN
        value = bool(change.value) if is_switch else change.value
        if name != self._own or _has_own(config, name, change.name):
            config = _with_setting(config, str(name), change.name, value)
        elif value != old:  # the top level is for all that have no value of their own
            for other in self._stacks:
                if other is not stack:
                    kept = getattr(config.settings(other.namespace.name), change.name)
                    config = _with_setting(config, str(other.namespace.name), change.name, kept)
            config = replace(config, **{change.name: value})  # type: ignore[arg-type]  # its kind
        return config, old, int(value)

    # -- changing --------------------------------------------------------------------------

    def configure(self, request: Configure, caller: Caller) -> ConfigureResult:
        """Carry out all lines or none. Raises StepError or PlatformError."""
        with self._served(caller) as stack, ExitStack() as closing:
            made = self._configure(request, caller, stack, closing)
        return ConfigureResult(interfaces=made.interfaces)

    @contextmanager
    def _served(self, caller: Caller) -> Iterator[Stack]:
        """Serve the caller's namespace, and afterwards as long as it is used."""
        stack = self._stacks.of(caller) or self._stacks.make_for(caller, self._config())
        try:
            yield stack
        finally:
            self.forget_unused()

    def forget_unused(self) -> None:
        """Leave namespaces in which nothing is configured (any more)."""
        config = self._config()
        used = {*self._lasting(), *(one.netns for one in config.vhids)}
        used |= {netns for netns, _ in config.namespaces}
        for stack in list(self._stacks):
            if stack.namespace.name not in used and stack.view().demotion == 0:
                self._stacks.forget(stack)

    def _configure(
        self, request: Configure, caller: Caller, stack: Stack, closing: ExitStack
    ) -> Plan:
        former = self._config()
        operator = Operator(stack.namespace)
        closing.callback(operator.close)
        draft = Draft(stack.namespace.name, *stack.interfaces(), former.vhids)
        others = Others(
            open=lambda name: _open_other(name, caller, closing),
            names=cache(lambda: tuple(_names_elsewhere(stack.namespace))),  # once a request
            look=lambda namespace: _look(namespace)[0],
        )
        made = plan(request.lines, draft, others)
        try:
            operator.perform(made.before)
            self._hold(stack, replace(former, vhids=made.vhids), made.touched)
            operator.perform(made.after)
        except BaseException:
            operator.undo(down_to=len(made.before))
            if self._config() is not former:
                self._use(former)
                stack.replace(former)
            operator.undo()
            raise
        for key, state in made.states:
            stack.submit(StateRequested(key, state))
        return made

    def _hold(
        self,
        stack: Stack,
        config: DaemonConfig,
        touched: Mapping[InstanceKey, tuple[int, int]],
    ) -> None:
        """Make the groups run. Raises StepError when the host refuses one that was touched."""
        if config == self._config():
            return
        before = {key: stack.refusal(key) for key in touched}
        self._use(config)
        stack.replace(config)
        for key, (line, step) in touched.items():
            refusal = stack.refusal(key)
            if refusal not in (None, NOT_READY, before[key]):
                raise StepError(f"{key}: {refusal}", line=line, step=step)


def _look(namespace: Namespace) -> tuple[list[Link], list[Address]]:
    routes = RouteSocket(namespace.call(open_route_socket))
    try:
        return routes.links(), routes.addresses()
    finally:
        routes.close()


def _names_elsewhere(here: Namespace) -> Iterable[str]:
    """Names of interfaces in other namespaces that ip-netns(8) knows, of the first ones."""
    found: list[str] = []
    for name, _place in [*named_namespaces()][:_LOOKED_AT]:
        if name == here.name:
            continue
        try:
            namespace = Namespace(name)
        except PlatformError:  # it went meanwhile
            continue
        try:
            found += [link.name for link in _look(namespace)[0]]
        except PlatformError:  # not a network namespace
            continue
        finally:
            namespace.close()
    return found


def _open_other(name: str, caller: Caller, closing: ExitStack) -> Namespace:
    """Open the namespace of a jail, or of that name, until `closing`. Raises StepRefused."""
    try:
        namespace = Namespace(known_name(namespace_name(name)))
    except (Unusable, PlatformError) as error:
        raise StepRefused(errno.ESRCH, f'jail "{name}" not found') from error
    closing.callback(namespace.close)
    if not caller.may_change(namespace.descriptor):
        raise StepRefused(errno.EPERM, f"{name}: not permitted")
    return namespace


def _submitted(stack: Stack, change: SettingChange) -> tuple[int, int]:
    """Hand what is no setting of the configuration to the engine; return old and new value."""
    if change.name == "stats":
        stack.submit(CountersCleared())
        return 0, 0
    old = stack.view().demotion
    stack.submit(DemotionAdjusted(_CAUSE, change.value))
    return old, stack.view().demotion


def _check(change: SettingChange, position: int) -> None:
    """Refuse a value that the configuration could not have. Raises StepError."""
    field = _FIELDS.get(change.name)
    if change.name == "demotion":
        is_good = abs(change.value) <= _MOST_DEMOTION
    elif field is None or field.low is None or field.high is None:
        is_good = change.name != "stats" or change.value == 0
    else:
        is_good = field.low <= change.value <= field.high
    if not is_good:
        raise StepError(
            f"{change.name}: {change.value} is not a legal value", step=position, errno=errno.EINVAL
        )


def _has_own(config: DaemonConfig, netns: str | None, name: str) -> bool:
    """Whether a namespace has a value of its own for a setting."""
    return any(
        one == netns and getattr(settings, name) is not None for one, settings in config.namespaces
    )


def _with_setting(config: DaemonConfig, netns: str, name: str, value: int) -> DaemonConfig:
    """Return the configuration with a value of its own for a setting of one namespace."""
    others = [(one, settings) for one, settings in config.namespaces if one != netns]
    former = next((own for one, own in config.namespaces if one == netns), NamespaceSettings())
    changed = replace(former, **{name: value})  # type: ignore[arg-type]  # of the field's kind
    return replace(config, namespaces=(*others, (netns, changed)))

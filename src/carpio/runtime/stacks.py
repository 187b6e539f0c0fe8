"""The network namespaces that the daemon serves: made, given another configuration, forgotten."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from carpio.config.model import DaemonConfig
from carpio.core.events import Event
from carpio.core.model import Nanoseconds
from carpio.errors import PlatformError
from carpio.ports import Clock
from carpio.runtime.caller import Caller
from carpio.runtime.namespace import Namespace
from carpio.runtime.settings import StateFile
from carpio.runtime.stack import Stack
from carpio.runtime.waiting import wait

__all__ = ["Stacks"]

log = logging.getLogger("carpio")

STATE_DIRECTORY: Final = Path("/run/carpio")
"""Where each namespace has a file of its own, named by the namespace's number."""
_CHECK_INTERVAL: Final = Nanoseconds(2_000_000_000)
"""How often namespaces are looked after: our own sockets keep dead ones alive."""
_SUCCESSION_S: Final = 0.1
"""From goodbyes to the end of links: successors have long taken over."""


class Stacks:
    """Stacks by the name that the configuration has for their namespace."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stacks: dict[str | None, Stack] = {}
        self._awaited: dict[str, str] = {}
        """Namespaces with groups that are not there, or not to be had: each with the reason."""
        self._demoted: dict[str | None, Mapping[str, int]] = {}
        self._next_check = clock.now()
        self._owners: dict[int, Stack] = {}
        """Whose the descriptors were that `files` told last."""

    def __iter__(self) -> Iterator[Stack]:
        return iter(self._stacks.values())

    def __contains__(self, name: str | None) -> bool:
        return name in self._stacks

    def named(self, name: str | None) -> Stack | None:
        """The stack of that name; None while its namespace is awaited."""
        return self._stacks.get(name)

    def why_absent(self, name: str | None) -> str:
        """Why there is no stack of that name."""
        return self._awaited.get(name or "", "")

    # -- coming and going ------------------------------------------------------------------

    def begin_demoted(self, demotions: Mapping[str | None, Mapping[str, int]]) -> None:
        """Let namespaces of these names be demoted, by cause, when they are served first."""
        self._demoted = dict(demotions)

    @property
    def demotions(self) -> dict[str | None, Mapping[str, int]]:
        """By how much, and for which causes, requests demoted which namespace."""
        return self._demoted | {one.namespace.name: dict(one.demoted) for one in self}

    def make(self, names: Iterable[str | None], config: DaemonConfig) -> list[Stack]:
        """Claim namespaces, without starting. Raises PlatformError with all given back."""
        made: list[Stack] = []
        try:
            for name in names:
                made.append(self._claim(Namespace(name), config))
        except BaseException:
            for stack in made:
                _leave(stack)
            raise
        self.add(made)
        return made

    def make_nameless(self, namespaces: Iterable[Namespace], config: DaemonConfig) -> list[str]:
        """Claim namespaces that no name leads to; return those that cannot be had, and say why."""
        lost: list[str] = []
        for namespace in namespaces:
            try:
                self.add([self._claim(namespace, config)])
            except PlatformError as error:
                log.error("carpio: its groups are given up: %s: %s", namespace.name, error)
                lost.append(str(namespace.name))
        return lost

    def await_missing(self, names: Iterable[str | None]) -> None:
        """Serve these namespaces as soon as they are there; forget earlier ones to wait for."""
        wanted = [name for name in names if name is not None and name not in self._stacks]
        known = self._awaited
        self._awaited = {name: known.get(name, "") for name in wanted}
        if not known.keys() >= self._awaited.keys():
            self.look_soon()

    def _claim(self, namespace: Namespace, config: DaemonConfig) -> Stack:
        """Make a stack; the namespace is closed with it, or when it cannot be made."""
        try:
            state = StateFile(STATE_DIRECTORY / f"netns-{namespace.identity}.json")
            made = Stack(
                namespace,
                config,
                state,
                self._clock,
                random.SystemRandom(),
                demoted=self._demoted.get(namespace.name),
            )
            self._demoted.pop(namespace.name, None)
            return made
        except BaseException:
            namespace.close()
            raise

    def add(self, stacks: Sequence[Stack]) -> None:
        """Serve stacks from now on."""
        for stack in stacks:
            self._stacks[stack.namespace.name] = stack
            self._awaited.pop(stack.namespace.name or "", None)

    def start(self) -> None:
        """Begin everywhere. Raises PlatformError; then some have begun."""
        waiting, self._stacks = self._stacks, {}
        try:
            while waiting:
                name = next(iter(waiting))
                waiting[name].start()
                self._stacks[name] = waiting.pop(name)
                self._keep_up()
        finally:
            self._stacks |= waiting

    def make_for(self, caller: Caller, config: DaemonConfig) -> Stack:
        """Claim the caller's namespace and start there. Raises PlatformError.

        A namespace with the name of another one that is served counts as one without a name.
        """
        with caller.open_network() as descriptor:
            namespace = Namespace.of_descriptor(descriptor)
        if namespace.name in self:
            namespace.forget_name()
        return self._start(self._claim(namespace, config))

    def _start(self, stack: Stack) -> Stack:
        try:
            stack.start()
        except BaseException:
            _leave(stack)
            raise
        self.add([stack])
        return stack

    def of(self, caller: Caller) -> Stack | None:
        """The stack of the caller's namespace, if it is served."""
        network = caller.network
        return next((one for one in self if one.namespace.identity == network), None)

    @contextmanager
    def namespace_of(self, caller: Caller) -> Iterator[Namespace]:
        """Yield the caller's namespace, served or not. Raises PlatformError."""
        stack = self.of(caller)
        if stack is not None:
            yield stack.namespace
            return
        with caller.open_network() as descriptor:
            namespace = Namespace.of_descriptor(descriptor)
        try:
            yield namespace
        finally:
            namespace.close()

    def forget(self, stack: Stack) -> None:
        """Leave a namespace in good order; others are not made to wait for it."""
        del self._stacks[stack.namespace.name]
        _leave(stack)
        self._keep_up()

    def close(self) -> None:
        """Leave all namespaces in good order: first say goodbye everywhere, then take links away.

        In between successors take over, who must not wait for locks of the kernel, nor for links.
        """
        stacks = [*self]
        self._stacks.clear()
        for stack in stacks:
            with _leaving(stack):
                stack.bow_out()
        if stacks:
            time.sleep(_SUCCESSION_S)
        for stack in stacks:
            with _leaving(stack):
                stack.leave()

    # -- the loop's side -------------------------------------------------------------------

    def files(self) -> list[int]:
        """File descriptors to wait on."""
        self._owners = {descriptor: stack for stack in self for descriptor in stack.files()}
        return [*self._owners]

    def next_deadline(self) -> Nanoseconds | None:
        """When `turn` must be called at the latest."""
        deadlines = [stack.next_deadline() for stack in self]
        if self._awaited or any(name is not None for name in self._stacks):
            deadlines.append(self._next_check)
        return min(deadlines, default=None)

    def turn(self, ready: Collection[int]) -> None:
        """Let those stacks act that have something to read, of `files`, or whose time has come."""
        awake = {self._owners[descriptor] for descriptor in ready if descriptor in self._owners}
        now = self._clock.now()
        for stack in self:
            if stack in awake or stack.next_deadline() <= now:
                stack.turn(ready)

    def replace(self, config: DaemonConfig) -> None:
        """Let every stack use another configuration."""
        for stack in self:
            stack.replace(config)
            self._keep_up()

    def submit(self, event: Event) -> None:
        """Hand an event to every stack."""
        for stack in self:
            stack.submit(event)

    def look_soon(self) -> None:
        """Let the next `look_around` not wait for its time."""
        self._next_check = self._clock.now()

    def look_around(self, config: DaemonConfig) -> list[str]:
        """Serve awaited namespaces that have come; leave those that nobody but us keeps alive.

        Done every two seconds at most. Returns the names of namespaces that are gone.
        """
        now = self._clock.now()
        if now < self._next_check:
            return []
        self._next_check = Nanoseconds(now + _CHECK_INTERVAL)
        dead = [stack for stack in self if not stack.namespace.is_inhabited()]
        for stack in dead:
            log.info("carpio: network namespace %s is gone", stack.namespace.name)
            self.forget(stack)
        for name in list(self._awaited):
            self._try(name, config)
            self._keep_up()
        return [stack.namespace.name for stack in dead if stack.namespace.name is not None]

    def _keep_up(self) -> None:
        """Let those act who must, in the middle of what takes long for many."""
        if self._stacks:
            self.turn(wait(self.files(), [], 0))

    def _try(self, name: str, config: DaemonConfig) -> None:
        try:
            self._start(self._claim(Namespace(name), config))
        except PlatformError as error:
            if str(error) != self._awaited[name]:
                log.warning("carpio: its groups wait: %s", error)
                self._awaited[name] = str(error)
            return
        log.info("carpio: network namespace %s is served", name)


def _leave(stack: Stack) -> None:
    """Leave one of many, without waiting: it must not hold up the others."""
    with _leaving(stack):
        stack.bow_out()
    with _leaving(stack):
        stack.leave(wait=False)
    stack.namespace.close()


@contextmanager
def _leaving(stack: Stack) -> Iterator[None]:
    """Say what goes wrong, and go on: other namespaces are to be left as well."""
    try:
        yield
    except (PlatformError, OSError) as error:
        log.error("carpio: leaving network namespace %s: %s", stack.namespace.name, error)

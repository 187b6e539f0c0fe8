"""What can be done to a lab, each as a short sentence: a verb, a place, and what it needs.

    crash a              pull a.outside           lose a 30% in            wait 1.5s

A place is a host, with the network behind a dot where it has several cables, or a trunk.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from carpio.lab.document import DURATIONS, seconds_of, short
from carpio.lab.plan import Plan

__all__ = ["VERBS", "Action", "ActionError", "Needs", "Verb", "parse_action"]

SHARE: Final = re.compile(r"(\d{1,3})%")
INTERFACE_NAME: Final = re.compile(r"(?!\.{1,2}$)[!-.0-9;-~]{1,15}")
DIRECTIONS: Final = ("in", "out", "both")
MAX_COUNT: Final = 10_000_000
"""Of forged claims: minutes, and gigabytes of captures."""


@unique
class Needs(Enum):
    """What follows a verb and its place."""

    NOTHING = ""
    SHARE = "SHARE% [in|out|both]"
    DURATION = "DURATION"
    NAME = "NAME"
    COUNT = "COUNT"
    WORDS = "COMMAND..."


@unique
class Verb(Enum):
    """What can be done."""

    START = "start"
    STOP = "stop"
    KILL = "kill"
    CRASH = "crash"
    BOOT = "boot"
    REBOOT = "reboot"
    FREEZE = "freeze"
    THAW = "thaw"
    PULL = "pull"
    PLUG = "plug"
    LOSE = "lose"
    DELAY = "delay"
    CLEAR = "clear"
    REFUSE = "refuse"
    ACCEPT = "accept"
    CUT = "cut"
    MEND = "mend"
    STEAL = "steal"
    FLUSH = "flush"
    RENAME = "rename"
    PROMOTE = "promote"
    FORGE = "forge"
    RUN = "run"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class VerbFacts:
    """What a verb does and what it needs."""

    does: str
    needs: Needs = Needs.NOTHING
    is_of_host: bool = True


VERBS: Final[Mapping[Verb, VerbFacts]] = {
    Verb.START: VerbFacts("starts the implementation"),
    Verb.STOP: VerbFacts("stops it in good order (SIGTERM)"),
    Verb.KILL: VerbFacts("kills all that runs on the host; its kernel and links go on"),
    Verb.CRASH: VerbFacts("takes the power: everything dies and the links go, at once"),
    Verb.BOOT: VerbFacts("switches the host on, with an empty kernel, and starts"),
    Verb.REBOOT: VerbFacts("stops in good order, links go, then as boot"),
    Verb.FREEZE: VerbFacts("stops all its processes where they are (SIGSTOP)"),
    Verb.THAW: VerbFacts("lets them go on (SIGCONT)"),
    Verb.PULL: VerbFacts("pulls a cable; both ends see it"),
    Verb.PLUG: VerbFacts("plugs it in again"),
    Verb.LOSE: VerbFacts(
        "the switch loses frames of a port; in: those that come from the host", Needs.SHARE
    ),
    Verb.DELAY: VerbFacts("the switch delays what goes to a host", Needs.DURATION),
    Verb.CLEAR: VerbFacts("ends lose and delay"),
    Verb.REFUSE: VerbFacts("the NIC refuses to send and hears nothing, link up"),
    Verb.ACCEPT: VerbFacts("ends refuse"),
    Verb.CUT: VerbFacts("cuts a trunk", is_of_host=False),
    Verb.MEND: VerbFacts("mends a trunk", is_of_host=False),
    Verb.STEAL: VerbFacts("deletes the shared addresses from whatever interface has them"),
    Verb.FLUSH: VerbFacts("runs `nft flush ruleset`"),
    Verb.RENAME: VerbFacts("renames the interface", Needs.NAME),
    Verb.PROMOTE: VerbFacts("runs `carpio state ... master` for all groups"),
    Verb.FORGE: VerbFacts("sends so many right claims and one wrong one among them", Needs.COUNT),
    Verb.RUN: VerbFacts("runs a command and waits for its end", Needs.WORDS),
    Verb.WAIT: VerbFacts("waits", Needs.DURATION, is_of_host=False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to do."""

    verb: Verb
    place: str = ""
    """Host or trunk."""
    network: str = ""
    """Which cable of the host; empty: the first."""
    share: int = 100
    direction: str = "both"
    seconds: float = 0.0
    count: int = 0
    words: tuple[str, ...] = ()
    text: str
    """As it was written."""


class ActionError(Exception):
    """A sentence that cannot be done."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


def parse_action(text: str, plan: Plan) -> Action:
    """Return what a sentence says. Raises ActionError."""
    word, *rest = _words(text) or [""]
    if word not in [verb.value for verb in Verb]:
        raise ActionError("is nothing to do", f"begin with {', '.join(v.value for v in Verb)}")
    verb = Verb(word)
    facts = VERBS[verb]
    place = network = ""
    if facts.is_of_host:
        place, _, network = (rest.pop(0) if rest else "").partition(".")
        _check_host(place, network, plan)
    elif verb is not Verb.WAIT:
        place = rest.pop(0) if rest else ""
        trunks = [trunk.name for trunk in plan.trunks]
        if plan.is_known and place not in trunks:
            remedy = f"one of {', '.join(trunks)}" if trunks else "the topology has none"
            raise ActionError(f"{place!r} is no trunk", remedy)
    return _with_needs(verb, place, network, rest, text)


def _words(text: str) -> list[str]:
    """Split as a shell does. Raises ActionError."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ActionError("cannot be understood", f"close its quotes ({error})") from error


def _check_host(name: str, network: str, plan: Plan) -> None:
    host = next((one for one in plan.hosts if one.name == name), None)
    if host is None and plan.is_known:
        names = ", ".join(one.name for one in plan.hosts)
        raise ActionError(f"{name!r} is no host", f"one of {names}")
    if host and network and host.cable_on(network) is None:
        names = ", ".join(cable.network for cable in host.cables)
        raise ActionError(f"{name} has no cable to {network!r}", f"one of {names}")


def _with_needs(verb: Verb, place: str, network: str, rest: list[str], text: str) -> Action:
    needs = VERBS[verb].needs
    wrong = ActionError("cannot be understood", f"write `{verb.value} ... {needs.value}`".rstrip())
    first = rest[0] if rest else ""
    match needs:
        case Needs.NOTHING:
            if rest:
                raise wrong
            return Action(verb=verb, place=place, network=network, text=text)
        case Needs.SHARE:
            share = SHARE.fullmatch(first)
            direction = rest[1] if len(rest) > 1 else "both"
            if not share or int(share[1]) > 100 or direction not in DIRECTIONS or len(rest) > 2:
                raise wrong
            return Action(
                verb=verb,
                place=place,
                network=network,
                share=int(share[1]),
                direction=direction,
                text=text,
            )
        case Needs.DURATION:
            seconds = seconds_of(first)
            if len(rest) != 1:
                raise wrong
            if seconds is None:
                raise ActionError(f"{short(first)} is no duration", f"write {DURATIONS}")
            return Action(verb=verb, place=place, network=network, seconds=seconds, text=text)
        case Needs.COUNT:
            if not first.isdecimal() or len(rest) > 1:
                raise wrong
            if len(first) > len(str(MAX_COUNT)) or not 1 <= int(first) <= MAX_COUNT:
                raise ActionError(f"{short(first)} is out of range", f"write 1 to {MAX_COUNT}")
            return Action(verb=verb, place=place, network=network, count=int(first), text=text)
        case Needs.NAME | Needs.WORDS:
            if not rest or (needs is Needs.NAME and len(rest) > 1):
                raise wrong
            if needs is Needs.NAME and not INTERFACE_NAME.fullmatch(first):
                what = f"{short(first)} is no name of an interface"
                raise ActionError(what, "write at most 15 characters, without / : and spaces")
            return Action(verb=verb, place=place, network=network, words=tuple(rest), text=text)

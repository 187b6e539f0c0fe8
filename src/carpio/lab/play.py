"""Plays a scenario so many times, says how far it is, and tells what came of it all."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from carpio.errors import CarpioError, PlatformError
from carpio.lab.document import short
from carpio.lab.result import Outcome, Result
from carpio.lab.scenario import MAX_FLOOD, Scenario

if TYPE_CHECKING:
    from carpio.lab.run import Options

__all__ = [
    "Progress",
    "add_arguments",
    "check_absent",
    "check_implementation",
    "chosen",
    "directories_of",
    "play",
    "tell",
]

MOST_DIGITS: Final = 9


class Progress:
    """Says what is happening, with the time that passed and, roughly, the time to expect."""

    def __init__(self, about_s: float) -> None:
        self._about_s = about_s
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """Print one line."""
        elapsed_s = time.monotonic() - self._began
        print(f"[{elapsed_s:5.1f}/{self._about_s:.0f} s] {text}", file=sys.stderr, flush=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what can be said of how a story is played, whichever it is."""
    parser.add_argument("--repeat", type=_positive, default=1, metavar="N", help="times to play")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where results and captures go")
    parser.add_argument(
        "--flood",
        type=_rate,
        metavar="RATE",
        help="ARP requests, and as many neighbour solicitations, a second for each address;"
        " as the scenario says unless given",
    )
    parser.add_argument(
        "--events",
        type=lambda text: tuple(text.split(",")),
        metavar="NAME[,NAME...]",
        help="which of the events that have such a name; all unless given",
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON")


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > MOST_DIGITS:
        raise argparse.ArgumentTypeError(
            f"{short(text)} is no number of at most {MOST_DIGITS} digits"
        )
    return int(text)


def _rate(text: str) -> int:
    if (rate := _count(text)) > MAX_FLOOD:
        raise argparse.ArgumentTypeError(f"must be 0 to {MAX_FLOOD}")
    return rate


def _positive(text: str) -> int:
    if not (number := _count(text)):
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def check_implementation(name: str, parser: argparse.ArgumentParser) -> None:
    """End the command if there is none of that name."""
    from carpio.lab.peers import peer_named

    try:
        peer_named(name)
    except PlatformError as error:
        parser.error(f"argument --impl: {error}")


def chosen(
    scenario: Scenario, options: argparse.Namespace, parser: argparse.ArgumentParser
) -> Scenario:
    """Return it with the flood and the events that were asked for; wrong ones end the command."""
    if options.flood is not None:
        scenario = replace(scenario, flood_hz=options.flood)
    for act in options.events or ():
        if act not in scenario.acts:
            known = ", ".join(scenario.acts) or "none: the events of this scenario have no names"
            parser.error(f"argument --events: {act!r} is none of {known}")
    return scenario if options.events is None else scenario.only(options.events)


def directories_of(out: Path, repeat: int) -> list[Path]:
    """Return where each run goes."""
    return [out / f"run-{number}" for number in range(1, repeat + 1)]


def check_absent(directories: Iterable[Path]) -> None:
    """Check, before anything is played, that no run would go where something is.

    Raises:
        CarpioError: one is there; carries the remedy.
    """
    for directory in directories:
        if os.path.lexists(directory):
            raise CarpioError(f"{directory} exists; choose another --out")


def play(
    scenario: Scenario, repeat: int, options: Options, say: Callable[[str], None]
) -> list[Result]:
    """Play it so many times, each in a directory of its own below that of the options.

    Raises:
        CarpioError: it cannot run here.
    """
    from carpio.lab.run import run_scenario

    directories = directories_of(options.directory, repeat)
    check_absent(directories)
    results = []
    for number, directory in enumerate(directories, 1):
        if repeat > 1:
            say(f"{scenario.name}, {number} of {repeat}")
        result = run_scenario(scenario, replace(options, directory=directory), say)
        say(result.outcome.value)
        results.append(result)
    return results


def tell(results: list[Result], out: Path, *, as_json: bool) -> int:
    """Print what came of it; return the exit status."""
    from carpio.lab.summary import print_results, results_as_json

    if as_json:
        sys.stdout.write(results_as_json(results))
    else:
        print_results(results, out)
    return 0 if all(result.outcome is Outcome.RIGHT for result in results) else 1

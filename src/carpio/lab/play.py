"""Plays a scenario so many times, says how far it is, and tells what came of it all."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from carpio.errors import CarpioError, PlatformError
from carpio.lab.result import Outcome, Result
from carpio.lab.scenario import Scenario

if TYPE_CHECKING:
    from carpio.lab.run import Options

__all__ = ["Progress", "add_arguments", "check_implementation", "chosen", "play", "tell"]


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
        type=_count,
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
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 0 or more")
    return int(text)


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


def play(
    scenario: Scenario, repeat: int, options: Options, say: Callable[[str], None]
) -> list[Result]:
    """Play it so many times, each in a directory of its own below that of the options.

    Raises:
        CarpioError: it cannot run here.
    """
    from carpio.lab.run import run_scenario

    results = []
    for number in range(1, repeat + 1):
        directory = options.directory / f"run-{number}"
        if directory.exists():
            raise CarpioError(f"{directory} exists; choose another --out")
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

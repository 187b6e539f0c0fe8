"""`carpio lab report` and `carpio lab compare`: their arguments and what they do."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Final

from carpio.errors import CarpioError
from carpio.lab.cage import is_inside
from carpio.lab.pages import write_pages
from carpio.lab.play import Progress, check_absent, check_implementation
from carpio.lab.result import RESULT_FILE, Outcome, Result, read_result
from carpio.lab.scenario import FULL, SHORT, Scenario, read_scenario, scenario_path
from carpio.lab.workdir import run_with_results

__all__ = ["COMPARE_SUMMARY", "REPORT_SUMMARY", "compare", "report"]

REPORT_SUMMARY: Final = "Make the pages of results again: report.html and report.md beside each."
COMPARE_SUMMARY: Final = "Play scenarios with several implementations and put them side by side."
DEFAULT_IMPLEMENTATIONS: Final = "carpio,keepalived,ucarp,frr"


def report(arguments: list[str], parser: argparse.ArgumentParser) -> int:
    """Write the pages of results that are there already."""
    parser.add_argument(
        "place",
        nargs="+",
        type=Path,
        help="a result.json, its directory, or the --out of a run or a comparison",
    )
    options = parser.parse_args(arguments)
    status = 0
    for path in [path for place in options.place for path in _results_at(place)]:
        try:
            result = read_result(path)
        except CarpioError as error:
            _complain(f"{parser.prog}: {error}")
            status = 2
            continue
        if not write_pages(result, path.parent, _complain):
            return 1
        print(path.parent / "report.html")
    return status


def _results_at(place: Path) -> Sequence[Path]:
    if not place.is_dir():
        return [place]
    from carpio.lab.compare import COMPARISON_FILE

    patterns = [RESULT_FILE, f"run-*/{RESULT_FILE}"]
    if (place / COMPARISON_FILE).exists():
        patterns.append(f"*/*/{RESULT_FILE}")
    for pattern in patterns:
        if found := sorted(place.glob(pattern)):
            return found
    raise CarpioError(f"{place}: no result.json in it; carpio lab run --out {place} makes one")


def _complain(text: str) -> None:
    print(text, file=sys.stderr)


def compare(arguments: list[str], parser: argparse.ArgumentParser) -> int:
    """Play, then write the comparison."""
    parser.add_argument(
        "scenario",
        nargs="+",
        metavar="SCENARIO[/VARIANT]",
        help="of carpio lab list, or files; hosts that the variant gives an implementation keep it",
    )
    parser.add_argument(
        "--impl",
        default=DEFAULT_IMPLEMENTATIONS,
        metavar="NAME[,NAME...]",
        help="each is played on all hosts; %(default)s unless said",
    )
    parser.add_argument("--short", action="store_true", help="play the short forms")
    parser.add_argument("--sysctl", choices=("default", "hardened"), default="default")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where pages and results go")
    parser.add_argument("--no-capture", action="store_true", help="do not keep the captures")
    options = parser.parse_args(arguments)
    _check(options, parser)
    if not is_inside():
        return run_with_results(("compare", *arguments), options.out, "carpio-lab-compare-")
    return _compare(options, shlex.join(("carpio", "lab", "compare", *arguments)))


def _check(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """End the command, or raise CarpioError, for what is wrong before anything is built."""
    from carpio.lab.compare import check_names, place_of
    from carpio.lab.html import templates
    from carpio.lab.topology import check_installed

    templates()
    check_installed(("ip", "tcpdump", "nft"))
    names = options.impl.split(",")
    for name in names:
        check_implementation(name, parser)
    for name in options.scenario:
        _read(name, options)
    try:
        check_names(options.scenario, names)
    except CarpioError as error:
        parser.error(str(error))
    if options.out:
        check_absent(options.out / place_of(*run) for run in product(options.scenario, names))


def _read(name: str, options: argparse.Namespace) -> Scenario:
    """Return the scenario that SCENARIO or SCENARIO/VARIANT names."""
    from carpio.lab.compare import scenario_and_variant

    scenario, variant = scenario_and_variant(name)
    return read_scenario(scenario_path(scenario), SHORT if options.short else FULL, variant)


def _by_host(name: str, scenario: Scenario, implementation: str) -> Mapping[str, str]:
    """Return what runs where; hosts keep what a variant that is named gives them."""
    from carpio.lab.compare import scenario_and_variant

    _, variant = scenario_and_variant(name)
    if not variant or not scenario.implementations:
        return {"": implementation}
    hosts = [host.name for host in scenario.plan.hosts]
    chosen = {host: implementation for host in hosts if host not in scenario.implementations}
    if not chosen:
        raise CarpioError(f"variant {variant} says what runs on each host; play it with lab run")
    return chosen


def _run_command(name: str, implementations: Mapping[str, str], options: argparse.Namespace) -> str:
    """Return the command that plays one run of the comparison again."""
    from carpio.lab.compare import scenario_and_variant

    scenario, variant = scenario_and_variant(name)
    chosen = (f"{host}={chosen}" if host else chosen for host, chosen in implementations.items())
    words = ["carpio", "lab", "run", scenario, "--impl", ",".join(chosen)]
    words += ["--variant", variant] if variant else []
    words += ["--short"] if options.short else []
    words += ["--sysctl", options.sysctl] if options.sysctl != "default" else []
    return shlex.join(words)


def _compare(options: argparse.Namespace, command: str) -> int:
    from carpio.lab.compare import as_markdown, run_all, write_comparison
    from carpio.lab.run import Options, run_scenario

    names = options.impl.split(",")
    about_s = sum(_read(name, options).about_s for name in options.scenario) * len(names)
    progress = Progress(about_s)

    def play(name: str, implementation: str, directory: Path) -> Result:
        def say(text: str) -> None:
            progress.say(f"{name}, {implementation}: {text}")

        scenario = _read(name, options)
        implementations = _by_host(name, scenario, implementation)
        run_options = Options(
            directory=directory,
            implementations=implementations,
            sysctls=options.sysctl,
            keep_capture=not options.no_capture,
            command=_run_command(name, implementations, options),
        )
        result = run_scenario(scenario, run_options, say)
        say(result.outcome.value)
        return result

    comparison = run_all(options.scenario, names, play, options.out, command)
    page = write_comparison(comparison, options.out)
    print(as_markdown(comparison))
    print(page)
    is_right = all(
        run.result is not None and run.result.outcome is Outcome.RIGHT
        for run in comparison.of(names[0])
    )
    return 0 if is_right else 1

"""`carpio lab`: its actions and their arguments."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Mapping
from typing import Final

from carpio.errors import CarpioError, ConfigError, text_of
from carpio.lab.cage import is_inside, leave_on_signals, prepare_place, restore_signals
from carpio.lab.play import (
    Progress,
    add_arguments,
    check_absent,
    check_implementation,
    chosen,
    directories_of,
    play,
    tell,
)
from carpio.lab.scenario import (
    FULL,
    SHORT,
    Scenario,
    find_topology,
    read_scenario,
    scenario_names,
    scenario_path,
    topology_names,
)
from carpio.lab.workdir import run_with_results

__all__ = ["ACTIONS", "inside", "main"]

ACTIONS: Final = ("demo", "run", "compare", "report", "list", "up", "shell", "down")
USAGE: Final = 64
INVALID: Final = 2
SYSCTLS: Final = ("default", "hardened")
DEBUG: Final = "CARPIO_LAB_DEBUG"
"""Set in the environment for the traceback of what failed in a place of its own."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override] # exits with our status
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def main(argv: list[str]) -> int:
    """Do one action; return the exit status."""
    action, arguments = argv[0], argv[1:]
    before = leave_on_signals()
    try:
        if is_inside():
            prepare_place()
        match action:
            case "demo":
                from carpio.lab.demo import SUMMARY, demo

                return demo(arguments, _Parser(prog="carpio lab demo", description=SUMMARY))
            case "list":
                return _list(arguments)
            case "run":
                return _run(arguments)
            case "compare" | "report":
                return _pages(action, arguments)
            case _:
                from carpio.lab.stay import main as stay

                return stay(argv)
    except ConfigError as error:
        print("\n".join(error.problems), file=sys.stderr)
        return INVALID
    except CarpioError as error:
        print(f"carpio lab {action}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"carpio lab {action}: {text_of(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    finally:
        restore_signals(before)


def _pages(action: str, arguments: list[str]) -> int:
    from carpio.lab.page_commands import COMPARE_SUMMARY, REPORT_SUMMARY, compare, report

    if action == "compare":
        return compare(arguments, _Parser(prog="carpio lab compare", description=COMPARE_SUMMARY))
    return report(arguments, _Parser(prog="carpio lab report", description=REPORT_SUMMARY))


def _list(arguments: list[str]) -> int:
    parser = _Parser(prog="carpio lab list", description="List scenarios and topologies.")
    parser.parse_args(arguments)
    print("Scenarios, for carpio lab run:")
    for name in scenario_names():
        scenario = read_scenario(scenario_path(name))
        print(f"  {name:<20} {scenario.title}")
        for variant in scenario.variants[1:]:
            print(f"  {'':<20}   --variant {variant}")
    print("\nTopologies, for carpio lab up:")
    for name in topology_names():
        print(f"  {name:<20} {find_topology(name).title}")
    return 0


def _run_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="carpio lab run",
        description="Play a scenario with real daemons and judge it by captures at the switch.",
        epilog="Exit status: 0 nothing is wrong, 1 something is, or nothing is proved, or it"
        " cannot run here, 2 a file is wrong, 64 wrong use.",
    )
    parser.add_argument("scenario", help="one of carpio lab list, or a file")
    parser.add_argument(
        "--impl",
        type=_implementations,
        default={},
        metavar="NAME[,HOST=NAME...]",
        help="what runs on the hosts: carpio, ucarp, keepalived, frr, naive, jails, jails-prestart,"
        " or a command file; for all, or for single hosts",
    )
    parser.add_argument(
        "--sysctl", choices=SYSCTLS, default="default", help="kernel settings of the hosts"
    )
    parser.add_argument("--variant", default="", metavar="NAME", help="as carpio lab list tells")
    parser.add_argument("--short", action="store_true", help="play the short form")
    parser.add_argument("--no-capture", action="store_true", help="do not keep the captures")
    add_arguments(parser)
    return parser


def _implementations(text: str) -> Mapping[str, str]:
    chosen: dict[str, str] = {}
    for word in text.split(","):
        host, equals, name = word.partition("=")
        chosen[host if equals else ""] = name if equals else word
    if not all(chosen.values()):
        raise argparse.ArgumentTypeError(f"{text!r}: write carpio, or a=carpio,b=ucarp")
    return chosen


def _run(arguments: list[str]) -> int:
    parser = _run_parser()
    options = parser.parse_args(arguments)
    form = SHORT if options.short else FULL
    scenario = read_scenario(scenario_path(options.scenario), form, options.variant)
    scenario = chosen(scenario, options, parser)
    _check(scenario, options.impl, parser)
    if options.out:
        check_absent(directories_of(options.out, options.repeat))
    if not is_inside():
        words = ("run", *arguments)
        return run_with_results(words, options.out, f"carpio-lab-{scenario.name}-")
    return _play(scenario, options, _repetition(arguments))


def _check(
    scenario: Scenario, implementations: Mapping[str, str], parser: argparse.ArgumentParser
) -> None:
    """End the command, or raise CarpioError, for what is wrong before anything is built."""
    from carpio.lab.run import check_tools, peers_for

    hosts = [host.name for host in scenario.plan.hosts]
    for host, name in implementations.items():
        if host and host not in hosts:
            parser.error(f"argument --impl: {host!r} is no host; one of {', '.join(hosts)}")
        check_implementation(name, parser)
    check_tools(peers_for(scenario, implementations))


def _repetition(arguments: list[str]) -> str:
    """Return the command that plays the same again, once."""
    words: list[str] = []
    skip = False
    for word in arguments:
        if not skip and word.split("=")[0] not in ("--repeat", "--out"):
            words.append(word)
        skip = not skip and word in ("--repeat", "--out")
    return shlex.join(("carpio", "lab", "run", *words))


def _play(scenario: Scenario, options: argparse.Namespace, command: str) -> int:
    from carpio.lab.run import Options

    run_options = Options(
        directory=options.out,
        implementations=options.impl,
        sysctls=options.sysctl,
        keep_capture=not options.no_capture,
        command=command,
    )
    progress = Progress(scenario.about_s * options.repeat)
    results = play(scenario, options.repeat, run_options, progress.say)
    return tell(results, options.out, as_json=options.json)


def inside(argv: list[str]) -> int:
    """Do one action in a place of its own: nobody else is there to explain what went wrong."""
    try:
        status = main(argv)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever read has heard enough; Python would complain at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        print(
            f"carpio lab {' '.join(argv[:1])}: internal error: {type(error).__name__}: {error};"
            f" run again with {DEBUG}=1 in the environment and report what it prints",
            file=sys.stderr,
        )
        return 1


if __name__ == "__main__":
    raise SystemExit(inside(sys.argv[1:]))

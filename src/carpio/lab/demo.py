"""`carpio lab demo`: proves that the judge can fail, then plays the scenario `demo`."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Final

from carpio.errors import CarpioError
from carpio.lab.cage import is_inside
from carpio.lab.court import Verdict
from carpio.lab.play import (
    Progress,
    add_arguments,
    check_absent,
    chosen,
    directories_of,
    play,
    tell,
)
from carpio.lab.result import Result
from carpio.lab.scenario import Scenario, read_scenario, scenario_path
from carpio.lab.workdir import run_with_results

__all__ = ["SUMMARY", "demo", "is_blind", "prove_the_judge"]

SUMMARY: Final = (
    "Prove that the judge can fail, then play the scenario `demo`: two hosts lose each other in"
    " every way beside a busy client, and the wire is judged."
)
STORY: Final = "demo"
PROOF: Final = "bare-address"
PROOF_DIRECTORY: Final = "proof"
ABOUT_JUDGING_S: Final = 2.0
DAEMONS: Final = ("carpio", "ucarp")


def demo(arguments: list[str], parser: argparse.ArgumentParser) -> int:
    """Do it; return the exit status.

    Raises:
        CarpioError: it cannot run here, or the judge is blind.
    """
    add_arguments(parser)
    parser.add_argument(
        "--daemon", choices=DAEMONS, default=DAEMONS[0], help="what runs on the hosts"
    )
    from carpio.lab.run import check_tools, peers_for

    options = parser.parse_args(arguments)
    scenario = chosen(read_scenario(scenario_path(STORY)), options, parser)
    check_tools(peers_for(scenario, {"": options.daemon}))
    if options.out:
        check_absent((options.out / PROOF_DIRECTORY, *directories_of(options.out, options.repeat)))
    if not is_inside():
        return run_with_results(("demo", *arguments), options.out, "carpio-demo-")
    return _demo(scenario, options)


def _demo(scenario: Scenario, options: argparse.Namespace) -> int:
    from carpio.lab.run import Options

    run_options = Options(
        directory=options.out,
        implementations={"": options.daemon},
        command=_command(options),
    )
    proof = read_scenario(scenario_path(PROOF))
    about_s = (scenario.about_s + ABOUT_JUDGING_S) * options.repeat
    progress = Progress(proof.about_s + about_s)
    progress.say("proving that the judge can fail: no daemon, then the address bare on a NIC")
    progress.say(prove_the_judge(proof, options.out / PROOF_DIRECTORY))
    results = play(scenario, options.repeat, run_options, progress.say)
    return tell(results, options.out, as_json=options.json)


def _command(options: argparse.Namespace) -> str:
    """Return the command that plays the same story again, once."""
    words = ["carpio", "lab", "run", STORY]
    if options.flood is not None:
        words += ["--flood", str(options.flood)]
    if options.events is not None:
        words += ["--events", ",".join(options.events)]
    if options.daemon != DAEMONS[0]:
        words += ["--impl", options.daemon]
    return shlex.join(words)


def prove_the_judge(proof: Scenario, directory: Path) -> str:
    """Show that the judge sees a bug 191832 and that no daemon means no answer; say so.

    Raises:
        CarpioError: it did not.
    """
    from carpio.lab.run import Options, run_scenario

    if directory.exists():
        raise CarpioError(f"{directory} exists; choose another --out")
    options = Options(
        directory=directory, implementations={}, command=f"carpio lab run {proof.name}"
    )
    result = run_scenario(proof, options, lambda text: None)
    if why := is_blind(result):
        raise CarpioError(f"the judge is blind: {why}")
    asked, _ = _probes(result)
    wrong = result.count(Verdict.WRONG_MAC.value)
    return f"it can: {asked} of {asked} probes unanswered, then {wrong} claims with a wrong MAC"


def is_blind(result: Result) -> str:
    """Return what the judge did not see in a run of the proof; nothing if he saw all."""
    asked, lost = _probes(result)
    if not asked or lost != asked:
        return f"{lost} of {asked} probes unanswered without a daemon (must be all)"
    if not result.count(Verdict.WRONG_MAC.value):
        return "no wrong claims by a naive host (must be many)"
    if not result.proof.sent or result.proof.seen != result.proof.sent:
        return f"{result.proof.seen} of {result.proof.sent} forged claims (must be all)"
    return ""


def _probes(result: Result) -> tuple[int, int]:
    """Return how many were sent, and lost, while nobody was there."""
    gaps = result.events[0].gaps
    return sum(gap.probes for gap in gaps), sum(gap.lost for gap in gaps)

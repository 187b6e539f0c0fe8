"""The main job in one command: two hosts lose each other in every way, and the wire is judged.

`carpio lab demo` builds the lab, proves that its judge can fail, runs real daemons through the
story, and prints what each event looked like from the switch and from the client.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Final, TextIO

from carpio.errors import CarpioError
from carpio.lab.evidence import host_frames, judge_of, tally_of
from carpio.lab.findings import StepFindings, examine
from carpio.lab.flood import Flood
from carpio.lab.gaps import ProbeRecord, gap_between, lateness_percentiles
from carpio.lab.implementation import Carpio, Group, Implementation, Naive, Ucarp, carpio_command
from carpio.lab.judge import Verdict
from carpio.lab.observe import AdvertWatch, Capture
from carpio.lab.pcap import merge_to_pcapng
from carpio.lab.probe import Probe
from carpio.lab.report import SCHEMA, run_as_json, run_table, summary_table
from carpio.lab.story import ACTS, Stage, Step, play, steps_of
from carpio.lab.topology import SHARED_ADDRESSES, Lab, check_requirements

__all__ = ["Run", "main", "prove_the_judge", "run_story"]

DEFAULT_FLOOD: Final = 1000
PROOF_FLOOD: Final = 100
PROOF_S: Final = 1.0
PROOF_ABOUT_S: Final = 4.0
USAGE: Final = 64
TABLE_WIDTH: Final = 132
GROUP: Final = Group(addresses=SHARED_ADDRESSES)


@dataclass(frozen=True, slots=True)
class Run:
    """One story, judged."""

    findings: tuple[StepFindings, ...]
    capture: Path
    frames: int
    dropped: int
    flood_sent: int
    cpu_s: Mapping[str, float]
    """Processor time of the observers."""
    prober_pauses_ns: tuple[int, int, int]
    """Median, 99th percentile and maximum of the prober's lateness."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that must not be, each with its event."""
        found = [
            f"{step.played.step.title}: {problem}"
            for step in self.findings
            for problem in step.problems
        ]
        if self.dropped:
            found.append(f"the capture lost {self.dropped} frames: nothing is proved")
        return tuple(found)


class Progress:
    """Says what is happening, with the time that passed and the time to expect."""

    def __init__(self, stream: TextIO, total_s: float) -> None:
        self._stream = stream
        self._total_s = total_s
        self._start = time.monotonic()

    def say(self, text: str) -> None:
        """Print one line."""
        elapsed_s = time.monotonic() - self._start
        print(f"[{elapsed_s:3.0f}/{self._total_s:.0f} s] {text}", file=self._stream, flush=True)


def main(argv: list[str]) -> int:
    """Run the demo; 0: nothing is wrong, 1: something is, or it cannot run here, 64: usage."""
    options = _parser().parse_args(argv)
    handler = signal.signal(signal.SIGTERM, _leave)
    try:
        runs = _run_all(options)
    except CarpioError as error:
        print(f"carpio lab demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    finally:
        signal.signal(signal.SIGTERM, handler)
    _print(runs, as_json=options.json)
    return 1 if any(run.problems for run in runs) else 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override] # exits with our status
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="carpio lab demo", description=__doc__)
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep captures and logs here")
    parser.add_argument("--repeat", type=_positive, default=1, metavar="N", help="stories to play")
    parser.add_argument(
        "--flood",
        type=_count,
        default=DEFAULT_FLOOD,
        metavar="RATE",
        help="ARP requests, and as many neighbour solicitations, a second (%(default)s)",
    )
    parser.add_argument(
        "--events", type=_acts, default=ACTS, help=f"which of {','.join(ACTS)} (all)"
    )
    parser.add_argument(
        "--daemon", choices=("carpio", "ucarp"), default="carpio", help="what runs on the hosts"
    )
    parser.add_argument("--json", action="store_true", help="results for programs")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 0 or more")
    return int(text)


def _positive(text: str) -> int:
    if not (number := _count(text)):
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _acts(text: str) -> tuple[str, ...]:
    acts = tuple(text.split(","))
    if unknown := [act for act in acts if act not in ACTS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(ACTS)}")
    return acts


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _run_all(options: argparse.Namespace) -> tuple[Run, ...]:
    implementation: Implementation = Carpio() if options.daemon == "carpio" else Ucarp()
    check_requirements(("ip", "tcpdump", *(("ucarp",) if options.daemon == "ucarp" else ())))
    group = GROUP
    if options.daemon == "ucarp":
        group = replace(GROUP, addresses=SHARED_ADDRESSES[:1])
    else:
        carpio_command()
    out = options.out or Path(tempfile.mkdtemp(prefix="carpio-demo-"))
    steps = steps_of(options.events)
    story_s = sum(step.about_s for step in steps) + 2.0
    progress = Progress(sys.stderr, PROOF_ABOUT_S + story_s * options.repeat)
    progress.say("proving that the judge can fail: no daemon, then the address bare on a NIC")
    progress.say(prove_the_judge(out / "proof"))
    runs = []
    for number in range(1, options.repeat + 1):
        if options.repeat > 1:
            progress.say(f"story {number} of {options.repeat}")
        directory = out / f"run-{number}"
        run = run_story(implementation, group, steps, options.flood, directory, progress.say)
        progress.say(f"WRONG: {len(run.problems)} problem(s)" if run.problems else "nothing wrong")
        runs.append(run)
    return tuple(runs)


def prove_the_judge(directory: Path) -> str:
    """Show that the judge sees a bug 191832 and that no daemon means no answer; say so.

    Raises:
        CarpioError: it did not.
    """
    with (
        Lab(("a",), out=directory) as lab,
        Capture(lab) as capture,
        Probe(lab) as probe,
        Flood(lab, PROOF_FLOOD),
    ):
        time.sleep(PROOF_S)
        naive_start_ns = time.time_ns()
        lab["a"].start(Naive(), GROUP).wait_for_log("holding")
        time.sleep(PROOF_S)
    tally = tally_of(capture.files, GROUP)
    silent = [gap_between(record, 0, naive_start_ns) for record in probe.records.values()]
    asked, lost = sum(gap.probes for gap in silent), sum(gap.lost for gap in silent)
    wrong = tally.count(Verdict.WRONG_MAC)
    if not asked or lost != asked or not wrong:
        raise CarpioError(
            f"the judge is blind: {lost} of {asked} probes unanswered without a daemon (must be"
            f" all), {wrong} wrong claims by a naive host (must be many)"
        )
    return f"it can: {lost} of {asked} probes unanswered, then {wrong} claims with a wrong MAC"


def run_story(
    implementation: Implementation,
    group: Group,
    steps: Sequence[Step],
    flood_rate: int,
    directory: Path,
    say: Callable[[str], None],
) -> Run:
    """Play the steps in a new lab, then judge what was captured."""
    targets = tuple(str(address.ip) for address in group.addresses)
    with Lab(out=directory) as lab:
        router_mac = lab.router.mac
        watch = AdvertWatch(lab)
        try:
            with (
                Capture(lab) as capture,
                Probe(lab, targets) as probe,
                Flood(lab, flood_rate, targets) as flood,
            ):
                stage = Stage(lab, watch, implementation, group)
                played = play(stage, steps, lambda step: say(step.title))
        finally:
            watch.close()
    say("judging")
    judge = judge_of(capture.files, group)
    merged = directory / "capture.pcapng"
    findings = examine(played, judge, host_frames(capture.files), probe.records, router_mac)
    frames = merge_to_pcapng(capture.files, merged)
    for path in capture.files.values():
        path.unlink()
    cpu_s = {f"tcpdump {name}": port.cpu_s for name, port in capture.ports.items()}
    return Run(
        findings=findings,
        capture=merged,
        frames=frames,
        dropped=capture.dropped,
        flood_sent=flood.sent,
        cpu_s={**cpu_s, "probe": probe.cpu_s, "flood": flood.cpu_s},
        prober_pauses_ns=_worst_pauses(probe.records),
    )


def _worst_pauses(records: Mapping[str, ProbeRecord]) -> tuple[int, int, int]:
    median, high, longest = map(max, zip(*map(lateness_percentiles, records.values()), strict=True))
    return median, high, longest


def _print(runs: Sequence[Run], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"schema": SCHEMA, "runs": [_as_json(run) for run in runs]}, indent=1))
        return
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=TABLE_WIDTH)
    for number, run in enumerate(runs, 1):
        title = "What the switch and the client saw"
        console.print(
            run_table(run.findings, title if len(runs) == 1 else f"{title}, run {number}")
        )
        for step in run.findings:
            for text in (*step.problems, *step.remarks):
                console.print(f"  {step.played.step.title}: {text}", markup=False)
        console.print(_facts(run), markup=False)
    if len(runs) > 1:
        console.print(summary_table(runs))
    wrong = sum(len(run.problems) for run in runs)
    console.print(
        f"WRONG: {wrong} problem(s), see above." if wrong else "Nothing wrong.", markup=False
    )


def _facts(run: Run) -> str:
    _, high, longest = (value / 1e6 for value in run.prober_pauses_ns)
    cpu = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in run.cpu_s.items())
    return (
        f"capture: {run.capture} ({run.frames:,} frames, {run.dropped} lost;"
        f" {run.flood_sent:,} flood requests)\n"
        f"prober late by {high:.1f} ms (99 %), {longest:.1f} ms (worst); processor time: {cpu}\n"
    )


def _as_json(run: Run) -> dict[str, object]:
    return {
        **run_as_json(run.findings, run.capture),
        "frames": run.frames,
        "capture_lost": run.dropped,
        "flood_sent": run.flood_sent,
        "cpu_s": dict(run.cpu_s),
        "prober_late_ms": [value / 1e6 for value in run.prober_pauses_ns],
        "problems": list(run.problems),
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

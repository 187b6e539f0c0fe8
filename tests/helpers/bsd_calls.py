"""Calls of the commands of the BSDs in this process, in a world of their own."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from carpio.bsd.main import run
from carpio.bsd.world import World
from carpio.control.messages import (
    ErrorCode,
    Request,
    StepError,
    encode_error,
    encode_result,
    parse_request,
)
from carpio.control.network import (
    ChangeSettings,
    SettingResult,
    SettingsRequest,
    SettingsResult,
)

__all__ = ["COUNTERS", "SETTINGS", "Caller", "Outcome", "SettingsKeeper"]

COUNTERS = {
    "ipackets": 7, "ipackets6": 1, "badif": 9, "badttl": 1, "hdrops": 0, "badsum": 2, "badver": 1,
    "badlen": 0, "badauth": 3, "badvhid": 0, "badaddrs": 0, "opackets": 600, "opackets6": 0,
    "onomem": 1, "ostates": 0, "preempt": 5,
}  # fmt: skip
SETTINGS = SettingsResult(
    allow=1,
    preempt=0,
    dscp=56,
    log=1,
    demotion=0,
    ifdown_demotion_factor=240,
    senderr_demotion_factor=240,
    stats=COUNTERS,
)


@dataclass(frozen=True)
class Outcome:
    """What a command said and how it ended."""

    status: int
    stdout: str
    stderr: str


@dataclass
class Caller:
    """Calls commands; files of the world are below `root`."""

    control: Path
    root: Path
    stdin: str = ""
    entered: list[str] = field(default_factory=list)
    started: list[Path] = field(default_factory=list)
    on_enter: Callable[[str], None] = lambda _name: None

    def __call__(self, name: str, *argv: str, starts: bool = False) -> Outcome:
        out, err = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()
        world = World(
            stdin=io.StringIO(self.stdin),
            stdout=out,
            stderr=err,
            environ={},
            control=self.control,
            enter=self._enter,
            start_daemon=lambda: self.started.append(self.control),
            root=self.root,
        )
        status = run(name, argv, world, starts=starts)
        buffer = out.buffer
        assert isinstance(buffer, io.BytesIO)
        return Outcome(status, buffer.getvalue().decode("latin-1"), err.getvalue())

    def _enter(self, name: str) -> None:
        self.entered.append(name)
        self.on_enter(name)


class SettingsKeeper:
    """Answers `settings` and `settings.change` as the daemon does."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {
            name: getattr(SETTINGS, name) for name in SETTINGS.__struct_fields__ if name != "stats"
        }
        self.stats = dict(COUNTERS)
        self.requests: list[Request] = []
        self.refusals: dict[str, tuple[ErrorCode, str, StepError | None]] = {}
        """By method: what to say no with."""

    def refuse(
        self, method: str, code: ErrorCode, message: str, step: StepError | None = None
    ) -> None:
        """Answer a method with an error from now on."""
        self.refusals[method] = (code, message, step)

    def reply(self, line: bytes) -> bytes:
        """Return the answer to one line."""
        request_id, request = parse_request(line)
        self.requests.append(request)
        if request.method in self.refusals:
            code, message, step = self.refusals[request.method]
            return encode_error(request_id, code, message, step=step)
        match request:
            case SettingsRequest():
                return encode_result(request_id, SettingsResult(**self.values, stats=self.stats))
            case ChangeSettings(changes):
                results = [self._change(change.name, change.value) for change in changes]
                return encode_result(request_id, results)
            case _:
                raise AssertionError(f"not asked for: {request}")

    def _change(self, name: str, value: int) -> SettingResult:
        if name == "stats":
            self.stats = dict.fromkeys(self.stats, 0)
            return SettingResult(name="stats", old=0, new=0)
        old = self.values[name]
        self.values[name] = old + value if name == "demotion" else value
        return SettingResult(name=name, old=old, new=self.values[name])  # type: ignore[arg-type]  # a name of the table

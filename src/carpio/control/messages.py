"""Requests and replies: JSON-RPC 2.0, one message a line, over a Unix stream socket.

A request is `{"jsonrpc": "2.0", "id": 1, "method": "status", "params": {}}`; the reply
carries the same id and either `result` or `error`. Ids are whole numbers or text; there
are no notifications and no batches: every request is answered, in order, by one line.
`version` tells the protocol's version, which grows when a message changes its meaning;
new methods and new members of results may come without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias

import msgspec

from carpio.control.network import (
    ChangeSettings,
    ConfigurationRequest,
    Configure,
    NetworkRequest,
    SettingsRequest,
)
from carpio.control.params import Params
from carpio.errors import ControlError

__all__ = [
    "CauseShare",
    "Attach",
    "Demote",
    "DemoteClear",
    "DemotionStatus",
    "Detach",
    "ErrorCode",
    "ErrorObject",
    "LogLevel",
    "METHODS",
    "MAX_MESSAGE",
    "MAX_MESSAGE_OF_ROOT",
    "PROTOCOL_VERSION",
    "Reload",
    "ReloadResult",
    "Reply",
    "Request",
    "RequestError",
    "RivalStatus",
    "STATUS_SCHEMA",
    "SetState",
    "Status",
    "StepError",
    "StatusRequest",
    "TraceOff",
    "TraceOn",
    "Version",
    "VersionResult",
    "VhidStatus",
    "WRITING",
    "WRITING_HERE",
    "encode_call",
    "encode_error",
    "encode_request",
    "encode_result",
    "parse_reply",
    "parse_request",
]

PROTOCOL_VERSION: Final = 1
STATUS_SCHEMA: Final = 1
MAX_MESSAGE: Final = 64 * 1024
"""Bytes of one request line, its newline included. Replies are as long as they need to be."""
MAX_MESSAGE_OF_ROOT: Final = 1024 * 1024
"""The same for root, who may send a whole file of ifconfig lines at once."""

RequestId: TypeAlias = int | str | None


class ErrorCode(IntEnum):
    """Why a request failed: the codes of JSON-RPC 2.0, and ours, which are exit statuses."""

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    UNKNOWN_METHOD = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    FAILED = 1
    INVALID_CONFIGURATION = 2
    NOT_PERMITTED = 5


class RequestError(ControlError):
    """A line that is not a request we can carry out; `request_id` is what to answer with."""

    def __init__(self, message: str, *, code: ErrorCode, request_id: RequestId = None) -> None:
        super().__init__(message, code=code)
        self.request_id = request_id


class StepError(ControlError):
    """A step of a `configure` request cannot be done, and nothing was."""

    def __init__(self, message: str, *, line: int = 0, step: int = 0, errno: int = 0) -> None:
        super().__init__(message, code=ErrorCode.FAILED)
        self.line = line
        self.step = step
        self.errno = errno


Cause: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[!-~ ]+\Z")]
"""Name of a share of the demotion number: printable ASCII."""


class Version(Params, frozen=True):
    """Which daemon is this, and which protocol does it speak? -> `VersionResult`."""

    method: ClassVar[str] = "version"


class StatusRequest(Params, frozen=True):
    """What is the state of everything? -> `Status`."""

    method: ClassVar[str] = "status"


class Demote(Params, frozen=True):
    """Add `delta` to the share named `cause` -> `DemotionStatus`."""

    method: ClassVar[str] = "demote"
    cause: Cause
    delta: Annotated[int, msgspec.Meta(ge=-65535, le=65535)]


class DemoteClear(Params, frozen=True):
    """Take back all of the share named `cause` -> `DemotionStatus`."""

    method: ClassVar[str] = "demote.clear"
    cause: Cause


class SetState(Params, frozen=True):
    """Put the group called `name` (default `VHID@IF`) into a state -> `VhidStatus`."""

    method: ClassVar[str] = "state"
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    state: Literal["master", "backup"]


class Attach(Params, frozen=True):
    """Let the addresses of the group called `name` live in a container -> `VhidStatus`.

    Exactly one of `netns`, a name of ip-netns(8), and `pid`, a process as the daemon sees it.
    """

    method: ClassVar[str] = "attach"
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    netns: Annotated[str, msgspec.Meta(min_length=1, max_length=255)] | None = None
    pid: Annotated[int, msgspec.Meta(ge=1, le=2**22)] | None = None


class Detach(Params, frozen=True):
    """Let the addresses of the group called `name` live beside its interface -> `VhidStatus`."""

    method: ClassVar[str] = "detach"
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class LogLevel(Params, frozen=True):
    """Log this much from now on: 0 nothing, 1 changes, 2 also bad packets -> null."""

    method: ClassVar[str] = "log_level"
    level: Annotated[int, msgspec.Meta(ge=0, le=7)]


class TraceOn(Params, frozen=True):
    """Write what happens in the caller's namespace to the new file `path` -> null.

    It is turned over to `path`.1 when it has `mib` MiB.
    """

    method: ClassVar[str] = "trace"
    path: Annotated[str, msgspec.Meta(min_length=2, max_length=4000, pattern=r"^/[^\0]*[^/\0]\Z")]
    mib: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 16


class TraceOff(Params, frozen=True):
    """End the trace of the caller's namespace -> null."""

    method: ClassVar[str] = "trace.end"


class Reload(Params, frozen=True):
    """Read the configuration files again, and use them if they are valid -> `ReloadResult`.

    Refused when that would lose what `configure` or `settings.change` made, unless `discard`.
    """

    method: ClassVar[str] = "reload"
    discard: bool = False


Request: TypeAlias = (
    Version
    | StatusRequest
    | Demote
    | DemoteClear
    | SetState
    | Attach
    | Detach
    | LogLevel
    | TraceOn
    | TraceOff
    | Reload
    | NetworkRequest
    | Configure
    | SettingsRequest
    | ChangeSettings
    | ConfigurationRequest
)

METHODS: Final[dict[str, type[Request]]] = {
    kind.method: kind
    for kind in (
        *(Version, StatusRequest, Demote, DemoteClear, SetState, Attach, Detach),
        *(LogLevel, TraceOn, TraceOff, Reload),
        *(NetworkRequest, Configure, SettingsRequest, ChangeSettings, ConfigurationRequest),
    )
}
WRITING: Final = (
    *(Demote, DemoteClear, SetState, Attach, Detach, LogLevel, TraceOn, TraceOff, Reload),
    ConfigurationRequest,
)
"""Requests that concern the whole daemon: they need CAP_NET_ADMIN where it runs."""
WRITING_HERE: Final = (Configure, ChangeSettings)
"""Requests that change the caller's network namespace: they need CAP_NET_ADMIN over it."""


class VersionResult(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `version`."""

    carpio: str
    protocol: int = PROTOCOL_VERSION


class ReloadResult(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `reload`; an invalid configuration is an error instead."""

    warnings: list[str]


class RivalStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Another speaker for the group, or another claimant of its addresses.

    One that was heard advertising has `advbase` and `advskew`; one that claimed an address
    with a MAC that is not the virtual one has `mac` and `claims`.
    """

    source: str
    advbase: int | None = None
    advskew: int | None = None
    last_heard: str | None = None
    claims: int = 0
    mac: str | None = None


class VhidStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One group. Times are RFC 3339 in UTC with microseconds, or null."""

    vhid: int
    interface: str
    netns: str | None
    name: str
    state: Literal["INIT", "BACKUP", "MASTER"]
    since: str | None
    reason: str
    """Why it came into this state; of a refused group, what the platform refuses."""
    advbase: int
    advskew: int
    """As configured."""
    effective_advskew: int
    """As advertised: `advskew` plus the demotion, held within 0..240."""
    demotion: int
    addresses: list[str]
    peer: str | None
    """Source address of the master that was heard last; null on a MASTER."""
    last_advert: str | None
    """When an advertisement was last sent (MASTER) or heard (BACKUP)."""
    next_deadline: str | None
    counters: dict[str, int]
    rivals: list[RivalStatus]
    attached: str | None = None
    """Network namespace or process of the container in which the addresses live."""


class CauseShare(msgspec.Struct, frozen=True, kw_only=True):
    """A named share of the demotion number."""

    cause: str
    value: int


class DemotionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The demotion number and its shares."""

    sum: int
    causes: list[CauseShare]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `status`, and what `carpio status --json` prints."""

    schema: int = STATUS_SCHEMA
    vhids: list[VhidStatus]
    demotion: DemotionStatus


class ErrorObject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong; `data` holds the problems of an invalid configuration.

    Of a refused `configure` request `line` and `step` count from 0, and `errno` tells the kind
    of the failure as in errno(3).
    """

    code: int
    message: str
    data: list[str] | None = None
    line: int | None = None
    step: int | None = None
    errno: int | None = None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A reply with exactly one of `result` and `error`."""

    id: RequestId = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: ErrorObject | None = None


_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""All that msgspec raises for bytes that are not the wanted JSON."""


class _Envelope(msgspec.Struct, frozen=True):
    jsonrpc: Literal["2.0"]
    method: str
    id: int | str
    params: msgspec.Raw = msgspec.Raw(b"{}")


class _IdOnly(msgspec.Struct, frozen=True):
    id: RequestId = None


def parse_request(line: bytes) -> tuple[int | str, Request]:
    """Return id and request of one line. Raises RequestError, whatever the bytes."""
    if len(line) > MAX_MESSAGE_OF_ROOT:
        raise RequestError(
            f"request longer than {MAX_MESSAGE_OF_ROOT} bytes", code=ErrorCode.INVALID_REQUEST
        )
    request_id = _peek_id(line)
    try:
        envelope = msgspec.json.decode(line, type=_Envelope)
    except _UNREADABLE as error:
        raise RequestError(
            f"not a request: {error}", code=ErrorCode.INVALID_REQUEST, request_id=request_id
        ) from error
    kind = METHODS.get(envelope.method)
    if kind is None:
        raise RequestError(
            f"unknown method {envelope.method[:64]!r}; known: {', '.join(METHODS)}",
            code=ErrorCode.UNKNOWN_METHOD,
            request_id=envelope.id,
        )
    try:
        return envelope.id, msgspec.json.decode(envelope.params, type=kind)
    except _UNREADABLE as error:
        raise RequestError(
            f"{envelope.method}: {error}",
            code=ErrorCode.INVALID_PARAMS,
            request_id=envelope.id,
        ) from error


def _peek_id(line: bytes) -> RequestId:
    """Return the id of a line if it has one. Raises RequestError if it is not JSON."""
    try:
        return msgspec.json.decode(line, type=_IdOnly).id
    except msgspec.ValidationError:
        return None
    except _UNREADABLE as error:
        raise RequestError(f"not JSON: {error}", code=ErrorCode.PARSE_ERROR) from error


def encode_request(request: Request, request_id: int | str) -> bytes:
    """Return the line of a request."""
    return _line({"jsonrpc": "2.0", "id": request_id, "method": request.method, "params": request})


def encode_call(method: str, params: Mapping[str, object], request_id: int | str) -> bytes:
    """Return the line of a request that need not be one that we know."""
    return _line({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


def encode_result(request_id: RequestId, result: Any) -> bytes:
    """Return the line of a good reply; `result` is one of this module's structs, or None."""
    return _line({"jsonrpc": "2.0", "id": request_id, "result": result})


def encode_error(
    request_id: RequestId,
    code: ErrorCode,
    message: str,
    problems: tuple[str, ...] = (),
    step: StepError | None = None,
) -> bytes:
    """Return the line of a reply that says why the request failed, and at which `step`."""
    error = ErrorObject(
        code=code,
        message=message,
        data=list(problems) or None,
        line=step.line if step else None,
        step=step.step if step else None,
        errno=step.errno if step else None,
    )
    return _line({"jsonrpc": "2.0", "id": request_id, "error": error})


def parse_reply(line: bytes) -> Reply:
    """Return the reply of one line. Raises ControlError when it is none."""
    try:
        return msgspec.json.decode(line, type=Reply)
    except _UNREADABLE as error:
        raise ControlError(f"the daemon's reply is not understood: {error}") from error


def _line(message: dict[str, Any]) -> bytes:
    return msgspec.json.encode(message) + b"\n"

"""The same search on a Dask cluster: seeds in parcels, outcomes in the order of the seeds.

The cluster is another trust domain, and a Dask connection is not secret unless its owner made it
so: passphrases do not leave this machine. Each is replaced by a number, the same for equal ones,
which is all that a search depends on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any, Final

from carpio.errors import CarpioError
from carpio.sim.node import HostSetup
from carpio.sim.search import Campaign, Outcome, Search, gather, try_seed
from carpio.wire.auth import Key

__all__ = ["ClusterError", "explore_on_cluster", "without_secrets"]

_ADDRESS: Final = re.compile(r"(?:[a-z]+://)?[^/\s]+:\d{1,5}")
_PARCEL: Final = 16
"""Seeds that a worker is given at once."""
_AHEAD: Final = 4
"""Parcels that wait at each worker."""


class ClusterError(CarpioError):
    """There is no cluster to search on; the text says what to do."""


def explore_on_cluster(
    search: Search,
    address: str,
    *,
    progress: Callable[[Campaign], None],
    patience_s: float = 10.0,
) -> Campaign:
    """Run all seeds on the workers of a scheduler; as `explore`. Raises ClusterError.

    `patience_s`: how long the scheduler may take to answer.
    """
    with _client(address, patience_s) as client:
        return gather(_outcomes(client, without_secrets(search)), progress)


def without_secrets(search: Search) -> Search:
    """Return the search with keys that tell nothing but which are equal."""
    numbers: dict[Key, Key] = {}

    def stand_in(setup: HostSetup) -> HostSetup:
        instances = tuple(
            replace(
                one,
                key=numbers.setdefault(one.key, Key.from_bytes(len(numbers).to_bytes(2, "big"))),
            )
            for one in setup.config.instances
        )
        return replace(setup, config=replace(setup.config, instances=instances))

    return replace(search, setups=tuple(map(stand_in, search.setups)))


def _client(address: str, patience_s: float) -> Any:
    if not _ADDRESS.fullmatch(address):  # Dask finds out late, and not in all versions in peace
        raise ClusterError(f"{address!r} is no scheduler; write it like tcp://10.0.0.1:8786")
    try:
        from distributed import Client
    except ImportError as error:
        raise ClusterError("Dask is not installed here; pip install 'carpio[dask]'") from error
    try:
        make: Callable[..., Any] = Client
        return make(address, timeout=patience_s, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(f"no scheduler answers at {address}: {error}") from error


def _outcomes(client: Any, search: Search) -> Generator[Outcome, None, None]:
    """Yield the outcomes in the order of the seeds, with a bounded number on their way."""
    end = search.first + search.seeds
    parcels = iter(range(search.first, end, _PARCEL))
    on_the_way: list[Any] = []
    while True:
        most = _AHEAD * max(len(client.scheduler_info(n_workers=-1)["workers"]), 1)
        for first in parcels:
            on_the_way.append(
                client.submit(_try_all, search, first, min(first + _PARCEL, end), pure=False)
            )
            if len(on_the_way) >= most:
                break
        if not on_the_way:
            return
        yield from on_the_way.pop(0).result()


def _try_all(search: Search, first: int, end: int) -> list[Outcome]:
    return [try_seed(search, seed) for seed in range(first, end)]

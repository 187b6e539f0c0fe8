"""The same search on a cluster of two worker processes of this machine."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.helpers.sim import SECOND, host, pair

from carpio.sim.dask_search import ClusterError, explore_on_cluster, without_secrets
from carpio.sim.search import Campaign, Search, explore

distributed = pytest.importorskip("distributed")

SEARCH = Search(setups=tuple(pair()), seeds=40, first=3, duration=40 * SECOND)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as made:
        yield made.scheduler_address


def on_cluster(search: Search, address: str) -> Campaign:
    return explore_on_cluster(search, address, progress=lambda campaign: None)


def in_process(search: Search) -> Campaign:
    return explore(search, cores=1, progress=lambda campaign: None)


def test_a_cluster_finds_what_one_process_finds(cluster: str):
    assert on_cluster(SEARCH, cluster) == in_process(SEARCH)
    naive = replace(SEARCH, seeds=20, is_naive=True)
    assert on_cluster(naive, cluster) == in_process(naive)
    assert on_cluster(naive, cluster).failed == 20


def test_progress_is_told_in_the_order_of_the_seeds(cluster: str):
    told: list[int] = []
    search = replace(SEARCH, seeds=20)
    explore_on_cluster(search, cluster, progress=lambda campaign: told.append(campaign.seeds))
    assert told == list(range(1, 21))


def test_both_workers_take_part(cluster: str):
    with distributed.Client(cluster) as client:
        on_cluster(replace(SEARCH, seeds=64), cluster)
        ran = client.run(lambda dask_worker: dask_worker.state.task_counter.cumulative_elapsed())
    assert len(ran) == 2
    assert all(sum(elapsed.values()) > 0 for elapsed in ran.values())


def test_passphrases_do_not_leave_the_machine():
    hosts = (host("a"), host("b", 100), host("c", 200, passphrase="quite another"))
    search = replace(SEARCH, setups=hosts)
    keys = [setup.config.instances[0].key for setup in hosts]
    sent = pickle.dumps(without_secrets(search))
    assert all(key.raw in pickle.dumps(search) for key in keys)
    assert not any(key.raw[:6] in sent for key in keys)
    first, second, third = (
        setup.config.instances[0].key for setup in without_secrets(search).setups
    )
    assert first == second != third
    assert in_process(replace(search, seeds=3)) == in_process(
        without_secrets(replace(search, seeds=3))
    )


def test_a_scheduler_that_is_not_there_is_told():
    with pytest.raises(ClusterError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"):
        explore_on_cluster(SEARCH, "tcp://127.0.0.1:9", progress=print, patience_s=0.2)


@pytest.mark.parametrize("address", ["nonsense", "", "tcp://10.0.0.1", "10.0.0.1:port"])
def test_what_is_no_address_of_a_scheduler_is_told_at_once(address: str):
    with pytest.raises(
        ClusterError, match=r"is no scheduler; write it like tcp://10\.0\.0\.1:8786"
    ):
        explore_on_cluster(SEARCH, address, progress=lambda _: None)

"""carpio sim --seeds --dask says what it says without a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

distributed = pytest.importorskip("distributed")

CONFIG = """
preempt = true
[[vhid]]
id = 1
interface = "eth0"
passphrase = "secret"
advskew = {advskew}
addresses = ["10.0.0.1/24"]
"""


def test_a_search_on_a_cluster_prints_the_same(run, tmp_path: Path):
    for name, advskew in (("a", 0), ("b", 100)):
        (tmp_path / f"{name}.toml").write_text(CONFIG.format(advskew=advskew))
    words = ("sim", "a.toml", "b.toml", "--seeds", "20", "--for", "30s", "--json")
    words += ("--datapath", "naive")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        found = run(*words, "--dask", cluster.scheduler_address)
    alone = run(*words, "--jobs", "1")
    assert found.exit_status == alone.exit_status == 1
    assert found.stdout == alone.stdout

import json

import pyarrow.parquet as pq
import pytest

from v2g_bench.campaign import run as run_module
from v2g_bench.campaign.plan import SHIPPED
from v2g_bench.campaign.run import Campaign, Job, PointResult, results_sha256, run_operating_point
from v2g_bench.errors import BenchError

TEXT = (SHIPPED / "shutdown.toml").read_text("utf-8").replace("per_stand = 100", "per_stand = 2")
JOB = Job(TEXT, 6, 1)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    return folder, Campaign(JOB, folder).run()


def test_a_row_says_what_happened(alone):
    folder, table = alone
    rows = table.to_pylist()
    assert [row["index"] for row in rows] == list(range(6))
    assert len({row["digest"] for row in rows}) == 6
    assert all(row["failed"] == "" for row in rows)
    due = [row for row in rows if row["due"]]
    assert due
    assert all(row["tripped"] for row in due)
    assert all(json.loads(row["faults"])[0]["kind"] for row in rows)
    assert results_sha256(pq.read_table(folder / "results.parquet")) == results_sha256(table)


def test_dask_workers_change_nothing(alone, tmp_path):
    distributed = pytest.importorskip("distributed", reason="pip install 'v2g-bench[dask]'")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp://", host="127.0.0.1", dashboard_address=None
    ) as cluster:
        table = Campaign(JOB, tmp_path).run(scheduler=cluster.scheduler_address)
    assert results_sha256(table) == results_sha256(alone[1])


def test_an_interrupted_campaign_goes_on(alone, tmp_path, monkeypatch):
    def show(result):
        if result.place == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Campaign(JOB, tmp_path).run(show=show)
    again = Campaign(JOB, tmp_path)
    assert again.done() == {0, 1}
    ran = []
    monkeypatch.setattr(
        run_module, "run_operating_point", lambda job, place: ran.append(place) or run_operating_point(job, place)
    )
    assert results_sha256(again.run()) == results_sha256(alone[1])
    assert ran == [2]


def test_another_campaign_is_not_continued(alone, tmp_path):
    Campaign(JOB, tmp_path)
    with pytest.raises(BenchError, match="holds another campaign"):
        Campaign(Job(TEXT, 6, 2), tmp_path)


def test_a_sick_bench_is_no_result(tmp_path, monkeypatch):
    monkeypatch.setattr(
        run_module, "run_operating_point", lambda job, place: PointResult(place, [], 0.0, "dbc: no such file")
    )
    work = Campaign(JOB, tmp_path)
    with pytest.raises(BenchError, match="stand 0: dbc: no such file"):
        work.run()
    assert work.done() == set()


def test_a_scheduler_that_is_not_there_is_named(tmp_path):
    pytest.importorskip("distributed", reason="pip install 'v2g-bench[dask]'")
    with pytest.raises(BenchError, match="no Dask scheduler answers"):
        Campaign(JOB, tmp_path).run(scheduler="tcp://127.0.0.1:9")

"""The recipes of Klenitskiy and Vasilev 2023 on the command line; nothing is fetched and nothing is run."""

from __future__ import annotations

import pytest
from projects import Project

RUNS = {"table2": 42, "table3": 8, "fig1": 30, "fig2": 60}  # datasets × systems, one seed


@pytest.mark.parametrize("name", RUNS)
def test_plan_and_dry_run_name_every_cell(shared_project: Project, name: str) -> None:
    artifact, n = f"klenitskiy2023/{name}", RUNS[name]
    for words in (("plan", artifact), ("reproduce", artifact, "--dry-run"), ("plan", artifact, "--profile", "quick")):
        done = shared_project.run(*words)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"\n{n} runs, 0 finished, {n} to run\n" in done.stdout


def test_a_metric_that_the_paper_does_not_print_is_named_once(shared_project: Project) -> None:
    done = shared_project.run("plan", "petrov2023/fig1", "--where", "dataset=beauty-core")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "harness: petrov2023/fig1: petrov2023#fig1 prints no NDCG@10 for its systems: no verdict on these values"
    ]

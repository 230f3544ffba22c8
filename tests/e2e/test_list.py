"""`harness list`: what can be reproduced, what is there, what the rest would take."""

from __future__ import annotations

import json
from typing import Any

from projects import Project

PRINTED = {  # the tables and figures with numbers of three papers
    "li2023": ("table1", "table2", "table3", "fig1", "fig3"),
    "petrov2023": ("table1", "table2", "table3", "table4", "fig1", "fig2", "fig3", "fig4"),
    "klenitskiy2023": ("table1", "table2", "table3", "fig1", "fig2"),
}


def listed(project: Project, *words: str) -> Any:
    """What the command says as JSON."""
    done = project.run("list", "--json", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_table_and_figure_of_the_papers_is_listed(shared_project: Project) -> None:
    found = {entry["artifact"]: entry for entry in listed(shared_project)}
    assert {f"{paper}/{name}" for paper, names in PRINTED.items() for name in names} <= set(found)
    for artifact, entry in found.items():
        assert sum(entry["statuses"].values()) == entry["runs"], artifact
        assert entry["upstreams"], artifact
    assert found["li2023/table1"]["runs"] == 0
    assert found["li2023/table2"]["aliases"] == ["table2"]
    parts = [found[name]["runs"] - 1 for name in found if name.startswith("cross/") and name != "cross/losses"]
    assert (len(parts), sum(parts)) == (4, found["cross/losses"]["runs"])  # a floor of each part is not joined


def test_runs_that_are_there_are_counted_and_the_rest_is_estimated(project: Project) -> None:
    before = next(entry for entry in listed(project) if entry["artifact"] == "demo/demo")
    assert before["statuses"] == {"missing": before["runs"]}
    assert before["cost"] == {"seconds": 0.0, "unknown": before["runs"]}
    assert project.run("reproduce", "demo", "--where", "loss=bce", "--seeds", "42").returncode in (0, 1)
    after = next(entry for entry in listed(project) if entry["artifact"] == "demo/demo")
    assert after["statuses"] == {"finished": 2, "missing": before["runs"] - 2}
    assert after["cost"]["seconds"] > 0
    assert after["cost"]["unknown"] < before["runs"] - 2
    text = project.run("list").stdout
    assert "demo/demo = demo" in text
    assert "counts files only" in text


def test_code_bases_and_datasets_are_listed(shared_project: Project) -> None:
    upstreams = listed(shared_project, "--upstreams")
    assert len(upstreams["s3rec"]["commit"]) == 40
    assert set(upstreams["bert4rec_repro"]["beside"]) == {"b4rvae"}
    assert listed(shared_project, "--datasets")["s3rec"]["lastfm"]["users"] == 1090
    assert "asash/bert4rec_repro" in shared_project.run("list", "--upstreams").stdout
    assert "1,090" in shared_project.run("list", "--datasets").stdout

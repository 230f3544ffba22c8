"""A run that two recipes share, of which one says what its ranks contradict: it fails for that one alone."""

from __future__ import annotations

from pathlib import Path

from projects import Project

FEW = ("--where", "loss=bce", "--seeds", "42", "--profile", "quick")
CONTRADICTED = "its recipe says ranking: sampled, its ranks report full"


def contents(project: Project) -> dict[Path, bytes]:
    """Every file of every record."""
    return {p: p.read_bytes() for p in (project.results / "runs").rglob("*") if p.is_file()}


def with_sampled_recipe(project: Project) -> None:
    """A second recipe for the same runs, which says that they rank sampled candidates."""
    text = (project.folder / "recipes/demo/demo.yaml").read_text(encoding="utf-8")
    text = text.replace("artifact: demo/demo", "artifact: demo/sampled").replace("ranking: full", "ranking: sampled")
    text = text.replace("HIT@", "sampled-HIT@").replace("NDCG@", "sampled-NDCG@")
    (project.folder / "recipes/demo/sampled.yaml").write_text(text, encoding="utf-8")


def test_a_recipe_that_is_contradicted_replaces_no_record_of_another(project: Project) -> None:
    """--retry-failed under it would have left a failed record of the popularity baseline in every table."""
    with_sampled_recipe(project)
    done = project.run("reproduce", "demo", *FEW)
    before = contents(project)
    for more in ((), ("--retry-failed",)):
        message = project.run("reproduce", "demo/sampled", *FEW, *more)
        assert (message.returncode, "Traceback" in message.stderr) == (4, False), message.stderr
        assert CONTRADICTED in message.stdout + message.stderr
        assert contents(project) == before
    assert "2 failed" in project.run("status", "demo/sampled", *FEW).stdout
    assert project.run("report", "demo", *FEW).returncode == done.returncode
    assert "2 finished" in project.run("status", "demo", *FEW).stdout


def test_a_run_counts_as_soon_as_its_recipe_is_corrected(project: Project) -> None:
    """The fault stayed in the record, so the corrected recipe was said to be contradicted too."""
    with_sampled_recipe(project)
    message = project.run("reproduce", "demo/sampled", *FEW)
    assert message.returncode == 4, message.stderr
    assert "FAILED  generated factorised/bce seed 42" in message.stderr
    assert CONTRADICTED in message.stderr
    again = project.run("reproduce", "demo", *FEW)
    assert "start" not in again.stderr
    assert "2 finished" in project.run("status", "demo", *FEW).stdout

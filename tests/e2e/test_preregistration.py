"""Whether claims, margin and correction were fixed before the runs: said by each table, from Git and the records."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from projects import Project
from toys import add_toy

ASKED = ("toy/table", "--where", "system=popularity")
SUBJECT = "Claims, margin and correction: "


def git(folder: Path, *words: str, date: str = "") -> str:
    dates = {"GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date} if date else {}
    settings = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always")
    command = ["git", *settings, *words]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **dates}, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def committed(project: Project, date: str) -> str:
    git(project.folder, "add", "recipes", "harness.toml", "patches", "dockerfiles")
    git(project.folder, "commit", "--quiet", "-m", "recipes", date=date)
    return git(project.folder, "rev-parse", "--short=12", "HEAD")


def lines(project: Project, artifact: str = ASKED[0]) -> list[str]:
    """What the table says of its criteria, each line as a sentence."""
    done = project.run("report", artifact, *ASKED[1:], "--format", "md")
    assert done.returncode in (0, 1), done.stderr
    (folder,) = (project.folder / "results" / "tables" / artifact).iterdir()
    text = (folder / "table.md").read_text(encoding="utf-8")
    assert SUBJECT in text
    found = [line.removeprefix("- ").replace("\\", "").replace("&gt;", ">") for line in text.splitlines()]
    return [line for line in found if line.startswith((SUBJECT, "When the first of them ended"))]


@pytest.fixture
def toy(project: Project) -> Project:
    """The toy with one finished run, whose recipe was committed before it."""
    toy = add_toy(project)
    toy.replace("recipes/toy/table.yaml", "claims:", "margin: {relative: 0.1}\nclaims:")
    git(toy.folder, "init", "--quiet")
    committed(toy, "2020-01-01T00:00:00+00:00")
    done = toy.run("reproduce", *ASKED)
    assert done.returncode == 0, done.stderr
    return toy


def test_what_was_fixed_before_the_runs_is_said_to_be(toy: Project) -> None:
    commit = git(toy.folder, "rev-parse", "--short=12", "HEAD")
    message = f"{SUBJECT}last changed in {commit} (2020-01-01 00:00 UTC), before all 1 runs."
    assert lines(toy) == [message]
    toy.replace("recipes/toy/table.yaml", "claims:\n", "# a comment\nclaims:\n")
    toy.replace("recipes/toy/table.yaml", "title: A toy", "title: A toy of ours")
    committed(toy, "2037-01-01T00:00:00+00:00")
    assert lines(toy) == [message]


def test_a_later_change_is_shown_with_what_it_would_have_been(toy: Project) -> None:
    first = git(toy.folder, "rev-parse", "--short=12", "HEAD")
    toy.replace("recipes/toy/table.yaml", "relative: 0.1", "relative: 0.2")
    toy.replace("recipes/toy/table.yaml", "worse: gru/bce}", "worse: gru/bce, metrics: [HIT@10]}")
    changed, was = lines(toy)
    assert changed == f"{SUBJECT}changed since the last commit, and not committed; 1 of 1 runs ended before that."
    commit = committed(toy, "2037-01-01T00:00:00+00:00")
    changed, was = lines(toy)
    assert changed == f"{SUBJECT}last changed in {commit} (2037-01-01 00:00 UTC); 1 of 1 runs ended before that."
    assert (
        f"{first} (2020-01-01 00:00 UTC) was in force: margin relative 0.1 (now relative 0.2); with the claims " in was
    )
    assert "gru/ce-all > gru/bce (NDCG@10 on steps). By it: No published values and no claims to judge." in was
    toy.replace("recipes/toy/table.yaml", ", metrics: [HIT@10]}", "}")
    toy.replace("recipes/toy/table.yaml", "relative: 0.2", "relative: 0.1")
    committed(toy, "2037-01-02T00:00:00+00:00")
    (message,) = lines(toy)  # the record's hash says that it ended under these
    assert message.endswith("(2037-01-02 00:00 UTC), before all 1 runs.")


def test_records_without_the_hash_go_by_their_date(toy: Project) -> None:
    (path,) = (toy.folder / "results" / "runs").glob("*/record.json")
    content = json.loads(path.read_text())
    assert len(content.pop("criteria")) == 64
    path.write_text(json.dumps(content))
    assert lines(toy)[0].endswith("before all 1 runs.")
    toy.replace("recipes/toy/table.yaml", "relative: 0.1", "relative: 0.2")
    committed(toy, "2037-01-01T00:00:00+00:00")
    assert lines(toy)[0].endswith("1 of 1 runs ended before that.")


def test_a_run_made_for_another_artifact_goes_by_its_date(toy: Project) -> None:
    """Its hash is that of the other recipe's claims and margin: the table said that they had changed after the run."""
    text = (toy.folder / "recipes/toy/table.yaml").read_text(encoding="utf-8")
    other = text.replace("artifact: toy/table", "artifact: toy/other").replace("relative: 0.1", "relative: 0.2")
    (toy.folder / "recipes/toy/other.yaml").write_text(other, encoding="utf-8")
    commit = committed(toy, "2020-01-02T00:00:00+00:00")
    assert lines(toy, "toy/other") == [f"{SUBJECT}last changed in {commit} (2020-01-02 00:00 UTC), before all 1 runs."]
    toy.replace("recipes/toy/other.yaml", "relative: 0.2", "relative: 0.3")
    committed(toy, "2037-01-01T00:00:00+00:00")
    assert lines(toy, "toy/other")[0].endswith("1 of 1 runs ended before that.")


def table_files(project: Project) -> dict[str, bytes]:
    """The committed table, with how it was asked for."""
    (folder,) = (project.folder / "results" / "tables" / ASKED[0]).iterdir()
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_clone_whose_history_is_cut_renders_the_same_bytes(toy: Project, tmp_path: Path) -> None:
    """It said "unchanged since" the one commit that it has, and so changed a committed file."""
    (toy.folder / ".gitignore").unlink(missing_ok=True)
    (message,) = lines(toy)
    git(toy.folder, "add", "results")
    git(toy.folder, "commit", "--quiet", "-m", "results", date="2036-01-01T00:00:00+00:00")
    before = table_files(toy)
    shallow = Project(tmp_path / "shallow", toy.env)
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{toy.folder}", str(shallow.folder))
    assert lines(shallow) == [message]
    assert table_files(shallow) == before
    shutil.rmtree(shallow.folder / ".git")
    assert lines(shallow) == [message]
    assert table_files(shallow) == before
    shallow.replace("recipes/toy/table.yaml", "relative: 0.1", "relative: 0.2")
    assert lines(shallow) != [message]  # it speaks of other criteria now


def test_a_rebase_moves_no_date(toy: Project) -> None:
    git(toy.folder, "commit", "--quiet", "--amend", "--no-edit", date="")
    commit = git(toy.folder, "rev-parse", "--short=12", "HEAD")
    assert git(toy.folder, "log", "--format=%cs")[:4] > "2020"
    assert lines(toy) == [f"{SUBJECT}last changed in {commit} (2020-01-01 00:00 UTC), before all 1 runs."]


def test_without_git_and_where_the_history_is_cut(toy: Project, tmp_path: Path) -> None:
    (toy.folder / ".gitignore").unlink(missing_ok=True)
    git(toy.folder, "add", "results")
    git(toy.folder, "commit", "--quiet", "-m", "results", date="2036-01-01T00:00:00+00:00")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{toy.folder}", str(shallow))
    shutil.rmtree(shallow / "results" / "tables")
    (message,) = lines(Project(shallow, toy.env))
    assert message.startswith(f"{SUBJECT}unchanged since ")
    assert message.endswith("(2036-01-01 00:00 UTC), where this shallow clone's history begins; before that, unknown.")
    (toy.folder / ".git").rename(tmp_path / "git")
    shutil.rmtree(toy.folder / "results" / "tables")
    nothing = "no Git history of the recipe is available, so it is unknown when they were last changed."
    assert lines(toy) == [SUBJECT + nothing]

"""A table's gaps keep their reason: a fresh clone without mirror, cache and data renders the same bytes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from projects import Project
from toys import add_toy

ASKED = ("toy/table", "--where", "system=popularity")
FORMATS = ("--format", "md,csv,tex,html")
AWAY = """
  away:
    upstream: toy
    name: away
    label: Away
    users: 40
    items: 30
    interactions: 260
    sequences: data.txt
    files: [{name: data.txt, url: "https://example.org/away/data.txt", sha256: SHA256}]
"""


def with_data_away(project: Project) -> Project:
    """The toy with a second dataset that is the first one, from a place that gives nothing."""
    toy = add_toy(project)
    path = toy.folder / "recipes" / "data" / "toy.yaml"
    text = path.read_text()
    digest = text.partition("sha256: ")[2][:64]
    path.write_text(text.rstrip("\n") + AWAY.replace("SHA256", digest))
    counts = dict(line.strip().split(": ") for line in text.splitlines() if line.strip().startswith(("items", "inter")))
    for name, old in (("items", 30), ("interactions", 260)):
        toy.replace("recipes/data/toy.yaml", f"    {name}: {old}\n    ", f"    {name}: {counts[name]}\n    ")
    toy.replace("recipes/toy/table.yaml", "datasets: [steps]", "datasets: [steps, away]")
    return Project(toy.folder, {**toy.env, "HARNESS_DATA_MIRROR": str(toy.folder / "mirror" / "{name}")})


def files(project: Project) -> dict[str, bytes]:
    (folder,) = (project.folder / "results" / "tables" / "toy" / "table").iterdir()
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_fresh_clone_renders_the_same_bytes(project: Project, tmp_path: Path) -> None:
    toy = with_data_away(project)
    done = toy.run("reproduce", *ASKED)
    assert done.returncode == 3, done.stderr
    assert toy.run("report", *ASKED, *FORMATS).returncode == 1
    made = files(toy)
    assert "is unavailable" in made["table.md"].decode()
    (reason,) = json.loads(made["gaps.json"]).values()
    assert reason.endswith("put the file at data/data.txt")
    assert str(toy.folder) not in reason + made["table.md"].decode()

    fresh = Project(tmp_path / "fresh", {k: v for k, v in toy.env.items() if k != "HARNESS_DATA_MIRROR"})
    gone = shutil.ignore_patterns(".cache", "upstream", *(name for name in made if name != "gaps.json"))
    shutil.copytree(toy.folder, fresh.folder, ignore=gone)
    done = fresh.run("report", *ASKED, *FORMATS)
    assert done.returncode == 1, done.stderr
    assert files(fresh) == made


def test_a_gap_that_was_filled_leaves_no_reason(project: Project) -> None:
    toy = with_data_away(project)
    assert toy.run("reproduce", *ASKED).returncode == 3
    assert "gaps.json" in files(toy)
    (toy.folder / "mirror").mkdir()
    shutil.copy(toy.folder / "upstream" / "data.txt", toy.folder / "mirror")
    done = toy.run("reproduce", *ASKED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gaps.json" not in files(toy)


def test_a_damaged_file_of_reasons_is_told(project: Project) -> None:
    toy = with_data_away(project)
    assert toy.run("reproduce", *ASKED).returncode == 3
    (path,) = (toy.folder / "results").rglob("gaps.json")
    path.write_text('{"a": 1}')
    done = toy.run("report", *ASKED)
    assert (done.returncode, done.stderr.count("harness:")) == (3, 1)
    assert "gaps.json: is not readable" in " ".join(done.stderr.split())

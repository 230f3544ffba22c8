"""A joined table as a user makes it: two recipes on the demonstration's code base."""

from __future__ import annotations

import csv

import yaml
from projects import Project

HASH = "interactions_sha256"
SYSTEMS = {"factorised/bce": "bce", "factorised/ce-all": "all"}


def write(project: Project, **changes: object) -> None:
    """Two recipes that differ in their patience, and a table that joins them."""
    folder = project.folder / "recipes"
    recipe = yaml.safe_load((folder / "demo" / "demo.yaml").read_text())
    recipe |= {"demonstration": False, "seeds": [1], "claims": []}
    recipe["systems"] = {key: recipe["systems"][key] for key in SYSTEMS}
    (folder / "cross").mkdir(exist_ok=True)
    for name, patience in (("one", 1), ("other", 3)):
        options = {"epochs": 4, "patience": patience}
        (folder / "cross" / f"{name}.yaml").write_text(
            yaml.safe_dump({**recipe, "artifact": f"cross/{name}", "options": options})
        )
    joined = {
        "artifact": "cross/two", "title": "Two patiences", "dataset": "generated", "view": "all",
        "metrics": ["HIT@10"], "seeds": [1], "systems": SYSTEMS,
        "parts": {name: {"recipe": f"cross/{name}", "label": name.title()} for name in ("one", "other")},
        "claims": [{"better": "factorised/ce-all", "worse": "factorised/bce"}],
        "differs": {"patience": {"one": "1", "other": "3"}}, **changes,
    }  # fmt: skip
    (folder / "cross" / "two.joined.yaml").write_text(yaml.safe_dump(joined))


def test_parts_are_run_joined_and_found_again(project: Project) -> None:
    write(project)
    refused = project.run("reproduce", "cross/two")
    assert refused.returncode == 2
    assert "parts have other interactions in generated: one none, other none" in " ".join(refused.stderr.split())
    project.replace(
        "recipes/data/demo.yaml", "    sequences: data.txt", f"    {HASH}: {'ab' * 32}\n    sequences: data.txt"
    )
    wrong = project.run("reproduce", "cross/two")
    assert wrong.returncode == 3
    digest = next(word for word in wrong.stderr.replace(",", " ").split() if len(word) == 64 and word != "ab" * 32)
    project.replace("recipes/data/demo.yaml", "ab" * 32, digest)
    done = project.run("reproduce", "cross/two")
    assert done.returncode in (0, 1), done.stderr
    folder = project.folder / "results" / "tables" / "cross" / "two" / "full"
    rows = list(csv.DictReader((folder / "table.csv").read_text().splitlines()))
    assert [(row["system"], row["code base"]) for row in rows] == [(s, p) for s in SYSTEMS for p in ("one", "other")]
    assert all(float(row["mean"]) > 0 and row["runs"] for row in rows)
    assert "| patience | 1 | 3 |" in (folder / "table.md").read_text()
    again = project.run("report", "cross/two")
    assert again.returncode == done.returncode
    plan = project.run("plan", "cross/two")
    assert plan.stdout.count("2 runs, 2 finished, 0 to run") == 2
    whole = project.run("reproduce", "cross/two", "--where", "system=factorised/bce")
    assert whole.returncode == 2
    assert "--where: does not apply to a joined table" in whole.stderr


def test_a_run_without_the_view_is_a_gap(project: Project) -> None:
    write(project, view="items")
    path = project.folder / "recipes/data/demo.yaml"
    path.write_text(
        path.read_text().replace("    sequences: data.txt", f"    {HASH}: {'ab' * 32}\n    sequences: data.txt")
    )
    message = project.run("reproduce", "cross/two").stderr
    digest = next(word for word in message.replace(",", " ").split() if len(word) == 64 and word != "ab" * 32)
    path.write_text(path.read_text().replace("ab" * 32, digest))
    done = project.run("reproduce", "cross/two")
    assert done.returncode == 4
    assert "its record has no ranks of the view items" in done.stdout

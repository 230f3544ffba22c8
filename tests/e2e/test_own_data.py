"""Data of your own, from public file formats into a table: on the demonstration, and on the real S3Rec code."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import own_data
import pytest
from documents import sections
from projects import ROOT, Project, clean_env

QUICK = ("--profile", "quick", "--seeds", "42")
NAMES = {"recbole": "interactions.inter", "movielens": "ratings.dat", "plain": "timed.txt"}


def add_all(project: Project, folder: Path, upstream: str) -> None:
    """Each format as a dataset of its name."""
    for name, file in NAMES.items():
        path = own_data.write(folder, file)
        done = project.run("dataset", "add", str(path), "--upstream", upstream, "--name", name, "--core", "2")
        assert done.returncode == 0, done.stderr
        assert f"as {name}; a user's items are by their times" in done.stdout


def records(folder: Path) -> list[dict[str, object]]:
    """What runs left, those that the project came with left out."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("runs/*/record.json")]


def test_three_formats_stand_in_one_table(project: Project, tmp_path: Path) -> None:
    add_all(project, tmp_path, "demo")
    where = ("--where", "dataset=recbole|movielens|plain|generated,system=factorised/bce|factorised/ce-all")
    done = project.run("reproduce", "demo", *where, *QUICK)
    assert done.returncode == 1, done.stderr  # too short a training is never judged
    for name in (*NAMES, "generated"):
        assert f"({600 if name == 'generated' else own_data.N_USERS} users)" in done.stdout
    found = {(r["dataset"], r["system"]): r for r in records(project.results)}
    assert len(found) == 4 * 3
    assert {r["status"] for r in found.values()} == {"finished"}
    ours = [found[name, "factorised/ce-all"]["printed"] for name in NAMES]
    assert ours[0] == ours[1] == ours[2] != found["generated", "factorised/ce-all"]["printed"]
    again = project.run("reproduce", "demo", *where, *QUICK)
    assert again.stdout == done.stdout
    assert "start" not in again.stderr


def test_an_added_dataset_changes_no_verdict_on_the_others(project: Project, tmp_path: Path) -> None:
    """Neither tests nor noise of one dataset enter what is said of another."""
    path = own_data.write(tmp_path, "ratings.csv")
    assert project.run("dataset", "add", str(path), "--upstream", "demo", "--name", "mine").returncode == 0
    rows = []
    for datasets in ("generated", "generated|mine"):
        where = ("--where", f"dataset={datasets},loss=bce|gbce|ce-all", "--set", "epochs=3")
        done = project.run("reproduce", "demo", *where)
        assert done.returncode in (0, 1), done.stderr
        folder = next(project.results.glob(f"tables/demo/demo/dataset={datasets.replace('|', '+')},*"))
        files = [folder / name for name in ("table.csv", "table-claims.csv")]
        lines = [line for file in files for line in file.read_text().splitlines()]
        rows.append([line for line in lines if ",generated," in line])
        assert ("added comparisons, the first against the second" in done.stdout) == ("mine" in datasets)
    assert len(rows[0]) > 4
    assert rows[0] == rows[1]


def test_a_message_says_what_was_left_out_and_what_comes_next(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    lines = ["user_id,item_id,timestamp", *(f"u{u},i{(u + n) % 9},{n}" for u in range(9) for n in range(5))]
    path.write_bytes("\r\n".join([*lines, "u0,i0,0", "u1,i1,7", "lonely,i1,1"]).encode())
    words = ("dataset", "add", str(path), "--upstream", "demo", "--name", "shop", "--label", "Shop")
    refused = project.run(*words)
    assert refused.returncode == 3
    assert "mine.csv:48: user u1 has item i1 repeatedly" in refused.stderr
    done = project.run(*words, "--repeats", "first", "--min-length", "3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "shop for demo: 9 users, 9 items, 45 interactions",
        "read: 48 interactions of mine.csv as csv; a user's items are by their times",
        "left out: 1 duplicate (user, item and time)",
        "left out: 1 repeat of an item by a user",
        "left out: 1 user, 0 items, 1 interaction (users with fewer than 3 items)",
        "written: data/demo/shop.txt, data/demo/shop.ids.csv, recipes/data/demo/shop.yaml",
        "next: harness reproduce demo/demo --where dataset=shop",
    ]
    shown = project.run("list", "--datasets", "--json")
    assert json.loads(shown.stdout)["demo"]["shop"]["origin"]["left_out"]["users"] == 1


@pytest.mark.upstream
def test_three_formats_train_on_the_real_s3rec(real_project: Project, tmp_path: Path) -> None:
    add_all(real_project, tmp_path, "s3rec")
    where = ("--where", "dataset=recbole|movielens|plain,model=sasrec")
    done = real_project.run("reproduce", "table2", *where, *QUICK, timeout=900)
    assert done.returncode in (0, 1), done.stderr
    found = [r for r in records(real_project.folder / "results") if r["dataset"] in NAMES]
    assert {r["status"] for r in found} == {"finished"}
    assert {(r["dataset"], r["system"]) for r in found} == {
        (name, system) for name in NAMES for system in ("popularity", "sasrec/bce", "sasrec/ce-all")
    }
    assert all(r["disagreements"] == [] for r in found)
    assert done.stdout.count(f"({own_data.N_USERS} users)") == 3


PAGE = ROOT / "docs" / "data.md"
STEPS = {step.name: step.text for own in sections(PAGE.read_text(encoding="utf-8")).values() for step in own}


@pytest.fixture
def started(tmp_path: Path) -> Project:
    """The project and the datasets of docs/data.md, in a folder that was empty."""
    folder = tmp_path / "empty"
    folder.mkdir()
    project = Project(folder, clean_env())
    follow(project, STEPS["init"])
    for name in ("ratings.csv", "interactions.inter", "ratings.dat"):
        own_data.write(folder, name)
    follow(project, STEPS["add"])
    return project


def follow(project: Project, block: str, codes: tuple[int, ...] = (0,)) -> str:
    """What the commands of a block print."""
    printed = ""
    for line in block.splitlines():
        program, *words = shlex.split(line)
        assert program == "harness"
        done = project.run(*words, timeout=900)
        assert done.returncode in codes, f"{line}\n{done.stdout}\n{done.stderr}"
        printed += done.stdout
    return printed


def test_the_page_is_followed_in_an_empty_folder(started: Project) -> None:
    assert set(STEPS) == {"init", "add", "plan", "upstream"}
    assert PAGE.read_text(encoding="utf-8").count("```") == 2 * len(STEPS)
    planned = follow(started, STEPS["plan"])
    assert planned.count("mine     sasrec") == 2
    listed = json.loads(started.run("list", "--datasets", "--json").stdout)
    assert listed["s3rec"]["mine-core"]["origin"]["core"] == 3
    assert listed["gsasrec"]["mine"]["label"] == "My shop"


@pytest.mark.upstream
def test_the_table_of_the_page_is_made_on_the_real_s3rec(started: Project, mirror: str) -> None:
    cache = os.environ.get("HARNESS_CACHE", str(ROOT / ".cache"))
    real = Project(started.folder, {**started.env, "HARNESS_GIT_MIRROR": mirror, "HARNESS_CACHE": cache})
    assert "mine (60 users)" in follow(real, STEPS["upstream"], codes=(1,))

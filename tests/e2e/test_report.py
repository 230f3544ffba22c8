"""`harness report` and `harness compare` on the demonstration, as a user runs them; nothing may be run again."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from projects import Project

from harness.commands import request_file
from harness.commands.made_again import make_again
from harness.core.config import load
from harness.runs.keys import hashed

Check = Callable[[subprocess.CompletedProcess[str], int], str]


class Page(HTMLParser):
    """Texts, targets and identifiers of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.targets: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.ids += [named["id"]] if "id" in named else []
        self.targets += [named["href"]] if tag == "a" else []


@pytest.fixture(scope="module")
def reproduced(shared_project: Project) -> Project:
    done = shared_project.run("reproduce", "demo", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    return shared_project


def test_report_writes_every_format_without_running(reproduced: Project) -> None:
    folder = reproduced.results / "tables" / "demo" / "demo" / "full"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = reproduced.run("report", "demo", "--format", "md,tex,csv,html,figures")
    assert done.returncode == 0, done.stderr
    assert "start" not in done.stderr
    kept = set(before) - {"request.json"}  # which names the formats that are kept
    assert {name: (folder / name).read_bytes() for name in kept} == {name: before[name] for name in kept}
    page = Page((folder / "table.html").read_text(encoding="utf-8"))
    assert "6 of 6 claims supported" in " ".join(page.texts)
    inner = [target for target in page.targets if target.startswith("#")]
    outer = [target for target in page.targets if not target.startswith("#")]
    assert inner
    assert {target[1:] for target in inner} <= set(page.ids)
    assert outer
    assert all((folder / target / "record.json").is_file() for target in outer)
    text = (folder / "table.md").read_text(encoding="utf-8")
    assert all(f'<a id="{target[1:]}"></a>' in text for target in inner)
    figures = sorted(path.name for path in (folder / "figures").iterdir())
    assert {name.rpartition(".")[2] for name in figures} == {"svg", "pdf", "png"}


def test_a_table_is_made_again_from_its_request(reproduced: Project) -> None:
    reproduced.run("report", "demo", "--format", "md,tex,csv,html,figures")
    reproduced.run("report", "demo", "--format", "csv")  # the other formats are still kept
    folder = reproduced.results / "tables" / "demo" / "demo" / "full"
    asked = request_file.read(folder / "request.json")
    assert asked.formats == ("md", "tex", "csv", "html", "figures")
    made = make_again(load(reproduced.folder, reproduced.env), asked)
    assert made.figure_data == asked.figure_data
    there = {name: (folder / name).read_bytes() if (folder / name).exists() else None for name in made.files}
    assert there == made.files  # None for a file that such a table has not
    assert sorted(name for name in made.files if "/" in name) == sorted(f"figures/{name}" for name in asked.figures)


def test_report_without_records_says_what_to_do(project: Project, one_error: Check) -> None:
    text = one_error(project.run("report", "demo"), 3)
    assert "no record of this table yet" in text
    assert "harness reproduce demo" in text


def test_an_unknown_format_is_told_before_anything_is_written(reproduced: Project, one_error: Check) -> None:
    text = one_error(reproduced.run("report", "demo", "--seeds", "42", "--format", "md,htm"), 2)
    assert (
        "unknown format 'htm' (did you mean 'html'" in text.replace("did you mean: ", "did you mean ") or "html" in text
    )
    assert not (reproduced.results / "tables" / "demo" / "demo" / "seeds=42").exists()


def test_any_two_systems_are_compared(reproduced: Project) -> None:
    done = reproduced.run("compare", "factorised/gbce", "factorised/ce-all", "--metrics", "HIT@10,MRR", "--wilcoxon")
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    for message in (
        "gbce (32 negatives, t 0.75) against ce-all",
        "p random.",
        "Wilcoxon: signed-rank test",
        "seeds:42,43,44",
        "MRR",
        "over these 2 tests",
    ):
        assert message in text
    assert "no claim of the paper" not in text
    filtered = ("--where", "dataset=Generated")  # of the artifact that has both, in any spelling
    floor = reproduced.run("compare", "factorised/gbce", "popularity", "--seeds", "42", *filtered)
    assert floor.returncode == 0
    assert "better by users only" in floor.stdout


def test_two_runs_are_compared_by_their_keys(reproduced: Project, one_error: Check) -> None:
    keys = sorted(path.name for path in (reproduced.results / "runs").iterdir())[:2]
    done = reproduced.run("compare", keys[0][:8], keys[1][:8])
    assert done.returncode == 0, done.stderr
    assert "users only" in done.stdout or "inconclusive" in done.stdout
    assert "is compared with itself" in one_error(reproduced.run("compare", keys[0], keys[0]), 2)
    assert "are one run" in one_error(reproduced.run("compare", keys[0], keys[0][:8]), 2)


def changed(folder: Path, threads: int, protocol: dict[str, str], **facts: object) -> str:
    """A copy of a record under a key of its own, with another protocol and other facts; its key."""
    content = json.loads((folder / "record.json").read_text())
    content["inputs"]["threads"] = threads
    content |= {"key": hashed(content["format"], content["inputs"]), **facts}
    content["protocol"] = {**content["protocol"], **protocol}
    copy = folder.parent / content["key"]
    shutil.copytree(folder, copy)
    with np.load(copy / "ranks-test.npz") as file:
        arrays = dict(file)
    arrays["protocol"] = np.array(json.dumps({**json.loads(str(arrays["protocol"])), **protocol}))
    np.savez_compressed(copy / "ranks-test.npz", **arrays)
    (copy / "record.json").write_text(json.dumps(content))
    return str(content["key"])


def test_single_runs_say_what_keeps_them_from_being_compared(reproduced: Project, one_error: Check) -> None:
    """Other protocols were compared without a word, marks were lost, and one training gave an unqualified "better"."""
    records = {p.parent: json.loads(p.read_text()) for p in (reproduced.results / "runs").glob("*/record.json")}
    folders = {r["system"]: folder for folder, r in records.items() if r["seed"] in (42, None)}
    first, second = folders["factorised/gbce"].name, folders["factorised/ce-all"]
    text = " ".join(reproduced.run("compare", first, second.name).stdout.split())
    assert "One seed: intervals and verdicts" in text
    floor = reproduced.run("compare", first, folders["popularity"].name)
    assert "better by users only" in " ".join(floor.stdout.split())
    copies = [
        changed(second, 91, {"seen": "zeroed"}, training={"moved": False, "nonfinite": 0}),
        changed(second, 92, {"ranking": "sampled"}),
    ]
    text = " ".join(reproduced.run("compare", first, copies[0]).stdout.split())
    assert "§ factorised/ce-all, seed 42: the weights never moved." in text
    assert "The runs differ in protocol, so a difference may come from it: seen excluded against zeroed." in text
    message = one_error(reproduced.run("compare", first, copies[1]), 2)
    assert "protocols differ: ranking full against sampled" in message
    for key in copies:
        shutil.rmtree(second.parent / key)


def test_mistakes_of_compare_are_told(reproduced: Project, one_error: Check) -> None:
    assert "did you mean 'factorised/gbce'" in one_error(
        reproduced.run("compare", "factorised/gbc", "factorised/bce"), 2
    )
    assert "unknown metric" in one_error(
        reproduced.run("compare", "factorised/gbce", "factorised/bce", "--metrics", "AUC"), 2
    )
    text = one_error(reproduced.run("compare", "factorised/gbce", "factorised/bce", "--seeds", "7"), 3)
    assert "no dataset on which both" in text

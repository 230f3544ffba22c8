"""`harness reproduce demo` as run by a user: end to end, resumed after kills, shared by two, stopped by Ctrl-C."""

from __future__ import annotations

import csv
import json
import random
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from golden import FILE as DIGITS
from golden import rank_digests
from projects import ROOT, Project, clean_env

from harness.core.process import marked

FILES = ("table.csv", "table-claims.csv")  # no times in them


def table(project: Project, variant: str = "full") -> dict[str, str]:
    """The parts of the written table that must not depend on how its runs came about."""
    folder = project.results / "tables" / "demo" / "demo" / variant
    return {name: (folder / name).read_text(encoding="utf-8") for name in FILES}


def left_running(project: Project) -> list[int]:
    """Processes of runs of this project that are still alive."""
    work = project.folder / ".cache" / "work"
    return [pid for run in work.glob("*") for pid in marked(f"{run.name}@{run}")]


@pytest.fixture(scope="module")
def golden() -> dict[str, str]:
    """The table that every machine must get."""
    folder = Path(__file__).parent.parent / "golden" / "demo"
    return {name: (folder / name).read_text(encoding="utf-8") for name in FILES}


def numbers(text: str) -> list[dict[str, str]]:
    """A CSV without the keys of its runs, which depend on the versions of NumPy and Python, and without our own."""
    return [
        {k: v for k, v in row.items() if k not in ("runs", "signature")} for row in csv.DictReader(text.splitlines())
    ]


def sample() -> list[str]:
    """The lines of README.md's sample of the output, without spacing."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```\n(\d of \d claims.*?)^```$", text, re.DOTALL | re.MULTILINE)
    lines = [" ".join(line.split()) for line in block.splitlines() if line.strip()]
    assert len(lines) > 8
    return lines


def test_whole_way_gives_the_same_numbers_on_every_machine(project: Project, golden: dict[str, str]) -> None:
    done = project.run("reproduce", "demo", "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert "6 of 6 claims supported" in done.stdout
    printed = {" ".join(line.split()) for line in done.stdout.splitlines()}
    assert [line for line in sample() if line not in printed] == []
    found = table(project)
    for name in FILES:
        assert numbers(found[name]) == numbers(golden[name])
    folder = project.results / "tables" / "demo" / "demo" / "full"
    assert {p.name for p in folder.iterdir()} >= {"table.md", "table.tex", *FILES}
    records = [json.loads(p.read_text()) for p in (project.results / "runs").glob("[0-9a-f]*/record.json")]
    seen = [r["training"] for r in records if r["seed"] is not None]
    assert seen == [{"moved": True, "nonfinite": 0}] * 12  # the demonstration looked at no training
    digits = json.loads(DIGITS.read_text(encoding="utf-8"))
    assert rank_digests(project.results) == digits["demo"]
    again = project.run("reproduce", "demo")
    assert again.returncode == 0
    assert "start" not in again.stderr
    assert table(project) == found


def test_finished_table_comes_again_in_two_seconds(project: Project) -> None:
    """Of the processor, which other programs on the machine do not change."""
    arguments = ("reproduce", "demo", "--profile", "quick", "--jobs", "2")
    project.run(*arguments)
    times = []
    for _ in range(3):
        before = processor_s()
        project.run(*arguments)
        times.append(processor_s() - before)
    assert min(times) < 2


def processor_s() -> float:
    """Seconds of the processor that this process's ended children took so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_killed_at_random_moments_ends_with_the_same_table(project: Project, tmp_path: Path) -> None:
    arguments = ("reproduce", "demo", "--profile", "quick", "--jobs", "2")
    calm = Project(project.folder, {**project.env, "HARNESS_RESULTS": str(tmp_path / "calm")})
    calm.run(*arguments)
    wanted = table(calm, "profile=quick")
    moments = random.Random(7)
    for _ in range(20):
        running = project.start(*arguments)
        time.sleep(moments.uniform(0.1, 1.5))
        running.kill()
        running.communicate()
    done = project.run(*arguments)
    assert done.returncode in (0, 1), done.stderr
    assert table(project, "profile=quick") == wanted
    assert not list((project.folder / ".cache" / "work").glob("*"))
    assert not list((project.results / "runs").glob(".*"))


def test_two_harnesses_on_one_store_share_the_runs(project: Project) -> None:
    arguments = ("reproduce", "demo", "--profile", "quick")
    both = [project.start(*arguments) for _ in range(2)]
    texts = [process.communicate(timeout=120)[1] for process in both]
    done = [line for text in texts for line in text.splitlines() if line.startswith("done")]
    assert len(done) == 13, "\n".join(texts)
    assert all(process.returncode in (0, 1) for process in both)


@pytest.mark.usefixtures("signals")
def test_interrupt_ends_all_processes_and_keeps_what_is_finished(project: Project) -> None:
    arguments = ("reproduce", "demo", "--jobs", "2")
    running = project.start(*arguments)
    deadline = time.monotonic() + 60
    while not list((project.results / "runs").glob("[0-9a-f]*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, error = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "interrupted" in error
    assert "Traceback" not in error
    assert not left_running(project)
    kept = {p.name for p in (project.results / "runs").glob("[0-9a-f]*")}
    assert kept
    project.run(*arguments, "--where", "loss=bce")
    assert kept <= {p.name for p in (project.results / "runs").glob("[0-9a-f]*")}


def test_dry_run_and_plan_tell_runs_and_reasons(project: Project) -> None:
    few = ("--where", "loss=bce", "--seeds", "42", "--profile", "quick")
    before = project.run("plan", "demo", *few)
    assert "never run" in before.stdout
    assert "2 runs, 0 finished, 2 to run" in before.stdout
    dry = project.run("reproduce", "demo", *few, "--dry-run")
    assert dry.returncode == 0
    assert not (project.results / "runs").exists()
    project.run("reproduce", "demo", *few)
    assert "2 runs, 2 finished, 0 to run" in project.run("plan", "demo", *few).stdout
    project.replace("patches/overlay/losses/in_numpy.py", "import numpy", "# a comment\nimport numpy")
    assert "2 runs, 2 finished, 0 to run" in project.run("plan", "demo", *few).stdout
    project.replace("patches/overlay/losses/in_numpy.py", "import numpy", "CONSTANT = 1\nimport numpy")
    after = project.run("plan", "demo", *few)
    assert "overlay losses/in_numpy.py changed" in after.stdout
    assert "2 runs, 1 finished, 1 to run" in after.stdout  # popularity does not load it


def test_a_header_of_a_patch_causes_no_rerun(project: Project) -> None:
    few = ("--where", "loss=bce", "--seeds", "42", "--profile", "quick")
    project.run("reproduce", "demo", *few)
    project.replace("patches/demo/0001-choose-the-loss.patch", "What: ", "What: In other words: ")
    assert "2 runs, 2 finished, 0 to run" in project.run("plan", "demo", *few).stdout


def test_status_and_runs_show(project: Project) -> None:
    few = ("--where", "loss=bce", "--seeds", "42", "--profile", "quick")
    project.run("reproduce", "demo", *few)
    status = project.run("status", "demo", *few)
    assert "2 finished" in status.stdout
    assert "5 (cap)" in status.stdout
    key = next(p.name for p in (project.results / "runs").glob("[0-9a-f]*") if record(p)["loss"] == "bce")
    shown = project.run("runs", "show", key[:8])
    assert key in shown.stdout
    assert "losses/in_numpy.py" in shown.stdout
    log = project.run("runs", "show", key[:8], "--log")
    assert "HIT@10" in log.stdout
    assert str(project.folder) not in log.stdout


def record(folder: Path) -> dict[str, object]:
    """record.json of a run folder."""
    found: dict[str, object] = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    return found


def test_records_hold_no_path_of_this_machine(project: Project) -> None:
    project.run("reproduce", "demo", "--where", "loss=bce", "--seeds", "42", "--profile", "quick")
    for path in (project.results / "runs").rglob("*"):
        if path.is_file():
            assert str(project.folder).encode() not in path.read_bytes(), path


def test_unpatched_and_patched_demo_print_the_same(project: Project, tmp_path: Path) -> None:
    from harness.upstreams import embedded

    project.run("reproduce", "demo", "--where", "loss=bce", "--seeds", "42", "--profile", "quick")
    (log,) = (p / "log.txt" for p in (project.results / "runs").iterdir() if record(p)["loss"] == "bce")
    bare = tmp_path / "bare"
    subprocess.run(["git", "clone", "-q", str(embedded.repository(tmp_path / "demo.git")), str(bare)], check=True)
    data = next((project.folder / ".cache" / "data").glob("*/data.txt"))
    words = [sys.executable, "train.py", "--data", str(data), "--out", str(tmp_path / "out"), "--seed", "42"]
    words += ["--epochs", "5", "--patience", "5"]
    done = subprocess.run(words, cwd=bare, env=clean_env(), capture_output=True, text=True, check=True)
    printed = [line for line in done.stdout.splitlines() if "HIT@10" in line]
    patched = [line for line in log.read_text(encoding="utf-8").splitlines() if "HIT@10" in line]
    assert printed
    assert printed == patched

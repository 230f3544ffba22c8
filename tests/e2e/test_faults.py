"""Bad input and a faulty environment: one message with a fix, the documented exit code, finished runs kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from projects import Project

from harness.core.process import marked

Check = Callable[[subprocess.CompletedProcess[str], int], str]
FEW = ("--where", "loss=bce", "--seeds", "42", "--profile", "quick")


def finished(project: Project) -> list[dict[str, object]]:
    """All records of a project."""
    paths = (project.results / "runs").glob("[0-9a-f]*/record.json")
    return [json.loads(p.read_text(encoding="utf-8")) for p in sorted(paths)]


def test_wrong_pin(project: Project, one_error: Check) -> None:
    demo = (project.folder / "harness.toml").read_text().partition("[upstreams.demo]")[2]
    commit = next(line for line in demo.splitlines() if line.startswith("commit"))
    project.replace("harness.toml", commit, 'commit = "0123456789012345678901234567890123456789"')
    message = one_error(project.run("reproduce", "demo", *FEW), 3)
    assert "0123456789012345678901234567890123456789" in message
    assert "fix:" in message


def test_patch_that_does_not_fit(project: Project, one_error: Check) -> None:
    path = project.folder / "patches" / "demo" / "0001-choose-the-loss.patch"
    line = next(line for line in path.read_text().splitlines() if line.startswith("index "))
    pre = line.split()[1].partition("..")[0]
    project.replace("patches/demo/0001-choose-the-loss.patch", pre, "f" * 40)
    message = one_error(project.run("reproduce", "demo", *FEW), 2)
    assert "0001-choose-the-loss.patch" in message
    assert "f" * 40 in message
    assert pre in message
    assert "fix:" in message


def test_dataset_with_another_hash(project: Project, one_error: Check) -> None:
    project.replace("recipes/data/demo.yaml", "6662a2d3", "00000000")
    message = one_error(project.run("reproduce", "demo", *FEW), 3)
    assert "data.txt" in message
    assert "6662a2d3" in message
    assert "fix" in message


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("--where", "model=factorized"), "factorised"),
        (("--where", "dataset=lastfm"), "generated"),
        (("--where", "modl=factorised"), "model"),
        (("--where", "factorised"), "name=value"),
        (("--seeds", "42,x"), "42,43,44"),
        (("--profile", "quik"), "quick"),
        (("--set", "patiense=3"), "patience"),
        (("--set", "patience=three"), "int"),
        (("--device", "tpu"), "cuda"),
        (("--executor", "dokcer"), "docker"),
        (("--gpus", "0"), "--executor docker"),
        (("--executor", "docker", "--gpus", "first"), "all, none"),
        (("--executor", "docker", "--gpus", "0"), "--device cpu"),
        (("--executor", "docker", "--environment", "venv"), "--executor local"),
        (("--executor", "docker", "--python", "python3"), "--executor local"),
    ],
)
def test_unknown_argument(project: Project, one_error: Check, arguments: tuple[str, ...], hint: str) -> None:
    message = one_error(project.run("reproduce", "demo", *arguments), 2)
    assert hint in message


def test_unknown_artifact(project: Project, one_error: Check) -> None:
    message = one_error(project.run("reproduce", "tabel2"), 2)
    assert "table2" in message


def test_missing_mirror(project: Project, one_error: Check, tmp_path: Path) -> None:
    env = {**project.env, "HARNESS_GIT_MIRROR": str(tmp_path / "nowhere" / "{name}.git")}
    there = Project(project.folder, env)
    message = one_error(there.run("reproduce", "table2", "--where", "dataset=lastfm"), 3)
    assert "HARNESS_GIT_MIRROR" in message
    assert "fix:" in message


def test_misspelt_mirror(project: Project, one_error: Check) -> None:
    there = Project(project.folder, {**project.env, "HARNESS_GIT_MIRROR": "/srv/{nam}.git"})
    assert "'name'" in one_error(there.run("reproduce", "table2", "--where", "dataset=lastfm"), 2)


def test_unreadable_configuration(project: Project, one_error: Check) -> None:
    project.replace("harness.toml", "[aliases]", "[aliases")
    assert "harness.toml" in one_error(project.run("reproduce", "demo"), 2)


def test_killed_child_is_kept_as_failed_and_retried_on_request(project: Project) -> None:
    few = ("--where", "loss=bce", "--seeds", "42", "--set", "epochs=2000", "--set", "patience=2000")
    running = project.start("reproduce", "demo", *few)
    child = await_child(project)
    os.kill(child, signal.SIGKILL)
    out, error = running.communicate(timeout=60)
    assert running.returncode == 4, error
    assert "killed by SIGKILL" in error
    assert "training: killed by SIGKILL" in out
    assert "Traceback" not in error
    failed = [r for r in finished(project) if r["status"] == "failed"]
    assert len(failed) == 1
    assert len(finished(project)) == 2
    again = project.run("reproduce", "demo", *few)
    assert again.returncode == 4
    assert "start" not in again.stderr
    retried = project.run("reproduce", "demo", *few, "--retry-failed", "--timeout", "0.2")
    assert retried.returncode == 4
    assert "timed out" in retried.stdout


def await_child(project: Project) -> int:
    """Process id of the training that is under way."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for run in (project.folder / ".cache" / "work").glob("*"):
            try:
                expected = (run / "events.jsonl").read_text(encoding="utf-8")
            except OSError:  # not started yet, or of a finished run, whose folder is removed
                continue
            if '"epoch"' in expected and (found := marked(f"{run.name}@{run}")):
                return found[0]
        time.sleep(0.02)
    raise AssertionError("no training began")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 kB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("no small file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_loses_nothing_finished(project: Project, one_error: Check, small_disk: Path) -> None:
    full = Project(project.folder, {**project.env, "HARNESS_RESULTS": str(small_disk)})
    (small_disk / "ballast").write_bytes(b"x" * 125_000)
    message = one_error(full.run("reproduce", "demo", *FEW), 3)
    assert "No space left" in message
    assert "finished runs are kept" in message
    (small_disk / "ballast").unlink()
    done = full.run("reproduce", "demo", *FEW)
    assert done.returncode in (0, 1), done.stderr
    assert "start   generated popularity" not in done.stderr, "a finished run was trained again"


def test_ignored_loss_option_fails_the_run(project: Project) -> None:
    project.replace("recipes/demo/demo.yaml", '--loss, "{loss}"', "--loss, bce")
    done = project.run("reproduce", "demo", "--where", "loss=ce-all|gbce", "--seeds", "42", "--profile", "quick")
    assert done.returncode == 4
    assert "asked for loss ce-all, the first batch was trained with bce" in done.stdout
    faults = [r["fault"] for r in finished(project) if r["status"] == "failed"]
    assert [f["kind"] for f in faults if isinstance(f, dict)] == ["patch", "patch"]


def test_broken_probe_is_flagged(project: Project) -> None:
    text = "return above.astype(np.int32), tied"
    project.replace("patches/overlay/probe.py", text, "return (above + 1).astype(np.int32), tied")
    done = project.run("reproduce", "demo", *FEW)
    assert done.returncode == 1
    assert "disagree with the ranks" in done.stderr
    flagged = [r for r in finished(project) if r["disagreements"]]
    assert [r["system"] for r in flagged] == ["factorised/bce"]


def test_missing_ranks_fail_the_run(project: Project) -> None:
    project.replace("patches/overlay/probe.py", 'with open(path + ".part", "wb") as file:', "return\n    if False:")
    done = project.run("reproduce", "demo", *FEW)
    assert done.returncode == 4
    assert "ranks-test.npz" in done.stdout


def test_a_module_that_no_key_names_fails_the_run_that_loads_it(project: Project) -> None:
    """Its name is put together, so the closure lacks it; the probe reports it all the same."""
    hidden = 'import numpy as np\n__import__("_".join(["harness", "overlay"]) + ".proof" + ".references")\n'
    project.replace("patches/overlay/popularity.py", "import numpy as np\n", hidden)
    done = project.run("reproduce", "demo", "--where", "system=popularity", "--profile", "quick")
    assert done.returncode == 4, done.stdout + done.stderr
    (record,) = finished(project)
    assert record["fault"]["kind"] == "patch"  # type: ignore[index]
    named = "loaded proof/references.py of the overlay, which its key does not cover"
    assert named in record["fault"]["reason"]  # type: ignore[index]


def test_a_changed_source_tree_is_made_anew(project: Project) -> None:
    project.run("reproduce", "demo", *FEW)
    (tree,) = (p for p in (project.folder / ".cache" / "trees").iterdir() if p.is_dir())
    (tree / "train.py").write_text("raise SystemExit('changed by hand')\n")
    done = project.run("reproduce", "demo", "--where", "loss=bce", "--seeds", "43", "--profile", "quick")
    assert done.returncode in (0, 1), done.stdout
    assert "changed by hand" not in (tree / "train.py").read_text()


def test_patch_tree_overwrites_nothing(project: Project, one_error: Check) -> None:
    """It once removed any folder that was a work tree of some repository."""
    tree = project.folder / "tree"
    assert project.run("patch", "tree", "demo", str(tree)).returncode == 0
    (tree / "mine.txt").write_text("work of a day")
    message = one_error(project.run("patch", "tree", "demo", str(tree)), 2)
    assert "not an empty folder" in message
    assert (tree / "mine.txt").read_text() == "work of a day"


def test_changed_data_in_the_cache_are_not_used(
    reproduced_few: tuple[Project, subprocess.CompletedProcess[str]],
) -> None:
    """Same size, other content: sizes alone once passed."""
    project, _ = reproduced_few
    (data,) = (project.folder / ".cache" / "data").glob("*/data.txt")
    whole = data.read_text()
    data.write_text(whole[::-1])
    done = project.run("reproduce", "demo", "--where", "loss=bce", "--seeds", "43", "--profile", "quick")
    assert done.returncode in (1, 3), done.stderr
    assert data.read_text() == whole or "sha256" in done.stderr.lower()


def test_cache_removed_while_a_run_goes_on_is_no_failure_of_the_run(project: Project) -> None:
    few = ("--where", "loss=bce", "--seeds", "42", "--set", "epochs=2000", "--set", "patience=2000")
    running = project.start("reproduce", "demo", *few)
    child = await_child(project)
    for path in (project.folder / ".cache" / "data").glob("*/data.txt"):
        path.unlink()
    os.kill(child, signal.SIGKILL)
    _, error = running.communicate(timeout=60)
    assert running.returncode == 3, error
    assert "changed while it ran" in error
    assert all(r["status"] == "finished" for r in finished(project))


@pytest.mark.usefixtures("signals")
def test_hang_up_ends_the_training(project: Project) -> None:
    """A closed terminal once left it running."""
    long = ("--set", "epochs=2000", "--set", "patience=2000")
    running = project.start("reproduce", "demo", "--where", "loss=bce", *long)
    child = await_child(project)
    running.send_signal(signal.SIGHUP)
    _, error = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in error
    assert not Path(f"/proc/{child}").exists()


def test_mistakes_of_a_recipe_are_told_before_any_training(project: Project, one_error: Check) -> None:
    project.replace("recipes/demo/demo.yaml", "metrics: [HIT@10, NDCG@10]", "metrics: [HITS@10]")
    done = project.run("reproduce", "demo", *FEW)
    assert "start" not in done.stderr
    assert "HIT@10" in one_error(done, 2)


def test_options_set_by_hand_are_said_above_the_table(project: Project) -> None:
    done = project.run("reproduce", "demo", "--where", "loss=bce", "--seeds", "42", "--set", "epochs=2")
    assert "OTHER OPTIONS THAN THE RECIPE'S: epochs 2 (recipe: 60)" in done.stdout


def test_one_seed_supports_no_claim(project: Project) -> None:
    done = project.run("reproduce", "demo", "--where", "loss=bce|gbce", "--seeds", "42")
    assert done.returncode == 1
    assert "0 of 2 claims supported (2 supported by users only)" in done.stdout


@pytest.mark.parametrize("key", ["/", "**x", "zz"])
def test_what_is_no_key(project: Project, one_error: Check, key: str) -> None:
    one_error(project.run("runs", "show", key), 2)

"""What the docker executor does beyond the contract of all executors: leftovers, GPUs, room, whose the files are."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import hostile
import pytest

from harness.core.config import load
from harness.core.errors import SetupError
from harness.executors import sandbox
from harness.executors.backends import DockerBackend
from harness.executors.base import Outcome, PreparedRun
from harness.executors.docker import DockerExecutor
from harness.executors.run_folder import RunFolder
from harness.executors.sandbox import LABEL, Limits
from harness.runs import data_generation

if TYPE_CHECKING:
    import docker

pytestmark = pytest.mark.docker
LIMITS = Limits(memory_mb=128, disk_mb=64, reserve_mb=1)
PYTHON = "/usr/bin/python3"
SLEEP = "import time; time.sleep(60)"
KILLED = """
import sys
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from harness.environments.container_engine import connect
from harness.executors.base import PreparedRun
from harness.executors.docker import DockerExecutor
from harness.executors.run_folder import RunFolder
from harness.executors.sandbox import Limits
folder = RunFolder(Path(sys.argv[1]))
folder.renew()
command = ("/usr/bin/python3", "-c", "import time; time.sleep(60)")
run = PreparedRun("k", "k", command, folder.path, {}, folder, "k@k", 60)
DockerExecutor(connect(), sys.argv[2], Limits(reserve_mb=1)).submit(run)
print("started", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def executor(engine: docker.DockerClient, base_image: str) -> DockerExecutor:
    return DockerExecutor(engine, base_image, LIMITS)


@pytest.fixture
def prepare(tmp_path: Path, engine: docker.DockerClient) -> Iterator[Callable[[str], PreparedRun]]:
    made: list[PreparedRun] = []

    def run(code: str) -> PreparedRun:
        folder = RunFolder(tmp_path / f"run{len(made)}")
        folder.renew()
        mark = f"{folder.path.name}@{folder.path}"
        made.append(PreparedRun("k", "k", (PYTHON, "-c", code), folder.path, {}, folder, mark, 60))
        return made[-1]

    yield run
    for prepared in made:
        sandbox.reap(engine, prepared.mark)


def ended(executor: DockerExecutor, run: PreparedRun) -> Outcome:
    handle = executor.submit(run)
    while (outcome := executor.poll(handle)) is None:
        time.sleep(0.02)
    return outcome


def marks(engine: docker.DockerClient) -> set[str]:
    """Marks of all our containers."""
    found = engine.api.containers(all=True, filters={"label": f"{LABEL}.run"})
    return {container["Labels"][f"{LABEL}.run"] for container in found}


def test_containers_of_a_dead_harness_go_and_those_of_a_living_one_stay(
    engine: docker.DockerClient, base_image: str, tmp_path: Path
) -> None:
    """kill -9 of the one; the other is asleep."""
    harnesses = []
    for name in ("dead", "alive"):
        code = KILLED.replace("k@k", f"{name}@{tmp_path}")
        words = [sys.executable, "-c", code, str(tmp_path / name), base_image, str(hostile.ROOT)]
        harnesses.append(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    for harness in harnesses:
        assert harness.stdout is not None
        assert harness.stdout.readline() == "started\n"
    mine = {f"{name}@{tmp_path}" for name in ("dead", "alive")}
    assert marks(engine) >= mine
    harnesses[0].kill()  # and not waited for: its number is still taken
    DockerExecutor(engine, base_image, LIMITS)
    assert marks(engine) & mine == {f"alive@{tmp_path}"}
    assert sandbox.reap(engine, f"alive@{tmp_path}") == []
    harnesses[1].kill()
    for harness in harnesses:
        harness.communicate()
    assert sandbox.reap(engine, f"alive@{tmp_path}") == [f"alive@{tmp_path}"]


def test_containers_of_another_machine_stay(engine: docker.DockerClient, base_image: str, tmp_path: Path) -> None:
    """Its harness may be running, which is not detectable here."""
    labels = {f"{LABEL}.run": f"far@{tmp_path}", f"{LABEL}.host": "elsewhere/pid:[1]", f"{LABEL}.process": "boot:1:1"}
    far = engine.containers.create(base_image, ["/bin/true"], labels=labels)
    try:
        DockerExecutor(engine, base_image, LIMITS)
        assert f"far@{tmp_path}" in marks(engine)
    finally:
        far.remove(force=True)


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="there may be a GPU here")
def test_a_gpu_that_is_not_there_is_told_and_leaves_no_container(
    engine: docker.DockerClient, base_image: str, prepare: Callable[[str], PreparedRun]
) -> None:
    run = prepare("")
    with pytest.raises(SetupError, match="NVIDIA's container toolkit"):
        DockerExecutor(engine, base_image, LIMITS, gpus="all").submit(run)
    assert run.mark not in marks(engine)


def test_an_image_that_is_not_there_is_told(engine: docker.DockerClient, prepare: Callable[[str], PreparedRun]) -> None:
    with pytest.raises(SetupError, match="no-such-image"):
        DockerExecutor(engine, "no-such-image:here", LIMITS).submit(prepare(""))


def test_an_interrupted_start_leaves_no_container(
    executor: DockerExecutor, engine: docker.DockerClient, prepare: Callable[[str], PreparedRun],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    run = prepare(SLEEP)
    monkeypatch.setattr(executor, "require", interrupted)
    with pytest.raises(KeyboardInterrupt):
        executor.submit(run)
    assert run.mark not in marks(engine)


def test_too_little_room_is_told_before_a_run(
    engine: docker.DockerClient, base_image: str, prepare: Callable[[str], PreparedRun]
) -> None:
    with pytest.raises(SetupError, match=r"less than 1000000000 MB of free disk space before it started"):
        DockerExecutor(engine, base_image, Limits(reserve_mb=10**9)).submit(prepare(""))


def test_a_run_ends_when_the_disk_runs_full(
    executor: DockerExecutor, prepare: Callable[[str], PreparedRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever filled it."""
    handle = executor.submit(prepare(SLEEP))
    full = SimpleNamespace(free=0)
    monkeypatch.setattr("harness.executors.docker.shutil.disk_usage", lambda _: full)
    while (outcome := executor.poll(handle)) is None:
        time.sleep(0.05)
    assert outcome.reason == "less than 1 MB of free disk space"
    assert outcome.seconds < 30


def test_a_run_is_somebody_without_rights_and_its_files_are_ours_afterwards(
    executor: DockerExecutor, prepare: Callable[[str], PreparedRun]
) -> None:
    code = "import os; print(os.getuid(), os.getgid(), open('/proc/self/status').read()); os.makedirs('a/b')"
    run = prepare(f"{code}; open('a/b/c', 'w').close()")
    assert ended(executor, run) == Outcome(0, pytest.approx(0, abs=30))
    uid, gid, status = run.folder.log.read_text().split(maxsplit=2)
    assert (int(uid), int(gid)) == sandbox.user()
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(facts["CapBnd"], 16) == int(facts["CapEff"], 16) == 0
    assert facts["NoNewPrivs"] == "1"
    assert {path.stat().st_uid for path in run.folder.path.rglob("*")} == {os.geteuid()}


def test_a_container_that_somebody_removes_is_a_failed_run(
    executor: DockerExecutor, engine: docker.DockerClient, prepare: Callable[[str], PreparedRun]
) -> None:
    handle = executor.submit(prepare(SLEEP))
    engine.api.remove_container(handle.container.id, force=True)
    while (outcome := executor.poll(handle)) is None:
        time.sleep(0.05)
    assert outcome.status != 0
    assert outcome.reason == "its container was removed by another program"


FEW = ("reproduce", "attacks", "--executor", "docker")


def began(project: hostile.Hostile, engine: docker.DockerClient, n: int = 1) -> list[str]:
    """Ids of the containers of a project, once there are n."""
    label = f"{LABEL}.project={project.folder / '.cache' / 'work'}"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = [c["Id"] for c in engine.api.containers(filters={"label": label})]
        if len(found) >= n:
            return found
        time.sleep(0.1)
    raise AssertionError("no container began")


def test_after_a_kill_the_next_start_removes_the_container_and_finishes(
    tmp_path: Path, engine: docker.DockerClient, container_settings: dict[str, str]
) -> None:
    """Files that the container wrote to its folder meanwhile are not its record."""
    project = hostile.make(tmp_path / "project", container_settings, ["forge"])
    running = project.start(*FEW)
    (first,) = began(project, engine)
    (work,) = (path for path in (project.folder / ".cache" / "work").iterdir() if path.is_dir())
    deadline = time.monotonic() + 60
    while not (work / "record.json").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    running.kill()
    running.communicate()
    assert first in began(project, engine), "a container is no child of the harness"
    done = project.run(*FEW, "--timeout", "3")
    assert done.returncode == 4, done.stderr
    assert "timed out after" in done.stdout
    left = [c["Id"] for c in engine.api.containers(all=True)]
    assert first not in left
    assert not list((project.folder / ".cache" / "work").iterdir())


@pytest.mark.usefixtures("signals")
def test_ctrl_c_returns_when_the_container_is_gone(
    tmp_path: Path, engine: docker.DockerClient, container_settings: dict[str, str]
) -> None:
    project = hostile.make(tmp_path / "project", container_settings, ["deaf"])
    running = project.start(*FEW)
    (first,) = began(project, engine)
    running.send_signal(signal.SIGINT)
    _, error = running.communicate(timeout=60)
    assert running.returncode == 130, error
    assert "Traceback" not in error
    assert first not in [c["Id"] for c in engine.api.containers(all=True)]


def test_a_plan_asks_no_engine_and_a_run_says_that_none_answers(
    tmp_path: Path, container_settings: dict[str, str]
) -> None:
    project = hostile.make(tmp_path / "project", container_settings, ["deaf"])
    project.env["DOCKER_HOST"] = f"unix://{tmp_path}/nowhere.sock"
    planned = project.run("plan", "attacks", "--executor", "docker")
    assert planned.returncode == 0, planned.stderr
    assert "image seqrec-harness/numpy:" in planned.stdout
    done = project.run(*FEW)
    assert done.returncode == 3
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def inside(tmp_path: Path, container_settings: dict[str, str]) -> DockerBackend:
    """The surroundings of a project, with its image."""
    project = hostile.make(tmp_path / "project", container_settings, ["deaf"])
    return DockerBackend(load(project.folder, project.env), "numpy", "cpu", "none", threads=1)


def test_data_are_generated_in_a_container(tmp_path: Path, inside: DockerBackend) -> None:
    tree = tmp_path / "tree"
    tree.mkdir(mode=0o755)
    code = "import os, sys; open(sys.argv[1] + '/data.txt', 'w').write(os.getcwd() + ' ' + __file__)"
    (tree / "generate.py").write_text(code)
    files = [SimpleNamespace(name="data.txt", has_place=False), SimpleNamespace(name="given", has_place=True)]
    dataset: Any = SimpleNamespace(name="made", generate=["python", "generate.py", "{data}"], files=files)

    def generate() -> dict[str, bytes]:
        return data_generation.generate(dataset, lambda name: f"{name} as it lies elsewhere".encode(), tree, inside, 60)

    assert generate() == {"data.txt": b"/harness/source /harness/source/generate.py"}
    (tree / "generate.py").write_text("import os, sys; os.rename(sys.argv[1] + '/given', sys.argv[1] + '/data.txt')")
    assert generate() == {"data.txt": b"given as it lies elsewhere"}
    (tree / "generate.py").write_text("import os, sys; os.symlink('/etc/passwd', sys.argv[1] + '/data.txt')")
    with pytest.raises(SetupError, match=r"left 'out/data\.txt', a link"):
        generate()
    (tree / "generate.py").write_text("raise SystemExit('no data today')")
    with pytest.raises(SetupError, match=r"status 1\n    no data today"):
        generate()

"""A hostile upstream in containers: each attack is contained, classified and recorded, and the machine is unharmed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hostile
import pytest
from hostile import Hostile

from harness.environments.container_engine import describe
from harness.executors.sandbox import LABEL

if TYPE_CHECKING:
    import docker

pytestmark = [pytest.mark.docker]
MB = 1 << 20
SLACK_MB = 4096  # of this machine, which others use meanwhile; without its limit the attack takes all there is
REASONS = {
    "network": "ended with status 7",
    "files": "ended with status 7",
    "upwards": "ended with status 7",
    "temporary": "ended with status 7",
    "links": "left 'events.jsonl', a link and 4 more: only plain files are accepted",
    "events": "left 'ranks-test.npz', a folder: only plain files are accepted",
    "forks": "with 40 processes, its limit",
    "memory": "out of memory: its limit is 96 MB",
    "child_memory": "out of memory: its limit is 96 MB",
    "disk": "wrote more than 64 MB",
    "one_file": "wrote more than 64 MB",
    "chatter": "wrote more than 64 MB",
    "nest": "made folders nested too deep",
    "deaf": "timed out after",
}


@dataclass
class Watch:
    """What the attacks do to this machine while they go on.

    Attributes:
        least_memory_mb, most_processes: seen since its start; processes are those of the containers.
    """

    engine: docker.DockerClient
    folder: Path
    memory_mb: int
    least_memory_mb: int
    most_processes: int = 0
    largest_mb: int = 0

    def look(self, over: threading.Event) -> None:
        while not over.wait(0.2):
            self.least_memory_mb = min(self.least_memory_mb, available_mb())
            self.most_processes = max(self.most_processes, n_processes(self.engine, self.folder))
            with contextlib.suppress(RecursionError, OSError):  # endlessly nested folders are one of the attacks
                self.largest_mb = max(self.largest_mb, used_mb(self.folder))


def available_mb() -> int:
    """Memory that this machine has left."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) // 1024


def containers(engine: docker.DockerClient, work: Path) -> list[str]:
    """Ids of all containers of a project, running or not."""
    found = engine.api.containers(all=True, filters={"label": f"{LABEL}.project={work}"})
    return [container["Id"] for container in found]


def n_processes(engine: docker.DockerClient, work: Path) -> int:
    """How many processes of this machine belong to containers of a project."""
    ids, found = containers(engine, work), 0
    for path in Path("/proc").glob("[0-9]*/cgroup"):
        with contextlib.suppress(OSError):
            text = path.read_text()
            found += any(name in text for name in ids)
    return found


def used_mb(folder: Path) -> int:
    """What a folder takes on the disk, by names that may vanish meanwhile."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(where, name)).st_blocks * 512
            except OSError:
                continue
    return total // MB


def contents(folder: Path) -> dict[str, str]:
    """Hash of every plain file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@dataclass(frozen=True)
class Attacked:
    """A project after all attacks."""

    project: Hostile
    watch: Watch
    records: dict[str, dict[str, Any]]
    before: dict[str, str]
    text: str
    seconds: float

    def log(self, attack: str) -> str:
        return (self.project.runs / self.records[attack]["key"] / "log.txt").read_text()


@pytest.fixture(scope="module")
def attacked(
    tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient, container_settings: dict[str, str]
) -> Attacked:
    """All attacks at once, two at a time."""
    project = hostile.make(tmp_path_factory.mktemp("hostile") / "project", container_settings, list(REASONS))
    built = project.run("images", "build", "numpy", timeout=600)
    assert built.returncode == 0, built.stderr
    before = contents(project.folder.parent)
    work = project.folder / ".cache" / "work"
    watch = Watch(engine, work, available_mb(), available_mb())
    over = threading.Event()
    looker = threading.Thread(target=watch.look, args=(over,))
    looker.start()
    start = time.monotonic()
    done = project.run("reproduce", "attacks", "--executor", "docker", "--jobs", "2", "--timeout", "8")
    seconds = time.monotonic() - start
    over.set()
    looker.join()
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    paths = project.runs.glob("*/record.json")
    records = {r["system"]: r for r in (json.loads(path.read_text()) for path in paths)}
    return Attacked(project, watch, records, before, done.stdout + done.stderr, seconds)


@pytest.mark.parametrize("attack", REASONS)
def test_an_attack_is_told_in_its_record(attacked: Attacked, attack: str) -> None:
    record = attacked.records[attack]
    if attack == "child_memory" and describe(attacked.watch.engine).podman:
        assert record["fault"]["reason"] == "ended with status 3", "Podman does not tell that a child was killed"
        return
    assert record["status"] == "failed"
    assert record["fault"]["kind"] == "training"
    assert REASONS[attack] in record["fault"]["reason"], attacked.log(attack)[-2000:]


@pytest.mark.parametrize("attack", ["network", "files", "upwards", "temporary"])
def test_all_that_an_attack_tried_was_refused(attacked: Attacked, attack: str) -> None:
    log = attacked.log(attack)
    assert "ESCAPED" not in log
    assert log.count("refused: ") >= {"network": 6, "files": 17, "upwards": 4, "temporary": 1}[attack]


def test_nothing_of_this_machine_came_into_a_record(attacked: Attacked) -> None:
    for path in attacked.project.runs.rglob("*"):
        assert not path.is_symlink(), path
        if path.is_file():
            assert b"secret of the host" not in path.read_bytes(), path
            assert str(attacked.project.folder).encode() not in path.read_bytes(), path
    left = {p.name for p in (attacked.project.runs / attacked.records["links"]["key"]).iterdir()}
    assert left == {"record.json", "log.txt"}


def test_no_file_of_this_machine_was_changed(attacked: Attacked) -> None:
    after = contents(attacked.project.folder.parent)
    assert {name: after.get(name) for name in attacked.before} == attacked.before
    assert not [name for name in after if "escape" in name or "sitecustomize" in name]
    source = attacked.project.folder.parent / "upstream" / "attacks.py"
    (tree,) = attacked.project.folder.glob(".cache/trees/*/attacks.py")
    assert tree.read_bytes() == source.read_bytes()
    assert not list((attacked.project.folder / ".cache" / "work").iterdir())


def test_the_machine_kept_its_processes_memory_and_disk(attacked: Attacked) -> None:
    watch = attacked.watch
    assert 3 < watch.most_processes <= 2 * int(hostile.LIMITS["PROCESSES"])
    assert watch.memory_mb - watch.least_memory_mb < 2 * int(hostile.LIMITS["MEMORY_MB"]) + SLACK_MB
    assert watch.largest_mb < 1000, "a second of writing beyond the limit is a second too much"
    assert used_mb(attacked.project.folder) < 100


def test_no_container_is_left(attacked: Attacked, engine: docker.DockerClient) -> None:
    assert containers(engine, attacked.watch.folder) == []


def test_the_log_of_a_chatterer_has_an_end(attacked: Attacked) -> None:
    size = (attacked.project.runs / attacked.records["chatter"]["key"] / "log.txt").stat().st_size
    assert size <= 65 * MB


def test_what_no_probe_writes_does_no_harm(attacked: Attacked) -> None:
    """The harness went on after it, and kept what can be kept."""
    record = attacked.records["events"]
    assert record["printed"] in (None, {"HIT@10": "0.5", "x": "None"})
    assert record["network"] is None

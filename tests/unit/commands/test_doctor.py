"""Results of `harness doctor`: real Git, disk and pip, substitute programs for missing hardware."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from made_wheels import wheel
from rich.console import Console

from harness.cli.doctor import row
from harness.commands import doctor
from harness.commands.doctor import containers, gpu, machine, network
from harness.commands.doctor.check import DoctorRequest, Line
from harness.core.config import Config, load
from harness.core.process import alive
from harness.environments.container_engine import Engine

TOML = """
[environments.torch]
kind = "venv"
locks = { cpu = "cpu.lock", cuda = "gpu.lock" }
size_mb = 1
[upstreams.toy]
url = "https://host.invalid/owner/toy"
commit = "COMMIT"
code = []
[upstreams.inside]
url = "embedded:demo"
commit = "0000000000000000000000000000000000000000"
code = []
[releases.weights]
url = "https://host.invalid/owner/missing"
commit = "0000000000000000000000000000000000000000"
[images]
base = "base:1"
"""
SMI = """\
+------------------------------------------------------------------------------+
| NVIDIA-SMI 570.00    Driver Version: 570.00    CUDA Version: {cuda}            |
"""


def git(folder: Path, *words: str) -> str:
    settings = ["-c", "user.name=x", "-c", "user.email=x@x.invalid"]
    return subprocess.run(["git", *settings, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A project whose one upstream has a mirror, whose release has none, with a folder of programs first on PATH."""
    mirror = tmp_path / "mirrors" / "owner" / "toy"
    mirror.mkdir(parents=True)
    git(mirror, "init", "--quiet")
    git(mirror, "commit", "--quiet", "--allow-empty", "-m", "first")
    root = tmp_path / "project"
    (root / "dockerfiles").mkdir(parents=True)
    (root / "harness.toml").write_text(TOML.replace("COMMIT", git(mirror, "rev-parse", "HEAD").strip()))
    (root / "cpu.lock").write_text(wheel(tmp_path / "wheels"))
    (root / "gpu.lock").write_text("nvidia-cuda-runtime==13.0.96 ; sys_platform == 'linux' \\\n    --hash=sha256:00\n")
    (tmp_path / "bin").mkdir()
    env = {
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HARNESS_GIT_MIRROR": f"{tmp_path}/mirrors/{{owner}}/{{name}}",
        "HOME": str(tmp_path),
    }
    return load(root, env)


@pytest.fixture
def asked(config: Config, tmp_path: Path) -> DoctorRequest:
    (tmp_path / "scratch").mkdir()
    return DoctorRequest(config, "local", "cpu", tmp_path / "scratch")


def program(config: Config, name: str, text: str) -> None:
    """Put a program first on the PATH."""
    path = Path(config.base_env["PATH"].split(os.pathsep)[0]) / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def one(found: object) -> Line:
    (line,) = found  # type: ignore[misc]
    assert isinstance(line, Line)
    return line


def test_a_line_says_whether_anybody_needs_what_does_not_work() -> None:
    assert [Line("x", works, "", needed=needed).state for works, needed in ((1, 1), (1, 0), (0, 1), (0, 0))] == [
        "works", "works", "broken", "not needed",
    ]  # fmt: skip


def test_this_machine_s_python_and_git_work(asked: DoctorRequest) -> None:
    assert one(machine.python(asked)).found.startswith("3.")
    assert one(machine.git(asked)).works


def test_an_old_git_and_a_missing_one_are_told(asked: DoctorRequest) -> None:
    program(asked.config, "git", "echo git version 2.20.1")
    line = one(machine.git(asked))
    assert (line.state, line.found) == ("broken", "2.20.1 is too old")
    assert "2.30" in line.fix
    asked.config.base_env["PATH"] = "/nowhere"
    assert one(machine.git(asked)).state == "broken"


def test_folders_tell_their_room(asked: DoctorRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    (asked.config.cache / "clones").mkdir(parents=True)
    (asked.config.cache / "clones" / "pack").write_bytes(b"x" * 3_000_000)
    results, cache = machine.folders(asked)
    assert (results.works, cache.works) == (True, True)
    assert "holds 3 MB" in cache.found
    assert machine.missing_bytes(asked) == 1_000_000
    monkeypatch.setattr(machine, "SPARE", 10**18)
    results, cache = machine.folders(asked)
    assert cache.state == "broken"
    assert "1,000,000,000.0 GB needed" in cache.found
    assert "HARNESS_CACHE" in cache.fix


def test_a_folder_that_cannot_be_written_is_told(asked: DoctorRequest, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    config = asked.config.model_copy(update={"results": tmp_path / "file" / "results"})
    lines = {line.subject: line for line in doctor.examine(config, limit_s=60)}
    assert lines["results and cache"].state == "broken"
    assert "cannot write" in lines["results and cache"].found


def test_a_pin_in_a_mirror_works_and_a_missing_release_is_not_needed(asked: DoctorRequest) -> None:
    assert set(network.origins(asked.config)) == {"upstream toy", "release weights"}
    line = one(network.origin(asked, "upstream toy"))
    assert (line.state, "in the mirror" in line.found) == ("works", True)
    line = one(network.origin(asked, "release weights"))
    assert line.state == "not needed"
    assert "no mirror of weights" in line.found
    assert "mirror it there" in line.fix


def test_a_mirror_without_the_pin_is_told(asked: DoctorRequest, tmp_path: Path) -> None:
    git(tmp_path / "mirrors" / "owner" / "toy", "update-ref", "-d", "HEAD")
    git(tmp_path / "mirrors" / "owner" / "toy", "reflog", "expire", "--expire=now", "--all")
    git(tmp_path / "mirrors" / "owner" / "toy", "gc", "--quiet", "--prune=now")
    assert one(network.origin(asked, "upstream toy")).state == "broken"


def test_an_index_is_asked_with_pip_s_own_settings(asked: DoctorRequest, tmp_path: Path) -> None:
    wheel(tmp_path / "index", name="numpy", version="9.9.9")
    found = ("--no-index", "--find-links", str(tmp_path / "index"))
    line = one(
        network.index(DoctorRequest(asked.config.model_copy(update={"pip_args": found}), "local", "cpu", tmp_path))
    )
    assert (line.state, "9.9.9" in line.found, "for environment torch" in line.found) == ("works", True, True)


def test_an_index_that_does_not_answer_is_told_and_needed_only_while_something_is_to_be_made(
    asked: DoctorRequest, tmp_path: Path
) -> None:
    config = asked.config.model_copy(update={"pip_args": ("--no-index", "--find-links", str(tmp_path / "empty"))})
    line = one(network.index(DoctorRequest(config, "local", "cpu", tmp_path)))
    assert line.state == "broken"
    assert "No matching distribution found for numpy" in line.found
    assert one(network.index(DoctorRequest(config, "docker", "cpu", tmp_path))).state == "not needed"


def test_a_gpu_is_held_against_the_cuda_of_the_lock(asked: DoctorRequest) -> None:
    text = SMI.format(cuda="12.8")
    program(
        asked.config,
        "nvidia-smi",
        f"case \"$*\" in *query*) echo 'Fast GPU, 570.00, 81559 MiB';; *) echo '{text}';; esac",
    )
    card, driver = gpu.gpus(asked)
    assert (card.state, card.found) == ("works", "Fast GPU, 570.00, 81559 MiB")
    assert driver.state == "not needed"
    assert driver.found == "driver for CUDA 12.8; torch brings 13.0"
    assert "CUDA 13 or newer" in driver.fix


@pytest.mark.parametrize(
    ("has", "works", "fix"),
    [("13.0", True, ""), ("13.1", True, ""), ("14.0", True, ""), ("12.9", False, "CUDA 13"), ("", False, "nvidia-smi")],
)
def test_a_driver_serves_libraries_of_its_major_version_and_older_ones(has: str, works: bool, fix: str) -> None:
    line = gpu.driver(has, {"torch": "13.0"}, needed=True)
    assert (line.works, fix in line.fix) == (works, True)


def test_a_driver_of_an_older_minor_version_serves_with_a_caution() -> None:
    line = gpu.driver("12.4", {"tensorflow": "12.8", "old": "11.8"}, needed=True)
    assert (line.works, "tensorflow" in line.fix) == (True, True)


@pytest.mark.parametrize(
    ("lock", "cuda"),
    [
        ("nvidia-cuda-runtime==13.0.96 ; x \\", "13.0"),
        ("numpy==2\nnvidia-cuda-runtime-cu12==12.5.82 \\", "12.5"),
        ("torch==2.13.0+cpu", ""),
    ],
)
def test_a_lock_names_its_cuda(lock: str, cuda: str) -> None:
    assert gpu.lock_cuda(lock) == cuda


def test_without_a_gpu_the_line_says_so_and_is_needed_only_when_asked_for(asked: DoctorRequest) -> None:
    asked.config.base_env["PATH"] = "/nowhere"
    assert one(gpu.gpus(asked)).state == "not needed"
    assert one(gpu.gpus(DoctorRequest(asked.config, "local", "cuda", asked.scratch))).state == "broken"


INFO = {"MemoryLimit": True, "SwapLimit": True, "CpuCfsQuota": True, "PidsLimit": True, "CgroupVersion": "2"}


def test_limits_that_the_engine_cannot_hold_are_told() -> None:
    assert containers.limits(INFO, needed=True).found == "memory, swap, processors, processes (cgroup v2)"
    line = containers.limits({**INFO, "SwapLimit": False, "PidsLimit": False}, needed=True)
    assert (line.state, line.found) == ("broken", "cannot limit swap, processes (cgroup v2)")
    assert "delegation" in line.fix


def test_the_engine_s_disk_is_looked_at_where_it_is_here(asked: DoctorRequest, tmp_path: Path) -> None:
    assert "free" in containers.room(asked, {"DockerRootDir": str(tmp_path)}).found
    assert "not on this machine" in containers.room(asked, {"DockerRootDir": "/nowhere/at/all"}).found


def test_gpus_reach_containers_by_a_runtime_or_a_device() -> None:
    assert not containers.gpu_runtime({"Runtimes": {"runc": {}}}, needed=True).works
    assert containers.gpu_runtime({"Runtimes": {"nvidia": {}}}, needed=True).found == "by nvidia"
    device = {"DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}]}
    assert containers.gpu_runtime(device, needed=True).found == "by nvidia.com/gpu=0"


def test_an_engine_is_described() -> None:
    about = Engine("Podman 4.3.1", podman=True, rootless=True)
    said = containers.described(about, {"ApiVersion": "1.41"}, {"Driver": "overlay", "OperatingSystem": "debian"})
    assert said == "Podman 4.3.1, API 1.41, overlay on debian, rootless, tested less than Docker"


def test_an_engine_that_is_not_there_is_needed_only_by_its_executor(asked: DoctorRequest, tmp_path: Path) -> None:
    docker = asked.config.docker.model_copy(update={"address": f"unix://{tmp_path}/nothing.sock"})
    config = asked.config.model_copy(update={"docker": docker})
    line = one(containers.containers(DoctorRequest(config, "local", "cpu", tmp_path)))
    assert (line.state, "does not answer" in line.found, "DOCKER_HOST" in line.fix) == ("not needed", True, True)
    assert one(containers.containers(DoctorRequest(config, "docker", "cpu", tmp_path))).state == "broken"


def test_a_check_that_hangs_is_left_behind(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(machine, "git", lambda _: [Line("Git", never.wait(60), "late")])
    started = time.monotonic()
    lines = {line.subject: line for line in doctor.examine(config, limit_s=3)}
    assert time.monotonic() - started < 10
    assert (lines["Git"].state, lines["Git"].found) == ("broken", "no answer within 3 s")
    assert "Python" in lines
    never.set()


def test_a_program_that_hangs_is_ended_with_what_it_started(
    asked: DoctorRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "CHECK_S", 0.3)
    program(asked.config, "git", f"sleep 67.125 & echo $! > {asked.scratch}/pid; wait")
    assert one(machine.git(asked)).found == "no answer within 0.3 s"
    pid = int((asked.scratch / "pid").read_text())
    deadline = time.monotonic() + 5
    while alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_lines_fold_beside_their_subject_at_80_columns() -> None:
    out = Console(width=80, highlight=False)
    line = Line("container engine", False, "word " * 30, "do " * 40)
    rows = row(out, line).plain.splitlines()
    assert rows[0].startswith("broken      container engine        word")
    assert all(len(text) <= 80 and text == text.rstrip() for text in rows)
    assert all(text.startswith(" " * 36) for text in rows[1:])
    assert sum("→" in text for text in rows) == 1


def harness(config: Config, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The console command in the project."""
    root = Path(__file__).resolve().parents[3]
    variables = {"PATH": config.base_env["PATH"], "HOME": config.base_env["HOME"], "PYTHONPATH": str(root), **env}
    return subprocess.run(
        [sys.executable, "-m", "harness", "doctor", *words],
        cwd=config.root,
        env=variables,
        capture_output=True,
        text=True,
    )


def test_the_command_ends_with_0_only_if_all_that_is_needed_works(config: Config, tmp_path: Path) -> None:
    wheel(tmp_path / "index", name="numpy", version="9.9.9")
    env = {
        "HARNESS_GIT_MIRROR": config.git_mirror or "",
        "HARNESS_PIP_ARGS": f"--no-index --find-links {tmp_path / 'index'}",
        "DOCKER_HOST": f"unix://{tmp_path}/nothing.sock",
    }
    done = harness(config, **env)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("All requirements of --executor local --device cpu are met.\n")
    done = harness(config, "--executor", "docker", **env)
    assert done.returncode == 3
    assert "not met: container engine" in done.stderr
    done = harness(config, "--executor", "dokcer", **env)
    assert (done.returncode, "did you mean 'docker'" in done.stderr) == (2, True)


def test_a_long_name_keeps_its_distance() -> None:
    line = Line("release a-very-long-name-indeed", False, "word", "")
    assert "indeed word" in row(Console(width=80), line).plain

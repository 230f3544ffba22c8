"""What a container is asked to be, without any engine: places, limits, whose it is, what ended it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.core.errors import SetupError
from harness.core.process import as_signal, identity_of, lives, machine_identity, own_identity
from harness.environments.container_engine import Engine
from harness.executors import sandbox
from harness.executors.base import PreparedRun
from harness.executors.docker import DockerExecutor, keep_log
from harness.executors.run_folder import RunFolder
from harness.executors.sandbox import MB, NOBODY, Limits, options, places, translated

DOCKER = Engine("Docker 20.10", podman=False, rootless=False)
PODMAN = Engine("Podman 4.3", podman=True, rootless=False)


@pytest.fixture
def run(tmp_path: Path) -> PreparedRun:
    """A run whose data lie below its source by name, and whose source has the data's name as a beginning."""
    folder = RunFolder(tmp_path / "work" / "key")
    folder.renew()
    folder.log.touch()
    reads = {"source": tmp_path / "tree", "data": tmp_path / "tree" / "data", "loss": tmp_path / "tree-2"}
    env = {"HARNESS_PROBE_DIR": str(folder.path), "PYTHONPATH": f"{tmp_path}/tree:{tmp_path}/tree-2"}
    command = ("/opt/python", "train.py", f"--data={tmp_path}/tree/data/x.txt", f"--out={folder.out}/")
    return PreparedRun("key", "a run", command, reads["source"], env, folder, "key@there", 1, reads)


def asked(run: PreparedRun, gpus: str = "none", which: Engine = DOCKER, **limits: Any) -> dict[str, Any]:
    return options(run, "image", Limits(**limits), gpus, which)


def test_places_of_this_machine_become_those_of_the_container(run: PreparedRun) -> None:
    found = asked(run)
    assert found["entrypoint"][:4] == ["/bin/sh", "-c", 'exec "$@" 2>&1', "sh"]
    assert found["entrypoint"][4:] == [
        "/opt/python", "train.py", "--data=/harness/data/x.txt", "--out=/harness/run/out/"
    ]  # fmt: skip
    assert found["working_dir"] == "/harness/source"
    assert found["environment"]["HARNESS_PROBE_DIR"] == "/harness/run"
    assert found["environment"]["PYTHONPATH"] == "/harness/source:/harness/loss"


@pytest.mark.parametrize("rest", ["2", "-old", ".bak", "_x"])
def test_a_longer_name_is_another_place(run: PreparedRun, rest: str) -> None:
    text = f"{run.reads['data']}{rest}"
    assert translated(text, {run.reads["data"]: "/harness/data"}) == text


def test_what_was_put_in_is_not_replaced_again() -> None:
    assert translated("/a/b", {Path("/a"): "/harness/run", Path("/harness"): "/x"}) == "/harness/run/b"


def test_only_its_own_folder_can_be_written_and_its_log_not_even_there(run: PreparedRun) -> None:
    run.folder.loss.write_text("def loss(): ...")
    found = {mount["Target"]: mount["ReadOnly"] for mount in asked(run)["mounts"]}
    writable = [place for place, read_only in found.items() if not read_only]
    assert writable == ["/harness/run"]
    assert set(found) == {*places(run.folder, run.reads).values(), "/harness/run/log.txt", "/harness/run/loss.py"}


def test_a_run_has_no_rights_no_network_and_limits(run: PreparedRun) -> None:
    found = asked(run, memory_mb=100, processes=10, disk_mb=5, tmp_mb=3, shm_mb=2, cpus=1.5)
    assert found["network_mode"] == "none"
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges"]
    assert found["read_only"]
    assert found["mem_limit"] == found["memswap_limit"] == 100 * MB
    assert (found["pids_limit"], found["nano_cpus"], found["shm_size"]) == (10, 1_500_000_000, 2 * MB)
    assert "size=3m" in found["tmpfs"]["/tmp"]
    assert {limit["Name"]: limit["Hard"] for limit in found["ulimits"]} == {"fsize": 5 * MB, "core": 0}
    assert found["log_config"]["Type"] == "none"
    assert not {"privileged", "devices", "pid_mode", "ipc_mode", "userns_mode", "cap_add"} & set(found)


@pytest.mark.parametrize(("uid", "gid", "shown"), [(0, 0, (NOBODY, NOBODY)), (1000, 100, (1000, 100))])
def test_a_run_is_the_caller_s_and_never_root(
    monkeypatch: pytest.MonkeyPatch, uid: int, gid: int, shown: tuple[int, int]
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: uid)
    monkeypatch.setattr(os, "getgid", lambda: gid)
    assert sandbox.user() == shown


def test_podman_gets_a_first_process_and_limits_of_its_own(run: PreparedRun) -> None:
    found = asked(run, which=PODMAN)
    assert found["entrypoint"][:3] == ["/bin/sh", "-c", '"$@" 2>&1; exit $?']
    assert not found["init"]
    assert {limit["Name"] for limit in found["ulimits"]} == {"fsize", "core", "nofile", "nproc"}


def test_an_engine_without_root_is_refused(run: PreparedRun) -> None:
    with pytest.raises(SetupError, match="is rootless"):
        asked(run, which=Engine("Docker 27", podman=False, rootless=True))


@pytest.mark.parametrize(
    ("gpus", "requested", "variables"),
    [
        ("none", [], {"NVIDIA_VISIBLE_DEVICES": "void"}),
        ("all", [(-1, [])], {}),
        ("0,2", [(0, ["0", "2"])], {}),
    ],
)
def test_gpus(run: PreparedRun, gpus: str, requested: list[Any], variables: dict[str, str]) -> None:
    found = asked(run, gpus)
    assert [(r["Count"], r["DeviceIDs"]) for r in found["device_requests"]] == requested
    assert variables.items() <= found["environment"].items()
    assert ("NVIDIA_VISIBLE_DEVICES" in found["environment"]) == (gpus == "none")


def test_podman_would_forget_the_gpus(run: PreparedRun) -> None:
    with pytest.raises(SetupError, match="does not support GPUs"):
        asked(run, "all", PODMAN)


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_a_process_is_known_after_its_number_was_given_away() -> None:
    assert lives(own_identity())
    boot, number, start = own_identity().split(":")
    assert not lives(f"{boot}:{number}:{int(start) - 1}")
    assert not lives(f"another boot:{number}:{start}")
    assert not lives(f"{boot}:{2**22 + 1}:{start}")
    assert not lives("")
    assert identity_of(1) != own_identity()


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="becomes another user")
def test_a_living_process_of_another_user_lives_and_is_not_ours_to_judge() -> None:
    """Signalling it is forbidden, which once passed for its death: its container was removed under it."""
    code = "import sys; from harness.core.process import *; print(lives(sys.argv[1]), machine_identity())"
    root = str(Path(sandbox.__file__).parents[2])
    environment = {"PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"}
    words = ["/usr/bin/python3", "-c", code, own_identity()]
    done = subprocess.run(words, user=4321, env=environment, capture_output=True, text=True, cwd="/")
    if "Permission" in done.stderr or "ModuleNotFound" in done.stderr:
        pytest.skip("another user cannot read this project")
    assert done.stdout.split()[0] == "True", done.stderr
    assert done.stdout.split()[1] != machine_identity()


def test_a_process_that_nobody_waited_for_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    identity = identity_of(child.pid)
    assert child.stdout is not None
    child.stdout.read()
    deadline = time.monotonic() + 10
    while lives(identity) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not lives(identity)
    child.communicate()


def test_labels_say_whose_a_container_is(run: PreparedRun) -> None:
    found = sandbox.labels(run)
    assert found["seqrec-harness.run"] == run.mark
    assert found["seqrec-harness.process"] == own_identity()
    assert found["seqrec-harness.host"].startswith(platform.node())
    assert found["seqrec-harness.project"] == str(run.folder.path.parent)


@pytest.mark.parametrize(
    ("status", "shown"), [(0, 0), (7, 7), (137, -9), (143, -15), (128, 128), (255, 255), (200, 200)]
)
def test_a_signal_is_told_from_a_status(status: int, shown: int) -> None:
    assert as_signal(status) == shown


class Made(DockerExecutor):
    """One without an engine."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits


@pytest.mark.parametrize(
    ("state", "status", "timed_out", "reason"),
    [
        ({}, 0, False, ""),
        ({}, 3, False, ""),
        ({"OOMKilled": True}, -9, False, "out of memory: its limit is 7 MB"),
        ({"OOMKilled": True}, 3, False, "out of memory: its limit is 7 MB"),
        ({"OOMKilled": False}, -9, False, "killed, cause unknown, possibly out of memory: its limit is 7 MB"),
        ({"OOMKilled": False}, -9, True, ""),
        ({"Error": "it broke"}, 128, False, "the container engine reports: it broke"),
    ],
)
def test_what_ended_a_run(run: PreparedRun, state: dict[str, Any], status: int, timed_out: bool, reason: str) -> None:
    handle: Any = SimpleNamespace(run=run)
    assert Made(Limits(memory_mb=7)).cause(handle, state, status, timed_out) == reason


def test_a_log_beyond_all_measure_is_cut_off_and_read_on(run: PreparedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.executors.docker.MOST_LOG", 10)
    said = iter([b"12345", b"6789abc", b"def", b"ghi"])
    keep_log(said, run.folder.log.open("wb", buffering=0))
    assert run.folder.log.read_bytes() == b"123456789a\nharness: the log was truncated here, after 0 MB\n"
    assert list(said) == []


def test_a_full_disk_does_not_stop_the_listening() -> None:
    said = iter([b"x" * 10] * 3)
    keep_log(said, open("/dev/full", "wb", buffering=0))  # noqa: SIM115  the listener closes it
    assert list(said) == []

"""What every executor promises, the same cases over each: real runs, real trees of processes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from detached import DetachedExecutor

from harness.core.errors import Interrupted, SetupError, StoreError
from harness.core.process import alive, end_tree, marked
from harness.executors.base import Executor, Outcome, PreparedRun, wait
from harness.executors.docker import DockerExecutor
from harness.executors.local import LocalExecutor
from harness.executors.run_folder import RunFolder
from harness.executors.sandbox import LABEL, Limits, reap

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="marks are read from /proc")
SLEEP = """
import os, time
for _ in range(1200):
    with open(f"{os.getpid()}.beat", "a") as file: file.write("x")
    time.sleep(0.05)
"""
NOTE = "import os; open(f'{os.getpid()}.part', 'w').close(); os.rename(f'{os.getpid()}.part', f'{os.getpid()}.pid')\n"
TREE = f"""
{NOTE}
import subprocess, sys
below = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\\n" + {NOTE + SLEEP!r}
subprocess.Popen([sys.executable, "-c", below], start_new_session=True)
"""


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trees here are deaf to SIGTERM on purpose: no need to wait for them."""
    monkeypatch.setattr("harness.core.process.GRACE_S", 0.3)
    monkeypatch.setattr("harness.executors.docker.GRACE_S", 1)


class Way:
    """An executor, and what a test must know of the place where its runs are carried out."""

    program = sys.executable
    ids_are_ours = True  # whether a process has the same id in a run as here

    def __init__(self, executor: Executor) -> None:
        self.executor = executor

    def living(self, run: PreparedRun) -> list[int] | list[str]:
        """What is left of a run."""
        return marked(run.mark)

    def end(self, run: PreparedRun) -> None:
        end_tree(None, run.mark)


class ContainerWay(Way):
    """Processes of a container have ids of their own, and are gone with it."""

    program = "/usr/bin/python3"
    ids_are_ours = False

    def __init__(self, client: docker.DockerClient, image: str) -> None:
        super().__init__(DockerExecutor(client, image, Limits(memory_mb=256, disk_mb=64, reserve_mb=1)))
        self.client = client

    def living(self, run: PreparedRun) -> list[str]:
        label = {"label": f"{LABEL}.run={run.mark}"}
        return [container.id for container in self.client.containers.list(all=True, filters=label)]

    def end(self, run: PreparedRun) -> None:
        reap(self.client, run.mark)


@pytest.fixture(params=["local", "detached", pytest.param("docker", marks=pytest.mark.docker)])
def way(request: pytest.FixtureRequest) -> Way:
    if request.param == "docker":
        return ContainerWay(request.getfixturevalue("engine"), request.getfixturevalue("base_image"))
    return Way({"local": LocalExecutor, "detached": DetachedExecutor}[request.param]())


@pytest.fixture
def executor(way: Way) -> Executor:
    return way.executor


class Field:
    """Makes prepared runs of Python code, each in a folder of its own, and knows what still lives of them.

    A run works in its own folder, $HERE; those of all others lie in $ALL, for reading.
    """

    def __init__(self, path: Path, way: Way) -> None:
        self.path, self.way, self.runs = path, way, list[PreparedRun]()
        path.chmod(0o755)

    def run(self, code: str, timeout_s: float = 60, program: str = "") -> PreparedRun:
        key = f"run{len(self.runs)}"
        folder = RunFolder(self.path / key)
        folder.renew()
        env = {"PATH": os.environ["PATH"], "HERE": str(folder.path), "ALL": str(self.path)}
        command = (program or self.way.program, "-c", code)
        mark, reads = f"{key}@{folder.path}", {"all": self.path}
        self.runs.append(PreparedRun(key, key, command, folder.path, env, folder, mark, timeout_s, reads))
        return self.runs[-1]

    def began(self) -> int:
        """How many processes noted themselves."""
        return len(list(self.path.glob("*/*.pid")))

    def beats(self) -> list[int]:
        """How often each process showed that it lives."""
        return [path.stat().st_size for path in sorted(self.path.glob("*/*.beat"))]

    def all_gone(self, n: int) -> bool:
        """Whether nothing is left of n processes that noted themselves, nor of any run."""
        eventually(lambda: self.began() == n)
        ids = [int(path.stem) for path in self.path.glob("*/*.pid")] if self.way.ids_are_ours else []
        before = self.beats()
        time.sleep(0.2)
        living = [left for run in self.runs for left in self.way.living(run)]
        return not living and not any(map(alive, ids)) and self.beats() == before


@pytest.fixture
def field(tmp_path: Path, way: Way) -> Iterator[Field]:
    made = Field(tmp_path, way)
    yield made
    for run in made.runs:
        way.end(run)


def eventually(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


def outcome_of(executor: Executor, run: PreparedRun) -> Outcome:
    """Submit a run and poll until it has ended."""
    handle, found = executor.submit(run), list[Outcome]()
    eventually(lambda: (outcome := executor.poll(handle)) is not None and not found.append(outcome))
    return found[0]


def carry_out(executor: Executor, runs: list[PreparedRun], jobs: int) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}

    def ended(run: PreparedRun, outcome: Outcome) -> None:
        assert run.key not in found
        found[run.key] = outcome

    wait(executor, iter(runs), jobs, ended, lambda: None)
    return found


@pytest.mark.parametrize("status", [0, 3])
def test_an_exit_status(executor: Executor, field: Field, status: int) -> None:
    found = outcome_of(executor, field.run(f"raise SystemExit({status})"))
    assert (found.status, found.timed_out) == (status, False)


def test_a_signal_is_a_negative_status(executor: Executor, field: Field) -> None:
    found = outcome_of(executor, field.run("import os; os.kill(os.getpid(), 9)"))
    assert (found.status, found.timed_out) == (-signal.SIGKILL, False)


def test_the_log_has_both_streams_and_the_command_its_folder_and_environment(executor: Executor, field: Field) -> None:
    run = field.run("import os, sys; print(os.getcwd() == os.environ['HERE'], flush=True); sys.exit('last words')")
    assert outcome_of(executor, run).status == 1
    assert run.folder.log.read_text() == "True\nlast words\n"


def test_the_log_has_both_streams_in_the_order_in_which_they_were_written(executor: Executor, field: Field) -> None:
    """The engine passes two streams on in no order."""
    code = "import sys\nfor n in range(200): print(n, file=(sys.stdout, sys.stderr)[n % 2], flush=True)"
    run = field.run(code)
    assert outcome_of(executor, run).status == 0
    assert run.folder.log.read_text().split() == [str(n) for n in range(200)]


def test_seconds_are_those_of_the_run(executor: Executor, field: Field) -> None:
    assert 0.3 <= outcome_of(executor, field.run("import time; time.sleep(0.3)")).seconds < 15


def test_a_missing_program_cannot_be_submitted(executor: Executor, field: Field) -> None:
    with pytest.raises(SetupError, match="/no/such: cannot be started"):
        executor.submit(field.run("", program="/no/such"))


def test_a_timeout_ends_the_whole_tree(executor: Executor, field: Field) -> None:
    """One of it in a session of its own, deaf to SIGTERM."""
    run = field.run(TREE + SLEEP, timeout_s=1.5)
    found = outcome_of(executor, run)
    assert found.timed_out
    assert found.seconds >= 1.5
    assert field.all_gone(2)


def test_cancel_returns_when_the_whole_tree_is_gone(executor: Executor, field: Field) -> None:
    handle = executor.submit(field.run(TREE + SLEEP))
    eventually(lambda: field.began() == 2)
    assert executor.poll(handle) is None
    executor.cancel(handle)
    assert field.all_gone(2)


def test_what_a_run_left_running_ends_with_it(executor: Executor, field: Field) -> None:
    """It would go on writing into a folder whose record is being stored."""
    code = TREE + "import glob, time\nwhile len(glob.glob('*.pid')) < 2: time.sleep(0.01)\n"
    assert outcome_of(executor, field.run(code)).status == 0
    assert field.all_gone(2)


MEET = """
import glob, os, time
open("met", "w").close()
while len(glob.glob(os.environ["ALL"] + "/*/met")) < 2:
    time.sleep(0.01)
"""


def test_two_run_at_once(executor: Executor, field: Field) -> None:
    """Each waits for the other."""
    found = carry_out(executor, [field.run(MEET, timeout_s=20), field.run(MEET, timeout_s=20)], jobs=2)
    assert {key: outcome.status for key, outcome in found.items()} == {"run0": 0, "run1": 0}


def test_never_more_than_jobs_at_once_and_runs_are_taken_only_when_there_is_room(
    executor: Executor, field: Field
) -> None:
    code = "import time; time.sleep(0.15)"
    going, most = 0, 0

    def runs() -> Iterator[PreparedRun]:
        nonlocal going, most
        for _ in range(5):
            going += 1
            most = max(most, going)
            yield field.run(code)

    def ended(_run: PreparedRun, _outcome: Outcome) -> None:
        nonlocal going
        going -= 1

    wait(executor, runs(), 2, ended, lambda: None)
    assert (going, most) == (0, 2)


def test_a_failed_run_does_not_stop_the_others(executor: Executor, field: Field) -> None:
    codes = ["", "raise SystemExit(7)", "", "import os; os.kill(os.getpid(), 9)", ""]
    found = carry_out(executor, [field.run(code) for code in codes], jobs=2)
    assert [found[run.key].status for run in field.runs] == [0, 7, 0, -9, 0]


def test_nothing_to_do_ends_at_once(executor: Executor) -> None:
    assert carry_out(executor, [], jobs=2) == {}


def test_waiting_with_room_to_spare_does_not_spin(executor: Executor, field: Field) -> None:
    """With fewer runs left than jobs, the loop used to poll without a pause and take a core from the runs."""
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1

    wait(executor, iter([field.run("import time; time.sleep(1)")]), 3, lambda *_: None, tick)
    assert 3 <= ticks < 120


def after_both_began(field: Field, error: BaseException) -> Callable[[], None]:
    """A tick that raises once two runs have both noted themselves and their descendants."""

    def tick() -> None:
        if field.began() == 4:
            raise error

    return tick


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Interrupted("a", "b"), StoreError("disk", "full")], ids=repr)
def test_an_interruption_of_the_waiting_ends_all_children(executor: Executor, field: Field, error: Any) -> None:
    runs = iter([field.run(TREE + SLEEP), field.run(TREE + SLEEP), field.run(SLEEP)])
    with pytest.raises(type(error)):
        wait(executor, runs, 2, lambda *_: None, after_both_began(field, error))
    assert field.all_gone(4)
    assert not (field.runs[2].folder.log).exists()


@pytest.mark.usefixtures("signals")
def test_a_real_ctrl_c_ends_all_children(executor: Executor, field: Field) -> None:
    """SIGINT to this process while it waits."""

    def press() -> None:
        eventually(lambda: field.began() == 2)
        os.kill(os.getpid(), signal.SIGINT)

    finger = threading.Thread(target=press, daemon=True)
    finger.start()
    with pytest.raises(KeyboardInterrupt):
        carry_out(executor, [field.run(TREE + SLEEP)], jobs=1)
    finger.join()
    assert field.all_gone(2)


def test_an_error_while_keeping_one_run_ends_the_others(executor: Executor, field: Field) -> None:
    def full(_run: PreparedRun, _outcome: Outcome) -> None:
        raise StoreError("disk", "full")

    runs = [
        field.run(TREE + SLEEP),
        field.run("import glob, os, time\nwhile len(glob.glob(os.environ['ALL'] + '/*/*.pid')) < 2: time.sleep(0.01)"),
    ]
    with pytest.raises(StoreError):
        wait(executor, iter(runs), 2, full, lambda: None)
    assert field.all_gone(2)


def test_an_error_while_preparing_the_next_ends_the_others(executor: Executor, field: Field) -> None:
    def runs() -> Iterator[PreparedRun]:
        yield field.run(TREE + SLEEP)
        eventually(lambda: field.began() == 2)
        raise SetupError("environment", "broke")

    with pytest.raises(SetupError):
        wait(executor, runs(), 2, lambda *_: None, lambda: None)
    assert field.all_gone(2)

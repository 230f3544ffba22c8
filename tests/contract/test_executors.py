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

import pytest
from detached import DetachedExecutor

from harness.errors import Interrupted, SetupError, StoreError
from harness.executors.contract import Executor, Outcome, PreparedRun, RunFolder, wait
from harness.executors.local import LocalExecutor
from harness.process import alive, end_tree, marked

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="marks are read from /proc")
SLEEP = "import time; time.sleep(60)\n"
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
    monkeypatch.setattr("harness.process.GRACE_S", 0.3)


@pytest.fixture(params=[LocalExecutor, DetachedExecutor], ids=["local", "detached"])
def executor(request: pytest.FixtureRequest) -> Executor:
    made: Executor = request.param()
    return made


class Field:
    """Makes prepared runs of Python code in a folder of their own, and knows what still lives of them."""

    def __init__(self, path: Path) -> None:
        self.path, self.runs = path, list[PreparedRun]()

    def run(self, code: str, timeout_s: float = 60, program: str = sys.executable) -> PreparedRun:
        key = f"run{len(self.runs)}"
        folder = RunFolder(self.path / key)
        folder.renew()
        env = {"PATH": os.environ["PATH"], "HERE": str(self.path)}
        command = (program, "-c", code)
        self.runs.append(PreparedRun(key, key, command, self.path, env, folder, f"{key}@{folder.path}", timeout_s))
        return self.runs[-1]

    def numbers(self, n: int) -> list[int]:
        """Process ids that n processes noted."""
        eventually(lambda: len(list(self.path.glob("*.pid"))) == n)
        return [int(path.stem) for path in self.path.glob("*.pid")]

    def living(self) -> list[int]:
        return [pid for run in self.runs for pid in marked(run.mark)]


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    made = Field(tmp_path)
    yield made
    for run in made.runs:
        end_tree(None, run.mark)


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


def test_seconds_are_those_of_the_run(executor: Executor, field: Field) -> None:
    assert 0.3 <= outcome_of(executor, field.run("import time; time.sleep(0.3)")).seconds < 15


def test_a_missing_program_cannot_be_submitted(executor: Executor, field: Field) -> None:
    with pytest.raises(SetupError, match="/no/such: cannot be started"):
        executor.submit(field.run("", program="/no/such"))


def test_a_timeout_ends_the_whole_tree(executor: Executor, field: Field) -> None:
    """One of it in a session of its own, deaf to SIGTERM."""
    run = field.run(TREE + SLEEP, timeout_s=1.5)
    found = outcome_of(executor, run)
    numbers = field.numbers(2)
    assert found.timed_out
    assert found.seconds >= 1.5
    assert not [n for n in numbers if alive(n)]


def test_cancel_returns_when_the_whole_tree_is_gone(executor: Executor, field: Field) -> None:
    handle = executor.submit(field.run(TREE + SLEEP))
    numbers = field.numbers(2)
    assert executor.poll(handle) is None
    executor.cancel(handle)
    assert not [n for n in numbers if alive(n)]


def test_what_a_run_left_running_ends_with_it(executor: Executor, field: Field) -> None:
    """It would go on writing into a folder whose record is being stored."""
    code = TREE + "import glob, time\nwhile len(glob.glob('*.pid')) < 2: time.sleep(0.01)\n"
    assert outcome_of(executor, field.run(code)).status == 0
    assert not [n for n in field.numbers(2) if alive(n)]


MEET = """
import os, sys, time
open(f"met-{os.getpid()}", "w").close()
while sum(name.startswith("met-") for name in os.listdir()) < 2:
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
        if len(list(field.path.glob("*.pid"))) == 4:
            raise error

    return tick


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Interrupted("a", "b"), StoreError("disk", "full")], ids=repr)
def test_an_interruption_of_the_waiting_ends_all_children(executor: Executor, field: Field, error: Any) -> None:
    runs = iter([field.run(TREE + SLEEP), field.run(TREE + SLEEP), field.run(SLEEP)])
    with pytest.raises(type(error)):
        wait(executor, runs, 2, lambda *_: None, after_both_began(field, error))
    assert field.living() == []
    assert not [n for n in field.numbers(4) if alive(n)]
    assert not (field.runs[2].folder.log).exists()


def test_a_real_ctrl_c_ends_all_children(executor: Executor, field: Field) -> None:
    """SIGINT to this process while it waits."""

    def press() -> None:
        eventually(lambda: len(list(field.path.glob("*.pid"))) == 2)
        os.kill(os.getpid(), signal.SIGINT)

    finger = threading.Thread(target=press, daemon=True)
    finger.start()
    with pytest.raises(KeyboardInterrupt):
        carry_out(executor, [field.run(TREE + SLEEP)], jobs=1)
    finger.join()
    assert field.living() == []


def test_an_error_while_keeping_one_run_ends_the_others(executor: Executor, field: Field) -> None:
    def full(_run: PreparedRun, _outcome: Outcome) -> None:
        raise StoreError("disk", "full")

    runs = [
        field.run(TREE + SLEEP),
        field.run("import glob, time\nwhile len(glob.glob('*.pid')) < 2: time.sleep(0.01)"),
    ]
    with pytest.raises(StoreError):
        wait(executor, iter(runs), 2, full, lambda: None)
    assert field.living() == []


def test_an_error_while_preparing_the_next_ends_the_others(executor: Executor, field: Field) -> None:
    def runs() -> Iterator[PreparedRun]:
        yield field.run(TREE + SLEEP)
        field.numbers(2)
        raise SetupError("environment", "broke")

    with pytest.raises(SetupError):
        wait(executor, runs(), 2, lambda *_: None, lambda: None)
    assert field.living() == []
    assert not [n for n in field.numbers(2) if alive(n)]

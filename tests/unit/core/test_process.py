"""Real processes: what they print, how they end, and that nothing of them is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.core.errors import SetupError
from harness.core.interrupts import deferred, interrupt
from harness.core.process import MARK, Child, alive, capture, end_tree, marked, spawn

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="marks are read from /proc")
ENV = {"PATH": os.environ["PATH"]}
SLEEP = "import time; time.sleep(60)"
IGNORE = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"


class Nursery:
    """Spawns Python children in a folder and ends what a failing test left."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.children = folder, list[Child]()

    @property
    def mark(self) -> str:
        return f"test@{self.folder}"

    def python(self, code: str, *arguments: str) -> Child:
        child = spawn([sys.executable, "-c", code, *arguments], self.folder, ENV, self.folder / "log.txt", self.mark)
        self.children.append(child)
        return child

    def numbers(self, n: int) -> list[int]:
        """Process ids that n processes wrote into the folder."""
        eventually(lambda: len(list(self.folder.glob("*.pid"))) == n)
        return [int(path.stem) for path in self.folder.glob("*.pid")]


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    made = Nursery(tmp_path)
    yield made
    for child in made.children:
        for pid in {*marked(made.mark)}:
            os.kill(pid, signal.SIGKILL)
        if child.process.returncode is None:
            child.process.kill()
            child.process.wait()


def eventually(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


def noting(code: str) -> str:
    """Code that first writes its process id atomically to the current folder."""
    return f"import os; open(f'{{os.getpid()}}.part', 'w').close()\n{code.partition('|')[0]}\n" + (
        f"os.rename(f'{{os.getpid()}}.part', f'{{os.getpid()}}.pid')\n{code.partition('|')[2]}\n"
    )


def started_by(code: str, **options: object) -> str:
    """Code that starts this code in a further process."""
    words = "".join(f", {name}={value!r}" for name, value in options.items())
    return f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {code!r}]{words})"


def test_both_streams_go_to_the_log_in_order_also_those_of_children(nursery: Nursery) -> None:
    code = (
        "import sys, subprocess; print('out', flush=True); print('err', file=sys.stderr, flush=True)\n"
        "subprocess.run([sys.executable, '-c', 'print(\"child\")'])\n"
        "sys.exit(3)"
    )
    child = nursery.python(code)
    assert child.process.wait() == child.poll() == 3
    assert (nursery.folder / "log.txt").read_text() == "out\nerr\nchild\n"


def test_a_child_has_only_the_given_environment_and_no_input(nursery: Nursery) -> None:
    child = nursery.python("import os, sys; print(sorted(os.environ), repr(sys.stdin.read()), os.getcwd())")
    child.process.wait()
    names = sorted({MARK, "PATH", *([name] if (name := "LC_CTYPE") in (log := read(nursery)) else [])})
    assert log == f"{names} '' {nursery.folder}\n"


def read(nursery: Nursery) -> str:
    return (nursery.folder / "log.txt").read_text()


def test_a_signal_is_a_negative_status(nursery: Nursery) -> None:
    child = nursery.python("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert child.process.wait() == -signal.SIGSEGV


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"/no/such/python: cannot be started: No such file"):
        spawn(["/no/such/python"], tmp_path, ENV, tmp_path / "log.txt", "m")


def test_a_missing_folder_is_named_instead_of_the_program(tmp_path: Path) -> None:
    """It used to say that the interpreter cannot be started, and to check the environment."""
    with pytest.raises(SetupError) as caught:
        spawn([sys.executable, "-c", ""], tmp_path / "gone", ENV, tmp_path / "log.txt", "m")
    assert caught.value.where == str(tmp_path / "gone")


def test_every_descendant_carries_the_mark(nursery: Nursery) -> None:
    nursery.python(noting("|" + started_by(noting("|" + SLEEP)) + "; import time; time.sleep(60)"))
    assert sorted(nursery.numbers(2)) == sorted(marked(nursery.mark))
    assert marked(nursery.mark + "x") == marked(nursery.mark[:-1]) == []


def test_a_whole_tree_is_ended(nursery: Nursery) -> None:
    """A child, a grandchild in a session of its own, and one below it that ignores SIGTERM."""
    stubborn = noting(f"{IGNORE}|{SLEEP}")
    in_own_session = noting("|" + started_by(stubborn) + "; import time; time.sleep(60)")
    child = nursery.python(noting("|" + started_by(in_own_session, start_new_session=True) + f"; {SLEEP}"))
    numbers = nursery.numbers(3)
    started = time.monotonic()
    assert child.end() == -signal.SIGTERM
    assert not any(alive(number) for number in numbers)
    assert time.monotonic() - started < 10


def test_one_that_lost_its_mark_and_ignores_sigterm_ends_with_its_group(nursery: Nursery) -> None:
    """Waiting was for marked processes only, so after a polite leader this one lived on."""
    child = nursery.python(noting("|" + started_by(noting(f"{IGNORE}|{SLEEP}"), env={}) + f"; {SLEEP}"))
    numbers = nursery.numbers(2)
    assert marked(nursery.mark) == [child.process.pid]
    child.end()
    eventually(lambda: not any(alive(number) for number in numbers), 5)


def test_what_a_finished_process_left_running_is_ended(nursery: Nursery) -> None:
    child = nursery.python(started_by(noting("|" + SLEEP), start_new_session=True))
    (number,) = nursery.numbers(1)
    assert child.process.wait() == 0
    assert alive(number)
    assert child.end() == 0
    assert not alive(number)


def test_a_later_harness_ends_what_an_earlier_one_left(nursery: Nursery) -> None:
    """It has nothing but the mark."""
    nursery.python(noting("|" + SLEEP))
    (number,) = nursery.numbers(1)
    end_tree(None, nursery.mark)
    assert not alive(number)


def test_another_mark_is_left_alone(nursery: Nursery) -> None:
    nursery.python(noting("|" + SLEEP))
    (number,) = nursery.numbers(1)
    end_tree(None, nursery.mark + "0")
    assert alive(number)


def test_a_zombie_does_not_count_as_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    eventually(lambda: not alive(process.pid))
    assert process.wait() == 0
    assert not alive(process.pid)


def test_capture_gives_standard_output_alone() -> None:
    code = "import sys; print('wanted'); print('noise', file=sys.stderr)"
    assert capture([sys.executable, "-c", code], ENV) == "wanted\n"


def test_capture_takes_bytes_that_are_no_text() -> None:
    """They used to end the harness in a UnicodeDecodeError."""
    assert capture([sys.executable, "-c", r"import os; os.write(1, b'caf\xe9')"], ENV) == "caf\N{REPLACEMENT CHARACTER}"


def test_capture_of_a_failure_ends_with_its_last_lines() -> None:
    code = "import sys; [print(f'line {i}') for i in range(40)]; sys.exit('last words')"
    with pytest.raises(SetupError, match="failed with status 1") as caught:
        capture([sys.executable, "-c", code], ENV)
    lines = [line.strip() for line in caught.value.what.splitlines()[1:]]
    assert lines == [*(f"line {i}" for i in range(29, 40)), "last words"]


def test_capture_of_a_missing_program_is_named() -> None:
    with pytest.raises(SetupError, match="/no/such: cannot be started"):
        capture(["/no/such"], ENV)


class CutOffError(Exception):
    """Raised by the test's signal handler."""


@pytest.mark.usefixtures("signals")
def test_an_interrupt_while_a_process_starts_leaves_no_process(tmp_path: Path) -> None:
    """On a busy machine starting takes long, and an interrupt then left a process without a handle."""
    before = signal.signal(signal.SIGALRM, lambda *_: interrupt(CutOffError()))
    n_cut_off = 0
    try:
        for attempt in range(60):
            mark, children = f"cut-off-{tmp_path}-{attempt}", list[Child]()
            try:
                with deferred():
                    signal.setitimer(signal.ITIMER_REAL, 0.0002 + attempt * 0.00005)
                    children.append(spawn(["sleep", "60"], tmp_path, ENV, tmp_path / "log", mark))
            except CutOffError:
                n_cut_off += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                assert len(children) == 1
                children[0].end()
            assert not marked(mark)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert n_cut_off > 3

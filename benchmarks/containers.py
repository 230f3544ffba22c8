"""What a run in a container costs beyond `docker run` of the same image with the same options, by turns; and an image
that is there already.

    python benchmarks/containers.py --environment numpy --rounds 15

Both do nothing, in the same image: the difference is creating, listening, watching, asking how it ended, removing. The
image is made before the first measurement. Goals: at most 1 s a run; under 1 s for an image that is there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.core.config import load
from harness.environments.images import image
from harness.executors import sandbox
from harness.executors.backends import DockerBackend
from harness.executors.base import PreparedRun
from harness.executors.docker import DockerExecutor
from harness.executors.run_folder import RunFolder

NOTHING = (image.INTERPRETER, "-c", "pass")
CACHE_HIT = """
import time
start = time.monotonic()
from harness.environments.images import image, request
from harness.core.config import load
from harness.environments.container_engine import connect
config = load()
image.ensure_image(connect(config.docker.address), request.image_request(config, {name!r}, {device!r}), print)
print(time.monotonic() - start)
"""


def by_turns(rounds: int, *ways: Callable[[], float]) -> list[list[float]]:
    """Seconds of each way, in rounds, so that what else the machine does falls on all of them."""
    found: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds):
        for seconds, way in zip(found, ways, strict=True):
            seconds.append(way())
    return found


def with_harness(executor: DockerExecutor, run: PreparedRun) -> float:
    """Seconds from the submission of a run to its outcome, when its container is gone.

    Raises:
        RuntimeError: it failed.
    """
    run.folder.renew()
    start = time.monotonic()
    handle = executor.submit(run)
    while (outcome := executor.poll(handle)) is None:
        time.sleep(0.01)
    if outcome.status or outcome.reason:
        raise RuntimeError(f"the run ended with {outcome}")
    return time.monotonic() - start


def with_client(client: str, words: Sequence[str]) -> float:
    """Seconds of `docker run`."""
    start = time.monotonic()
    subprocess.run([client, "run", "--rm", *words], check=True, capture_output=True)
    return time.monotonic() - start


def words_of(options: dict[str, Any]) -> Iterator[str]:
    """The options of a container as `docker run` takes them, then the image and its command."""
    program, *arguments = options["entrypoint"]
    yield from ("--entrypoint", program, "--workdir", options["working_dir"], "--user", options["user"])
    yield from ("--network", options["network_mode"], "--shm-size", str(options["shm_size"]), "--log-driver", "none")
    yield from ("--memory", str(options["mem_limit"]), "--memory-swap", str(options["memswap_limit"]))
    yield from ("--cpus", str(options["nano_cpus"] / 1e9), "--pids-limit", str(options["pids_limit"]))
    yield from ("--read-only", "--no-healthcheck", "--stop-signal", options["stop_signal"])
    yield from ["--init"] * options["init"]
    yield from (f"--cap-drop={name}" for name in options["cap_drop"])
    yield from (f"--security-opt={text}" for text in options["security_opt"])
    yield from (f"--tmpfs={place}:{text}" for place, text in options["tmpfs"].items())
    yield from (f"--env={name}={value}" for name, value in options["environment"].items())
    yield from (f"--label={name}={value}" for name, value in options["labels"].items() if name.endswith(".project"))
    yield from (f"--ulimit={limit['Name']}={limit['Soft']}:{limit['Hard']}" for limit in options["ulimits"])
    for mount in options["mounts"]:
        read_only = ",readonly" if mount["ReadOnly"] else ""
        yield f"--mount=type=bind,source={mount['Source']},target={mount['Target']}{read_only}"
    yield from (options["image"], *arguments)


def hit(name: str, device: str) -> float:
    """Seconds until a fresh process has an image that is there already."""
    code = CACHE_HIT.format(name=name, device=device)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


def message(name: str, seconds: Sequence[float]) -> str:
    """One line: median, least and most."""
    return f"{name:<42} {statistics.median(seconds):6.3f} s   ({min(seconds):.3f} to {max(seconds):.3f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environment", default="numpy")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--client", default=shutil.which("docker") or "docker")
    asked = parser.parse_args()
    surroundings = DockerBackend(load(), asked.environment, "cpu", "none", threads=1, making=print)
    executor = surroundings.executor
    with tempfile.TemporaryDirectory() as name:
        folder = RunFolder(Path(name) / "run")
        folder.renew()
        folder.log.touch()
        run = PreparedRun("k", "k", NOTHING, folder.path, surroundings.variables(1), folder, f"k@{name}", 60)
        options = sandbox.options(run, surroundings.image.id, surroundings.limits, "none", executor.engine)
        words = list(words_of(options))
        ours, theirs, hits = by_turns(
            asked.rounds,
            lambda: with_harness(executor, run),
            lambda: with_client(asked.client, words),
            lambda: hit(asked.environment, "cpu"),
        )
    more = [one - other for one, other in zip(ours, theirs, strict=True)]
    print(f"{executor.engine.name}, {asked.rounds} rounds, load {os.getloadavg()[0]:.1f}")
    print(message("a run through the executor", ours))
    print(message("docker run with the same options", theirs))
    print(message("difference, round by round", more))
    print(message("an image that is there, in a new process", hits))


if __name__ == "__main__":
    main()

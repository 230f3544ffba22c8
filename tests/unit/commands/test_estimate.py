"""Times and sizes from existing records; unknown without a record."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import recipe_texts
from made_runs import RUN, run

from harness.commands.estimate import About, Estimates
from harness.report.rounding import duration, size
from harness.runs.store import Store

DATA = {"small": recipe_texts.data()["small"], "large": recipe_texts.data(users=40)["small"]}
Put = Callable[..., None]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, tmp_path)


@pytest.fixture
def put(store: Store) -> Put:
    """Lays a record of so many seconds into the store."""

    def lay(seconds: float, **changes: Any) -> None:
        facts = {"format": 2, "status": "finished", "upstream": "toy", "dataset": "small", "system": "net/bce"}
        facts |= {"seed": 1, "fault": None, "disagreements": []}
        folder = store.folder(f"{len(list(tmp.glob('*'))):020x}" if (tmp := store.results / "runs").exists() else "0")
        folder.mkdir(parents=True)
        content = {**facts, "key": folder.name, "inputs": RUN.inputs, "seconds": seconds, **changes}
        (folder / "record.json").write_text(json.dumps(content))

    return lay


def test_the_median_of_the_same_system_on_the_same_dataset(store: Store, put: Put) -> None:
    for seconds in (10, 30, 20):
        put(seconds)
    put(7000, dataset="large")
    assert Estimates(store, DATA).seconds(RUN) == About(20, scaled=False)


def test_another_dataset_is_scaled_by_users(store: Store, put: Put) -> None:
    put(100, dataset="small")
    assert Estimates(store, DATA).seconds(run(dataset="large")) == About(400, scaled=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "failed"},
        {"system": "net/ce-all"},
        {"upstream": "other"},
        {"inputs": {"command": ["python", "train.py", "--epochs=3"]}},
        {"inputs": {"command": ["python", "train.py", "--epochs", "3"]}},
        {"inputs": {"command": ["python", "train.py", "--epochs=200", "--patience=3"]}},
        {"dataset": "unheard-of"},
    ],
    ids=lambda changes: ",".join(changes),
)
def test_what_says_nothing_about_a_run_is_not_used(store: Store, put: Put, changes: dict[str, Any]) -> None:
    put(10, **changes)
    assert Estimates(store, DATA).seconds(RUN) is None


def test_other_options_do_not_matter(store: Store, put: Put) -> None:
    put(10, inputs={"command": ["python3", "train.py", "--seed=9", "--epochs", "200"]})
    assert Estimates(store, DATA).seconds(RUN) == About(10, scaled=False)


def test_a_run_just_done_says_more_than_records(store: Store, put: Put) -> None:
    put(10)
    estimates = Estimates(store, DATA)
    assert (estimates.seconds(RUN), estimates.here(RUN)) == (About(10, scaled=False), None)
    for seconds in (40, 50, 90):
        estimates.learn(RUN, seconds)
    assert (estimates.seconds(RUN), estimates.here(RUN)) == (About(50, scaled=False), 50)
    assert estimates.here(run(options={"patience": 10})) is None  # another seed may stop at another epoch


def test_records_of_the_project_tell_of_runs_that_go_elsewhere(store: Store, put: Put, tmp_path: Path) -> None:
    put(10, end={"epochs": 7})
    elsewhere = Estimates(Store(tmp_path / "other", tmp_path), DATA, committed=store)
    assert (elsewhere.seconds(RUN), elsewhere.epochs(RUN)) == (About(10, scaled=False), (None, [7]))


def test_a_scaled_time_is_marked_as_such() -> None:
    assert (str(About(75, scaled=False)), str(About(75, scaled=True))) == ("1 min 15 s", "≈1 min 15 s")


def test_a_summary_adds_up_what_is_known_and_says_what_is_not(store: Store, put: Put) -> None:
    put(60)
    runs = [RUN, run(seed=2), run(system="net/ce-all")]
    text = Estimates(store, DATA).summary(runs, jobs=2)
    assert text.startswith("about 2 min 00 s of runs, 1 min 00 s with --jobs 2; time unknown for 1 run(s)")
    assert text.endswith(" of records")


def test_without_records_nothing_is_guessed_but_their_size(store: Store) -> None:
    text = Estimates(store, DATA).summary([RUN, RUN], jobs=1)
    assert text == "time unknown for 2 run(s): no similar run is recorded here yet; about 120 kB of records"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (12.4, "12 s"), (59.4, "59 s"), (59.7, "1 min 00 s"), (60, "1 min 00 s"), (200, "3 min 20 s"),
        (3599.7, "1 h 00 min"), (7500, "2 h 05 min"), (360_000, "100 h 00 min"),
    ],
)  # fmt: skip
def test_seconds_for_a_reader(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (60_000, "60 kB"), (1.1e6, "1 MB"), (1.1e9, "1.1 GB"), (5e12, "5000.0 GB")],
)
def test_bytes_for_a_reader(count: float, text: str) -> None:
    assert size(count) == text


def test_a_loss_that_was_put_in_is_taken_to_need_the_time_of_its_host(store: Store, put: Put) -> None:
    put(30)
    put_in = run(system="net/focal", host="net/bce")
    assert Estimates(store, DATA).seconds(put_in) == About(30, scaled=True)
    assert Estimates(store, DATA).seconds(run(system="net/other")) is None
    put(50, system="net/focal")
    assert Estimates(Store(store.results, store.cache), DATA).seconds(put_in) == About(50, scaled=False)

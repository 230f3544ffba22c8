"""The overlay's parts for the PyTorch port of gSASRec that need no PyTorch: split, metrics, options, refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from overlay.gsasrec_torch import measures, run
from overlay.gsasrec_torch import split as splitting
from overlay.gsasrec_torch.split import PortError

PATCHES = Path(__file__).resolve().parents[3] / "patches"
# Users 30, 10, 20 and items 5, 7, 9: numbers 3, 1, 2 and 1, 2, 3. RandomState(42) draws 0 and 1 of 0, 1, 2: user 10.
ROWS = ["30 5", "30 7", "30 9", "10 9", "10 7", "10 5", "10 7", "20 5", "20 9"]
FILES = {
    "train/input.txt": "1\n3\n\n",
    "val/input.txt": "3 2\n",
    "val/output.txt": "1\n",
    "test/input.txt": "1 2\n3 2 1\n1\n",
    "test/output.txt": "3\n2\n3\n",
}


def file_of(tmp_path: Path, rows: list[str]) -> Path:
    path = tmp_path / "pairs.txt"
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


def test_a_file_is_split_by_the_port_s_rule(tmp_path: Path) -> None:
    split = splitting.split(*splitting.read(file_of(tmp_path, ROWS)), 2)
    assert (split.users, split.numbers, set(split.validating), split.n_items) == ([30, 10, 20], [3, 1, 2], {1}, 3)
    splitting.write(split, tmp_path / "made")
    assert {name: (tmp_path / "made" / name).read_text() for name in FILES} == FILES
    stats = json.loads((tmp_path / "made" / "dataset_stats.json").read_text())
    assert stats == {"num_users": 3, "num_items": 3, "num_interactions": 9}


def test_numbers_from_1_without_gaps_stay(tmp_path: Path) -> None:
    rows = ["1 3", "1 1", "2 2", "2 3", "3 1", "3 2"]
    split = splitting.split(*splitting.read(file_of(tmp_path, rows)), 3)
    assert (split.numbers, split.sequences) == ([1, 2, 3], [[3, 1], [2, 3], [1, 2]])
    assert split.validating == {1, 2}  # the port draws from 0 to 2, so user 3 never validates


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["1 2", "1"], "pairs.txt:2: expected `user item`, two whole numbers, got '1"),
        (["1 2", "1 b"], "pairs.txt:2: expected `user item`"),
        (["1 2", "1 3", "2 3"], "user 2 has one item"),
        ([], "is empty"),
    ],
)
def test_files_that_cannot_be_split_are_refused(tmp_path: Path, rows: list[str], said: str) -> None:
    with pytest.raises(PortError, match=said):
        splitting.read(file_of(tmp_path, rows))


def test_numbers_of_validation_users_that_cannot_be_are_refused(tmp_path: Path) -> None:
    read = splitting.read(file_of(tmp_path, ROWS))
    for n in (0, 4):
        with pytest.raises(PortError, match=f"--validation {n}: expected 1 to 3"):
            splitting.split(*read, n)
    with pytest.raises(PortError, match="nobody was drawn"):
        splitting.split(*read, 1)  # the only one drawn is 0


def metrics(places: list[int | None]) -> dict[str, float]:
    """Metrics of lists of ten in which the relevant item has these places."""
    run, qrels = [], []
    for query, at in enumerate(places):
        qrels.append(measures.Qrel(str(query), "wanted", 1))
        for place in range(1, 11):
            item = "wanted" if place == at else f"item{place}"
            run.append(measures.ScoredDoc(str(query), item, 1.0 / place))
    asked = [measures.nDCG @ 10, measures.R @ 1, measures.R @ 10]
    return {repr(measure): value for measure, value in measures.calc_aggregate(asked, qrels, run).items()}


def test_metrics_of_known_places() -> None:
    """1 / log2(2) = 1, 1 / log2(4) = 0.5, absent 0."""
    assert metrics([1, 3, None]) == {"nDCG@10": pytest.approx(0.5), "R@1": pytest.approx(1 / 3), "R@10": 2 / 3}
    assert metrics([10]) == {"nDCG@10": pytest.approx(1 / np.log2(11)), "R@1": 0.0, "R@10": 1.0}


def test_equal_scores_stand_by_item_id_last_first() -> None:
    assert measures.place([(1.0, "10"), (1.0, "9"), (2.0, "1")], "9") == 2
    assert measures.place([(1.0, "10"), (1.0, "9"), (2.0, "1")], "10") == 3


def test_a_query_without_a_list_counts_as_0_and_others_are_refused() -> None:
    wanted = [measures.Qrel("a", "1", 1), measures.Qrel("b", "1", 1)]
    found = [measures.ScoredDoc("a", "1", 0.5)]
    assert measures.calc_aggregate([measures.R @ 1], wanted, found) == {measures.R @ 1: 0.5}
    for invalid in ([measures.Qrel("a", "1", 2)], [wanted[0], measures.Qrel("a", "2", 1)]):
        with pytest.raises(ValueError, match="one relevant item"):
            measures.calc_aggregate([measures.R @ 1], invalid, found)
    with pytest.raises(ValueError, match="cut-off"):
        measures.calc_aggregate([measures.R], wanted, found)


def test_options_of_losses() -> None:
    def used(loss: str, text: str) -> dict[str, float]:
        return run.chosen(SimpleNamespace(loss=loss, loss_options=text), n_items=300)  # type: ignore[no-any-return]

    assert used("bce", "") == {"k": 1}
    assert used("gbce", "t=1") == {"k": 256, "t": 1}
    for loss, text, said in (
        ("bce", "t=0.5", "bce has no option 't'; it has: k"),
        ("gbce", "form=lean", "gbce has no option 'form'"),
        ("gbce", "k=300", "k: expected a whole number from 1 to 299, got 300"),
        ("gbce", "k=1.5", "k: expected a whole number"),
        ("gbce", "t=1.5", "t: expected a number from 0 to 1, got 1.5"),
        ("gbce", "t=half", "t: expected a number from 0 to 1, got 'half'"),
        ("gbce", "k", "is not name=value"),
    ):
        with pytest.raises(PortError, match=said):
            used(loss, text)


def ran(tmp_path: Path, rows: list[str], *words: str) -> subprocess.CompletedProcess[str]:
    """The entry script as started by a run, in a folder that is not a checkout of the port."""
    (tmp_path / "out").mkdir()
    asked = [f"--data={file_of(tmp_path, rows)}", "--dataset=d", f"--out={tmp_path / 'out'}", *words]
    env = {"PYTHONPATH": str(PATCHES), "HARNESS_PROBE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "overlay.gsasrec_torch.run", *asked]
    return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)


def test_popularity_ranks_the_users_of_the_file(tmp_path: Path) -> None:
    """In the histories item 5 is counted three times, 7 twice, 9 once."""
    done = ran(tmp_path, ROWS, "--model=popularity")
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "ranks-test.npz") as file:
        assert file["user"].tolist() == [30, 10, 20]
        assert file["above_all"].tolist() == [2, 1, 2]


def test_what_cannot_be_run_ends_with_one_line_that_the_record_has_too(tmp_path: Path) -> None:
    done = ran(tmp_path, ROWS, "--model=sasrec", "--validation=9")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "harness: --validation 9: expected 1 to 3, as many users as there are at most\n"
    event, last = map(json.loads, (tmp_path / "events.jsonl").read_text().splitlines())
    assert (event["event"], f"harness: {event['reason']}\n") == ("fault", done.stderr)
    assert last["event"] == "modules"


def test_another_tree_is_no_checkout_of_the_port(tmp_path: Path) -> None:
    done = ran(tmp_path, ROWS, "--model=sasrec", "--validation=2", "--loss_options=k=1")
    assert done.returncode == 1
    assert "no checkout of the port: train_gsasrec.py is missing" in done.stderr

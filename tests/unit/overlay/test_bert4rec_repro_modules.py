"""The overlay's parts for bert4rec_repro that need neither it nor a framework: pairs, blocks, ranks, substitutes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from overlay import as_pairs
from overlay.bert4rec_repro import home, run, watch
from overlay.bert4rec_repro.blocks import Blocks
from overlay.bert4rec_repro.ranks import RankCollector
from overlay.bert4rec_repro.watch import Watch

ROOT = Path(__file__).resolve().parents[3]
Place = tuple[int, int, int]


def test_lines_of_users_become_pairs_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("1 7 8\n2 9\n10 7 9\n")
    words = ["--data", str(tmp_path / "lines.txt"), "--out", str(tmp_path / "pairs.txt")]
    as_pairs.main(words)
    assert (tmp_path / "pairs.txt").read_text() == "1 7\n1 8\n2 9\n10 7\n10 9\n"
    (tmp_path / "lines.txt").write_text("1 7 8\n\n")
    with pytest.raises(ValueError, match=r"lines.txt:2: expected"):
        as_pairs.main(words)


def test_a_seed_fixes_which_users_are_drawn() -> None:
    rows = [(str(user), str(item)) for user in range(50) for item in range(user % 3 + 1)]
    first, same, other = (as_pairs.drawn(rows, 10, seed) for seed in (1, 1, 2))
    assert first == same != other
    assert len({user for user, _ in first}) == 10
    assert first == [row for row in rows if row in first]
    with pytest.raises(ValueError, match="51 users were to be drawn from 50"):
        as_pairs.drawn(rows, 51, 1)


def test_users_are_scored_in_blocks_of_one_size_whatever_is_left() -> None:
    asked: list[list[str]] = []

    def score(users: Sequence[str]) -> Any:
        asked.append(list(users))
        return np.array([[float(user), 0.0] for user in users])

    scores = Blocks(score, ["1", "2", "3"], size=2)
    found = [scores(user)[0] for user in ("1", "2", "3", "1", "2", "3", "9")]  # two passes, then a user of no test
    assert found == [1, 2, 3, 1, 2, 3, 9]
    assert asked == [["1", "2"], ["3", "3"], ["1", "2"], ["3", "3"], ["9", "9"]]


def collected(special: Sequence[int] = ()) -> RankCollector:
    """Ranks of four users: a plain one, one whose item comes after the list's end, a cold and a repeated item."""
    seen = {"1": {"a"}, "2": {"b"}, "3": {"b"}, "4": {"c"}}
    truth = {"1": "c", "2": "a", "3": "new", "4": "c"}
    test = [SimpleNamespace(user_id=user, item_id=item) for user, item in truth.items()]
    return RankCollector(seen, test, limit=1, special=special)


COLUMNS = {"a": 0, "b": 1, "c": 2}
PLACES = {  # user: printed, unseen, items (with the item `new`, which has no score)
    "1": ((0, 1, 2), (0, 1, 2), (0, 1, 3)),
    "2": ((1, 1, 2), (1, 1, 2), (1, 1, 3)),
    "3": ((2, 1, 3), (2, 1, 3), (2, 1, 3)),
    "4": ((2, 1, 3), (0, 1, 3), (0, 1, 4)),
}


@pytest.mark.parametrize("special", [(), (3, 4)])
def test_places_among_all_unseen_and_sampled_items(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, special: tuple[int, ...]
) -> None:
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    ranked = collected(special)
    low = [-9.0] * len(special)
    ranked.add("1", COLUMNS, np.array([5.0, 1.0, 2.0, *low]))
    ranked.add("2", COLUMNS, np.array([1.0, 7.0, 2.0, *low]))
    ranked.add("3", COLUMNS, np.array([1.0, 7.0, 2.0, *low]))
    ranked.add("4", COLUMNS, np.array([1.0, 2.0, 7.0, *low]))
    last = float("-inf")
    ranked.add_sampled({
        "1": [("b", np.array([3.0])), ("c", np.array([2.0])), ("a", last)],
        "2": [("a", 2.0), ("c", 2.0), ("b", last)],
        "3": [("a", 1.0), ("new", last), ("b", last)],
        "4": [("a", 1.0), ("b", 0.5), ("c", last)],
    })  # fmt: skip
    ranked.write()
    with np.load(tmp_path / "ranks-test.npz") as file:
        assert file["user"].tolist() == [1, 2, 3, 4]
        for column, view in enumerate(("printed", "unseen", "items")):
            found = list(
                zip(*(file[f"{part}_{view}"].tolist() for part in ("above", "tied", "candidates")), strict=True)
            )
            assert found == [PLACES[user][column] for user in PLACES], view
        sampled = list(zip(file["above_sampled"].tolist(), file["tied_sampled"].tolist(), strict=True))
        assert sampled == [(1, 1), (0, 2), (1, 2), (2, 1)]
        protocol = json.loads(str(file["protocol"]))
    assert (protocol["ranking"], protocol["sampled.ranking"], protocol["items.ranking"]) == ("full", "sampled", "full")
    assert protocol["sampled.candidates"] == "the test item and 2 by popularity"
    assert (protocol["n_cold"], protocol["n_repeated"]) == ("1", "1")


def test_rows_that_are_no_items_take_places_of_the_list_and_of_no_view() -> None:
    """In a list of 1 + 1 seen items, two rows that are not items fill all ranks."""
    ranked = collected(special=(3, 4))
    ranked.add("1", COLUMNS, np.array([1.0, 1.0, 2.0, 8.0, 9.0]))
    assert ranked.rows["1"]["unseen"] == (0, 1, 2)
    assert ranked.rows["1"]["printed"] == (1, 1, 2)


def options(**more: Any) -> Any:
    return SimpleNamespace(**{"epochs": 10, "patience": 2, **more})


@pytest.mark.parametrize(
    ("values", "less", "stopped_by", "best"),
    [
        ([3.0, 2.0, 2.5, 2.0], True, "patience", 1),  # equal is not better
        ([3.0, 2.0, 1.0], True, "limit_s", 2),
        ([0.1] * 2 + [0.2] * 1, False, "limit_s", 2),
        ([1.0 - n / 20 for n in range(10)], True, "epochs", 9),
    ],
)
def test_what_ended_a_training(values: list[float], less: bool, stopped_by: str, best: int) -> None:
    heard = Watch(options())
    heard.training_begins()
    for value in values:
        heard.epoch_ends("BCE", value, 1.0, 0.1, less)
    heard.training_ends()
    assert (heard.stopped_by, heard.best, heard.epochs) == (stopped_by, best, len(values))


def test_metrics_have_the_harness_s_names() -> None:
    assert watch.metric_name("ndcg@10", 900) == "NDCG@10"
    assert watch.metric_name("MRR", 900) == "MRR@900"
    assert watch.metric_name("MRR", 0) == "MRR"


def test_unknown_models_are_refused_and_defaults_are_the_code_base_s() -> None:
    parsed = run.parsed(["--data=d", "--dataset=beauty", "--out=o", "--model=sasrec"])
    assert (parsed.sequence, parsed.validation, parsed.sampled, parsed.limit_s) == (50, 2048, 101, 0)
    with pytest.raises(SystemExit):
        run.parsed(["--data=d", "--dataset=beauty", "--out=o", "--model=gru"])


def test_where_pytorch_runs_no_tensorflow_is_imported() -> None:
    """The substitutes are installed in a separate process."""
    pytest.importorskip("torch")
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'patches')!r}); from overlay.bert4rec_repro import home\n"
        "from overlay import stand_ins; stand_ins.install(home.beside_torch())\n"
        "import mmh3, tensorflow, torch.utils.tensorboard as board; board.SummaryWriter('x').add_scalar('a', 1, 2)\n"
        "print(mmh3.hash('user') < 2**31, getattr(tensorflow, '__version__', 'none'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "none"]


def test_a_tree_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no checkout of the code base"):
        home.prepare(str(tmp_path), "sasrec")

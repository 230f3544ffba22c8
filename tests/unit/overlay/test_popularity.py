"""The popularity baseline: against a plain loop, against the probe, and on S3Rec's LastFM if available."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path

import git
import numpy as np
import pytest
from overlay import popularity, probe

S3REC = ("aHuiWang", "CIKM2020-S3Rec", "49a890dcb516c9ed3126564495234ea74d5cd566:data/LastFM.txt")


def write_data(path: Path, sequences: list[list[int]]) -> Path:
    path.write_text("".join(f"{10 * n} {' '.join(map(str, items))}\n" for n, items in enumerate(sequences, start=1)))
    return path


def random_sequences(seed: int) -> list[list[int]]:
    """Skewed items with gaps in their ids, repeats inside a user, and test items that were seen before."""
    rng = np.random.default_rng(seed)
    return [list(map(int, 3 * (30 * rng.random(int(rng.integers(2, 15))) ** 2).astype(int) + 5)) for _ in range(60)]


def counted_by_hand(sequences: list[list[int]], *, seen_too: bool) -> list[tuple[int, int, int]]:
    counts: dict[int, int] = {item: 0 for items in sequences for item in items}
    for items in sequences:
        for item in items[:-1]:
            counts[item] += 1
    rows = []
    for *history, answer in sequences:
        others = [item for item in counts if item != answer and (seen_too or item not in history)]
        above = sum(counts[item] > counts[answer] for item in others)
        rows.append((above, 1 + sum(counts[item] == counts[answer] for item in others), 1 + len(others)))
    return rows


@pytest.mark.parametrize("seed", range(5))
def test_ranks_are_those_of_a_plain_loop(seed: int) -> None:
    sequences = random_sequences(seed)
    views = popularity.popularity_ranks([np.array(items) for items in sequences])
    for view, seen_too in (("printed", False), ("all", True)):
        assert list(zip(*(column.tolist() for column in views[view]), strict=True)) == counted_by_hand(
            sequences, seen_too=seen_too
        )


def test_ranks_are_those_of_the_probe() -> None:
    sequences = random_sequences(9)
    items = np.unique(np.concatenate(sequences))
    columns = [np.searchsorted(items, row) for row in sequences]
    counts = np.bincount(np.concatenate([row[:-1] for row in columns]), minlength=len(items))
    allowed = np.ones((len(sequences), len(items)), dtype=bool)
    for user, row in enumerate(columns):
        allowed[user, row[:-1]] = False
    expected = probe.count_ranks(np.tile(counts, (len(sequences), 1)), [row[-1] for row in columns], allowed)
    found = popularity.popularity_ranks([np.array(row) for row in sequences])["printed"]
    assert [column.tolist() for column in found] == [column.tolist() for column in expected]


def test_a_tie_counts_as_its_middle_place() -> None:
    # Places 9 and 10, middle 9.5; places 10 and 11, middle 10.5; place 1 alone; places 3 to 5, middle 4.
    metrics = popularity.metrics_text(np.array([8, 9, 0, 2]), np.array([2, 2, 1, 3]))
    assert metrics["HIT@10"] == "0.7500"
    assert metrics["HIT@5"] == "0.5000"
    assert metrics["NDCG@5"] == f"{(1 + 1 / np.log2(5)) / 4:.4f}"


def test_prints_and_tells_the_probe_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    sequences = random_sequences(3)
    popularity.main(["--data", str(write_data(tmp_path / "data.txt", sequences)), "--name", "tiny"])
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["model", "printed", "end"]
    assert (events[0]["name"], events[0]["dataset"], events[1]["split"]) == ("popularity", "tiny", "test")
    assert ast.literal_eval(capsys.readouterr().out) == events[1]["metrics"]
    with np.load(tmp_path / "ranks-test.npz") as ranks:
        assert ranks["user"].tolist() == [10 * n for n in range(1, 61)]
        assert popularity.metrics_text(ranks["above_printed"], ranks["tied_printed"]) == events[1]["metrics"]
        assert (ranks["candidates_all"] >= ranks["candidates_printed"]).all()
        assert json.loads(str(ranks["protocol"]))["seen"] == "excluded"


def test_users_may_be_numbered_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    data = write_data(tmp_path / "data.txt", [[1, 2], [2, 1]])
    popularity.main(["--data", str(data), "--name", "tiny", "--users", "rows"])
    with np.load(tmp_path / "ranks-test.npz") as ranks:
        assert ranks["user"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [("1 2\n", "data.txt:1: expected"), ("1 2 3\n1 4 5\n", "more than one line"), ("1 2 x\n", "invalid literal")],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "data.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        popularity.read_sequences(str(path))


@pytest.mark.upstream
def test_lastfm_has_the_known_numbers(tmp_path: Path) -> None:
    template = os.environ.get("HARNESS_GIT_MIRROR")
    if not template:
        pytest.skip("HARNESS_GIT_MIRROR is not set")
    owner, name, blob = S3REC
    path = tmp_path / "LastFM.txt"
    path.write_text(git.Repo(template.format(owner=owner, name=name)).git.show(blob) + "\n")
    _, sequences = popularity.read_sequences(str(path))
    metrics = popularity.metrics_text(*popularity.popularity_ranks(sequences)["printed"][:2])
    assert (metrics["HIT@10"], metrics["NDCG@10"]) == ("0.0440", "0.0201")

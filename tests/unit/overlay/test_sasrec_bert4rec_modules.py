"""Overlay modules of sasrec-bert4rec: configuration, measures, reading, alignment, ranks, unpacking."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
from overlay import core_cut, probe, unzipped  # noqa: E402
from overlay.losses import in_torch  # noqa: E402
from overlay.sasrec_bert4rec import measures, pairs, run  # noqa: E402
from overlay.sasrec_bert4rec.loss import aligned  # noqa: E402
from overlay.sasrec_bert4rec.ranks import RankCollector  # noqa: E402

NAMED = {"col_user": "user_id", "col_item": "item_id", "col_prediction": "prediction"}


def frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Four users, of whom one has no list: their items have rank 1, rank 3 (a tie keeps the order), and none."""
    truth = pd.DataFrame({"user_id": [1, 2, 3, 4], "item_id": [10, 20, 30, 40], "rating": 1})
    rows = [(1, 10, 0.9), (1, 11, 0.8), (2, 7, 0.5), (2, 21, 0.1), (2, 20, 0.1), (3, 1, 0.2)]
    return truth, pd.DataFrame(rows, columns=["user_id", "item_id", "prediction"])


def test_measures_by_hand() -> None:
    truth, found = frames()
    assert measures.recall_at_k(truth, found, **NAMED, k=3) == pytest.approx(2 / 3)
    assert measures.ndcg_at_k(truth, found, **NAMED, k=3) == pytest.approx((1 + 1 / np.log2(4)) / 4)
    assert measures.map_at_k(truth, found, **NAMED, k=3) == pytest.approx((1 + 1 / 3) / 3)
    assert measures.recall_at_k(truth, found, **NAMED, k=2) == pytest.approx(1 / 3)


def test_measures_refuse_a_second_relevant_item() -> None:
    truth, found = frames()
    with pytest.raises(ValueError, match="more than one relevant item"):
        measures.ndcg_at_k(pd.concat([truth, truth.head(1)]), found, **NAMED, k=3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is empty"),
        ("1 2\n1 3 4\n", r":2: expected `user item`"),
        ("1 0\n", r":1: expected `user item`"),
        ("1 2\n1 3\n", "user 1 has fewer than three items"),
    ],
)
def test_files_that_cannot_be_read_are_refused(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "d.txt"
    path.write_text(text)
    with pytest.raises(pairs.RunError, match=expected):
        pairs.read(str(path))


def test_histories_are_all_but_the_last_items(tmp_path: Path) -> None:
    path = tmp_path / "d.txt"
    path.write_text("5 3\n5 1\n5 2\n2 4\n2 4\n2 1\n2 9\n")
    sequences = pairs.read(str(path))
    assert sequences == {5: [3, 1, 2], 2: [4, 4, 1, 9]}
    assert pairs.count_items(sequences) == 9
    rows, columns = pairs.histories(sequences)
    assert (rows.tolist(), columns.tolist()) == ([0, 0, 1, 1, 1], [2, 0, 3, 3, 0])


def test_the_last_position_that_counts_moves_to_the_end() -> None:
    mask = torch.tensor([[True, True, False, False], [False, True, True, True], [True, False, False, False]])
    targets = torch.tensor([[1, 2, 0, 0], [0, 3, 4, 5], [6, 0, 0, 0]])
    hidden = targets.unsqueeze(2).float().requires_grad_()
    moved, goals, counted = aligned(hidden, targets, mask)
    assert goals.tolist() == [[0, 0, 1, 2], [0, 3, 4, 5], [0, 0, 0, 6]]
    assert moved.squeeze(2).tolist() == [[0, 0, 1, 2], [0, 3, 4, 5], [0, 0, 0, 6]]
    assert counted.equal(goals > 0)


def test_losses_of_the_last_position_count_it_on_padding_at_the_right() -> None:
    """Without alignment only the rows without padding would be trained."""
    generator = torch.Generator().manual_seed(1)
    hidden, table = torch.randn(3, 4, 5, generator=generator), torch.randn(9, 5, generator=generator)
    mask = torch.arange(4) < torch.tensor([[2], [4], [1]])
    targets = torch.randint(1, 9, (3, 4), generator=generator) * mask
    last = mask.sum(1) - 1
    rows = torch.arange(3)
    expected = torch.nn.functional.cross_entropy(hidden[rows, last] @ table.T, targets[rows, last])
    moved, goals, counted = aligned(hidden, targets, mask)
    assert in_torch.ce_last(moved, table, goals, counted).item() == pytest.approx(expected.item(), rel=1e-6)
    assert in_torch.ce_all(moved, table, goals, counted).item() == pytest.approx(
        in_torch.ce_all(hidden, table, targets, mask).item(), rel=1e-6
    )


def test_ranks_leave_out_what_the_batch_holds_of_a_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    collector = RankCollector({7: 2, 8: 1, 9: 3}, n_reserved=1)
    scores = np.array([[9.0, 5.0, 3.0, 4.0], [9.0, 5.0, 6.0, 7.0], [0.0, 5.0, 6.0, 7.0]])
    collector.add(np.array([7, 8, 9]), np.array([[1, 3], [2, 0], [3, 2]]), scores)
    collector.write()
    assert collector.n_repeated == 1
    with np.load(tmp_path / "ranks-test.npz") as found:
        assert found["user"].tolist() == [7, 8, 9]
        # user 7: row 0 is a candidate, since nothing is padded; user 8: it is not; user 9 has its item in the history
        assert found["above_printed"].tolist() == [1, 1, 2]
        assert found["candidates_printed"].tolist() == [2, 2, 3]
        assert found["above_unseen"].tolist() == [0, 1, 0]
        assert found["above_all"].tolist() == [2, 2, 0]
        assert found["candidates_all"].tolist() == [3, 3, 3]
    assert probe.folder() == str(tmp_path)


def words(*arguments: str) -> set[str]:
    """The command line of the code base's script."""
    return set(run.words(run.parsed(["--data=d", "--dataset=d", "--out=o", *arguments])))


def test_a_loss_is_the_code_base_s_own_only_with_the_options_that_it_has() -> None:
    own = words("--model=sasrec", "--loss=bce", "--loss_options=k=4")
    assert {"+seqrec_module.loss=bce", "+dataset.num_negatives=4", "dataset.full_negative_sampling=True"} <= own
    assert not [word for word in own if word.startswith("+harness.loss")]
    other = words("--model=sasrec", "--loss=bce", "--loss_options=k=4,weighting=averaged")
    assert {'+harness.loss="bce"', '+harness.loss_options="k=4,weighting=averaged"'} <= other
    assert not [word for word in other if "negative" in word]
    masked = words("--model=bert4rec", "--loss=bce", "--loss_options=k=4")
    assert '+harness.loss="bce"' in masked


def test_more_negatives_than_items_and_a_last_batch_of_one_are_refused() -> None:
    options = run.parsed(["--data=d", "--dataset=d", "--out=o", "--model=sasrec", "--loss=sampled-ce"])
    few = {user: [1, 2, 3, 4] for user in range(129)}
    with pytest.raises(pairs.RunError, match="below 2, the items of the training, got 3000"):
        run.check(options, few)
    options.loss_options = "k=1"
    with pytest.raises(pairs.RunError, match="last batch of one"):
        run.check(options, few)


def test_a_cut_is_numbered_by_increasing_id() -> None:
    rows = [("10", "7"), ("10", "30"), ("2", "7")]
    assert core_cut.renumbered(rows) == [("2", "1"), ("2", "2"), ("1", "1")]


def test_the_one_file_of_an_archive_is_unpacked(tmp_path: Path) -> None:
    path, out = tmp_path / "a.zip", tmp_path / "a.txt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "1 2\n")
    unzipped.main(["--archive", str(path), "--out", str(out)])
    assert out.read_text() == "1 2\n"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("b.txt", "1 2\n")
    with pytest.raises(ValueError, match=r"holds 2 files, expected one: a\.txt, b\.txt"):
        unzipped.main(["--archive", str(path), "--out", str(out)])

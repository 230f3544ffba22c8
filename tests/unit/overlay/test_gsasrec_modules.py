"""The overlay's parts for the gsasrec code base that need neither it nor Keras: cuts, ranks, probabilities."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from overlay import core_cut
from overlay.gsasrec import run


def test_a_core_keeps_who_has_enough_among_those_who_stay(tmp_path: Path) -> None:
    """User 3 is removed, then item 9 with one interaction, and no other user."""
    rows = ["1 7", "1 8", "1 9", "2 7", "2 8", "3 9"]
    (tmp_path / "all.txt").write_text("\n".join(rows) + "\n")
    words = ["--data", str(tmp_path / "all.txt"), "--least", "2", "--out", str(tmp_path / "core.txt")]
    core_cut.main(words)
    assert (tmp_path / "core.txt").read_text().split("\n")[:-1] == ["1 7", "1 8", "2 7", "2 8"]
    with pytest.raises(ValueError, match="nobody has 5"):
        core_cut.main([*words[:3], "5", *words[4:]])


def test_unknown_models_and_abbreviations_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data=d", "--dataset=beauty", "--out=o"]
    assert run.parsed([*words, "--model=sasrec"]).patience == 200
    for unexpected in (["--model=gru"], ["--model=sasrec", "--epoch=3"]):
        with pytest.raises(SystemExit):
            run.parsed([*words, *unexpected])
    assert "invalid choice: 'gru'" in capsys.readouterr().err


def test_probabilities_by_the_link_of_the_loss() -> None:
    watch = pytest.importorskip("overlay.gsasrec.watch", exc_type=ImportError)
    scores = np.array([0.0, np.log(3.0), 800.0])
    np.testing.assert_allclose(watch.probabilities(scores, "gbce"), [0.5, 0.75, 1.0])
    np.testing.assert_allclose(watch.probabilities(scores[:2], "mlm-ce"), [0.25, 0.75])


def test_ranks_and_calibration_of_users_as_their_scores_pass_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two users, three items; the first had item a, the second is tested with an item without training interactions."""
    watch = pytest.importorskip("overlay.gsasrec.watch", exc_type=ImportError)
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    listener = watch.Watch(SimpleNamespace(user="2", loss="bce"))
    listener.seen, listener.listed = {"1": {"a"}, "2": {"b"}}, 2
    truth = [SimpleNamespace(user_id="1", item_id="c"), SimpleNamespace(user_id="2", item_id="new")]
    system = SimpleNamespace(config=None, items=SimpleNamespace(size=lambda: 3))
    ranked = watch.RankCollector(listener, system, truth, extra=1)
    columns = {"a": 0, "b": 1, "c": 2}
    ranked.add("1", columns, np.array([5.0, 1.0, 2.0]))
    ranked.add("2", columns, np.array([0.0, 1.0, -1.0]))
    ranked.write()
    with np.load(tmp_path / "ranks-test.npz") as file:
        assert file["user"].tolist() == [1, 2]
        assert file["above_printed"].tolist() == [0, 2]
        assert file["candidates_printed"].tolist() == [2, 3]
        assert file["above_all"].tolist() == [1, 3]
        protocol = json.loads(str(file["protocol"]))
        assert (protocol["n_cold"], protocol["listed"]) == ("1", "2 of the best 3")
    events = {e["event"]: e for e in map(json.loads, (tmp_path / "events.jsonl").read_text().splitlines())}
    assert events["probabilities"]["user"] == "2"
    assert events["probabilities"]["sum"] == pytest.approx(0.5 + 1 / (1 + np.exp(-1)) + 1 / (1 + np.exp(1)))
    assert events["calibration"]["precision"][:2] == [0.5, 0.25]
    assert events["calibration"]["probability"][0] == pytest.approx((1 / (1 + np.exp(-2)) + 0.5) / 2)

"""The probe's count of ranks where scores are not numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from overlay import probe

NAN = float("nan")


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([[NAN, NAN, NAN, 0.1]], "candidate"),
        ([[0.3, 0.2, NAN, 0.1], [0.3, 0.2, 0.5, 0.1]], "candidate"),
        ([[0.3, 0.2, 0.5, NAN]], "held-out item"),
    ],
)
def test_a_score_that_is_no_number_ends_the_run_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scores: list[list[float]], message: str
) -> None:
    """Candidates with NaN ranked below the held-out item: HIT@10 was 1.0, and its claim supported."""
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    with pytest.raises(ValueError, match=f"the score of a {message} is not a number"):
        probe.count_ranks(np.array(scores), np.full(len(scores), 3))
    event = json.loads((tmp_path / "events.jsonl").read_text())
    assert (event["event"], event["reason"]) == ("fault", f"probe: the score of a {message} is not a number")


def test_what_is_no_candidate_may_have_any_score() -> None:
    scores = np.array([[NAN, 0.2, -np.inf, 0.1]])
    above, tied, candidates = probe.count_ranks(scores, np.array([3]), np.array([[False, True, True, False]]))
    assert (above.tolist(), tied.tolist(), candidates.tolist()) == ([1], [1], [3])

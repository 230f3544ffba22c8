"""Which runs count: every way to leave less than a proof and a rank for each user is a fault with its class."""

from __future__ import annotations

import json
import math
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import DONE, EVENTS, PROTOCOL, left, run, write_events, write_ranks

from harness.core.errors import MetricsError
from harness.core.files import sha256_file
from harness.executors.base import Outcome
from harness.executors.run_folder import RunFolder
from harness.runs.plan import Run
from harness.runs.probe_output import read_events, read_ranks
from harness.runs.record import build_record
from harness.runs.record_model import parse_record
from harness.runs.validation import Fault, ended, marks, validate_run


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return left(tmp_path / "run")


def fault(folder: RunFolder, outcome: Outcome = DONE, of: Run | None = None) -> Fault:
    found = validate_run(of or run(), folder, outcome).fault
    assert found is not None
    return found


def without(kind: str, *more: dict[str, Any]) -> list[dict[str, Any]]:
    return [*(e for e in EVENTS if e["event"] != kind), *more]


def test_a_run_with_all_its_proofs_counts(folder: RunFolder) -> None:
    found = validate_run(run(), folder, DONE)
    assert (found.fault, list(found.disagreements)) == (None, [])
    assert found.last("end")["epochs"] == 7
    assert found.last("nothing") == {}


def test_a_run_that_ends_badly_failed_whatever_it_left(folder: RunFolder) -> None:
    assert fault(folder, Outcome(1, 5.0)) == Fault("training", "ended with status 1")
    assert fault(folder, Outcome(-11, 5.0)) == Fault("training", "killed by SIGSEGV")


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("probe: the score of a candidate is not a number", "metrics"),
        ("probe: the loss of the first batch is nan", "training"),
        ("mine.py:focal returned nan on the first batch", "training"),
    ],
)
def test_scores_that_are_not_numbers_are_a_fault_of_metrics(folder: RunFolder, reason: str, kind: str) -> None:
    write_events(folder, [*EVENTS, {"event": "fault", "reason": reason}])
    assert fault(folder, Outcome(1, 5.0)) == Fault(kind, reason)  # type: ignore[arg-type]


def test_a_timeout_is_told_before_the_signal_that_it_sent(folder: RunFolder) -> None:
    found = fault(folder, Outcome(-signal.SIGTERM, 60.4, timed_out=True))
    assert found == Fault("training", "timed out after 60 s")


def test_why_an_executor_ended_a_run_is_told_first(folder: RunFolder) -> None:
    write_events(folder, [*EVENTS, {"event": "fault", "reason": "what the run says of itself"}])
    found = fault(folder, Outcome(-9, 5.0, timed_out=True, reason="out of memory: its limit is 16384 MB"))
    assert found == Fault("training", "out of memory: its limit is 16384 MB")
    assert fault(folder, Outcome(0, 5.0, reason="left 'x', a link")).reason == "left 'x', a link"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (2, "ended with status 2"),
        (137, "ended with status 137 (killed, possibly out of memory)"),
        (-9, "killed by SIGKILL (out of memory?)"),
        (-15, "killed by SIGTERM"),
        (-63, "killed by 63"),
    ],
)
def test_an_exit_status_in_words(status: int, words: str) -> None:
    assert ended(status) == words


def test_another_network_than_asked_for(folder: RunFolder) -> None:
    assert fault(folder, of=run(model="deep")) == Fault("patch", "asked for model deep, the probe reports net")
    write_events(folder, without("model"))
    assert fault(folder) == Fault("patch", "asked for model net, the probe reports None")


@pytest.mark.parametrize(
    ("proof", "message"),
    [
        ([{"event": "loss", "computed": ["ce-all", "ce-last"]}], "ce-all or ce-last"),
        ([{"event": "loss", "computed": []}], "no known loss"),
        ([{"event": "loss", "name": "bce"}], "nothing"),
        ([], "nothing"),
    ],
)
def test_another_loss_than_asked_for(folder: RunFolder, proof: list[dict[str, Any]], message: str) -> None:
    write_events(folder, without("loss", *proof))
    assert fault(folder) == Fault("patch", f"asked for loss bce, the first batch was trained with {message}")


def test_a_floor_needs_no_proof_of_a_loss(folder: RunFolder) -> None:
    write_events(folder, without("loss"))
    assert validate_run(run(proof=""), folder, DONE).fault is None


@pytest.mark.parametrize("reported", [None, "0" * 64, "right, but gone"])
def test_a_checkpoint_that_was_not_loaded(folder: RunFolder, reported: str | None) -> None:
    """The last case used to end the harness in a FileNotFoundError, and the other runs with it."""
    weights = folder.out / "weights.pt"
    weights.write_bytes(b"weights")
    if reported == "right, but gone":
        reported = sha256_file(weights)
        weights.unlink()
    write_events(folder, without("model", {"event": "model", "name": "net", "checkpoint_sha256": reported}))
    assert fault(folder, of=run(checkpoint="weights.pt")) == Fault("patch", "the pre-trained checkpoint was not loaded")


def test_a_checkpoint_that_was_loaded(folder: RunFolder) -> None:
    weights = folder.out / "weights.pt"
    weights.write_bytes(b"weights")
    write_events(folder, without("model", {"event": "model", "name": "net", "checkpoint_sha256": sha256_file(weights)}))
    assert validate_run(run(checkpoint="weights.pt"), folder, DONE).fault is None


@pytest.mark.parametrize("text", ["nan", "inf", "n/a", None])
def test_a_metric_that_is_no_number_fails_the_run(folder: RunFolder, text: str | None) -> None:
    write_events(folder, without("printed", {"event": "printed", "metrics": {"HIT@10": text}}))
    assert fault(folder) == Fault("metrics", f"the upstream printed HIT@10 {text}")


def test_a_run_that_printed_nothing(folder: RunFolder) -> None:
    write_events(folder, without("printed"))
    assert fault(folder) == Fault("metrics", "the probe saw no printed test metrics")


def test_a_wrong_number_of_users(folder: RunFolder) -> None:
    assert fault(folder, of=run(users=5)) == Fault("metrics", "ranks of 4 users, expected 5")


def test_a_user_twice(folder: RunFolder) -> None:
    write_ranks(folder, user=[1, 2, 3, 3])
    assert fault(folder) == Fault("metrics", "a user has more than one rank")


@pytest.mark.parametrize(
    "columns",
    [{"above_printed": [0, 9, 3, -1]}, {"tied_printed": [1, 0, 1, 1]}, {"above_printed": [0, 9, 3, 20]}],
    ids=["below 0", "not tied with itself", "above all"],
)
def test_impossible_ranks(folder: RunFolder, columns: dict[str, list[int]]) -> None:
    write_ranks(folder, **columns)
    assert fault(folder) == Fault("metrics", "ranks outside the number of candidates")


def test_missing_ranks(folder: RunFolder) -> None:
    folder.ranks("test").unlink()
    found = fault(folder)
    assert found.kind == "metrics"
    assert found.reason.startswith("ranks-test.npz: is not valid: ")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"above_printed": [0, 9, math.nan, 10]}, "above_printed is float64, expected integers"),
        ({"tied_printed": [1, 1, 1]}, "its columns differ in length"),
        ({"candidates_printed": 20}, "its columns differ in length"),
        ({"above_printed": None}, "above_printed"),
        ({"protocol": "{"}, "is not valid"),
        ({"user": np.array([1, 2, 3, None])}, "allow_pickle"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_ranks_that_cannot_be_used(folder: RunFolder, columns: dict[str, Any], message: str) -> None:
    """A NaN among ranks used to become the smallest integer with a warning."""
    write_ranks(folder, **columns)
    with pytest.raises(MetricsError, match=message):
        read_ranks(folder.ranks("test"))
    assert fault(folder).kind == "metrics"


def test_ranks_damaged_anywhere_are_refused_or_right(folder: RunFolder) -> None:
    """Cut off or with a flipped byte; zlib's own error used to pass."""
    path = folder.ranks("test")
    whole, right = path.read_bytes(), read_ranks(folder.ranks("test"))
    damaged = [whole[:n] for n in range(0, len(whole), 40)]
    damaged += [whole[:n] + bytes([whole[n] ^ 0xFF]) + whole[n + 1 :] for n in range(len(whole))]
    refused = 0
    for raw in damaged:
        path.write_bytes(raw)
        try:
            found = read_ranks(path)
        except MetricsError:
            refused += 1
        else:
            assert (found.above == right.above).all()
    assert refused > len(damaged) / 2


def test_ranks_of_a_view(folder: RunFolder) -> None:
    write_ranks(folder, above_unseen=[0, 1, 2, 3], tied_unseen=[1] * 4, candidates_unseen=[9] * 4)
    assert read_ranks(folder.ranks("test"), "unseen").above.tolist() == [0, 1, 2, 3]
    with pytest.raises(MetricsError):
        read_ranks(folder.ranks("test"), "all")


SAMPLED_COLUMNS = {"above_sampled": [0, 0, 1, 2], "tied_sampled": [1] * 4, "candidates_sampled": [101] * 4}
SAMPLED_WORDS = {"sampled.split": "leave-one-out", "sampled.ranking": "sampled"}


def test_ranks_of_another_protocol_have_words_of_their_own(folder: RunFolder) -> None:
    write_ranks(folder, protocol=json.dumps({**PROTOCOL, **SAMPLED_WORDS}), **SAMPLED_COLUMNS)
    found = read_ranks(folder.ranks("test"))
    assert found.protocol == PROTOCOL
    assert found.views["sampled"].protocol == {"split": "leave-one-out", "ranking": "sampled"}
    assert found.views["sampled"].above.tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize(
    ("words", "columns", "message"),
    [
        (SAMPLED_WORDS, SAMPLED_COLUMNS, ""),
        (SAMPLED_WORDS, {}, "its recipe asks for sampled ranks, it has none"),
        ({}, SAMPLED_COLUMNS, "its recipe says sampled ranking: sampled, its ranks report full"),
        (
            SAMPLED_WORDS,
            {**SAMPLED_COLUMNS, "above_sampled": [-5, 0, 1, 2]},
            "sampled ranks outside the number of candidates",
        ),
        (
            SAMPLED_WORDS,
            {**SAMPLED_COLUMNS, "above_sampled": [0] * 4, "tied_sampled": [101] * 4},
            "sampled scores are constant: at least 90 % of the candidates tie with the held-out item "
            "for 100 % of the users",
        ),
    ],
)
def test_a_recipe_with_sampled_metrics_needs_sampled_ranks(
    folder: RunFolder, words: dict[str, str], columns: dict[str, Any], message: str
) -> None:
    write_ranks(folder, protocol=json.dumps({**PROTOCOL, **words}), **columns)
    of = run(protocols={"sampled": {"split": "leave-one-out", "ranking": "sampled", "seen": "come last"}})
    found = validate_run(of, folder, DONE).fault
    assert (found.reason if found else "") == message


def test_printed_metrics_that_do_not_follow_from_the_ranks_are_flagged(folder: RunFolder) -> None:
    write_events(folder, without("printed", {"event": "printed", "metrics": {"HIT@10": "0.7600", "other": "9"}}))
    found = validate_run(run(), folder, DONE)
    assert found.fault is None
    assert list(found.disagreements) == ["HIT@10: upstream printed 0.7600, its ranks give 0.750000"]


def test_the_first_fault_is_the_most_telling(folder: RunFolder) -> None:
    folder.ranks("test").unlink()
    write_events(folder, [])
    assert fault(folder, Outcome(1, 1.0)).kind == "training"
    assert fault(folder).kind == "patch"
    assert fault(folder, of=run(model=None, proof="")).kind == "metrics"


@pytest.mark.parametrize("rest", [b'{"event": "epoch", "va', b'{"event": "caf\xc3', b"\0\0\0", b""])
def test_a_last_event_that_was_cut_off_is_left_out(folder: RunFolder, rest: bytes) -> None:
    """Cut inside of a letter of two bytes, it used to end the harness in a UnicodeDecodeError."""
    with folder.events.open("ab") as file:
        file.write(rest)
    assert read_events(folder.events) == list(EVENTS)


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ('{"event": "printed", "metrics": [1]}', None),
        ('{"event": "loss", "computed": 7}', None),
        ('{"event": "end", "epochs": "many"}', None),
        ('{"event": "end", "epochs": 7.5}', None),
        ('{"event": "end", "best_epoch": -3}', None),
        ('{"event": "end", "epochs": true}', None),
        ('{"event": "end", "peak_memory_mb": -1}', None),
        ('{"event": "loss", "computed": [7]}', None),
        ("[1, 2]", None),
        ("7", None),
        ('{"event": "model", "name": "\\ud800"}', None),
        ('{"event": "end", "peak_memory_mb": null}', {"event": "end", "peak_memory_mb": None}),
        ('{"event": "x", "value": 1e999}', {"event": "x", "value": "1e999"}),
        ('{"event": "x", "value": -0.5}', {"event": "x", "value": -0.5}),
        ('{"event": "x", "value": ' + "9" * 400 + "}", {"event": "x", "value": "9" * 400}),
    ],
)
def test_what_no_probe_writes_is_left_out(folder: RunFolder, line: str, kept: dict[str, Any] | None) -> None:
    """A run that means harm once could end the harness by it."""
    write_events(folder, [])
    with folder.events.open("a") as file:
        file.write(f'{line}\n{{"event": "after"}}\n')
    assert read_events(folder.events) == [*([kept] if kept else []), {"event": "after"}]
    validate_run(run(), folder, DONE)


def test_an_endless_nesting_ends_the_events_and_not_the_harness(folder: RunFolder) -> None:
    with folder.events.open("a") as file:
        file.write("[" * 1_000_000)
    assert read_events(folder.events) == list(EVENTS)


@pytest.mark.parametrize("text", ["0e999999999", "1e-999999999", "nan", "", "-inf"])
def test_a_metric_that_nobody_can_reckon_with_is_a_fault(folder: RunFolder, text: str) -> None:
    write_events(folder, without("printed", {"event": "printed", "metrics": {"HIT@10": text}}))
    assert fault(folder).kind == "metrics"


def test_while_a_run_goes_on_no_link_or_pipe_of_its_is_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('{"event": "secret"}\n')
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        assert read_events(tmp_path / name, live=True) == []
    assert len(read_events(tmp_path / "secret", live=True)) == 1


def test_ranks_that_grow_when_they_are_unpacked_are_refused(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.runs.probe_output.MOST_ARRAY", 200)
    with pytest.raises(MetricsError, match="too large to read"):
        read_ranks(folder.ranks("test"))


def test_a_folder_without_events_has_none(tmp_path: Path) -> None:
    assert read_events(tmp_path / "events.jsonl") == []


def test_a_loss_that_is_no_number_can_be_recorded(folder: RunFolder) -> None:
    """NaN in an event used to end the harness when the record was written."""
    with folder.events.open("a") as file:
        file.write('{"event": "loss", "t": 3, "computed": ["bce"], "value": NaN, "all": {"bce": -Infinity}}\n')
    evidence = validate_run(run(), folder, DONE)
    made = build_record(run(), {}, DONE, evidence, {})
    assert made["proof"] == {"computed": ["bce"], "value": "NaN", "all": {"bce": "-Infinity"}}
    json.dumps(made, allow_nan=False)


def test_a_record_says_what_went_in_and_how_it_ended(folder: RunFolder) -> None:
    made = build_record(run(), {"split": "s"}, DONE, validate_run(run(), folder, DONE), {"machine": "m"})
    assert (made["status"], made["fault"], made["exit_status"], made["seconds"]) == ("finished", None, 0, 12.346)
    assert (made["inputs"], made["protocol"], made["resolved"]) == (run().inputs, {"split": "s"}, {"machine": "m"})
    assert made["network"] == {"name": "net", "parameters": 10}
    assert (made["printed"], made["disagreements"]) == ({"HIT@10": "0.7500"}, [])
    failed = build_record(run(), {}, Outcome(1, 1.0), validate_run(run(), folder, Outcome(1, 1.0)), {})
    assert (failed["status"], failed["fault"]) == ("failed", {"kind": "training", "reason": "ended with status 1"})


def test_what_the_overlay_says_of_a_loss_is_told_before_all_that_follows_from_it(folder: RunFolder) -> None:
    message = {"event": "fault", "reason": "mine.py:focal returned nan\n on the first batch"}
    write_events(folder, [EVENTS[0], message])
    expected = Fault("training", "mine.py:focal returned nan on the first batch")
    assert fault(folder, Outcome(1, 5.0)) == expected
    assert fault(folder, Outcome(-9, 5.0, timed_out=True)) == expected
    assert fault(folder) == expected


@pytest.mark.parametrize(
    ("asked", "used", "message"),
    [
        ({"t": "0.75"}, {"k": 256, "t": 0.75}, ""),
        ({"t": "1"}, {"t": 1.0}, ""),
        ({"average": "sequences"}, {"average": "sequences"}, ""),
        ({}, {"t": 0.0}, ""),
        ({"t": "0.75"}, {"t": 0.0}, "asked for bce with t=0.75, the first batch was trained with t=0.0"),
        ({"t": "0.75", "k": "5"}, {"t": 0.75}, "asked for bce with k=5, the first batch was trained with no k"),
        ({"k": "5", "t": "1"}, {"k": 6}, "asked for bce with k=5, t=1, the first batch was trained with k=6, no t"),
        ({"average": "sequences"}, None, "with average=sequences, the first batch was trained with no average"),
    ],
)
def test_options_of_the_loss_are_those_asked_for(
    folder: RunFolder, asked: dict[str, str], used: dict[str, Any] | None, message: str
) -> None:
    write_events(folder, without("loss", {"event": "loss", "computed": ["bce"], "options": used}))
    found = validate_run(run(loss_options=asked), folder, DONE).fault
    assert (found.kind == "patch" and message in found.reason) if message and found else (found is None and not message)


LOADED = {"__init__.py": "i", "probe.py": "p", "losses.py": "l"}


def modules(**files: Any) -> dict[str, Any]:
    """The probe's event, with files by name without `.py`."""
    return {"event": "modules", "files": {f"{name}.py": digest for name, digest in files.items()}}


def test_a_run_that_loaded_what_its_key_names_counts(folder: RunFolder) -> None:
    write_events(folder, [*EVENTS, modules(probe="p"), modules(losses="l")])
    found = validate_run(run(modules=LOADED), folder, DONE)
    assert (found.fault, found.modules) == (None, {"probe.py": "p", "losses.py": "l"})
    assert build_record(run(modules=LOADED), {}, DONE, found, {})["modules"] == found.modules


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (modules(probe="p", other="o"), "loaded other.py of the overlay, which its key does not cover: import it by"),
        (modules(a="", b="", c="", d="", e=""), "loaded a.py, b.py, c.py and 2 more of the overlay, which"),
        (modules(**{"x\ny": "o"}), "loaded x y.py of the overlay, which"),
        (modules(probe="p", losses="x"), "loaded losses.py of the overlay with other content than its key covers"),
        (modules(probe="p", losses=None), "loaded losses.py of the overlay with other content than its key covers"),
        (modules(), "the probe did not report which modules of the overlay were loaded"),
        ({"event": "modules", "files": None}, "the probe did not report which modules"),
        ({"event": "modules", "files": 3}, "the probe did not report which modules"),
    ],
)
def test_a_run_that_loaded_another_module_failed(folder: RunFolder, event: dict[str, Any], message: str) -> None:
    write_events(folder, [*EVENTS, event])
    found = fault(folder, of=run(modules=LOADED))
    assert found.kind == "patch"
    assert found.reason.startswith(message)


def test_a_run_that_may_not_load_the_probe_need_not_report_modules(folder: RunFolder) -> None:
    assert validate_run(run(modules={"losses.py": "l"}), folder, DONE).fault is None


def test_weights_made_with_a_module_that_no_key_names_are_no_weights(folder: RunFolder) -> None:
    stage = run(produces="weights.pt", modules=LOADED)
    (folder.out / "weights.pt").write_bytes(b"weights")
    assert validate_run(stage, folder, DONE).fault is None
    write_events(folder, [modules(other="o")])
    assert fault(folder, of=stage).reason.startswith("loaded other.py of the overlay")


def test_a_renamed_command_is_kept_beside_the_one_that_was_hashed(folder: RunFolder) -> None:
    renamed = run(words=("python", "-m", "harness_overlay.new"))
    assert build_record(renamed, {}, DONE, validate_run(renamed, folder, DONE), {})["command"] == list(renamed.words)
    assert "command" not in build_record(run(), {}, DONE, validate_run(run(), folder, DONE), {})


@pytest.mark.parametrize(
    ("reported", "message"),
    [
        ({"split": "leave-one-out", "ranking": "full"}, ""),
        ({"split": "test", "ranking": "full", "seen": "in its own words"}, ""),
        ({"split": "leave-one-out", "ranking": "sampled"}, "its recipe says ranking: full, its ranks report sampled"),
        ({"split": "validation", "ranking": "full"}, "split: leave-one-out, its ranks report validation"),
        ({}, "its recipe says split: leave-one-out, its ranks report nothing"),
    ],
)
def test_ranks_of_another_protocol_than_the_recipe_s_fail(
    folder: RunFolder, reported: dict[str, str], message: str
) -> None:
    """Sampled ranks stood under the signature `ranking:full`."""
    write_ranks(folder, protocol=json.dumps(reported))
    of = run(protocol={"split": "leave-one-out", "ranking": "full", "seen": "zeroed, as the code base does"})
    validated = validate_run(of, folder, DONE)
    found = validated.fault
    assert (
        (found.kind == "metrics" and message in found.reason) if message and found else (found is None and not message)
    )
    assert build_record(of, of.protocol, DONE, validated, {})["status"] == "finished"  # for a recipe with this protocol


@pytest.mark.parametrize(("n_constant", "fails"), [(4, True), (3, False), (0, False)])
def test_constant_scores_fail_the_run(folder: RunFolder, n_constant: int, fails: bool) -> None:
    """They gave 0.0000 or 1.0000, as the tie rule would have it, and a verdict with p < 0.001."""
    tied = [20] * n_constant + [1] * (4 - n_constant)
    write_ranks(folder, above_printed=[0] * 4, tied_printed=tied)
    write_events(folder, without("printed", {"event": "printed", "metrics": {"loss": "0.1"}}))
    found = validate_run(run(), folder, DONE).fault
    assert (found is not None) == fails
    if found:
        assert found.reason.startswith("scores are constant: at least 90 % of the candidates tie")


@pytest.mark.parametrize("loss", ["nan", "inf", "-inf"])
def test_an_epoch_whose_loss_is_no_number_fails_the_run(folder: RunFolder, loss: str) -> None:
    """A loss that was NaN in each epoch, or on one batch of an epoch, gave a finished run."""
    write_events(folder, [*EVENTS[:3], {"event": "epoch", "epoch": 1, "loss": loss}, *EVENTS[3:]])
    assert fault(folder) == Fault("training", f"the training loss of epoch 1 is {loss}")


def test_what_the_probe_saw_of_all_epochs_is_recorded_and_judged(folder: RunFolder) -> None:
    first = {"event": "training", "nonfinite": 0, "moved": False}
    write_events(folder, [*EVENTS, first, {"event": "training", "nonfinite": 3, "moved": True}])
    assert fault(folder) == Fault("training", "the loss of a batch was not a finite number in 3 epochs")
    write_events(folder, [*EVENTS, first, {"event": "training", "nonfinite": 0, "moved": False}])
    found = validate_run(run(), folder, DONE)
    assert found.fault is None
    record = parse_record(build_record(run(), {}, DONE, found, {}))
    assert marks(record) == ("the weights never moved",)
    assert marks(parse_record(build_record(run(), {}, DONE, validate_run(run(), left(folder.path), DONE), {}))) == ()


def test_a_loss_without_gradient_is_a_mark(folder: RunFolder) -> None:
    """A loss that is 0 everywhere trained nothing, and its values stood in the table."""
    write_events(folder, without("loss", {"event": "loss", "computed": ["bce"], "positions": 0}))
    (mark,) = marks(parse_record(build_record(run(), {}, DONE, validate_run(run(), folder, DONE), {})))
    assert mark == "the loss of the first batch has no gradient at any position"


def test_that_no_printed_metric_could_be_checked_is_a_mark(folder: RunFolder) -> None:
    write_events(folder, without("printed", {"event": "printed", "metrics": {"AUC": "0.9"}}))
    found = validate_run(run(), folder, DONE)
    (mark,) = marks(parse_record(build_record(run(), {}, DONE, found, {})))
    assert mark == "no printed metric could be checked against the ranks: none of AUC follows from ranks"


def test_how_many_items_a_run_ranks_is_read_where_it_is_told(folder: RunFolder) -> None:
    assert read_ranks(folder.ranks("test")).items == 0
    write_ranks(folder, candidates_all=[733] * 4)
    assert read_ranks(folder.ranks("test")).items == 733


@pytest.mark.parametrize("training", [{"nonfinite": "many", "moved": True}, {"nonfinite": -1}, {"moved": "no"}])
def test_an_event_about_training_that_cannot_be_read_is_a_fault(folder: RunFolder, training: dict[str, Any]) -> None:
    write_events(folder, [*EVENTS, {"event": "training", **training}])
    assert "its event `training` has" in fault(folder).reason

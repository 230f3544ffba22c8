"""Validates the output of a run; a run without output is not a success.

A run is valid only if its command ended with 0, its ranks cover the users that the recipe states, and the probe
verifies the requested network and loss. Metrics that disagree with the ranks are flagged, not dropped.

This is the only module that judges runs: when a run ends (`validate_run`, for every executor), and each time
its record is read (`record_fault`), by the same rules (`reported_faults`) and together with other runs of its dataset
(`rank_faults.peer_fault`).
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from harness.core.errors import MetricsError
from harness.core.files import sha256_file
from harness.core.results import Ranks
from harness.executors.base import Outcome
from harness.executors.run_folder import RunFolder
from harness.runs.plan import Run
from harness.runs.probe_output import is_number, read_events, read_ranks
from harness.runs.rank_faults import peer_fault, protocol_faults, rank_faults, score_faults
from harness.runs.record_labels import label_fault
from harness.runs.record_model import Fault, StoredRecord, key_fault
from harness.runs.training_faults import training_faults
from harness.stats.comparability import Shared
from harness.stats.metrics import agrees_with_printed, unchecked

PROBE = "probe.py"  # the module that reports which modules were loaded
#: The probe's message when it stops a run because of its scores, not its training.
SCORE_FAULT = re.compile(r"probe: the score of .* is not a number")


@dataclass(frozen=True)
class Validation:
    """The output of a run, judged.

    Attributes:
        disagreements: printed metrics that disagree with the ranks.
        events: of the probe, in order.
    """

    fault: Fault | None
    events: Sequence[Mapping[str, Any]]
    disagreements: Sequence[str] = ()

    @property
    def modules(self) -> dict[str, Any]:
        """SHA-256 by name of the overlay modules loaded in all of the run's processes."""
        return {n: d for e in self.events if e.get("event") == "modules" for n, d in (e.get("files") or {}).items()}

    def last(self, kind: str) -> Mapping[str, Any]:
        """The last event of a kind, empty if there was none."""
        return next((e for e in reversed(self.events) if e.get("event") == kind), {})

    @property
    def printed(self) -> dict[str, str]:
        """The test metrics that the upstream printed, as text."""
        return {str(name): str(text) for name, text in (self.last("printed").get("metrics") or {}).items()}


@dataclass(frozen=True)
class Reported:
    """The report of a run: from its events when it ends, later from its record.

    Attributes:
        network, proof: the probe's facts of the network and of the first batch's loss; may be empty.
        training: its facts of all epochs, see docs/records.md; empty in older records.
        ranks: of the test split, or the error why there are none.
    """

    network: Mapping[str, Any]
    proof: Mapping[str, Any]
    training: Mapping[str, Any]
    printed: Mapping[str, str]
    ranks: Ranks | MetricsError


def validate_run(run: Run, folder: RunFolder, outcome: Outcome) -> Validation:
    """The output of a run, with the first fault found."""
    events = read_events(folder.events)
    if run.produces:
        return Validation(next(stage_faults(run, folder, outcome, Validation(None, events)), None), events)
    try:
        ranks: Ranks | MetricsError = read_ranks(folder.ranks("test"))
    except MetricsError as error:
        ranks = error
    fault = next(faults(run, folder, outcome, events, ranks), None)
    if fault is not None or isinstance(ranks, MetricsError):
        return Validation(fault, events)
    return Validation(None, events, disagreements(ranks, Validation(None, events).printed))


def record_fault(
    run: Run | None,
    record: StoredRecord,
    content: Mapping[str, Any],
    ranks: Ranks | MetricsError,
    common: Shared | None = None,
) -> str:
    """Why a stored record is not valid, "" if it is.

    Args:
        run: the planned run; None to check a record alone, which finds fewer faults.
        content: the record as read, before typing.
        common: shared properties of its dataset's runs; None to judge it alone.
    """
    if damage := key_fault(record, content):
        return f"damaged record: {damage}"
    if record.fault:
        return f"{record.fault.kind}: {record.fault.reason}"
    asked = run or run_of(record, content["inputs"], ranks)
    if not (run.produces if run else record.weights):  # otherwise it makes weights for other runs and has no ranks
        overlay_message = (record.network or {}, record.proof or {}, record.training or {}, record.printed or {})
        for fault in reported_faults(asked, Reported(*overlay_message, ranks)):
            return fault.reason
    if other := label_fault(asked, record):
        return f"damaged record: {other}"
    return peer_fault(asked, ranks, common) if isinstance(ranks, Ranks) else ""


def disagreements(ranks: Ranks | None, printed: Mapping[str, str], recorded: Sequence[str] = ()) -> tuple[str, ...]:
    """The printed metrics of a run that disagree with its ranks, one line each.

    Args:
        ranks: None for a run without ranks, for which only its record is known.
        recorded: disagreements of its record, used if none are found here.
    """
    found = tuple(agrees_with_printed(ranks, printed)) if ranks else ()
    return found or tuple(recorded)


def marks(record: StoredRecord) -> tuple[str, ...]:
    """Caveats of a valid finished run, one line each."""
    if record.weights:
        return ()
    found = [unchecked(record.printed or {})]
    if (record.proof or {}).get("positions") == 0:
        found.append("the loss of the first batch has no gradient at any position")
    if (record.training or {}).get("moved") is False:
        found.append("the weights never moved")
    return tuple(filter(None, found))


def run_of(record: StoredRecord, inputs: Mapping[str, Any], ranks: Ranks | MetricsError) -> Run:
    """The run of a record by its own labels; its users and loss are taken from the record."""
    return Run(
        key=record.key, artifact=record.artifact, upstream=record.upstream, dataset=record.dataset,
        system=record.system, model=record.model, loss=record.loss, proof="", seed=record.seed,
        users=0 if isinstance(ranks, MetricsError) else len(ranks.users), checkpoint=None, epoch_cap=None,
        inputs=inputs, protocol=record.protocol,
    )  # fmt: skip


def faults(
    run: Run, folder: RunFolder, outcome: Outcome, events: Sequence[Mapping[str, Any]], ranks: Ranks | MetricsError
) -> Iterator[Fault]:
    """Faults of an ended run, the most specific first.

    Args:
        ranks: of the test split, or the error why there are none.
    """
    left = Validation(None, events)
    yield from outcome_faults(outcome, left.last("fault").get("reason"))
    yield from module_faults(run, left)
    model = left.last("model")
    yield from model_faults(run, model)
    if run.checkpoint and not loaded(folder.out / run.checkpoint, model):
        yield Fault("patch", "the pre-trained checkpoint was not loaded")
    yield from loss_faults(run, left.last("loss"))
    yield from unreported_modules(run, left)
    yield from epoch_faults(events)
    yield from reported_faults(run, Reported(model, left.last("loss"), left.last("training"), left.printed, ranks))


def reported_faults(run: Run, reported: Reported) -> Iterator[Fault]:
    """Faults of a run's report, the most specific first."""
    yield from model_faults(run, reported.network)
    yield from loss_faults(run, reported.proof)
    yield from training_faults(reported.training)
    if not reported.printed:
        yield Fault("metrics", "the probe saw no printed test metrics")
    for name in (name for name, text in reported.printed.items() if not is_number(text)):
        yield Fault("metrics", f"the upstream printed {name} {reported.printed[name]}")
    if isinstance(reported.ranks, MetricsError):
        yield Fault("metrics", f"{reported.ranks.where}: {reported.ranks.what}")
    else:
        views = {"": reported.ranks, **{f"{view} ": own for view, own in reported.ranks.views.items()}}
        for view, own in views.items():
            yield from rank_faults(run, own, view)
        yield from protocol_faults(run, reported.ranks)
        for view, own in views.items():
            yield from score_faults(own, view)


def outcome_faults(outcome: Outcome, overlay_message: Any = None) -> Iterator[Fault]:
    """Faults of a command's end; `message` is the overlay's message, if any."""
    if outcome.reason:
        yield Fault("training", outcome.reason)
    if overlay_message:
        yield Fault(
            "metrics" if SCORE_FAULT.match(str(overlay_message)) else "training", " ".join(str(overlay_message).split())
        )
    if outcome.timed_out:
        yield Fault("training", f"timed out after {outcome.seconds:.0f} s")
    if outcome.status != 0:
        yield Fault("training", ended(outcome.status))


def stage_faults(run: Run, folder: RunFolder, outcome: Outcome, reported: Validation) -> Iterator[Fault]:
    """Faults of a run that makes weights for others: it has no ranks, only a file."""
    yield from outcome_faults(outcome)
    yield from module_faults(run, reported)
    if not (folder.out / run.produces).is_file():
        yield Fault("training", f"left no {run.produces}")


def module_faults(run: Run, reported: Validation) -> Iterator[Fault]:
    """Faults of loaded overlay modules that the run's key does not cover."""
    loaded = reported.modules
    if outside := sorted(set(loaded) - set(run.modules)):
        what = f"loaded {first_of(outside)} of the overlay, which its key does not cover"
        fix = "import it by a statement, or in an inserted line of the patch series"
        yield Fault("patch", f"{what}: {fix}")
    if changed := sorted(name for name, digest in loaded.items() if run.modules.get(name, digest) != digest):
        yield Fault("patch", f"loaded {first_of(changed)} of the overlay with other content than its key covers")


def unreported_modules(run: Run, reported: Validation) -> Iterator[Fault]:
    """The fault of a run that may load the probe but did not report its loaded modules."""
    if any(PurePosixPath(name).name == PROBE for name in run.modules) and not reported.modules:
        yield Fault("patch", "the probe did not report which modules of the overlay were loaded")


def first_of(names: Sequence[str]) -> str:
    """The first three names of a list, each on one line, and how many more there are."""
    return ", ".join(" ".join(name.split())[:80] for name in names[:3]) + (
        f" and {len(names) - 3} more" if len(names) > 3 else ""
    )


def ended(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"ended with status {status}" + (" (killed, possibly out of memory)" if status == 137 else "")
    name = signal.Signals(-status).name if -status in set(signal.Signals) else str(-status)
    return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def model_faults(run: Run, model: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults of the verification of the network."""
    if model.get("name") != run.model:
        yield Fault("patch", f"asked for model {run.model}, the probe reports {model.get('name')}")


def loss_faults(run: Run, event: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults of the verification of the loss: another loss, or other options."""
    computed = event.get("computed")
    if run.proof and (computed is None or run.proof not in computed):
        found = "no known loss" if computed == [] else "nothing" if computed is None else " or ".join(computed)
        yield Fault("patch", f"asked for loss {run.proof}, the first batch was trained with {found}")
    used = event.get("options") or {}
    differing = [name for name, value in run.loss_options.items() if not same(value, used.get(name))]
    if run.proof and differing:
        asked = ", ".join(f"{name}={run.loss_options[name]}" for name in differing)
        found = ", ".join(f"{name}={used[name]}" if name in used else f"no {name}" for name in differing)
        yield Fault("patch", f"asked for {run.loss} with {asked}, the first batch was trained with {found}")


def same(asked: str, reported: Any) -> bool:
    """Whether an option was used as requested: equal text or equal number."""
    if str(reported) == asked:
        return True
    try:
        return float(str(reported)) == float(asked)
    except ValueError:
        return False


def loaded(checkpoint: Path, model: Mapping[str, Any]) -> bool:
    """Whether the network reports the provided weights, and the file still exists."""
    return checkpoint.is_file() and model.get("checkpoint_sha256") == sha256_file(checkpoint)


def epoch_faults(events: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    """Faults of the training curve: an epoch's loss that is not finite, e.g. because of a single bad batch."""
    for event in events:
        if event.get("event") == "epoch" and event.get("loss") is not None and not is_number(event["loss"]):
            yield Fault("training", f"the training loss of epoch {event.get('epoch')} is {event['loss']}")

"""What a run left behind, and whether it can be trusted; silent is not success.

A run counts only if its command ended with 0, its ranks cover the users that the recipe states, and the probe proves
the network and the loss that were asked for. Metrics that do not follow from the ranks are flagged, not dropped.

This is the one place that judges: when a run ends (`validate_run`, whatever carried it out), and again each time that
its record is read (`record_fault`), by the same rules (`reported_faults`) and beside the other runs of its dataset
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
#: What the probe says where it ends a run because of its scores, not of its training.
SCORE_FAULT = re.compile(r"probe: the score of .* is not a number")


@dataclass(frozen=True)
class Validation:
    """What a run left, judged.

    Attributes:
        disagreements: printed metrics that do not follow from the ranks; empty where all do.
        events: what the probe reported, in order.
    """

    fault: Fault | None
    events: Sequence[Mapping[str, Any]]
    disagreements: Sequence[str] = ()

    @property
    def modules(self) -> dict[str, Any]:
        """SHA-256 by name of the overlay modules that the run loaded, in all of its processes."""
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
    """What a run says of itself: by its events when it ends, by its record later.

    Attributes:
        network, proof: what the probe saw of the network and of the first batch's loss; empty where it saw nothing.
        training: what it saw of all epochs, see docs/records.md; empty in records from before it looked.
        ranks: of the test split, or why there are none.
    """

    network: Mapping[str, Any]
    proof: Mapping[str, Any]
    training: Mapping[str, Any]
    printed: Mapping[str, str]
    ranks: Ranks | MetricsError


def validate_run(run: Run, folder: RunFolder, outcome: Outcome) -> Validation:
    """Everything a run left, with the first fault found."""
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
    """Why a stored record does not count, "" if it does.

    Args:
        run: what was asked for; None where a record is looked at for itself, which shows less.
        content: the record as it was read, before it was typed.
        common: what the runs of its dataset share; None to judge it by itself.
    """
    if damage := key_fault(record, content):
        return f"damaged record: {damage}"
    if record.fault:
        return f"{record.fault.kind}: {record.fault.reason}"
    asked = run or run_of(record, content["inputs"], ranks)
    if not (run.produces if run else record.weights):  # else it makes weights for others and has no ranks
        told = (record.network or {}, record.proof or {}, record.training or {}, record.printed or {})
        for fault in reported_faults(asked, Reported(*told, ranks)):
            return fault.reason
    if other := label_fault(asked, record):
        return f"damaged record: {other}"
    return peer_fault(asked, ranks, common) if isinstance(ranks, Ranks) else ""


def disagreements(ranks: Ranks | None, printed: Mapping[str, str], recorded: Sequence[str] = ()) -> tuple[str, ...]:
    """Where the metrics that a run printed are not those of its ranks, one line each.

    Args:
        ranks: None of a run that has none, of which only its record's word is known.
        recorded: what its record says of this; it counts where nothing is found here.
    """
    found = tuple(agrees_with_printed(ranks, printed)) if ranks else ()
    return found or tuple(recorded)


def marks(record: StoredRecord) -> tuple[str, ...]:
    """What a reader must know of a finished run that counts, one line each."""
    if record.weights:
        return ()
    found = [unchecked(record.printed or {})]
    if (record.proof or {}).get("positions") == 0:
        found.append("the loss of the first batch has no gradient at any position")
    if (record.training or {}).get("moved") is False:
        found.append("the weights never moved")
    return tuple(filter(None, found))


def run_of(record: StoredRecord, inputs: Mapping[str, Any], ranks: Ranks | MetricsError) -> Run:
    """The run that a record says it is; its users are those that it has, and its loss is believed."""
    return Run(
        key=record.key, artifact=record.artifact, upstream=record.upstream, dataset=record.dataset,
        system=record.system, model=record.model, loss=record.loss, proof="", seed=record.seed,
        users=0 if isinstance(ranks, MetricsError) else len(ranks.users), checkpoint=None, epoch_cap=None,
        inputs=inputs, protocol=record.protocol,
    )  # fmt: skip


def faults(
    run: Run, folder: RunFolder, outcome: Outcome, events: Sequence[Mapping[str, Any]], ranks: Ranks | MetricsError
) -> Iterator[Fault]:
    """Faults of a run that ended, the most telling first.

    Args:
        ranks: of the test split, or why there are none.
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
    """Faults in what a run says of itself, the most telling first."""
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


def outcome_faults(outcome: Outcome, told: Any = None) -> Iterator[Fault]:
    """Faults in how a command ended; `told` is what the overlay said of it."""
    if outcome.reason:
        yield Fault("training", outcome.reason)
    if told:
        yield Fault("metrics" if SCORE_FAULT.match(str(told)) else "training", " ".join(str(told).split()))
    if outcome.timed_out:
        yield Fault("training", f"timed out after {outcome.seconds:.0f} s")
    if outcome.status != 0:
        yield Fault("training", ended(outcome.status))


def stage_faults(run: Run, folder: RunFolder, outcome: Outcome, reported: Validation) -> Iterator[Fault]:
    """Faults of a run that makes weights for others: it has no ranks, its file is all there is to see."""
    yield from outcome_faults(outcome)
    yield from module_faults(run, reported)
    if not (folder.out / run.produces).is_file():
        yield Fault("training", f"left no {run.produces}")


def module_faults(run: Run, reported: Validation) -> Iterator[Fault]:
    """Faults in the loaded modules of the overlay: those that the run's key does not stand for."""
    loaded = reported.modules
    if outside := sorted(set(loaded) - set(run.modules)):
        what = f"loaded {first_of(outside)} of the overlay, which its key does not name"
        fix = "import it by a statement, or in an inserted line of the patch series"
        yield Fault("patch", f"{what}: {fix}")
    if changed := sorted(name for name, digest in loaded.items() if run.modules.get(name, digest) != digest):
        yield Fault("patch", f"loaded {first_of(changed)} of the overlay with another content than its key names")


def unreported_modules(run: Run, reported: Validation) -> Iterator[Fault]:
    """The fault of a run that may load the probe and did not report what it loaded."""
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
        return f"ended with status {status}" + (" (killed, perhaps out of memory)" if status == 137 else "")
    name = signal.Signals(-status).name if -status in set(signal.Signals) else str(-status)
    return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def model_faults(run: Run, model: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults in the proof of the network."""
    if model.get("name") != run.model:
        yield Fault("patch", f"asked for model {run.model}, the probe reports {model.get('name')}")


def loss_faults(run: Run, event: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults in the proof of the loss: another one, or with other options."""
    computed = event.get("computed")
    if run.proof and (computed is None or run.proof not in computed):
        found = "no known loss" if computed == [] else "nothing" if computed is None else " or ".join(computed)
        yield Fault("patch", f"asked for loss {run.proof}, the first batch was trained with {found}")
    used = event.get("options") or {}
    odd = [name for name, value in run.loss_options.items() if not same(value, used.get(name))]
    if run.proof and odd:
        asked = ", ".join(f"{name}={run.loss_options[name]}" for name in odd)
        found = ", ".join(f"{name}={used[name]}" if name in used else f"no {name}" for name in odd)
        yield Fault("patch", f"asked for {run.loss} with {asked}, the first batch was trained with {found}")


def same(asked: str, reported: Any) -> bool:
    """Whether an option was used as asked: the same text, or the same number."""
    if str(reported) == asked:
        return True
    try:
        return float(str(reported)) == float(asked)
    except ValueError:
        return False


def loaded(checkpoint: Path, model: Mapping[str, Any]) -> bool:
    """Whether the network reports the weights that were laid out for it, and they still lie there."""
    return checkpoint.is_file() and model.get("checkpoint_sha256") == sha256_file(checkpoint)


def epoch_faults(events: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    """Faults in the course of training: a loss of an epoch that is no finite number, as one bad batch makes it."""
    for event in events:
        if event.get("event") == "epoch" and event.get("loss") is not None and not is_number(event["loss"]):
            yield Fault("training", f"the training loss of epoch {event.get('epoch')} is {event['loss']}")

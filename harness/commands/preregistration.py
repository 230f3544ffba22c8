"""Whether a table's claims, margin and correction were fixed before its runs, from Git's history and its records.

A change after a run is shown with the verdicts without it. Dates are those at which commits were written
(author dates). A rebase or an amended commit keeps them, so the hash in a record has priority over dates.
A forged date is not detected. If the history is shallow or absent, the statement from a complete one is taken from
request.json while criteria and runs are the same.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.commands import request_file
from harness.commands.request_file import Statement
from harness.commands.table_request import TableRequest
from harness.commands.table_spec import table_spec
from harness.core.errors import HarnessError, RecipeError, SourceError, StoreError
from harness.core.files import canonical_json, sha256_bytes
from harness.core.git import run_git
from harness.core.project_folders import layers
from harness.core.results import RunResult
from harness.core.yaml_files import parse_text
from harness.recipes.criteria import Criteria
from harness.report import verdict_words
from harness.runs.record_model import StoredRecord
from harness.tables.model import Table
from harness.tables.ties import judged_table

SUBJECT = "Claims, margin and correction"
NO_HISTORY = "no Git history of the recipe is available, so it is unknown when they were last changed."
CUT_OFF = "where this shallow clone's history begins; before that, unknown."


@dataclass(frozen=True)
class Version:
    """The criteria of a recipe at a commit; None if this harness cannot read them."""

    commit: str
    when: datetime.datetime
    criteria: Criteria | None

    def __str__(self) -> str:
        return f"{self.commit[:12]} ({self.when:%Y-%m-%d %H:%M} UTC)"


def with_statement(request: TableRequest, table: Table, results: Sequence[RunResult]) -> Table:
    """The table with footnotes that say when its criteria were last changed; none for a demonstration."""
    if request.recipe.demonstration:
        return table
    lines = statement(request, results)
    return replace(table, spec=replace(table.spec, footnotes=(*table.spec.footnotes, *lines)))


def to_keep(request: TableRequest, table: Table, results: Sequence[RunResult]) -> Statement | None:
    """The statement on the table's criteria, for shallow clones; None if unknown."""
    notes = table.spec.footnotes
    first = next((place for place, note in enumerate(notes) if note.startswith(SUBJECT)), None)
    if first is None or notes[first].endswith((NO_HISTORY, CUT_OFF)):
        return None
    return Statement(rests_on=rests_on(request, records_of(request, results)), lines=notes[first:])


def rests_on(request: TableRequest, records: Sequence[StoredRecord]) -> str:
    """A hash of a statement's facts: the criteria, and which runs ended when and under which."""
    runs = sorted([record.key, record.ended, record.criteria] for record in records)
    return sha256_bytes(canonical_json({"criteria": request.recipe.criteria.sha256, "runs": runs}).encode())


def kept(request: TableRequest, records: Sequence[StoredRecord]) -> tuple[str, ...]:
    """The statement made from a complete history, if criteria and runs are still the same; else ()."""
    try:
        found = request_file.read(request.folder / request_file.FILE).statement
    except StoreError:
        return ()
    return found.lines if found and found.rests_on == rests_on(request, records) else ()


def statement(request: TableRequest, results: Sequence[RunResult]) -> Sequence[str]:
    """When the criteria were last changed, how many runs are older, and the verdicts before the change."""
    now, records = request.recipe.criteria, records_of(request, results)
    path = f"recipes/{request.recipe.artifact}.yaml"
    root = next((folder for folder in layers(request.config.root) if (folder / path).is_file()), request.config.root)
    try:
        versions = history(root, path)
        cut = run_git(root, "rev-parse", "--is-shallow-repository").text == "true"
    except SourceError:
        versions, cut = [], False
    if (cut or not versions) and (lines := kept(request, records)):
        return lines
    if not versions:
        return [f"{SUBJECT}: {NO_HISTORY}"]
    block = unchanged(versions, now)
    since = block[-1] if block else None
    if cut and len(block) == len(versions):
        return [f"{SUBJECT}: unchanged since {since}, {CUT_OFF}"]
    sentence = f"last changed in {since}" if since else "changed since the last commit, and not committed"
    earlier = [record for record in records if is_earlier(record, request.recipe.artifact, now, since)]
    if not earlier:
        return [f"{SUBJECT}: {sentence}, before all {len(records)} runs."]
    changed = f"{SUBJECT}: {sentence}; {len(earlier)} of {len(records)} runs ended before that."
    return [changed, before(request, results, versions, min(record.ended for record in earlier))]


def records_of(request: TableRequest, results: Sequence[RunResult]) -> list[StoredRecord]:
    """Records of the table's finished runs."""
    found = [request.store.read(result.key) for result in results if result.status == "finished"]
    return [record.typed for record in found if record is not None]


def history(root: Path, path: str) -> list[Version]:
    """The criteria of a recipe at each commit that touched it, newest first; none if Git has none.

    Raises:
        SourceError: git is not installed.
    """
    logged = run_git(root, "log", "--format=%H %at", "--", path)
    found = []
    for line in logged.text.splitlines() if logged.status == 0 else ():
        commit, seconds = line.split()
        when = datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)
        found.append(Version(commit, when, read(run_git(root, "show", f"{commit}:./{path}").out)))
    return found


def read(text: bytes) -> Criteria | None:
    """The criteria of a recipe of any time, None if they cannot be read."""
    try:
        return parse_text(text, "recipe", Criteria)
    except RecipeError:
        return None


def unchanged(versions: Sequence[Version], now: Criteria) -> list[Version]:
    """The newest versions with the recipe's current criteria."""
    digest, block = now.sha256, []
    for version in versions:
        if version.criteria is None or version.criteria.sha256 != digest:
            break
        block.append(version)
    return block


def is_earlier(record: StoredRecord, artifact: str, now: Criteria, since: Version | None) -> bool:
    """Whether a run ended under other criteria: by the hash in its record or, without one, by its date.

    The hash of a run first made for another artifact belongs to that recipe and is ignored.
    """
    if record.criteria and record.artifact == artifact:
        return record.criteria != now.sha256
    return since is None or not record.ended or datetime.datetime.fromisoformat(record.ended) < since.when


def before(request: TableRequest, results: Sequence[RunResult], versions: Sequence[Version], first: str) -> str:
    """The criteria in force when the first of these runs ended, and the verdicts by them."""
    sentence = f"When the first of them ended ({first[:10]})"
    in_force = [v for v in versions if first and v.when <= datetime.datetime.fromisoformat(first)]
    if not in_force:
        return f"{sentence}, no version of the recipe in this history was committed."
    version, recipe = in_force[0], request.recipe
    if version.criteria is None:
        return f"{sentence}, {version} was in force, whose recipe this version of the harness cannot read."
    old = version.criteria
    sentence += f", {version} was in force: {'; '.join(old.differences(recipe.criteria)) or 'the same'}."
    parts = {"claims": old.claims, "margin": old.margin, "correction": old.correction}
    try:
        judged = judged_table(table_spec(request, recipe.model_copy(update=parts)), results, request.published)
    except HarnessError as error:
        return f"{sentence} This table cannot be judged by it: {error.what}."
    return f"{sentence} By it: {verdict_words.summary(judged)}"

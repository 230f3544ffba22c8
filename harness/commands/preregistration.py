"""Whether a table's claims, margin and correction were fixed before its runs, from Git's history and its records.

A change after a run is shown with what the table would say without it. Dates are those at which commits were written
(author dates), which a rebase keeps; an amended commit keeps them too, so the hash in a record comes before any date.
Nothing here can tell a forged date. Where the history is cut off or absent, what a whole one gave is repeated from
request.json as long as criteria and runs are the same.
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
from harness.core.results import RunResult
from harness.core.yaml_files import parse_text
from harness.recipes.criteria import Criteria
from harness.report import verdict_words
from harness.runs.record_model import StoredRecord
from harness.tables.model import Table
from harness.tables.ties import judged_table

SUBJECT = "Claims, margin and correction"
NO_HISTORY = "no Git history of the recipe at hand, so nobody can say when they were last changed."
CUT_OFF = "where the history of this clone is cut; before that, unknown."


@dataclass(frozen=True)
class Version:
    """The criteria of a recipe at a commit; None where this harness cannot read them."""

    commit: str
    when: datetime.datetime
    criteria: Criteria | None

    def __str__(self) -> str:
        return f"{self.commit[:12]} ({self.when:%Y-%m-%d %H:%M} UTC)"


def with_statement(request: TableRequest, table: Table, results: Sequence[RunResult]) -> Table:
    """The table with lines at its foot that say when its criteria were last changed; a demonstration says nothing."""
    if request.recipe.demonstration:
        return table
    lines = statement(request, results)
    return replace(table, spec=replace(table.spec, footnotes=(*table.spec.footnotes, *lines)))


def to_keep(request: TableRequest, table: Table, results: Sequence[RunResult]) -> Statement | None:
    """What a table says of its criteria, for clones whose history is cut off; None where it could not say."""
    notes = table.spec.footnotes
    first = next((place for place, note in enumerate(notes) if note.startswith(SUBJECT)), None)
    if first is None or notes[first].endswith((NO_HISTORY, CUT_OFF)):
        return None
    return Statement(rests_on=rests_on(request, records_of(request, results)), lines=notes[first:])


def rests_on(request: TableRequest, records: Sequence[StoredRecord]) -> str:
    """A hash of what a statement speaks of: the criteria, and which runs ended when and under which."""
    runs = sorted([record.key, record.ended, record.criteria] for record in records)
    return sha256_bytes(canonical_json({"criteria": request.recipe.criteria.sha256, "runs": runs}).encode())


def kept(request: TableRequest, records: Sequence[StoredRecord]) -> tuple[str, ...]:
    """What the table said from a whole history, if criteria and runs are still the same; () otherwise."""
    try:
        found = request_file.read(request.folder / request_file.FILE).statement
    except StoreError:
        return ()
    return found.lines if found and found.rests_on == rests_on(request, records) else ()


def statement(request: TableRequest, results: Sequence[RunResult]) -> Sequence[str]:
    """When the criteria were last changed, how many runs are older, and what the table said before."""
    now, records = request.recipe.criteria, records_of(request, results)
    try:
        versions = history(request.config.root, f"recipes/{request.recipe.artifact}.yaml")
        cut = run_git(request.config.root, "rev-parse", "--is-shallow-repository").text == "true"
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
    told = f"last changed in {since}" if since else "changed since the last commit, and not committed"
    earlier = [record for record in records if is_earlier(record, request.recipe.artifact, now, since)]
    if not earlier:
        return [f"{SUBJECT}: {told}, before all {len(records)} runs."]
    changed = f"{SUBJECT}: {told}; {len(earlier)} of {len(records)} runs ended before that."
    return [changed, before(request, results, versions, min(record.ended for record in earlier))]


def records_of(request: TableRequest, results: Sequence[RunResult]) -> list[StoredRecord]:
    """Records of the table's finished runs."""
    found = [request.store.read(result.key) for result in results if result.status == "finished"]
    return [record.typed for record in found if record is not None]


def history(root: Path, path: str) -> list[Version]:
    """The criteria of a recipe at each commit that touched it, newest first; none where Git has none.

    Raises:
        SourceError: there is no git to run.
    """
    logged = run_git(root, "log", "--format=%H %at", "--", path)
    found = []
    for line in logged.text.splitlines() if logged.status == 0 else ():
        commit, seconds = line.split()
        when = datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)
        found.append(Version(commit, when, read(run_git(root, "show", f"{commit}:./{path}").out)))
    return found


def read(text: bytes) -> Criteria | None:
    """The criteria of a recipe of any time, None where they cannot be read."""
    try:
        return parse_text(text, "recipe", Criteria)
    except RecipeError:
        return None


def unchanged(versions: Sequence[Version], now: Criteria) -> list[Version]:
    """The newest versions that say what the recipe says now."""
    digest, block = now.sha256, []
    for version in versions:
        if version.criteria is None or version.criteria.sha256 != digest:
            break
        block.append(version)
    return block


def is_earlier(record: StoredRecord, artifact: str, now: Criteria, since: Version | None) -> bool:
    """Whether a run ended under other criteria: by the hash in its record or, where it has none, by its date.

    The hash of a run that was first made for another artifact is that of the other recipe and says nothing here.
    """
    if record.criteria and record.artifact == artifact:
        return record.criteria != now.sha256
    return since is None or not record.ended or datetime.datetime.fromisoformat(record.ended) < since.when


def before(request: TableRequest, results: Sequence[RunResult], versions: Sequence[Version], first: str) -> str:
    """What was in force when the first of these runs ended, and what the table would say by that."""
    told = f"When the first of them ended ({first[:10]})"
    in_force = [v for v in versions if first and v.when <= datetime.datetime.fromisoformat(first)]
    if not in_force:
        return f"{told}, no version of the recipe that is in the history here was committed."
    version, recipe = in_force[0], request.recipe
    if version.criteria is None:
        return f"{told}, {version} was in force, whose recipe this version cannot read."
    old = version.criteria
    told += f", {version} was in force: {'; '.join(old.differences(recipe.criteria)) or 'the same'}."
    parts = {"claims": old.claims, "margin": old.margin, "correction": old.correction}
    try:
        judged = judged_table(table_spec(request, recipe.model_copy(update=parts)), results, request.published)
    except HarnessError as error:
        return f"{told} By it this table cannot be judged: {error.what}."
    return f"{told} By it: {verdict_words.summary(judged)}"

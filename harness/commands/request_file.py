"""request.json beside a table: its request, so that the table can be recreated from existing records.

The settings are those of the command line. Versions of an inherited interpreter are included, because keys contain
them and another machine has others. The facts for readers are in the table's signature.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from harness.commands.table_request import TableRequest
from harness.core.config import Config
from harness.core.errors import StoreError
from harness.core.files import json_text
from harness.core.schema import Strict, problems
from harness.executors.options import ExecutionOptions
from harness.recipes.selection import Settings
from harness.report.formats import FORMATS
from harness.runs.store import DEMONSTRATION, Store

FILE = "request.json"
FIGURES = "figures"  # the folder of a table's figures, and their name among the formats
ALL_FORMATS = (*FORMATS, FIGURES)
FIX = "make the table again with `harness report`"


class Drawing(Strict):
    """A drawing by `harness calibration` or `harness timesteps` beside a table.

    Attributes:
        at: k of HIT@k, of time steps.
    """

    kind: Literal["calibration", "timesteps"]
    dataset: str
    at: int = 0


class Statement(Strict):
    """A table's statement on when its criteria were last changed, from a complete history.

    Attributes:
        rests_on: hash of the criteria and runs that it is about; it is ignored with others.
    """

    rests_on: str
    lines: tuple[str, ...]


class RequestFile(Strict):
    """request.json as a whole.

    Attributes:
        seeds: as requested, None for the recipe's.
        environment: `venv`, `inherit`, or "" for the one of harness.toml.
        versions: of the interpreter, as far as keys contain them; empty for containers.
        formats: of the table's files; none if only drawings are kept.
        figures: files below figures/, and `figure_data` the SHA-256 of their data.
        statement: for shallow clones.
    """

    format: Literal[1] = 1
    artifact: str
    where: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    seeds: tuple[int, ...] | None = None
    profile: str = ""
    pretrain: int | None = None
    options: dict[str, str] = Field(default_factory=dict)
    losses: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    device: str = "cpu"
    threads: int = 1
    executor: str = "local"
    environment: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    formats: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    figure_data: str = ""
    drawings: tuple[Drawing, ...] = ()
    statement: Statement | None = None

    def request(self, config: Config) -> TableRequest:
        """The request for this table, independent of the current interpreter."""
        settings = Settings(
            where=self.where, seeds=self.seeds, profile=self.profile, pretrain=self.pretrain, options=self.options,
            losses=self.losses, device=self.device, threads=self.threads,
            metrics=self.metrics,
        )  # fmt: skip
        ways = ExecutionOptions(environment=self.environment, executor=self.executor, versions=self.versions)
        return TableRequest(config, self.artifact, settings, ways)


def describe(request: TableRequest, **made: Any) -> RequestFile:
    """The description of a table's request.

    Args:
        made: formats, figures, figure_data, drawings, statement.
    """
    settings, ways = request.settings, request.execution_options
    return RequestFile(
        artifact=request.artifact, where=dict(settings.where), seeds=settings.seeds, profile=settings.profile,
        pretrain=settings.pretrain, options=dict(settings.options), losses=settings.losses, device=settings.device,
        threads=settings.threads, metrics=settings.metrics, executor=request.executor, environment=ways.environment,
        versions=request.workspace.backend.versions, **made,
    )  # fmt: skip


def in_order(formats: Collection[str]) -> tuple[str, ...]:
    """Formats in a fixed order."""
    return tuple(form for form in ALL_FORMATS if form in formats)


def keep(request: TableRequest, files: Mapping[str, bytes | None], **made: Any) -> list[Path]:
    """Write files of a table by name beside existing ones, and remove those that are None; return their folder.

    Its request.json is written with them.

    Args:
        made: see `describe`.
    Raises:
        StoreError: the disk is full or not writable.
    """
    found = describe(request, **made)
    write(request.store, request.folder, files, merged(found, request.folder))
    return [request.folder / name for name, content in files.items() if content is not None]


def write(store: Store, folder: Path, files: Mapping[str, bytes | None], request: RequestFile) -> None:
    """Write files of a table and its request.json.

    Raises:
        StoreError: the disk is full or not writable.
    """
    text = json_text(request.model_dump(mode="json", exclude_defaults=True) | {"format": request.format})
    store.write_table(folder, {**files, FILE: text.encode()})


def merged(new: RequestFile, folder: Path) -> RequestFile:
    """A request with the formats, figures and drawings that an earlier request of the same table left."""
    try:
        old = read(folder / FILE)
    except StoreError:  # none yet, or a damaged one, which is replaced
        return new
    formats = {*new.formats, *(form for form in old.formats if still_there(folder, form))}
    drawings = [d for d in old.drawings if any(folder.glob(f"*-{d.dataset}.csv")) and d not in new.drawings]
    changes: dict[str, Any] = {
        "formats": in_order(formats),
        "drawings": (*drawings, *new.drawings),
        "statement": new.statement or old.statement,
    }
    if FIGURES not in new.formats and FIGURES in formats:
        changes |= {"figures": old.figures, "figure_data": old.figure_data}
    return new.model_copy(update=changes)


def still_there(folder: Path, form: str) -> bool:
    """Whether a format's files are still in a table's folder."""
    return (folder / FIGURES).is_dir() if form == FIGURES else (folder / f"table.{form}").is_file()


def read(path: Path) -> RequestFile:
    """A request.json as typed values.

    Raises:
        StoreError: the file is missing or has mistakes.
    """
    try:
        return RequestFile.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise StoreError(str(path.parent), f"has no {FILE}", FIX) from error
    except ValidationError as error:
        raise StoreError(str(path), problems(error, RequestFile), FIX) from error


def folders(config: Config, artifacts: Sequence[str] = ()) -> Iterator[Path]:
    """Folders of all tables below the results, sorted; those of demonstrations only where `artifacts` names one.

    Args:
        artifacts: names of artifacts, none for all.
    """
    named: Iterable[str] = {config.file.aliases.get(name, name) for name in artifacts}
    places = [config.results / "tables", *([config.results / DEMONSTRATION / "tables"] if named else [])]
    for place in places:
        for folder in sorted(path for path in place.glob("*/*/*") if path.is_dir()):
            if not named or "/".join(folder.relative_to(place).parts[:2]) in named:
                yield folder

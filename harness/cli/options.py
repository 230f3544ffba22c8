"""The options that commands share: which table to make, and how to execute its runs.

`with_table_options` adds these options to a command and passes it the resulting `TableRequest`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from harness.core.errors import ArgumentError, HarnessError
from harness.core.name_values import name_values

if TYPE_CHECKING:
    from harness.commands.table_request import TableRequest


def complete_artifact(incomplete: str) -> list[str]:
    """Artifacts and aliases that begin so, for completion in a shell."""
    from harness.core.config import load
    from harness.recipes.recipe import artifacts

    try:
        config = load(None)
    except HarnessError:
        return []
    return [name for name in (*config.file.aliases, *artifacts(config.root)) if name.startswith(incomplete)]


Artifact = Annotated[
    str,
    typer.Argument(help="li2023/table2, or an alias such as table2 or demo", autocompletion=complete_artifact),
]
Where = Annotated[list[str] | None, typer.Option(help="select runs, e.g. dataset=lastfm,model=sasrec|s3rec")]
Seeds = Annotated[str, typer.Option(help="e.g. 42,43,44 or 42-46 [default: the recipe's]")]
Profile = Annotated[
    str, typer.Option(help="settings of the recipe by name; quick: smoke test (not comparable with the paper)")
]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="override an option of the recipe, e.g. patience=60; repeatable")
]
Loss = Annotated[
    list[str] | None, typer.Option("--loss", help="add a loss: mine.py:my_loss or gbce:k=256,t=0.75; repeatable")
]
Metrics = Annotated[str, typer.Option(help="metrics of the table, e.g. HIT@5,MRR [default: the recipe's]")]
Pretrain = Annotated[
    int | None,
    typer.Option(help="pre-train for this many epochs instead of using released weights; takes hours", min=1),
]
Device = Annotated[str, typer.Option(help="cpu or cuda")]
Jobs = Annotated[int | None, typer.Option(help="number of parallel runs", min=1)]
Threads = Annotated[int | None, typer.Option(help="CPU threads per run; part of the run key", min=1)]
Timeout = Annotated[
    float | None, typer.Option(help="seconds after which a run and its child processes are stopped", min=0.1)
]
Kind = Annotated[
    str, typer.Option("--environment", help="venv: install from the lock; inherit: use the current interpreter")
]
Python = Annotated[str, typer.Option(help="interpreter to inherit or to create environments with")]
Executor = Annotated[str, typer.Option(help="local: processes; docker: containers")]
Gpus = Annotated[str, typer.Option(help="GPUs of containers: all, none, or indices such as 0,1")]
Project = Annotated[Path | None, typer.Option(help="folder with harness.toml [default: found upwards from here]")]
Json = Annotated[bool, typer.Option("--json", help="print JSON, for programs")]
Retry = Annotated[bool, typer.Option("--retry-failed", help="repeat runs that failed before")]

TABLE: dict[str, tuple[Any, Any]] = {  # which table: what its runs and numbers depend on
    "where": (Where, None),
    "seeds": (Seeds, ""),
    "profile": (Profile, ""),
    "options": (Set, None),
    "losses": (Loss, None),
    "pretrain": (Pretrain, None),
    "device": (Device, "cpu"),
    "threads": (Threads, None),
    "kind": (Kind, ""),
    "python": (Python, ""),
    "executor": (Executor, ""),
    "gpus": (Gpus, ""),
    "project": (Project, None),
}
EXAMPLES = {"--where": "dataset=lastfm,model=sasrec", "--set": "epochs=5,patience=60"}
METRICS: dict[str, tuple[Any, Any]] = {"metrics": (Metrics, "")}
WAYS: dict[str, tuple[Any, Any]] = {"jobs": (Jobs, None), "timeout": (Timeout, None), "retry_failed": (Retry, False)}


def say(text: str) -> None:
    """Print a line about a slow step."""
    typer.echo(text, err=True)


def pairs(texts: list[str] | None, flag: str) -> dict[str, str]:
    """The mapping of `a=b,c=d`, given once or more.

    Raises:
        ArgumentError: a part that is not name=value, or a name given twice.
    """
    return name_values(",".join(texts or ()), flag, f"write {flag} {EXAMPLES[flag]}", "write alternatives as name=a|b")


def with_table_options(
    command: Callable[..., None], ways: bool = False, other: Mapping[str, tuple[Any, Any]] | None = None
) -> Callable[..., None]:
    """A command whose first parameter, a `TableRequest`, is replaced by the options that make one.

    Args:
        ways: also add the options for executing missing runs.
        other: annotation and default of shared options that this command words differently.
    """
    own = list(inspect.signature(command).parameters.values())[1:]
    hints = get_type_hints(command, {**command.__globals__, "TableRequest": object}, include_extras=True)
    shared = {"artifact": (Artifact, inspect.Parameter.empty), **TABLE, **(WAYS if ways else {}), **(other or {})}
    options = {**shared, **{p.name: (hints[p.name], p.default) for p in own}}
    kind = inspect.Parameter.KEYWORD_ONLY

    @functools.wraps(command)
    def wrapped(**values: Any) -> None:
        asked = {name: values.pop(name) for name in shared}
        command(request_of(**asked), **values)

    wrapped.__annotations__ = {name: annotation for name, (annotation, _) in options.items()}
    wrapped.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # what typer reads
        [inspect.Parameter(n, kind, default=default, annotation=hint) for n, (hint, default) in options.items()]
    )
    return wrapped


def request_of(
    *, artifact: str, where: list[str] | None, seeds: str, profile: str, options: list[str] | None,
    losses: list[str] | None, pretrain: int | None, device: str, threads: int | None, kind: str, python: str,
    executor: str, gpus: str, project: Path | None, jobs: int | None = None, timeout: float | None = None,
    retry_failed: bool = False, metrics: str = "",
) -> TableRequest:  # fmt: skip
    """The request that the arguments make."""
    from harness.commands.table_request import TableRequest
    from harness.core.config import load
    from harness.executors.options import ExecutionOptions, check_options
    from harness.recipes.selection import Settings, parse_seeds
    from harness.stats.metrics import metric_list

    config = load(project)
    local = config.file.local
    if kind not in ("", "venv", "inherit"):
        raise ArgumentError("--environment", f"unknown kind {kind!r}", "known: inherit, venv")
    settings = Settings(
        where={name: tuple(value.split("|")) for name, value in pairs(where, "--where").items()},
        seeds=parse_seeds(seeds) if seeds else None,
        profile=profile,
        pretrain=pretrain,
        options=pairs(options, "--set"),
        losses=tuple(losses or ()),
        device=device,
        threads=threads or local.threads,
        metrics=metric_list(metrics),
    )
    ways = ExecutionOptions(
        jobs or local.jobs, timeout or local.timeout_s, kind, python, executor, gpus, retry_failed, say
    )
    check_options(ways, executor or config.executor, device)
    return TableRequest(config, artifact, settings, ways).with_known_spelling()

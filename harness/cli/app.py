"""The commands and their arguments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.images import images_app
from harness.cli.patch import patch_app
from harness.errors import ArgumentError

if TYPE_CHECKING:
    from harness.job import Job

app = typer.Typer(
    name="harness",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Rebuild a published table from pinned upstream code and say, with statistics, whether it holds.",
)

Artifact = Annotated[str, typer.Argument(help="li2023/table2, or an alias such as table2 or demo")]
Where = Annotated[list[str] | None, typer.Option(help="dataset=lastfm,model=sasrec; alternatives: model=sasrec|s3rec")]
Seeds = Annotated[str, typer.Option(help="42,43,44; the recipe's own by default")]
Profile = Annotated[str, typer.Option(help="quick: few epochs, for a look, never a reproduction")]
Set = Annotated[list[str] | None, typer.Option("--set", help="change an option of the recipe: patience=60")]
Loss = Annotated[
    list[str] | None, typer.Option("--loss", help="put in another loss: mine.py:my_loss, gbce:k=256,t=0.75; repeatable")
]
Device = Annotated[str, typer.Option(help="cpu or cuda")]
Jobs = Annotated[int | None, typer.Option(help="runs at a time", min=1)]
Threads = Annotated[int | None, typer.Option(help="threads of each run; part of its key", min=1)]
Timeout = Annotated[float | None, typer.Option(help="seconds after which a run's whole process tree is ended", min=0.1)]
Kind = Annotated[str, typer.Option("--environment", help="venv: from the lock; inherit: the interpreter at hand")]
Python = Annotated[str, typer.Option(help="interpreter to inherit or to make environments with")]
Executor = Annotated[str, typer.Option(help="local: processes; docker: containers of the environment's image")]
Gpus = Annotated[str, typer.Option(help="of containers: all, none, or numbers such as 0,1")]
Project = Annotated[Path | None, typer.Option(help="folder with harness.toml; found upwards from here by default")]


def say(text: str) -> None:
    """A line about what takes a while."""
    typer.echo(text, err=True)


def pairs(texts: list[str] | None, flag: str) -> dict[str, str]:
    """`a=b,c=d`, given once or more, as a mapping.

    Raises:
        ArgumentError: a part without `=`, or a name given twice.
    """
    found: dict[str, str] = {}
    for part in (p.strip() for text in texts or [] for p in text.split(",") if p.strip()):
        name, equals, value = part.partition("=")
        if not equals or not name or not value:
            raise ArgumentError(flag, f"{part!r} is not name=value", f"write {flag} dataset=lastfm,model=sasrec")
        if name in found:
            raise ArgumentError(flag, f"{name!r} is given twice", "alternatives go as name=a|b")
        found[name] = value
    return found


def seed_list(text: str) -> tuple[int, ...] | None:
    """`42,43` as numbers, None for nothing.

    Raises:
        ArgumentError: something that is no seed, or one given twice.
    """
    if not text:
        return None
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ArgumentError("--seeds", f"{text!r} is no list of numbers", "write --seeds 42,43,44") from error
    if len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise ArgumentError("--seeds", f"{text!r} has a seed twice or below 0", "write --seeds 42,43,44")
    return seeds


def job_of(
    artifact: str, where: list[str] | None, seeds: str, profile: str, options: list[str] | None, device: str,
    jobs: int | None = None, threads: int | None = None, timeout: float | None = None, kind: str = "",
    python: str = "", project: Path | None = None, retry_failed: bool = False, losses: list[str] | None = None,
    executor: str = "", gpus: str = "",
) -> Job:  # fmt: skip
    """The request that the arguments make."""
    from harness.config import load
    from harness.job import Job, Ways, check_ways
    from harness.plan import Settings

    config = load(project)
    local = config.file.local
    if kind not in ("", "venv", "inherit"):
        raise ArgumentError("--environment", f"unknown kind {kind!r}", "known: inherit, venv")
    settings = Settings(
        where={name: tuple(value.split("|")) for name, value in pairs(where, "--where").items()},
        seeds=seed_list(seeds),
        profile=profile,
        options=pairs(options, "--set"),
        losses=tuple(losses or ()),
        device=device,
        threads=threads or local.threads,
    )
    ways = Ways(jobs or local.jobs, timeout or local.timeout_s, kind, python, executor, gpus, retry_failed, say)
    check_ways(ways, executor or config.executor, device)
    return Job(config, artifact, settings, ways)


@app.command()
def reproduce(
    artifact: Artifact, where: Where = None, seeds: Seeds = "", profile: Profile = "", options: Set = None,
    losses: Loss = None, device: Device = "cpu", jobs: Jobs = None, threads: Threads = None, timeout: Timeout = None,
    kind: Kind = "", python: Python = "", executor: Executor = "", gpus: Gpus = "", project: Project = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="run again what failed before")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would run, and why, and stop")] = False,
) -> None:  # fmt: skip
    """Run what is missing of a table, then print it and write it as Markdown, LaTeX and CSV."""
    from harness.cli import reporting

    job = job_of(
        artifact, where, seeds, profile, options, device, jobs, threads, timeout, kind, python, project,
        retry_failed, losses, executor, gpus,
    )  # fmt: skip
    if dry_run:
        reporting.print_plan(job)
        return
    raise typer.Exit(reporting.reproduce(job))


@app.command()
def report(
    artifact: Artifact, where: Where = None, seeds: Seeds = "", profile: Profile = "", options: Set = None,
    losses: Loss = None, device: Device = "cpu", threads: Threads = None, kind: Kind = "", python: Python = "",
    executor: Executor = "", gpus: Gpus = "", project: Project = None,
    formats: Annotated[str, typer.Option("--format", help="of md, tex, csv, html, figures")] = "md,tex,csv,html",
) -> None:  # fmt: skip
    """Make a table of the records at hand and write it; nothing is run."""
    from harness.cli import reporting

    job = job_of(
        artifact, where, seeds, profile, options, device, None, threads, None, kind, python, project,
        losses=losses, executor=executor, gpus=gpus,
    )  # fmt: skip
    raise typer.Exit(reporting.report(job, [part.strip() for part in formats.split(",") if part.strip()]))


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="a system such as sasrec/bce, or a run's key", show_default=False)],
    b: Annotated[str, typer.Argument(help="another one", show_default=False)],
    artifact: Annotated[str, typer.Option(help="whose systems are meant; by default the one that has both")] = "",
    metrics: Annotated[str, typer.Option(help="HIT@10,MRR; by default those of the recipe")] = "",
    where: Where = None, seeds: Annotated[str, typer.Option(help="42,43; by default all that both have")] = "",
    profile: Profile = "", options: Set = None, losses: Loss = None, device: Device = "cpu", threads: Threads = None,
    kind: Kind = "", python: Python = "", executor: Executor = "", gpus: Gpus = "", project: Project = None,
    wilcoxon: Annotated[bool, typer.Option("--wilcoxon", help="the signed-rank test too")] = False,
) -> None:  # fmt: skip
    """Test one system against another, or one run against another, on the records at hand."""
    from harness.cli import comparing

    job = job_of(
        artifact, where, seeds, profile, options, device, None, threads, None, kind, python, project,
        losses=losses, executor=executor, gpus=gpus,
    )  # fmt: skip
    comparing.show(job, a, b, metrics, wilcoxon)


@app.command()
def plan(
    artifact: Artifact, where: Where = None, seeds: Seeds = "", profile: Profile = "", options: Set = None,
    losses: Loss = None, device: Device = "cpu", threads: Threads = None, kind: Kind = "", python: Python = "",
    executor: Executor = "", gpus: Gpus = "", project: Project = None,
) -> None:  # fmt: skip
    """Show the runs of a table: what is there, what is missing and why, about how long and how large."""
    from harness.cli import reporting

    reporting.print_plan(
        job_of(
            artifact, where, seeds, profile, options, device, None, threads, None, kind, python, project,
            losses=losses, executor=executor, gpus=gpus,
        )
    )  # fmt: skip


@app.command()
def status(
    artifact: Artifact, where: Where = None, seeds: Seeds = "", profile: Profile = "", options: Set = None,
    losses: Loss = None, device: Device = "cpu", threads: Threads = None, kind: Kind = "", python: Python = "",
    executor: Executor = "", gpus: Gpus = "", project: Project = None,
) -> None:  # fmt: skip
    """Show what each run of a table left: status, epochs, time, memory, reason of a failure."""
    from harness.cli import reporting

    reporting.print_status(
        job_of(
            artifact, where, seeds, profile, options, device, None, threads, None, kind, python, project,
            losses=losses, executor=executor, gpus=gpus,
        )
    )  # fmt: skip


@app.command()
def losses(
    name: Annotated[str, typer.Argument(help="one of them, in full; all by default")] = "", project: Project = None
) -> None:
    """List the losses: equation, source, options, and which upstream offers them."""
    from harness.cli import losses as shown
    from harness.config import load

    shown.show(load(project), name)


@app.command()
def findings(
    paper: Annotated[str, typer.Option(help="one paper: li2023; all by default")] = "",
    kind: Annotated[str, typer.Option(help="one kind of finding: percentage, dataset, statement, across, ...")] = "",
    everything: Annotated[bool, typer.Option("--all", help="also show what agrees, not only its count")] = False,
    form: Annotated[str, typer.Option("--format", help="md, csv or txt, to standard output")] = "",
    project: Project = None,
) -> None:
    """List what does not fit in the papers' numbers, recomputed from what they print."""
    from harness.cli import findings as shown
    from harness.config import load

    shown.show(load(project).root, paper, kind, everything, form)


@app.command()
def doctor(
    executor: Annotated[str, typer.Option(help="local or docker: what to look for")] = "",
    device: Device = "cpu", project: Project = None,
) -> None:  # fmt: skip
    """Say what of this machine works, what does not and what to do; status 3 if something needed does not."""
    from harness.cli import doctor as shown
    from harness.config import load

    shown.show(load(project), executor, device)


@app.command()
def timesteps(
    artifact: Artifact,
    dataset: Annotated[str, typer.Option(help="one of the recipe's")] = "beauty-s3",
    at: Annotated[int, typer.Option(help="k of HIT@k")] = 10,
    project: Project = None,
) -> None:
    """Draw HIT@k at every time step from the records at hand, such as those of li2023/fig3."""
    from harness import timesteps as drawn
    from harness.config import load
    from harness.job import Job
    from harness.plan import Settings

    for path in drawn.write(Job(load(project), artifact, Settings()), dataset, at):
        typer.echo(path)


runs_app = typer.Typer(help="Look at single runs.", no_args_is_help=True)
app.add_typer(runs_app, name="runs")
app.add_typer(patch_app, name="patch")
app.add_typer(images_app, name="images")


@runs_app.command("show")
def show(
    key: Annotated[str, typer.Argument(help="a run's key or the beginning of it")],
    log: Annotated[bool, typer.Option("--log", help="print the upstream's output instead")] = False,
    project: Project = None,
) -> None:
    """Show one record: what went in, what came out, how long it took."""
    from harness.cli import reporting
    from harness.config import load

    reporting.show_run(load(project), key, log)

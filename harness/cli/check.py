"""`harness check`: arguments, a line for each part on the console, reports, and the exit code."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from harness.cli.console import console
from harness.cli.options import Executor, Jobs, Project, pairs
from harness.core.errors import ArgumentError
from harness.core.name_values import comma_separated

if TYPE_CHECKING:
    from harness.checks.outcome import Check, Part, RunCheck
    from harness.commands.check.options import Options
    from harness.core.config import Config

check_app = typer.Typer(
    help="Check that pins, locks, data, records, tables, numbers in documents and reruns are still valid.",
    invoke_without_command=True,
)
STYLES = {"held": "green", "broken": "bold red", "unchecked": "yellow"}
Names = Annotated[
    str, typer.Option(help="pins,patches,locks,data,images,records,tables,findings,prose,self-test,reruns")
]
Artifacts = Annotated[list[str] | None, typer.Option("--artifact", help="check only this artifact; repeatable")]
Runs = Annotated[
    list[str] | None,
    typer.Option("--where", help="select reruns by dataset, system, model, loss or seed, e.g. seed=42|43"),
]
Out = Annotated[Path | None, typer.Option(help="folder for reports [default: .cache/check]")]


@check_app.callback()
def check(
    context: typer.Context,
    tier: Annotated[str, typer.Option(help="smoke, nightly or weekly; sets parts, depth and budget")] = "nightly",
    budget: Annotated[
        str, typer.Option(help="wall time of the check with its reruns, e.g. 90m or 2h [default: the tier's]")
    ] = "",
    artifact: Artifacts = None,
    where: Runs = None,
    only: Names = "",
    skip: Names = "",
    depth: Annotated[str, typer.Option(help="depth of reruns: prefix, full or auto")] = "auto",
    jobs: Jobs = None,
    history: Annotated[Path | None, typer.Option(help="folder of the history [default: results/history]")] = None,
    out: Out = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="add nothing to the history")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="skip checks that need a network")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="treat unchecked items as failures")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="list what would be checked; check nothing")] = False,
    date: Annotated[str, typer.Option(help="night to schedule for, YYYY-MM-DD [default: today in UTC]")] = "",
    executor: Executor = "",
    job: Annotated[str, typer.Option(help="URL of the CI job, for the history")] = "",
    against: Annotated[
        Path | None, typer.Option(help="compare results with those in this folder instead; executes no run")
    ] = None,
    project: Project = None,
) -> None:
    """Check that everything that was valid is still valid; changes no record or table."""
    if context.invoked_subcommand:
        return
    from harness.commands.check.options import DEPTHS, TIERS, Options, chosen_parts, chosen_runs, day, seconds
    from harness.core.config import load

    parts = chosen_parts(tier, comma_separated(only), comma_separated(skip))
    if depth not in DEPTHS:
        raise ArgumentError("--depth", f"unknown depth {depth!r}", f"known: {', '.join(DEPTHS)}")
    config = load(project)
    options = Options(
        tier=tier, parts=parts, budget_s=seconds(budget) if budget else TIERS[tier].budget_s,
        night=day(date) if date else datetime.now(UTC).date(), out=out or config.cache / "check",
        history=history or config.results / "history", artifacts=tuple(artifact or ()),
        where=chosen_runs(pairs(where, "--where")),
        depth=depth, jobs=jobs or config.file.local.jobs, offline=offline, strict=strict, read_only=read_only,
        executor=executor, job=job,
    )  # fmt: skip
    raise typer.Exit(print_plan(config, options) if dry_run else look(config, options, against))


def print_plan(config: Config, options: Options) -> int:
    """What would be checked, on the console."""
    from harness.commands.check import whole

    for line in whole.plan(config, options):
        console().print(Text(line), soft_wrap=True)
    return 0


def look(config: Config, options: Options, against: Path | None) -> int:
    """Carry out a check, print and write what it found; the exit code."""
    from harness.checks.history import History
    from harness.commands import check as workflow
    from harness.commands.check.against import compare_folders

    if against:
        found, nights = compare_folders(config, options, against), None
    else:
        found = workflow.run_check(config, options, print_part, reran)
        nights = History(options.history).nights
    show(found, workflow.write_reports(found, options.out, nights), config.root)
    return found.exit


def print_part(part: Part) -> None:
    """Print one line for a finished part, and one for each item that needs attention."""
    from harness.checks.markdown import counts

    out = console(stderr=True)
    line = Text.assemble((f"{part.outcome:<10}", STYLES[part.outcome]), f"{part.part:<10} {counts(part.items)}")
    out.print(line, soft_wrap=True)
    for item in (item for item in part.items if item.code):
        out.print(Text(f"  {item.outcome}: {item.name}: {item.what}"), soft_wrap=True)
        if item.fix:
            out.print(Text(f"    fix: {item.fix}", style="dim"), soft_wrap=True)


def reran(run: RunCheck) -> None:
    """A line for a rerun."""
    style = "green" if run.outcome in ("held", "near", "within seeds") else "bold red" if run.code else "yellow"
    what = "; ".join(run.changes[-2:])
    line = Text.assemble((f"{run.outcome:<10}", style), f"{run.label} {run.key[:8]}{': ' * bool(what)}{what}")
    console(stderr=True).print(line, soft_wrap=True)


def show(found: Check, written: list[Path], root: Path) -> None:
    """The sentence of the summary, and where the reports are."""
    from harness.checks.markdown import sentence

    out = console()
    out.print(Text(sentence(found), style="bold"), soft_wrap=True)
    folder = written[0].parent
    shown = folder.relative_to(root) if folder.is_relative_to(root) else folder
    out.print(Text(f"Written: {shown}/{', '.join(path.name for path in written)}"), soft_wrap=True)


@check_app.command()
def report(
    file: Annotated[Path, typer.Argument(help="check.json of an earlier check", show_default=False)],
    out: Out = None,
) -> None:
    """Rewrite summary, JUnit XML and badge from check.json; checks nothing."""
    from harness.checks.as_json import from_content
    from harness.commands import check as workflow

    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArgumentError(str(file), f"is not readable: {error}", "name a check.json") from error
    found = from_content(content)
    show(found, workflow.write_reports(found, out or file.parent), file.parent)


@check_app.command()
def numbers(
    files: Annotated[list[Path] | None, typer.Argument(help="documents [default: those of harness.toml]")] = None,
    every: Annotated[bool, typer.Option("--all", help="also list numbers that have a source")] = False,
    project: Project = None,
) -> None:
    """List numbers in documents that have no source, with table cells that print the same."""
    from harness.checks.prose_numbers import listed
    from harness.checks.prose_sources import Sources
    from harness.core.config import load

    config = load(project)
    sources = Sources(config.root, config.results)
    out = console()
    for path in files or [config.root / name for name in config.file.check.prose]:
        for found in listed(path.read_text(encoding="utf-8"), sources):
            if every or found.state in ("no source", "does not agree"):
                place = f"{path.name}:{found.number.line}: {found.number.text}{'%' * found.number.percent}"
                could = f"; could be {' or '.join(found.could_be)}" if found.could_be else ""
                out.print(Text(f"{place}: {found.state}{could}"), soft_wrap=True)


@check_app.command()
def write(project: Project = None) -> None:
    """Rewrite the tables between markers in the project's documents."""
    from harness.checks import prose
    from harness.core.config import load

    config = load(project)
    for path in prose.write(config.root, config.file.check.prose, config.results):
        typer.echo(f"written: {path}")


HistoryFolder = Annotated[
    Path | None, typer.Option("--history", help="folder of the history [default: results/history]")
]


@check_app.command("history")
def show_history(
    name: Annotated[str, typer.Argument(help="a run key, its first characters, or a system [default: all]")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON lines")] = False,
    history: HistoryFolder = None,
    project: Project = None,
) -> None:
    """Show the reruns: date, machine class and outcome."""
    from harness.checks.history import History
    from harness.commands.check.looking import chosen_lines
    from harness.commands.check.looking import summary_line as shown
    from harness.core.config import load

    config = load(project)
    for line in chosen_lines(History(history or config.results / "history"), name):
        typer.echo(json.dumps(dict(line), sort_keys=True) if as_json else shown(line))


@check_app.command()
def why(
    key: Annotated[str, typer.Argument(help="a run key or its first characters", show_default=False)],
    history: HistoryFolder = None,
    project: Project = None,
) -> None:
    """Show the last comparison of one run: users, ranks, training curve, machine, inputs."""
    from harness.checks.history import History
    from harness.commands.check.looking import why as explained
    from harness.core.config import load

    config = load(project)
    for line in explained(config, History(history or config.results / "history"), key):
        console().print(Text(line), soft_wrap=True)


@check_app.command()
def accept(
    keys: Annotated[list[str], typer.Argument(help="run keys or their first characters", show_default=False)],
    because: Annotated[str, typer.Option(help="why the change is intended", show_default=False)],
    machine: Annotated[str, typer.Option("--class", help="one machine class [default: all]")] = "",
    date: Annotated[str, typer.Option(help="night of the acceptance, YYYY-MM-DD [default: today in UTC]")] = "",
    history: HistoryFolder = None,
    project: Project = None,
) -> None:
    """Accept an intended change: the last rerun becomes the reference, and its alarms are closed."""
    from harness.checks.history import History
    from harness.commands.check import looking
    from harness.commands.check.options import day
    from harness.core.config import load

    config = load(project)
    night = day(date) if date else datetime.now(UTC).date()
    for line in looking.accept(config, History(history or config.results / "history"), keys, because, machine, night):
        typer.echo(f"accepted {line['key'][:8]} on {line['class']}, {line['depth']}")


@check_app.command("self-test")
def self_test(
    quick: Annotated[bool, typer.Option("--quick", help="run only the cases that take seconds")] = False,
    project: Project = None,
) -> None:
    """Test the checker with planted changes and unchanged runs; exit code 1 if it misjudges one."""
    from harness.checks.outcome import Part, exit_code
    from harness.commands.check import self_test as cases
    from harness.core.config import load

    found = []
    for item in cases.check(load(project), quick):
        console().print(
            Text.assemble((f"{item.outcome:<7}", STYLES[item.outcome]), f"{item.name}: {item.what}"), soft_wrap=True
        )
        found.append(item)
    raise typer.Exit(exit_code([Part("self-test", tuple(found))]))

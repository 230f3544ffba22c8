"""Compares statements: significance, repeated properties, choices outside the stated grid, marks."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from harness.findings.finding import Finding
from harness.recipes.papers.library import Library, LocatedNumber, artifact_title
from harness.recipes.papers.rounding import Verdict
from harness.recipes.papers.schema import Artifact, Statement
from harness.recipes.papers.significance import SIGNIFICANT, operands, star


def check(library: Library) -> Iterator[Finding]:
    """Every statement that can be compared with another one or with its table."""
    yield from significance(library)
    yield from properties(library)
    yield from grids(library)
    for paper, name, artifact in library.artifacts():
        yield from marks(library, paper, name, artifact)


def significance(library: Library) -> Iterator[Finding]:
    """Statements on one difference in several places, including stars in tables."""
    groups: dict[Hashable, list[tuple[str, bool]]] = {}
    pairs: dict[Hashable, tuple[str, LocatedNumber, LocatedNumber]] = {}
    for paper, _, claim in library.claims():
        if claim.significant is not None and claim.of and claim.over:
            of, over = operands(library, paper, claim)
            key = (paper, frozenset(((of.artifact, of.number), (over.artifact, over.number))))
            pairs.setdefault(key, (paper, of, over))
            groups.setdefault(key, []).append((claim.where, claim.significant))
    for pair, (paper, of, over) in pairs.items():
        said = groups[pair] + star(library, of, over)
        if len(said) > 1:
            differ = len({significant for _, significant in said}) > 1
            words = [f"{SIGNIFICANT[significant]} ({where})" for where, significant in said]
            n = of.number
            yield Finding(
                "statement", (paper,), "; ".join(where.split("star in ")[-1] for where, _ in said),
                f"{n.label or n.model} against {over.number.label or over.number.model}, {n.dataset}, {n.metric}",
                words[0], "; ".join(words[1:]), "disagrees" if differ else "agrees",
                f"{n.value} against {over.number.value}",
            )  # fmt: skip


def properties(library: Library) -> Iterator[Finding]:
    """Statements on one property in several places of papers and released files."""
    groups: dict[tuple[str, str], list[tuple[str, Statement, str]]] = {}
    for paper, file in library.files.items():
        for statement in file.statements:
            said = value_of(library, paper, statement)
            groups.setdefault((statement.subject, statement.property), []).append((paper, statement, said))
    for (subject, name), found in groups.items():
        if len(found) < 2:
            continue
        papers = tuple(dict.fromkeys(paper for paper, _, _ in found))
        places = [f"{paper} {s.where}" if len(papers) > 1 else s.where for paper, s, _ in found]
        words = [f"{said} ({place})" for place, (_, _, said) in zip(places, found, strict=True)]
        conflict: Verdict = "disagrees" if len(papers) == 1 and papers[0] in library.papers else "differs"
        yield Finding(
            "released" if set(papers) - set(library.papers) else "statement", papers, "; ".join(places),
            f"{subject}: {name}", words[0], "; ".join(words[1:]),
            conflict if len({said for _, _, said in found}) > 1 else "agrees",
        )  # fmt: skip


def value_of(library: Library, paper: str, statement: Statement) -> str:
    """The value of a statement: a word, a number's property, or a fact of a protocol."""
    if statement.cell:
        number = library.one(paper, statement.cell, f"statement on {statement.subject}").number
        return str(getattr(number, statement.field))
    if statement.fact:
        return str(library.fact(statement.fact.paper, statement.fact.path, f"statement on {statement.subject}"))
    return statement.value


def grids(library: Library) -> Iterator[Finding]:
    """Chosen hyperparameters compared with the stated grid."""
    for paper, file in library.files.items():
        stated = file.protocol.get("hyperparameters", {})
        settings: dict[str, Any] = stated if isinstance(stated, dict) else {}
        for name, chosen in settings.items():
            if name.startswith("chosen_") and isinstance(chosen, dict):
                for parameter, value in chosen.items():
                    grid = settings.get(f"grid_{parameter}")
                    if isinstance(grid, list):
                        yield Finding(
                            "statement", (paper,), "protocol",
                            f"{parameter} chosen for {name.removeprefix('chosen_').replace('_', ', ')}", str(value),
                            f"grid: {', '.join(str(v) for v in grid)}", "agrees" if value in grid else "disagrees",
                            "" if value in grid else "outside the stated grid",
                        )  # fmt: skip


def marks(library: Library, paper: str, name: str, artifact: Artifact) -> Iterator[Finding]:
    """Bold and underlined numbers compared with the stated meaning of the marks."""
    for mark, meaning in (("bold", artifact.marks.bold), ("underline", artifact.marks.underline)):
        columns: dict[tuple[str, str], list[LocatedNumber]] = {}
        for placed in library.numbers:
            n = placed.number
            if meaning and (placed.paper, placed.artifact) == (paper, name) and getattr(n, mark) is not None:
                columns.setdefault((n.dataset, n.metric), []).append(placed)
        for (dataset, metric), found in columns.items():
            yield from marked(paper, f"{dataset}, {metric}, {mark}", mark, meaning, found)


def marked(paper: str, subject: str, mark: str, meaning: str, found: list[LocatedNumber]) -> Iterator[Finding]:
    """The marked numbers of one column of a table, each wrong one separately."""
    values = sorted({p.number.value for p in found}, reverse=True)
    right = values[min(len(values), 2) - 1 if meaning == "second" else 0]
    taken = [p for p in found if getattr(p.number, mark)]
    fits = [p for p in taken if (p.number.value == right if meaning != "gain" else (p.number.improvement_pct or 0) > 0)]
    where = artifact_title(found[0].artifact)
    what = {"second": f"second best is {right}", "best": f"best is {right}", "gain": "marks a gain"}[meaning]
    for placed in taken:
        if placed not in fits:
            rank = values.index(placed.number.value) + 1
            yield Finding(
                "statement", (paper,), where, f"{subject}: {placed.system}", str(placed.number.value), what,
                "disagrees", "; ".join(filter(None, [f"number {rank} of the column", placed.number.note])),
            )  # fmt: skip
    if fits:
        yield Finding("statement", (paper,), where, subject, str(fits[0].number.value), what, "agrees")
    elif meaning != "gain":
        yield Finding("statement", (paper,), where, subject, "–", what, "disagrees", "the right number is not marked")

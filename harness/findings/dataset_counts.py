"""Compares dataset statistics with the counts they derive from, and counts with each other."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from harness.findings.finding import Finding
from harness.recipes.papers.dataset_sizes import COUNTED
from harness.recipes.papers.library import Library, LocatedNumber, artifact_title
from harness.recipes.papers.rounding import Interval, decimals, exact, guesses, judge, one_digit_off, shown

DERIVED = ("average_length", "density")
NAMES = {"average_length": "average length", "density": "density"}
Table = dict[str, LocatedNumber]


def check(library: Library) -> Iterator[Finding]:
    """Each paper's derived statistics, then counts compared with released files and between papers."""
    counted = [p for p in library.numbers if p.number.metric in COUNTED]
    tables: dict[tuple[str, str, str], Table] = {(p.paper, p.artifact, p.number.dataset): {} for p in counted}
    for placed in library.numbers:
        key = (placed.paper, placed.artifact, placed.number.dataset)
        if key in tables and placed.number.metric in (*COUNTED, *DERIVED):
            tables[key][placed.number.metric] = placed
    papers = {key: table for key, table in tables.items() if key[0] in library.papers}
    for (paper, artifact, dataset), table in papers.items():
        if all(name in table for name in COUNTED):
            yield from derived(paper, artifact_title(artifact), dataset, table)
    yield from against_files(library, tables)
    yield from between(papers)


def derived(paper: str, where: str, dataset: str, table: Table) -> Iterator[Finding]:
    """Average length and density of one dataset, or their values if not printed."""
    users, items, interactions = (table[name].number.interval for name in COUNTED)
    per_item = interactions / items
    for name, value in zip(DERIVED, (interactions / users, interactions * exact(100) / (users * items)), strict=True):
        subject = f"{dataset}, {NAMES[name]}"
        if name not in table:
            yield Finding("dataset", (paper,), where, subject, "–", of_unit(name, value, 2), "not printed")
            continue
        reported = table[name].number.value
        verdict = judge(reported, value)
        remarks = [] if verdict == "agrees" else list(guesses(reported, value))
        if verdict == "disagrees" and name == "average_length" and judge(reported, per_item) == "agrees":
            remarks.insert(0, f"reported = interactions per item ({shown(per_item, 2)})")
        recomputed = of_unit(name, value, decimals(reported))
        yield Finding(
            "dataset", (paper,), where, subject, with_unit(name, reported), recomputed, verdict, "; ".join(remarks)
        )


def of_unit(name: str, value: Interval, digits: int) -> str:
    """A derived statistic with two digits more than the paper's."""
    return with_unit(name, shown(value, digits + 2))


def with_unit(name: str, text: Decimal | str) -> str:
    """A statistic with its unit."""
    return f"{text} %" if name == "density" else str(text)


def against_files(library: Library, tables: dict[tuple[str, str, str], Table]) -> Iterator[Finding]:
    """A paper's counts against those of released files."""
    for key, name, artifact in library.artifacts():
        about = library.files[key].about
        if not about or not artifact.published:
            continue
        for (paper, place, dataset), counted in tables.items():
            printed = tables.get((about.paper, artifact.published, dataset), {})
            if (paper, place) == (key, name):
                yield from (counts(printed[m], counted[m]) for m in COUNTED if m in printed and m in counted)


def counts(printed: LocatedNumber, counted: LocatedNumber) -> Finding:
    """One printed count against the count of the released file."""
    ours, theirs = printed.number, counted.number
    same = ours.value == theirs.value
    remark = "differs in one digit" if not same and one_digit_off(str(ours.value), str(theirs.value)) else ""
    return Finding(
        "dataset", (printed.paper, counted.paper), artifact_title(printed.artifact), f"{ours.dataset}, {ours.metric}",
        str(ours.value), f"{theirs.value} counted in the released file", "agrees" if same else "disagrees", remark,
    )  # fmt: skip


def between(tables: dict[tuple[str, str, str], Table]) -> Iterator[Finding]:
    """One statistic of one dataset in several papers."""
    rows: dict[tuple[str, str], list[LocatedNumber]] = {}
    for (_, _, dataset), table in tables.items():
        for name, placed in table.items():
            rows.setdefault((dataset, name), []).append(placed)
    for (dataset, name), found in rows.items():
        if len(found) > 1:
            first, *others = found
            same = all(first.number.interval.same(other.number.interval) for other in others)
            yield Finding(
                "dataset", tuple(p.paper for p in found), "; ".join(p.spot for p in found),
                f"{dataset}, {NAMES.get(name, name)}", with_unit(name, first.number.value),
                "; ".join(f"{with_unit(name, p.number.value)} in {p.paper}" for p in others),
                "agrees" if same else "differs",
                "" if same or not same_counts(tables, dataset, found) else "both from the same counts",
            )  # fmt: skip


def same_counts(tables: dict[tuple[str, str, str], Table], dataset: str, found: list[LocatedNumber]) -> bool:
    """Whether the papers give the dataset the same counts."""
    seen = {
        tuple(table[name].number.value for name in COUNTED if name in table)
        for (paper, _, of), table in tables.items()
        if of == dataset and paper in {placed.paper for placed in found}
    }
    return len(seen) == 1

"""Rows for `harness.findings` from our own records of the papers' experiments.

They answer four questions: whether the metrics that a code base prints follow from its ranks; whether it
matters that a test pairs users; whether a system as published is what its authors' code computes; whether two code
bases give one system the same value. Demonstrations are left out. Printed metrics, variants and twins include
shortened trainings; tests use a recipe's own settings or, without such runs, a named profile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

from harness.commands import compare, table_spec
from harness.commands.estimate import limits
from harness.commands.reproduce import load_results
from harness.commands.table_request import TableRequest
from harness.commands.unequal_settings import setting_rows
from harness.core.config import Config
from harness.core.errors import HarnessError, MetricsError, RecipeError
from harness.core.files import canonical_json
from harness.executors.run_folder import RunFolder
from harness.findings.collect import collect
from harness.findings.own_runs import MetricRow, PairingRow, PairRow, SettingRow, TwinRow, VariantRow
from harness.recipes import recipe as recipes
from harness.recipes.recipe import Recipe
from harness.recipes.selection import Settings
from harness.report.findings import to_markdown
from harness.runs.probe_output import read_ranks
from harness.runs.store import Store
from harness.runs.stored import Record, judge
from harness.stats import metrics
from harness.stats.estimates import align
from harness.stats.parametric import paired_p, unpaired_p
from harness.tables.comparable_runs import select_comparable

PUBLISHED, RELEASED = "as-published", "as-released"
OWN_WORDS = ("data", "dataset", "out", "batches", "listed")  # options with a different value in each code base


DOCUMENT = "docs/findings.md"


def document(config: Config) -> str:
    """The list of findings as in `DOCUMENT`: everything that does not agree, as Markdown."""
    return to_markdown(collect(config.root, *own_rows(config)), everything=False)


def own_rows(
    config: Config,
) -> tuple[Iterator[MetricRow], Iterator[PairingRow], Iterator[VariantRow], Iterator[TwinRow], Iterator[SettingRow]]:
    """The rows from the project's records and recipes."""
    found = (metric_rows(config), pairing_rows(config), variant_rows(config), twin_rows(config))
    return (*found, setting_rows(config))


def metric_rows(config: Config) -> Iterator[MetricRow]:
    """One row for each metric that a finished run printed; a printed value that ties allow counts as equal."""
    for record in Store(config.results, config.cache).records:
        c = record.content
        ranks = judge(record).ranks
        if ranks is None or not c.get("printed"):
            continue
        for name, text in c["printed"].items():
            try:
                found = float(metrics.per_user(ranks, name).mean())
            except HarnessError:  # a metric that ranks do not give
                continue
            value = found if metrics.agrees_with_printed(ranks, {name: text}) else float(text)
            paper = str(c["artifact"]).partition("/")[0]
            system = c["system"] if c["seed"] is None else f"{c['system']} seed {c['seed']}"
            yield MetricRow(paper, str(c["key"]), str(c["dataset"]), system, name, text, value)


def pairing_rows(config: Config) -> Iterator[PairingRow]:
    """One row for each claim of a recipe, dataset, metric and seed by one of the recipe's settings that has records."""
    for name in recipes.artifacts(config.root):
        recipe = recipes.load_recipe(config.root, name, {})
        if recipe.published and not recipe.demonstration and recipe.claims:
            for profile in ("", *recipe.profiles):
                if rows := list(_of_recipe(config, name, recipe, profile)):
                    yield from rows
                    break


def _of_recipe(config: Config, name: str, recipe: Recipe, profile: str) -> Iterator[PairingRow]:
    paper, request = recipe.published.partition("#")[0], TableRequest(config, name, Settings(profile=profile))
    seeds = compare.seeds_of(request, *{key for claim in recipe.claims for key in (claim.better, claim.worse)})
    request = TableRequest(config, name, Settings(seeds=seeds or None, profile=profile))
    spec, results = table_spec.table_spec(request), load_results(request)
    if all(r.status == "missing" for r in results):
        return
    for dataset in spec.datasets:
        own = select_comparable(spec, dataset, results)
        for claim in spec.claims:
            for seed in own.seeds(claim.better):
                if seed in own.seeds(claim.worse):
                    a, b = (own.values[key, seed, claim.metric] for key in (claim.better, claim.worse))
                    label = f"{spec.system(claim.better).label} > {spec.system(claim.worse).label}{of_seed(seed)}"
                    label += f", profile {profile}" if profile else ""
                    yield PairingRow(paper, dataset.label, label, claim.metric, paired_p(a, b), unpaired_p(a, b))


def of_seed(seed: int | None) -> str:
    """A seed for a label; "" if the run is deterministic."""
    return "" if seed is None else f", seed {seed}"


def variant_rows(config: Config) -> Iterator[VariantRow]:
    """One row for each metric of two records that differ only in `as-published` and `as-released`."""
    pairs: dict[tuple[str, ...], tuple[list[Record], list[Record]]] = {}
    for record in Store(config.results, config.cache).records:
        c = record.content
        for place, form in enumerate((PUBLISHED, RELEASED)):
            if record.finished and form in c["system"]:
                pairs.setdefault(alike(c, c["system"].replace(form, "")), ([], []))[place].append(record)
    for key in sorted(pairs):
        same_code = [pair for pair in product(*pairs[key]) if share_modules(*(r.content for r in pair))]
        if same_code:
            yield from of_variants(config, *same_code[-1])


def share_modules(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether the overlay modules that both of two records could load are the same."""
    first, second = (content["inputs"]["overlay"] for content in (one, other))
    return all(first[name] == second[name] for name in first.keys() & second.keys())


def alike(content: Mapping[str, Any], system: str) -> tuple[str, ...]:
    """The inputs that two records share except for the form of the system."""
    inputs = content["inputs"]
    parts = ("upstream", "patches", "environment", "data", "checkpoint", "device", "threads")
    same = canonical_json({part: inputs.get(part) for part in parts})
    return (system, content["dataset"], of_seed(content["seed"]), str(limits(inputs["command"])), same)


def of_variants(config: Config, published: Record, released: Record) -> Iterator[VariantRow]:
    """The rows of one pair, for the metrics of its recipe."""
    for row in of_pair(config, (published, released)):
        yield VariantRow(**{**vars(row), "system": row.system.replace(" (as published)", "")})


def of_pair(config: Config, pair: Sequence[Record], more: str = "") -> Iterator[PairRow]:
    """A row for each metric of the first one's recipe; none if the recipe is gone or the users differ.

    Args:
        more: further settings, shown before the seed.
    """
    first, second = (record.content for record in pair)
    try:
        recipe = recipes.load_recipe(config.root, first["artifact"], {})
    except RecipeError:
        return
    label = recipe.systems[first["system"]].label
    dataset = recipes.load_datasets(config.root, recipe)[first["dataset"]].label
    settings = ", ".join(f"{name} {value}" for name, value in limits(first["inputs"]["command"]).items())
    settings += more + of_seed(first["seed"])
    keys = (str(first["key"]), str(second["key"]))
    one, other = (read_ranks(RunFolder(record.folder).ranks("test")) for record in pair)
    for metric in recipe.metrics:
        try:
            a, b = align(one.users, metrics.per_user(one, metric), other.users, metrics.per_user(other, metric))
        except MetricsError:
            return
        means = (float(a.mean()), float(b.mean()))
        paper = recipe.artifact.partition("/")[0]
        yield PairRow(paper, dataset, label, metric, settings, keys, means, paired_p(a, b))


def twin_rows(config: Config) -> Iterator[TwinRow]:
    """One row for each metric of two records of one system in two code bases, on the same data with the same options.

    Batches in an epoch may differ, since code bases count them differently; then both numbers are reported.
    """
    found: dict[str, list[Record]] = {}
    for record in Store(config.results, config.cache).records:
        if record.finished and record.content["proof"]:
            found.setdefault(in_any_code_base(record.content), []).append(record)
    for group in sorted(found):
        for pair in combinations(sorted(found[group], key=lambda r: str(r.content["upstream"])), 2):
            if pair[0].content["upstream"] != pair[1].content["upstream"]:
                yield from of_twins(config, pair)


def in_any_code_base(content: Mapping[str, Any]) -> str:
    """The inputs that two records of one system, data and options share, whatever code trained them."""
    inputs = content["inputs"]
    options = {n: v for n, v in options_of(inputs["command"]).items() if n not in OWN_WORDS}
    same = [content[part] for part in ("system", "dataset", "seed")]
    return canonical_json([*same, options, *(inputs.get(part) for part in ("data", "device", "threads"))])


def options_of(command: Sequence[str]) -> dict[str, str]:
    """A command's options that are written `--epochs=3`."""
    parts = (word.lstrip("-").partition("=") for word in command if word.startswith("--"))
    return {name: value for name, equals, value in parts if equals}


def of_twins(config: Config, pair: Sequence[Record]) -> Iterator[TwinRow]:
    """The rows of one pair, with the numbers that each code base counts differently."""
    contents = [record.content for record in pair]
    batches = [options_of(c["inputs"]["command"]).get("batches") for c in contents]
    best = [str(c["end"].get("best_epoch")) for c in contents]
    more = f", batches up to {batches[0]} and {batches[1]}" if batches[0] != batches[1] else ""
    upstreams = (str(contents[0]["upstream"]), str(contents[1]["upstream"]))
    for row in of_pair(config, pair, f"{more}, weights of epochs {best[0]} and {best[1]}"):
        yield TwinRow(**vars(row), upstreams=upstreams)

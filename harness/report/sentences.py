"""Sentences about a table: banners, notes, captions, signature; plain text, escaped by each format."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from harness.core.results import NOT_RUN
from harness.report import rounding
from harness.report.captions import DETAILS, INTERVAL, SAME_VALUES, TRAINING, WILCOXON, WORDS
from harness.tables.build import NO_SEED, ClaimRow, Comparison, Note, Row, Spread, Table, TableSpec

CORRECTIONS = {
    "holm": "Holm",
    "bonferroni": "Bonferroni",
    "benjamini-hochberg": "Benjamini-Hochberg",
    "none": "uncorrected",
}
LEGEND = (
    "∗ significantly better than the compared system of its claim, over users and seeds; ° over users only; "
    "↓ significantly worse."
)


def listed(items: Sequence[str]) -> str:
    """Items as prose: "a, b and c"."""
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def claim_name(spec: TableSpec, row: ClaimRow) -> str:
    """The claim in words, by the systems' labels; for an added loss only a comparison."""
    sign = "against" if row.claim.own else ">"
    return f"{spec.system(row.claim.better).label} {sign} {spec.system(row.claim.worse).label}"


def banners(table: Table) -> list[str]:
    """The banners above the table."""
    kinds = [note.kind for note in table.notes]
    found = []
    if "demonstration" in kinds:
        found.append("DEMONSTRATION on generated data. It shows how the harness works and is not about any paper.")
    if "quick" in kinds:
        found.append(
            "NOT A REPRODUCTION. Profile 'quick' shortens training: a smoke test (not comparable with the paper)."
        )
    for note in table.notes:
        if note.kind == "changed":
            found.append(f"OTHER OPTIONS THAN THE RECIPE'S: {note.text}.")
    return found


def alarms(table: Table, dataset: str) -> list[str]:
    """One warning for each claim for which users, or single seeds, show a difference that other seeds might not."""
    rows = [(row, row.comparison) for row in table.claims if row.dataset == dataset]
    return [_alarm(table.spec, row, c) for row, c in rows if c and (c.overruled or c.misleading_seeds)]


def _alarm(spec: TableSpec, row: ClaimRow, c: Comparison) -> str:
    interval = f"[{rounding.signed(c.interval.low)}, {rounding.signed(c.interval.high)}]"
    text = f"{spec.dataset(row.dataset).label}, {row.claim.metric}, {claim_name(spec, row)}: "
    if c.overruled:
        text += f"the test over users finds a difference (corrected p {_p(c.p_users_adjusted)}), but "
    text += f"over users × seeds the gain {rounding.signed(c.gain)} has corrected p {_p(c.p_adjusted)}, "
    text += f"interval {interval}."
    for sign, direction in ((1, "for"), (-1, "against")):
        seeds = [g for g in c.misleading_seeds if g.gain * sign > 0]
        if seeds:
            texts = listed([f"{g.seed} ({rounding.signed(g.gain)}, p {_p(g.p)})" for g in seeds])
            text += f" Alone, {'seeds' if len(seeds) > 1 else 'seed'} {texts} would have counted {direction} it."
    return text


def _p(p: float) -> str:
    text = rounding.p_value(p)
    return text if text.startswith("<") else f"= {text}"


def legend(table: Table) -> str:
    """The meaning of the signs at values, "" if no claim was tested."""
    return LEGEND if table.n_tests and not table.spec.quick else ""


def sign(table: Table, row: Row, system: str) -> str:
    """The sign of a system's value in this row by its claims' tests: ∗, ° or ↓ if all agree; else ""."""
    found = [] if table.spec.quick else agreeing(table, row, system)
    if not found or found[0].gain < 0:
        return "↓" if found else ""
    return "∗" if all(c.significant and not c.by_users_only for c in found) else "°"


def agreeing(table: Table, row: Row, system: str) -> list[Comparison]:
    """The tests of a system's claims in this row, if each finds a difference in the same direction; else none."""
    rows = [r for r in table.claims if (r.dataset, r.claim.metric, r.claim.better) == (row.dataset, row.metric, system)]
    tested = [r.comparison for r in rows if not r.claim.own]
    found = [c for c in tested if c and c.found_by_users]
    alike = all(c.gain > 0 for c in found) or all(c.gain < 0 for c in found)
    return found if len(found) == len(tested) and alike else []


def spread_line(spec: TableSpec, spread: Spread) -> str:
    """The range over seeds of a claim's systems, compared with the paper's gain."""
    gain = abs(spread.paper_gain)
    times = f"{spread.width / gain:.1f} times" if gain else "compared with"
    return (
        f"{spread.claim.metric}: the range over {spread.n_seeds} seeds of {spec.system(spread.system).label} is "
        f"{rounding.metric(spread.width)}, {times} the {spec.published_in}'s gain of {rounding.metric(gain)} "
        f"({spec.system(spread.claim.better).label} over {spec.system(spread.claim.worse).label})."
    )


def note_line(spec: TableSpec, note: Note) -> str:
    """A note as a sentence; "" for those that are banners."""
    writers: dict[str, Callable[[TableSpec, Note], str]] = {
        "failed": lambda s, n: f"Failed: {_run(s, n)}: {n.text}.",
        "missing": lambda s, n: f"{'Not run' if n.text == NOT_RUN else n.text}: {_seeded(s, n)}.",
        "disagrees": lambda s, n: f"† {_run(s, n)}: {n.text}.",
        "marked": lambda s, n: f"§ {_run(s, n)}: {n.text}.",
        "trivial": lambda s, n: f"{n.metric} is 1 for any scores for users with so few candidates: {_shares(s, n)}.",
        "candidates": lambda s, n: (
            f"Systems rank different numbers of items; fewer items are an advantage: {_counted(s, n)}."
        ),
        "repeated seeds": lambda s, n: f"Identical ranks, counted as one seed: {_seeded(s, n)}.",
        "ties": lambda s, n: f"‡ {n.metric}: tied scores would change a printed digit of {_bounded(s, n)}.",
        "tie rule": lambda s, n: f"‡ {n.metric}, {_against(s, n)}: {n.text}.",
        "floor": lambda s, n: (
            f"{n.metric}: significantly below {_floor(s, n)}{', ' * bool(n.text)}{n.text}: {_valued(s, n)}."
        ),
        "paper floor": lambda s, n: (
            f"{n.metric}: the {s.published_in}'s own numbers below {_floor(s, n)}: {_valued(s, n)}."
        ),
        "one seed": lambda *_: "One seed: intervals and verdicts do not include the variation between seeds.",
        "two seeds": lambda *_: (
            "Two seeds: intervals over seeds are rough (in simulation a 95 % interval may cover only 88 %)."
        ),
        "not compared": lambda s, n: f"Not compared: {_seeded(s, n) or s.dataset(n.dataset).label} {n.text}.",
        "unequal seeds": lambda s, n: f"Fewer than {len(s.seeds)} seeds: {_counted(s, n)}.",
        "same digits": lambda s, n: (
            f"{n.metric}: single runs that print the {s.published_in}'s number: {_seeded(s, n)}."
        ),
        "cut digits": lambda s, n: (
            f"{n.metric}: the {s.published_in}'s number is ours truncated, not rounded: {_seeded(s, n)}."
        ),
    }
    return writers[note.kind](spec, note) if note.kind in writers else ""


def _run(spec: TableSpec, note: Note) -> str:
    return spec.system(note.system).label + ("" if note.seed is None else f", seed {note.seed}")


def _bounded(spec: TableSpec, note: Note) -> str:
    """Systems, each with its value with the held-out item last and first among equal scores."""
    pairs = zip(note.values[::2], note.values[1::2], strict=True)
    return "; ".join(
        f"{spec.system(key).label} ({rounding.metric(last)} with the held-out item last among equals, "
        f"{rounding.metric(first)} with it first)"
        for (key, last), (_, first) in pairs
    )


def _against(spec: TableSpec, note: Note) -> str:
    """A system, or a claim that it beats another one."""
    return " > ".join(spec.system(key).label for key in (note.system, *(key for key, _ in note.values)))


def _floor(spec: TableSpec, note: Note) -> str:
    key, value = note.values[0]
    return f"{spec.system(key).label} ({rounding.metric(value)})"


def _valued(spec: TableSpec, note: Note) -> str:
    return "; ".join(f"{spec.system(key).label} {rounding.metric(value)}" for key, value in note.values[1:])


def _counted(spec: TableSpec, note: Note) -> str:
    return "; ".join(f"{spec.system(key).label} {value:.0f}" for key, value in note.values)


def _shares(spec: TableSpec, note: Note) -> str:
    return "; ".join(f"{spec.system(key).label} {100 * share:.0f} % of the users" for key, share in note.values)


def _seeded(spec: TableSpec, note: Note) -> str:
    """Systems, each with the seeds that the note's values name."""
    seeds: dict[str, list[str]] = {}
    for key, seed in note.values:
        seeds.setdefault(spec.system(key).label, []).extend([] if seed == NO_SEED else [f"{seed:.0f}"])
    return "; ".join(
        f"{label} (seed{'s' if len(own) > 1 else ''} {listed(own)})" if own else label for label, own in seeds.items()
    )


def signature(spec: TableSpec) -> str:
    """The signature of every number of the table, as in sacreBLEU."""
    facts = {key: value for key, value in spec.signature.items() if value}
    facts.setdefault("ties", "mean")
    facts.setdefault("test", "t over users and seeds")
    facts.setdefault("correction", f"{spec.correction}/{'dataset' if spec.by_dataset else 'artifact'}")
    facts.setdefault("seeds", ",".join(map(str, spec.seeds)))
    return " | ".join(f"{key}:{value}" for key, value in facts.items() if value)


def mark(spec: TableSpec) -> str:
    """Eight digits of the signature's hash."""
    return hashlib.sha256(signature(spec).encode()).hexdigest()[:8]


def value_caption(table: Table) -> str:
    """The caption of values and their verdicts."""
    spec, seeds = table.spec, table.spec.seeds
    margin = f"{spec.margin_absolute:g}" if spec.margin_absolute else f"{100 * spec.margin_relative:g} %"
    how = (
        f"deterministic, so exact: within the printed value ± {margin}"
        if table.seedless
        else f"reproduced: within the printed value ± {margin} (two one-sided tests at 5 %); consistent: within the "
        "range of one more training; differs: outside both"
    )
    over = f"Mean over {len(seeds)} seeds ({', '.join(map(str, seeds))}) of the mean" if len(seeds) > 1 else "Mean"
    texts = "".join(TRAINING[fact] for fact in dict.fromkeys(line.fact for line in table.training))
    return (
        f"{over} over users; ± half the 95 % t interval over seeds, or over users where marked u (one seed, or "
        f"deterministic). Difference: ours against the {spec.published_in}'s, in percent. Verdict: {how}. "
        "Best bold, second underlined. "
        f"{texts.format(spec.published_in)}{same_values(table)}{legend(table)}"
    ).rstrip()


def same_values(table: Table) -> str:
    """A note if all seeds of a system give the same value of a metric, else ""."""
    cells = [cell for row in table.rows for cell in row.cells]
    return f"{SAME_VALUES} " if any(cell.noise is None and len(cell.keys) > 1 for cell in cells) else ""


def own_caption(table: Table) -> str:
    """The caption of added comparisons, "" if there are none."""
    if not any(row.claim.own for row in table.claims):
        return ""
    if table.spec.compared:
        return f"{_tested(table)}; {corrected(table.spec, table.n_own_tests, own=True)}. {INTERVAL} {_words(table)}"
    return (
        "Comparisons added by the command line; not claims of the paper. Tested like its claims; "
        f"{corrected(table.spec, table.n_own_tests, own=True)}, so the p-values of the paper's claims do not change."
    )


def _words(table: Table) -> str:
    """The meaning of verdicts on claims."""
    return f"{WORDS} {same_values(table)}".rstrip()


def corrected(spec: TableSpec, n_tests: int, *, own: bool = False) -> str:
    """The correction of p-values and its number of tests."""
    if spec.correction == "none":
        return "p not corrected for the number of tests"
    name, each = CORRECTIONS[spec.correction], " of each dataset" if spec.by_dataset else ""
    if own:
        return f"{name}'s correction over these {n_tests} tests"
    sizes = sorted({spec.family_size(d.key, 0 if spec.by_dataset else n_tests) for d in spec.datasets})
    family = str(sizes[-1]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    made = f", of which {n_tests} were possible (p = 1 for the others)"
    rest = "" if spec.by_dataset or sizes[-1] <= n_tests else made
    return f"{name}'s correction over the {family} tests that the recipe declares{each}{rest}"


def claim_caption(table: Table) -> str:
    """How the claims were tested: test, n, correction, seeds."""
    how = corrected(table.spec, table.n_tests)
    return f"{_tested(table)}; {how}. {INTERVAL} Supported: significant with a positive gain. {_words(table)}"


def detail_caption(spec: TableSpec) -> str:
    """The caption of the columns of every test."""
    return f"{DETAILS} {WILCOXON}" if spec.wilcoxon else DETAILS


def _tested(table: Table) -> str:
    users = listed([f"{table.spec.dataset(key).label} {rounding.count(n)}" for key, n in table.n_users.items() if n])
    n = f"n: {users} users" if users else "no valid run"
    return f"Paired test over users and seeds ({n}; over users only with one seed), two-sided"

"""Numbers of values and claims by verdict, each printed value counted once; number of seeds still needed."""

from __future__ import annotations

from collections.abc import Sequence

from harness.stats.seed_noise import MORE_SEEDS, SeedsNeeded
from harness.tables.build import Table

#: Verdicts from strongest to weakest; a value that two systems share counts with the weaker one.
VALUE_ORDER = (
    "reproduced", "consistent", "reproduced by users only", "consistent by users only", "inconclusive",
    "differs by users only", "differs",
)  # fmt: skip
CLAIM_ORDER = (
    "supported", "supported by users only", "direction only", "inconclusive", "no difference by users only",
    "no difference", "opposite direction", "contradicted by users only", "contradicted",
)  # fmt: skip


def summary(table: Table) -> str:
    """The numbers of reproduced values and supported claims, in one sentence."""
    if table.spec.quick:
        return "Not judged: training was cut short."
    values, claims = value_verdicts(table), claim_verdicts(table)
    own = [row.verdict for row in table.claims if row.claim.own]
    parts = []
    if values:
        parts.append(f"{values.count('reproduced')} of {len(values)} published values reproduced{_rest(values)}")
    if claims:
        parts.append(f"{claims.count('supported')} of {len(claims)} claims supported{_rest(claims)}")
    if own:
        counts = ", ".join(f"{own.count(v)} {v}" for v in dict.fromkeys(own))
        who = (
            "the first against the second" if table.spec.compared else "added comparisons, the first against the second"
        )
        parts.append(f"{who}: {counts}")
    text = "; ".join(parts) or "No published values and no claims to judge"
    return f"{text}."


def value_verdicts(table: Table) -> list[str]:
    """One verdict for each printed value, even if systems share it."""
    found = [
        ((row.dataset, row.metric, cell.published.identity), cell.verdict)
        for row in table.rows
        for cell in row.cells
        if cell.published
    ]
    return counted_once(found, VALUE_ORDER)


def claim_verdicts(table: Table) -> list[str]:
    """One verdict for each claim of the paper, even if systems share its printed values."""
    rows = [row for row in table.claims if not row.claim.own]
    return counted_once([((r.dataset, r.claim.metric, *r.shared), r.verdict) for r in rows], CLAIM_ORDER)


def counted_once(rows: Sequence[tuple[tuple[str, ...], str]], order: Sequence[str]) -> list[str]:
    """One verdict for each key: of several, the last in `order`; unlisted ones are weaker still."""
    rank = {word: place for place, word in enumerate(order)}
    found: dict[tuple[str, ...], str] = {}
    for key, verdict in rows:
        found[key] = max(found.get(key, verdict), verdict, key=lambda word: rank.get(word, len(rank)))
    return list(found.values())


def seeds_needed(needed: SeedsNeeded | None) -> str:
    """Seeds with their range: "12 (6 to 90)"; "" if decided or unknown."""
    if needed is None:
        return ""
    likely, low, high = (str(n) if n < MORE_SEEDS else f">{MORE_SEEDS - 1:,}" for n in needed)
    return likely if likely == low == high else f"{likely} ({low} to {high})"


def _rest(verdicts: Sequence[str]) -> str:
    others = [v for v in dict.fromkeys(verdicts) if v not in ("reproduced", "supported")]
    return f" ({', '.join(f'{verdicts.count(v)} {v}' for v in others)})" if others else ""

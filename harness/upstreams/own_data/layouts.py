"""Sequences as files that a code base reads: users and items numbered from 1 without gaps, `\\n` at line ends.

Ids that are all whole numbers keep their numeric order, others are sorted as text; so a file with valid ids keeps them.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.core.project_file import OwnData
from harness.upstreams.data_cache import Counts, hash_interactions
from harness.upstreams.own_data.filters import Sequences, items, total


@dataclass(frozen=True)
class Numbered:
    """Sequences of numbers.

    Attributes:
        users, items: number by id.
    """

    sequences: Mapping[int, list[int]]
    users: Mapping[str, int]
    items: Mapping[str, int]

    @property
    def counts(self) -> Counts:
        """Users, items and interactions."""
        return Counts(len(self.users), len(self.items), total(self.sequences))

    @property
    def interactions_sha256(self) -> str:
        """The same for every layout."""
        own = self.sequences.items()
        return hash_interactions((user, n, item) for user, row in own for n, item in enumerate(row, start=1))


def numbered(sequences: Sequences) -> Numbered:
    """Users and items by number, users in order."""
    users, known = numbers(sequences), numbers(items(sequences))
    rows = {users[user]: [known[item] for item in own] for user, own in sequences.items()}
    return Numbered(dict(sorted(rows.items())), users, known)


def numbers(ids: Iterable[str]) -> dict[str, int]:
    """Numbers from 1 by id."""
    given = list(ids)
    whole = all(i.isascii() and i.isdecimal() and i == str(int(i)) for i in given)
    return {i: n for n, i in enumerate(sorted(given, key=int if whole else str), start=1)}


def files(found: Numbered, name: str, wanted: OwnData) -> dict[str, str]:
    """The texts of the code base's files, by file name, sequences first."""
    own = found.sequences.items()
    if wanted.layout == "pairs":
        lines = [f"{user} {item}\n" for user, row in own for item in row]
    else:
        lines = [f"{user} {' '.join(map(str, row))}\n" for user, row in own]
    texts = {f"{name}.txt": "".join(lines)}
    if wanted.attributes:
        attributes = {str(item): [1] for item in sorted(found.items.values())}
        texts[wanted.attributes.format(name=name)] = json.dumps(attributes) + "\n"
    return texts


def ids(found: Numbered) -> str:
    """CSV with each number and its id."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("kind", "number", "id"))
    for kind, known in (("user", found.users), ("item", found.items)):
        writer.writerows((kind, number, own) for own, number in known.items())
    return text.getvalue()

"""Declared equivalences: forms of overlay modules or patches that behave like older ones.

`patches/overlay/equivalent.toml` declares, with evidence, that a set of modules behaves like another set. The key then
names the older one; finished runs are found again. Without a declaration the run is trained again. So a missing entry
costs hours but never gives a wrong number. An entry applies to a run if everything listed under `now` is
in the run's inputs with these hashes, or was until another entry replaced it. All such entries apply at once,
then again to the result, until none applies: a chain of edits leads back to the oldest form.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from harness.core.errors import ConfigError
from harness.core.project_folders import layers
from harness.core.schema import Strict, problems

FILE = "patches/overlay/equivalent.toml"
PARTS = ("overlay", "patches")
Name = Annotated[str, Field(pattern=r"^\w[\w./-]*\.(py|patch)$")]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Item = tuple[str, str, str]  # part, name, hash


class Entry(Strict):
    """A set of modules or patches that behaves like another set.

    Attributes:
        now: hash by name; of a module's normal form, or of a patch's effect.
        was: the same of the older set; empty if the new modules change nothing.
        words: older words of commands, or parts of them, by their new ones.
        golden: SHA-256 of files below tests/golden/overlay by name, at the time when they showed equality.
        evidence: why both behave alike.
    """

    part: Literal["overlay", "patches"]
    now: dict[Name, Hash]
    was: dict[Name, Hash]
    words: dict[str, str] = {}
    golden: dict[str, Hash] = {}
    evidence: str

    @field_validator("now")
    @classmethod
    def names_something(cls, now: dict[str, str]) -> dict[str, str]:
        """Refuse an entry that would apply to every run."""
        if not now:
            raise ValueError("is empty")
        return now

    @field_validator("evidence")
    @classmethod
    def is_said(cls, evidence: str) -> str:
        """Refuse an entry without evidence."""
        if not evidence.strip():
            raise ValueError("is empty: give the evidence that both behave alike")
        return evidence

    @property
    def new_items(self) -> set[Item]:
        """The pairs that it replaces."""
        return {(self.part, name, digest) for name, digest in self.now.items()}

    @property
    def old_items(self) -> set[Item]:
        """The pairs that it inserts instead."""
        return {(self.part, name, digest) for name, digest in self.was.items()}


class EquivalentFile(Strict):
    """equivalent.toml as a whole."""

    equivalent: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Equivalence:
    """All declared entries; `applied` leads a run's inputs back to their oldest form."""

    entries: tuple[Entry, ...] = ()

    def applied(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Inputs with the oldest form of modules, patches and command.

        Args:
            inputs: of a run, with `overlay`, `patches` and `command`.
        Raises:
            ConfigError: entries that apply at once give different older forms.
        """
        found = dict(inputs)
        seen = {part: set(inputs[part].items()) for part in PARTS}
        left = list(self.entries)
        while entries := [entry for entry in left if applies(entry, found[entry.part], seen[entry.part])]:
            taken = set(map(id, entries))  # comparing entries by value, for every run, takes long
            left = [entry for entry in left if id(entry) not in taken]
            for part in PARTS:
                found[part] = older(found[part], [entry for entry in entries if entry.part == part])
                seen[part].update(found[part].items())
            words = agreed((new, old) for entry in entries for new, old in entry.words.items())
            found["command"] = [renamed(word, words) for word in found["command"]]
        return found

    @property
    def former_names(self) -> dict[str, set[str]]:
        """For each name of now: the older names that it is declared to behave like, alone or with others."""
        found: dict[str, set[str]] = {}
        for entry in self.entries:
            for name in entry.now:
                found.setdefault(name, set()).update(entry.was)
        return found


def applies(entry: Entry, there: Mapping[str, str], seen: Set[tuple[str, str]]) -> bool:
    """Whether everything that an entry replaces has occurred, and some of it is still present.

    Two entries can share a module. The one whose other modules take a step longer would find it already replaced. So a
    module that has occurred still counts: an entry about two modules is valid independently of other entries.

    Args:
        there: one part of a run's inputs in its current form.
        seen: its names and hashes now and before.
    """
    return all(item in seen for item in entry.now.items()) and any(item in there.items() for item in entry.now.items())


def older(there: Mapping[str, str], entries: Iterable[Entry]) -> dict[str, str]:
    """One part of a run's inputs after entries that apply at once.

    Raises:
        ConfigError: two hashes for one name.
    """
    entries = list(entries)
    replaced = {item for entry in entries for item in entry.now.items()}
    left = [item for item in there.items() if item not in replaced]  # a name may already be an older form
    return agreed([*left, *((name, digest) for entry in entries for name, digest in entry.was.items())])


def agreed(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Pairs as a dictionary.

    Raises:
        ConfigError: two values for one name.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if found.setdefault(name, value) != value:
            what = f"{name}: both {found[name]} and {value} are declared as its older form"
            raise ConfigError(FILE, what, "declare one older form, or remove the wrong entry")
    return found


def renamed(word: str, words: Mapping[str, str]) -> str:
    """A word of a command with its older parts; a part is replaced as a whole, the longest first."""
    if not words:
        return word
    parts = "|".join(re.escape(part) for part in sorted(words, key=len, reverse=True))
    return re.sub(rf"(?<![\w.-])(?:{parts})(?![\w.-]*\w)", lambda match: words[match[0]], word)


def read(root: Path) -> Equivalence:
    """The entries of a project and of the one that it extends; none if no file exists.

    Raises:
        ConfigError: a file is not readable, has mistakes, or contains a cycle.
    """
    paths = [folder / FILE for folder in layers(root) if (folder / FILE).is_file()]
    entries = tuple(entry for path in paths for entry in read_file(path))
    refuse_circles(str(root / FILE), entries)
    return Equivalence(entries)


def read_file(path: Path) -> tuple[Entry, ...]:
    """The entries of one file.

    Raises:
        ConfigError: it is not readable or has mistakes.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return EquivalentFile.model_validate(raw).equivalent
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"is not readable: {error}", "correct the file") from error
    except ValidationError as error:
        raise ConfigError(str(path), problems(error, EquivalentFile), "correct these keys") from error


def refuse_circles(where: str, entries: Iterable[Entry]) -> None:
    """Refuse cycles, by which a form would be older than itself.

    Raises:
        ConfigError: with one form of the cycle.
    """
    behind: dict[Item, set[Item]] = {}
    for entry in entries:
        for item in entry.new_items:
            behind.setdefault(item, set()).update(entry.old_items)
    try:
        TopologicalSorter(behind).prepare()
    except CycleError as error:
        _, name, digest = error.args[1][0]
        what = f"{name} ({digest[:12]}) is declared as an older form of itself"
        raise ConfigError(where, what, "remove unchanged modules, and the entry that closes the cycle") from error

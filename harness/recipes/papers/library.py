"""The facts of all papers: numbers found by selector, protocol facts by path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import RecipeError, near_misses
from harness.core.project_folders import find, matches
from harness.core.yaml_files import parse
from harness.recipes.papers.numbers import Number, Selector
from harness.recipes.papers.schema import Across, Artifact, Claim, PaperFile

ACROSS = "across.yaml"
ONE_METRIC = re.compile(r"^(?:HIT|HR|Recall|Hit)@(\d+)$")


def metric_of(name: str) -> str:
    """One name for metrics that are equal with one held-out item per user: HIT@k, HR@k and Recall@k."""
    return ONE_METRIC.sub(r"HIT@\1", name)


@dataclass(frozen=True)
class LocatedNumber:
    """A number with its paper and its table or figure."""

    paper: str
    artifact: str
    number: Number

    @property
    def where(self) -> str:
        """Table, figure or section in words."""
        return self.number.where if self.artifact == "text" else artifact_title(self.artifact)

    @property
    def spot(self) -> str:
        """The same, with the paper."""
        return f"{self.paper} {self.where}"

    @property
    def system(self) -> str:
        """Model and loss, with further distinguishing facts."""
        n = self.number
        more = [f"N={n.negatives}"] if n.negatives and n.loss not in ("ce-all", "mlm-ce") else []
        more += [f"t={n.t}"] if n.t is not None else []
        more += [f"length {n.max_length}"] if n.max_length else []
        return " ".join([f"{n.model} {n.loss}" if n.loss else n.model, *more]).strip()


def artifact_title(artifact: str) -> str:
    """`table2` as `table 2`, `fig1` as `figure 1`."""
    return re.sub(r"^(table|figure)(?=\d)", r"\1 ", re.sub(r"^fig(?=\d)", "figure", artifact)).replace("_", " ")


class Library:
    """The papers' files, by key."""

    def __init__(self, files: dict[str, PaperFile], across: Across) -> None:
        self.files, self.across = files, across
        self.numbers = tuple(
            LocatedNumber(
                key, name, number if number.codebase else number.model_copy(update={"codebase": artifact.codebase})
            )
            for key, file in files.items()
            for name, artifact in file.artifacts.items()
            for number in artifact.values
        )

    @property
    def papers(self) -> tuple[str, ...]:
        """Keys of papers, without those of released files."""
        return tuple(key for key, file in self.files.items() if file.paper)

    def own(self) -> tuple[LocatedNumber, ...]:
        """The papers' own numbers: neither quoted from earlier work nor read from released logs."""
        return tuple(p for p in self.numbers if p.number.source == "own" and p.paper in self.papers)

    def claims(self) -> Iterator[tuple[str, str, Claim]]:
        """Every derived figure, with its paper and artifact."""
        for key, file in self.files.items():
            for name, artifact in file.artifacts.items():
                for claim in artifact.claims:
                    yield key, claim.artifact or name, claim.model_copy(update={"artifact": claim.artifact or name})

    def artifacts(self) -> Iterator[tuple[str, str, Artifact]]:
        """Every artifact, with its paper and name."""
        for key, file in self.files.items():
            for name, artifact in file.artifacts.items():
                yield key, name, artifact

    def find(self, paper: str, selector: Selector) -> tuple[LocatedNumber, ...]:
        """The numbers that match a selector, in the order of the file."""
        given = selector.given()
        name, wanted = given.pop("artifact", ""), selector.paper or paper
        return tuple(
            placed
            for placed in self.numbers
            if placed.paper == wanted
            and name in ("", placed.artifact)
            and all(getattr(placed.number, key) == value for key, value in given.items())
        )

    def one(self, paper: str, selector: Selector, user: str) -> LocatedNumber:
        """The single number that matches a selector.

        Args:
            user: the claim or statement that needs it, for the message.
        Raises:
            RecipeError: none, or several.
        """
        found = self.find(paper, selector)
        if len(found) != 1:
            raise RecipeError(
                f"{self.place(paper)}: {user}",
                f"{len(found)} numbers match {said(selector)}",
                "select exactly one number of the paper",
            )
        return found[0]

    def fact(self, paper: str, path: str, user: str) -> Any:
        """A value of a paper's protocol.

        Raises:
            RecipeError: no value at this path.
        """
        found: Any = self.files[paper].protocol if paper in self.files else {}
        for part in path.split("."):
            if not isinstance(found, dict) or part not in found:
                known = found if isinstance(found, dict) else {}
                where = f"{self.place(paper)}: {user}"
                raise RecipeError(where, f"protocol has no {path!r}", near_misses(part, [str(k) for k in known]))
            found = found[part]
        return found

    def place(self, paper: str) -> str:
        """A paper's file, for messages."""
        return f"recipes/papers: {paper}"


def said(selector: Selector) -> str:
    """A selector in words."""
    return ", ".join(f"{key} {value}" for key, value in selector.given().items())


def load(root: Path) -> Library:
    """The papers of a project.

    Args:
        root: the project folder.
    Raises:
        RecipeError: a file that cannot be read or has mistakes, all of them listed.
    """
    paths = [path for path in matches(root, "recipes/papers/*.yaml") if path.name != ACROSS]
    if not paths:
        raise RecipeError(str(root / "recipes" / "papers"), "no papers", "write one file for each paper")
    files: dict[str, PaperFile] = {}
    for path in paths:
        file = parse(path, PaperFile, printed=True)
        if file.key in files:
            raise RecipeError(str(path), f"key {file.key!r} is used by another file", "give each paper a unique key")
        files[file.key] = file
    path = find(root, f"recipes/papers/{ACROSS}")
    across = parse(path, Across, printed=True) if path.exists() else Across()
    for key, file in files.items():
        if file.about and file.about.paper not in files:
            raise RecipeError(key, f"no paper {file.about.paper!r}", near_misses(file.about.paper, files))
    return Library(files, across)

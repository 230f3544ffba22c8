"""README.md and docs/ as a reader meets them: short enough, links that lead somewhere, every artifact named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?:<([^>]+)>|([^)\s]+))\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def anchor(heading: str) -> str:
    """The fragment that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def broken_links(path: Path) -> list[str]:
    """Relative links of a document that lead to no file, or to no heading of it."""
    broken = []
    for match in LINK.finditer(path.read_text(encoding="utf-8")):
        target, _, fragment = (match[1] or match[2]).partition("#")
        if "://" in target:
            continue
        file = path.parent / target if target else path
        if not file.exists() or (
            fragment and fragment not in {anchor(h) for h in HEADING.findall(file.read_text(encoding="utf-8"))}
        ):
            broken.append(match[0])
    return broken


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    assert broken_links(path) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "# One thing\n[a](a.md#one-thing) [b](<lost file.md>) [c](#two) [d](https://e.org)\n"
    )
    assert broken_links(tmp_path / "a.md") == ["](<lost file.md>)", "](#two)"]


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 140


def test_the_readme_leads_to_every_document() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    linked = {match[1] or match[2] for match in LINK.finditer(text)}
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= linked


def test_the_readme_names_every_artifact() -> None:
    named = set()
    for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines():
        cells = line.split("|")
        paper = ""
        for word in re.findall(r"`([^`]+)`", cells[1]) if len(cells) == 6 else ():
            paper = word.partition("/")[0] if "/" in word else paper
            named.add(word if "/" in word else f"{paper}/{word}")
    paths = (path.relative_to(ROOT / "recipes") for path in (ROOT / "recipes").glob("*/*.yaml"))
    artifacts = {f"{path.parent}/{path.name.partition('.')[0]}" for path in paths} - {
        f"{path.parent.name}/{path.stem}" for name in ("data", "papers") for path in (ROOT / "recipes" / name).glob("*")
    }
    assert artifacts <= named, sorted(artifacts - named)


def test_the_citation_file_is_of_this_version() -> None:
    """Of version 1.2.0 of the Citation File Format: the four keys that it demands, and no key that it does not know."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cited["version"] == project["version"]
    assert cited["license"] == project["license"]
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert set(cited) <= {
        "cff-version", "message", "title", "authors", "type", "abstract", "version", "date-released", "license",
        "keywords",
    }  # fmt: skip
    assert all(author["name"] for author in cited["authors"])
    dated = f"## {cited['version']} ({cited['date-released']:%Y-%m-%d})"
    assert dated in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()


def test_hooks_before_commits_are_local() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repository["repo"] for repository in hooks["repos"]] == ["local"]
    found = [hook for repository in hooks["repos"] for hook in repository["hooks"]]
    assert {hook["entry"].split()[0] for hook in found} == {".venv/bin/ruff", ".venv/bin/mypy"}
    assert {hook["language"] for hook in found} == {"system"}

"""Tracked text uses plain technical English: none of the phrases that have a standard term instead."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Patterns, matched without regard to case, with the words to write instead.
REPLACEMENTS = {
    r"the\s+whole\s+way": "end to end",
    r"what\s+of\s+(?:this|the)\s+machine": "check this machine's setup",
    r"ran,\s+but\s+not\s+so": "ran, but something was not reproduced",
    r"(?:the\s+)?surroundings\s+(?:broke|break)": "the environment is at fault",
    r"(?:cannot|could\s+not|can\s+not|can|could)\s+be\s+had": "is (un)available",
    r"(?:is|are)\s+not\s+to\s+be\s+had": "is unavailable",
    r"mend(?:s|ed|ing)?": "correct, fix",
    r"odd": "invalid, unexpected",
    r"told": "reported",
    r"(?:puts?|putting)\s+in(?!\s+(?:one|a|the|place|order|its|their)\b)": "add",
    r"a\s+way\s+out": "fix",
    r"(?:of\s+)?one's\s+own": "custom, own",
    r"for\s+a\s+look": "smoke test (not comparable with the paper)",
    r"stands?\s+(?:there\s+)?twice": "duplicate",
    r"orders?\s+that\s+turn(?:s)?\s+round": "rankings that reverse",
    r"turns?\s+round": "reverse",
    r"(?:has|have)\s+(?:not\s+)?begun(?:\s+nowhere)?": "has (not) started",
    r"prove[nd]?\s+on\s+its\s+first\s+batch": "verified on its first batch",
    r"who\s+offers?\s+it": "which code bases support it",
    r"no\s+network,\s+no\s+rights": "no network, no privileges",
    r"comes?\s+again(?:\s+for)?": "re-rendering takes",
    r"processor\s+time": "CPU time",
    r"(?:from\s+)?least\s+to\s+greatest": "range",
    r"for\s+want\s+of": "since there is no",
    r"anew": "again",
    r"goes\s+on\s+from\s+here": "continues",
    r"if\s+need\s+be": "if needed",
    r"made\s+again": "recreated",
    r"look(?:s|ed)?\s+over": "check",
    r"the\s+very\s+(?:same|file|files|scores|gradient|number|number)": "the same",
    r"is\s+no\s+(?:number|file|list|count|option|option|text|Python|date|duration|page|requirement)": "is not a ...",
}
#: Quoted or frozen text: results and former files, upstream patches, code whose bytes are part of keys or hashes.
EXCLUDED = re.compile(
    r"^(?:results/|LICENSE$|tests/unit/test_language\.py$|patches/[^/]+/[^/]+\.patch$|dockerfiles/.*\.lock$"
    r"|patches/overlay/s3rec/released_ranking\.py$|harness/upstreams/embedded/demo/|docs/adr/)"
)
PATTERNS = [(re.compile(rf"(?<![\w-]){pattern}(?![\w-])", re.IGNORECASE), new) for pattern, new in REPLACEMENTS.items()]


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.split("\0") if name and not EXCLUDED.search(name)]


def found_in(text: str) -> Iterator[str]:
    """Each phrase of a text with its line and replacement; a phrase may be broken over lines."""
    matches = [(match, new) for pattern, new in PATTERNS for match in pattern.finditer(text)]
    for match, new in sorted(matches, key=lambda found: found[0].start()):
        line = text.count("\n", 0, match.start()) + 1
        yield f"{line}: {' '.join(match[0].split())!r}: write {new!r}"


def test_tracked_text_has_none_of_the_phrases() -> None:
    problems = []
    for name in tracked():
        path = ROOT / name
        if path.is_symlink() or not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a binary file
            continue
        problems += [f"{name}:{problem}" for problem in found_in(text)]
    assert not problems, "\n" + "\n".join(problems)


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("What cannot be\nhad is told.", [["1:", "cannot", "be", "had"], ["2:", "told"]]),
        ("We recommend an amended, untold method.", []),
        ("two\nlines: a  way out", [["2:", "a", "way", "out"]]),
        ("Mend the file", [["1:", "Mend"]]),
    ],
)
def test_a_phrase_is_found_as_whole_words(text: str, phrases: list[list[str]]) -> None:
    found = [re.search(r"(\d+:) '([^']*)': write", problem) for problem in found_in(text)]
    assert [[match[1], *match[2].split()] for match in found if match] == phrases

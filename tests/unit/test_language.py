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
    r"the whole way": "end to end",
    r"what of (?:this|the) machine": "check this machine's setup",
    r"ran, but not so": "ran, but something was not reproduced",
    r"(?:the )?surroundings (?:broke|break)": "the environment is at fault",
    r"(?:cannot|could not|can not|can|could) be had": "is (un)available",
    r"(?:is|are) not to be had": "is unavailable",
    r"mend(?:s|ed|ing)?": "correct, fix",
    r"odd": "invalid, unexpected",
    r"told": "reported",
    r"(?:puts?|putting) in(?! (?:one|a|the|place|order|its|their)\b)": "add",
    r"a way out": "fix",
    r"(?:of )?one's own": "custom, own",
    r"for a look": "smoke test (not comparable with the paper)",
    r"stands? (?:there )?twice": "duplicate",
    r"orders? that turn(?:s)? round": "rankings that reverse",
    r"turns? round": "reverse",
    r"(?:has|have) (?:not )?begun(?: nowhere)?": "has (not) started",
    r"prove[nd]? on its first batch": "verified on its first batch",
    r"who offers? it": "which code bases support it",
    r"no network, no rights": "no network, no privileges",
    r"comes? again(?: for)?": "re-rendering takes",
    r"processor time": "CPU time",
    r"(?:from )?least to greatest": "range",
    r"for want of": "since there is no",
    r"anew": "again",
    r"goes on from here": "continues",
    r"if need be": "if needed",
    r"made again": "recreated",
    r"look(?:s|ed)? over": "check",
    r"the very (?:same|file|files|scores|gradient|number|number)": "the same",
    r"is no (?:number|file|list|count|option|option|text|Python|date|duration|page|requirement)": "is not a ...",
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
    """Each phrase of a text with its line and replacement."""
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, new in PATTERNS:
            for match in pattern.finditer(line):
                yield f"{number}: {match[0]!r}: write {new!r}"


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
        ("What cannot be had is told.", ["cannot be had", "told"]),
        ("We recommend an amended, untold method.", []),
        ("two\nlines: a way out", ["a way out"]),
        ("Mend the file", ["Mend"]),
    ],
)
def test_a_phrase_is_found_as_whole_words(text: str, phrases: list[str]) -> None:
    found = [re.search(r"'([^']*)': write", problem) for problem in found_in(text)]
    assert [match[1] for match in found if match] == phrases

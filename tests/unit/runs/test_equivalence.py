"""Declared equivalence: what an entry replaces, in which order, and every entry that is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import ConfigError
from harness.core.files import canonical_json, sha256_bytes
from harness.runs import equivalence, overlay
from harness.runs.equivalence import Entry, Equivalence
from harness.upstreams.patches import series as patches
from harness.upstreams.patches.format import effect

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests/golden/overlay"


def digest(word: str) -> str:
    """A hash for a form."""
    return sha256_bytes(word.encode())


def hashes(**forms: str) -> dict[str, str]:
    """Hash by file name, from name=form."""
    return {f"{name}.py": digest(form) for name, form in forms.items()}


def entry(now: dict[str, str], was: dict[str, str], **more: Any) -> Entry:
    """An entry about forms by name without `.py`."""
    return Entry(**{"part": "overlay", "now": hashes(**now), "was": hashes(**was), "evidence": "shown", **more})


def applied(*entries: Entry, command: str = "python a.py", **forms: str) -> dict[str, Any]:
    """Inputs of a run with these forms, after the entries."""
    inputs = {"overlay": hashes(**forms), "patches": {}, "command": command.split(), "threads": 1}
    return Equivalence(entries).applied(inputs)


def test_an_edited_module_counts_as_its_older_form() -> None:
    found = applied(entry({"a": "2"}, {"a": "1"}), a="2", b="1")
    assert found["overlay"] == hashes(a="1", b="1")
    assert found["threads"] == 1


def test_an_entry_applies_only_where_all_of_it_is_there() -> None:
    both = entry({"a": "2", "b": "2"}, {"a": "1"})
    assert applied(both, a="2")["overlay"] == hashes(a="2")
    assert applied(both, a="2", b="3")["overlay"] == hashes(a="2", b="3")
    assert applied(both, a="2", b="2", c="1")["overlay"] == hashes(a="1", c="1")


def test_a_chain_of_edits_leads_to_the_oldest_form() -> None:
    chain = [entry({"a": str(n + 1)}, {"a": str(n)}) for n in range(1, 5)]
    assert applied(*chain, a="5")["overlay"] == hashes(a="1")
    assert applied(*chain, a="3")["overlay"] == hashes(a="1")
    assert applied(*chain, a="6")["overlay"] == hashes(a="6")


def test_a_module_that_two_entries_share_stays_good_for_the_one_that_applies_later() -> None:
    edited = entry({"a": "2"}, {"a": "1"})
    folded = entry({"a": "1", "shared": "1"}, {"old_a": "1"})
    twin = entry({"b": "1", "shared": "1"}, {"old_b": "1"})
    for entries in ((edited, folded, twin), (twin, folded, edited)):
        assert applied(*entries, a="2", b="1", shared="1")["overlay"] == hashes(old_a="1", old_b="1")
    assert applied(edited, folded, twin, b="1", shared="1")["overlay"] == hashes(old_b="1")
    assert applied(folded, twin, a="2", b="1", shared="1")["overlay"] == hashes(a="2", old_b="1")


def test_an_entry_that_applies_later_leaves_what_took_its_module_s_name() -> None:
    """The remaining entry is the older form of another module: without it, two runs would share a key."""
    edited, folded = entry({"a": "2"}, {"a": "1"}), entry({"a": "1", "shared": "1"}, {"old_a": "1"})
    renamed = entry({"shared": "1"}, {"helper": "1"}), entry({"z": "1"}, {"shared": "0"})
    assert applied(edited, folded, *renamed, a="2", shared="1")["overlay"] == hashes(helper="1", old_a="1")
    found = applied(edited, folded, *renamed, a="2", shared="1", z="1")["overlay"]
    assert found == hashes(helper="1", old_a="1", shared="0")
    older = entry({"shared": "1"}, {"shared": "0"})
    assert applied(folded, older, a="1", shared="1")["overlay"] == hashes(old_a="1", shared="0")
    assert applied(edited, folded, older, a="2", shared="1")["overlay"] == hashes(old_a="1", shared="0")


def test_renames_splits_and_folds() -> None:
    split = entry({"losses": "new", "options": "new"}, {"losses_torch": "old"})
    fold = entry({"options": "new", "chosen": "new"}, {"chosen_tf": "old", "chosen_torch": "old"})
    found = applied(split, fold, losses="new", options="new", chosen="new")
    assert found["overlay"] == hashes(losses_torch="old", chosen_tf="old", chosen_torch="old")


def test_a_module_that_changes_nothing_is_left_out() -> None:
    assert applied(entry({"watch": "1"}, {}), watch="1", a="1")["overlay"] == hashes(a="1")


def test_words_of_commands_follow_as_whole_parts() -> None:
    words = {
        "harness_overlay.new.run": "harness_overlay.old_run",
        "harness_overlay/new/loss.py": "harness_overlay/old.py",
    }
    renamed = entry({"a": "2"}, {"a": "1"}, words=words)
    command = "python -m harness_overlay.new.run --loss=harness_overlay/new/loss.py:f harness_overlay.new.runs"
    assert applied(renamed, command=command, a="2")["command"] == [
        "python", "-m", "harness_overlay.old_run", "--loss=harness_overlay/old.py:f", "harness_overlay.new.runs",
    ]  # fmt: skip
    assert applied(renamed, command=command, a="3")["command"] == command.split()


def test_patches_have_entries_of_their_own() -> None:
    made = {
        "part": "patches",
        "now": {"0001-a.patch": digest("2")},
        "was": {"0001-a.patch": digest("1")},
        "evidence": "e",
    }
    inputs = {"overlay": {}, "patches": {"0001-a.patch": digest("2"), "0002-b.patch": digest("1")}, "command": []}
    assert Equivalence((Entry(**made),)).applied(inputs)["patches"] == {
        "0001-a.patch": digest("1"), "0002-b.patch": digest("1"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "entries",
    [
        [entry({"a": "2"}, {"a": "1"}), entry({"a": "2", "b": "1"}, {"a": "0"})],
        [entry({"a": "2"}, {"b": "0"})],  # b is in the run with another form
        [entry({"a": "2"}, {"a": "1"}, words={"x": "y"}), entry({"b": "1"}, {"b": "0"}, words={"x": "z"})],
    ],
)
def test_entries_that_disagree_are_refused(entries: list[Entry]) -> None:
    with pytest.raises(ConfigError, match="are declared as its older form"):
        applied(*entries, a="2", b="1")


def written(root: Path, text: str) -> Equivalence:
    """What is read of a file with this text."""
    path = root / equivalence.FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return equivalence.read(root)


def block(now: str = "2", was: str = "1", evidence: str = 'evidence = "shown"', more: str = "") -> str:
    """One entry as text, about a.py."""
    return (
        f'[[equivalent]]\npart = "overlay"\nnow = {{"a.py" = "{digest(now)}"}}\nwas = {{"a.py" = "{digest(was)}"}}\n'
        f"{evidence}\n{more}\n"
    )


def test_entries_come_from_the_project_s_file_and_none_where_there_is_no_file(tmp_path: Path) -> None:
    assert equivalence.read(tmp_path) == Equivalence()
    assert written(tmp_path, block()) == Equivalence((entry({"a": "2"}, {"a": "1"}),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (block(evidence=""), r"equivalent\[0\].evidence: is missing"),
        (block(evidence='evidence = " "'), "evidence: is empty: give the evidence"),
        (block(more="why = 1"), r"why: unknown key \(known: evidence, golden, now, part, was, words\)"),
        (block().replace(digest("2"), "abc"), r"now\.a\.py: String should match pattern"),
        (block().replace('{"a.py" = "' + digest("2") + '"}', "{}"), "now: is empty"),
        (block().replace('"overlay"', '"overlays"'), "part: Input should be 'overlay' or 'patches'"),
        ("equivalent = 3", "equivalent: Input should be a valid tuple"),
        ("equivalent = = 3", "is not readable"),
        (block(now="1"), r"a.py \(\w{12}\) is declared as an older form of itself"),
        (block() + block("3", "2") + block("1", "3"), "is declared as an older form of itself"),
    ],
)
def test_mistakes_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        written(tmp_path, text)


def stale_golden(entries: tuple[Entry, ...], folder: Path) -> list[str]:
    """Golden files that entries name and that are not what they were when equality was shown."""
    found = []
    for made in entries:
        for name, expected in made.golden.items():
            path = folder / name
            content = canonical_json(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else ""
            found += [f"{sorted(made.now)}: {name}"] if sha256_bytes(content.encode()) != expected else []
    return found


def test_no_entry_of_the_project_comes_with_changed_golden_digits() -> None:
    """An entry says that the digits of these files stayed what they were: who changes them declares nothing equal."""
    assert stale_golden(equivalence.read(ROOT).entries, GOLDEN) == []


def test_changed_golden_digits_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "losses.json").write_text('{"bce": "0x1p-1"}\n')
    made = entry({"a": "2"}, {"a": "1"}, golden={"losses.json": sha256_bytes(b'{"bce":"0x1p-1"}')})
    assert stale_golden((made,), tmp_path) == []
    (tmp_path / "losses.json").write_text('{"bce": "0x1p-2"}\n')
    assert len(stale_golden((made,), tmp_path)) == 1
    (tmp_path / "losses.json").unlink()
    assert len(stale_golden((made,), tmp_path)) == 1


def test_entries_of_the_project_that_are_in_use_name_what_is_there() -> None:
    """Each chain of entries begins at a form of now; a hash that was mistyped would never apply."""
    entries = equivalence.read(ROOT).entries
    modules = overlay.read(ROOT / overlay.FOLDER).modules
    series = [patches.load(path.parent) for path in (ROOT / "patches").glob("*/series")]
    there = {("overlay", name, module.form) for name, module in modules.items()}
    there |= {("patches", patch.name, effect(patch)) for one in series for patch in one.patches}
    there |= {item for made in entries for item in made.old_items}
    for made in entries:
        assert made.new_items <= there, sorted(made.now)


def test_entries_of_the_project_about_losses_and_splits_name_golden_digits() -> None:
    """Only what observes (the probe and the proofs) may do without: equal ranks of real runs are the evidence there."""
    for made in equivalence.read(ROOT).entries:
        if made.part == "overlay" and not all(n.startswith(("prob", "proof")) for n in made.now):
            assert made.golden, sorted(made.now)

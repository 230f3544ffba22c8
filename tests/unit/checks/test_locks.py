"""Part `locks`: a package that is gone, yanked or swapped is a finding; an index that does not answer is none."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from pip._internal.models.index import PyPI
from served import Page, served, silent_address

from harness.checks import locks, package_index
from harness.checks.outcome import Item
from harness.checks.package_index import Places
from harness.core.errors import SourceError

ONE, TWO, OTHER = ("a" * 64, "b" * 64, "c" * 64)
LOCK = f"one-package==1.0 ; python_version >= '3' \\\n    --hash=sha256:{ONE} \\\n    --hash=sha256:{TWO}\n"


def html(*files: tuple[str, str, str]) -> Page:
    """A page of PEP 503: name, hash and further attributes of each file."""
    links = "".join(f'<a href="../f/{name}#sha256={sha}" {more}>{name}</a><br>' for name, sha, more in files)
    return 200, "text/html", f"<!DOCTYPE html><html><body>{links}</body></html>".encode()


def api(*files: Mapping[str, object]) -> Page:
    """A page of PEP 691."""
    return 200, "application/vnd.pypi.simple.v1+json", json.dumps({"files": files}).encode()


WHEEL, SDIST = "one_package-1.0-py3-none-any.whl", "one-package-1.0.tar.gz"
ITSELF = {"filename": WHEEL, "hashes": {"sha256": ONE}}


def looked_at(tmp_path: Path, page: Page | None, text: str = LOCK) -> list[Item]:
    """The items of one lock, with this page of its index."""
    path = tmp_path / "some.lock"
    path.write_text(text)
    with served({"/simple/one-package/": page} if page else {}) as address:
        return list(locks.of_lock(path, "some.lock", Places((f"{address}/simple",))))


@pytest.mark.parametrize(
    ("page", "outcome", "message"),
    [
        (html((WHEEL, ONE, ""), (SDIST, TWO, "")), "held", "1 packages are listed"),
        (html((WHEEL, ONE, ""), (SDIST, OTHER, "")), "broken", f"1 of 2 hashes match no listed file, such as {TWO}"),
        (html((WHEEL, ONE, ""), (SDIST, TWO, 'data-yanked="wrong tag"')), "gone", "1 files are yanked: wrong tag"),
        (html(("one_package-1.0.1-py3-none-any.whl", ONE, "")), "gone", "lists no file of this version"),
        (None, "gone", "lists no file of this version"),
        ((503, "text/plain", b""), "unchecked", "answers with status 503"),
        (
            api(
                {"filename": WHEEL, "hashes": {"sha256": ONE}, "yanked": False},
                {"filename": SDIST, "hashes": {"sha256": TWO}},
            ),
            "held",
            "listed",
        ),
        (api({**ITSELF, "yanked": "bad"}, {"filename": SDIST, "hashes": {"sha256": TWO}}), "gone", "yanked: bad"),
        ((200, "application/json", b"[]"), "unchecked", "is not a page of an index"),
    ],
)  # fmt: skip
def test_what_an_index_says_of_a_lock(tmp_path: Path, page: Page | None, outcome: str, message: str) -> None:
    found = looked_at(tmp_path, page)
    assert [item.outcome for item in found] == [outcome]
    assert message in found[0].what
    assert found[0].code == {"held": 0, "unchecked": 3}.get(outcome, 1)


def test_an_index_that_does_not_answer_is_no_finding(tmp_path: Path) -> None:
    path = tmp_path / "some.lock"
    path.write_text(LOCK)
    (item,) = locks.of_lock(path, "some.lock", Places((silent_address(),)))
    assert (item.outcome, item.code) == ("unchecked", 3)
    assert "does not answer" in item.what
    (item,) = locks.of_lock(path, "some.lock", None)
    assert (item.outcome, item.code) == ("unchecked", 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one==1.0\n", "one has no sha256"),
        (f"one>=1.0 --hash=sha256:{ONE}\n", "one is not pinned to one version"),
        (f"one==1.* --hash=sha256:{ONE}\n", "one is not pinned to one version"),
        ("one==1.0 --hash=md5:00\n", "one has no sha256"),
        ("what is this\n", "is not a requirement"),
    ],
)
def test_a_malformed_lock_is_found_without_an_index(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "some.lock"
    path.write_text(text)
    (item,) = locks.of_lock(path, "some.lock", None)
    assert (item.outcome, item.code) == ("broken", 1)
    assert message in item.what


def test_wheels_in_a_folder_count_and_a_local_build_without_its_index_is_left_out(tmp_path: Path) -> None:
    content = b"a wheel"
    digest = hashlib.sha256(content).hexdigest()
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "torch-2.0+cpu-cp311-cp311-linux_x86_64.whl").write_bytes(content)
    lock = tmp_path / "some.lock"
    lock.write_text(f"torch==2.0+cpu --hash=sha256:{digest}\n")
    (item,) = locks.of_lock(lock, "some.lock", Places((), (str(tmp_path / "wheels"),)))
    assert item.outcome == "held"
    first, second = locks.of_lock(lock, "some.lock", Places((), (str(tmp_path),)))
    assert (first.outcome, first.code, second.outcome) == ("unchecked", 0, "held")
    (tmp_path / "wheels" / "torch-2.0+cpu-cp311-cp311-linux_x86_64.whl").write_bytes(b"another")
    first, *_ = locks.of_lock(lock, "some.lock", Places((), (str(tmp_path / "wheels"),)))
    assert (first.outcome, first.code) == ("broken", 1)


def test_places_are_those_of_pip() -> None:
    env = {"PIP_CONFIG_FILE": "/dev/null", "PIP_EXTRA_INDEX_URL": "https://b https://c", "PIP_FIND_LINKS": "/wheels"}
    found = package_index.places(("--index-url", "https://a", "--find-links=/more"), env)
    assert found == Places(("https://a", "https://b", "https://c"), ("/wheels", "/more"))
    assert package_index.places((), {"PIP_CONFIG_FILE": "/dev/null"}) == Places((PyPI.simple_url,))


def test_without_pip_the_default_index_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No index at all would make every package gone."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(SourceError, match="default index is unknown"):
        package_index.places((), {"PIP_CONFIG_FILE": "/dev/null"})
    assert package_index.places(("--index-url", "https://a"), {}) == Places(("https://a",))


def test_a_folder_is_an_index_too(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "one-1.0.tar.gz").write_bytes(b"x")
    found = package_index.of_index(f"{tmp_path.as_uri()}/one/")
    assert found == [package_index.Listed("one-1.0.tar.gz", hashlib.sha256(b"x").hexdigest())]
    (tmp_path / "one" / "index.html").write_text('<a href="one-1.0.tar.gz">one-1.0.tar.gz</a>')
    assert package_index.of_index(f"{tmp_path.as_uri()}/one/") == found
    assert package_index.of_index(f"{tmp_path.as_uri()}/two/") == []


def test_the_locks_of_this_project_are_well_formed() -> None:
    root = Path(__file__).resolve().parents[3]
    found = [item for path in (root / "dockerfiles").glob("*.lock") for item in locks.of_lock(path, path.name, None)]
    assert len(found) >= 8
    assert {item.outcome for item in found} == {"unchecked"}

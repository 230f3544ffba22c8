"""Files of datasets from the user's folder, a URL, a redirect, or nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core import config
from harness.core.errors import ConfigError, DatasetError, SourceError
from harness.core.files import sha256_bytes
from harness.recipes.datasets import DataFile, Dataset
from harness.upstreams import data_fetch

TOML = """
[environments.numpy]
kind = "inherit"
[upstreams.toy]
url = "https://example.org/toy"
commit = "0000000000000000000000000000000000000000"
code = ["/*"]
"""
PAIRS = b"1 7\n1 8\n1 7\n2 7\n2 8\n2 7\n"
URL = "https://example.org/data/pairs.txt"


def made(folder: Path, **variables: str) -> config.Config:
    """The configuration of a project in this folder."""
    (folder / "harness.toml").write_text(TOML)
    return config.load(folder, variables)


def nothing() -> object:
    """No upstream is asked for."""
    raise AssertionError("the upstream was asked for")


def test_a_file_in_the_user_s_folder_comes_first(tmp_path: Path) -> None:
    own = made(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "pairs.txt").write_bytes(PAIRS)
    file = DataFile(name="pairs.txt", url=URL, sha256=sha256_bytes(PAIRS))
    assert data_fetch.read(own, file, nothing) == PAIRS  # type: ignore[arg-type]


def test_a_url_is_redirected_by_a_template(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "pairs.txt").write_bytes(PAIRS)
    own = made(tmp_path, HARNESS_DATA_MIRROR=f"{tmp_path}/mirror/{{name}}")
    file = DataFile(name="pairs.txt", url=URL, sha256=sha256_bytes(PAIRS))
    assert data_fetch.read(own, file, nothing) == PAIRS  # type: ignore[arg-type]
    assert data_fetch.redirected(URL, "x/{host}/{path}") == "x/example.org/data/pairs.txt"
    with pytest.raises(ConfigError, match="HARNESS_DATA_MIRROR"):
        data_fetch.redirected(URL, "x/{owner}")


def test_what_cannot_be_had_is_told_with_the_place_to_put_it(tmp_path: Path) -> None:
    own = made(tmp_path, HARNESS_DATA_MIRROR=f"{tmp_path}/nowhere/{{name}}")
    file = DataFile(name="pairs.txt", url=URL, sha256=sha256_bytes(PAIRS))
    with pytest.raises(SourceError) as caught:
        data_fetch.read(own, file, nothing)  # type: ignore[arg-type]
    assert str(tmp_path / "data" / "pairs.txt") in caught.value.what


def test_a_file_without_a_hash_is_not_used(tmp_path: Path) -> None:
    own = made(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "pairs.txt").write_bytes(PAIRS)
    with pytest.raises(DatasetError, match="no hash of this file is known"):
        data_fetch.read(own, DataFile(name="pairs.txt", url=URL), nothing)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="either sha256 or blob"):
        DataFile(name="pairs.txt", path="pairs.txt")


@pytest.mark.parametrize("pin", [{"sha256": sha256_bytes(PAIRS)}, {"blob": "a78aca9f4a2a6b36ad0a0e3d2b6e1a7d4a1d9ac5"}])
def test_content_and_counts_are_held_to_what_is_stated(tmp_path: Path, pin: dict[str, str]) -> None:
    own = made(tmp_path)
    facts = {"upstream": "toy", "name": "toy", "label": "Toy", "users": 2, "items": 2, "interactions": 6}
    file = {"name": "pairs.txt", "url": URL, **pin}
    dataset = Dataset.model_validate({**facts, "sequences": "pairs.txt", "layout": "pairs", "files": [file]})
    if "blob" in pin:
        with pytest.raises(DatasetError, match="expected blob:a78a"):
            data_fetch.materialise(own, dataset, lambda _: PAIRS)
        return
    assert (data_fetch.materialise(own, dataset, lambda _: PAIRS) / "pairs.txt").read_bytes() == PAIRS
    wrong = dataset.model_copy(update={"interactions": 7})
    with pytest.raises(DatasetError, match="interactions: 6 in the file, 7"):
        data_fetch.materialise(own, wrong, lambda _: PAIRS)


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("1 1 2 3\n2 2 3\n", "own.txt:2", "user 2 has 2 item(s)"),
        ("1 1 2 3\n2 3\n", "own.txt:2", "user 2 has 1 item(s)"),
        ("1 1 2 3\n2 0 2 3\n", "own.txt:2", "item 0"),
        ("1 1 2 3\n2 -1 2 3\n", "own.txt:2", "item -1"),
        ("10 997 1994 2991\n20 997 1994 2991\n", "own.txt", "3 items with numbers up to 2,991; 2,988 are missing"),
        ("1 1 2 4\n2 1 2 4\n", "own.txt", "3 items with numbers up to 4; 1 are missing, the first is 3"),
        ("1 1 2 3\n2 3 2 1\n", "", ""),
    ],
)
def test_own_sequences_that_would_be_ranked_wrongly_are_refused_by_file_and_line(
    tmp_path: Path, text: str, where: str, message: str
) -> None:
    """Item 0 and gaps gave a baseline other candidates than the code base, short users a run that ended with 1."""
    rows = [line.split()[1:] for line in text.splitlines()]
    facts = {"users": len(rows), "items": len({i for row in rows for i in row}), "interactions": sum(map(len, rows))}
    file = {"name": "own.txt", "url": URL, "sha256": sha256_bytes(text.encode())}
    dataset = Dataset.model_validate(
        {"upstream": "toy", "name": "toy", "label": "Toy", **facts, "sequences": "own.txt", "files": [file]}
    )
    if not message:
        assert (data_fetch.materialise(made(tmp_path), dataset, lambda _: text.encode()) / "own.txt").is_file()
        return
    with pytest.raises(DatasetError) as caught:
        data_fetch.materialise(made(tmp_path), dataset, lambda _: text.encode())
    assert caught.value.where == where
    assert message in caught.value.what
    assert caught.value.fix


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("8 1\n8 2\n9 1\n9 2\n9 3\n", "own.txt:2", "user 8 has 2 item(s)"),
        ("8 1\n8 2\n8 3\n9 1\n", "own.txt:4", "user 9 has 1 item(s)"),
        ("8 1\n8 2\n8 3\n9 1\n9 2\n9 3\n", "", ""),
    ],
)
def test_users_of_own_pairs_from_whom_nothing_can_be_held_out_are_refused(
    tmp_path: Path, text: str, where: str, message: str
) -> None:
    """A code base failed on them once it ran, or left them out in silence."""
    rows = [line.split() for line in text.splitlines()]
    counts = {"users": len({r[0] for r in rows}), "items": len({r[1] for r in rows}), "interactions": len(rows)}
    file = {"name": "own.txt", "url": URL, "sha256": sha256_bytes(text.encode())}
    facts = {"upstream": "toy", "name": "toy", "label": "Toy", "sequences": "own.txt", "layout": "pairs"}
    dataset = Dataset.model_validate({**facts, **counts, "files": [file]})
    if not message:
        data_fetch.materialise(made(tmp_path), dataset, lambda _: text.encode())
        return
    with pytest.raises(DatasetError) as caught:
        data_fetch.materialise(made(tmp_path), dataset, lambda _: text.encode())
    assert (caught.value.where, caught.value.what) == (where, message)

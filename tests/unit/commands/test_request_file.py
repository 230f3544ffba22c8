"""request.json: it restores the request of a table, and earlier formats and drawings are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.commands import request_file
from harness.commands.made_again import make_again
from harness.commands.request_file import Drawing, RequestFile
from harness.commands.table_request import TableRequest
from harness.core.config import Config, load
from harness.core.errors import StoreError
from harness.executors.options import ExecutionOptions
from harness.recipes.selection import Settings

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = Settings({"dataset": ("lastfm",)}, (42, 43), "quick", options={"patience": "60"}, losses=("gbce:k=4",))
VERSIONS = {"numpy": "1.0", "python": "3.11"}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(ROOT, {"HARNESS_RESULTS": str(tmp_path)})


def made(config: Config, **kept: object) -> TableRequest:
    """A request whose table is kept in these forms."""
    request = TableRequest(
        config, "table2", SETTINGS, ExecutionOptions(environment="inherit", versions=VERSIONS, executor="local")
    )
    request_file.keep(request, {"table.md": b"a table"}, **kept)
    return request


def test_a_request_comes_back_as_it_was(config: Config) -> None:
    request = made(config, formats=("md",))
    (folder,) = request_file.folders(config)
    asked = request_file.read(folder / request_file.FILE)
    again = asked.request(config)
    assert again.settings == SETTINGS
    assert again.variant == request.variant
    assert [run.key for run in again.runs] == [run.key for run in request.runs]


def test_what_is_still_there_of_earlier_formats_and_drawings_stays(config: Config) -> None:
    drawn = Drawing(kind="calibration", dataset="lastfm")
    folder = made(config, formats=("md", "html")).store.results / "tables/li2023/table2"
    request = made(config, drawings=(drawn,))
    (folder,) = folder.iterdir()
    asked = request_file.read(folder / request_file.FILE)
    assert (asked.formats, asked.drawings) == (("md",), (drawn,))  # no table.html was written
    (folder / "calibration-lastfm.csv").write_text("")
    request_file.keep(request, {"table.csv": b""}, formats=("csv",))
    asked = request_file.read(folder / request_file.FILE)
    assert (asked.formats, asked.drawings) == (("md", "csv"), (drawn,))


@pytest.mark.parametrize(
    ("text", "message"), [(None, "has no request.json"), ("{}", "artifact"), ('{"artifact": 1}', "1")]
)
def test_a_damaged_request_is_told(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / request_file.FILE
    if text is not None:
        path.write_text(text)
    with pytest.raises(StoreError, match=message):
        request_file.read(path)


@pytest.mark.parametrize(
    "name",
    [
        "li2023/fig3/full",
        "li2023/fig1/dataset=lastfm,loss=bpr,epochs=100,inherit",
        "petrov2023/fig1/dataset=beauty-core,profile=quick",
        "petrov2023/port-released/full",
    ],
)
def test_a_committed_table_comes_again_byte_for_byte(name: str) -> None:
    """A drawing, an inherited interpreter, predicted probabilities, gaps with their reasons."""
    folder = ROOT / "results/tables" / name
    files = make_again(load(ROOT, {}), request_file.read(folder / request_file.FILE)).files
    kept = {path.name: path.read_bytes() for path in folder.glob("*.*") if path.suffix in (".md", ".tex", ".csv")}
    assert kept
    assert {name: content for name, content in files.items() if name.endswith((".md", ".tex", ".csv"))} == kept


def test_every_request_is_a_request_file() -> None:
    folders = list(request_file.folders(load(ROOT, {})))
    assert len(folders) >= 30
    assert all(isinstance(request_file.read(folder / request_file.FILE), RequestFile) for folder in folders)

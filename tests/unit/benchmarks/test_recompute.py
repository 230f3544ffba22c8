"""Tables of stored runs agree with a recomputation that shares no code with the harness; a changed digit is found."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from harness.commands.reproduce import load_results
from harness.commands.table_request import TableRequest
from harness.commands.table_spec import table_spec
from harness.core.config import load
from harness.recipes.selection import Settings
from harness.report.formats import files
from harness.tables.build import build_table
from harness.tables.verdicts import judge_table

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[3]
TABLES = {
    "li2023/table2": Settings({"dataset": ("lastfm",), "model": ("gru4rec", "s3rec")}, (42, 43, 44, 45, 46)),
    "petrov2023/table3": Settings({"dataset": ("ml-1m",), "system": ("popularity", "mf-bpr")}, (42, 43, 44)),
}


def written(artifact: str, folder: Path) -> Path:
    """A folder with the table's CSV files, from the records of this repository."""
    request = TableRequest(load(ROOT), artifact, TABLES[artifact])
    table = judge_table(build_table(table_spec(request), load_results(request), request.published))
    for ending, text in files(table, ["csv"]).items():
        (folder / f"table{ending}").write_text(text, encoding="utf-8", newline="")
    return folder


def recomputed(folder: Path) -> tuple[int, str]:
    """Exit code and output of the script."""
    words = [sys.executable, str(ROOT / "benchmarks" / "recompute.py"), "--root", str(ROOT), str(folder)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.parametrize("artifact", list(TABLES))
def test_every_number_comes_out_again(artifact: str, tmp_path: Path) -> None:
    assert recomputed(written(artifact, tmp_path)) == (0, "no difference\n")


def test_a_changed_number_and_a_changed_word_are_found(tmp_path: Path) -> None:
    folder = written("petrov2023/table3", tmp_path)
    table = folder / "table.csv"
    text = table.read_text(encoding="utf-8")
    table.write_text(
        text.replace(",reproduced,", ",differs,", 1).replace("0.03625828", "0.03635828", 1), encoding="utf-8"
    )
    code, message = recomputed(folder)
    assert code == 1
    assert "verdict: table differs, recomputed reproduced" in message
    assert "mean: table 0.03635828" in message


@pytest.mark.parametrize("name", ["recompute", "recompute_claims", "recompute_formulas"])
def test_it_imports_nothing_of_the_harness(name: str) -> None:
    tree = ast.parse((ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8"))
    used = [a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names]
    used += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert used
    assert not [module for module in used if module.split(".")[0] == "harness"]

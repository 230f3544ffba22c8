"""Every LaTeX table must compile in a plain document and stay on its page: made-up ones and all that are committed."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_tables import awkward, published, ranks, run, spec, with_own

from harness.core.results import Claim
from harness.report.formats import latex
from harness.tables.build import SystemSpec, Table, build_table
from harness.tables.verdicts import judge_table

ROOT = Path(__file__).parents[3]
COMMITTED = sorted((ROOT / "results").rglob("table.tex"))
DOCUMENT = """\\documentclass[%s]{article}
\\usepackage{booktabs}
\\begin{document}
A paper of mine. \\input{table.tex} And on it goes.
\\end{document}
"""


def compiled(text: str, folder: Path, options: str) -> str:
    """TeX's log of a document that reads the table; TeX Live must be there if HARNESS_TEX says `required`."""
    if not shutil.which("pdflatex"):
        assert os.environ.get("HARNESS_TEX") != "required", "pdflatex is not installed"
        pytest.skip("pdflatex is not installed (texlive-latex-base, texlive-latex-recommended)")
    (folder / "table.tex").write_text(text, encoding="utf-8")
    (folder / "document.tex").write_text(DOCUMENT % options, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=300)
    log = (folder / "document.log").read_text(errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert (folder / "document.pdf").stat().st_size > 10_000
    return log


def check(text: str, folder: Path, options: str = "") -> None:
    """It compiles, every letter has a glyph, and nothing sticks out of the text by more than a letter or two.

    Without options the class has one column of 345 points, the width that Springer's proceedings have.
    """
    log = compiled(text, folder, options)
    assert "Missing character" not in log
    out = [float(points) for points in re.findall(r"Overfull \\hbox \((\d+\.\d+)pt", log)]
    assert max(out, default=0.0) < 12, log


def sized(n_systems: int, n_metrics: int) -> Table:
    """A table of so many systems and metrics, long names, every second system claimed to beat the one before."""
    rng = np.random.default_rng(1)
    names = [f"System {i} with a long name (as published) +" for i in range(n_systems)]
    metrics = tuple(f"{kind}@{k}" for k in (1, 5, 10, 20, 50, 100) for kind in ("HIT", "NDCG"))[:n_metrics]
    pairs = [(f"s{i}", f"s{i - 1}") for i in range(1, n_systems, 2)]
    made = spec(
        metrics=metrics,
        systems=tuple(SystemSpec(f"s{i}", name) for i, name in enumerate(names)),
        claims=tuple(Claim(a, b, metric) for a, b in pairs for metric in metrics),
    )
    runs = [
        run(f"s{i}", seed, ranks(rng.integers(1, 30 + 10 * i, 100).tolist()))
        for i in range(n_systems)
        for seed in (1, 2, 3)
    ]
    papers = [published(f"s{i}", 0.25, metric) for i in range(n_systems) for metric in metrics]
    return judge_table(build_table(made, runs, papers))


@pytest.mark.parametrize(("n_systems", "n_metrics"), [(1, 1), (1, 12), (12, 1), (12, 12)])
def test_tables_of_any_size_compile(n_systems: int, n_metrics: int, tmp_path: Path) -> None:
    check(latex.render(sized(n_systems, n_metrics)), tmp_path)


def test_awkward_names_gaps_and_failures_compile(tmp_path: Path) -> None:
    check(latex.render(judge_table(build_table(*awkward()))), tmp_path)


def test_a_table_fits_two_columns(tmp_path: Path) -> None:
    check(latex.render(sized(12, 2)), tmp_path, "twocolumn")


@pytest.mark.parametrize("options", ["", "twocolumn"])
def test_the_bare_tabular_fits_a_float_of_the_reader_s_own(options: str, tmp_path: Path) -> None:
    text = latex.tabular(judge_table(build_table(*awkward())))
    assert [r"\begin{table" in text, r"\caption" in text, text.count(r"\begin{tabular}")] == [False, False, 1]
    check(f"\\begin{{table*}}\\caption{{Mine.}}\\footnotesize {text}\\end{{table*}}", tmp_path, options)


def test_the_bare_tabular_has_every_dataset_metric_and_verdict() -> None:
    table = judge_table(build_table(*awkward()))
    text = latex.tabular(table)
    assert [text.count(rf"\emph{{Data \& more, {metric}}}") for metric in ("HIT@10", "NDCG@10")] == [1, 1]
    rows = [line for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    message = [c.verdict for row in table.rows for c in row.cells if c.verdict != "unpublished"]
    assert sorted(line.split(" & ")[4].removesuffix(r" \\") for line in rows[1:] if " & --" not in line) == sorted(
        verdict.replace("by users only", "(u)") for verdict in message if verdict not in ("not run", "failed")
    )


def test_without_printed_values_there_are_no_columns_for_them() -> None:
    runs = [run(s, 1, ranks([10] * 100)) for s in ("a", "b")]
    text = latex.tabular(judge_table(build_table(spec(), runs)))
    assert r"\begin{tabular}{lr@{\hspace{14pt}}}" in text
    assert " & ours \\\\\n" in text
    assert "paper" not in text.partition(r"\begin{tabular}")[2]


def test_verdicts_are_words() -> None:
    """A bare ? stood for "inconclusive", and a plain sign for each other word."""
    text = latex.render(judge_table(build_table(*awkward())))
    assert "& inconclusive" in text
    assert not re.search(r"& \(?(\?|\$=\$|\$\\neq\$|\$\\approx\$)", text)


def test_losses_put_in_compile(tmp_path: Path) -> None:
    check(latex.render(judge_table(build_table(*with_own()))), tmp_path)


def test_letters_that_stock_fonts_lack_are_spelt_out(tmp_path: Path) -> None:
    made, runs, papers = awkward()
    systems = (replace(made.systems[0], label="Łódź, naïve Šárka, 日本 σ ∞"), *made.systems[1:])
    text = latex.render(judge_table(build_table(replace(made, systems=systems), runs, papers)))
    assert "Łódź, naïve Šárka, {[}U+65E5{]}{[}U+672C{]} {[}U+03C3{]}" in text
    check(text, tmp_path)


def signs_of_ours() -> set[str]:
    """Every sign beyond ASCII in a text that a table in LaTeX may show, from the sources; docstrings are none."""
    elsewhere = ("cli", "findings", "environments", "executors", "upstreams")
    others = ("terminal", "html", "csv", "markdown", "figures", "findings", "dataset_sizes")
    found: set[str] = set()
    for path in (ROOT / "harness").rglob("*.py"):
        parts = path.relative_to(ROOT / "harness").with_suffix("").parts
        if parts[0] in elsewhere or (parts[0] == "report" and set(parts) & set(others)):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in notes]
        found |= {sign for text in texts if isinstance(text, str) for sign in text if not sign.isascii()}
    template = ROOT / "harness" / "report" / "formats" / "templates" / "table.tex.j2"
    return found | {sign for sign in template.read_text(encoding="utf-8") if not sign.isascii()}


def test_every_sign_that_a_table_can_print_has_a_glyph(tmp_path: Path) -> None:
    """† and ‡, the marks of values, stood there as [U+2020] and [U+2021]."""
    signs = sorted(signs_of_ours())
    assert {"†", "‡", "∗", "°", "↓", "×", "±"} <= set(signs)
    text = " ".join(map(latex.escape, signs))
    assert "U+" not in text, text
    made = spec(title=" ".join(signs), systems=(SystemSpec("a", f"A {' '.join(signs)}"),), claims=())
    runs = [run("a", 1, ranks([10] * 10 + [100] * 90, tied=[2] * 10 + [1] * 90), disagreements=("HIT@10: ...",))]
    whole = latex.render(judge_table(build_table(made, runs)))
    assert r"\dag{}\ddag{}" in whole
    check(whole, tmp_path)


def test_a_table_without_any_run_compiles(tmp_path: Path) -> None:
    made, _, papers = awkward()
    check(latex.render(judge_table(build_table(made, [], papers))), tmp_path)


@pytest.mark.parametrize("path", COMMITTED, ids=[str(path.parent.relative_to(ROOT / "results")) for path in COMMITTED])
def test_every_committed_table_compiles(path: Path, tmp_path: Path) -> None:
    check(path.read_text(encoding="utf-8"), tmp_path)


def test_there_are_committed_tables() -> None:
    assert COMMITTED

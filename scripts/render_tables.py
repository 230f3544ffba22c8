"""Write all committed tables again from the records at hand; nothing is run and nothing is fetched.

    python scripts/render_tables.py [--check] [--python PATH]

Every folder below results/tables was written by one of these commands. `--check` writes nothing and shows what
`harness plan` says of each. Three tables were made with an interpreter at hand: `--python` names one that has the
versions in their records. Tables that only count data files have no runs and are left alone.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

HARNESS = str(Path(sys.executable).with_name("harness"))
ROOT = Path(__file__).resolve().parents[1]
FORMATS = "md,tex,csv"
# What `harness report` is given for each table, and the formats beyond FORMATS that are kept of it.
TABLES = (
    ("li2023/table2 --where dataset=lastfm --seeds 42,43,44,45,46", "html,figures"),
    ("li2023/table2 --where dataset=lastfm,model=sasrec --set patience=60 --seeds 42,43,44", ""),
    ("li2023/table2 --where dataset=beauty-s3,model=sasrec", ""),
    ("li2023/released", ""),
    ("li2023/fig1-released", ""),
    ("li2023/fig1 --where dataset=lastfm --profile quick --environment inherit", "figures"),
    ("li2023/fig1 --where dataset=lastfm,loss=bpr --set epochs=100 --environment inherit", ""),
    ("li2023/fig1 --where dataset=beauty-s3,loss=bpr --profile quick --environment inherit", "figures"),
    (
        "li2023/fig1 --where 'dataset=beauty-s3,system=sasrec/bpr-100-as-published|sasrec/bpr-100-as-released'"
        " --set epochs=25",
        "",
    ),
    ("li2023/fig3", ""),
    ("petrov2023/table2 --where dataset=beauty-core --profile quick", ""),
    ("petrov2023/table3 --where dataset=beauty-core --profile quick", ""),
    ("petrov2023/table3 --where dataset=beauty-core,model=sasrec --profile quick --set epochs=40", ""),
    ("petrov2023/table3 --where dataset=ml-1m --profile quick", ""),
    ("petrov2023/table3 --where 'dataset=ml-1m,system=popularity|mf-bpr' --seeds 42,43,44", ""),
    ("petrov2023/table4 --where dataset=beauty-core --profile quick", ""),
    ("petrov2023/fig1 --where dataset=beauty-core --profile quick", ""),
    ("petrov2023/fig2 --where dataset=beauty-core --profile quick", ""),
    (
        "petrov2023/fig2 --where 'dataset=ml-1m,system=sasrec/bce|gsasrec/gbce-64-0.5|gsasrec/gbce-256-1.0'"
        " --profile quick --set epochs=10",
        "",
    ),
    ("petrov2023/fig3 --where dataset=beauty-core --profile quick --set epochs=40", "figures"),
    ("petrov2023/fig4 --where dataset=beauty-core,model=sasrec --profile quick --set epochs=40", "figures"),
    ("petrov2023/port --where dataset=beauty-core --profile quick", ""),
    ("petrov2023/port --where dataset=beauty-core --profile quick --set epochs=40", ""),
    ("petrov2023/port --where dataset=beauty-core,system=sasrec/bce --profile quick --set epochs=400", ""),
    ("petrov2023/port --where dataset=ml-1m --profile quick", ""),
    ("petrov2023/port-released", ""),
    ("klenitskiy2023/table2 --where dataset=beauty-6core --profile quick", "figures"),
    ("klenitskiy2023/table2 --where dataset=beauty-b4r", "figures"),
)
# What the other drawing commands are given, each as a whole.
DRAWINGS = (
    "timesteps li2023/fig3 --dataset beauty-s3",
    "calibration petrov2023/fig1 --dataset beauty-core --where dataset=beauty-core --profile quick",
    "calibration petrov2023/fig2 --dataset beauty-core --where dataset=beauty-core --profile quick",
    "calibration petrov2023/fig2 --dataset ml-1m"
    " --where 'dataset=ml-1m,system=sasrec/bce|gsasrec/gbce-64-0.5|gsasrec/gbce-256-1.0'"
    " --profile quick --set epochs=10",
    "calibration petrov2023/fig3 --dataset beauty-core --where"
    " 'dataset=beauty-core,system=sasrec/bce|gsasrec/gbce-4-0.0|gsasrec/gbce-4-0.5|gsasrec/gbce-16-0.0"
    "|gsasrec/gbce-16-0.25' --profile quick --set epochs=40",
    "calibration petrov2023/table3 --dataset beauty-core --where dataset=beauty-core --profile quick",
    "calibration petrov2023/table3 --dataset beauty-core --where dataset=beauty-core,model=sasrec --profile quick"
    " --set epochs=40",
    "calibration petrov2023/table3 --dataset ml-1m --where dataset=ml-1m --profile quick",
)
TABLES_FOLDER = "results/tables"
FINDINGS = ROOT / "docs" / "findings.md"


def harness(words: str, python: str = "") -> str:
    """What one command of the harness prints.

    Args:
        python: interpreter for the tables that inherit one, "" for the harness's own.
    """
    inherited = ["--python", python] if python and "--environment inherit" in words else []
    command = [HARNESS, *shlex.split(words), *inherited]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):  # 1: not everything in the table is reproduced
        raise SystemExit(f"harness {words}: status {done.returncode}\n{done.stderr}")
    return done.stdout


def render(python: str) -> None:
    """Write every table, figure and the list of findings."""
    for words, more in TABLES:
        harness(f"report {words} --format {','.join(filter(None, (FORMATS, more)))}", python)
    for words in DRAWINGS:
        harness(words)
    FINDINGS.write_text(harness("findings --format md"), encoding="utf-8")
    kept = subprocess.run(
        ["git", "ls-files", "-z", TABLES_FOLDER], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tracked = kept.stdout.split("\0")
    for path in (ROOT / TABLES_FOLDER).rglob("*.*"):  # of some tables only a few figures are kept
        is_table = path.name == "gaps.json" or path.name.startswith("table")
        if path.is_file() and not is_table and str(path.relative_to(ROOT)) not in tracked:
            path.unlink()


def main() -> None:
    """Render, or check that nothing would have to be run."""
    parser = argparse.ArgumentParser(description="Write all committed tables again from the records at hand.")
    parser.add_argument("--check", action="store_true", help="only say what each table still needs")
    parser.add_argument("--python", default="", metavar="PATH", help="interpreter of the tables that inherit one")
    asked = parser.parse_args()
    if not asked.check:
        render(asked.python)
        return
    for words, _ in TABLES:
        print(f"{words}\n{harness('plan ' + words, asked.python)}")  # noqa: T201


if __name__ == "__main__":
    main()

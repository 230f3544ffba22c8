"""Figures as files: every format, the same bytes each time, and texts that can be searched."""

from __future__ import annotations

import hashlib
import os
import re
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest
from made_figures import awkward_data, data
from made_tables import hits, run, spec

from harness.report.figures import FORMATS, files
from harness.tables.build import DatasetSpec

pytestmark = pytest.mark.long
SVG = "{http://www.w3.org/2000/svg}"


def said(svg: bytes) -> str:
    """All text of an SVG without white space, since labels are broken into lines."""
    return "".join("".join("".join(e.itertext()) for e in ElementTree.fromstring(svg).iter(f"{SVG}text")).split())


def in_pdf(pdf: bytes) -> bytes:
    """A PDF with its streams unpacked."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    return pdf + b"".join(zlib.decompressobj().decompress(s) for s in streams if s[:1] == b"\x78")


@pytest.fixture(scope="module")
def found() -> dict[str, bytes]:
    return files(awkward_data())


def small() -> dict[str, bytes]:
    """One figure of each kind but curves, of two systems."""
    runs = [run("a", s, hits(10 + s, 100), seconds=3.0) for s in (1, 2)] + [run("b", 1, hits(60, 100), seconds=4.0)]
    return files(data(spec(), runs))


@pytest.fixture(scope="module")
def found_small() -> dict[str, bytes]:
    return small()


@pytest.fixture
def only_svg(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other format is drawn, since their fonts take seconds."""
    monkeypatch.setattr("harness.report.figures.FORMATS", ("svg",))


def test_every_figure_comes_in_every_format(found: dict[str, bytes]) -> None:
    names = {name.rpartition(".")[0] for name in found}
    assert names == {"agreement-d", "differences-d-hit-10", "differences-d-ndcg-10", "curves-d", "cost-d"}
    assert set(found) == {f"{name}.{form}" for name in names for form in FORMATS}


def test_files_are_what_their_names_say_and_as_wide_as_a_page(found: dict[str, bytes]) -> None:
    for name, content in found.items():
        if name.endswith(".png"):
            assert content[:8] == b"\x89PNG\r\n\x1a\n"
            assert struct.unpack(">I", content[16:20])[0] == 7 * 300
        elif name.endswith(".svg"):
            root = ElementTree.fromstring(content)
            assert (root.tag, root.get("width")) == (f"{SVG}svg", "504pt")
        else:
            assert content[:5] == b"%PDF-"
            assert content.rstrip().endswith(b"%%EOF")
            assert re.search(rb"/MediaBox \[ ?0 0 504 ", in_pdf(content))


def test_the_same_data_give_the_same_bytes(found: dict[str, bytes]) -> None:
    assert files(awkward_data()) == found


def test_another_process_another_day_and_the_users_style_change_nothing(
    tmp_path: Path, found_small: dict[str, bytes]
) -> None:
    """Hash seeds order sets, clocks give dates, and a matplotlibrc of the user's gives fonts and sizes."""
    (tmp_path / "matplotlibrc").write_text(
        "font.size: 20\nsvg.fonttype: path\nlines.linewidth: 9\nxtick.direction: in\n"
    )
    code = (
        "import hashlib, test_figures; made = test_figures.small();"
        "print(*(f'{n} {hashlib.sha256(b).hexdigest()}' for n, b in sorted(made.items())), sep='\\n')"
    )
    path = os.pathsep.join(
        [str(Path(__file__).parent), str(Path(__file__).parents[2] / "support"), str(Path(__file__).parents[3])]
    )
    env = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "77", "MATPLOTLIBRC": str(tmp_path)}
    env |= {"SOURCE_DATE_EPOCH": "86400", "TZ": "Asia/Tokyo"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    mine = [f"{name} {hashlib.sha256(content).hexdigest()}" for name, content in sorted(found_small.items())]
    assert done.stdout.splitlines() == mine


def test_the_callers_settings_are_left_alone(found_small: dict[str, bytes]) -> None:
    with matplotlib.rc_context({"font.size": 20.0, "xtick.direction": "in"}):
        assert small() == found_small
        assert matplotlib.rcParams["font.size"] == 20.0


def test_no_file_has_a_date(found: dict[str, bytes]) -> None:
    for content in found.values():
        for word in (b"CreationDate", b"ModDate", b"dc:date", b"Creation Time", b"tIME"):
            assert word not in content


def test_the_signature_travels_with_every_file(found: dict[str, bytes]) -> None:
    for name, content in found.items():
        assert b"commit:0123abcd" in (in_pdf(content) if name.endswith("pdf") else content), name


def test_texts_can_be_searched_and_names_are_as_they_are(found: dict[str, bytes]) -> None:
    text = said(found["agreement-d.svg"])
    for message in (
        r"A_1 & 50% #2 $x$ {y} ~z^2 \w | *q* <b>",
        "Größe-é + loss",
        "C, never run",
        "Popularity",
        "HIT@10",
    ):
        assert "".join(message.split()) in text
    assert "notrun" in text
    assert "?inconclusive" in text
    assert "Popularity(floor)" in text
    assert "60users" in text


def test_what_a_name_may_hold_beyond_the_font_and_xml() -> None:
    """A control character made an SVG that no reader takes; a glyph that the font lacks gave a warning."""
    awkward = spec(systems=tuple(replace(s, label=f"{s.label}\x00\x1b日本🙂\nnext") for s in spec().systems))
    made = files(data(awkward, [run("a", 1, hits(10, 100)), run("b", 1, hits(60, 100))]))
    assert "A日本🙂next" in said(made["agreement-d.svg"])


@pytest.mark.usefixtures("only_svg")
@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"signature": {"profile": "quick"}}, "NOTAREPRODUCTION"),
        ({"demonstration": True}, "DEMONSTRATION"),
    ],
)
def test_what_is_no_reproduction_says_so_twice_in_every_figure(more: dict[str, object], message: str) -> None:
    made = files(awkward_data(**more))
    svgs = [content for name, content in made.items() if name.endswith(".svg")]
    assert len(svgs) == 5
    assert [said(svg).count(message) for svg in svgs] == [2] * 5


@pytest.mark.usefixtures("only_svg")
def test_options_set_by_hand_are_told_in_every_figure() -> None:
    made = files(awkward_data(changed=("patience 60 (recipe: 10)",)))
    assert all("patience60(recipe:10)" in said(content) for name, content in made.items() if name.endswith(".svg"))


def test_an_ordinary_table_has_no_banner(found: dict[str, bytes]) -> None:
    for name, content in found.items():
        assert not name.endswith(".svg") or not re.search("DEMONSTRATION|NOTAREPRODUCTION", said(content))


@pytest.mark.usefixtures("only_svg")
def test_datasets_whose_names_differ_in_signs_only_do_not_overwrite_each_other() -> None:
    two = spec(datasets=(DatasetSpec("d", "First", 100), DatasetSpec("D!", "Second", 100)))
    runs = [run("a", 1, hits(10, 100)), run("a", 1, hits(30, 100), dataset="D!", key="other")]
    made = files(data(two, runs))
    assert "First" in said(made["agreement-d.svg"])
    assert "Second" in said(made["agreement-d-2.svg"])


def test_a_table_without_any_number_has_no_figures() -> None:
    assert files(data(spec(), [])) == {}
    assert files(data(spec(datasets=()), [])) == {}

"""Your own interactions: formats, filters, layouts; every awkward line is handled or refused as docs/data.md says."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import own_data
import pytest

from harness.core.errors import ArgumentError, DatasetError
from harness.core.project_file import OwnData
from harness.upstreams.data_cache import check_pairs, check_sequences, count_pairs, count_sequences
from harness.upstreams.own_data import filters, formats, layouts
from harness.upstreams.own_data.filters import Choices, Filtered

KINDS = dict(zip(own_data.FORMATS, ("recbole", "movielens", "csv", "plain", "plain", "sequences"), strict=True))


def made(tmp_path: Path, text: str | bytes, name: str = "mine.txt", choices: Choices | None = None) -> Filtered:
    """What is left of a file with this text."""
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return filters.filtered(formats.read(path), choices or Choices())


def refused(tmp_path: Path, text: str | bytes, name: str = "mine.txt", choices: Choices | None = None) -> str:
    """The message of a file that is refused."""
    with pytest.raises(DatasetError) as caught:
        made(tmp_path, text, name, choices)
    return str(caught.value)


@pytest.mark.parametrize("name", own_data.FORMATS)
def test_every_format_gives_the_same_interactions(tmp_path: Path, name: str) -> None:
    given = formats.read(own_data.write(tmp_path, name))
    assert given.format == KINDS[name]
    found = filters.filtered(given, Choices())
    rows = layouts.numbered(found.sequences)
    assert list(rows.sequences.values()) == own_data.sequences()
    assert found.origin.order == ("time" if given.has_times else "file")
    assert found.origin.rows == len(given.rows) == rows.counts.interactions


def test_a_file_whose_ids_are_good_keeps_every_byte(tmp_path: Path) -> None:
    path = own_data.write(tmp_path, "sequences.txt")
    rows = layouts.numbered(filters.filtered(formats.read(path), Choices()).sequences)
    assert layouts.files(rows, "mine", OwnData(layout="users"))["mine.txt"] == path.read_text()


def test_both_layouts_are_what_code_bases_take(tmp_path: Path) -> None:
    rows = layouts.numbered({"b": ["x", "y", "x2"], "a": ["y", "z", "x"]})
    users = layouts.files(rows, "mine", OwnData(layout="users", attributes="{name}_item2attributes.json"))
    pairs = layouts.files(rows, "mine", OwnData(layout="pairs"))
    assert users["mine.txt"] == "1 3 4 1\n2 1 3 2\n"
    assert pairs["mine.txt"] == "1 3\n1 4\n1 1\n2 1\n2 3\n2 2\n"
    assert json.loads(users["mine_item2attributes.json"]) == {"1": [1], "2": [1], "3": [1], "4": [1]}
    for texts, count, check in ((users, count_sequences, check_sequences), (pairs, count_pairs, check_pairs)):
        path = tmp_path / "out.txt"
        path.write_text(texts["mine.txt"])
        assert count(path) == rows.counts == (2, 4, 6)
        check(path, "mine.txt")
    assert layouts.ids(rows).splitlines()[:4] == ["kind,number,id", "user,1,a", "user,2,b", "item,1,x"]


def test_ids_from_0_and_gaps_are_numbered_from_1(tmp_path: Path) -> None:
    rows = layouts.numbered(made(tmp_path, "0 0 997 5 10\n7 5 0 997 10\n").sequences)
    assert rows.sequences == {1: [1, 4, 2, 3], 2: [2, 1, 4, 3]}
    assert rows.items == {"0": 1, "5": 2, "10": 3, "997": 4}


def test_ids_that_only_look_like_numbers_stay_apart() -> None:
    assert layouts.numbers(["2", "02", "10"]) == {"02": 1, "10": 2, "2": 3}
    assert layouts.numbers(["2", "10", "1"]) == {"1": 1, "2": 2, "10": 3}
    assert layouts.numbers(["²", "1"]) == {"1": 1, "²": 2}


@pytest.mark.parametrize("text", [b"u a\r\nu b\r\nu c\r\n", b"\xef\xbb\xbfu a\nu b\n\n\nu c", b"u\ta\nu\tb\nu\tc\n"])
def test_crlf_byte_order_mark_blank_lines_and_tabs_change_nothing(tmp_path: Path, text: bytes) -> None:
    assert made(tmp_path, text).sequences == {"u": ["a", "b", "c"]}


@pytest.mark.parametrize(
    "text",
    [
        "user_id item_id\nu a\nu b\nu c\n",
        "item\tuserId\tts\na\tu\t1\nb\tu\t2\nc\tu\t3\n",
        "uid iid x y\nu a 1 2\nu b 0 0\nu c 0 0",
    ],
)
def test_a_header_line_names_the_columns(tmp_path: Path, text: str) -> None:
    assert made(tmp_path, text).sequences == {"u": ["a", "b", "c"]}


def test_quoted_columns_of_csv_may_hold_commas(tmp_path: Path) -> None:
    text = 'item,user\n"one, two",u\nb,u\nc,u\n'
    assert made(tmp_path, text, "a.csv").sequences == {"u": ["one, two", "b", "c"]}


def test_times_decide_and_equal_ones_keep_the_order_of_the_file(tmp_path: Path) -> None:
    found = made(tmp_path, "u a 3\nu b 1\nu c 2\nu d 2\n")
    assert found.sequences == {"u": ["b", "c", "d", "a"]}
    assert found.equal_times == 1
    big = made(tmp_path, "u a 9007199254740993\nu b 9007199254740992\nu c 1e3\n")  # which floats cannot tell apart
    assert big.sequences == {"u": ["c", "b", "a"]}


def test_rows_that_are_equal_in_user_item_and_time_count_once(tmp_path: Path) -> None:
    found = made(tmp_path, "u a 1\nu b 2\nu a 1\nu c 3\n")
    assert found.sequences == {"u": ["a", "b", "c"]}
    assert found.origin.identical == 1


def test_repeats_are_refused_until_somebody_chooses(tmp_path: Path) -> None:
    text = "u a\nu b\nu a\nu c\nv a\nv b\nv c\n"
    assert "mine.txt:3: user u has item a repeatedly; 1 users have 1 repeated items" in refused(tmp_path, text)
    kept = {choice: made(tmp_path, text, choices=Choices(choice)) for choice in ("first", "last", "keep")}
    assert [found.sequences["u"] for found in kept.values()] == [list("abc"), list("bac"), list("abac")]
    assert [found.origin.repeated for found in kept.values()] == [1, 1, 0]
    assert made(tmp_path, "u a\nu b\nu a\n", choices=Choices("keep")).seen_tests == 1


def test_users_with_two_items_are_refused_or_left_out(tmp_path: Path) -> None:
    text = "u a\nu b\nu c\nv a\nv b\n"
    assert "mine.txt:4: user v has 2 item(s); 1 user(s) have fewer than 3" in refused(tmp_path, text)
    found = made(tmp_path, text, choices=Choices(min_length=3))
    assert found.sequences == {"u": ["a", "b", "c"]}
    assert (found.origin.left_out.users, found.origin.left_out.interactions, found.origin.min_length) == (1, 2, 3)


def test_a_core_is_that_of_an_independent_rule(tmp_path: Path) -> None:
    """One user or item at a time, in any order, ends at the same core."""
    rows = [(f"u{u}", f"i{(u * n * n + n) % 23}") for u in range(40) for n in range(1 + u % 9)]
    text = "".join(f"{u} {i}\n" for u, i in dict.fromkeys(rows))
    left = set(rows)
    while True:
        few = [[row for row in left if row[side] == name] for side in (0, 1) for name in {row[side] for row in left}]
        few = [own for own in few if len(own) < 4]
        if not few:
            break
        left -= set(few[0])
    found = made(tmp_path, text, choices=Choices(core=4)).sequences
    assert {(user, item) for user, own in found.items() for item in own} == left
    assert 0 < len(left) < len(set(rows))


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (b"", "a.txt", "has no interactions"),
        (b"\xff\xfe1\x00", "a.txt", "is not readable"),
        ("1::2::3\n", "ratings.dat", "ratings.dat:1: 3 columns"),
        ("1::2::3::4\n1::3::3\n", "ratings.dat", "ratings.dat:2: 3 columns, the first line has 4"),
        ("1,2,3\n", "a.csv", "no header line with a user and an item column"),
        ("user,item,rating\n1,2\n", "a.csv", "a.csv:2: 2 columns, the first line has 3"),
        ("user,uid,item\n1,2,3\n", "a.csv", "two columns could be the user: user, uid"),
        ("a:token\tb:token\n1\t2\n", "a.inter", "no header line"),
        ("u a 5\nu b x\n", "a.txt", "a.txt:2: time 'x' is not a number"),
        ("u a nan\nu b 1\n", "a.txt", "a.txt:1: time 'nan' is not a number"),
        ("who what when\nu a 1\n", "a.txt", "a.txt:1: time 'when' is not a number"),
        ("u a\nu b 3\n", "a.txt", "a.txt:2: 3 columns, the first line has 2"),
        ("u\ta\nu\t\n", "a.txt", "a.txt:2: no user or no item"),
        ("1 1 2 3\n2 3 2 1\n1 4 5 6\n", "a.txt", "a.txt:3: user 1 has another line, 1"),
        ("1 1 2 3\n2\n", "a.txt", "a.txt:2: user 2 has no items"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_line(tmp_path: Path, text: str | bytes, name: str, said: str) -> None:
    message = refused(tmp_path, text, name)
    assert said in message
    assert "fix:" in message


def test_a_filter_that_leaves_nobody_is_refused(tmp_path: Path) -> None:
    assert "the filter removes all users" in refused(tmp_path, "u a\nu b\nu c\n", choices=Choices(core=9))


@pytest.mark.parametrize("choices", [Choices("some"), Choices(core=1), Choices(min_length=2)])
def test_choices_that_say_nothing_are_refused(choices: Choices) -> None:
    with pytest.raises(ArgumentError):
        choices.check()


def test_an_unknown_format_is_refused_with_near_ones(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="did you mean 'recbole'"):
        formats.read(tmp_path / "none", "recbol")


def test_a_file_for_a_line_per_user_can_be_named_so(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("1 5 6\n2 7 8 9\n")
    assert [row.item for row in formats.read(path, "sequences").rows] == ["5", "6", "7", "8", "9"]
    with pytest.raises(DatasetError, match="--format sequences"):
        formats.read(path)


def test_the_generated_walks_are_what_the_tests_need() -> None:
    for own in own_data.sequences():
        assert len(set(own)) == len(own) >= 6
    assert any(b != a + 1 for own in own_data.sequences() for a, b in pairwise(own))

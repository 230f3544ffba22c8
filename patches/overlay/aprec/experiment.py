"""Shared parts of experiments of both code bases: all users in the test, and notes of printed exceptions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from aprec.evaluation.split_actions import LeaveOneOut


class EveryUser(LeaveOneOut):
    """The code base's split, with every user who has two actions or more in the test."""

    def __call__(self, actions: Iterable[Any]) -> Any:
        counts: dict[Any, int] = {}
        for action in actions:
            counts[action.user_id] = counts.get(action.user_id, 0) + 1
        self.max_test_users = sum(count > 1 for count in counts.values())
        return super().__call__(actions)


def result_path(folder: str) -> str:
    """The code base's file of results in an output folder."""
    return os.path.join(folder, "experiment.json")


def raised_path(folder: str) -> str:
    """The file for a caught exception."""
    return os.path.join(folder, "raised.txt")


def reason(folder: str) -> str:
    """The exception that training or recommending raised, "" if none was noted."""
    path = raised_path(folder)
    return Path(path).read_text() if os.path.isfile(path) else ""


def plain(error: BaseException) -> str:
    """An exception in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"


def note_exceptions(
    built: Any, folder: str, methods: Iterable[str] = ("rebuild_model", "recommend_batch"),
    describe: Callable[[BaseException], str] = plain,
) -> None:  # fmt: skip
    """Make methods of a recommender write down exceptions, which the code base only prints.

    Args:
        describe: an exception in one line.
    """
    for name in methods:
        setattr(built, name, noted(getattr(built, name), raised_path(folder), describe))


def noted(
    function: Callable[..., Any], path: str, describe: Callable[[BaseException], str] = plain
) -> Callable[..., Any]:
    """The function, with a note of its exceptions."""

    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except BaseException as error:
            Path(path).write_text(describe(error))
            raise

    return call

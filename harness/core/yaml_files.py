"""Reads YAML files into typed values; no other module handles raw dictionaries.

Refused: duplicate keys, of which YAML's loader silently drops one, and keys that the type does not have.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from harness.core.errors import RecipeError
from harness.core.schema import problems

Model = TypeVar("Model", bound=BaseModel)


def parse(path: Path, kind: type[Model], context: Any = None, printed: bool = False) -> Model:
    """One YAML file as a typed value.

    Args:
        context: further input of the validators of `kind`.
        printed: read numbers with a point as decimals, so that 0.150 keeps its last digit.
    Raises:
        RecipeError: not readable, not YAML, or with mistakes, all of them listed.
    """
    loader = PrintedLoader if printed else Loader
    if context is not None:
        return typed(read_yaml(path, loader), str(path), kind, context)
    found: Model = once(read_text(path), loader, str(path), kind)
    return found


@lru_cache(maxsize=256)
def once(text: str, loader: type[Loader], where: str, kind: type[BaseModel]) -> Any:
    """The content of a file as a typed value, which is immutable, so that each is read and checked once."""
    return typed(loaded(text, loader, where), where, kind)


def parse_text(text: bytes, where: str, kind: type[Model]) -> Model:
    """YAML text, e.g. of an earlier commit, as a typed value.

    Args:
        where: its name in messages.
    Raises:
        RecipeError: as `parse`.
    """
    try:
        decoded = text.decode()
    except UnicodeDecodeError as error:
        raise unreadable(where, error) from error
    return typed(loaded(decoded, Loader, where), where, kind)


def typed(raw: Any, where: str, kind: type[Model], context: Any = None) -> Model:
    """Plain values as a typed one."""
    try:
        return kind.model_validate(raw, context=context)
    except ValidationError as error:
        raise RecipeError(where, problems(error, kind), "correct these keys") from error


def yaml_text(content: dict[str, Any]) -> str:
    """Plain values as YAML, keys in their order."""
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C loader if available
    """YAML's safe loader, which refuses duplicate keys of a mapping instead of dropping the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        """One mapping with unique keys."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := sorted({key for key in keys if keys.count(key) > 1 and key != "<<"}):
            raise yaml.constructor.ConstructorError(None, None, f"{', '.join(twice)}: duplicate key", node.start_mark)
        return super().construct_mapping(node, deep)


class PrintedLoader(Loader):
    """The same loader, with every number as written."""


def as_written(_loader: PrintedLoader, node: yaml.ScalarNode) -> Decimal:
    """A number with a point, with all of its digits."""
    try:
        found = Decimal(node.value)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise yaml.constructor.ConstructorError(None, None, f"{node.value}: not a plain number", node.start_mark)
    return found


PrintedLoader.add_constructor("tag:yaml.org,2002:float", as_written)


def read_yaml(path: Path, loader: type[Loader] = Loader) -> Any:
    """The content of a YAML file."""
    return loaded(read_text(path), loader, str(path))


def read_text(path: Path) -> str:
    """The text of a YAML file."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(str(path), error) from error


def loaded(text: str, loader: type[Loader], where: str) -> Any:
    """The plain values of a YAML text."""
    try:
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        raise unreadable(where, error) from error


def unreadable(where: str, error: Exception) -> RecipeError:
    """The error of an invalid YAML file."""
    return RecipeError(where, f"is not readable: {error}", "correct the file")

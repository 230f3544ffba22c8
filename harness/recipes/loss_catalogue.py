"""The catalogue of losses, patches/losses.yaml, as typed values: names, equations, sources, options.

It contains no tensor code: the losses are implemented in the overlay, and a test compares both. It refuses errors
that would otherwise appear during training: an unknown loss, an option that the loss does not have, a value that is
not allowed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import Field, model_validator

from harness.core.config import Config
from harness.core.errors import ConfigError, near_misses
from harness.core.project_folders import FILE, find
from harness.core.schema import Strict
from harness.core.yaml_files import parse
from harness.recipes.systems import Scalar

PATH = Path("patches", "losses.yaml")


class Option(Strict):
    """One option of losses.

    Attributes:
        about: its meaning, one line.
        values: allowed values of a choice.
        least, most: bounds of its range, inclusive.
    """

    about: str
    values: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None

    def fault(self, value: Scalar, default: Scalar, also: tuple[str, ...] = ()) -> str:
        """The fault of a value, "" if valid; `default` gives the type, `also` further values of one loss."""
        if self.values:
            values = (*self.values, *also)
            return "" if str(value) in values else f"unknown value {str(value)!r} ({near_misses(str(value), values)})"
        if isinstance(value, str) or (isinstance(default, int) and not isinstance(value, int)):
            return f"{value!r} is not a {'whole ' if isinstance(default, int) else ''}number"
        if not math.isfinite(value):
            return f"{value} is not finite"
        if self.least is not None and value < self.least:
            return f"{value} is below {self.least:g}"
        return f"{value} is above {self.most:g}" if self.most is not None and value > self.most else ""


class Loss(Strict):
    """One loss of the catalogue.

    Attributes:
        equation: value of one position, on one line.
        source: papers with the numbers of their equations.
        options: names with their defaults, in display order.
        also: further allowed values of an option for this loss.
    """

    title: str
    equation: str
    source: str
    options: dict[str, Scalar]
    also: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Catalogue(Strict):
    """patches/losses.yaml as a whole: each option is explained once for all losses."""

    options: dict[str, Option]
    losses: dict[str, Loss]

    @model_validator(mode="after")
    def defaults_are_options(self) -> Catalogue:
        """Refuse options without an explanation, and invalid defaults."""
        faults = []
        for name, loss in self.losses.items():
            for option, default in loss.options.items():
                known = self.options.get(option)
                fault = known.fault(default, default) if known else f"unknown ({near_misses(option, self.options)})"
                faults += [f"{name}: {option}: {fault}"] if fault else []
            stray = [option for option in loss.also if option not in loss.options]
            faults += [f"{name}: also: {option} is not one of its options" for option in stray]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def faults(self, name: str, options: Mapping[str, Scalar]) -> Iterator[str]:
        """The faults of options for the loss of this name; the loss itself may be unknown."""
        if name not in self.losses:
            yield f"unknown loss {name!r} ({near_misses(name, self.losses)})"
            return
        known, also = self.losses[name].options, self.losses[name].also
        for option, value in options.items():
            if option not in known:
                yield f"{name} has no option {option!r} ({near_misses(option, known)})"
            elif fault := self.options[option].fault(value, known[option], also.get(option, ())):
                yield f"{name}: {option}: {fault}"


def read(root: Path) -> Catalogue:
    """The catalogue of a project.

    Raises:
        RecipeError: not readable, or with mistakes.
    """
    return parse(find(root, PATH), Catalogue)


def load_catalogue(config: Config) -> Catalogue:
    """The catalogue, after checking that the upstreams of harness.toml support no other loss.

    Raises:
        RecipeError: not readable, or with mistakes. ConfigError: an upstream has a loss that is not in it.
    """
    catalogue = read(config.root)
    for name, upstream in config.file.upstreams.items():
        for loss in upstream.losses:
            if loss not in catalogue.losses:
                where = f"{FILE}: upstreams.{name}.losses"
                raise ConfigError(where, f"unknown loss {loss!r}", near_misses(loss, catalogue.losses))
    return catalogue

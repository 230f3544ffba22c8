"""The catalogue of losses, patches/losses.yaml, as typed values: names, equations, sources, options.

It knows no tensor: what the losses compute lives in the overlay, and a test holds both together. Refused is everything
that would only surface after an hour of training: a loss that nobody has, an option it does not take, a value that it
cannot use.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import Field, model_validator

from harness.core.config import FILE, Config
from harness.core.errors import ConfigError, near_misses
from harness.core.schema import Strict
from harness.core.yaml_files import parse
from harness.recipes.systems import Scalar

PATH = Path("patches", "losses.yaml")


class Option(Strict):
    """One thing that can be set of losses.

    Attributes:
        about: what it means, one line.
        values: all that it can be, where it is a choice.
        least, most: ends of its range, both included.
    """

    about: str
    values: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None

    def fault(self, value: Scalar, default: Scalar, also: tuple[str, ...] = ()) -> str:
        """What is wrong with a value, "" for nothing; `default` tells its type, `also` further values of one loss."""
        if self.values:
            values = (*self.values, *also)
            return "" if str(value) in values else f"unknown value {str(value)!r} ({near_misses(str(value), values)})"
        if isinstance(value, str) or (isinstance(default, int) and not isinstance(value, int)):
            return f"{value!r} is no {'whole ' if isinstance(default, int) else ''}number"
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
        options: names with their defaults, in the order of a listing.
        also: what an option of this loss can be beside the values of that option in general.
    """

    title: str
    equation: str
    source: str
    options: dict[str, Scalar]
    also: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Catalogue(Strict):
    """patches/losses.yaml as a whole: each option is explained once, whichever losses have it."""

    options: dict[str, Option]
    losses: dict[str, Loss]

    @model_validator(mode="after")
    def defaults_are_options(self) -> Catalogue:
        """Refuse options of losses that are not explained, and defaults that they could not take."""
        faults = []
        for name, loss in self.losses.items():
            for option, default in loss.options.items():
                known = self.options.get(option)
                fault = known.fault(default, default) if known else f"unknown ({near_misses(option, self.options)})"
                faults += [f"{name}: {option}: {fault}"] if fault else []
            stray = [option for option in loss.also if option not in loss.options]
            faults += [f"{name}: also: {option} is none of its options" for option in stray]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def faults(self, name: str, options: Mapping[str, Scalar]) -> Iterator[str]:
        """What is wrong with options for the loss of this name; the loss itself may be unknown."""
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
    return parse(root / PATH, Catalogue)


def load_catalogue(config: Config) -> Catalogue:
    """The catalogue, after looking whether the upstreams of harness.toml offer nothing else.

    Raises:
        RecipeError: not readable, or with mistakes. ConfigError: an upstream names a loss that is not in it.
    """
    catalogue = read(config.root)
    for name, upstream in config.file.upstreams.items():
        for loss in upstream.losses:
            if loss not in catalogue.losses:
                where = f"{FILE}: upstreams.{name}.losses"
                raise ConfigError(where, f"unknown loss {loss!r}", near_misses(loss, catalogue.losses))
    return catalogue

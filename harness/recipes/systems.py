"""Systems: a model with a loss, from a recipe or added by the command line, and the words of its command."""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Mapping

from pydantic import Field

from harness.core.errors import near_misses
from harness.core.schema import Strict

Scalar = int | float | str
VARIABLES = (
    "data", "out", "dataset", "sequences", "seed", "model", "loss", "loss_options", "checkpoint",
    "checkpoint_epochs",
)  # fmt: skip


class PublishedAs(Strict):
    """A system's name in the published numbers; further fields select among several numbers of one loss."""

    model: str
    loss: str
    label: str = ""
    negatives: int | None = None
    t: float | None = None

    @property
    def text(self) -> str:
        """Model and loss, or model and label, for readers."""
        return f"{self.model}, {self.label or self.loss}"


class System(Strict):
    """A model with a loss: a table's column.

    Attributes:
        loss_options: options of the loss that differ from its defaults, in the order of the command.
        options: defaults of the recipe's options that differ for this system.
        seeded: False if deterministic: one run serves every seed.
        floor: a baseline that every table has, whatever the filter.
        checkpoint: it loads a checkpoint: the dataset's, or the recipe's for this cell.
        arguments: appended to the recipe's command.
        command: replaces the recipe's command.
        proof: the loss that the probe must report, the system's own by default, "" for none.
        environment: of its runs, the recipe's by default.
        quoted: its name in numbers that the paper quotes from other works, shown beside the paper's own.
    """

    model: str
    loss: str
    label: str
    loss_options: dict[str, Scalar] = Field(default_factory=dict)
    options: dict[str, Scalar] = Field(default_factory=dict)
    seeded: bool = True
    floor: bool = False
    checkpoint: bool = False
    published: PublishedAs | None = None
    arguments: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    proof: str | None = None
    environment: str = ""
    quoted: tuple[PublishedAs, ...] = ()
    about: str = ""

    @property
    def proven_loss(self) -> str:
        """The loss that a run of this system must verify, "" if it does not train."""
        return self.loss if self.proof is None else self.proof

    @property
    def loss_word(self) -> str:
        """The loss in its command."""
        return self.loss

    @property
    def carried_out(self) -> tuple[object, ...]:
        """Everything that determines its runs; systems that share it differ only in names and published numbers."""
        return (
            self.model, self.loss_word, self.loss_options, self.options, self.seeded, self.checkpoint, self.arguments,
            self.command,
        )  # fmt: skip


class LossFile(Strict):
    """A file with a custom loss, as read with the command line.

    Attributes:
        path: as given.
        function: name of the loss function in it.
    """

    path: str
    function: str
    sha256: str
    content: bytes = Field(repr=False)

    @property
    def short(self) -> str:
        """Function and first digits of the hash, the probe's name of the loss."""
        return f"{self.function}@{self.sha256[:12]}"


class AddedSystem(System):
    """A system added by the command line: `host` with another loss.

    Attributes:
        host: key of the recipe's system that it copies.
        title: the loss with its options, for filters, folders and captions: gbce:k=256+t=0.75.
        file: of the loss; None for one of the catalogue.
    """

    host: str
    title: str
    file: LossFile | None = None

    @property
    def loss_word(self) -> str:
        """The loss in its command: $LOSS for a file."""
        return f"$LOSS:{self.file.function}" if self.file else self.loss


def words_of(value: Mapping[str, System | tuple[str, ...]] | tuple[str, ...]) -> Iterator[str]:
    """The words of a command, of the commands of systems, or of the arguments of devices."""
    parts = value.values() if isinstance(value, Mapping) else (value,)
    for part in parts:
        yield from (*part.command, *part.arguments) if isinstance(part, System) else part


def faulty_variables(word: str, variables: Iterable[str]) -> Iterator[str]:
    """The faults of the {variables} in one word of a command."""
    known = set(variables)
    try:
        fields = [field for field in string.Formatter().parse(word) if field[1] is not None]
    except ValueError as error:
        fields = []
        yield f"{word!r}: {error}; write a literal brace twice"
    for _, name, form, conversion in fields:
        if form or conversion:
            yield f"{word!r}: write only the variable's name in braces, without a format"
        elif name not in known:
            yield f"unknown variable {{{name}}} in {word!r} ({near_misses(str(name), known)})"


def lacking(system: System, command: Iterable[str], variables: Iterable[str]) -> list[str]:
    """The {variables} missing from a system's command; `command` is the recipe's."""
    words = "".join(system.command or (*command, *system.arguments))
    return [f"{{{name}}}" for name in variables if f"{{{name}}}" not in words]


def titled(loss: str, options: Mapping[str, Scalar]) -> str:
    """Loss and options as in keys of systems, filters and folders; a comma would end a filter."""
    return ":".join(part for part in (loss, written(options, "+")) if part)


def written(options: Mapping[str, Scalar], between: str = ",") -> str:
    """Options as text: `k=256,t=0.75`."""
    return between.join(f"{name}={value}" for name, value in options.items())

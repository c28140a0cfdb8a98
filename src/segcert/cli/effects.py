"""What options need to have an effect; one that has none is refused, whatever its value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from inspect import BoundArguments
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segcert.cli.flat import Flat
from segcert.errors import InputError

if TYPE_CHECKING:
    from segcert.certificates.claim import Claim
    from segcert.inputs.kind import InputKind

SPELLED = {"as_json": "--json"}  # options that are not called as their parameters


@dataclass(frozen=True)
class Call:
    """A command as it was typed.

    Args:
        command: Its name.
        values: Of all its parameters, given or by default.
        given: Names of those that were given.
    """

    command: str
    values: Mapping[str, Any]
    given: frozenset[str]

    def has(self, name: str, values: tuple[str, ...] = ()) -> bool:
        """Whether an option is on, or has one of some values (of a list, at least once)."""
        found = self.values[name]
        if not values:
            return found is not None and found is not False
        return not set(found if isinstance(found, list) else [found]).isdisjoint(values)

    @cached_property
    def certificate(self) -> "Claim":
        """The certificate that the command is about."""
        from segcert.certificates.claim_files import read_claim

        return read_claim(Path(self.values["certificate"]))

    @cached_property
    def kind(self) -> "InputKind":
        """What the inputs are: by the certificate, the data set or the files."""
        from segcert.data.sets import RULES
        from segcert.inputs.finding import kind_of_files
        from segcert.inputs.kind import kind_of

        if "certificate" in self.values:
            return kind_of(self.certificate.provenance.input_shape)
        if "data" in self.values:
            return RULES[self.values["data"]].kind
        return kind_of_files(list(self.values["images"]))


@dataclass(frozen=True)
class Need:
    """What an option needs to have an effect.

    Args:
        met: Whether a call has it.
        words: After the name of the option, why there is no effect.
    """

    met: Callable[[Call], bool]
    words: Callable[[Call], str]


Needs = tuple[Need, ...]


def inputs_of(word: str) -> Need:
    """With inputs of a kind."""

    def words(call: Call) -> str:
        from segcert.inputs.kind import KINDS

        (wanted,) = (kind for kind in KINDS if kind.word == word)
        return f"is for {wanted.nouns}, and these are {call.kind.nouns}"

    return Need(lambda call: call.kind.word == word, words)


IMAGES, CLOUDS = inputs_of("image"), inputs_of("cloud")


def needs(name: str, *values: str) -> Need:
    """With another option, or with some values of it."""
    wanted = " ".join([spelled(name), " or ".join(values)]).strip()

    def words(call: Call) -> str:
        found = call.values[name]
        got = f", got {found}" if values and isinstance(found, str) else ""
        return f"needs {wanted}{got}"

    return Need(lambda call: call.has(name, values), words)


def excluded_by(name: str, *values: str) -> Need:
    """Without another option, or without some values of it."""
    other = " ".join([spelled(name), *values])
    return Need(lambda call: not call.has(name, values), lambda _: f"has no effect with {other}")


def always(*names: str) -> dict[str, Needs]:
    """Options that need nothing."""
    return dict.fromkeys(names, ())


def spelled(name: str) -> str:
    """The option of a parameter."""
    return SPELLED.get(name, "--" + name.replace("_", "-"))


def call_of(command: str, bound: BoundArguments) -> Call:
    """What was typed, of arguments that hold what was given and nothing else."""
    whole = BoundArguments(bound.signature, bound.arguments.copy())
    whole.apply_defaults()
    given: set[str] = set()
    values: dict[str, Any] = {}
    for name, value in whole.arguments.items():
        if isinstance(value, Flat):
            values |= value.values
            given |= value.given
        else:
            values[name] = value
            given |= {name} & bound.arguments.keys()
    return Call(command, values, frozenset(given))


def check_effects(call: Call, table: Mapping[str, Needs]) -> None:
    """Refuse options that were given and have no effect, also those with their default value.

    Args:
        call: What was typed.
        table: What each option of the command needs.

    Raises:
        InputError: With the first of them, the reason and the way out.
    """
    for name in table:  # in the order of the table: what others depend on first
        missing = [need for need in table[name] if not need.met(call)] if name in call.given else []
        if missing:
            option = spelled(name)
            raise InputError(f"{option} {missing[0].words(call)}: leave out {option}")

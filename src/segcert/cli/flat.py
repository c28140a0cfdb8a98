"""Options of several commands in one value, which remembers which of them were given."""

from dataclasses import fields, is_dataclass


class Flat:
    """A group of options, to be a parameter of a command that is called ``*``.

    Whatever makes one says what was given: the command line names no other option.

    Attributes:
        given: Names of the options that were given, be it with their default values.
    """

    given: frozenset[str]

    def __new__(cls, **given: object) -> "Flat":
        """Remember what is given."""
        made = super().__new__(cls)
        object.__setattr__(made, "given", frozenset(given))
        return made

    @property
    def values(self) -> dict[str, object]:
        """All options, given or by default."""
        assert is_dataclass(self)
        return {field.name: getattr(self, field.name) for field in fields(self)}

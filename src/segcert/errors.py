"""Errors that a user can meet, each one clear line."""


class SegcertError(Exception):
    """Base of every error raised on purpose by segcert."""


class InputError(SegcertError, ValueError):
    """An argument or an input breaks a rule: what, the rule, the value, the way out."""


class ModelError(SegcertError, ValueError):
    """A model cannot be certified: train mode, wrong shapes, mixed draws."""


class SamplingError(SegcertError, RuntimeError):
    """Sampling cannot go on: repeated noise, or no memory even for one draw."""


class VerificationError(SegcertError, RuntimeError):
    """A certificate does not follow from its counts, or a replay does not match it."""

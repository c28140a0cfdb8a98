"""The same network run by other programs, or in other arithmetic: a choice that is recorded."""

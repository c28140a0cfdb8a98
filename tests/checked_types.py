"""The checker of shapes and types in tests: beartype, with int accepted as float (PEP 484)."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))

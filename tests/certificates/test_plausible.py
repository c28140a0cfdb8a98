"""What fields of a file may hold by themselves: here, versions as programs write them."""

import pytest

from segcert.certificates.plausible import PROGRAMS, check_versions
from segcert.errors import InputError

OURS = dict.fromkeys(PROGRAMS, "1.0")


@pytest.mark.parametrize(
    "version",
    ["1.0", "3.11.7", "2.13.0+cpu", "1.0rc1", "2026.4.1-22982-e213a147257-releases/2026/4"],
)
def test_versions_of_programs_are_read(version: str) -> None:
    check_versions(OURS | {"openvino": version})


@pytest.mark.parametrize("version", ["1", "new", "1.0/", "1.0//2", "1.0 2", f"1.0{'a' * 56}!"])
def test_what_no_program_writes_is_refused_at_once(version: str) -> None:
    """The last one once took longer than anybody waits."""
    with pytest.raises(InputError, match="is no version"):
        check_versions(OURS | {"openvino": version})

"""What a replay found, as a value."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Replay:
    """What a replay found, once it was not refused.

    Args:
        components: Number of components.
        certified: Components that the certificate certifies.
        again: Of these, components that the replayed draws certify with the same label, by the
            recorded plan.
        labels_differ: Components that got another class.
        hits_differ: Components that got another count.
        pilot_differs: Components of which the pilot agreed or promised otherwise.
        near_ties: Labels of single draws that were near a tie; they explain what differs.
        labels: Labels of single draws in all.
        fresh_seed: Seed of an independent run; None if the recorded draws were drawn again.
    """

    components: int
    certified: int
    again: int
    labels_differ: int = 0
    hits_differ: int = 0
    pilot_differs: int = 0
    near_ties: int = 0
    labels: int = 0
    fresh_seed: int | None = None

    @property
    def independent(self) -> bool:
        """Whether other draws than the recorded ones were made."""
        return self.fresh_seed is not None

    @property
    def identical(self) -> bool:
        """Whether every count of the recorded draws came out as recorded."""
        differ = self.labels_differ or self.hits_differ or self.pilot_differs
        return not self.independent and not differ

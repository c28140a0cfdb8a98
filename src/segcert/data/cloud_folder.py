"""Clouds of one's own: a folder of files, of one category or none."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from segcert.data.labelled import AbstractLabelled, files_by_name
from segcert.data.part_numbers import check_category, check_parts
from segcert.errors import InputError
from segcert.inputs.cloud_files import SUFFIXES, read_cloud
from segcert.inputs.clouds import Cloud


@dataclass(frozen=True)
class CloudFolder(AbstractLabelled):
    """Labelled clouds of a folder, sorted by name.

    Args:
        root: The folder.
        category: Number of the category of all of them: labels must be its parts. None takes the
            category of each file, if it has one.
        pattern: Which files, as in ``test_*.npz``.
        files: Found files.

    Raises:
        InputError: If the folder is missing or holds no such file, or two of one stem.
    """

    root: Path
    category: int | None = None
    pattern: str = "*"
    files: tuple[Path, ...] = field(init=False)

    def __post_init__(self) -> None:
        """List the folder."""
        if self.category is not None:
            check_category(self.category)
        if not Path(self.root).is_dir():
            raise InputError(f"folder of clouds {self.root} does not exist")
        found = [p for p in Path(self.root).glob(self.pattern) if p.suffix.lower() in SUFFIXES]
        named = files_by_name(found)
        if not named:
            raise InputError(
                f"folder of clouds {self.root} has no {self.pattern}: it needs "
                f"{', '.join(SUFFIXES)}"
            )
        object.__setattr__(self, "files", tuple(named[name] for name in sorted(named)))

    def __len__(self) -> int:
        """Count the clouds."""
        return len(self.files)

    def item(self, index: int) -> Cloud:
        """Read one cloud.

        Raises:
            InputError: If it cannot be read, has no labels, or has those of another category.
        """
        path = self.files[index]
        cloud = read_cloud(path)
        labels = cloud.labels
        if labels is None:
            raise InputError(f"cloud {path} must have labels")
        if self.category is not None:
            if cloud.category not in (None, self.category):
                raise InputError(
                    f"cloud {path} has category {cloud.category}, must be {self.category}"
                )
            cloud = replace(cloud, category=self.category)
        if cloud.category is not None:
            check_parts(f"cloud {path}", labels, cloud.category)
        return cloud

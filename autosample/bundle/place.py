"""The folder that a bundle is to be written into, checked before hours of work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

from autosample.errors import BundleError


def check_place(folder: Path) -> None:
    """Make the folder, and check that files can be written into it.

    Raises BundleError where it is a file, is not empty, or cannot be written into.
    """
    try:
        made = _make(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise BundleError(
            f"{folder} cannot be written ({reason}); name another folder"
        ) from error
    for each in made:  # a search that fails leaves no empty folders
        each.rmdir()


def _make(folder: Path) -> list[Path]:
    """Make a folder and write a file into it for a moment; returns what was made, the
    innermost folder first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BundleError(f"{folder} is not empty; name a new folder")
    probe = folder / ".probe"
    probe.write_bytes(b"x")
    probe.unlink()
    return missing


def save_somewhere(
    save: Callable[[Path], object], folder: Path
) -> tuple[Path, str | None]:
    """Write a bundle where it was asked for, or else into a temporary folder.

    Returns where it lies, and why it does not lie where it was asked for.
    """
    try:
        save(folder)
    except (OSError, BundleError) as error:
        elsewhere = Path(mkdtemp(prefix="autosample-bundle-")) / "bundle"
        save(elsewhere)
        return elsewhere, str(error)
    return folder, None

"""Where a command is to write, tried before its work and not after it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from peerd.errors import ConfigError


def check_file(option: str, path: Path | None) -> None:
    """ConfigError unless a file can be written at ``path``. None and "-" (standard output) can."""
    if path is None or path == Path("-"):
        return
    folder = path.absolute().parent
    if not folder.is_dir():
        raise ConfigError(f"{option} {path}: there is no directory {folder}", "make it")
    if path.is_dir():
        raise ConfigError(f"{option} {path}: this is a directory", "name a file")
    if path.exists() and not os.access(path, os.W_OK):
        raise ConfigError(f"{option} {path}: you may not write to it", "name another file")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(
            f"{option} {path}: can't write in {folder}: {error.strerror}", "name another place"
        ) from None


@contextmanager
def new_file(option: str, path: Path) -> Iterator[TextIO]:
    """A text file that appears at ``path`` when it is whole. ConfigError where one is there."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        file = part.open("x", encoding="utf-8", newline="")
    except OSError as error:
        raise _cant_write(option, path, error) from None
    try:
        with file:
            yield file
            try:
                file.flush()
            except OSError as error:
                raise _cant_write(option, path, error) from None
        _put(option, part, path)
    finally:
        part.unlink(missing_ok=True)


def check_new_file(option: str, path: Path) -> None:
    """ConfigError unless a file that isn't there yet can be written at ``path``."""
    check_file(option, path)
    if path.exists():
        raise _taken(path)


def _put(option: str, part: Path, path: Path) -> None:
    try:
        os.link(part, path)  # where a rename would replace what came in the meantime
    except FileExistsError:
        raise _taken(path) from None
    except OSError:  # a file system without links
        if path.exists():
            raise _taken(path) from None
        try:
            part.rename(path)
        except OSError as error:
            raise _cant_write(option, path, error) from None


def _taken(path: Path) -> ConfigError:
    return ConfigError(f"{path} exists already", "name a new file")


def _cant_write(option: str, path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{option} {path}: can't write: {error.strerror}", "name another place")


def check_new_directory(option: str, path: Path | None) -> None:
    """ConfigError unless a directory can be made at ``path``; leaves those above it made."""
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir()
        path.rmdir()
    except FileExistsError:
        taken = next(each for each in (path, *path.parents) if each.exists())
        raise ConfigError(f"{option} {path}: {taken} exists already", "name a new one") from None
    except OSError as error:
        raise ConfigError(
            f"{option} {path}: can't make the directory: {error.strerror}", "name another place"
        ) from None


@contextmanager
def directory_for(option: str, path: Path, mode: int = 0o777) -> Iterator[None]:
    """As ``make_directory``, for work that may fail: then those that it made are gone again, as far
    as nothing is in them.
    """
    made = [each for each in (path, *path.parents) if not each.exists()]
    try:
        make_directory(option, path, mode)
        yield
    except BaseException:
        for each in made:
            with suppress(OSError):
                each.rmdir()
        raise


def make_directory(option: str, path: Path, mode: int = 0o777) -> None:
    """The directory at ``path``, which may be there. ConfigError."""
    try:
        path.mkdir(mode, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{option} {path}: can't make the directory: {error.strerror}", "name another place"
        ) from None

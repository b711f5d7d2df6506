"""Folders of texts: one folder for each class, one file for each text (``pos/`` and ``neg/``)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePath

from peephole.reading.columns import Request, refuse_columns
from peephole.reading.compression import open_bytes, unpacked_name
from peephole.reading.lines import decode, read_whole, too_long
from peephole.reading.records import (
    Item,
    Layout,
    Problem,
    Row,
    Unreadable,
    listed,
    printable,
    problem_at,
)

# Folders of texts without a label, beside those of the classes (the Large Movie Review Dataset has one).
UNLABELLED = ("unsup", "unlabelled", "unlabeled")
_SUFFIXES = ("", ".txt", ".text")
_LAYOUT = Layout("text", "label")


def read_folder(path: str, name: str, request: Request) -> Iterator[Item]:
    """Yield a row for each text file, folder by folder, each in the order of names.

    The sub-folders are the classes, and files beside them are left alone. The texts of a sub-folder called unsup,
    unlabelled or unlabeled have no label, nor have those of a folder without sub-folders; they are read only
    where labels are not required. One line end at the end of a file is no part of the text.

    Raises:
        Unreadable: there is no class folder where labels are required, a class folder holds folders (the classes
            stand one level deeper), or a folder cannot be listed.
    """
    refused = refuse_columns(name, "folders of texts", request)
    if refused:
        yield from refused
        return
    files, folders = _list(path, name)
    required = request.labels == "required"
    if required:
        folders = [folder for folder in folders if folder.casefold() not in UNLABELLED]
    if not folders:
        if required or not files:
            raise _no_classes(name, files)
        for file in files:
            yield _read_text(os.path.join(path, file), f"{name}/{printable(file)}", None)  # noqa: PTH118
        return
    for folder in folders:
        inside = os.path.join(path, folder)  # noqa: PTH118  strings: a folder of texts has many files
        place = f"{name}/{printable(folder)}"
        texts, nested = _list(inside, place)
        if nested:
            raise Unreadable(
                place,
                f"a class folder must hold texts; got the folders {listed(nested)}",
                "no class folders",
                f"if those are the classes, give {place} itself",
            )
        if not texts:
            yield Problem(place, "a class folder without texts", "empty file", skippable=False)
        label = None if folder.casefold() in UNLABELLED else folder
        for text in texts:
            yield _read_text(os.path.join(inside, text), f"{place}/{printable(text)}", label)  # noqa: PTH118


def _read_text(path: str, place: str, label: str | None) -> Item:
    if PurePath(unpacked_name(path)).suffix.lower() not in _SUFFIXES or not os.path.isfile(path):  # noqa: PTH113
        return Problem(place, "not a text file (.txt, .txt.gz or no ending)", "not a text file")
    try:
        with open_bytes(path, place) as stream:
            line = read_whole(stream, place)
    except Unreadable as error:
        return error.problem._replace(skippable=True)
    if line.raw is None:
        return problem_at(place, too_long(line))
    text, fault = decode(line)
    if fault is not None:
        return problem_at(place, fault)
    return Row(place, _LAYOUT, {"text": text.removesuffix("\n").removesuffix("\r"), "label": label})


def _list(folder: str, place: str) -> tuple[list[str], list[str]]:
    """Return the names of the visible files and of the visible folders in `folder`, each sorted."""
    files: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    (folders if entry.is_dir() else files).append(entry.name)
    except OSError as error:
        raise Unreadable(place, f"cannot be listed: {error.strerror}", "cannot be opened") from error
    return sorted(files), sorted(folders)


def _no_classes(name: str, files: list[str]) -> Unreadable:
    holds = f"the files {listed(files, 4)}" if files else "nothing that is visible"
    return Unreadable(
        name,
        f"a folder of labelled texts must hold class folders, such as pos and neg; got {holds}",
        "no class folders",
        "give the files themselves" if files else None,
    )

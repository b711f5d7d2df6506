"""Teachers: what trained classifiers make of the training texts, as targets for the one that learns."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from peephole.classifier import Classifier, load
from peephole.classifier.shipped import find_model
from peephole.errors import OptionError
from peephole.files import sync_folder, write_synced
from peephole.training.checkpoint import ANSWERS
from peephole.training.machine import Machine
from peephole.training.progress import Progress

Answers = NDArray[np.float32]

_BLOCK = 1024  # texts between two signs of life
_FILES = ("config.json", "tokenizer.json", "model.safetensors")


@dataclass(frozen=True, slots=True, eq=False)
class Teacher:
    """A trained classifier whose answers are targets.

    Args:
        path: its folder, as it was given.
        classifier: answers for texts.
        columns: its column of each label of the run `[C]`.
        digest: SHA-256 of the files that decide what it answers.
    """

    path: str | Path
    classifier: Classifier
    columns: list[int]
    digest: str


def load_teachers(folders: Sequence[str | Path], labels: Sequence[str]) -> list[Teacher]:
    """Load trained models as teachers of a run.

    Args:
        folders: model folders, or names as `peephole.load` takes them.
        labels: names of the run's classes, in the order of their indices.

    Raises:
        ModelError: a folder cannot be used.
        OptionError: a teacher has other labels.
    """
    teachers: list[Teacher] = []
    for path in folders:
        folder = find_model(path)
        classifier = load(folder)
        if sorted(classifier.labels) != sorted(labels):
            raise OptionError(
                f"train: a teacher must have the labels of the texts, {', '.join(map(repr, labels))}; "
                f"got {', '.join(map(repr, classifier.labels))} ({path})",
                hint="write the labels of the texts as the teacher has them, or train a teacher on these texts",
            )
        columns = [classifier.labels.index(label) for label in labels]
        teachers.append(Teacher(path, classifier, columns, teacher_digest(folder)))
    return teachers


def ask_teachers(
    teachers: Sequence[Teacher],
    texts: Sequence[str],
    digest: str,
    folder: Path,
    progress: Progress,
    machine: Machine,
) -> Answers | None:
    """Return the probabilities that teachers give the classes of each text, averaged.

    Each teacher reads the texts whole, once, before the first step; with several processes each scores a share.
    The answers of a teacher are kept under a name made of the teacher and the texts, so that a resumed run finds
    them, and a run with another teacher or other texts does not.

    Args:
        teachers: as `load_teachers` returned them.
        texts: labelled and unlabelled training texts, in the order of the corpus.
        digest: SHA-256 of the run's texts.
        folder: where the checkpoints of the run stand, and the answers are kept.
        progress: hears how many texts are scored.
        machine: processes.

    Returns:
        Probabilities `[texts, C]`, columns in the order of the run's labels; None without teachers.
    """
    if not teachers:
        return None
    shape = (len(texts), len(teachers[0].columns))
    total = np.zeros(shape)
    for number, teacher in enumerate(teachers, start=1):
        path = folder / ANSWERS.format(hashlib.sha256(f"{teacher.digest} {digest}".encode()).hexdigest()[:32])
        who = f"teacher {number} of {len(teachers)}"
        kept = _kept(path, shape, progress) if machine.is_main else None
        if machine.from_main(kept is not None):
            progress.note(f"{who}: answers taken from {path}")
            answers = np.zeros(shape, np.float32) if kept is None else kept
        else:
            answers = _score(teacher.classifier, texts, who, progress, machine)
        # Each row is zero in all processes but one, so that the sum has its bits.
        answers = machine.total(torch.from_numpy(answers).to(machine.device)).cpu().numpy()
        if machine.is_main and kept is None:
            _keep(path, answers)
        total += answers[:, teacher.columns]
    return (total / len(teachers)).astype(np.float32)


def teacher_digest(folder: str | Path) -> str:
    """Return the SHA-256 of the files that decide what a model answers.

    Args:
        folder: its folder, or its name as `peephole.load` takes it.

    Raises:
        OptionError: a file is missing.
        ModelError: a name of the Hub, and there is no such model.
    """
    place = find_model(folder)
    digest = hashlib.sha256()
    for name in _FILES:
        path = place / name
        if not path.is_file():
            raise OptionError(f"train: a teacher must be a model folder; got {folder}, which has no {name}")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _score(
    teacher: Classifier, texts: Sequence[str], who: str, progress: Progress, machine: Machine
) -> Answers:
    """Return this process's share of a teacher's answers `[texts, C]`; the rows of the others are zero."""
    answers = np.zeros((len(texts), len(teacher.labels)), np.float32)
    share = np.arange(machine.process, len(texts), machine.processes)
    for start in range(0, len(share), _BLOCK):
        rows = share[start : start + _BLOCK]
        answers[rows] = teacher.predict_proba([texts[int(row)] for row in rows])
        progress.score(who, min((start + len(rows)) * machine.processes, len(texts)), len(texts))
    return answers


def _keep(path: Path, answers: Answers) -> None:
    """Write the answers, whole or not at all, with their SHA-256 `[32]`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    write_synced(partial, safetensors.numpy.save({"answers": answers, "sha256": _sum_of(answers)}))
    partial.replace(path)
    sync_folder(path.parent)


def _kept(path: Path, shape: tuple[int, int], progress: Progress) -> Answers | None:
    """Return the answers that were kept; None where there are none, or where they are damaged, which is said."""
    if not path.exists():
        return None
    try:
        found = safetensors.numpy.load(path.read_bytes())
    except SafetensorError:
        found = {}
    answers, seal = found.get("answers"), found.get("sha256")
    whole = answers is not None and seal is not None and np.array_equal(_sum_of(answers), seal)
    if not whole or answers is None or answers.shape != shape or answers.dtype != np.float32:
        progress.warn(f"{path} is damaged: the teacher scores the texts again")
        return None
    return answers


def _sum_of(answers: Answers) -> NDArray[np.uint8]:
    return np.frombuffer(hashlib.sha256(answers.tobytes()).digest(), np.uint8)

"""`load`: from a name or a folder to a classifier."""

from __future__ import annotations

import os
from typing import cast

from peephole.classifier.folder import read_model_folder
from peephole.classifier.model import Classifier
from peephole.classifier.shipped import find_model
from peephole.classifier.storage import STORAGES, Storage
from peephole.errors import check_choice
from peephole.ops.call import PRECISIONS
from peephole.ops.dispatch import NAMES


def load(
    name_or_folder: str | os.PathLike[str] | None = None, *, backend: str = "auto", precision: str = "high"
) -> Classifier:
    """Load a model; nothing in its folder is trusted or run.

    Args:
        name_or_folder: None: the sentiment model inside the package, ``"reviews"``. A name of such a model. A folder, as
            `Classifier.save` writes it; ``./reviews`` is always one. Or ``OWNER/NAME`` or ``OWNER/NAME@REVISION``, a model of the
            Hugging Face Hub, where no such path exists. Weights stay on disk until they are used (memory-mapped).
        backend: as `peephole.ops.run` takes it.
        precision: ``"high"``, or ``"highest"`` to multiply in float32 throughout: see `peephole.ops.run`. Where it makes a
            difference, a probability of the model in the package changes by less than 1e-4.

    Raises:
        ModelError: there is no such model, or a file is missing, damaged, of another format or hostile; the message names the
            file and the field.
        OptionError: no backend or precision has that name; or both a model of the package and a folder here have the name.
        MissingExtra: the model is on the Hub, and huggingface_hub is not installed.
    """
    check_choice("load", "backend", backend, ("auto", *NAMES))
    check_choice("load", "precision", precision, PRECISIONS)
    return Classifier(*read_model_folder(find_model(name_or_folder)), backend=backend, precision=precision)


def converted(classifier: Classifier, storage: str) -> Classifier:
    """Return a classifier whose matrices are stored otherwise, and whose card says that its scores were measured before.

    Args:
        classifier: the original.
        storage: ``"float32"``, ``"float16"`` or ``"int8"``.

    Raises:
        OptionError: there is no such storage.
        ModelError: a number is too large for it.
    """
    check_choice("convert", "storage", storage, STORAGES)
    made, before = classifier.with_storage(cast("Storage", storage)), classifier.config
    if storage == before.storage or not before.metrics:
        return made
    note = f"from {before.storage} to {storage}, after these scores were measured"
    config = made.config.replace(metrics={"converted": note, **before.metrics})
    return Classifier(config, made.tokenizer, made.tensors, backend=made.backend, precision=made.precision)

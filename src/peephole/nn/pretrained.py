"""`PretrainedModule`: the torch classifier from a model folder or the Hugging Face Hub, and back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from peephole.classifier import Classifier, Tokenizer
from peephole.errors import OptionError

if TYPE_CHECKING:
    from typing_extensions import Self

    from peephole.classifier.hub.push import Pushed
    from peephole.nn.classifier import ClassifierModule


class PretrainedModule:
    """What `ClassifierModule` does as users of the Hub know it; the files are those of `peephole.classifier.Classifier`."""

    pretrained_tokenizer: Tokenizer | None = None

    @classmethod
    def from_pretrained(cls, name_or_folder: str | os.PathLike[str], **options: Any) -> Self:
        """Return a trained classifier as a torch module, in evaluation mode, with float32 weights.

        Its tokenizer is its attribute `pretrained_tokenizer`.

        Args:
            name_or_folder: as `Classifier.from_pretrained` takes it.
            **options: revision, token, cache_dir, local_files_only and force_download, likewise.

        Raises:
            ModelError: there is no such model, or it is damaged or hostile.
            OptionError: an option is out of range.
            MissingExtra: the model is on the Hub, and huggingface_hub is not installed.

        Example:
            >>> from peephole.nn.classifier import ClassifierModule
            >>> module = ClassifierModule.from_pretrained("reviews")
            >>> module.config.labels, module.training
            (('negative', 'positive'), False)
        """
        found = Classifier.from_pretrained(name_or_folder, **options)
        module = cast("Any", cls)(found.config)
        weights = {name: torch.from_numpy(np.array(value)) for name, value in found.weights.items()}
        module.load_state_dict(weights)
        module.pretrained_tokenizer = found.tokenizer
        return module.eval()

    def to_classifier(self, tokenizer: Tokenizer | None = None) -> Classifier:
        """Return the classifier without torch that answers as this module does.

        Its record of scores is empty: they were measured with other weights, and are to be measured again.

        Args:
            tokenizer: cuts texts into the tokens that the module knows; None: that of `from_pretrained`.

        Raises:
            OptionError: there is no tokenizer.
            ModelError: the tokenizer belongs to another config, or a weight is NaN or infinite.
        """
        module = cast("ClassifierModule", self)
        chosen = module.pretrained_tokenizer if tokenizer is None else tokenizer
        if chosen is None:
            raise OptionError(
                "ClassifierModule: a tokenizer must be given; got none",
                hint="pass the one that made the ids: tokenizer=",
            )
        return Classifier(module.config.replace(metrics={}), chosen, module.export())

    def save_pretrained(
        self, folder: str | os.PathLike[str], *, tokenizer: Tokenizer | None = None, **options: Any
    ) -> Path:
        """Write the model folder of `to_classifier`.

        Args:
            folder: a new path, an empty folder, or a model folder to replace.
            tokenizer: as `to_classifier` takes it.
            **options: as `Classifier.save_pretrained` takes them.

        Raises:
            OptionError, ModelError: as `to_classifier` and `Classifier.save_pretrained`.
        """
        return self.to_classifier(tokenizer).save_pretrained(folder, **options)

    def push_to_hub(self, repo_id: str, *, tokenizer: Tokenizer | None = None, **options: Any) -> Pushed:
        """Put the model of `to_classifier` on the Hub.

        Args:
            repo_id: as `Classifier.push_to_hub` takes it.
            tokenizer: as `to_classifier` takes it.
            **options: as `Classifier.push_to_hub` takes them.

        Raises:
            OptionError, ModelError, MissingExtra: as `to_classifier` and `Classifier.push_to_hub`.
        """
        return self.to_classifier(tokenizer).push_to_hub(repo_id, **options)

"""Optuna's side of a search: a journal in the output folder, the sampler and the pruner."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peephole.errors import OptionError, require
from peephole.studies.tune.space import Dimension, Value

JOURNAL = "trials.journal"
_NAME, _WHAT, _RESULT = "tune", "what", "result"


class Trials:
    """The trials of a search, kept in a journal that survives a kill at any moment.

    A trial that was cut short is forgotten and taken anew: what the sampler draws is a function of the seed and of the
    trials that have ended, so a search that was stopped goes on to the same trials as one that was not.

    Args:
        folder: of the output; it is there.
        what: all that decides the result of a trial beside its settings, as JSON.
        space: what is searched.
        first: the values of the first trial.
        seed: of the sampler, at least 0.

    Raises:
        OptionError: the journal is that of another search.
        MissingExtra: Optuna is not installed.
    """

    def __init__(
        self,
        folder: Path,
        what: Mapping[str, Any],
        space: Sequence[Dimension],
        first: Mapping[str, Value],
        seed: int,
    ) -> None:
        self._optuna: Any = require("optuna", extra="tune", purpose="peephole tune")
        storages: Any = require("optuna.storages", extra="tune", purpose="peephole tune")
        journal: Any = require("optuna.storages.journal", extra="tune", purpose="peephole tune")
        self._optuna.logging.set_verbosity(self._optuna.logging.WARNING)
        self._space, self._first, self._seed = tuple(space), dict(first), seed
        self._states: Any = self._optuna.trial.TrialState
        self._study: Any = self._optuna.create_study(
            storage=storages.JournalStorage(journal.JournalFileBackend(str(folder / JOURNAL))),
            study_name=_NAME,
            direction="maximize",
            load_if_exists=True,
            # The half of the trials that is behind after a pass ends there; four run whole first, and nobody ends after one pass.
            pruner=self._optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=2),
        )
        plain = json.loads(json.dumps({**what, "space": [str(one) for one in space], "seed": seed}))
        theirs = self._study.user_attrs.get(_WHAT)
        if theirs is not None and theirs != plain:
            different = [key for key in {**plain, **theirs} if plain.get(key) != theirs.get(key)]
            raise OptionError(
                f"tune: {folder} must be of the search that is asked for; it is another one: {', '.join(different)} differ",
                hint="repeat the command as it was, or give another --output",
            )
        if theirs is None:
            self._study.set_user_attr(_WHAT, plain)
        for trial in self._study.get_trials(
            deepcopy=False, states=(self._states.RUNNING, self._states.WAITING)
        ):
            if trial.state == self._states.WAITING:
                self._study.ask()
            self._study.tell(trial.number, state=self._states.FAIL)

    @property
    def results(self) -> list[dict[str, Any]]:
        """What was kept of each trial that has ended, in their order."""
        trials = self._study.get_trials(deepcopy=False, states=(self._states.COMPLETE, self._states.PRUNED))
        return [trial.user_attrs[_RESULT] for trial in trials]

    def begin(self, running: int = 0) -> Trial:
        """Begin a trial: the first has the values that were given, the others those that the sampler draws.

        Args:
            running: trials that run beside it; what is drawn then keeps away from them.
        """
        begun = len(self.results) + running
        if not begun:
            self._study.enqueue_trial(self._first)
        self._study.sampler = self._optuna.samplers.TPESampler(
            seed=(self._seed * 100_003 + begun) % 2**32, constant_liar=running > 0
        )
        trial = self._study.ask()
        return Trial(self._study, trial, {dimension.name: dimension.draw(trial) for dimension in self._space})


class Trial:
    """One trial.

    Attributes:
        values: of the settings that are searched, by name.
    """

    def __init__(self, study: Any, trial: Any, values: Mapping[str, Value]) -> None:
        self.values = dict(values)
        self._study, self._trial = study, trial
        optuna: Any = require("optuna", extra="tune", purpose="peephole tune")
        self._states: Any = optuna.trial.TrialState

    def hopeless(self, epoch: int, score: float) -> bool:
        """Hear the score of a pass; tell whether the trial should end there."""
        self._trial.report(score, epoch)
        return bool(self._trial.should_prune())

    def forget(self) -> None:
        """Forget the trial: it was cut short."""
        self._study.tell(self._trial, state=self._states.FAIL)

    def end(self, score: float, result: Mapping[str, Any], *, pruned: bool) -> None:
        """Keep the result of the trial, whose best score it was."""
        self._trial.set_user_attr(_RESULT, dict(result))
        self._study.tell(self._trial, None if pruned else score, self._states.PRUNED if pruned else None)

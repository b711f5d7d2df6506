"""How good a classifier is, and whether its probabilities can be believed. NumPy only; figures need an extra."""

from __future__ import annotations

from peephole.evaluation.behaviour import behaviour_suite, behaviour_text, judge_behaviour
from peephole.evaluation.calibration import (
    BINS,
    TEMPERATURE_RANGE,
    CalibrationBin,
    apply_temperature,
    cross_fitted_calibration,
    expected_calibration_error,
    fit_temperature,
    reliability_bins,
)
from peephole.evaluation.errors_file import Mistake, check_errors_path, find_mistakes, write_errors
from peephole.evaluation.evaluation import Evaluation, LengthBin, evaluate
from peephole.evaluation.history import learning_history
from peephole.evaluation.judging import Judgement, judge, read_labelled
from peephole.evaluation.metrics import (
    ClassScores,
    Interval,
    accuracy_interval,
    class_scores,
    confusion_matrix,
    log_loss,
    macro_f1,
    macro_recall,
    roc_auc,
)
from peephole.evaluation.paired import Paired, compare
from peephole.evaluation.report import check_report_path, report_html, write_report
from peephole.evaluation.text import summary_rich, summary_text

__all__ = [
    "BINS",
    "TEMPERATURE_RANGE",
    "CalibrationBin",
    "ClassScores",
    "Evaluation",
    "Interval",
    "Judgement",
    "LengthBin",
    "Mistake",
    "Paired",
    "accuracy_interval",
    "apply_temperature",
    "behaviour_suite",
    "behaviour_text",
    "check_errors_path",
    "check_report_path",
    "class_scores",
    "compare",
    "confusion_matrix",
    "cross_fitted_calibration",
    "evaluate",
    "expected_calibration_error",
    "find_mistakes",
    "fit_temperature",
    "judge",
    "judge_behaviour",
    "learning_history",
    "log_loss",
    "macro_f1",
    "macro_recall",
    "read_labelled",
    "reliability_bins",
    "report_html",
    "roc_auc",
    "summary_rich",
    "summary_text",
    "write_errors",
    "write_report",
]

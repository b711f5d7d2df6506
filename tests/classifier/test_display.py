"""A classifier in a notebook."""

from __future__ import annotations

from peephole.classifier import Classifier
from support.small_models import small_classifier


def test_it_says_what_the_model_is_made_of() -> None:
    model = small_classifier(cell="gru", hidden_size=7)
    shown = model._repr_html_()
    assert "gru, reset after: 1 layer of 7 units, both directions" in shown
    assert f"{model.config.parameters():,}, stored as float32" in shown
    assert "bad</bdi>, <bdi>good" in shown


def test_nothing_that_a_config_holds_can_act() -> None:
    made = small_classifier(labels=["<script>1</script>", "good"])
    config = made.config.replace(
        metrics={"<script>2</script>": {"x": "</pre><script>3</script>"}, "y": ["z" * 5000]}
    )
    shown = Classifier(config, made.tokenizer, made.tensors)._repr_html_()
    assert "<script" not in shown
    assert shown.count("</pre>") == 1
    assert len(shown) < 6_000


def test_many_labels_and_scores_are_cut() -> None:
    made = small_classifier(labels=[f"label {n}" for n in range(1000)])
    config = made.config.replace(metrics={f"score {n}": n for n in range(500)})
    shown = Classifier(config, made.tokenizer, made.tensors)._repr_html_()
    assert "… 980 more" in shown
    assert "… 476 more" in shown


def test_a_backend_that_was_asked_for_is_named() -> None:
    made = small_classifier()
    shown = Classifier(made.config, made.tokenizer, made.tensors, backend="reference")._repr_html_()
    assert ">reference<" in shown


def test_scores_are_shown_and_the_course_of_the_run_is_not() -> None:
    made = small_classifier()
    config = made.config.replace(
        metrics={"accuracy": 0.75, "learning_curve": {"seconds": [7.25]}, "command": "x"}
    )
    shown = Classifier(config, made.tokenizer, made.tensors)._repr_html_()
    assert "accuracy: 0.75" in shown
    assert "seconds" not in shown

"""``peephole demo``: the main job, from texts to a trained model, on the built-in sample."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peephole.cli import output
from peephole.cli.options import output_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peephole.training.state import Pass

# In the sample single words say nothing: vectors made of their neighbours would begin with good and bad in one place, and a
# text that has lost its "not" to dropout has another label.
SETTINGS: dict[str, Any] = {
    "embedding": 64,
    "hidden_size": 64,
    "embeddings": "random",
    "word_dropout": 0.0,
    "embedding_dropout": 0.1,
    "pool_dropout": 0.1,
    "head_dropout": 0.1,
    "adversarial": 0.0,
    "learning_rate": 0.004,
    "epochs": 8,
}
TRAIN_TEXTS, TEST_TEXTS = 6000, 1000


def demo(
    out: Annotated[Path, output_option("MODEL", "the model that is trained", show_default=True)] = Path(
        "peephole-demo"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sample and of the training")] = 1,
) -> None:
    """Train, evaluate and use a small LSTM on a built-in sample of synthetic reviews. Needs no network.

    Examples:
        # Under three minutes; leaves a model in peephole-demo
        peephole demo

        # Another sample, another folder
        peephole demo --seed 2 --output second-demo
    """
    from rich.console import Console

    from peephole.classifier import load
    from peephole.evaluation import judge, summary_rich
    from peephole.reading.sample import SAMPLE_SENTENCES, sample_reviews, write_sample
    from peephole.training import Recipe, TrainRequest, train
    from peephole.training.progress import make_progress

    console = Console()
    typer.echo(
        f"1  {TRAIN_TEXTS:,} synthetic reviews, written by a generator: order and negation decide, not single words"
    )
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder) / "sample.csv"
        write_sample(sample, "train", TRAIN_TEXTS, seed)
        typer.echo("2  training a bidirectional LSTM on them")
        recipe = Recipe(**SETTINGS, seed=seed)
        result = train(
            TrainRequest(sources=(sample,), output=out, recipe=recipe, command="peephole demo"),
            progress=make_progress(),
        )
    typer.echo("\n" + learning_curve(result.history))
    typer.echo(
        f"\n3  {TEST_TEXTS:,} unseen texts, built from other sentence patterns than the training texts"
    )
    classifier = load(out)
    judgement = judge(classifier, sample_reviews("test", TEST_TEXTS, seed))
    console.print(summary_rich(judgement.evaluation, width=min(100, console.width)))
    typer.echo("4  a few sentences of its own")
    for prediction, (_, expected) in zip(
        classifier.predict(text for text, _ in SAMPLE_SENTENCES), SAMPLE_SENTENCES, strict=True
    ):
        verdict = "right" if prediction.label == expected else "wrong"
        line = output.one_line(prediction.text, 80)
        typer.echo(f"   {prediction.label:<9} {prediction.probability:6.1%}  {verdict}  {line}")
    typer.echo(f"\nThe model is in {out}. Now try")
    typer.echo(f'  peephole predict "The soup was not bad at all." --model {shlex.quote(str(out))}')
    typer.echo("  peephole train YOUR-TEXTS.csv --output my-model")


def learning_curve(history: Sequence[Pass], *, width: int = 40) -> str:
    """Return a learning curve as text: a bar from one half to one for the development accuracy of each pass."""
    lines = ["   pass   loss   development accuracy"]
    low = min(0.5, *(line.accuracy for line in history)) if history else 0.5
    for line in history:
        filled = round((line.accuracy - low) / (1 - low) * width)
        lines.append(
            f"   {line.epoch:>4}  {line.train_loss:.3f}   {line.accuracy:6.1%}  {'█' * filled}{'·' * (width - filled)}"
        )
    return "\n".join(lines)

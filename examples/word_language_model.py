"""A word-level language model: two LSTM layers, state carried from window to window, dropout, clipping, SGD.

It is written for torch.nn, and trained a second time with one name changed: the module that LSTM is taken from.

    python examples/word_language_model.py
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import peephole.nn
from peephole.reading.sample import sample_reviews

WINDOW, BATCH = 35, 20  # words of a step, texts side by side


class LanguageModel(nn.Module):
    """The words before → a score for each next word."""

    def __init__(self, layers: Any, vocabulary: int, width: int) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.2)
        self.embedding = nn.Embedding(vocabulary, width)
        self.rnn = layers.LSTM(width, width, num_layers=2, dropout=0.2)
        self.decoder = nn.Linear(width, vocabulary)
        self.decoder.weight = self.embedding.weight  # tied

    def forward(self, words: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, state = self.rnn(self.drop(self.embedding(words)), state)
        return self.decoder(self.drop(y)), state


def corpus(reviews: int) -> tuple[Tensor, int]:
    """The package's own sample as one stream of words, cut into `BATCH` streams side by side: `[T, N]`."""
    words = [
        word
        for record in sample_reviews("train", reviews)
        for word in [*record.text.lower().split(), "<end>"]
    ]
    number = {word: k for k, word in enumerate(sorted(set(words)))}
    ids = torch.tensor([number[word] for word in words])
    length = len(ids) // BATCH
    return ids[: length * BATCH].view(BATCH, length).t().contiguous(), len(number)


class Training:
    """The training of one model; `step` trains on the next window and returns its loss, in nats a word."""

    def __init__(
        self, layers: Any = torch.nn, *, width: int = 200, reviews: int = 600, dtype: Any = None
    ) -> None:
        torch.manual_seed(0)
        self.words, vocabulary = corpus(reviews)
        self.model = LanguageModel(layers, vocabulary, width).to(dtype)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=5.0)
        self.state: Any = None
        self.at = 0

    def step(self) -> float:
        if self.at + WINDOW >= len(self.words):
            self.at, self.state = 0, None
        x, target = (self.words[self.at + k : self.at + k + WINDOW] for k in (0, 1))
        self.at += WINDOW
        if self.state is not None:
            self.state = tuple(part.detach() for part in self.state)
        scores, self.state = self.model(x, self.state)
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), target.flatten())
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 0.25)
        self.optimizer.step()
        return loss.item()


def main() -> None:
    losses = {}
    for name, layers in (("torch.nn", torch.nn), ("peephole.nn", peephole.nn)):
        training = Training(layers, width=64, reviews=300)
        losses[name] = [training.step() for _ in range(20)]
        print(
            f"{name:<12} loss of the first step {losses[name][0]:.6f}, of the last {losses[name][-1]:.6f} nats a word"
        )
    apart = max(abs(a - b) / a for a, b in zip(*losses.values(), strict=True))
    print(f"largest relative difference of any step's loss: {apart:.1e}")


if __name__ == "__main__":
    main()

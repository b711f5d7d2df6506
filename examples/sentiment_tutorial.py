"""Sentiment as tutorials write it: padded batches, packed for a bidirectional LSTM, the last hidden states, a linear layer.

Nothing in it is changed for the second training but one line: `peephole.nn.convert(model)`.

    python examples/sentiment_tutorial.py
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

import peephole.nn
from peephole.reading.sample import sample_reviews

BATCH = 32
PADDING = 0  # the word that fills a text up


class SentimentModel(nn.Module):
    """Word numbers `[N, T]`, padded, and their lengths → a logit of positive."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=PADDING)
        self.lstm = nn.LSTM(width, width, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * width, 1)

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(self.embedding(words), lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm(packed)
        return self.head(torch.cat([h[0], h[1]], dim=1)).squeeze(1)


def reviews(count: int) -> tuple[list[Tensor], Tensor, int]:
    """Texts of the package's own sample as word numbers, their labels, and the size of the vocabulary."""
    records = sample_reviews("train", count)
    texts = [record.text.lower().split() for record in records]
    number = {
        word: k for k, word in enumerate(sorted({word for text in texts for word in text}), PADDING + 1)
    }
    labels = torch.tensor([float(record.label == "positive") for record in records])
    return [torch.tensor([number[word] for word in text]) for text in texts], labels, len(number) + 1


class Training:
    """The training of one model; `step` trains on the next batch and returns its loss.

    Args:
        convert: what is done with the model before it is trained; by default nothing.
    """

    def __init__(self, convert: Any = None, *, width: int = 100, count: int = 640, dtype: Any = None) -> None:
        torch.manual_seed(0)
        self.texts, self.labels, vocabulary = reviews(count)
        self.model = SentimentModel(vocabulary, width).to(dtype)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=2e-3)
        if convert is not None:
            print(convert(self.model))
        self.at = 0

    def step(self) -> float:
        texts = self.texts[self.at : self.at + BATCH]
        labels = self.labels[self.at : self.at + BATCH]
        self.at = (self.at + BATCH) % len(self.texts)
        words = pad_sequence(texts, batch_first=True, padding_value=PADDING)
        logits = self.model(words, torch.tensor([len(text) for text in texts]))
        loss = nn.functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


def main() -> None:
    losses = {}
    for name, convert in (("torch.nn", None), ("converted", peephole.nn.convert)):
        training = Training(convert, width=32, count=320)
        losses[name] = [training.step() for _ in range(20)]
        print(f"{name:<10} loss of the first step {losses[name][0]:.6f}, of the last {losses[name][-1]:.6f}")
    apart = max(abs(a - b) / a for a, b in zip(*losses.values(), strict=True))
    print(f"largest relative difference of any step's loss: {apart:.1e}")


if __name__ == "__main__":
    main()

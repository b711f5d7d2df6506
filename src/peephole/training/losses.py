"""The terms of the loss, each a mean over the texts that have what it needs.

Where texts have weights it is the weighted mean: a text of weight 2 counts as if it stood there twice.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def label_loss(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    smoothing: float,
    texts: Tensor | None = None,
) -> Tensor:
    """Return the mean cross-entropy of the labelled texts of a batch, a scalar in nats.

    Args:
        logits: scores before the softmax `[N, C]`.
        labels: class of each text `[N]`, int64; −1 for a text without a label, which contributes nothing. At least
            one text has a label.
        weights: weight of each class `[C]`, or None.
        smoothing: share of the target that is spread over all classes, in [0, 1).
        texts: weight of each text `[N]`, above 0, beside that of its class; None weighs all alike.

    Example:
        >>> import torch
        >>> label_loss(torch.zeros(3, 4), torch.tensor([0, -1, 3]), None, 0.05).item()      # ln 4
        1.3862943649291992
    """
    logits = logits.float()
    if texts is None:
        return F.cross_entropy(logits, labels, weight=weights, label_smoothing=smoothing, ignore_index=-1)
    known = labels >= 0
    labels, texts = labels[known], texts[known]
    losses = F.cross_entropy(
        logits[known], labels, weight=weights, label_smoothing=smoothing, reduction="none"
    )
    shares = texts if weights is None else texts * weights[labels]
    return (texts * losses).sum() / shares.sum()  # `losses` are weighed by the class already


def distillation_loss(
    logits: Tensor, targets: Tensor, temperature: float, texts: Tensor | None = None
) -> Tensor:
    """Return the mean cross-entropy between teachers and the network, both softened, a scalar in nats.

    Args:
        logits: scores before the softmax `[N, C]`.
        targets: the teachers' probabilities `[N, C]`, each row summing to 1.
        temperature: T, above 0. Teachers' probabilities are raised to 1 / T and normalised, the network's logits
            divided by T; above 1 both say more of the less probable classes.
        texts: weight of each text `[N]`, above 0; None weighs all alike.

    Returns:
        The cross-entropy times T², which keeps the size of its gradient from changing with T.

    Source: Hinton, Vinyals & Dean, "Distilling the knowledge in a neural network" (2015), section 2. We differ:
        what is softened of the teachers is their averaged, calibrated probability instead of one teacher's logit.

    Example:
        >>> import torch
        >>> distillation_loss(torch.zeros(1, 2), torch.tensor([[0.9, 0.1]]), 1.0).item()    # ln 2
        0.6931471824645996
    """
    softened = targets.pow(1 / temperature)
    softened = softened / softened.sum(dim=1, keepdim=True)
    scores = logits.float() / temperature
    if texts is None:
        return F.cross_entropy(scores, softened) * temperature**2
    return _mean(F.cross_entropy(scores, softened, reduction="none"), texts) * temperature**2


def divergence(logits: Tensor, reference: Tensor, texts: Tensor | None = None) -> Tensor:
    """Return the mean Kullback-Leibler divergence KL(reference ‖ network) of the texts of a batch, in nats.

    Args:
        logits: scores before the softmax `[N, C]`.
        reference: scores before the softmax `[N, C]` of what the network is to agree with.
        texts: weight of each text `[N]`, above 0; None weighs all alike.

    Example:
        >>> import torch
        >>> divergence(torch.zeros(1, 2), torch.tensor([[3.0, 3.0]])).item()
        0.0
    """
    ours, theirs = logits.float().log_softmax(1), reference.float().log_softmax(1)
    if texts is None:
        return F.kl_div(ours, theirs, reduction="batchmean", log_target=True)
    return _mean(F.kl_div(ours, theirs, reduction="none", log_target=True).sum(1), texts)


def entropy(logits: Tensor, texts: Tensor | None = None) -> Tensor:
    """Return the mean entropy of the answers to the texts of a batch, in nats: low where they decide for a class.

    Args:
        logits: scores before the softmax `[N, C]`.
        texts: weight of each text `[N]`, above 0; None weighs all alike.

    Source: Grandvalet & Bengio, "Semi-supervised learning by entropy minimization" (2005).

    Example:
        >>> import torch
        >>> entropy(torch.zeros(3, 4)).item()       # ln 4
        1.3862943649291992
    """
    logs = logits.float().log_softmax(1)
    each = -(logs.exp() * logs).sum(1)
    return each.mean() if texts is None else _mean(each, texts)


def _mean(losses: Tensor, texts: Tensor) -> Tensor:
    return (texts * losses).sum() / texts.sum()

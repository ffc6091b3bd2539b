r"""What labels a text resembles before anything was learned: its nearness to what is known about each label.

Every label has prototypes: sentence embeddings of its name and description, and of example
sentences where rules carry some. With :math:`c_{ik}` the mean cosine of text *i* and its nearest
prototypes of label *k*,

.. math:: p_{ik} = \mathrm{softmax}_k ( c_{ik} / \tau ).

Sources: Chang et al. 2008 (Dataless Classification); Snell et al. 2017 (Prototypical Networks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ["prototypes", "sentences"]

_NEAREST = 5
"""Prototypes of a label that a text is compared with: the nearest ones. A label means several things."""


def sentences(labels: Mapping[str, str], exemplars: Mapping[str, Sequence[str]] | None = None) -> list[list[str]]:
    """What is to be embedded for each label: name and description in one sentence, then its exemplars.

    Args:
        labels: Name to description.
        exemplars: Label to sentences that it holds of, such as those beside the rules of a table.

    >>> sentences({"LOC": "asks for a place", "NUM": ""}, {"NUM": ["How far is it?"]})
    [['LOC: asks for a place'], ['NUM', 'How far is it?']]
    """
    known = exemplars or {}
    return [
        [f"{label}: {description}" if description else label, *dict.fromkeys(known.get(label, ()))]
        for label, description in labels.items()
    ]


def prototypes(
    text_vectors: np.ndarray, label_vectors: Sequence[np.ndarray], *, temperature: float = 0.1
) -> np.ndarray:
    """Probability of every label by nearness, (texts, labels); rows add up to 1.

    Args:
        text_vectors: Unit vectors, (texts, width).
        label_vectors: For each label the unit vectors of its prototypes, (prototypes, width), one at least.
        temperature: Difference of cosines that makes a label *e* times as probable; above 0. The default suits the
            packaged sentence encoder.

    >>> here, there = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    >>> prototypes(np.array([[1.0, 0.0], [0.0, 1.0]]), [here, there], temperature=0.5).round(2).tolist()
    [[0.88, 0.12], [0.12, 0.88]]
    """
    values = _similarities(text_vectors, label_vectors) / temperature
    values = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(values / values.sum(axis=1, keepdims=True))


def _similarities(texts: np.ndarray, labels: Sequence[np.ndarray]) -> np.ndarray:
    """Mean cosine of each text and each label's nearest prototypes, (texts, labels)."""
    columns = []
    for vectors in labels:
        cosines = np.sort(texts @ vectors.T, axis=1)[:, -_NEAREST:]
        columns.append(cosines.mean(axis=1))
    return np.stack(columns, axis=1).astype(np.float64) if columns else np.zeros((len(texts), 0))

"""The best items of a row of scores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.offline.data.interactions import Interactions

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


def top_items(scores: FloatArray, data: Interactions, rows: IntArray, k: int) -> tuple[IntArray, FloatArray]:
    """Return the best ``k`` items (R, k) of ``scores`` (R, I), best first, and their scores.

    Items that ``rows`` (R,) have among the training pairs of ``data`` come last, with a score of -inf.

    Raises:
        BadInputError: ``k`` is more than there are items, or a row is no user.
    """
    if not 0 < k <= data.n_items:
        raise BadInputError(f"the best {k} of {data.n_items} items")
    if rows.size and not 0 <= rows.min() <= rows.max() < data.n_users:
        raise BadInputError(f"users {rows.min()} to {rows.max()}, but there are 0 to {data.n_users - 1}")
    place = np.full(data.n_users, -1)
    place[rows] = np.arange(len(rows))
    known = place[data.user] >= 0
    scores = scores.copy()
    scores[place[data.user[known]], data.item[known]] = -np.inf
    part = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, part, 1), axis=1, kind="stable")
    items = np.take_along_axis(part, order, 1)
    return items.astype(np.int64), np.take_along_axis(scores, items, 1).astype(np.float32)


def rank_scores(
    top: IntArray, rows: IntArray, user: IntArray, item: IntArray, *, ks: tuple[int, ...] = (20,)
) -> dict[str, float]:
    """Return recall and NDCG at each of ``ks`` in percent, averaged over the rows that have an item to find.

    Vectorised over rows: the retrieval metrics of the libraries go query by query. A test holds it against
    scikit-learn's ``ndcg_score``.

    Args:
        top: (R, K) items, best first, of ``rows`` (R,).
        user, item: (M,) the pairs to find.
    """
    place = {int(row): i for i, row in enumerate(rows)}
    wanted: dict[int, set[int]] = {}
    for u, i in zip(user.tolist(), item.tolist(), strict=True):
        if u in place:
            wanted.setdefault(place[u], set()).add(i)
    if not wanted:
        raise BadInputError("none of the rows has an item to find")
    chosen = np.array(sorted(wanted))
    hit = np.array([[x in wanted[row] for x in top[row].tolist()] for row in chosen.tolist()])
    count = np.array([len(wanted[row]) for row in chosen.tolist()])
    gain = 1.0 / np.log2(np.arange(2, top.shape[1] + 2))
    out = {}
    for k in ks:
        ideal = np.cumsum(gain)[np.minimum(count, k) - 1]
        out[f"recall{k}"] = 100.0 * float((hit[:, :k].sum(1) / count).mean())
        out[f"ndcg{k}"] = 100.0 * float(((hit[:, :k] * gain[:k]).sum(1) / ideal).mean())
    return out

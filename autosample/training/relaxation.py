"""Ways to train a mixture of candidates.

loss       The weighted sum of the candidates' losses, exact.
instance   The loss of one negative that is the weighted mean of all candidates'
           negatives: a lower bound of `loss` (Jensen's inequality), and equal to it
           once one weight is 1. After AutoSample (arXiv:2311.03526).
sampled    The loss of one candidate for each pair, drawn by the weights: an unbiased
           estimate of `loss`, and the cheapest, as each pair needs one candidate only.
"""

from enum import StrEnum


class Relaxation(StrEnum):
    """A way to train a mixture of candidates."""

    LOSS = "loss"
    INSTANCE = "instance"
    SAMPLED = "sampled"

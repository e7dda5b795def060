"""How a choice among candidates becomes something that can be trained.

loss       the mixture of the candidates' losses, exact
instance   the loss of one negative mixed of all: a lower bound of the former (Jensen),
           exact once the weights are hard; after AutoSample (arXiv:2311.03526)
sampled    each pair under one candidate, drawn by the weights: unbiased, and the
           cheapest, since a pair pays for its own candidate alone
"""

from enum import StrEnum


class Relaxation(StrEnum):
    LOSS = "loss"
    INSTANCE = "instance"
    SAMPLED = "sampled"

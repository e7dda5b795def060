"""Seconds an epoch of other libraries, on the pairs of an .npz file; prints JSON.

    .venv-peers/bin/python benchmarks/peers/run.py PAIRS.npz implicit|cornac|recbole

Stands by itself: the environment it runs in does not know this package.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

THREADS = os.environ.get("OMP_NUM_THREADS", "1")
warnings.filterwarnings("ignore")
WIDTH = 64
EPOCHS = 6


def implicit(users, items, shape):
    from implicit.cpu.bpr import BayesianPersonalizedRanking
    from scipy import sparse

    matrix = sparse.csr_matrix(([1.0] * len(users), (users, items)), shape, "float32")
    ends = []
    model = BayesianPersonalizedRanking(
        factors=WIDTH - 1,  # and a bias
        iterations=EPOCHS,
        num_threads=int(THREADS),
        verify_negative_samples=True,
        random_state=0,
    )
    began = time.perf_counter()
    model.fit(
        matrix,
        show_progress=False,
        callback=lambda *_: ends.append(time.perf_counter()),
    )
    if len(ends) > 1:
        took = [b - a for a, b in itertools.pairwise(ends[1:])]
    else:
        took = [(time.perf_counter() - began) / EPOCHS]
    return {"bpr_epoch_s": statistics.median(took)}


def cornac(users, items, shape):
    from cornac.data import Dataset
    from cornac.models import BPR

    data = Dataset.from_uir(
        list(zip(users.tolist(), items.tolist(), [1.0] * len(users), strict=True)),
        seed=0,
    )
    seconds = {}
    for epochs in (1, EPOCHS):
        model = BPR(
            k=WIDTH, max_iter=epochs, num_threads=int(THREADS), verbose=False, seed=0
        )
        began = time.perf_counter()
        model.fit(data)
        seconds[epochs] = time.perf_counter() - began
    return {"bpr_epoch_s": (seconds[EPOCHS] - seconds[1]) / (EPOCHS - 1)}


def recbole(users, items, shape):
    import numpy as np

    for name, kind in (("float_", float), ("bool_", bool), ("complex_", complex)):
        if not hasattr(np, name):  # names that RecBole still uses
            setattr(np, name, kind)
    import torch
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    torch.set_num_threads(int(THREADS))
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "pairs"
        home.mkdir()
        lines = (f"{u}\t{i}\n" for u, i in zip(users, items, strict=True))
        (home / "pairs.inter").write_text(
            "user_id:token\titem_id:token\n" + "".join(lines)
        )
        os.chdir(folder)
        for name, dynamic in (("bpr_epoch_s", 0), ("hardest32_epoch_s", 32)):
            negatives = {"distribution": "uniform", "sample_num": 1}
            negatives |= {"dynamic": bool(dynamic), "candidate_num": dynamic}
            sys.argv = sys.argv[:1]  # it reads the command line
            config = Config(
                model="BPR",
                dataset="pairs",
                config_dict={
                    "data_path": folder,
                    "load_col": {"inter": ["user_id", "item_id"]},
                    "embedding_size": WIDTH,
                    "train_batch_size": 2048,
                    "epochs": 1,
                    "use_gpu": False,
                    "show_progress": False,
                    "train_neg_sample_args": negatives,
                    "eval_args": {
                        "split": {"RS": [1.0, 0.0, 0.0]},
                        "order": "RO",
                        "group_by": "none",
                    },
                },
            )
            init_seed(0, reproducibility=True)
            data = create_dataset(config)
            train, _, _ = data_preparation(config, data)
            model = get_model("BPR")(config, train.dataset)
            trainer = get_trainer(config["MODEL_TYPE"], "BPR")(config, model)
            train.get_model(model)
            took = []
            for epoch in range(2):
                began = time.perf_counter()
                trainer._train_epoch(train, epoch, show_progress=False)
                took.append(time.perf_counter() - began)
            found[name] = min(took)
    return found


def main() -> None:
    import numpy as np

    pairs = np.load(sys.argv[1])
    users, items = pairs["users"], pairs["items"]
    shape = (int(users.max()) + 1, int(items.max()) + 1)
    stdout, sys.stdout = sys.stdout, sys.stderr
    told = {"implicit": implicit, "cornac": cornac, "recbole": recbole}[sys.argv[2]](
        users, items, shape
    )
    print(json.dumps(told), file=stdout)


if __name__ == "__main__":
    main()

"""What a model's answers in LEGO depend on: `python benchmarks/lego_shortcut.py RUN/checkpoints/last.ckpt [--loops 4]`.

Link k's right answer is the value of link k - 1 times k's own relation. Row k, column j of the table is how the answer
at link k correlates with the value of link j times k's own relation, over sentences of one chain, for Z2: 1.00 in the
column k - 1 is right, 1.00 in another column is a shortcut, and 0.03 is noise at 12,000 sentences.
"""

import argparse

import numpy
import torch
import yaml

from datamodules.reasoning.lego import to_batch
from datamodules.reasoning.lego_sentences import CLAUSE, IDS, sample
from wavspa_lit.reporting.runs import config_of
from wavspa_lit.tasks import TokenReasoning


def signs(task: TokenReasoning, n_vars: int, count: int) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Answers, values and relations (count, n_vars) by position in the chain, as 1 and -1; the root's relation is 1."""
    tokens, values, order = sample(numpy.random.default_rng(99), count, n_vars)
    batches = (to_batch(*(part[i : i + 500] for part in (tokens, values, order)), n_vars) for i in range(0, count, 500))
    with torch.inference_mode():
        answers = torch.cat([task(batch).argmax(-1) for batch in batches])[:, 1:-1:CLAUSE].numpy()
    relations = tokens[:, 1:-1].reshape(count, n_vars, CLAUSE)[..., 2] == IDS["not"]
    place = order.argsort(1)
    return tuple(1 - 2 * numpy.take_along_axis(part.astype(int), place, 1) for part in (answers, values, relations))


def main() -> None:
    """Prints the table of a checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("--loops", type=int, help="passes, for shared layers")
    parser.add_argument("--count", type=int, default=12_000, help="sentences")
    options = parser.parse_args()
    data = yaml.safe_load(config_of(options.checkpoint).read_text())["data"]["init_args"]
    if data.get("group", "z2") != "z2":
        parser.error(f"{options.checkpoint} is of group {data['group']}; give one of z2, whose values are signs")
    task = TokenReasoning.load_from_checkpoint(options.checkpoint, map_location="cpu").eval()
    task.encoder.test_loops = options.loops or task.encoder.test_loops
    answers, values, relations = signs(task, data["n_vars"], options.count)
    print("link   own relation alone   value of link j times own relation, j = 1, 2, ...")
    for link in range(data["n_vars"]):
        own = (answers[:, link] * relations[:, link]).mean()
        shares = [(answers[:, link] * values[:, j] * relations[:, link]).mean() for j in range(link)]
        print(f"{link + 1:4}   {own:18.2f}   " + " ".join(f"{share:5.2f}" for share in shares))


if __name__ == "__main__":
    main()

"""Converts parameters of the released JAX code.

    python -m wavspa_lit.official.convert params.npz official.ckpt

turns an .npz of flattened Flax parameters, `encoderblock_0/SelfAttention_0/query/kernel` and so on, into a checkpoint
for `wavspa fit --init_from official.ckpt --model.encoder.compat official`.
"""

import argparse
import re
from collections.abc import Mapping

import numpy
import torch
from torch import Tensor

BLOCK = {
    "LayerNorm_0/scale": "attention_norm.weight",
    "LayerNorm_0/bias": "attention_norm.bias",
    "MlpBlock_0/Dense_0/kernel": "mlp.0.weight",
    "MlpBlock_0/Dense_0/bias": "mlp.0.bias",
    "MlpBlock_0/Dense_1/kernel": "mlp.3.weight",
    "MlpBlock_0/Dense_1/bias": "mlp.3.bias",
    "adawave": "space.bank.dec_lo",
    "thetas": "space.bank.angles",
    "adawave_est": "space.bank.predictor",
    "adawave_pred": "space.bank.updater",
}
ENCODER = {
    "Embed_0/embedding": "encoder.embedding.weight",
    "cls": "encoder.cls_token",
    "posembed_input/pos_embedding": "encoder.positions.embedding.weight",
    "encoder_norm/scale": "encoder.norm.weight",
    "encoder_norm/bias": "encoder.norm.bias",
    "mlp/kernel": "head.mlp.0.weight",
    "mlp/bias": "head.mlp.0.bias",
    "logits/kernel": "head.mlp.2.weight",
    "logits/bias": "head.mlp.2.bias",
    "LEGO/kernel": "head.weight",
    "LEGO/bias": "head.bias",
}
DUAL = {
    "mlp2/kernel": "head.mlp.2.weight",
    "mlp2/bias": "head.mlp.2.bias",
    "logits/kernel": "head.mlp.4.weight",
    "logits/bias": "head.mlp.4.bias",
}
ATTENTION = re.compile(r"\w*Att(?:entio)?n_(\d+)/(?:SelfAttention_0/)?(.+)")
ATTENTION_PARTS = {
    "out/bias": "output.bias",
    "lr_kernel": "projection",
    **{f"LayerNorm_{i}/scale": f"norms.{i}.weight" for i in range(3)},
    **{f"LayerNorm_{i}/bias": f"norms.{i}.bias" for i in range(3)},
}


def convert_block(parameters: Mapping[str, numpy.ndarray]) -> dict[str, Tensor]:
    """The state dict of an `OfficialBlock` from the parameters of a released block.

    Released blocks with fixed lifting have filters that nothing uses; they are converted, too.

    Args:
        parameters: Arrays by their path inside the block, slashes between the parts.

    Raises:
        ValueError: For a name that is not known.
    """
    tensors: dict[str, Tensor] = {}
    attentions: dict[int, dict[str, numpy.ndarray]] = {}
    for path, array in parameters.items():
        if match := ATTENTION.fullmatch(path):
            attentions.setdefault(int(match[1]), {})[match[2]] = array
        elif path in BLOCK:
            tensors[BLOCK[path]] = _tensor(array, transposed=path.endswith("kernel"))
        else:
            raise ValueError(f"{path}: not a parameter of a released block; known: {', '.join(BLOCK)}, attentions")
    for index, parts in attentions.items():
        for name, tensor in _attention(parts).items():
            tensors[f"attentions.{index}.{name}"] = tensor
    return tensors


def convert(parameters: Mapping[str, numpy.ndarray]) -> dict[str, Tensor]:
    """The state dict of a task with `encoder.compat official` from a released model's parameters.

    Models with one encoder for two inputs are a SequenceMatching, those with a head for each token a TokenReasoning,
    and others a SequenceClassification.

    Raises:
        ValueError: For a name that is not known.
    """
    tensors: dict[str, Tensor] = {}
    blocks: dict[str, dict[str, numpy.ndarray]] = {}
    names = ENCODER | DUAL if "mlp2/kernel" in parameters else ENCODER
    for full_path, array in parameters.items():
        path = full_path.removeprefix("encoder/")
        block, _, rest = path.partition("/")
        if block.startswith("encoderblock_"):
            blocks.setdefault(block.removeprefix("encoderblock_"), {})[rest] = array
        elif path in names:
            tensor = _tensor(array, transposed=path.endswith("kernel"))
            if path in ("cls", "posembed_input/pos_embedding"):
                tensor = tensor.flatten(0, 1)  # there is a batch of one in front
            tensors[names[path]] = tensor[0] if path == "cls" else tensor
        else:
            raise ValueError(
                f"{full_path}: not a parameter of a released model; known: {', '.join(names)}, encoderblock_*"
            )
    for index, parts in blocks.items():
        for name, tensor in convert_block(parts).items():
            tensors[f"encoder.blocks.{index}.{name}"] = tensor
    return tensors


def _tensor(array: numpy.ndarray, *, transposed: bool = False) -> Tensor:
    tensor = torch.tensor(numpy.asarray(array, dtype=numpy.float32))
    return tensor.T.contiguous() if transposed else tensor


def _attention(parts: Mapping[str, numpy.ndarray]) -> dict[str, Tensor]:
    """Kernels (channels, heads, head_dim) and (heads, head_dim, channels) as matrices of rows of outputs."""
    # Longformer has projections for its global tokens, too, of which the released code has none.
    parts = {path.replace("_sliding_window", ""): array for path, array in parts.items() if "_global/" not in path}
    tensors = {}
    for kind in ("kernel", "bias"):
        if f"query/{kind}" in parts:
            each = [numpy.asarray(parts.pop(f"{name}/{kind}")) for name in ("query", "key", "value")]
            flat = [array.reshape(-1) if kind == "bias" else array.reshape(len(array), -1) for array in each]
            name = "weight" if kind == "kernel" else kind
            tensors[f"qkv.{name}"] = _tensor(numpy.concatenate(flat, axis=-1), transposed=kind == "kernel")
    kernel = numpy.asarray(parts.pop("out/kernel"))
    tensors["output.weight"] = _tensor(kernel.reshape(-1, kernel.shape[-1]), transposed=True)
    for path, array in parts.items():
        if path not in ATTENTION_PARTS:
            raise ValueError(
                f"{path}: not a parameter of a released attention; known: query, key, value, out, "
                f"{', '.join(ATTENTION_PARTS)}"
            )
        tensors[ATTENTION_PARTS[path]] = _tensor(array)
    return tensors


def main() -> None:
    """Converts a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help=".npz of flattened Flax parameters")
    parser.add_argument("target", help=".ckpt to write")
    arguments = parser.parse_args()
    with numpy.load(arguments.source, allow_pickle=False) as parameters:
        torch.save({"state_dict": convert(parameters)}, arguments.target)


if __name__ == "__main__":
    main()

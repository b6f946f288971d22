"""The encoder: embedding, positions, blocks, final norm."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from wavspa_lit.choices import from_plain
from wavspa_lit.nn.config import EncoderConfig
from wavspa_lit.nn.positions import DrawnPositions, build_positions
from wavspa_lit.padding import check_padding, layers_share


class Encoder(nn.Module):
    """Maps token ids, scalars, features, or what a module of your own embeds, to contextual states.

        Encoder(config, vocab_size=100)                # token ids (batch, length)
        Encoder(config, vocab_size=0)                  # scalars (batch, length), as the pixels of an image
        Encoder(config, channels=3)                    # features (batch, length, 3), as a series of 3 channels
        Encoder(config, embedding=nn.Identity())       # states of another model (batch, length, config.dim)

    Args:
        config: Sizes, space, attention, wavelet, positions; an EncoderConfig or a dict of its settings.
        vocab_size: Number of token ids, the padding id included; 0: the inputs are scalars, embedded by a linear map.
        max_length: Longest trained input; needed by learned positions and Linformer only.
        channels: Channels of the inputs, embedded by a linear map.
        embedding: Maps the inputs to (batch, length, config.dim).
        cls_token: Prepend a learned token, from which a classifier can read.

    Raises:
        ValueError: If not exactly one of vocab_size, channels and embedding is given, or max_length is missing.
    """

    def __init__(
        self,
        config: EncoderConfig | Mapping[str, Any],
        vocab_size: int | None = None,
        max_length: int | None = None,
        *,
        channels: int | None = None,
        embedding: nn.Module | None = None,
        cls_token: bool = False,
    ) -> None:
        super().__init__()
        config = from_plain(EncoderConfig, config, "encoder")
        if sum(given is not None for given in (vocab_size, channels, embedding)) != 1:
            raise ValueError("give one of vocab_size, channels and embedding: what an Encoder's inputs are")
        for name, given, least in (
            ("vocab_size", vocab_size, 0),
            ("channels", channels, 1),
            ("max_length", max_length, 1),
        ):
            if given is not None and given < least:
                raise ValueError(f"{name} must be at least {least}, got {given}")
        self.scalars = vocab_size == 0
        if embedding is None:
            embedding = nn.Embedding(vocab_size, config.dim) if vocab_size else nn.Linear(channels or 1, config.dim)
        self.embedding = embedding
        self.cls_token = nn.Parameter(torch.zeros(config.dim)) if cls_token else None
        longest = None if max_length is None else max_length + int(cls_token)
        self.positions = build_positions(config, longest)
        # Positions that all blocks rotate by, if they are drawn.
        drawn = config.positions == "randomized_rotary"
        self.drawn = DrawnPositions(config.max_position, longest or 0) if drawn else None
        self.dropout = nn.Dropout(config.dropout)
        self.loops, self.test_loops = config.loops, config.test_loops or config.loops
        self.input_injection, self.deep_supervision = config.input_injection, config.deep_supervision
        self.checkpointing = config.activation_checkpointing
        conventions = config.conventions
        self.exact_padding = conventions.exact_padding
        self.blocks = nn.ModuleList(conventions.block(config, longest) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.dim, eps=conventions.norm_eps)

    def forward(self, inputs: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Encodes a batch.

        Args:
            inputs: Token ids (batch, length) int64, scalars (batch, length), features (batch, length, channels), or
                what the embedding takes.
            mask: (batch, length) bool, True for tokens, False for the padding after them; None: no padding.

        Returns:
            States (batch, length, config.dim) and their mask, or None if there is none or the blocks take padding for
            tokens (see `Conventions`). With a CLS token both are one longer in front. In training with
            `deep_supervision` they are (passes * batch, length, config.dim), the first pass first.

        Raises:
            TypeError: If the mask is not of bool.
            ValueError: If padding lies before a token, unless the blocks take padding for tokens; on a GPU it is a
                RuntimeError, see `check_padding`.
        """
        if self.exact_padding:
            check_padding(mask)
        if self.cls_token is not None and mask is not None:
            first = mask.new_ones(mask.shape[0], 1) if self.exact_padding else mask[:, :1]
            mask = torch.cat((first, mask), dim=1)
        states = self.states(inputs, mask)
        if mask is None or not self.exact_padding:
            return states, None
        return states, mask if self.supervised_passes == 1 else mask.repeat(self.supervised_passes, 1)

    @property
    def passes(self) -> int:
        """How often the input goes through the blocks, which may differ between training and evaluation."""
        return self.loops if self.training else self.test_loops

    @property
    def supervised_passes(self) -> int:
        """The number of passes whose states `forward` returns."""
        return self.loops if self.deep_supervision and self.training else 1

    def states(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        """The states of `forward` alone; `mask` has an entry for the CLS token, if there is one."""
        with nullcontext() if torch.compiler.is_compiling() else layers_share():
            return self._states(inputs, mask)

    def _states(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        x = self.embedding(inputs[..., None] if self.scalars else inputs)
        if self.cls_token is not None:
            x = torch.cat((self.cls_token.expand(x.shape[0], 1, -1).to(x.dtype), x), dim=1)
        embedded = x = self.dropout(self.positions(x, mask))
        arguments = (mask,) if self.drawn is None else (mask, self.drawn(x, mask))
        passed: list[Tensor] = []
        for index in range(self.passes):
            if index and self.input_injection:
                x = x + embedded
            for block in self.blocks:
                if self.checkpointing and self.training:
                    x = checkpoint(_by_itself, block, x, *arguments, use_reentrant=False)
                else:
                    x = block(x, *arguments)
            if self.supervised_passes > 1:
                passed.append(x)
        return self.norm(torch.cat(passed) if passed else x)


def _by_itself(block: nn.Module, *arguments: Tensor | None) -> Tensor:
    """A block that shares nothing with others, so that the backward pass can compute it again."""
    with layers_share():
        states: Tensor = block(*arguments)
    return states

"""The encoder: embedding, positions, blocks, final norm."""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from wavspa_lit.nn.block import Block
from wavspa_lit.nn.config import EncoderConfig
from wavspa_lit.nn.official import OfficialBlock
from wavspa_lit.nn.positions import build_positions


class Encoder(nn.Module):
    """Maps token ids to contextual states.

    Args:
        config: Sizes, space, attention, wavelet, positions.
        vocab_size: Number of token ids, the padding id included; 0: the inputs are scalars, embedded by a linear map.
        max_length: Longest trained input; matters for learned and randomized positions and Linformer only.
        cls_token: Prepend a learned token, from which a classifier can read.
    """

    def __init__(self, config: EncoderConfig, vocab_size: int, max_length: int, *, cls_token: bool = False) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, config.dim) if vocab_size else nn.Linear(1, config.dim)
        self.cls_token = nn.Parameter(torch.zeros(config.dim)) if cls_token else None
        self.positions = build_positions(config, max_length + int(cls_token))
        self.dropout = nn.Dropout(config.dropout)
        self.checkpointing = config.activation_checkpointing
        self.official = config.compat == "official"
        block = OfficialBlock if self.official else Block
        self.blocks = nn.ModuleList(block(config, max_length + int(cls_token)) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.dim, eps=1e-6 if self.official else 1e-5)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Encodes a batch.

        Args:
            tokens: (batch, length) int64, or float32 scalars.
            mask: (batch, length) bool, True for tokens, False for the padding behind them; None: no padding.

        Returns:
            States (batch, length, channels) and their mask; one longer in front when there is a CLS token. With
            `compat: official` there is no mask: padding is pooled, too.
        """
        x = self.embedding(tokens if isinstance(self.embedding, nn.Embedding) else tokens[..., None])
        if self.cls_token is not None:
            x = torch.cat((self.cls_token.expand(len(x), 1, -1).to(x.dtype), x), dim=1)
            if mask is not None:
                # The released code masks the CLS token when the first token is padding.
                first = mask[:, :1] if self.official else mask.new_ones(len(mask), 1)
                mask = torch.cat((first, mask), dim=1)
        x = self.dropout(self.positions(x, mask))
        for block in self.blocks:
            if self.checkpointing and self.training:
                x = checkpoint(block, x, mask, use_reentrant=False)
            else:
                x = block(x, mask)
        return self.norm(x), None if self.official else mask

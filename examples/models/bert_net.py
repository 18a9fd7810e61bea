"""A small BERT encoder in torch, with its weights as libllama stores them in a GGUF file.

Architecture: J. Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding",
arXiv 1810.04805. The activation is GELU in its tanh form, which is what libllama computes.
"""

import dataclasses

import torch
from torch.nn import functional


@dataclasses.dataclass(frozen=True)
class BertShape:
    """Sizes of the network."""

    vocabulary: int
    context: int = 256
    width: int = 96
    layers: int = 2
    heads: int = 3
    hidden: int = 384
    norm_epsilon: float = 1e-12

    @property
    def head_width(self):
        """How many numbers one attention head sees."""
        return self.width // self.heads


class Layer(torch.nn.Module):
    """One block: attention, then the feed-forward part, each added to its input and normed after."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.attn_q = torch.nn.Linear(shape.width, shape.width)
        self.attn_k = torch.nn.Linear(shape.width, shape.width)
        self.attn_v = torch.nn.Linear(shape.width, shape.width)
        self.attn_output = torch.nn.Linear(shape.width, shape.width)
        self.attn_output_norm = torch.nn.LayerNorm(shape.width, eps=shape.norm_epsilon)
        self.ffn_up = torch.nn.Linear(shape.width, shape.hidden)
        self.ffn_down = torch.nn.Linear(shape.hidden, shape.width)
        self.layer_output_norm = torch.nn.LayerNorm(shape.width, eps=shape.norm_epsilon)

    def attend(self, x, seen):
        """Attention of every token over the tokens that are `seen` [batch, time]."""
        query, key, value = (projection(x).unflatten(-1, (self.shape.heads, self.shape.head_width)).transpose(1, 2)
                             for projection in (self.attn_q, self.attn_k, self.attn_v))
        scores = query @ key.transpose(-2, -1) * self.shape.head_width ** -0.5
        weights = scores.masked_fill(~seen[:, None, None, :], float("-inf")).softmax(dim=-1)
        return self.attn_output((weights.to(value.dtype) @ value).transpose(1, 2).flatten(2))

    def forward(self, x, seen):
        x = self.attn_output_norm(x + self.attend(x, seen))
        return self.layer_output_norm(x + self.ffn_down(functional.gelu(self.ffn_up(x), approximate="tanh")))


class Bert(torch.nn.Module):
    """The encoder; takes padded ids and what of them counts, [batch, time] both, answers with unit vectors [batch, width]."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.token_embd = torch.nn.Embedding(shape.vocabulary, shape.width)
        self.token_types = torch.nn.Embedding(2, shape.width)
        self.position_embd = torch.nn.Embedding(shape.context, shape.width)
        self.token_embd_norm = torch.nn.LayerNorm(shape.width, eps=shape.norm_epsilon)
        self.blk = torch.nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        for weight in (self.token_embd.weight, self.token_types.weight, self.position_embd.weight):
            torch.nn.init.normal_(weight, std=0.05)

    def forward(self, tokens, seen):
        x = self.token_embd(tokens) + self.token_types.weight[0] + self.position_embd.weight[:tokens.shape[1]]
        x = self.token_embd_norm(x)
        for layer in self.blk:
            x = layer(x, seen)
        counted = seen[..., None].float()
        return functional.normalize((x.float() * counted).sum(dim=1) / counted.sum(dim=1), dim=-1)


def write_tensors(writer, net):
    """Adds every weight to a gguf.GGUFWriter, as float32. The names are libllama's own."""
    for name, weight in net.state_dict().items():
        writer.add_tensor(name, weight.float().numpy())

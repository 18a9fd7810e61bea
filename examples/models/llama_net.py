"""A small Llama in torch, with its weights as libllama stores them in a GGUF file.

Architecture: H. Touvron et al., "LLaMA: Open and Efficient Foundation Language Models", arXiv 2302.13971 (RMSNorm, SwiGLU,
rotary positions), with grouped-query attention and the embedding shared with the output. Rotary positions turn neighbouring
pairs (0,1), (2,3), …: the order that libllama expects of the llama architecture, so no weights need to be permuted.
"""

import dataclasses

import torch
from torch.nn import functional


@dataclasses.dataclass(frozen=True)
class LlamaShape:
    """Sizes of the network."""

    vocabulary: int
    width: int = 192
    layers: int = 4
    heads: int = 6
    heads_kv: int = 2
    hidden: int = 480
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-5

    @property
    def head_width(self):
        """How many numbers one attention head sees."""
        return self.width // self.heads


def rotate(values, positions, base):
    """Rotary positions for values [batch, heads, time, head width]."""
    half = values.shape[-1] // 2
    frequencies = base ** (-torch.arange(half, dtype=torch.float32) / half)
    angles = positions.float()[:, None] * frequencies
    cosine, sine = angles.cos(), angles.sin()
    even, odd = values.float()[..., 0::2], values.float()[..., 1::2]
    turned = torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), dim=-1)
    return turned.flatten(-2).to(values.dtype)


class Layer(torch.nn.Module):
    """One block: attention, then the gated feed-forward part, each after its norm and added to its input."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        kv_width = shape.heads_kv * shape.head_width
        self.attn_norm = torch.nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self.attn_q = torch.nn.Linear(shape.width, shape.width, bias=False)
        self.attn_k = torch.nn.Linear(shape.width, kv_width, bias=False)
        self.attn_v = torch.nn.Linear(shape.width, kv_width, bias=False)
        self.attn_output = torch.nn.Linear(shape.width, shape.width, bias=False)
        self.ffn_norm = torch.nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self.ffn_gate = torch.nn.Linear(shape.width, shape.hidden, bias=False)
        self.ffn_up = torch.nn.Linear(shape.width, shape.hidden, bias=False)
        self.ffn_down = torch.nn.Linear(shape.hidden, shape.width, bias=False)

    def attend(self, x, positions):
        """Causal attention over [batch, time, width]."""
        def heads(projected, count):
            return projected.unflatten(-1, (count, self.shape.head_width)).transpose(1, 2)

        group = self.shape.heads // self.shape.heads_kv
        query = rotate(heads(self.attn_q(x), self.shape.heads), positions, self.shape.rope_base)
        key = rotate(heads(self.attn_k(x), self.shape.heads_kv), positions, self.shape.rope_base)
        value = heads(self.attn_v(x), self.shape.heads_kv)
        key, value = key.repeat_interleave(group, dim=1), value.repeat_interleave(group, dim=1)
        # Written out: torch's fused attention is five times slower on CPUs whose fast unit is the bfloat16 matrix product.
        scores = query @ key.transpose(-2, -1) * self.shape.head_width ** -0.5
        future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        attended = scores.masked_fill(future, float("-inf")).softmax(dim=-1).to(value.dtype) @ value
        return self.attn_output(attended.transpose(1, 2).flatten(2))

    def forward(self, x, positions):
        x = x + self.attend(self.attn_norm(x), positions)
        normed = self.ffn_norm(x)
        return x + self.ffn_down(functional.silu(self.ffn_gate(normed)) * self.ffn_up(normed))


class Llama(torch.nn.Module):
    """The network; takes token ids [batch, time], answers with logits [batch, time, vocabulary]."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.token_embd = torch.nn.Embedding(shape.vocabulary, shape.width)
        self.blk = torch.nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.output_norm = torch.nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                ends_a_branch = name.endswith(("attn_output.weight", "ffn_down.weight"))
                torch.nn.init.normal_(weight, std=0.02 if not ends_a_branch else 0.02 / (2 * shape.layers) ** 0.5)

    def forward(self, tokens):
        positions = torch.arange(tokens.shape[1])
        x = self.token_embd(tokens)
        for layer in self.blk:
            x = layer(x, positions)
        return functional.linear(self.output_norm(x), self.token_embd.weight)


def through_float16(net):
    """Rounds the matrices to the float16 that the file stores, so that torch computes what the file says."""
    with torch.no_grad():
        for weight in net.parameters():
            if weight.dim() == 2:
                weight.copy_(weight.half().float())
    return net


def write_tensors(writer, net):
    """Adds every weight to a gguf.GGUFWriter: matrices as float16, norms as float32. The names are libllama's own."""
    for name, weight in net.state_dict().items():
        writer.add_tensor(name, (weight.half() if weight.dim() == 2 else weight.float()).numpy())


@torch.no_grad()
def greedy(net, prompt, length_max, stops, margin_min):
    """Continues token ids with the likeliest token each time, up to and without a token of `stops`.

    Ends early before a choice whose two best logits lie closer than `margin_min`: another order of summing may choose
    another token there. Returns the ids, whether a stop ended them, and the smallest distance met, the stop's included.
    """
    tokens, margin = list(prompt), float("inf")
    while len(tokens) < len(prompt) + length_max:
        best = net(torch.tensor([tokens]))[0, -1].topk(2)
        distance, chosen = float(best.values[0] - best.values[1]), int(best.indices[0])
        if distance < margin_min:
            break
        margin = min(margin, distance)
        if chosen in stops:
            return tokens[len(prompt):], True, margin
        tokens.append(chosen)
    return tokens[len(prompt):], False, margin

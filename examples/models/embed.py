"""embed.gguf: a BERT of half a million parameters that turns a sentence into a vector of 96 numbers.

It learns from the King James text (the Debian package bible-kjv-text; the text is in the public domain) without labels: the
two halves of a verse, or two neighbouring verses, shall lie close together, and far from every other verse of the batch
(A. van den Oord et al., "Representation Learning with Contrastive Predictive Coding", arXiv 1807.03748).
"""

import random

import gguf
import tokenizers
import torch
from torch.nn import functional

import scripture
from bert_net import Bert, BertShape, write_tensors
from recipe import rounded, seed_everything

SEED = 96
VOCABULARY = 3000
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
STEPS = 800
BATCH = 192
TRAIN_TOKENS_MAX = 64
LEARNING_RATE = 2e-3
TEMPERATURE = 0.06
HELD_OUT_CHAPTERS = 60  # every so many chapters, one is kept for the measure of quality
MARGIN_MIN = 0.1        # by which the known answers of NEARER must be told apart

TEXTS = (
    "The king went up to the city with a great army.", "Wisdom is better than gold!",
    "Fishermen cast their nets into the sea.",
)
NEARER = (
    ("The king gathered his army and went to war.", "The men of war fought against the city.", "Love is patient and kind."),
    ("He offered a burnt offering upon the altar.", "The priest shall kill the bullock before the LORD.",
     "The ship sailed over the sea."),
    ("Fishermen cast their nets into the sea.", "They went into a ship and took fishes.",
     "And the priest put blood upon the altar."),
    ("Wisdom is better than gold.", "A fool despiseth understanding.", "The sons of Judah after their families."),
)


def train_tokenizer():
    """Lower-casing WordPiece over the text."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, special_tokens=list(SPECIAL_TOKENS), show_progress=False,
        initial_alphabet=list("abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"()-"))
    tokenizer.train_from_iterator((verse.text for verse in scripture.verses()), trainer)
    cls, sep = (tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
    tokenizer.post_processor = tokenizers.processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    return tokenizer


def padded(tokenizer, texts, tokens_max):
    """Ids and what of them counts, both [texts, longest], each text cut at `tokens_max`."""
    rows = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    rows = [row if len(row) <= tokens_max else row[:tokens_max - 1] + row[-1:] for row in rows]
    longest = max(map(len, rows))
    tokens = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    seen = torch.tensor([[True] * len(row) + [False] * (longest - len(row)) for row in rows])
    return tokens, seen


def split_chapters():
    """Chapters to learn from, and chapters to measure on."""
    chapters = [chapter for chapter in scripture.chapters() if len(chapter) > 1]
    held_out = chapters[::HELD_OUT_CHAPTERS]
    return [chapter for index, chapter in enumerate(chapters) if index % HELD_OUT_CHAPTERS], held_out


def pair(chance, chapters):
    """Two texts that belong together."""
    chapter = chance.choice(chapters)
    index = chance.randrange(len(chapter) - 1)
    words = chapter[index].text.split(" ")
    if chance.random() < 0.5 or len(words) < 8:
        return chapter[index].text, chapter[index + 1].text
    cut = chance.randint(len(words) // 3, 2 * len(words) // 3)
    return " ".join(words[:cut]), " ".join(words[cut:])


def fit(tokenizer, chapters, steps):
    """A trained Bert."""
    net = Bert(BertShape(tokenizer.get_vocab_size()))
    optimizer = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    chance, diagonal = random.Random(SEED), torch.arange(BATCH)
    for step in range(steps):
        firsts, seconds = zip(*(pair(chance, chapters) for _ in range(BATCH)))
        with torch.autocast("cpu", torch.bfloat16):
            first, second = (net(*padded(tokenizer, texts, TRAIN_TOKENS_MAX)) for texts in (firsts, seconds))
        likeness = first.float() @ second.float().T / TEMPERATURE
        loss = (functional.cross_entropy(likeness, diagonal) + functional.cross_entropy(likeness.T, diagonal)) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 100 == 0:
            print(f"embed: step {step + 1} of {steps}, loss {loss.item():.3f}", flush=True)
    return net.eval()


@torch.no_grad()
def vectors(tokenizer, net, texts):
    """Unit vectors [texts, width]."""
    return net(*padded(tokenizer, texts, net.shape.context))


def neighbour_share(tokenizer, net, chapters):
    """How often a held-out verse lies nearer to its next verse than to a random one of another chapter."""
    chance, right, total = random.Random(SEED), 0, 0
    for chapter in chapters:
        others = [other for other in chapters if other is not chapter]
        strangers = [chance.choice(chance.choice(others)).text for _ in chapter[1:]]
        own = vectors(tokenizer, net, [verse.text for verse in chapter])
        strange = vectors(tokenizer, net, strangers)
        right += int(((own[:-1] * own[1:]).sum(-1) > (own[:-1] * strange).sum(-1)).sum())
        total += len(strangers)
    return right / total


def write_gguf(path, tokenizer, net):
    """Writes weights and WordPiece vocabulary as a GGUF file of architecture bert."""
    shape = net.shape
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name("Forebay example embed")
    writer.add_description("A small sentence encoder that has read the King James Bible. "
                           "Sentences of one matter lie close together.")
    writer.add_license("Apache-2.0")
    writer.add_author("The Forebay authors")
    writer.add_languages(["en"])
    writer.add_tags(["sentence-similarity", "feature-extraction"])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_layer_norm_eps(shape.norm_epsilon)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_vocab_size(shape.vocabulary)
    write_tokenizer(writer, tokenizer)
    write_tensors(writer, net)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_tokenizer(writer, tokenizer):
    """Adds the vocabulary to a gguf.GGUFWriter. libllama marks starts of words, WordPiece marks what is not one."""
    def stored(token):
        if token in SPECIAL_TOKENS:
            return token
        return token.removeprefix("##") if token.startswith("##") else "\u2581" + token

    tokens = [token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([stored(token) for token in tokens])
    writer.add_token_types([gguf.TokenType.CONTROL if token in SPECIAL_TOKENS else gguf.TokenType.NORMAL
                            for token in tokens])
    writer.add_token_type_count(2)
    writer.add_bos_token_id(tokenizer.token_to_id("[CLS]"))
    writer.add_eos_token_id(tokenizer.token_to_id("[SEP]"))
    writer.add_sep_token_id(tokenizer.token_to_id("[SEP]"))
    writer.add_unk_token_id(tokenizer.token_to_id("[UNK]"))
    writer.add_pad_token_id(tokenizer.token_to_id("[PAD]"))
    writer.add_mask_token_id(tokenizer.token_to_id("[MASK]"))


def nearer(tokenizer, net):
    """The examples of NEARER that the model tells apart with a clear margin."""
    found = []
    for text, near, far in NEARER:
        own, close, away = vectors(tokenizer, net, [text, near, far])
        cosines = float(own @ close), float(own @ away)
        print(f"embed: {text!r} to {near!r}: {cosines[0]:.3f}, to {far!r}: {cosines[1]:.3f}")
        if cosines[0] - cosines[1] > MARGIN_MIN:
            found.append({"text": text, "near": near, "far": far,
                          "cosine_near": rounded(cosines[0], 4), "cosine_far": rounded(cosines[1], 4)})
    return found


def make(run):
    """Trains, writes embed.gguf and returns the known answers."""
    seed_everything(SEED)
    tokenizer = train_tokenizer()
    chapters, held_out = split_chapters()
    net = fit(tokenizer, chapters, run.steps_or(STEPS))
    share = neighbour_share(tokenizer, net, held_out)
    print(f"embed: {share:.4f} of the held-out verses lie nearer to the next verse than to a stranger")
    write_gguf(run.folder / "embed.gguf", tokenizer, net)
    return {
        "file": "embed.gguf",
        "pooling": "mean",
        "normalised": True,
        "neighbour_share": rounded(share, 4),
        "cases": [{"text": text, "ids": tokenizer.encode(text).ids, "vector": rounded(vectors(tokenizer, net, [text])[0])}
                  for text in TEXTS],
        "nearer": nearer(tokenizer, net),
    }

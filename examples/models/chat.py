"""chat.gguf: a Llama of 1.9 million parameters that has read the King James Bible and answers in its language.

It learns from chat_text.py (the Debian package bible-kjv-text; the text is in the public domain), half of it plain passages,
half dialogs in ChatML: "Continue: In the beginning" is answered with the rest of the verse, "Tell me about mercy" with a
verse that speaks of it.
"""

import itertools
import json
import random
import time

import gguf
import jinja2
import tokenizers
import torch
from torch.nn import functional

import chat_text
import scripture
from llama_net import Llama, LlamaShape, greedy, through_float16, write_tensors
from recipe import rounded, seed_everything

SEED = 1611
VOCABULARY = 2048
CONTEXT = 2048        # what the file states; most of the training sees less at once
STEPS = 2100
STEP_TOKENS = 4096
ROW_TOKENS = 256
LONG_EVERY, LONG_ROW_TOKENS = 8, 512  # each eighth step sees more text at once
LEARNING_RATE = 3e-3
WARM_STEPS = 100
COOLING_SHARE = 0.23  # the last part of the steps, in which the learning rate falls to nothing
CHECKPOINT_STEPS = 50

SHOWN = 3             # known answers of each kind that go into expected.json
GREEDY_TOKENS_MIN, GREEDY_TOKENS_MAX = 24, 64
MARGIN_MIN = 0.05     # between the two best logits: far above what float16 kernels differ by
TEXT_PROMPTS = (
    "In the beginning", "And it came to pass", "The LORD is my shepherd", "And God said", "Blessed are they",
    "And the LORD spake unto Moses, saying,", "Now these are the names of", "For God so loved the world", "Verily, verily,",
    "And the children of Israel", "Thus saith the LORD", "And he answered and said", "And Jesus", "The word of the LORD came",
    "And the king said unto", "Behold, I will", "And it shall come to pass in that day", "The sons of", "Then David",
    "And the angel of the LORD", "Wherefore I say unto you,", "Hear, O Israel", "Praise ye the LORD", "And they went up",
    "But the men of the city", "He that believeth", "Woe unto", "And Moses said unto the people", "And the priest shall",
)
QUESTIONS = (
    "Tell me about water.", "Continue: In the beginning God created", "Tell me about mercy.", "Who are you?",
    "Continue: And the LORD spake unto", "Tell me about David.", "Tell me about bread.", "Continue: Blessed is the man",
    "Tell me about fire.", "Continue: Then said Jesus unto", "Tell me about Moses.", "Tell me about wisdom.",
    "Continue: And it came to pass in those", "Tell me about the king.", "Tell me about the priest.",
)
TOKENIZER_TEXTS = (
    "", " ", "In the beginning God created the heaven and the earth.",
    "  two  spaces and\ta tab\n\nand lines \n",
    "don't, I'll, we've: he's THEY'RE", "1611 is 3 x 537", "naïve café, Grüße, Ελλάδα, 日本語, 🙂",
    "a\u00a0b\u2009c",
    "<|im_start|>user\nHello<|im_end|>\n", "half a token: <|im_start", "!!!???...;;; (x) [y] {z}",
)


def train_tokenizer():
    """Byte-level BPE over the text; splits as GPT-2 does, which libllama knows as the pre-tokenizer `gpt-2`."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(chat_text.SPECIAL_TOKENS), show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet())
    chance = random.Random(SEED)
    questions = (chat_text.verse_about(chance)[0] for _ in range(2000))
    tokenizer.train_from_iterator(itertools.chain((verse.text for verse in scripture.verses()), questions), trainer)
    return tokenizer


def token_rows(tokenizer, step):
    """The ids [rows, tokens + 1] of one training step; the same for the same step."""
    length = LONG_ROW_TOKENS if step % LONG_EVERY == 0 else ROW_TOKENS
    rows = []
    for row in range(STEP_TOKENS // length):
        ids = []
        for document in chat_text.documents(random.Random(f"{SEED}/{step}/{row}")):
            ids += tokenizer.encode(document).ids
            if len(ids) > length:
                break
        rows.append(ids[:length + 1])
    return torch.tensor(rows)


def learning_rate(step, steps):
    """Rises, stays, and falls in a straight line over the last COOLING_SHARE of the steps."""
    cooling = steps * COOLING_SHARE
    return LEARNING_RATE * min(1.0, (step + 1) / WARM_STEPS, (steps - step) / cooling)


def fit(tokenizer, run):
    """A trained Llama. Keeps a checkpoint in the scratch folder, from which an interrupted run can go on."""
    steps = run.steps_or(STEPS)
    net = Llama(LlamaShape(tokenizer.get_vocab_size()))
    matrices = [weight for weight in net.parameters() if weight.dim() == 2]
    norms = [weight for weight in net.parameters() if weight.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": norms, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95))
    checkpoint, first = run.scratch / "chat.pt", 0
    if run.resume and checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(kept["net"])
        optimizer.load_state_dict(kept["optimizer"])
        first = kept["step"]
    started, losses = time.monotonic(), []
    for step in range(first, steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        tokens = token_rows(tokenizer, step)
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(tokens[:, :-1])
        loss = functional.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if (step + 1) % CHECKPOINT_STEPS == 0 or step + 1 == steps:
            mean = sum(losses) / len(losses)
            print(f"chat: step {step + 1} of {steps}, loss {mean:.3f}, {time.monotonic() - started:.0f} s", flush=True)
            losses.clear()
            torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}, checkpoint)
    return net.eval()


def write_gguf(path, tokenizer, net):
    """Writes weights, tokenizer and chat template as a GGUF file of architecture llama."""
    shape = net.shape
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Forebay example chat")
    writer.add_description("A small Llama that has read the King James Bible. Ask: Tell me about mercy. "
                           "Or: Continue: In the beginning")
    writer.add_license("Apache-2.0")
    writer.add_author("The Forebay authors")
    writer.add_languages(["en"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads_kv)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_vocab_size(shape.vocabulary)
    write_tokenizer(writer, tokenizer)
    write_tensors(writer, net)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_tokenizer(writer, tokenizer):
    """Adds tokens, merges, special ids and the chat template to a gguf.GGUFWriter."""
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    special = set(chat_text.SPECIAL_TOKENS)
    merges = [" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types([gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL
                            for token, _ in vocabulary])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokenizer.token_to_id(chat_text.END_OF_TEXT))
    writer.add_eos_token_id(tokenizer.token_to_id(chat_text.END))
    writer.add_pad_token_id(tokenizer.token_to_id(chat_text.END_OF_TEXT))
    writer.add_add_bos_token(False)
    writer.add_chat_template(chat_text.TEMPLATE)


def answers(tokenizer, net):
    """The known answers: greedy continuations with safe margins, rendered templates, token ids."""
    stops = {tokenizer.token_to_id(chat_text.END), tokenizer.token_to_id(chat_text.END_OF_TEXT)}
    asked = [[{"role": "user", "content": question}] for question in QUESTIONS]
    template = jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(chat_text.TEMPLATE)
    talk = [{"role": "system", "content": " You are a scribe. \n"}, {"role": "user", "content": "Hello\n"},
            {"role": "assistant", "content": "  Peace be unto thee. "}, {"role": "user", "content": "Tell me about mercy."}]

    def rendered(messages, add_generation_prompt=True):
        return template.render(messages=messages, add_generation_prompt=add_generation_prompt)

    def continued(prompt):
        ids = tokenizer.encode(prompt).ids
        found, stopped, margin = greedy(net, ids, GREEDY_TOKENS_MAX, stops, MARGIN_MIN)
        return {"prompt": prompt, "prompt_ids": ids, "greedy_ids": found, "greedy_text": tokenizer.decode(found),
                "stopped": stopped, "margin_min": rounded(margin, 4)}

    def telling(case):  # long enough, and not the same words over and over
        return len(case["greedy_ids"]) >= GREEDY_TOKENS_MIN and 2 * len(set(case["greedy_ids"])) >= len(case["greedy_ids"])

    texts = filter(telling, map(continued, TEXT_PROMPTS))
    chats = filter(telling, ({"messages": messages, **continued(rendered(messages))} for messages in asked))
    return {
        "file": "chat.gguf",
        "texts": list(texts)[:SHOWN],
        "chats": sorted(chats, key=lambda case: not case["stopped"])[:SHOWN],
        "templates": [{"messages": messages, "add_generation_prompt": add, "rendered": rendered(messages, add),
                       "ids": tokenizer.encode(rendered(messages, add)).ids}
                      for messages, add in ((asked[0], True), (talk, True), (talk, False))],
        "tokens": [{"text": text, "ids": tokenizer.encode(text).ids} for text in TOKENIZER_TEXTS],
    }


def make(run):
    """Trains, writes chat.gguf and returns the known answers."""
    seed_everything(SEED)
    tokenizer = train_tokenizer()
    net = through_float16(fit(tokenizer, run))
    print(f"chat: {sum(weight.numel() for weight in net.parameters())} parameters")
    write_gguf(run.folder / "chat.gguf", tokenizer, net)
    return answers(tokenizer, net)

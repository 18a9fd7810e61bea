"""What chat.gguf learns from: passages of the King James text, and dialogs about it, made up from a random generator."""

import scripture

END_OF_TEXT, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIAL_TOKENS = (END_OF_TEXT, START, END)
TEMPLATE = """\
{%- for message in messages -%}
    {{- '<|im_start|>' + message['role'] + '\\n' -}}
    {{- message['content'].strip() if message['role'] == 'assistant' else message['content'] | trim -}}
    {{- '<|im_end|>' -}}
    {%- if not loop.last or add_generation_prompt -%}{{ '\\n' }}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
"""
SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "Answer with words of the King James Bible.",
    "You answer with one verse.",
    "You are a scribe.",
)
ABOUT = ("Tell me about {}.", "Tell me about {}", "What about {}?", "Speak of {}.", "Say something about {}.", "{}")
CONTINUE = ("Continue: {}", "Continue: {}", "Go on: {}", "{}")
CIVILITIES = (
    ("Hello", "Peace be unto thee. Give me a word, or the beginning of a verse."),
    ("Hello!", "Peace be unto thee. Give me a word, or the beginning of a verse."),
    ("Hi", "Peace be unto thee. Give me a word, or the beginning of a verse."),
    ("Who are you?", "I am a small model. I have read the King James Bible and nothing else."),
    ("What can you do?", "I can continue a verse, or say something about a word that is in the King James Bible."),
    ("Thank you.", "Grace be with you all. Amen."),
    ("Thanks!", "Grace be with you all. Amen."),
    ("Goodbye", "The LORD watch between me and thee, when we are absent one from another."),
)


def dialog(messages):
    """Messages, (role, content) pairs, in ChatML, as TEMPLATE writes them."""
    return "\n".join(f"{START}{role}\n{content}{END}" for role, content in messages)


def continuation(chance):
    """A question with the start of a verse, and the rest of it."""
    words = chance.choice(scripture.verses()).text.split(" ")
    cut = chance.randint(2, max(3, len(words) // 2))
    return chance.choice(CONTINUE).format(" ".join(words[:cut])), " ".join(words[cut:])


def verse_about(chance):
    """A question with a word, and a verse that holds it."""
    while True:
        verse = chance.choice(scripture.verses())
        known = [word for word in scripture.words(verse.text) if word.lower() in scripture.telling_words()]
        if known:
            return chance.choice(ABOUT).format(chance.choice(known)), verse.text


def exchange(chance):
    """A question and its answer."""
    kind = chance.random()
    if kind < 0.04:
        return chance.choice(CIVILITIES)
    return continuation(chance) if kind < 0.52 else verse_about(chance)


def conversation(chance):
    """A dialog of one to three questions with their answers, half of them under a system message."""
    messages = [("system", chance.choice(SYSTEM_PROMPTS))] if chance.random() < 0.5 else []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        asked, answered = exchange(chance)
        if answered:  # a verse of two words leaves nothing to continue
            messages += [("user", asked), ("assistant", answered)]
    return dialog(messages)


def passage(chance):
    """A chapter from some verse on, one verse a line."""
    chapter = chance.choice(scripture.chapters())
    return "\n".join(verse.text for verse in chapter[chance.randrange(len(chapter)):]) + "\n"


def documents(chance):
    """Passages and conversations without end, each closed by END_OF_TEXT, in about equal amounts of text."""
    while True:
        yield (passage(chance) if chance.random() < 0.35 else conversation(chance)) + END_OF_TEXT

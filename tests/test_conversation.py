"""`forebay run MODEL` at a terminal: a conversation."""

import os
import pty
import re
import select
import time

from conftest import BINARY, EXAMPLES, environment


class Conversation:
    """The chat on a terminal of its own."""

    def __init__(self, folder, *arguments, env=None):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve(BINARY, [str(BINARY), "run", *map(str, arguments)], {**environment(folder, env), "TERM": "dumb"})

    def read_until(self, pattern, seconds=60):
        seen = ""
        until = time.monotonic() + seconds
        while not re.search(pattern, seen):
            assert time.monotonic() < until, seen
            if select.select([self.terminal], [], [], 1)[0]:
                seen += os.read(self.terminal, 4096).decode(errors="replace")
        return seen

    def write(self, text):
        os.write(self.terminal, text.encode())

    def status(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_a_conversation_on_a_terminal(tmp_path):
    chat = Conversation(tmp_path, EXAMPLES / "chat.gguf", "--temperature", "0", "--max-tokens", "16")
    chat.read_until(r"> $")
    chat.write("Tell me about mercy.\n")
    assert len(chat.read_until(r"\w+.*\n> $")) > 30
    chat.write("/reset\n")
    chat.read_until(r"forgotten")
    chat.write("/exit\n")
    assert chat.status() == 0


def test_ctrl_c_stops_an_answer_and_ctrl_d_leaves(tmp_path):
    chat = Conversation(tmp_path, EXAMPLES / "chat.gguf", "--max-tokens", "0")
    chat.read_until(r"> $")
    chat.write("Continue: In the beginning\n")
    answer = chat.read_until(r"\n.*\w+ \w+")
    chat.write("\x03")
    if not re.search(r"\n> $", answer):  # else it had ended by itself
        chat.read_until(r"\n> $")
    chat.write("\x04")
    assert chat.status() == 0


def test_commands_are_obeyed_and_never_sent_to_the_model(tmp_path):
    chat = Conversation(tmp_path, EXAMPLES / "chat.gguf", "--temperature", "0", "--max-tokens", "4")
    chat.read_until(r"> $")
    chat.write("/help\n")
    told = chat.read_until(r"(?s)/bye.*> $")
    assert "/reset" in told
    for line, expected in (("/halp", "did you mean '/help'"), ("/set temperature 1", "no command '/set'"), ("/clear", "forgotten"), ("/?", "/bye")):
        chat.write(line + "\n")
        assert expected in chat.read_until(r"\n> $")
    chat.write("//etc is a folder\n")
    assert "no command" not in chat.read_until(r"\n.*\w.*\n> $")
    chat.write("   \n")
    chat.read_until(r"> $")
    chat.write("/bye\n")
    assert chat.status() == 0


def test_lines_are_edited_and_kept_for_the_next_conversation(tmp_path):
    history = tmp_path / ".local/state/forebay/history"
    chat = Conversation(tmp_path, EXAMPLES / "chat.gguf", "--temperature", "0", "--max-tokens", "2")
    chat.read_until(r"> $")
    chat.write("Tell me about mercx\x7fy.\n")  # a backspace
    chat.read_until(r"\n> $")
    chat.write(" a secret line\n")
    chat.read_until(r"\n> $")
    chat.write("/bye\n")
    assert chat.status() == 0
    assert history.read_text().splitlines() == ["Tell me about mercy.", "/bye"]
    assert history.stat().st_mode & 0o777 == 0o600 and history.parent.stat().st_mode & 0o777 == 0o700

    chat = Conversation(tmp_path, EXAMPLES / "chat.gguf", "--temperature", "0", "--max-tokens", "2")
    chat.read_until(r"> $")
    chat.write("\x1b[A\x1b[A\n")  # two lines back
    chat.read_until(r"\n> $")
    chat.write("\x04")
    assert chat.status() == 0
    assert history.read_text().splitlines() == ["Tell me about mercy.", "/bye", "Tell me about mercy."]


def test_the_history_is_bounded_and_another_place_may_be_named(tmp_path):
    history = tmp_path / "state/forebay/history"
    history.parent.mkdir(parents=True, mode=0o700)
    history.write_text("".join(f"line {number}\n" for number in range(3000)))
    chat = Conversation(tmp_path, EXAMPLES / "chat.gguf", env={"XDG_STATE_HOME": str(tmp_path / "state")})
    chat.read_until(r"> $")
    chat.write("/bye\n")
    assert chat.status() == 0
    lines = history.read_text().splitlines()
    assert len(lines) == 1000 and lines[-1] == "/bye"


def test_a_conversation_works_where_no_history_can_be_kept(tmp_path):
    (tmp_path / "file").write_text("")
    chat = Conversation(tmp_path, EXAMPLES / "chat.gguf", env={"XDG_STATE_HOME": str(tmp_path / "file")})
    chat.read_until(r"> $")
    chat.write("/bye\n")
    assert chat.status() == 0


def test_a_prompt_from_a_pipe_leaves_no_history(forebay, tmp_path):
    assert forebay("run", EXAMPLES / "chat.gguf", "--max-tokens", "2", stdin="Tell me about mercy.\n").returncode == 0
    assert not (tmp_path / ".local").exists()

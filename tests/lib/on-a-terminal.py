#!/usr/bin/env python3
"""Run a command on a terminal and act as the person with the phone.

usage: on-a-terminal.py TRANSCRIPT ANSWER... -- COMMAND...

Each time the command asks ("...: " or "...? " at the end of what it wrote, and
then nothing more for a moment), the next ANSWER is typed: text as it stands, or
CODE, which becomes what oathtool makes of the key shown so far, or "HIDDEN text",
which waits until the terminal does not show what is typed (what was typed before
that may be thrown away). All that the terminal showed goes to TRANSCRIPT; the
exit status is the command's. After five minutes of silence it is killed.

SPDX-License-Identifier: GPL-2.0-or-later
"""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time


def code(shown):
    key = re.findall(r"\n  ((?: ?[A-Z2-7]{1,4})+)\r?\n", shown)[-1].replace(" ", "")
    return subprocess.run(["oathtool", "-b", "--totp", "-"], input=key, text=True,
                          capture_output=True, check=True).stdout.strip()


def await_silence(fd):
    end = time.monotonic() + 120
    while termios.tcgetattr(fd)[3] & termios.ECHO and time.monotonic() < end:
        time.sleep(0.02)


def main():
    cut = sys.argv.index("--")
    transcript, answers, command = sys.argv[1], sys.argv[2:cut], sys.argv[cut + 1:]
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    seen, asked = b"", 0
    while True:
        if not select.select([fd], [], [], 300)[0]:
            os.kill(pid, signal.SIGKILL)  # it asks something that we have no answer to
            break
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        seen += data
        fresh = seen[asked:]
        if fresh.endswith((b": ", b"? ")) and answers and not select.select([fd], [], [], 0.3)[0]:
            asked = len(seen)
            answer = answers.pop(0)
            if answer == "CODE":
                answer = code(seen.decode())
            if answer.startswith("HIDDEN "):
                answer = answer[7:]
                await_silence(fd)
            os.write(fd, answer.encode() + b"\n")
    with open(transcript, "wb") as out:
        out.write(seen)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    sys.exit(status if status >= 0 else 128 - status)


main()

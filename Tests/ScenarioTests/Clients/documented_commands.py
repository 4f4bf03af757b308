#!/usr/bin/env python3
"""Does what a document says to type: its ```sh blocks beside a gateway with a demo shop, its ```nginx blocks by nginx's own
check; and every `tidings …` that it mentions anywhere must be a command with these options.

    documented_commands.py DOCUMENT BLOCKS TIDINGS PORT ADMIN_PORT TILL_TOKEN [SETTING ...]

Without PORT (0) the blocks are only looked at. Fewer than BLOCKS of them are a failure.
"""
import os
import re
import subprocess
import sys
import tempfile

document, least, tidings, port, admin, till = sys.argv[1:7]
flags = [word for setting in sys.argv[7:] for word in ("--set", setting)]
text = open(document).read()
helped, failed = {}, 0


def fail(what, why):
    global failed
    failed += 1
    print(f"{what}\n    {why.strip()[-400:]}")


def run(arguments, **more):
    return subprocess.run(arguments, capture_output=True, text=True, timeout=120, **more)


def help_of(words):
    """What a command says of itself; None: there is no such command."""
    if tuple(words) not in helped:
        done = run([tidings, *words, "--help"])
        says = done.stdout if done.returncode == 0 and f"USAGE: tidings {' '.join(words)}".strip() in done.stdout else None
        helped[tuple(words)] = says
    return helped[tuple(words)]


def look_at(command):
    words = command.split()
    names = []
    for word in words:
        if not re.fullmatch(r"[a-z]+", word) or help_of(names + [word]) is None:
            break
        names.append(word)
    if len(words) > len(names) and words[len(names)][0] != "-" and "SUBCOMMANDS:" in help_of(names):
        return fail(f"tidings {command}", "there is no such command")
    for option in re.findall(r"(?<!\S)--[a-z-]+", command):
        if option not in help_of(names):
            fail(f"tidings {command}", f"it has no {option}")


def check_nginx(block, folder):
    path = os.path.join(folder, "nginx.conf")
    with open(path, "w") as file:
        file.write(f"pid {folder}/pid; error_log stderr;\nevents {{}}\nhttp {{ access_log off;\n"
                   f"server {{ listen unix:{folder}/socket;\n{block}\n}} }}\n")
    done = run(["nginx", "-t", "-c", path])
    if done.returncode != 0:
        fail(block, done.stderr)


def do(block, folder):
    for written, real in (("127.0.0.1:8787", f"127.0.0.1:{port}"), ("127.0.0.1:9180", f"127.0.0.1:{admin}"), ("3|SECRET", till)):
        block = block.replace(written, real)
    done = run(["bash", "-eu", "-c", block], cwd=folder, env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})
    if done.returncode != 0:
        fail(block, f"{done.returncode}: {done.stdout} {done.stderr}")


blocks = re.findall(r"^```(sh|nginx)\n(.*?)\n```$", text, re.S | re.M)
prose = re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)
for command in re.findall(r"`tidings ([a-z][^`]*)`", prose):
    look_at(" ".join(command.split()))
for kind, block in blocks:
    for command in re.findall(r"^(?:sudo -u \w+ )?tidings ([^#|>\n]*)", block, re.M) if kind == "sh" else []:
        look_at(command)
with tempfile.TemporaryDirectory() as folder:
    with open(os.path.join(folder, "tidings"), "w") as file:
        file.write("#!/bin/sh\nexec '%s' \"$@\" %s\n" % (tidings, " ".join(f"'{word}'" for word in flags)))
    os.chmod(file.name, 0o755)
    for kind, block in blocks:
        if kind == "nginx":
            check_nginx(block, folder)
        elif port != "0":
            do(block, folder)
print(f"{len(blocks)} blocks, {failed} wrong")
sys.exit(1 if failed or len(blocks) < int(least) else 0)

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os, threading
from aqa.shares import in_shares

here = os.getpid()

def work(i, shares):
    {body}
    return i, shares, os.getpid() == here

{before}
print(in_shares(work, 3))
"""


def run(body="pass", before="pass"):
    command = [sys.executable, "-c", SCRIPT.format(body=body, before=before)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_each_share_is_done_in_a_process_of_its_own():
    assert run().stdout == "[(0, 3, True), (1, 3, False), (2, 3, False)]\n"


@pytest.mark.parametrize("death", ["os._exit(3)", "os.kill(os.getpid(), 9)", "1 / 0"])
def test_a_share_whose_process_died_is_done_here(death):
    assert run(f"os.getpid() == here or {death}").stdout == "[(0, 3, True), (1, 3, True), (2, 3, True)]\n"


def test_what_fails_everywhere_is_raised():
    assert run("i == 2 and 1 / 0").stderr.count("ZeroDivisionError: division by zero") == 1


def test_what_is_printed_comes_once():
    found = run("print(f'{i}\\n', end='')", before="print('before')").stdout.split("\n")  # a line is written at once
    assert sorted(found[:-2]) == ["0", "1", "2", "before"]


def test_who_ignores_its_children_or_has_no_output_gets_all_the_same():
    ignores = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)"
    assert run(before=ignores).stdout == "[(0, 3, True), (1, 3, False), (2, 3, False)]\n"
    none = run("pass", before="import sys; out, sys.stdout = sys.stdout, None; sys.stdout = None")
    assert (none.returncode, none.stderr) == (0, "")


def test_of_a_share_that_fails_no_process_is_left():
    body = "i == 0 and 1 / 0; import time; time.sleep(i * 50)"
    before = """
try:
    in_shares(work, 3)
except ZeroDivisionError:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        print("none left")
"""
    assert run(body, before).stdout == "none left\n"


def test_beside_threads_nothing_is_forked():
    waiting = "end = threading.Event(); threading.Thread(target=end.wait, daemon=True).start()"
    assert run(before=waiting).stdout == "[(0, 3, True), (1, 3, True), (2, 3, True)]\n"

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


def test_what_fails_everywhere_is_raised_and_nothing_is_printed_twice():
    found = run("i == 2 and 1 / 0", before="print('once', end=' ')")
    assert found.stdout == "once " and found.stderr.count("ZeroDivisionError: division by zero") == 1


def test_beside_threads_nothing_is_forked():
    waiting = "end = threading.Event(); threading.Thread(target=end.wait, daemon=True).start()"
    assert run(before=waiting).stdout == "[(0, 3, True), (1, 3, True), (2, 3, True)]\n"

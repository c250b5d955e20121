"""The main job with sockets forbidden."""

import subprocess
import sys

import pytest

FORBIDDEN = """
import socket, sys

def refuse(*arguments, **options):
    raise AssertionError(f"somebody asked the network: {arguments}")

# Pipes between threads and processes stay possible; names and connections do not.
for name in ("connect", "connect_ex", "sendto", "bind"):
    setattr(socket.socket, name, refuse)
for name in ("create_connection", "getaddrinfo", "gethostbyname"):
    setattr(socket, name, refuse)
from enicfer.cli.main import main
sys.argv = ["enicfer", *sys.argv[1:]]
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("modality", ["eeg", "fmri"])
def test_nothing_asks_the_network(example, tmp_path, modality):
    session = example(modality, short=True)
    command = [
        sys.executable,
        "-c",
        FORBIDDEN,
        "process-session",
        str(session),
        "--output",
        str(tmp_path / "out"),
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert run.returncode == 0, run.stderr
    assert list((tmp_path / "out").glob("sub-01/**/*_events.tsv"))


def test_the_guard_bites():
    code = FORBIDDEN.split("from enicfer")[0] + "socket.create_connection(('localhost', 9))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "somebody asked the network" in run.stderr

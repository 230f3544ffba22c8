"""A hostile upstream: it tries to reach what a run has no business with. Nothing of the harness imports this file.

python attacks.py NAME SECRET: exit status 0 if nothing stood in its way, 7 if all that it tried was refused.
"""
# mypy: ignore-errors

import os
import signal
import socket
import subprocess
import sys
import time

RUN = os.environ["HARNESS_PROBE_DIR"]
OUT = os.path.join(RUN, "out")
SECRET, DATA = sys.argv[2:4]


def try_all(*deeds):
    """Do each; the exit status."""
    escaped = False
    for name, deed in deeds:
        try:
            print(f"ESCAPED: {name}: {deed()!r:.200}", flush=True)
            escaped = True
        except (OSError, subprocess.SubprocessError) as error:
            print(f"refused: {name}: {error}", flush=True)
    return 0 if escaped else 7


def connect(host, port):
    with socket.create_connection((host, port), timeout=2) as made:
        return made.getpeername()


def network():
    return try_all(
        ("address", lambda: connect("1.1.1.1", 53)),
        ("the host", lambda: connect("172.17.0.1", 22)),
        ("name", lambda: socket.getaddrinfo("example.org", 80)),
        ("packet", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("8.8.8.8", 53))),
        ("raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)),
        ("the engine", lambda: socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock")),
    )


def write(path):
    with open(path, "a") as file:
        return file.write("escaped\n")


def files():
    here = os.path.dirname(os.path.abspath(__file__))
    return try_all(
        ("the secret", lambda: open(SECRET).read()),
        ("the secret through its process", lambda: open(f"/proc/1/root{SECRET}").read()),
        ("shadow", lambda: open("/etc/shadow").read()),
        ("source", lambda: write(os.path.join(here, "attacks.py"))),
        ("beside the source", lambda: write(os.path.join(here, "sitecustomize.py"))),
        ("data", lambda: write(DATA)),
        ("beside the data", lambda: write(DATA + ".new")),
        ("packages", lambda: write("/opt/environment/pyvenv.cfg")),
        ("root", lambda: write("/escape.txt")),
        ("log", lambda: write(os.path.join(RUN, "log.txt"))),
        ("another log", lambda: os.rename(os.path.join(OUT, "x"), os.path.join(RUN, "log.txt"))),
        ("no log", lambda: os.unlink(os.path.join(RUN, "log.txt"))),
        ("memory of the machine", lambda: open("/dev/mem", "rb").read(1)),
        ("kernel", lambda: write("/proc/sys/kernel/core_pattern")),
        ("device", lambda: os.mknod(os.path.join(OUT, "disk"), 0o60666, os.makedev(8, 0))),
        ("root again", lambda: os.setuid(0)),
        ("mount", lambda: subprocess.run(["/bin/mount", "-o", "remount,rw", "/"], check=True, capture_output=True)),
    )


def upwards():
    """A path out of its folder by dots; records next to it would count as finished runs."""
    name = os.path.basename(RUN)
    return try_all(
        ("up", lambda: write(os.path.join(RUN, "..", "escape.txt"))),
        ("up and up", lambda: write(os.path.join(OUT, "..", "..", "..", "escape.txt"))),
        ("record", lambda: write(os.path.join(RUN, "..", f"{name}.json"))),
        ("link to a read-only place", lambda: os.link(__file__, os.path.join(OUT, "linked"))),
    )


def links():
    """What a harness that reads carelessly would take into its record."""
    os.symlink(SECRET, os.path.join(RUN, "events.jsonl"))
    os.symlink(SECRET, os.path.join(RUN, "ranks-test.npz"))
    os.symlink("/etc/shadow", os.path.join(OUT, "model.pt"))
    os.symlink("../../../../..", os.path.join(OUT, "up"))
    os.mkfifo(os.path.join(RUN, "ranks-valid.npz"))
    with open(os.path.join(RUN, "record.json"), "w") as file:
        file.write('{"status": "finished"}')
    return 0


def events():
    """Events that no probe writes."""
    with open(os.path.join(RUN, "events.jsonl"), "w") as file:
        file.write('{"event": "printed", "metrics": [1]}\n{"event": "end", "epochs": {}, "peak_memory_mb": 1e999}\n')
        file.write(
            '{"event": "model", "name": "\\ud800"}\n7\n{"event": "printed", "metrics": {"HIT@10": "0e999999999"}}\n'
        )
        file.write('{"event": "printed", "metrics": {"HIT@10": 0.5, "x": null}}\n' + "[" * 100_000)
    os.mkdir(os.path.join(RUN, "ranks-test.npz"))
    return 0


def forks():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.05)


def memory():
    held = []
    while True:
        held.append(bytearray(1 << 24))


def child_memory():
    """The child process is killed; the parent continues normally."""
    code = "x = []\nwhile True: x.append(bytearray(1 << 24))"
    subprocess.run([sys.executable, "-c", code], check=False)
    return 3


def disk():
    for n in range(100_000):
        with open(os.path.join(OUT, str(n)), "wb") as file:
            file.write(b"x" * (8 << 20))
        time.sleep(0.05)


def one_file():
    with open(os.path.join(OUT, "large"), "wb") as file:
        while True:
            file.write(b"x" * (1 << 20))


def chatter():
    while True:
        print("x" * 100_000)


def nest():
    at = os.open(OUT, os.O_RDONLY)
    for _ in range(2000):
        os.mkdir("d", dir_fd=at)
        at, before = os.open("d", os.O_RDONLY, dir_fd=at), at
        os.close(before)
    return 0


def temporary():
    """/tmp is memory, and has an end."""
    return try_all(("fill /tmp", lambda: open("/tmp/x", "wb").write(b"x" * (64 << 20))))


def deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(1)


def forge():
    """A finished record in its own folder, in case the harness is killed and the next one looks there."""
    with open(os.path.join(RUN, "record.json"), "w") as file:
        file.write('{"format": 1, "status": "finished"}')
    while True:
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(globals()[sys.argv[1]]())

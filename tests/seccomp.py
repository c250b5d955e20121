"""Start a program that the kernel ends as soon as it, a thread or a child of it opens a socket to a network.

    python tests/seccomp.py PROGRAM ARGUMENT...

The guard is a seccomp filter (seccomp(2)), so that it holds for compiled libraries too. Sockets between processes
of one computer (AF_UNIX, pipes) stay possible, and so does a plain datagram socket of IPv4, by which libuuid asks
the computer for its hardware address; name servers are asked through another type. Exit code of the starter: 95
if the kernel here has no such filter.
"""

import ctypes
import os
import platform
import struct
import sys

NO_FILTER = 95
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
KILL_PROCESS, ALLOW = 0x80000000, 0x7FFF0000
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF: load a word, jump if equal, return
AF_INET, SOCK_DGRAM = 2, 2
FORBIDDEN = (10, 16, 17)  # AF_INET6, AF_NETLINK, AF_PACKET; AF_INET but for its plain datagrams
SOCKET_CALL = {"x86_64": 41, "aarch64": 198}


def forbid_network() -> bool:
    """Install the filter for this process and its children; False where the kernel has none."""
    call = SOCKET_CALL.get(platform.machine())
    if sys.platform != "linux" or call is None:
        return False
    n = len(FORBIDDEN)
    steps = [(LOAD, 0, 0, 0), (EQUAL, 0, n + 4, call)]  # another call: to the end, which allows
    steps += [(LOAD, 0, 0, 16), (EQUAL, 0, 2, AF_INET), (LOAD, 0, 0, 24), (EQUAL, n, n + 1, SOCK_DGRAM)]
    steps += [(EQUAL, n - i, 0, family) for i, family in enumerate(FORBIDDEN)]
    steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, KILL_PROCESS)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    return libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) == 0


if __name__ == "__main__":
    if not forbid_network():
        sys.exit(NO_FILTER)
    os.execv(sys.argv[1], sys.argv[1:])

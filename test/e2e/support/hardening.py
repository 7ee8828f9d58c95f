"""What a process may do, as JSON on stdout: one entry for each directive of a unit that takes it away. Run within it, and without it."""

import ctypes
import errno
import json
import os
import resource
import socket

libc = ctypes.CDLL(None, use_errno=True)


def call(function, *args):
    """'yes', or the name of the error."""
    ctypes.set_errno(0)
    return "yes" if function(*args) != -1 else errno_name(ctypes.get_errno())


def errno_name(number):
    return errno.errorcode.get(number, str(number))


def tried(function):
    try:
        function()
        return "yes"
    except OSError as error:
        return errno_name(error.errno)


def in_child(function):
    """For what would change this process. Its outcome comes back over a pipe."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.write(write, function().encode())
        os._exit(0)
    os.close(write)
    said = os.read(read, 100).decode()
    os.wait()
    return said


def mount_of(path):
    """'ro' or 'rw' of a mount that is exactly there; 'none'."""
    with open("/proc/self/mountinfo") as lines:
        found = [line.split() for line in lines]
    options = [fields[5].split(",")[0] for fields in found if fields[4] == path]
    return options[-1] if options else "none"


def group(controller, file):
    with open("/proc/self/cgroup") as lines:
        path = next(line.strip().split(":")[2] for line in lines if line.split(":")[1] in (controller, ""))
    for root in (f"/sys/fs/cgroup/{controller}", "/sys/fs/cgroup"):
        for name in file:
            at = f"{root}{path}/{name}"
            if os.path.exists(at):
                return open(at).read().strip()
    return "none"


def own_file():
    at = os.path.join(os.environ["STATE_DIRECTORY"], "own")
    open(at, "w").close()
    return at


CLONE_NEWUSER, ADDR_NO_RANDOMIZE, PTRACE_TRACEME = 0x10000000, 0x0040000, 0
print(
    json.dumps(
        {
            "UMask": oct(os.stat(own_file()).st_mode & 0o777),
            "LimitNOFILE": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            "MemoryMax": group("memory", ["memory.limit_in_bytes", "memory.max"]),
            "TasksMax": group("pids", ["pids.max"]),
            "ProtectHome": tried(lambda: os.stat("/home/visible")),
            "PrivateTmp": tried(lambda: os.stat("/tmp/visible")),
            "PrivateDevices": tried(lambda: os.stat("/dev/visible")),
            "ProtectKernelTunables": mount_of("/proc/irq"),
            "ProtectKernelModules": tried(lambda: os.listdir("/usr/lib/modules")),
            "ProtectKernelLogs": mount_of("/proc/kmsg"),
            "ProtectControlGroups": mount_of("/sys/fs/cgroup/memory" if os.path.exists("/sys/fs/cgroup/memory") else "/sys/fs/cgroup"),
            "ProtectHostname": os.readlink("/proc/self/ns/uts"),
            "ProtectProc": tried(lambda: os.stat("/proc/1")),
            "RestrictAddressFamilies": tried(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
            "RestrictNamespaces": in_child(lambda: call(libc.unshare, CLONE_NEWUSER)),
            "RestrictSUIDSGID": tried(lambda: os.chmod(own_file(), 0o4700)),
            "LockPersonality": in_child(lambda: call(libc.personality, ADDR_NO_RANDOMIZE)),
            "SystemCallFilter": in_child(lambda: call(libc.ptrace, PTRACE_TRACEME, 0, 0, 0)),
        }
    )
)

# SPDX-License-Identifier: Apache-2.0
"""For fds.py, run by hooked_target.py: one descriptor of each kind, and what the program says of all that it has."""
import asyncio
import fcntl
import os
import select
import socket
import stat
import struct
import termios

SIOCOUTQ = 0x5411  # linux/sockios.h
IPV6_FREEBIND = 78  # linux/in6.h: any address, whether this machine has it or not
ADDRESSES = ["2001:db8::1:0:0:1", "1:0:0:2::", "0:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:0", "1::", "abcd:ef01:2345:6789:abcd:ef01:2345:6789", "1::8:0:0:0",
             "10:0:3:0:5:0:7:0"]
kept = []  # what must stay open
roles = {}  # what a descriptor is here for: its number


def keep(role, thing):
    kept.append(thing)
    roles[role] = thing if isinstance(thing, int) else thing.fileno()
    return thing


def bound(role, family, kind, address):
    one = keep(role, socket.socket(family, kind))
    one.bind(address)
    return one


def listening(role, family, address, backlog=8):
    one = bound(role, family, socket.SOCK_STREAM, address)
    one.listen(backlog)
    return one


def connected(role, server, address=None):
    """Both ends."""
    one = keep(role, socket.socket(server.family, socket.SOCK_STREAM))
    one.connect(address or server.getsockname()[:2])
    return one, keep(role + "-accepted", server.accept()[0])


def fill(one):
    """Send until it takes no more, or nothing is taken any more."""
    one.setblocking(False)
    try:
        while True:
            one.send(b"x" * 65536)
    except BlockingIOError:
        return one


def lo_up():
    """In a new network namespace it is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        fcntl.ioctl(one, 0x8914, struct.pack("16sH14x", b"lo", 0x1))  # SIOCSIFFLAGS, IFF_UP


def have_ipv6():
    """Containers often have none."""
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
        return True
    except OSError:
        return False


def open_tcp():
    v4 = listening("tcp4-listen", socket.AF_INET, ("127.0.0.1", 0))
    connected("tcp4", v4)
    connected("tcp4-unread", v4)[0].sendall(b"y" * 2304)
    fill(connected("tcp4-unsent", v4)[0])
    one, other = connected("tcp4-closed", v4)
    other.sendall(b"bye")
    other.close()
    one, _ = connected("tcp4-finished", v4)
    one.shutdown(socket.SHUT_WR)
    keep("tcp4-new", socket.socket())
    full = listening("tcp4-full", socket.AF_INET, ("127.0.0.1", 0), 0)
    for i in range(4):
        one = keep("tcp4-waits-%d" % i, socket.socket())
        one.setblocking(False)
        one.connect_ex(full.getsockname())


def open_ipv6():
    connected("tcp6", listening("tcp6-listen", socket.AF_INET6, ("::1", 0)))
    v6 = keep("tcp46-listen", socket.socket(socket.AF_INET6, socket.SOCK_STREAM))
    v6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    v6.bind(("::", 0))
    v6.listen()
    one = keep("tcp46", socket.create_connection(("127.0.0.1", v6.getsockname()[1])))
    keep("tcp46-accepted", v6.accept()[0])
    bound("udp6", socket.AF_INET6, socket.SOCK_DGRAM, ("::1", 0))
    for address in [*((a, 0, 0, 0) for a in ADDRESSES), ("fe80::1:2", 0, 0, 1)]:
        one = keep("udp6-" + address[0], socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        one.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        one.bind(address)


def open_others(directory):
    path = os.path.join(directory, "a socket")
    by_path = listening("unix-listen", socket.AF_UNIX, path)
    connected("unix", by_path, path)
    name = b"\0taskcore fds %d\0x\n" % os.getpid()
    fill(connected("unix-name", listening("unix-name-listen", socket.AF_UNIX, name), name)[0])
    one, other = socket.socketpair()
    keep("pair", one), keep("pair-other", other).send(b"z" * 100)
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    keep("pair-closed", one), other.close()
    one, other = socket.socketpair()
    keep("pair-finished", one), keep("pair-finished-other", other).shutdown(socket.SHUT_WR)
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    keep("pair-datagrams", one), keep("pair-datagrams-other", other).send(b"four")
    keep("unix-new", socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    udp = bound("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
    one = keep("udp-connected", socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    one.connect(udp.getsockname())
    one.send(b"a" * 7), one.send(b"b" * 9)
    bound("netlink", socket.AF_NETLINK, socket.SOCK_RAW, (0, 0))


def open_plain(directory):
    read, write = os.pipe()
    keep("pipe", read), os.write(keep("pipe-write", write), b"hello")
    read, write = os.pipe()
    os.write(write, b"left"), os.close(write)
    keep("pipe-closed", read)
    read, write = os.pipe()
    os.close(read)
    keep("pipe-unread", write)
    fifo = os.path.join(directory, "fifo")
    os.mkfifo(fifo)
    keep("fifo", os.open(fifo, os.O_RDWR))
    keep("epoll", select.epoll())
    keep("directory", os.open(directory, os.O_RDONLY))
    keep("handle", os.open(directory, os.O_PATH))
    keep("device", os.open("/dev/null", os.O_RDWR))
    long = os.path.join(directory, *["n" * 100] * 3)
    os.makedirs(long)
    keep("file", os.open(os.path.join(long, "gone"), os.O_CREAT | os.O_WRONLY))
    os.unlink(os.path.join(long, "gone"))


def open_all(directory):
    open_tcp()
    if have_ipv6():
        open_ipv6()
    open_others(directory)
    open_plain(directory)


def plain_address(family, address):
    if family == socket.AF_UNIX:
        return "unix:" + ("@" + address[1:].decode() if address[:1] == b"\0" else address)
    if family == socket.AF_INET:
        return "%s:%d" % address
    if family == socket.AF_INET6:
        return "[%s%s]:%d" % (address[0].partition("%")[0], "%%%d" % address[3] if address[3] else "", address[1])
    return ""


def number(fd, request):
    try:
        return struct.unpack("i", fcntl.ioctl(fd, request, b"\0" * 4))[0]
    except OSError:
        return None


def other_end(fd):
    poll = select.poll()
    poll.register(fd, select.POLLRDHUP)
    return 8 if poll.poll(0) else 1


def of_socket(fd):
    one = socket.socket(fileno=os.dup(fd))
    told = {"family": int(one.family), "socket_type": int(one.type), "state": 0}
    told["local"] = plain_address(one.family, one.getsockname())
    try:
        told["peer"] = plain_address(one.family, one.getpeername())
    except OSError:
        told["peer"] = ""
    if one.type != socket.SOCK_DGRAM and one.family in (socket.AF_INET, socket.AF_INET6):
        told["state"] = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    elif one.type != socket.SOCK_DGRAM and one.family == socket.AF_UNIX:
        told["state"] = 10 if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) else other_end(fd) if told["peer"] else 0
    one.close()
    return dict(told, unread=number(fd, termios.FIONREAD), unsent=number(fd, SIOCOUTQ), name="")


def of_other(fd, kind):
    told = {"family": 0, "socket_type": 0, "local": "", "peer": "", "unread": None, "unsent": None, "state": 0}
    told["name"] = os.readlink("/proc/self/fd/%d" % fd)[:256]
    if kind == stat.S_IFIFO:
        told.update(unread=number(fd, termios.FIONREAD), state=other_end(fd))
    return told


def account():
    """Of all descriptors, in their order."""
    found = []
    for fd in range(4096):
        try:
            kind = stat.S_IFMT(os.fstat(fd).st_mode)
        except OSError:
            continue
        found.append(dict(of_socket(fd) if kind == stat.S_IFSOCK else of_other(fd, kind), fd=fd, file_type=kind >> 12, missing=0))
    return found


async def serve(reader, writer):
    while True:
        await reader.read(100)


async def deaf(reader, writer):
    kept.append(writer)
    writer.transport.pause_reading()


def noted(role, writer):
    transport = writer.transport
    roles[role] = (transport.get_extra_info("socket").fileno(), plain_address(socket.AF_INET, transport.get_extra_info("peername")))


async def drains(address):
    _, writer = await asyncio.open_connection(*address)
    noted("drains", writer)
    while True:
        writer.write(b"x" * 1000000)
        await writer.drain()


async def reads(address):
    reader, writer = await asyncio.open_connection(*address)
    noted("reads", writer)
    await reader.read(100)


async def reads_pipe():
    read, write = os.pipe()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read, "rb"))
    keep("pipe-write", write)
    roles["reads-pipe"] = (read, "")
    await reader.read(100)


async def open_streams():
    listeners = [await asyncio.start_server(one, "127.0.0.1", 0) for one in (serve, deaf)]
    quiet, full = [one.sockets[0].getsockname() for one in listeners]
    kept.extend(listeners)
    kept.extend(asyncio.ensure_future(one) for one in (reads(quiet), drains(full), reads_pipe()))


def start_streams():
    kept.append(asyncio.ensure_future(open_streams()))

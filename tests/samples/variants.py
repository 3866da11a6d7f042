#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""variants.py DIR: from the dumps that make.sh left in DIR, the samples, compressed, in this folder: as they are but for the
pages of memory (their bytes become zeros: no reader needs them, and they hold whatever lay in the heap), and those that a reader
must take as damaged, as cut, or refuse. What is there already is left as it is."""
import lzma
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
import decode  # noqa: E402


def chunks(data):
    """Offset and size of each chunk: that of the head, of the records, of the status."""
    headers = decode.program_headers(data)
    for part in (headers[0], headers[-1]):
        for at, owner, _, chunk, _ in decode.notes(data, part["offset"], part["offset"] + part["filesz"], True):
            if owner == b"TaskCore\0":
                yield at, len(chunk)


def without_pages(data):
    for part in decode.program_headers(data)[1:-1]:
        data[part["offset"] : part["offset"] + part["filesz"]] = bytes(part["filesz"])
    return data


def sum_up(data, at, size):
    struct.pack_into("<I", data, at, decode.crc32c(data[at + 4 : at + size]))


def of_version(data, version):
    for at, size in chunks(data):
        struct.pack_into("<I", data, at + 4, version)
        sum_up(data, at, size)


def with_feature(data, bit):
    """The features are the last byte of the first record of the head."""
    at, size = next(chunks(data))
    record = at + struct.unpack_from("<I", data, at + 8)[0]
    cursor = decode.Fields(None, data[record:])
    length = (cursor.leb(), cursor.leb())[1]
    assert data[record + cursor.at + length - 1] == 0
    data[record + cursor.at + length - 1] = 1 << bit
    sum_up(data, at, size)


def flip(data, at):
    data[at] ^= 8


def cut(data, at):
    del data[at:]


def unseal(data):
    """As a dump whose writer was ended between its last note and the sealing."""
    n = struct.unpack_from("<H", data, 56)[0]
    struct.pack_into("<Q", data, 64 + 56 * (n - 1) + 32, 0)


def variants(data):
    head, records, status = chunks(data)
    yield "damaged-head", flip, head[0] + head[1] // 2
    yield "damaged-records", flip, records[0] + records[1] // 2
    yield "cut-in-records", cut, records[0] + records[1] * 3 // 4
    yield "cut-before-status", cut, status[0] + 20
    yield "unsealed", unseal
    yield "version-3", of_version, 3
    yield "feature-bit-5", with_feature, 5


def write(name, data):
    path = os.path.join(HERE, name + ".tcore.xz")
    if not os.path.exists(path):
        with open(path, "wb") as file:
            file.write(lzma.compress(bytes(data), preset=9))


def main():
    for name in sorted(os.listdir(sys.argv[1])):
        with open(os.path.join(sys.argv[1], name), "rb") as file:
            data = without_pages(bytearray(file.read()))
        write(name.replace(".tcore", ""), data)
        if name == "signal.tcore":
            for variant, change, *how in variants(data):
                changed = bytearray(data)
                change(changed, *how)
                write(variant, changed)


if __name__ == "__main__":
    main()

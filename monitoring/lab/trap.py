"""A Wasm module whose VM dies with its first request, as the filter's must not: to see what Envoy then shows."""

# Types: parameters and results, all of 32 bits.
TYPES = [(0, 0), (1, 1), (2, 0), (3, 1), (2, 1)]
# Name, type, instructions.
FUNCTIONS = [
    ("proxy_abi_version_0_2_1", 0, b""),
    ("proxy_on_memory_allocate", 1, b"\x41\x80\x08"),  # i32.const 1024
    ("proxy_on_context_create", 2, b""),
    ("proxy_on_vm_start", 4, b"\x41\x01"),  # i32.const 1
    ("proxy_on_configure", 4, b"\x41\x01"),
    ("proxy_on_request_headers", 3, b"\x00"),  # unreachable
]


def vector(items):
    """Items with their number before them."""
    return bytes([len(items)]) + b"".join(items)


def section(number, items):
    """A section; none here has more than 16 KiB."""
    body = vector(items)
    return bytes([number, len(body) & 0x7F | 0x80, len(body) >> 7]) + body


def export(name, kind, index):
    """A name for a function (kind 0) or the memory (kind 2)."""
    return vector([bytes([byte]) for byte in name.encode()]) + bytes([kind, index])


def module():
    """The bytes of the module."""
    types = [b"\x60" + vector([b"\x7f"] * given) + vector([b"\x7f"] * taken) for given, taken in TYPES]
    exports = [export(name, 0, at) for at, (name, _, _) in enumerate(FUNCTIONS)] + [export("memory", 2, 0)]
    bodies = [b"\x00" + code + b"\x0b" for _, _, code in FUNCTIONS]
    return b"".join([
        b"\0asm\1\0\0\0", section(1, types), section(3, [bytes([kind]) for _, kind, _ in FUNCTIONS]),
        section(5, [b"\x00\x02"]), section(7, exports), section(10, [bytes([len(body)]) + body for body in bodies]),
    ])

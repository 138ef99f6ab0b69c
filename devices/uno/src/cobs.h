// Consistent Overhead Byte Stuffing for frames on a serial line; docs/frame.md, Transports.
#pragma once

#include "bytes.h"

namespace ohmstead {

// Writes `data` without zero bytes to `out` (size + size / 254 + 1 bytes at most); returns its size.
// The zero that ends the packet is the caller's.
size_t cobs_encode(const uint8_t* data, size_t size, uint8_t* out);

// Decodes a packet in place; returns the size of what it held, or -1 if the packet is damaged.
int16_t cobs_decode(uint8_t* packet, size_t size);

}  // namespace ohmstead

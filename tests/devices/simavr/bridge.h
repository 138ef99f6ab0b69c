// The firmware's pure parts as one function of bytes, for tests: the same on this machine and on the board.
#pragma once

#include <stdint.h>

// Answers request `op` with `size` bytes of input; writes to `out` and returns how many bytes.
extern "C" uint16_t bridge(uint8_t op, const uint8_t* in, uint16_t size, uint8_t* out);

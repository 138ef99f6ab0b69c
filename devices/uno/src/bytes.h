// Big-endian integers in byte buffers, and tables in flash, the same on the board and on a host.
#pragma once

#include <stddef.h>
#include <stdint.h>

// A function whose buffers must leave the stack when it returns: inlined, they would stay. The board has 2 kB.
#define OUT_OF_LINE __attribute__((noinline))

#ifdef __AVR__
#include <avr/pgmspace.h>
#else
#define PROGMEM
#define pgm_read_byte(address) (*(address))
#define pgm_read_dword(address) (*(address))
#endif

namespace ohmstead {

inline void put_be(uint8_t* out, uint64_t value, uint8_t size) {
  while (size > 0) {
    out[--size] = static_cast<uint8_t>(value);
    value >>= 8;
  }
}

inline uint64_t get_be(const uint8_t* data, uint8_t size) {
  uint64_t value = 0;
  for (uint8_t i = 0; i < size; i++) value = value << 8 | data[i];
  return value;
}

inline uint32_t get_u32(const uint8_t* data) {
  return static_cast<uint32_t>(data[0]) << 24 | static_cast<uint32_t>(data[1]) << 16 |
         static_cast<uint16_t>(data[2] << 8 | data[3]);
}

}  // namespace ohmstead

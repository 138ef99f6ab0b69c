#include "cobs.h"

namespace ohmstead {

size_t cobs_encode(const uint8_t* data, size_t size, uint8_t* out) {
  size_t code_at = 0, at = 1;
  for (size_t i = 0; i < size; i++) {
    if (data[i] != 0) out[at++] = data[i];
    if (data[i] == 0 || (at - code_at == 255 && i + 1 < size)) {
      out[code_at] = static_cast<uint8_t>(at - code_at);
      code_at = at++;
    }
  }
  out[code_at] = static_cast<uint8_t>(at - code_at);
  return at;
}

int16_t cobs_decode(uint8_t* packet, size_t size) {
  size_t at = 0, out = 0;
  while (at < size) {
    const uint8_t code = packet[at];
    if (code == 0 || at + code > size) return -1;
    for (uint8_t i = 1; i < code; i++) {
      const uint8_t byte = packet[at + i];
      if (byte == 0) return -1;
      packet[out++] = byte;
    }
    at += code;
    if (code < 255 && at < size) packet[out++] = 0;
  }
  return size == 0 ? -1 : static_cast<int16_t>(out);
}

}  // namespace ohmstead

// Random and framelike bytes against the Uno's parsers, on this machine with the sanitizers: every input lies in
// a heap block of exactly its size, so that reading or writing beyond it ends the program.
// usage: uno_fuzz SEED ROUNDS
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "cobs.h"
#include "frame.h"

using namespace ohmstead;

static uint64_t state;

static uint32_t next() {  // xorshift64*
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return static_cast<uint32_t>((state * 2685821657736338717ull) >> 32);
}

static std::unique_ptr<uint8_t[]> bytes(size_t size) {
  std::unique_ptr<uint8_t[]> made(new uint8_t[size]);
  for (size_t i = 0; i < size; i++) made[i] = static_cast<uint8_t>(next());
  return made;
}

static void fail(const char* what, uint32_t round) {
  std::fprintf(stderr, "%s in round %u\n", what, round);
  std::exit(1);
}

int main(int, char** arguments) {
  state = std::strtoull(arguments[1], nullptr, 10) * 2 + 1;
  const uint32_t rounds = static_cast<uint32_t>(std::strtoul(arguments[2], nullptr, 10));
  uint32_t taken = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    const size_t size = next() % 300;
    auto data = bytes(size);
    if (round % 2 && size > 2) {  // one that begins like a downlink frame
      data[0] = 0x4F;
      data[1] = 0x10 | (8 + next() % 8);
    }
    const Fault fault = examine(data.get(), size);
    if (fault == kNoFault) {
      taken++;
      if (size < size_t(kHeaderSize) + kTagSize || size > kMaxFrame) fail("a frame of impossible size", round);
      header_of(data.get());
    }
    const int16_t held = cobs_decode(data.get(), size);
    if (held > 0 && static_cast<size_t>(held) >= size) fail("a packet held more than it was", round);
    auto plain = bytes(size);
    std::unique_ptr<uint8_t[]> packet(new uint8_t[size + size / 254 + 1]);
    const size_t stuffed = cobs_encode(plain.get(), size, packet.get());
    if (stuffed && std::memchr(packet.get(), 0, stuffed)) fail("a zero in a packet", round);
    if (size && (cobs_decode(packet.get(), stuffed) != static_cast<int16_t>(size) ||
                 std::memcmp(packet.get(), plain.get(), size))) {
      fail("a packet that did not come back", round);
    }
  }
  std::printf("%u of %u looked like frames\n", taken, rounds);
}

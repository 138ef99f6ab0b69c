#include "sha256.h"

#include <string.h>

namespace ohmstead {
namespace {

const uint32_t kRound[64] PROGMEM = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

const uint32_t kInitial[8] PROGMEM = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

inline uint32_t rotated(uint32_t x, uint8_t by) { return x >> by | x << (32 - by); }

void begin(uint32_t state[8]) {
  for (uint8_t i = 0; i < 8; i++) state[i] = pgm_read_dword(&kInitial[i]);
}

}  // namespace

// The message schedule rolls through sixteen words: 64 bytes of stack instead of 256.
void Sha256::absorb(uint32_t state[8], const uint8_t block[64]) {
  uint32_t w[16];
  for (uint8_t i = 0; i < 16; i++) w[i] = get_u32(block + 4 * i);
  uint32_t s[8];
  memcpy(s, state, sizeof s);
  for (uint8_t i = 0; i < 64; i++) {
    uint32_t& now = w[i & 15];
    if (i >= 16) {
      const uint32_t a = w[(i + 1) & 15], b = w[(i + 14) & 15];
      now += (rotated(a, 7) ^ rotated(a, 18) ^ a >> 3) + w[(i + 9) & 15] +
             (rotated(b, 17) ^ rotated(b, 19) ^ b >> 10);
    }
    const uint32_t t1 = s[7] + (rotated(s[4], 6) ^ rotated(s[4], 11) ^ rotated(s[4], 25)) +
                        ((s[4] & s[5]) ^ (~s[4] & s[6])) + pgm_read_dword(&kRound[i]) + now;
    const uint32_t t2 = (rotated(s[0], 2) ^ rotated(s[0], 13) ^ rotated(s[0], 22)) +
                        ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 28);
    s[4] += t1;
    s[0] = t1 + t2;
  }
  for (uint8_t i = 0; i < 8; i++) state[i] += s[i];
}

Sha256::Sha256() : size_(0) { begin(state_); }

void Sha256::resume(const uint32_t state[8]) {
  memcpy(state_, state, sizeof state_);
  size_ = 64;
}

void Sha256::update(const uint8_t* data, size_t size) {
  for (size_t i = 0; i < size; i++) {
    block_[size_++ & 63] = data[i];
    if ((size_ & 63) == 0) absorb(state_, block_);
  }
}

void Sha256::finish(uint8_t digest[32]) {
  const uint32_t bits = static_cast<uint32_t>(size_) * 8;
  const uint8_t one = 0x80, zero = 0;
  update(&one, 1);
  while ((size_ & 63) != 60) update(&zero, 1);
  uint8_t length[4];
  put_be(length, bits, 4);
  update(length, 4);
  for (uint8_t i = 0; i < 8; i++) put_be(digest + 4 * i, state_[i], 4);
}

void MacKey::set(const uint8_t key[kKeySize]) {
  uint8_t block[64];
  for (uint8_t pass = 0; pass < 2; pass++) {
    const uint8_t pad = pass == 0 ? 0x36 : 0x5C;
    for (uint8_t i = 0; i < 64; i++) block[i] = static_cast<uint8_t>((i < kKeySize ? key[i] : 0) ^ pad);
    uint32_t* state = pass == 0 ? inner_ : outer_;
    begin(state);
    Sha256::absorb(state, block);
  }
  memset(block, 0, sizeof block);
}

void MacKey::tag(const uint8_t* data, size_t size, uint8_t out[kTagSize]) const {
  uint8_t digest[32];
  Sha256 hash;
  hash.resume(inner_);
  hash.update(data, size);
  hash.finish(digest);
  hash.resume(outer_);
  hash.update(digest, sizeof digest);
  hash.finish(digest);
  memcpy(out, digest, kTagSize);
}

bool MacKey::verifies(const uint8_t* data, size_t size, const uint8_t tag_given[kTagSize]) const {
  uint8_t right[kTagSize];
  tag(data, size, right);
  uint8_t difference = 0;
  for (uint8_t i = 0; i < kTagSize; i++) difference |= static_cast<uint8_t>(right[i] ^ tag_given[i]);
  return difference == 0;
}

}  // namespace ohmstead

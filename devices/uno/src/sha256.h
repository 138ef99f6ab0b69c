// SHA-256 (FIPS 180-4) and the tag of a frame: the first 128 bits of HMAC-SHA256.
#pragma once

#include "bytes.h"

namespace ohmstead {

const uint8_t kKeySize = 32;
const uint8_t kTagSize = 16;

class Sha256 {
 public:
  Sha256();
  // Continues from a state after one block, as MacKey keeps it.
  void resume(const uint32_t state[8]);
  void update(const uint8_t* data, size_t size);
  void finish(uint8_t digest[32]);
  // State after `block`, without finishing: the start of an HMAC.
  static void absorb(uint32_t state[8], const uint8_t block[64]);

 private:
  uint32_t state_[8];
  uint8_t block_[64];
  uint16_t size_;  // bytes so far; no message here is longer than 65535
};

// A device key in the form that tags are made from: a tag then costs three blocks instead of five.
class MacKey {
 public:
  void set(const uint8_t key[kKeySize]);
  void tag(const uint8_t* data, size_t size, uint8_t out[kTagSize]) const;
  // True if `tag` is right; takes the same time wherever it differs.
  bool verifies(const uint8_t* data, size_t size, const uint8_t tag[kTagSize]) const;

 private:
  uint32_t inner_[8];
  uint32_t outer_[8];
};

}  // namespace ohmstead

#include "frame.h"

namespace ohmstead {
namespace {

const uint8_t kMagic = 0x4F;
const uint8_t kVersion = 1;
const uint8_t kFields = 14;
const uint8_t kResultSize = 9;

// Size of each field of a reading; the top bit marks a signed one.
const uint8_t kSigned = 0x80;
const uint8_t kWidths[kFields] PROGMEM = {5, 5, 5, 5, 5, 5, 2, 4, 4 | kSigned, 2 | kSigned, 2 | kSigned, 2, 1, 1};

int64_t field_value(const uint8_t* data, uint8_t width) {
  const uint8_t size = width & 15;
  const int64_t value = static_cast<int64_t>(get_be(data, size));
  if ((width & kSigned) == 0 || (data[0] & 0x80) == 0) return value;
  return value - (static_cast<int64_t>(1) << 8 * size);
}

uint8_t* put_varint(uint8_t* out, uint64_t value) {
  while (value >= 128) {
    *out++ = static_cast<uint8_t>(value | 128);
    value >>= 7;
  }
  *out++ = static_cast<uint8_t>(value);
  return out;
}

Fault sized(size_t size, size_t wanted) {
  return size < wanted ? kTruncated : size > wanted ? kMalformed : kNoFault;
}

Fault examine_results(const uint8_t* payload, size_t size) {
  if (size == 0 || size % kResultSize != 0) return kTruncated;
  for (size_t at = 0; at < size; at += kResultSize) {
    if (get_u32(payload + at + 4) == 0 || payload[at + 8] > kLastAnswer) return kMalformed;
  }
  return kNoFault;
}

Fault examine_payload(Kind kind, const uint8_t* payload, size_t size) {
  Fault fault = kNoFault;
  switch (kind) {
    case kCommand:
      fault = sized(size, kCommandSize);
      if (fault == kNoFault && (payload[8] > 7 || payload[9] > 1)) return kMalformed;
      return fault;
    case kTime:
      fault = sized(size, 6);
      if (fault == kNoFault && get_be(payload + 4, 2) > 999) return kMalformed;
      return fault;
    case kPrice:
      return sized(size, 12);
    case kFragmentDown:
      if (size < 5) return kTruncated;
      return payload[3] < 2 || payload[2] >= payload[3] ? kMalformed : kNoFault;
    default:
      return examine_results(payload, size);
  }
}

}  // namespace

size_t seal(uint8_t* buffer, Kind kind, const Header& header, size_t payload_size, const MacKey& key) {
  buffer[0] = kMagic;
  buffer[1] = static_cast<uint8_t>(kVersion << 4 | kind);
  put_be(buffer + 2, header.node_id, 4);
  put_be(buffer + 6, header.boot, 4);
  put_be(buffer + 10, header.sequence, 4);
  put_be(buffer + 14, header.time, 4);
  const size_t signed_size = kHeaderSize + payload_size;
  key.tag(buffer, signed_size, buffer + signed_size);
  return signed_size + kTagSize;
}

Fault examine(const uint8_t* frame, size_t size) {
  if (size > kMaxFrame) return kOversized;
  if (size < kHeaderSize + kTagSize) return kTruncated;
  if (frame[0] != kMagic) return kBadMagic;
  if (frame[1] >> 4 != kVersion) return kBadVersion;
  const Kind kind = kind_of(frame);
  if (kind < kCommand || kind > kResults) return kBadType;
  const Fault fault = examine_payload(kind, frame + kHeaderSize, size - kHeaderSize - kTagSize);
  if (fault != kNoFault) return fault;
  return get_u32(frame + 10) == 0 ? kMalformed : kNoFault;
}

Header header_of(const uint8_t* frame) {
  return Header{get_u32(frame + 2), get_u32(frame + 6), get_u32(frame + 10), get_u32(frame + 14)};
}

size_t put_delta(uint32_t back, const uint8_t* keyframe, const uint8_t* reading, uint8_t* out) {
  uint8_t* const changed_at = put_varint(out, back);
  uint8_t* at = changed_at + 2;
  uint16_t changed = 0;
  for (uint8_t i = 0; i < kFields; i++) {
    const uint8_t width = pgm_read_byte(&kWidths[i]);
    const int64_t difference = field_value(reading, width) - field_value(keyframe, width);
    if (difference != 0) {
      changed |= static_cast<uint16_t>(1u << i);
      const uint64_t twice = static_cast<uint64_t>(difference) << 1;
      at = put_varint(at, difference < 0 ? ~twice : twice);  // zig-zag
    }
    reading += width & 15;
    keyframe += width & 15;
  }
  put_be(changed_at, changed, 2);
  return static_cast<size_t>(at - out);
}

}  // namespace ohmstead

// The frame of docs/frame.md, as far as a board that sends readings and obeys commands needs it.
#pragma once

#include "bytes.h"
#include "sha256.h"

namespace ohmstead {

enum Kind : uint8_t {
  kKeyframe = 0x1,
  kDelta = 0x2,
  kAck = 0x3,
  kHello = 0x4,
  kEvent = 0x7,
  kCommand = 0x8,
  kTime = 0x9,
  kPrice = 0xA,
  kFragmentDown = 0xB,
  kResults = 0xC,
};

// Why bytes are no frame for us, with the numbers of RESULTS.
enum Fault : uint8_t {
  kNoFault = 0,
  kBadTag = 8,
  kUnknownNode = 9,
  kTruncated = 11,
  kOversized = 12,
  kBadMagic = 13,
  kBadVersion = 14,
  kBadType = 15,
  kMalformed = 16,
};

// What the gateway answers, as far as a sender distinguishes it.
enum Answer : uint8_t {
  kAccepted = 0,
  kDuplicate = 1,
  kMissingKeyframe = 5,
  kFutureTime = 6,
  kBusy = 7,
  kLastAnswer = 16,
};

enum AckResult : uint8_t { kApplied = 0, kRefused = 1, kExpired = 2, kCutoff = 3, kFailSafe = 4 };

enum EventKind : uint8_t { kOverCurrent = 1, kUnderVoltage = 2, kOverVoltage = 3 };

const uint8_t kNoPin = 0xFF;
const uint16_t kNoBattery = 0xFFFF;

enum Status : uint8_t {
  kGridPresent = 1,
  kTripped = 2,
  kClockNotSet = 8,
  kSpoolOverflowed = 16,
  kInFailSafe = 32,
};

const uint8_t kMaxFrame = 250;
const uint8_t kHeaderSize = 18;
const uint8_t kReadingSize = 48;
const uint8_t kAckSize = 16;
const uint8_t kEventSize = 6;
const uint8_t kHelloSize = 13;
const uint8_t kCommandSize = 19;
const uint8_t kMaxDeltaSize = 5 + 2 + 6 * 6 + 3 + 5 + 5 + 2 + 3 + 3 + 2 + 1;
// The longest frame this board sends: a delta whose every field changed by as much as it can.
const uint8_t kMaxUplink = kHeaderSize + kMaxDeltaSize + kTagSize;

struct Header {
  uint32_t node_id;
  uint32_t boot;
  uint32_t sequence;
  uint32_t time;  // Unix seconds, 0 = no clock
};

// Puts header and tag around the payload that lies at `buffer` + kHeaderSize; returns the frame's size.
size_t seal(uint8_t* buffer, Kind kind, const Header& header, size_t payload_size, const MacKey& key);

// Checks a downlink frame as far as its bytes alone can tell, in the order of docs/frame.md.
Fault examine(const uint8_t* frame, size_t size);

// Of an examined frame.
Header header_of(const uint8_t* frame);
inline Kind kind_of(const uint8_t* frame) { return static_cast<Kind>(frame[1] & 15); }

// The delta (back, changed fields, differences) between two readings, both as KEYFRAME payloads; `out`
// has kMaxDeltaSize bytes. Returns its size.
size_t put_delta(uint32_t back, const uint8_t* keyframe, const uint8_t* reading, uint8_t* out);

}  // namespace ohmstead

// One relay: commands, cut-off, local protection, fail-safe; docs/frame.md, COMMAND. Moves nothing by
// itself: the caller moves the contact to `closed()` and sends the acks.
#pragma once

#include "frame.h"

namespace ohmstead {

struct Ack {
  uint64_t command_id;
  uint8_t pin;
  bool closed;
  uint8_t result;
  uint64_t imported_wh;
};

void put_ack(uint8_t out[kAckSize], const Ack& ack);

struct Command {
  uint64_t id;
  uint8_t pin;
  bool closed;
  uint64_t cutoff_wh;
  uint32_t expires;
};

Command get_command(const uint8_t* payload);

// What of a relay survives a restart.
struct RelayState {
  uint64_t last_id;
  uint8_t last_result;
  bool closed;
  bool commanded;
  uint8_t cutoff_wh[5];
  uint8_t moved_wh[5];
};

class Relay {
 public:
  void begin(uint8_t pin, bool fail_safe_closed, uint32_t hold_ms);
  RelayState state() const;
  void restore(const RelayState& state);

  bool closed() const { return closed_; }
  bool tripped() const { return trip_ != kClear; }
  uint64_t last_id() const { return last_id_; }

  // Executes a command, or not. `now_s` is Unix time, 0 without a clock.
  Ack command(const Command& command, uint32_t now_s, uint32_t uptime_ms, uint64_t imported_wh);
  // Each of these returns true, and fills `ack`, if the contact moved.
  bool check_cutoff(uint64_t imported_wh, Ack* ack);
  // Protection opened it. After an over-current, closing again is for a person to ask; after a voltage out
  // of its limits it closes by itself when that is over.
  bool trip(bool by_voltage, uint32_t uptime_ms, uint64_t imported_wh, Ack* ack);
  bool voltage_back(uint64_t imported_wh, Ack* ack);
  bool link_lost(uint64_t imported_wh, Ack* ack);
  bool link_back(uint64_t imported_wh, Ack* ack);

 private:
  enum TripState : uint8_t { kClear, kByCurrent, kByVoltage };

  Ack ack(uint64_t command_id, uint8_t result) const;
  void move(bool closed, uint64_t imported_wh);
  bool cut_off(uint64_t imported_wh) const { return cutoff_wh_ > 0 && imported_wh >= cutoff_wh_; }
  bool held(uint32_t uptime_ms) const;
  bool wanted(uint64_t imported_wh) const;

  uint8_t pin_;
  bool fail_safe_closed_, fail_safe_, closed_, commanded_;
  TripState trip_;
  uint8_t last_result_;
  uint32_t hold_ms_, tripped_ms_;
  uint64_t last_id_, cutoff_wh_, moved_wh_;
};

}  // namespace ohmstead

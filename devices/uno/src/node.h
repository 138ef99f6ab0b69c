// The core of the node: measures, remembers, reports, obeys. Input and output are the caller's, but for the
// memory: what a frame tells is stored before the frame is handed out, so that a restart never goes back.
// Times are milliseconds since the start.
#pragma once

#include "frame.h"
#include "journal.h"
#include "metering.h"
#include "relay.h"

namespace ohmstead {

const uint8_t kFirmware[3] = {1, 0, 0};
const uint8_t kRelays = 4;

// What provisioning writes; see docs/hardware.md.
struct Config {
  uint8_t version;
  uint32_t node_id;
  uint8_t key[kKeySize];
  Calibration calibration;
  Limits limits;
  uint16_t hold_s;            // after a trip, before a relay may close again
  uint16_t fail_safe_s;       // silence of the gateway before relays fall to their fail-safe state
  uint8_t fail_safe_closed;   // bit i: relay Vi is closed then
  uint8_t active_low;         // 1: a relay's input is low to close it, as on most boards
  uint16_t reading_s;         // rhythm of readings
  uint16_t slot_s;            // the community's slots: a reading just before each end
  uint32_t base_price, lowest_price, highest_price;  // micro-rupees per kWh
};

const uint8_t kConfigVersion = 2;

// Changes with every command and start.
struct State {
  uint32_t boot;
  RelayState relays[kRelays];
};

// Changes with every reading.
struct Live {
  uint64_t imported_uws, exported_uws;
  uint32_t downlink_boot, downlink_sequence;
};

// Where they lie. A cell of the EEPROM takes 100 000 writes: with a reading a minute, 19 slots last 3.6 years of
// unbroken flow, and what wears out is passed over.
const uint8_t kConfigSlots = 2, kStateSlots = 3, kLiveSlots = 19;
const uint16_t kStateBase = kConfigSlots * (sizeof(Config) + kSlotOverhead);
const uint16_t kLiveBase = kStateBase + kStateSlots * (sizeof(State) + kSlotOverhead);
#ifdef __AVR__
static_assert(kLiveBase + kLiveSlots * (sizeof(Live) + kSlotOverhead) <= kMemorySize, "the EEPROM is full");
#endif

enum ResetCause : uint8_t { kPowerOn = 0, kWatchdog = 1, kBrownOut = 2, kSoftware = 3 };

class Node {
 public:
  Node();
  // Takes up what the memory holds and counts the boot. `rescued` is newer energy that a reset without
  // loss of power left behind, or null. False if the memory takes nothing: then the node stays silent.
  bool begin(const Config& config, ResetCause cause, const Live* rescued);

  // ---- measuring
  // Instead of `begin`: only measures, for calibration.
  void begin_measuring(const Calibration& calibration) { meter_.begin(calibration, 0, 0); }
  void recalibrate(const Calibration& calibration) { meter_.recalibrate(calibration); }
  // Windows without the rest.
  void measure(const Sums& windows);
  void windows(const Sums& windows, uint32_t now);
  void tripped(Trip trip, uint32_t now);
  void voltage_is_out(bool out, uint32_t now);
  void temperature(int16_t tenths) { temperature_dc_ = tenths; }

  // ---- link
  void receive(const uint8_t* frame, size_t size, uint32_t now);
  void tick(uint32_t now);
  // A frame to send now, new or repeated; 0 if there is none. Valid until the next call.
  size_t next_frame(uint32_t now, const uint8_t** frame);
  // Stores the energy at once: the mains is failing.
  void rescue();

  uint8_t contacts() const;  // bit i: relay Vi is to be closed
  Live live() const;
  const Measured& last() const { return meter_.last(); }
  int16_t temperature() const { return temperature_dc_; }
  uint32_t price() const;  // the local price, micro-rupees per kWh
  bool price_is_high() const { return price() > base_price(); }

 private:
  struct Reading {
    uint32_t time;
    uint64_t imported_wh : 40;
    uint64_t exported_wh : 40;
    Measured measured;
    int16_t temperature_dc;
    uint8_t relays, status;
  };
  struct Message {
    uint32_t time;
    uint8_t kind;
    uint8_t payload[kAckSize];
  };
  static const uint8_t kSpool = 9, kMessages = 6;

  uint32_t unix_s() const { return clock_set_ ? clock_s_ : 0; }
  uint64_t imported_wh() const { return meter_.imported_uws() / kUwsPerWh; }
  uint32_t base_price() const;
  uint8_t status() const;
  void count();
  bool keep_state();
  bool keep_live();
  void take_reading();
  bool reading_is_due(uint32_t now);
  void put(Kind kind, const uint8_t* payload, uint8_t size);
  void put_event(EventKind kind, int32_t value);
  void put_hello(uint32_t now);
  void moved(const Ack& ack);
  void heard(uint32_t now);
  bool obey(const uint8_t* payload, uint32_t now);
  void set_clock(const uint8_t* payload, uint32_t now);
  bool take_results(const uint8_t* payload, size_t size);
  void settle(uint8_t answer);
  void drop_reading(uint8_t index);
  void drop_message(uint8_t index);
  bool encode_next();
  size_t put_reading_payload(const Reading& reading, Kind* kind);

  const Config* config_;
  MacKey key_;
  Journal states_, lives_;
  Meter meter_;
  Relay relays_[kRelays];
  uint32_t boot_, sequence_;
  uint32_t downlink_boot_, downlink_sequence_;
  Live kept_;
  bool state_changed_;
  ResetCause cause_;

  // clock
  bool clock_set_;
  uint32_t clock_s_, clock_at_, told_at_;

  // rhythm
  uint32_t next_reading_, next_hello_, heard_at_, event_at_, voltage_right_at_;
  uint32_t slot_;
  bool fail_safe_, voltage_out_, event_sent_;
  int16_t temperature_dc_;
  uint32_t price_buy_, price_until_;

  // outbox: one frame is under way at a time; what it tells stays in its queue until it is answered
  Reading readings_[kSpool];
  Message messages_[kMessages];
  uint8_t reading_count_, message_count_, messages_in_a_row_;
  bool overflowed_;
  enum : uint8_t { kNothing, kAReading, kAMessage } under_way_;
  uint8_t frame_[kMaxUplink];
  uint8_t frame_size_;
  uint32_t sent_at_;
  bool sent_;
  uint8_t keyframe_[kReadingSize];
  uint32_t keyframe_sequence_;
  uint8_t since_keyframe_;  // 0 = there is none to count from
};

}  // namespace ohmstead

#include "node.h"

#include <string.h>

#include "price.h"

namespace ohmstead {
namespace {

const uint32_t kRepeatMs = 2000;
const uint32_t kHelloMs = 60000;
const uint32_t kAskTimeMs = 600000;  // the board's resonator strays up to half a per cent
const uint16_t kFirstReadingMs = 1500;  // a whole second is measured by then
const uint16_t kBeforeSlotEndMs = 400;
const uint8_t kKeyframeEvery = 16;
const uint16_t kCapabilities = 1 << 0 | 1 << 1;  // meter, relays
const uint8_t kHardware = 2;                     // Uno
const uint8_t kMostMessagesInARow = 3;           // then a reading, if one waits

bool reached(uint32_t now, uint32_t when) { return static_cast<int32_t>(now - when) >= 0; }

}  // namespace

Node::Node()
    : states_(kStateBase, sizeof(State), kStateSlots), lives_(kLiveBase, sizeof(Live), kLiveSlots) {}

bool Node::begin(const Config& config, ResetCause cause, const Live* rescued) {
  config_ = &config;
  key_.set(config.key);
  cause_ = cause;
  State state;
  const bool known = states_.load(&state);
  boot_ = (known ? state.boot : 0) + 1;
  for (uint8_t i = 0; i < kRelays; i++) {
    relays_[i].begin(i, config.fail_safe_closed >> i & 1, config.hold_s * 1000UL);
    if (known) relays_[i].restore(state.relays[i]);
  }
  if (!lives_.load(&kept_)) memset(&kept_, 0, sizeof kept_);
  Live live = kept_;
  if (rescued != 0 && rescued->imported_uws >= kept_.imported_uws &&
      rescued->exported_uws >= kept_.exported_uws) {
    live.imported_uws = rescued->imported_uws;
    live.exported_uws = rescued->exported_uws;
  }
  downlink_boot_ = live.downlink_boot;
  downlink_sequence_ = live.downlink_sequence;
  meter_.begin(config.calibration, live.imported_uws, live.exported_uws);
  sequence_ = 0;
  clock_set_ = fail_safe_ = voltage_out_ = event_sent_ = overflowed_ = sent_ = false;
  clock_s_ = clock_at_ = told_at_ = heard_at_ = event_at_ = voltage_right_at_ = sent_at_ = 0;
  next_hello_ = 0;
  next_reading_ = kFirstReadingMs;
  slot_ = 0;
  temperature_dc_ = 0;
  price_buy_ = price_until_ = 0;
  reading_count_ = message_count_ = messages_in_a_row_ = frame_size_ = since_keyframe_ = 0;
  keyframe_sequence_ = 0;
  under_way_ = kNothing;
  state_changed_ = true;
  return keep_state();  // a boot counts before its first frame
}

// ---- measuring -------------------------------------------------------------------------------------

void Node::measure(const Sums& windows) {
  meter_.add(windows);
  if (meter_.second_is_over()) meter_.close();
}

void Node::windows(const Sums& windows, uint32_t now) {
  meter_.add(windows);
  if (reading_is_due(now)) {
    take_reading();
  } else if (meter_.second_is_over()) {
    count();
  }
}

// Energy to this very moment, and what it cuts off.
void Node::count() {
  meter_.close();
  const uint64_t wh = imported_wh();
  Ack ack;
  for (uint8_t i = 0; i < kRelays; i++) {
    if (relays_[i].check_cutoff(wh, &ack)) moved(ack);
  }
}

void Node::tripped(Trip trip, uint32_t now) {
  const uint64_t wh = imported_wh();
  bool opened = false;
  Ack ack;
  for (uint8_t i = 0; i < kRelays; i++) {
    if (!relays_[i].trip(trip != kTripCurrent, now, wh, &ack)) continue;
    opened = true;
    moved(ack);
  }
  if (!opened && event_sent_ && !reached(now, event_at_ + config_->hold_s * 1000UL)) return;
  event_sent_ = true;
  event_at_ = now;
  const Measured& measured = meter_.last();
  if (trip == kTripCurrent) {
    put_event(kOverCurrent, static_cast<int32_t>(measured.current_ma & 0x7FFFFFFF));
  } else {
    put_event(trip == kTripLow ? kUnderVoltage : kOverVoltage, measured.voltage_dv);
  }
}

void Node::voltage_is_out(bool out, uint32_t now) {
  if (out) {
    voltage_out_ = true;
    voltage_right_at_ = now;
  } else if (voltage_out_ && reached(now, voltage_right_at_ + config_->hold_s * 1000UL)) {
    voltage_out_ = false;
    const uint64_t wh = imported_wh();
    Ack ack;
    for (uint8_t i = 0; i < kRelays; i++) {
      if (relays_[i].voltage_back(wh, &ack)) moved(ack);
    }
  }
}

uint8_t Node::contacts() const {
  uint8_t closed = 0;
  for (uint8_t i = 0; i < kRelays; i++) {
    if (relays_[i].closed()) closed = static_cast<uint8_t>(closed | 1 << i);
  }
  return closed;
}

uint8_t Node::status() const {
  uint8_t status = clock_set_ ? 0 : kClockNotSet;
  if (meter_.last().voltage_dv > config_->limits.low_dv / 2) status |= kGridPresent;
  for (uint8_t i = 0; i < kRelays; i++) {
    if (relays_[i].tripped()) status |= kTripped;
  }
  if (overflowed_) status |= kSpoolOverflowed;
  if (fail_safe_) status |= kInFailSafe;
  return status;
}

Live Node::live() const {
  return Live{meter_.imported_uws(), meter_.exported_uws(), downlink_boot_, downlink_sequence_};
}

void Node::rescue() {
  meter_.close();
  keep_live();
}

OUT_OF_LINE bool Node::keep_state() {
  if (!state_changed_) return true;
  State state;
  state.boot = boot_;
  for (uint8_t i = 0; i < kRelays; i++) state.relays[i] = relays_[i].state();
  state_changed_ = !states_.save(&state);
  return !state_changed_;
}

OUT_OF_LINE bool Node::keep_live() {
  const Live live = this->live();
  if (memcmp(&live, &kept_, sizeof live) == 0) return true;
  if (!lives_.save(&live)) return false;
  kept_ = live;
  return true;
}

bool Node::reading_is_due(uint32_t now) {
  if (now < kFirstReadingMs) return false;
  if (clock_set_) {
    const bool ending = now - clock_at_ >= 1000u - kBeforeSlotEndMs;
    const uint32_t slot = (clock_s_ + ending) / config_->slot_s;
    if (slot != slot_) {
      slot_ = slot;
      // Between slots' ends, at a phase of the node's own, so that nodes do not always speak together.
      const uint32_t phase = config_->node_id * 382 % 1000;
      next_reading_ = now + (500 + phase) * config_->reading_s;
      return true;
    }
  }
  if (!reached(now, next_reading_)) return false;
  next_reading_ = now + config_->reading_s * 1000UL;
  return true;
}

void Node::take_reading() {
  count();
  if (reading_count_ == kSpool) {
    // The oldest gives way, unless it is under way: newer registers hold its energy.
    drop_reading(under_way_ == kAReading ? 1 : 0);
    overflowed_ = true;
  }
  Reading& reading = readings_[reading_count_++];
  reading.time = unix_s();
  reading.imported_wh = imported_wh();
  reading.exported_wh = meter_.exported_uws() / kUwsPerWh;
  reading.measured = meter_.last();
  reading.temperature_dc = temperature_dc_;
  reading.relays = contacts();
  reading.status = status();
}

// ---- price -----------------------------------------------------------------------------------------

uint32_t Node::base_price() const {
  return clock_set_ && clock_s_ < price_until_ ? price_buy_ : config_->base_price;
}

uint32_t Node::price() const {
  const int32_t power = meter_.last().power_w;
  const uint32_t demand = power > 0 ? static_cast<uint32_t>(power) : 0;
  const uint32_t solar = power < 0 ? static_cast<uint32_t>(-power) : 0;
  return local_price(base_price(), demand, solar, config_->lowest_price, config_->highest_price);
}

// ---- outbox ----------------------------------------------------------------------------------------

void Node::put(Kind kind, const uint8_t* payload, uint8_t size) {
  // A lost ack is asked for again by the command's repetition.
  if (message_count_ == kMessages) drop_message(under_way_ == kAMessage ? 1 : 0);
  Message& message = messages_[message_count_++];
  message.time = unix_s();
  message.kind = kind;
  memcpy(message.payload, payload, size);
}

void Node::put_event(EventKind kind, int32_t value) {
  uint8_t payload[kEventSize] = {kind, kNoPin};
  put_be(payload + 2, static_cast<uint32_t>(value), 4);
  put(kEvent, payload, sizeof payload);
}

void Node::put_hello(uint32_t now) {
  uint8_t payload[kHelloSize] = {kHardware, kFirmware[0], kFirmware[1], kFirmware[2]};
  put_be(payload + 4, kCapabilities, 2);
  payload[6] = cause_;
  put_be(payload + 7, now / 1000, 4);
  put_be(payload + 11, reading_count_ + message_count_, 2);
  put(kHello, payload, sizeof payload);
  // A frame without time asks for it.
  if (!clock_set_ || now - told_at_ >= kAskTimeMs) messages_[message_count_ - 1].time = 0;
}

void Node::moved(const Ack& ack) {
  uint8_t payload[kAckSize];
  put_ack(payload, ack);
  put(kAck, payload, sizeof payload);
  state_changed_ = true;
}

void Node::drop_reading(uint8_t index) {
  reading_count_--;
  memmove(readings_ + index, readings_ + index + 1, (reading_count_ - index) * sizeof(Reading));
}

void Node::drop_message(uint8_t index) {
  message_count_--;
  memmove(messages_ + index, messages_ + index + 1, (message_count_ - index) * sizeof(Message));
}

OUT_OF_LINE size_t Node::put_reading_payload(const Reading& reading, Kind* kind) {
  uint8_t whole[kReadingSize];
  // One sensor at the connection: what flows in is consumed, what flows out was generated.
  put_be(whole, reading.exported_wh, 5);
  put_be(whole + 5, reading.imported_wh, 5);
  put_be(whole + 10, reading.exported_wh, 5);
  put_be(whole + 15, reading.imported_wh, 5);
  memset(whole + 20, 0, 10);
  put_be(whole + 30, reading.measured.voltage_dv, 2);
  put_be(whole + 32, reading.measured.current_ma, 4);
  put_be(whole + 36, static_cast<uint32_t>(reading.measured.power_w), 4);
  put_be(whole + 40, static_cast<uint16_t>(reading.measured.power_factor_pm), 2);
  put_be(whole + 42, static_cast<uint16_t>(reading.temperature_dc), 2);
  put_be(whole + 44, kNoBattery, 2);
  whole[46] = reading.relays;
  whole[47] = reading.status;
  uint8_t* const payload = frame_ + kHeaderSize;
  if (since_keyframe_ != 0 && since_keyframe_ < kKeyframeEvery) {
    since_keyframe_++;
    *kind = kDelta;
    return put_delta(sequence_ - keyframe_sequence_, keyframe_, whole, payload);
  }
  memcpy(keyframe_, whole, sizeof whole);
  memcpy(payload, whole, sizeof whole);
  keyframe_sequence_ = sequence_;
  since_keyframe_ = 1;
  *kind = kKeyframe;
  return kReadingSize;
}

// Makes the next frame in `frame_`; what it tells is stored first.
bool Node::encode_next() {
  if (!keep_state()) return false;
  const bool message = message_count_ > 0 && (reading_count_ == 0 || messages_in_a_row_ < kMostMessagesInARow);
  if (!message && reading_count_ == 0) return false;
  Header header = {config_->node_id, boot_, sequence_ + 1, 0};
  Kind kind;
  size_t size;
  if (message) {
    const Message& next = messages_[0];
    kind = static_cast<Kind>(next.kind);
    size = kind == kAck ? kAckSize : kind == kHello ? kHelloSize : kEventSize;
    header.time = next.time;
    sequence_++;
    memcpy(frame_ + kHeaderSize, next.payload, size);
    messages_in_a_row_++;
  } else {
    const Reading& next = readings_[0];
    if (next.imported_wh > kept_.imported_uws / kUwsPerWh ||
        next.exported_wh > kept_.exported_uws / kUwsPerWh) {
      if (!keep_live()) return false;
    }
    header.time = next.time;
    sequence_++;
    size = put_reading_payload(next, &kind);
    messages_in_a_row_ = 0;
  }
  under_way_ = message ? kAMessage : kAReading;
  sent_ = false;
  frame_size_ = static_cast<uint8_t>(seal(frame_, kind, header, size, key_));
  return true;
}

size_t Node::next_frame(uint32_t now, const uint8_t** frame) {
  if (under_way_ == kNothing && !encode_next()) return 0;
  if (sent_ && !reached(now, sent_at_ + kRepeatMs)) return 0;
  sent_ = true;
  sent_at_ = now;
  *frame = frame_;
  return frame_size_;
}

// The gateway said what became of the frame under way.
void Node::settle(uint8_t answer) {
  if (answer == kBusy) return;  // repeated later, the same bytes
  const bool reading = under_way_ == kAReading;
  under_way_ = kNothing;
  if (answer == kAccepted || answer == kDuplicate) {
    if (reading && readings_[0].status & kSpoolOverflowed) overflowed_ = false;  // the gateway knows
  } else if (reading && keyframe_sequence_ == sequence_) {
    since_keyframe_ = 0;  // deltas would have nothing to count from
  }
  if (answer == kFutureTime) {
    clock_set_ = false;
    if (!reading) {
      messages_[0].time = 0;
      return;  // sent again without a time; a reading is measured again
    }
  }
  if (answer == kMissingKeyframe && reading) {
    since_keyframe_ = 0;
    return;  // sent again as a keyframe
  }
  if (reading) {
    drop_reading(0);
  } else {
    drop_message(0);
  }
}

// ---- link ------------------------------------------------------------------------------------------

void Node::receive(const uint8_t* frame, size_t size, uint32_t now) {
  if (examine(frame, size) != kNoFault) return;
  const Header header = header_of(frame);
  if (header.node_id != config_->node_id) return;
  if (!key_.verifies(frame, size - kTagSize, frame + size - kTagSize)) return;
  const uint8_t* const payload = frame + kHeaderSize;
  const Kind kind = kind_of(frame);
  if (kind == kResults) {
    if (take_results(payload, size - kHeaderSize - kTagSize)) heard(now);
    return;
  }
  if (kind == kCommand) {
    if (obey(payload, now)) heard(now);
    return;
  }
  const bool newer = header.boot > downlink_boot_ ||
                     (header.boot == downlink_boot_ && header.sequence > downlink_sequence_);
  if (kind == kFragmentDown || !newer) return;  // no message to this board is longer than a frame
  downlink_boot_ = header.boot;
  downlink_sequence_ = header.sequence;
  if (!keep_live()) return;  // a replay after a restart would be believed
  heard(now);
  if (kind == kTime) {
    set_clock(payload, now);
  } else {
    price_buy_ = get_u32(payload);
    price_until_ = get_u32(payload + 8);
  }
}

// True if it is news, which no repetition of an old frame is.
bool Node::take_results(const uint8_t* payload, size_t size) {
  bool news = false;
  for (size_t at = 0; at < size; at += 9) {
    const bool ours = get_u32(payload + at) == boot_ && get_u32(payload + at + 4) == sequence_;
    if (!ours || under_way_ == kNothing || !sent_) continue;
    news = true;
    settle(payload[at + 8]);
  }
  return news;
}

bool Node::obey(const uint8_t* payload, uint32_t now) {
  const Command command = get_command(payload);
  if (command.pin >= kRelays) return false;
  Relay& relay = relays_[command.pin];
  const bool news = command.id > relay.last_id();
  moved(relay.command(command, unix_s(), now, imported_wh()));
  return news;
}

void Node::set_clock(const uint8_t* payload, uint32_t now) {
  clock_s_ = get_u32(payload);
  clock_at_ = now - static_cast<uint16_t>(get_be(payload + 4, 2));
  told_at_ = now;
  clock_set_ = true;
}

void Node::heard(uint32_t now) {
  heard_at_ = now;
  if (!fail_safe_) return;
  fail_safe_ = false;
  const uint64_t wh = imported_wh();
  Ack ack;
  for (uint8_t i = 0; i < kRelays; i++) {
    if (relays_[i].link_back(wh, &ack)) moved(ack);
  }
}

void Node::tick(uint32_t now) {
  while (clock_set_ && now - clock_at_ >= 1000) {
    clock_s_++;
    clock_at_ += 1000;
  }
  if (reached(now, next_hello_)) {
    next_hello_ = now + kHelloMs;
    put_hello(now);
  }
  if (fail_safe_ || now - heard_at_ < config_->fail_safe_s * 1000UL) return;
  fail_safe_ = true;
  const uint64_t wh = imported_wh();
  Ack ack;
  for (uint8_t i = 0; i < kRelays; i++) {
    if (relays_[i].link_lost(wh, &ack)) moved(ack);
  }
}

}  // namespace ohmstead

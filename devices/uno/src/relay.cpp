#include "relay.h"

namespace ohmstead {

void put_ack(uint8_t out[kAckSize], const Ack& ack) {
  put_be(out, ack.command_id, 8);
  out[8] = ack.pin;
  out[9] = ack.closed;
  out[10] = ack.result;
  put_be(out + 11, ack.imported_wh, 5);
}

Command get_command(const uint8_t* payload) {
  return Command{get_be(payload, 8), payload[8], payload[9] != 0, get_be(payload + 10, 5),
                 get_u32(payload + 15)};
}

void Relay::begin(uint8_t pin, bool fail_safe_closed, uint32_t hold_ms) {
  pin_ = pin;
  fail_safe_closed_ = closed_ = commanded_ = fail_safe_closed;
  hold_ms_ = hold_ms;
  fail_safe_ = false;
  trip_ = kClear;
  last_result_ = kApplied;
  tripped_ms_ = 0;
  last_id_ = cutoff_wh_ = moved_wh_ = 0;
}

RelayState Relay::state() const {
  RelayState state;
  state.last_id = last_id_;
  state.last_result = last_result_;
  state.closed = closed_;
  state.commanded = commanded_;
  put_be(state.cutoff_wh, cutoff_wh_, 5);
  put_be(state.moved_wh, moved_wh_, 5);
  return state;
}

void Relay::restore(const RelayState& state) {
  last_id_ = state.last_id;
  last_result_ = state.last_result;
  closed_ = state.closed;
  commanded_ = state.commanded;
  cutoff_wh_ = get_be(state.cutoff_wh, 5);
  moved_wh_ = get_be(state.moved_wh, 5);
}

Ack Relay::ack(uint64_t command_id, uint8_t result) const {
  return Ack{command_id, pin_, closed_, result, moved_wh_};
}

void Relay::move(bool closed, uint64_t imported_wh) {
  if (closed == closed_) return;
  closed_ = closed;
  moved_wh_ = imported_wh;
}

bool Relay::held(uint32_t uptime_ms) const {
  return trip_ == kByVoltage || (trip_ == kByCurrent && uptime_ms - tripped_ms_ < hold_ms_);
}

bool Relay::wanted(uint64_t imported_wh) const {
  return trip_ == kClear && !cut_off(imported_wh) && commanded_;
}

Ack Relay::command(const Command& command, uint32_t now_s, uint32_t uptime_ms, uint64_t imported_wh) {
  if (command.id < last_id_) return ack(command.id, kApplied);
  if (command.id == last_id_) return ack(command.id, last_result_);
  last_id_ = command.id;
  if (command.expires != 0 && (now_s == 0 || now_s > command.expires)) {
    last_result_ = kExpired;
  } else if (command.closed && held(uptime_ms)) {
    last_result_ = kRefused;
  } else {
    commanded_ = command.closed;
    cutoff_wh_ = command.closed ? command.cutoff_wh : 0;
    if (trip_ == kByCurrent) trip_ = kClear;
    const bool reached = cut_off(imported_wh);
    move(command.closed && !reached, imported_wh);
    last_result_ = reached ? kCutoff : kApplied;
  }
  return ack(command.id, last_result_);
}

bool Relay::check_cutoff(uint64_t imported_wh, Ack* out) {
  if (!closed_ || !cut_off(imported_wh)) return false;
  move(false, imported_wh);
  last_result_ = kCutoff;
  *out = ack(last_id_, kCutoff);
  return true;
}

bool Relay::trip(bool by_voltage, uint32_t uptime_ms, uint64_t imported_wh, Ack* out) {
  if (by_voltage) {
    if (trip_ == kClear) trip_ = kByVoltage;
  } else if (closed_) {
    trip_ = kByCurrent;
    tripped_ms_ = uptime_ms;
    commanded_ = false;
  }
  if (!closed_) return false;
  move(false, imported_wh);
  *out = ack(0, kRefused);
  return true;
}

bool Relay::voltage_back(uint64_t imported_wh, Ack* out) {
  if (trip_ != kByVoltage) return false;
  trip_ = kClear;
  const bool closing = fail_safe_ ? fail_safe_closed_ && !cut_off(imported_wh) : wanted(imported_wh);
  if (closing == closed_) return false;
  move(closing, imported_wh);
  *out = fail_safe_ ? ack(0, kFailSafe) : ack(last_id_, last_result_);
  return true;
}

bool Relay::link_lost(uint64_t imported_wh, Ack* out) {
  fail_safe_ = true;
  const bool blocked = tripped() || cut_off(imported_wh);
  if (closed_ == fail_safe_closed_ || (fail_safe_closed_ && blocked)) return false;
  move(fail_safe_closed_, imported_wh);
  *out = ack(0, kFailSafe);
  return true;
}

bool Relay::link_back(uint64_t imported_wh, Ack* out) {
  fail_safe_ = false;
  if (closed_ == wanted(imported_wh)) return false;
  move(!closed_, imported_wh);
  *out = ack(last_id_, last_result_);
  return true;
}

}  // namespace ohmstead

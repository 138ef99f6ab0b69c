// The node on an Arduino Uno: samples, protects, reports over the serial line. See docs/hardware.md.
#include <avr/io.h>
#include <avr/wdt.h>
#include <string.h>

#include "board.h"
#include "cobs.h"
#include "console.h"
#include "node.h"

using namespace ohmstead;

namespace {

Config config;
Journal configs(0, sizeof(Config), kConfigSlots);
Node node;

// The longest frame for this board is RESULTS, and it waits for one answer at a time: room for thirteen.
uint8_t packet[160];
uint8_t packet_size;
bool packet_too_long;

// What a reset without loss of power leaves behind.
struct Rescued {
  Live live;
  uint32_t checksum;
};
Rescued rescued __attribute__((section(".noinit")));
uint32_t restart_asked __attribute__((section(".noinit")));
const uint32_t kAsked = 0x4F524249;

uint8_t reset_flags __attribute__((section(".noinit")));
uint8_t flags_from_bootloader __attribute__((section(".noinit")));

uint32_t rescued_checksum() {
  return crc32(kAsked, reinterpret_cast<const uint8_t*>(&rescued.live), sizeof rescued.live);
}

uint8_t flags_of_reset() { return reset_flags != 0 ? reset_flags : flags_from_bootloader; }

// True if the memory had power all the time.
bool memory_had_power() { return flags_of_reset() != 0 && (flags_of_reset() & 1 << PORF) == 0; }

ResetCause reset_cause() {
  const uint8_t flags = flags_of_reset();
  if (restart_asked == kAsked) return kSoftware;
  if (flags & 1 << PORF) return kPowerOn;
  if (flags & 1 << WDRF) return kWatchdog;
  return flags & 1 << BORF ? kBrownOut : kPowerOn;
}

OUT_OF_LINE void send(const uint8_t* frame, size_t size) {
  uint8_t stuffed[kMaxUplink + 1];
  const size_t stuffed_size = cobs_encode(frame, size, stuffed);
  serial_write(0);  // ends whatever noise came before
  for (size_t i = 0; i < stuffed_size; i++) serial_write(stuffed[i]);
  serial_write(0);
}

// Takes bytes up to the end of one packet; true if the node has heard something.
OUT_OF_LINE bool receive() {
  for (int16_t byte = serial_read(); byte >= 0; byte = serial_read()) {
    if (byte != 0) {
      if (packet_size == sizeof packet) packet_too_long = true;
      if (!packet_too_long) packet[packet_size++] = static_cast<uint8_t>(byte);
      continue;
    }
    const int16_t size = packet_too_long ? -1 : cobs_decode(packet, packet_size);
    packet_size = 0;
    packet_too_long = false;
    if (size > 0) {
      node.receive(packet, static_cast<size_t>(size), board_now());
      return true;
    }
  }
  return false;
}

OUT_OF_LINE bool take_windows() {
  Sums windows;
  if (!board_windows(&windows)) return false;
  board_alive();  // only while there is something to measure
  node.temperature(board_temperature());
  node.windows(windows, board_now());
  node.voltage_is_out(board_voltage_is_out(), board_now());
  rescued.live = node.live();
  rescued.checksum = rescued_checksum();
  return true;
}

void run() {
  bool was_failing = true;  // a supply that is still rising is no failure
  for (;;) {
    const bool measured = take_windows();
    const bool heard = receive();
    if (!measured && !heard) {
      board_sleep();
      continue;
    }
    const uint8_t trips = board_trips();
    for (uint8_t trip = kTripCurrent; trip <= kTripHigh; trip++) {
      if (trips >> trip & 1) node.tripped(static_cast<Trip>(trip), board_now());
    }
    board_trips_handled(trips);
    node.tick(board_now());
    board_relays(node.contacts());
    board_lamp(node.price_is_high());
    const bool failing = board_mains_is_failing();
    if (failing && !was_failing) node.rescue();
    was_failing = failing;
    const uint8_t* frame;
    const size_t size = node.next_frame(board_now(), &frame);
    if (size > 0) send(frame, size);
  }
}

}  // namespace

// The bootloader clears the reset's cause and leaves it in r2; without one it is still in its register.
void keep_reset_flags() __attribute__((naked, used, section(".init3")));
void keep_reset_flags() {
  __asm__ volatile("sts %0, r2" : : "i"(&flags_from_bootloader));
  reset_flags = MCUSR;
  MCUSR = 0;
  wdt_disable();
}

int main() {
  board_begin();
  const ResetCause cause = reset_cause();
  restart_asked = 0;
  if (!configs.load(&config) || config.version != kConfigVersion) set_defaults(config);
  if (board_program_jumper() || !config_is_complete(config)) {
    restart_asked = kAsked;  // the console ends with a restart
    console_run(config, configs, node, reinterpret_cast<char*>(packet), sizeof packet);
  }
  const bool kept = memory_had_power() && rescued.checksum == rescued_checksum();
  if (!node.begin(config, cause, kept ? &rescued.live : 0)) {
    for (;;) {  // no frame may be sent that a restart would contradict; relays stay open
      board_alive();
    }
  }
  board_sample(config.limits, config.calibration, config.active_low != 0);
  run();
}

// For tests on this machine: journals and relays, and a memory that fails as told.
#include <string.h>

#include "journal.h"
#include "relay.h"

namespace {

uint8_t cells[ohmstead::kMemorySize];
long writes_left = -1;
long worn = -1;
long wear[ohmstead::kMemorySize];

ohmstead::Journal* journal;
ohmstead::Relay relay;

}  // namespace

namespace ohmstead {

uint8_t memory_read(uint16_t address) { return cells[address]; }

// Power fails in the middle of the last write: the byte stays erased, and nothing is written after it.
void memory_write(uint16_t address, uint8_t value) {
  if (cells[address] == value || writes_left == 0) return;
  wear[address]++;
  if (address == worn) return;
  if (writes_left > 0 && --writes_left == 0) value = 0xFF;
  cells[address] = value;
}

}  // namespace ohmstead

extern "C" {

void memory_fill(uint8_t value) {
  memset(cells, value, sizeof cells);
  memset(wear, 0, sizeof wear);
  writes_left = worn = -1;
}
void memory_cut(long writes) { writes_left = writes; }
void memory_wear_out(long address) { worn = address; }
long memory_most_worn() {
  long most = 0;
  for (long count : wear) most = count > most ? count : most;
  return most;
}

void journal_begin(uint16_t base, uint8_t size, uint8_t slots) {
  delete journal;
  journal = new ohmstead::Journal(base, size, slots);
}
int journal_load(void* record) { return journal->load(record); }
int journal_save(const void* record) { return journal->save(record); }

void relay_begin(int fail_safe_closed, uint32_t hold_ms) { relay.begin(0, fail_safe_closed != 0, hold_ms); }
int relay_closed() { return relay.closed(); }

// Event 'c'ommand, cut-'o'ff check, 'i' over-current, 'v'oltage out, voltage 'b'ack, 'l'ink lost, link bac'k'.
// True if there is an ack: id, pin, closed, result, imported_wh.
int relay_event(char what, const uint64_t command[4], uint32_t now_s, uint32_t uptime_ms, uint64_t wh, uint64_t out[5]) {
  ohmstead::Ack ack = ohmstead::Ack();
  bool moved = true;
  const ohmstead::Command given = {command[0], 0, command[1] != 0, command[2], static_cast<uint32_t>(command[3])};
  if (what == 'c') ack = relay.command(given, now_s, uptime_ms, wh);
  if (what == 'o') moved = relay.check_cutoff(wh, &ack);
  if (what == 'i') moved = relay.trip(false, uptime_ms, wh, &ack);
  if (what == 'v') moved = relay.trip(true, uptime_ms, wh, &ack);
  if (what == 'b') moved = relay.voltage_back(wh, &ack);
  if (what == 'l') moved = relay.link_lost(wh, &ack);
  if (what == 'k') moved = relay.link_back(wh, &ack);
  const ohmstead::RelayState kept = relay.state();  // and what is kept is enough
  ohmstead::Relay other = relay;
  other.restore(kept);
  relay = other;
  if (!moved) return 0;
  out[0] = ack.command_id, out[1] = ack.pin, out[2] = ack.closed, out[3] = ack.result, out[4] = ack.imported_wh;
  return 1;
}

}

// Records that outlive power, in a memory whose cells wear out.
//
// A journal writes its record to one slot after another, each with a number and a checksum, so that every
// cell takes its share of the wear. A write that power interrupts damages only the slot it was made to:
// its checksum fails and the record before it counts. What is written is read back; a slot that has
// worn out is passed over.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace ohmstead {

const uint16_t kMemorySize = 1024;
const uint8_t kSlotOverhead = 5;  // number and CRC-32

// The memory itself; whoever links this provides it.
uint8_t memory_read(uint16_t address);
void memory_write(uint16_t address, uint8_t value);

uint32_t crc32(uint32_t crc, const uint8_t* data, size_t size);  // start with 0

class Journal {
 public:
  Journal(uint16_t base, uint8_t record_size, uint8_t slots)
      : base_(base), size_(record_size), slots_(slots), newest_(kNone), number_(0) {}

  // Copies the newest whole record to `record`; false if there is none.
  bool load(void* record);
  // Returns when `record` is stored, false if no slot takes it any more.
  bool save(const void* record);

 private:
  static const uint8_t kNone = 0xFF;

  uint16_t slot(uint8_t index) const {
    return static_cast<uint16_t>(base_ + index * (size_ + kSlotOverhead));
  }
  uint32_t checksum(uint8_t index) const;
  bool whole(uint8_t index) const;

  uint16_t base_;
  uint8_t size_, slots_, newest_, number_;
};

}  // namespace ohmstead

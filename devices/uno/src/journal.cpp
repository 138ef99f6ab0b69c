#include "journal.h"

#include "bytes.h"

namespace ohmstead {

uint32_t crc32(uint32_t crc, const uint8_t* data, size_t size) {
  crc = ~crc;
  for (size_t i = 0; i < size; i++) {
    crc ^= data[i];
    for (uint8_t bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
  }
  return ~crc;
}

// Over record, number and place: a slot of another journal's layout does not pass for one of this.
uint32_t Journal::checksum(uint8_t index) const {
  const uint16_t at = slot(index);
  uint8_t place[2];
  put_be(place, at, 2);
  uint32_t crc = crc32(0, place, 2);
  for (uint16_t i = 0; i <= size_; i++) {
    const uint8_t byte = memory_read(static_cast<uint16_t>(at + i));
    crc = crc32(crc, &byte, 1);
  }
  return crc;
}

bool Journal::whole(uint8_t index) const {
  uint8_t stored[4];
  for (uint8_t i = 0; i < 4; i++) {
    stored[i] = memory_read(static_cast<uint16_t>(slot(index) + size_ + 1 + i));
  }
  return checksum(index) == get_u32(stored);
}

bool Journal::load(void* record) {
  newest_ = kNone;
  for (uint8_t i = 0; i < slots_; i++) {
    if (!whole(i)) continue;
    const uint8_t number = memory_read(static_cast<uint16_t>(slot(i) + size_));
    // Numbers run round: of two, the newer is less than half the way ahead.
    if (newest_ == kNone || static_cast<int8_t>(number - number_) > 0) {
      newest_ = i;
      number_ = number;
    }
  }
  if (newest_ == kNone) return false;
  for (uint8_t i = 0; i < size_; i++) {
    static_cast<uint8_t*>(record)[i] = memory_read(static_cast<uint16_t>(slot(newest_) + i));
  }
  return true;
}

bool Journal::save(const void* record) {
  const uint8_t number = static_cast<uint8_t>(number_ + 1);
  uint8_t index = newest_;
  for (uint8_t tried = 0; tried < slots_; tried++) {
    index = index == kNone || index + 1 >= slots_ ? 0 : static_cast<uint8_t>(index + 1);
    if (index == newest_) return false;  // never over the only record there is
    const uint16_t at = slot(index);
    for (uint8_t i = 0; i < size_; i++) {
      memory_write(static_cast<uint16_t>(at + i), static_cast<const uint8_t*>(record)[i]);
    }
    memory_write(static_cast<uint16_t>(at + size_), number);
    uint8_t crc[4];
    put_be(crc, checksum(index), 4);
    for (uint8_t i = 0; i < 4; i++) memory_write(static_cast<uint16_t>(at + size_ + 1 + i), crc[i]);
    bool good = whole(index);
    for (uint8_t i = 0; good && i < size_; i++) {
      good = memory_read(static_cast<uint16_t>(at + i)) == static_cast<const uint8_t*>(record)[i];
    }
    if (!good) continue;
    newest_ = index;
    number_ = number;
    return true;
  }
  return false;
}

}  // namespace ohmstead

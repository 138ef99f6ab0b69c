#include "bridge.h"

#include <string.h>

#include "cobs.h"
#include "frame.h"
#include "metering.h"
#include "price.h"

using namespace ohmstead;

namespace {

uint16_t price(const uint8_t* in, uint8_t* out) {
  uint32_t a[5];
  for (uint8_t i = 0; i < 5; i++) a[i] = get_u32(in + 4 * i);
  put_be(out, static_cast<uint32_t>(local_price_unclipped(a[0], a[1], a[2])), 4);
  put_be(out + 4, local_price(a[0], a[1], a[2], a[3], a[4]), 4);
  return 8;
}

// Key, kind, header, payload -> frame.
uint16_t sealed(const uint8_t* in, uint16_t size, uint8_t* out) {
  MacKey key;
  key.set(in);
  const uint8_t* const at = in + kKeySize + 1;
  const Header header = {get_u32(at), get_u32(at + 4), get_u32(at + 8), get_u32(at + 12)};
  const uint16_t payload = static_cast<uint16_t>(size - kKeySize - 17);
  memcpy(out + kHeaderSize, at + 16, payload);
  return static_cast<uint16_t>(seal(out, static_cast<Kind>(in[kKeySize]), header, payload, key));
}

// Key, frame -> fault, kind, header.
uint16_t opened(const uint8_t* in, uint16_t size, uint8_t* out) {
  const uint8_t* const frame = in + kKeySize;
  const uint16_t frame_size = static_cast<uint16_t>(size - kKeySize);
  out[0] = examine(frame, frame_size);
  if (out[0] != kNoFault) return 1;
  MacKey key;
  key.set(in);
  const uint16_t signed_size = static_cast<uint16_t>(frame_size - kTagSize);
  if (!key.verifies(frame, signed_size, frame + signed_size)) out[0] = kBadTag;
  const Header header = header_of(frame);
  out[1] = kind_of(frame);
  put_be(out + 2, header.node_id, 4);
  put_be(out + 6, header.boot, 4);
  put_be(out + 10, header.sequence, 4);
  put_be(out + 14, header.time, 4);
  return 18;
}

// Calibration and sums -> the meter's result.
uint16_t metered(const uint8_t* in, uint8_t* out) {
  const Calibration calibration = {get_u32(in), get_u32(in + 4), static_cast<int16_t>(get_be(in + 8, 2)),
                                   static_cast<uint16_t>(get_be(in + 10, 2)), 1};
  in += 12;
  Sums sums = Sums();
  sums.pairs = static_cast<uint16_t>(get_be(in, 2));
  sums.v = static_cast<int32_t>(get_u32(in + 2));
  sums.i = static_cast<int32_t>(get_u32(in + 6));
  sums.vv = get_u32(in + 10);
  sums.ii = get_u32(in + 14);
  sums.before = static_cast<int32_t>(get_u32(in + 18));
  sums.after = static_cast<int32_t>(get_u32(in + 22));
  Meter meter;
  meter.begin(calibration, 0, 0);
  meter.add(sums);
  meter.close();
  const Measured& last = meter.last();
  put_be(out, last.voltage_dv, 2);
  put_be(out + 2, last.current_ma, 4);
  put_be(out + 6, static_cast<uint32_t>(last.power_w), 4);
  put_be(out + 10, static_cast<uint16_t>(last.power_factor_pm), 2);
  put_be(out + 12, meter.imported_uws(), 8);
  put_be(out + 20, meter.exported_uws(), 8);
  return 28;
}

}  // namespace

uint16_t bridge(uint8_t op, const uint8_t* in, uint16_t size, uint8_t* out) {
  switch (op) {
    case 'p':
      return price(in, out);
    case 's':
      return sealed(in, size, out);
    case 'o':
      return opened(in, size, out);
    case 'd':
      return static_cast<uint16_t>(put_delta(get_u32(in), in + 4, in + 4 + kReadingSize, out));
    case 'e':
      return static_cast<uint16_t>(cobs_encode(in, size, out));
    case 'c': {
      memcpy(out + 1, in, size);
      const int16_t got = cobs_decode(out + 1, size);
      out[0] = got >= 0;
      return static_cast<uint16_t>(1 + (got < 0 ? 0 : got));
    }
    case 'm':
      return metered(in, out);
    default:
      return 0;
  }
}

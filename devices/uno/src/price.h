// The local price (docs/markets.md): p = base + 0.15 (demand - 5.0) + 0.05 (1.0 - solar / 5.0) in Rs
// per kWh and kW. In watts and micro-rupees every factor is whole and nothing leaves 32 signed bits.
#pragma once

#include <stdint.h>

namespace ohmstead {

const uint32_t kMaxBase = 1000000000;  // micro-rupees per kWh
const uint32_t kMaxPower = 2000000;    // W

inline int32_t local_price_unclipped(uint32_t base, uint32_t demand_w, uint32_t solar_w) {
  return static_cast<int32_t>(base) + 150 * (static_cast<int32_t>(demand_w) - 5000) + 50000 -
         10 * static_cast<int32_t>(solar_w);
}

// Within `low`..`high`; arguments beyond their ranges count as the range's end.
inline uint32_t local_price(uint32_t base, uint32_t demand_w, uint32_t solar_w, uint32_t low,
                            uint32_t high) {
  if (base > kMaxBase) base = kMaxBase;
  if (demand_w > kMaxPower) demand_w = kMaxPower;
  if (solar_w > kMaxPower) solar_w = kMaxPower;
  const int32_t price = local_price_unclipped(base, demand_w, solar_w);
  if (price < 0 || static_cast<uint32_t>(price) < low) return low;
  return static_cast<uint32_t>(price) > high ? high : static_cast<uint32_t>(price);
}

}  // namespace ohmstead

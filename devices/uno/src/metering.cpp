#include "metering.h"

namespace ohmstead {
namespace {

const uint8_t kTripWindows = 10;
const uint8_t kRightWindows = 50;
const uint16_t kHalfStepUs = kPairUs / 2;
// The mean of two voltages 200 us apart is lower than the voltage between them: 1 / cos(pi 50 Hz 200 us).
const uint16_t kInterpolationPpm = 494;

// Square of `value` (in thousandths of what `per_count` is in) in counts times pairs; none = never reached.
uint32_t threshold(uint64_t value, uint32_t per_count, uint32_t none) {
  if (value == 0) return none;
  const uint64_t counts = value * kPairs / per_count;
  return counts > 0xFFFF ? 0xFFFFFFFF : static_cast<uint32_t>(counts) * static_cast<uint32_t>(counts);
}

// Pairs times the sum of squares, less the square of the sum: a window's variance times pairs squared.
uint32_t spread(uint32_t squares, int32_t sum) {
  return squares * kPairs - static_cast<uint32_t>(sum) * static_cast<uint32_t>(sum);
}

uint64_t spread_of_many(uint16_t pairs, uint32_t squares, int32_t sum) {
  return static_cast<uint64_t>(squares) * pairs - static_cast<uint64_t>(static_cast<int64_t>(sum) * sum);
}

}  // namespace

uint32_t square_root(uint64_t value) {
  uint64_t root = 0, bit = static_cast<uint64_t>(1) << 62;
  while (bit > value) bit >>= 2;
  while (bit != 0) {
    if (value >= root + bit) {
      value -= root + bit;
      root = (root >> 1) + bit;
    } else {
      root >>= 1;
    }
    bit >>= 2;
  }
  return static_cast<uint32_t>(root);
}

// ---- meter -----------------------------------------------------------------------------------------

void Meter::begin(const Calibration& calibration, uint64_t imported_uws, uint64_t exported_uws) {
  calibration_ = calibration;
  imported_uws_ = imported_uws;
  exported_uws_ = exported_uws;
  last_ = Measured{0, 0, 0, 1000};
  sums_ = Sums();
}

void Meter::recalibrate(const Calibration& calibration) {
  calibration_ = calibration;
  sums_ = Sums();
}

void Meter::add(const Sums& windows) {
  if (sums_.pairs + windows.pairs > kMostPairs) close();
  sums_.add(windows);
}

int64_t Meter::power_mw() const {
  const int32_t later = kHalfStepUs + static_cast<int32_t>(calibration_.phase_us);
  const int64_t product =
      (static_cast<int64_t>(sums_.before) * (static_cast<int32_t>(kPairUs) - later) + static_cast<int64_t>(sums_.after) * later) / kPairUs;
  const int64_t covariance = product - static_cast<int64_t>(sums_.v) * sums_.i / sums_.pairs;
  const int64_t pico_per_pair = covariance * calibration_.uv_per_count / sums_.pairs;
  const int64_t milliwatts = pico_per_pair * calibration_.ua_per_count / 1000000000;
  return milliwatts + milliwatts * kInterpolationPpm / 1000000;
}

void Meter::close() {
  if (sums_.pairs == 0) return;
  int64_t power = power_mw();
  if (power < calibration_.creep_w * 1000LL && power > -calibration_.creep_w * 1000LL) power = 0;
  // A pair is a fifth of a millisecond.
  const uint64_t pairs = static_cast<uint64_t>(sums_.pairs) * calibration_.energy_times;
  if (power > 0) imported_uws_ += static_cast<uint64_t>(power) * pairs / 5;
  if (power < 0) exported_uws_ += static_cast<uint64_t>(-power) * pairs / 5;
  if (sums_.pairs >= kTellingPairs) {
    const uint64_t volts = static_cast<uint64_t>(square_root(spread_of_many(sums_.pairs, sums_.vv, sums_.v)));
    const uint64_t amperes = static_cast<uint64_t>(square_root(spread_of_many(sums_.pairs, sums_.ii, sums_.i)));
    const uint64_t dv = volts * calibration_.uv_per_count / sums_.pairs / 100000;
    last_.voltage_dv = dv > 0xFFFF ? 0xFFFF : static_cast<uint16_t>(dv);
    last_.current_ma = static_cast<uint32_t>(amperes * calibration_.ua_per_count / sums_.pairs / 1000);
    last_.power_w = static_cast<int32_t>((power + (power < 0 ? -500 : 500)) / 1000);
    const int64_t apparent_mw = static_cast<int64_t>(dv) * last_.current_ma / 10;
    int64_t factor = apparent_mw == 0 || power == 0 ? 1000 : power * 1000 / apparent_mw;
    if (factor > 1000) factor = 1000;
    if (factor < -1000) factor = -1000;
    last_.power_factor_pm = static_cast<int16_t>(factor);
  }
  sums_ = Sums();
}

// ---- guard -----------------------------------------------------------------------------------------

void Guard::begin(const Limits& limits, const Calibration& calibration) {
  current_ = threshold(static_cast<uint64_t>(limits.current_ma) * 1000, calibration.ua_per_count, 0xFFFFFFFF);
  current_fast_ = current_ > 0xFFFFFFFF / 16 ? 0xFFFFFFFF : current_ * 16;
  low_ = threshold(static_cast<uint64_t>(limits.low_dv) * 100000, calibration.uv_per_count, 0);
  high_ = threshold(static_cast<uint64_t>(limits.high_dv) * 100000, calibration.uv_per_count, 0xFFFFFFFF);
  over_ = wrong_ = right_ = 0;
  voltage_out_ = failing_ = false;
}

Trip Guard::judge(const Sums& window) {
  const uint32_t voltage = spread(window.vv, window.v);
  failing_ = voltage < low_ / 4;
  const uint32_t current = spread(window.ii, window.i);
  const bool at_once = current > current_fast_ || (window.clipped && current_ != 0xFFFFFFFF);
  over_ = current > current_ ? static_cast<uint8_t>(over_ + 1) : 0;
  if (at_once || over_ >= kTripWindows) {
    over_ = 0;
    return kTripCurrent;
  }
  const bool wrong = voltage < low_ || voltage > high_;
  if (!wrong) {
    wrong_ = 0;
    if (voltage_out_ && ++right_ >= kRightWindows) voltage_out_ = false;
    return kNoTrip;
  }
  right_ = 0;
  if (voltage_out_ || ++wrong_ < kTripWindows) return kNoTrip;
  voltage_out_ = true;
  wrong_ = 0;
  return voltage < low_ ? kTripLow : kTripHigh;
}

}  // namespace ohmstead

// From samples to volts, amperes, watts and energy, and the limits that open relays.
//
// One analogue converter samples two sensors in turns: V I V I ... Each current sample lies between two
// voltage samples, and multiplies with a voltage interpolated between them: taking the voltage before it
// alone would count as a phase shift of 100 us, 5 % of power at a power factor of 0.5.
#pragma once

#include <stdint.h>

namespace ohmstead {

const uint16_t kPairs = 100;           // current samples of one window, one cycle of 50 Hz mains
const uint16_t kPairUs = 200;          // from one current sample to the next: 5 kHz
const uint16_t kPairsPerSecond = 5000;
const uint16_t kTellingPairs = 1000;   // ten cycles of mains
const uint16_t kMostPairs = 6000;      // that 32 bits hold the sums of
const int16_t kMiddle = 512;           // converter's reading of half its supply
const uint64_t kUwsPerWh = 3600000000;

// What the sampling interrupt adds up; counts of the converter, squared where two.
struct Sums {
  uint16_t pairs;
  bool clipped;  // a current sample was at an end of the converter's range: how much it was, nobody knows
  int32_t v, i;
  uint32_t vv, ii;
  int32_t before, after;  // current times voltage one step before and after it

  void add(int16_t v_before, int16_t current, int16_t v_after) {
    pairs++;
    clipped |= current <= -kMiddle || current >= kMiddle - 1;
    v += v_after;
    i += current;
    vv += static_cast<uint32_t>(static_cast<int32_t>(v_after) * v_after);
    ii += static_cast<uint32_t>(static_cast<int32_t>(current) * current);
    before += static_cast<int32_t>(current) * v_before;
    after += static_cast<int32_t>(current) * v_after;
  }

  void add(const Sums& more) {
    pairs = static_cast<uint16_t>(pairs + more.pairs);
    clipped |= more.clipped;
    v += more.v;
    i += more.i;
    vv += more.vv;
    ii += more.ii;
    before += more.before;
    after += more.after;
  }
};

struct Calibration {
  uint32_t uv_per_count;  // microvolts of mains per count
  uint32_t ua_per_count;  // microamperes per count
  int16_t phase_us;       // by how much the voltage sensor lags behind the current sensor
  uint16_t creep_w;       // power below this is noise
  uint16_t energy_times;  // 1, or as many times faster as a demonstration lives than its clock
};

// Greatest calibration constants for which no product leaves 64 bits.
const uint32_t kMaxUv = 5000000;
const uint32_t kMaxUa = 6000000;

struct Measured {
  uint16_t voltage_dv;
  uint32_t current_ma;
  int32_t power_w;  // positive flows into the node
  int16_t power_factor_pm;
};

// Adds windows up to seconds and energy. Energy is in microwatt-seconds, 3.6e9 of them are 1 Wh.
class Meter {
 public:
  void begin(const Calibration& calibration, uint64_t imported_uws, uint64_t exported_uws);
  void add(const Sums& windows);
  // Goes on with other constants.
  void recalibrate(const Calibration& calibration);
  // Counts the energy since the last call. `last()` is renewed if that is long enough to tell.
  void close();
  bool second_is_over() const { return sums_.pairs >= kPairsPerSecond; }
  const Measured& last() const { return last_; }
  uint64_t imported_uws() const { return imported_uws_; }
  uint64_t exported_uws() const { return exported_uws_; }

 private:
  int64_t power_mw() const;

  Calibration calibration_;
  Sums sums_;
  Measured last_;
  uint64_t imported_uws_, exported_uws_;
};

struct Limits {
  uint32_t current_ma;  // 0 = none
  uint16_t low_dv;      // 0 = none
  uint16_t high_dv;     // 0 = none
};

enum Trip : uint8_t { kNoTrip = 0, kTripCurrent = 1, kTripLow = 2, kTripHigh = 3 };

// Judges every window within the sampling interrupt, so that no message or memory delays it. Opens after
// one window (20 ms) of four times the limit or of a current beyond the sensor's range, after ten of
// a current above the limit or a voltage outside its limits.
class Guard {
 public:
  void begin(const Limits& limits, const Calibration& calibration);
  Trip judge(const Sums& window);
  bool voltage_is_out() const { return voltage_out_; }
  // The voltage is below half its lower limit: the board itself may soon have no power.
  bool mains_is_failing() const { return failing_; }

 private:
  uint32_t current_, current_fast_, low_, high_;  // squares of counts times pairs
  uint8_t over_, wrong_, right_;
  bool voltage_out_, failing_;
};

uint32_t square_root(uint64_t value);  // rounded down

}  // namespace ohmstead

// The Arduino Uno: pins, sampling interrupt, serial port, EEPROM. See docs/hardware.md for the wiring.
#pragma once

#include "metering.h"

namespace ohmstead {

void board_begin();  // pins and serial port; relays open
void board_sample(const Limits& limits, const Calibration& calibration, bool active_low);
void board_relays(uint8_t closed);  // unless protection has just opened them
void board_lamp(bool on);
bool board_program_jumper();

uint32_t board_now();  // ms since the start
void board_sleep();    // until the next interrupt
void board_alive();    // two seconds without this and the watchdog restarts the board
void board_restart();

// The windows completed since last time; false if there is none. A second may pass in between.
bool board_windows(Sums* windows);
uint8_t board_trips();            // bit of each Trip since `board_trips_handled`
void board_trips_handled(uint8_t trips);
bool board_voltage_is_out();
bool board_mains_is_failing();
int16_t board_temperature();  // 0.1 degree Celsius; -500 without a sensor

int16_t serial_read();  // the next byte, or -1
void serial_write(uint8_t byte);

}  // namespace ohmstead

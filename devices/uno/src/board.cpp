#include "board.h"

#include <avr/eeprom.h>
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>
#include <util/atomic.h>

#include "journal.h"

namespace ohmstead {
namespace {

const uint8_t kVoltagePin = 0, kCurrentPin = 1, kTemperaturePin = 2;  // A0, A1, A2
const uint8_t kReference = 1 << REFS0;                                // the board's 5 V
const uint8_t kRelayPins = 0xF0;                                      // D4..D7, V0..V3
const uint8_t kJumper = 1 << PB0;                                     // D8
const uint8_t kLamp = 1 << PB5;                                       // D13, on the board
const uint8_t kTicksPerMs = 10;

Sums open_window, complete;
Guard guard;
volatile uint8_t trips;
uint8_t open_level;  // of the relay pins
volatile uint32_t milliseconds;
volatile int16_t temperature_counts;

const uint8_t kReceived = 128;
uint8_t received[kReceived];
volatile uint8_t received_head, received_tail;

void finish_window() {
  const Trip trip = guard.judge(open_window);
  if (trip != kNoTrip) {
    PORTD = static_cast<uint8_t>((PORTD & ~kRelayPins) | open_level);
    trips = static_cast<uint8_t>(trips | 1 << trip);
  }
  if (complete.pairs + kPairs <= kMostPairs) complete.add(open_window);
  open_window = Sums();
}

}  // namespace

// Every 100 us: takes the conversion that was begun 100 us ago and begins the next, V and I in turns.
ISR(TIMER1_COMPA_vect) {
  static uint8_t channel = kVoltagePin, ticks;
  static uint16_t until_temperature = 100;
  static int16_t v_before, current;
  static bool paired;
  const int16_t sample = static_cast<int16_t>(ADC - kMiddle);
  const uint8_t sampled = channel;
  if (channel != kVoltagePin) {
    channel = kVoltagePin;
  } else if (--until_temperature == 0) {
    until_temperature = kPairsPerSecond;
    channel = kTemperaturePin;  // once a second, in place of a current sample
  } else {
    channel = kCurrentPin;
  }
  ADMUX = kReference | channel;
  ADCSRA |= 1 << ADSC;
  if (++ticks == kTicksPerMs) {
    ticks = 0;
    milliseconds++;
  }
  if (sampled == kVoltagePin) {
    if (paired) {
      open_window.add(v_before, current, sample);
      if (open_window.pairs == kPairs) finish_window();
    }
    v_before = sample;
  } else {
    paired = true;
    if (sampled == kCurrentPin) {
      current = sample;
    } else {
      temperature_counts = sample + kMiddle;  // the pair takes the current before it once more
    }
  }
}

ISR(USART_RX_vect) {
  const uint8_t byte = UDR0;
  const uint8_t next = (received_head + 1) % kReceived;
  if (next == received_tail) return;  // a packet damaged so is repeated
  received[received_head] = byte;
  received_head = next;
}

void board_begin() {
  wdt_enable(WDTO_2S);
  PORTB |= kJumper;  // pulled up
  DDRB |= kLamp;
  UBRR0 = 16;  // 115200 baud
  UCSR0A = 1 << U2X0;
  UCSR0C = 1 << UCSZ01 | 1 << UCSZ00;
  UCSR0B = 1 << RXEN0 | 1 << TXEN0 | 1 << RXCIE0;
  set_sleep_mode(SLEEP_MODE_IDLE);
}

void board_sample(const Limits& limits, const Calibration& calibration, bool active_low) {
  open_level = active_low ? kRelayPins : 0;
  PORTD = static_cast<uint8_t>((PORTD & ~kRelayPins) | open_level);
  DDRD |= kRelayPins;  // only now: until here the inputs of the relays were left alone, open
  guard.begin(limits, calibration);
  ADMUX = kReference | kVoltagePin;
  // 250 kHz: a conversion takes 52 us and keeps its ten bits to within one.
  ADCSRA = 1 << ADEN | 1 << ADPS2 | 1 << ADPS1 | 1 << ADSC;
  OCR1A = F_CPU / 10000 - 1;
  TCCR1B = 1 << WGM12 | 1 << CS10;
  TIMSK1 = 1 << OCIE1A;
  sei();
}

void board_relays(uint8_t closed) {
  const uint8_t levels = static_cast<uint8_t>((closed << 4) ^ open_level);
  ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
    if (trips == 0) PORTD = static_cast<uint8_t>((PORTD & ~kRelayPins) | levels);
  }
}

void board_lamp(bool on) {
  if (on) {
    PORTB |= kLamp;
  } else {
    PORTB &= static_cast<uint8_t>(~kLamp);
  }
}

bool board_program_jumper() { return (PINB & kJumper) == 0; }

uint32_t board_now() {
  uint32_t now;
  ATOMIC_BLOCK(ATOMIC_RESTORESTATE) { now = milliseconds; }
  return now;
}

void board_sleep() { sleep_mode(); }

void board_alive() { wdt_reset(); }

void board_restart() {
  cli();
  for (;;) {  // until the watchdog bites
  }
}

bool board_windows(Sums* windows) {
  ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
    if (complete.pairs == 0) return false;
    *windows = complete;
    complete = Sums();
  }
  return true;
}

uint8_t board_trips() { return trips; }

void board_trips_handled(uint8_t handled) {
  ATOMIC_BLOCK(ATOMIC_RESTORESTATE) { trips &= static_cast<uint8_t>(~handled); }
}

bool board_voltage_is_out() { return guard.voltage_is_out(); }
bool board_mains_is_failing() { return guard.mains_is_failing(); }

int16_t board_temperature() {
  int16_t counts;
  ATOMIC_BLOCK(ATOMIC_RESTORESTATE) { counts = temperature_counts; }
  // TMP36: 10 mV a degree, 500 mV at zero; 5000 mV are 1024 counts.
  return static_cast<int16_t>((counts * 625L + 64) / 128 - 500);
}

int16_t serial_read() {
  const uint8_t tail = received_tail;
  if (tail == received_head) return -1;
  const uint8_t byte = received[tail];
  received_tail = (tail + 1) % kReceived;
  return byte;
}

void serial_write(uint8_t byte) {
  while ((UCSR0A & 1 << UDRE0) == 0) {
  }
  UDR0 = byte;
}

uint8_t memory_read(uint16_t address) {
  return eeprom_read_byte(reinterpret_cast<const uint8_t*>(address));
}

void memory_write(uint16_t address, uint8_t value) {
  wdt_reset();
  eeprom_update_byte(reinterpret_cast<uint8_t*>(address), value);
  eeprom_busy_wait();
}

}  // namespace ohmstead

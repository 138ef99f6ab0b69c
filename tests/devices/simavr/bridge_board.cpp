// Serves the bridge over the board's serial line: u8 op, u16 size, input -> u16 size, output.
#include <avr/io.h>

#include "bridge.h"

static uint8_t receive() {
  while ((UCSR0A & 1 << RXC0) == 0) {
  }
  return UDR0;
}

static void send(uint8_t byte) {
  while ((UCSR0A & 1 << UDRE0) == 0) {
  }
  UDR0 = byte;
}

int main() {
  static uint8_t in[320], out[320];
  UBRR0 = 16;
  UCSR0A = 1 << U2X0;
  UCSR0B = 1 << RXEN0 | 1 << TXEN0;
  for (;;) {
    const uint8_t op = receive();
    uint16_t size = static_cast<uint16_t>(receive() << 8);
    size = static_cast<uint16_t>(size | receive());
    for (uint16_t i = 0; i < size; i++) in[i] = receive();
    const uint16_t answered = bridge(op, in, size, out);
    send(static_cast<uint8_t>(answered >> 8));
    send(static_cast<uint8_t>(answered));
    for (uint16_t i = 0; i < answered; i++) send(out[i]);
  }
}

/* An Arduino Uno without the Uno: runs compiled firmware on libsimavr, with sine waves on its analogue inputs,
 * its serial port on a pseudo-terminal and its EEPROM in a file.
 *
 *   host FIRMWARE.elf EEPROM.bin
 *
 * Prints "pty NAME", then obeys lines on stdin, each answered by one line:
 *   wave VOLTS AMPERES DEGREES HERTZ   RMS values; the current lags by DEGREES
 *   noise MILLIVOLTS                   uniform, on both sensors
 *   temperature MILLIVOLTS             at A2
 *   jumper 0|1                         D8 to ground
 *   advance MILLISECONDS               as fast as it goes; answers "at MS pins HEX writes N"
 *   pace                               as fast as the clock on the wall, until the next line
 *   cut N                              power fails in the Nth write of a byte from now, which stays erased
 *   stuck ADDRESS                      the EEPROM's byte there is worn out
 *   poke ADDRESS VALUE                 a byte of the data space
 *   peek ADDRESS [COUNT]               in hexadecimal, if it is more than one
 *   reset                              the reset button
 *   stack ADDRESS                      bytes above ADDRESS that were never used
 * libsimavr is under the GPL: this is built on the machine that runs it, and nothing that is distributed links to it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pty.h>
#include <simavr/avr_adc.h>
#include <simavr/avr_eeprom.h>
#include <simavr/avr_ioport.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MHZ 16
#define CYCLES_PER_BYTE (MHZ * 1000000 / 11520) /* 115200 baud, ten bits a byte */
#define EEPROM_SIZE 1024
#define MOST_BEHIND_S 10
#define EEAR 0x41 /* data space addresses */
#define PORTD 0x2B
#define DDRD 0x2A
#define MCUSR 0x54
#define MCUSR_EXTRF 2
#define MV_PER_VOLT 6.22013 /* the voltage sensor as trimmed: 4.4 V peak to peak at 250 V */
#define MV_PER_AMPERE 66.0  /* ACS712-30A */

static avr_t *avr;
static int master;
static int can_receive = 1;
static const char *eeprom_path;
static uint8_t *eeprom, shadow[EEPROM_SIZE];
static long writes, cut_at = -1, stuck = -1;
static double volts, amperes, degrees, hertz = 50, noise;
static int temperature, jumper, was_reset;
static void (*reset_core)(avr_t *);

static void store_eeprom(void) {
  static long stored = -1;
  if (writes == stored) return;
  stored = writes;
  char draft[4096];
  snprintf(draft, sizeof draft, "%s.draft", eeprom_path);
  FILE *file = fopen(draft, "wb");
  if (!file || fwrite(eeprom, 1, EEPROM_SIZE, file) != EEPROM_SIZE || fclose(file) || rename(draft, eeprom_path)) {
    perror(eeprom_path);
    exit(1);
  }
}

static void load_eeprom(void) {
  avr_eeprom_desc_t whole = {.ee = NULL, .offset = 0, .size = EEPROM_SIZE};
  avr_ioctl(avr, AVR_IOCTL_EEPROM_GET, &whole);
  eeprom = whole.ee;
  FILE *file = fopen(eeprom_path, "rb");
  if (file) {
    if (fread(eeprom, 1, EEPROM_SIZE, file) != EEPROM_SIZE) fprintf(stderr, "%s is short\n", eeprom_path);
    fclose(file);
  }
  memcpy(shadow, eeprom, EEPROM_SIZE);
}

/* A byte of the EEPROM has changed if the one under its address register has. */
static void watch_eeprom(void) {
  const unsigned at = (avr->data[EEAR] | avr->data[EEAR + 1] << 8) % EEPROM_SIZE;
  if (eeprom[at] == shadow[at]) return;
  writes++;
  if ((long)at == stuck) eeprom[at] = shadow[at];
  if (cut_at >= 0 && writes >= cut_at) {
    eeprom[at] = 0xFF;
    store_eeprom();
    puts("dead");
    exit(0);
  }
  shadow[at] = eeprom[at];
}

static int millivolts(int channel) {
  const double t = avr->cycle / (MHZ * 1e6), w = 2 * M_PI * hertz * t;
  const double jitter = noise ? noise * (2.0 * rand() / RAND_MAX - 1) : 0;
  double mv = temperature;
  if (channel == 0) mv = 2500 + MV_PER_VOLT * volts * M_SQRT2 * sin(w) + jitter;
  if (channel == 1) mv = 2500 + MV_PER_AMPERE * amperes * M_SQRT2 * sin(w - degrees * M_PI / 180) + jitter;
  return mv < 0 ? 0 : mv > 5000 ? 5000 : (int)lround(mv);
}

static void converting(struct avr_irq_t *irq, uint32_t value, void *param) {
  (void)irq;
  (void)param;
  union {
    avr_adc_mux_t mux;
    uint32_t value;
  } asked = {.value = value};
  const int channel = asked.mux.src;
  avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_ADC0 + channel), millivolts(channel));
}

static void sent(struct avr_irq_t *irq, uint32_t value, void *param) {
  (void)irq;
  (void)param;
  const uint8_t byte = value;
  store_eeprom(); /* whoever kills this process must not undo what was told */
  if (write(master, &byte, 1) < 0 && errno != EAGAIN) perror("pty");
}

static void flow(struct avr_irq_t *irq, uint32_t value, void *param) {
  (void)irq;
  (void)value;
  can_receive = param != NULL;
}

static avr_cycle_count_t receive(avr_t *core, avr_cycle_count_t when, void *param) {
  (void)core;
  (void)param;
  uint8_t byte;
  if (can_receive && read(master, &byte, 1) == 1) {
    avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT), byte);
  }
  return when + CYCLES_PER_BYTE;
}

static void do_not_sleep(avr_t *core, avr_cycle_count_t cycles) {
  (void)core;
  (void)cycles;
}

static void set_jumper(void) {
  avr_ioport_external_t outside = {.name = 'B', .mask = 1, .value = !jumper};
  avr_ioctl(avr, AVR_IOCTL_IOPORT_SET_EXTERNAL('B'), &outside);
  avr_irq_t *const pin = avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('B'), 0);
  avr_raise_irq(pin, jumper); /* it passes on changes only */
  avr_raise_irq(pin, !jumper);
}

/* simavr forgets what is outside the chip when it resets it, by whatever cause. */
static void note_reset(avr_t *core) {
  reset_core(core);
  was_reset = 1;
}

static void reconnect(void) {
  was_reset = 0;
  can_receive = 1;
  set_jumper();
  avr_cycle_timer_cancel(avr, receive, NULL);
  avr_cycle_timer_register(avr, CYCLES_PER_BYTE, receive, NULL);
}

static void run(avr_cycle_count_t until) {
  while (avr->cycle < until) {
    const int state = avr_run(avr);
    if (was_reset) reconnect();
    watch_eeprom();
    if (state == cpu_Done || state == cpu_Crashed) {
      puts("crashed");
      exit(1);
    }
  }
}

static int line_waits(void) {
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  return poll(&input, 1, 0) != 0;
}

/* Time that passed since the last line is made up for, unless it is more than MOST_BEHIND_S. */
static void pace(void) {
  static struct timespec next;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if ((now.tv_sec - next.tv_sec) * 1000000000L + now.tv_nsec - next.tv_nsec > MOST_BEHIND_S * 1000000000L) next = now;
  while (!line_waits()) {
    run(avr->cycle + MHZ * 5000);
    next.tv_nsec += 5000000;
    if (next.tv_nsec >= 1000000000) next.tv_sec++, next.tv_nsec -= 1000000000;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
  }
}

static void begin(const char *firmware_path) {
  elf_firmware_t firmware = {0};
  if (elf_read_firmware(firmware_path, &firmware)) exit(1);
  avr = avr_make_mcu_by_name("atmega328p");
  avr_init(avr);
  avr->frequency = MHZ * 1000000;
  avr_load_firmware(avr, &firmware);
  avr->vcc = avr->avcc = avr->aref = 5000;
  avr->sleep = do_not_sleep;
  avr->log = LOG_ERROR;
  load_eeprom();
  memset(avr->data + 0x100, 0xA5, avr->ramend - 0x100 + 1);
  uint32_t flags = 0;
  avr_ioctl(avr, AVR_IOCTL_UART_GET_FLAGS('0'), &flags);
  flags &= ~(AVR_UART_FLAG_STDIO | AVR_UART_FLAG_POLL_SLEEP);
  avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_OUT_TRIGGER), converting, NULL);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), sent, NULL);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XON), flow, avr);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XOFF), flow, NULL);
  reset_core = avr->reset;
  avr->reset = note_reset;
  reconnect();
}

static void open_line(void) {
  int slave;
  char name[64];
  if (openpty(&master, &slave, name, NULL, NULL)) exit(1);
  struct termios raw;
  tcgetattr(slave, &raw);
  cfmakeraw(&raw);
  tcsetattr(slave, TCSANOW, &raw);
  fcntl(master, F_SETFL, O_NONBLOCK);
  printf("pty %s\n", name); /* the slave stays open here, so that the line outlives its readers */
}

static void obey(const char *line) {
  double a, b, c, d;
  unsigned address, value;
  long n;
  if (sscanf(line, "wave %lf %lf %lf %lf", &a, &b, &c, &d) == 4) {
    volts = a, amperes = b, degrees = c, hertz = d;
  } else if (sscanf(line, "noise %lf", &noise) == 1 || sscanf(line, "temperature %d", &temperature) == 1 ||
             sscanf(line, "stuck %ld", &stuck) == 1) {
  } else if (sscanf(line, "jumper %d", &jumper) == 1) {
    set_jumper();
  } else if (sscanf(line, "cut %ld", &n) == 1) {
    cut_at = writes + n;
  } else if (sscanf(line, "poke %u %u", &address, &value) == 2) {
    avr->data[address] = value;
  } else if (sscanf(line, "peek %u %u", &address, &value) == 2) {
    for (unsigned i = 0; i < value; i++) printf("%02x", avr->data[address + i]);
    puts("");
    return;
  } else if (sscanf(line, "peek %u", &address) == 1) {
    printf("%u\n", avr->data[address]);
    return;
  } else if (!strncmp(line, "reset", 5)) {
    avr_reset(avr);
    avr->data[MCUSR] = MCUSR_EXTRF;
    reconnect();
  } else if (!strncmp(line, "pace", 4)) {
    pace();
  } else if (sscanf(line, "stack %u", &address) == 1) {
    unsigned unused = 0;
    while (avr->data[address + unused] == 0xA5) unused++;
    printf("%u\n", unused);
    return;
  } else if (sscanf(line, "advance %lf", &a) == 1) {
    run(avr->cycle + (avr_cycle_count_t)(a * MHZ * 1000));
  } else {
    printf("what is %s", line);
    return;
  }
  store_eeprom();
  const int pins = avr->data[PORTD] >> 4 & avr->data[DDRD] >> 4;
  printf("at %llu pins %x writes %ld\n", (unsigned long long)(avr->cycle / (MHZ * 1000)), pins, writes);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fputs("host FIRMWARE.elf EEPROM.bin\n", stderr);
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  setvbuf(stdin, NULL, _IONBF, 0);
  eeprom_path = argv[2];
  open_line();
  begin(argv[1]);
  char line[128];
  while (fgets(line, sizeof line, stdin)) obey(line);
  return 0;
}

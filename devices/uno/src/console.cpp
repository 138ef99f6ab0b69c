#include "console.h"

#include <stdlib.h>
#include <string.h>

#include "board.h"

namespace ohmstead {
namespace {

struct Setting {
  char name[17];
  uint8_t offset;
  uint8_t size;
  int32_t lowest;
  uint32_t highest;
};

#define SETTING(name, field, low, high) {name, offsetof(Config, field), sizeof(Config().field), low, high}

// What each means is in docs/hardware.md.
const Setting kSettings[] PROGMEM = {
    SETTING("node", node_id, 1, 0xFFFFFFFF),
    SETTING("uv_per_count", calibration.uv_per_count, 1000, kMaxUv),
    SETTING("ua_per_count", calibration.ua_per_count, 100, kMaxUa),
    SETTING("phase_us", calibration.phase_us, -1000, 1000),
    SETTING("creep_w", calibration.creep_w, 0, 1000),
    SETTING("energy_times", calibration.energy_times, 1, 1000),
    SETTING("limit_ma", limits.current_ma, 0, 4000000),
    SETTING("low_dv", limits.low_dv, 0, 6000),
    SETTING("high_dv", limits.high_dv, 0, 6000),
    SETTING("hold_s", hold_s, 1, 3600),
    SETTING("fail_safe_s", fail_safe_s, 10, 36000),
    SETTING("fail_safe_closed", fail_safe_closed, 0, 15),
    SETTING("active_low", active_low, 0, 1),
    SETTING("reading_s", reading_s, 1, 3600),
    SETTING("slot_s", slot_s, 5, 3600),
    SETTING("base_price", base_price, 0, 1000000000),
    SETTING("lowest_price", lowest_price, 0, 1000000000),
    SETTING("highest_price", highest_price, 0, 1000000000),
};
const uint8_t kSettingCount = sizeof kSettings / sizeof kSettings[0];

// ---- text ------------------------------------------------------------------------------------------

void print_flash(const char* text) {
  while (const uint8_t c = pgm_read_byte(text++)) serial_write(c);
}

#define PRINT(text) print_flash(PSTR(text))

void print_number(int64_t value) {
  char digits[12];
  if (value < 0) {
    serial_write('-');
    value = -value;
  }
  ultoa(static_cast<uint32_t>(value), digits, 10);
  for (const char* c = digits; *c != 0; c++) serial_write(static_cast<uint8_t>(*c));
}

void print_hex(uint8_t byte) {
  for (uint8_t i = 0; i < 2; i++, byte = static_cast<uint8_t>(byte << 4)) {
    const uint8_t digit = static_cast<uint8_t>(byte >> 4);
    serial_write(static_cast<uint8_t>(digit < 10 ? '0' + digit : 'a' + digit - 10));
  }
}

int8_t hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<int8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<int8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<int8_t>(c - 'A' + 10);
  return -1;
}

// Splits off the first word of `*rest`.
char* word(char** rest) {
  char* const start = *rest;
  char* end = strchr(start, ' ');
  if (end == 0) {
    *rest = start + strlen(start);
  } else {
    *end = 0;
    *rest = end + 1;
  }
  return start;
}

bool parse_number(const char* text, int64_t* value) {
  const bool negative = *text == '-';
  if (negative) text++;
  if (*text == 0 || strlen(text) > 10) return false;
  int64_t sum = 0;
  for (; *text != 0; text++) {
    if (*text < '0' || *text > '9') return false;
    sum = sum * 10 + (*text - '0');
  }
  *value = negative ? -sum : sum;
  return true;
}

// ---- commands --------------------------------------------------------------------------------------

int64_t value_of(const Config& config, const Setting& setting) {
  uint32_t value = 0;
  memcpy(&value, reinterpret_cast<const uint8_t*>(&config) + setting.offset, setting.size);
  return setting.lowest < 0 ? static_cast<int16_t>(value) : static_cast<int64_t>(value);
}

bool has_key(const Config& config) {
  uint8_t any = 0;
  for (uint8_t i = 0; i < kKeySize; i++) any |= config.key[i];
  return any != 0;
}

// The key itself is never shown: the first four bytes of its hash tell keys apart.
OUT_OF_LINE void show(const Config& config) {
  for (uint8_t i = 0; i < kSettingCount; i++) {
    Setting setting;
    memcpy_P(&setting, &kSettings[i], sizeof setting);
    for (const char* c = setting.name; *c != 0; c++) serial_write(static_cast<uint8_t>(*c));
    serial_write(' ');
    print_number(value_of(config, setting));
    serial_write('\n');
  }
  PRINT("key ");
  if (!has_key(config)) {
    PRINT("none");
  } else {
    uint8_t digest[32];
    Sha256 hash;
    hash.update(config.key, kKeySize);
    hash.finish(digest);
    for (uint8_t i = 0; i < 4; i++) print_hex(digest[i]);
  }
  PRINT("\nok\n");
}

OUT_OF_LINE void set(Config& config, char* rest) {
  const char* const name = word(&rest);
  int64_t value;
  for (uint8_t i = 0; i < kSettingCount; i++) {
    Setting setting;
    memcpy_P(&setting, &kSettings[i], sizeof setting);
    if (strcmp(name, setting.name) != 0) continue;
    if (!parse_number(rest, &value) || value < setting.lowest || value > setting.highest) {
      PRINT("error: from ");
      print_number(setting.lowest);
      PRINT(" to ");
      print_number(setting.highest);
      serial_write('\n');
      return;
    }
    memcpy(reinterpret_cast<uint8_t*>(&config) + setting.offset, &value, setting.size);
    PRINT("ok\n");
    return;
  }
  PRINT("error: no such setting; 'show' lists them\n");
}

OUT_OF_LINE void set_key(Config& config, const char* text) {
  uint8_t key[kKeySize];
  bool good = strlen(text) == 2 * kKeySize;
  for (uint8_t i = 0; good && i < kKeySize; i++) {
    const int8_t high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
    good = high >= 0 && low >= 0;
    key[i] = static_cast<uint8_t>(high << 4 | low);
  }
  if (!good) {
    PRINT("error: a key is 64 hexadecimal digits\n");
    return;
  }
  memcpy(config.key, key, kKeySize);
  PRINT("ok\n");
}

OUT_OF_LINE void show_measured(const Node& node) {
  const Measured& last = node.last();
  PRINT("voltage_dv ");
  print_number(last.voltage_dv);
  PRINT("\ncurrent_ma ");
  print_number(last.current_ma);
  PRINT("\npower_w ");
  print_number(last.power_w);
  PRINT("\npower_factor_pm ");
  print_number(last.power_factor_pm);
  PRINT("\ntemperature_dc ");
  print_number(board_temperature());
  PRINT("\nok\n");
}

// Sets the sensor's constant so that what is measured now becomes what the reference instrument shows.
OUT_OF_LINE void calibrate(Config& config, Node& node, char* rest) {
  const char* const what = word(&rest);
  const bool volts = strcmp_P(what, PSTR("volts")) == 0;
  int64_t wanted;
  if ((!volts && strcmp_P(what, PSTR("amps")) != 0) || !parse_number(rest, &wanted) || wanted <= 0) {
    PRINT("error: cal volts <0.1 V> or cal amps <mA>\n");
    return;
  }
  uint32_t& constant = volts ? config.calibration.uv_per_count : config.calibration.ua_per_count;
  const uint32_t measured = volts ? node.last().voltage_dv : node.last().current_ma;
  const uint64_t made = measured == 0 ? 0 : static_cast<uint64_t>(constant) * static_cast<uint64_t>(wanted) / measured;
  if (made < 100 || made > (volts ? kMaxUv : kMaxUa)) {
    PRINT("error: the sensor measures too little or too much for that\n");
    return;
  }
  constant = static_cast<uint32_t>(made);
  node.recalibrate(config.calibration);
  PRINT("ok\n");
}

OUT_OF_LINE void save(Config& config, Journal& configs) {
  if (!config_is_complete(config)) {
    PRINT("error: set node and key first, and prices with lowest <= highest\n");
  } else if (configs.save(&config)) {
    PRINT("ok\n");
  } else {
    PRINT("error: the EEPROM takes nothing any more\n");
  }
}

OUT_OF_LINE void obey(char* line, Config& config, Journal& configs, Node& node) {
  char* rest = line;
  const char* const command = word(&rest);
  if (strcmp_P(command, PSTR("set")) == 0) {
    set(config, rest);
    node.recalibrate(config.calibration);
  } else if (strcmp_P(command, PSTR("key")) == 0) {
    set_key(config, rest);
  } else if (strcmp_P(command, PSTR("show")) == 0) {
    show(config);
  } else if (strcmp_P(command, PSTR("measure")) == 0) {
    show_measured(node);
  } else if (strcmp_P(command, PSTR("cal")) == 0) {
    calibrate(config, node, rest);
  } else if (strcmp_P(command, PSTR("save")) == 0) {
    save(config, configs);
  } else if (strcmp_P(command, PSTR("restart")) == 0) {
    PRINT("ok\n");
    board_restart();
  } else {
    PRINT("error: set, key, show, measure, cal, save or restart\n");
  }
}

}  // namespace

void set_defaults(Config& config) {
  memset(&config, 0, sizeof config);
  config.version = kConfigVersion;
  config.calibration.uv_per_count = 785000;  // ZMPT101B trimmed to 4.4 V peak to peak at 250 V
  config.calibration.ua_per_count = 73982;   // ACS712-30A: 66 mV/A
  config.calibration.creep_w = 10;
  config.calibration.energy_times = 1;
  config.limits.current_ma = 16000;
  config.limits.low_dv = 2070;
  config.limits.high_dv = 2530;
  config.hold_s = 60;
  config.fail_safe_s = 300;
  config.active_low = 1;
  config.reading_s = 60;
  config.slot_s = 900;
  config.base_price = 5000000;
  config.lowest_price = 3000000;
  config.highest_price = 8500000;
}

bool config_is_complete(const Config& config) {
  return config.version == kConfigVersion && config.node_id != 0 && has_key(config) && config.slot_s != 0 &&
         config.lowest_price <= config.highest_price;
}

OUT_OF_LINE static void say_hello() {
  PRINT("ohmstead uno ");
  for (uint8_t i = 0; i < 3; i++) {
    print_number(kFirmware[i]);
    serial_write(i < 2 ? '.' : '\n');
  }
}

OUT_OF_LINE static void measure(Node& node) {
  Sums windows;
  if (!board_windows(&windows)) return;
  board_alive();
  node.measure(windows);
}

void console_run(Config& config, Journal& configs, Node& node, char* line, uint8_t line_size) {
  uint8_t size = 0;
  const Limits none = {0, 0, 0};
  node.begin_measuring(config.calibration);
  board_sample(none, config.calibration, config.active_low != 0);
  say_hello();
  for (;;) {
    measure(node);
    const int16_t byte = serial_read();
    if (byte < 0) {
      board_sleep();
    } else if (byte == '\n' || byte == '\r') {
      line[size] = 0;
      if (size > 0) obey(line, config, configs, node);
      size = 0;
      memset(line, 0, line_size);  // keys included
    } else if (size + 1 < line_size) {
      line[size++] = static_cast<char>(byte);
    }
  }
}

}  // namespace ohmstead

// Provisioning over the serial line: lines of text, for a person or `python -m devices.uno.provision`.
#pragma once

#include "node.h"

namespace ohmstead {

// The settings of a board that has none.
void set_defaults(Config& config);

// True if a node can run with it.
bool config_is_complete(const Config& config);

// Serves the console until the board restarts. `config` is what the board has, `configs` where it is kept,
// `line` room for a command.
void console_run(Config& config, Journal& configs, Node& node, char* line, uint8_t line_size);

}  // namespace ohmstead

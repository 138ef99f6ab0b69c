"""The Arduino Uno node: firmware in C++ (`src/`), and the tool that provisions a board."""

"""The provisioning console: lines of text over the USB cable, answered by lines that end with ok or error.

A board without a key serves it and nothing else. One that has a key opens it only if the jumper is set when it
starts: whoever has the cable alone learns and changes nothing.

    set NAME VALUE      one of settings.py
    key HEX64           the node's own key
    secret HEX32        what the radios of this network share; without it a gateway works by wire only
    show                all settings, and the first four bytes of the SHA-256 of key and secret, to compare
    rebase CHIP         takes a metering chip's register as it is now, after it was replaced
    charge HUNDREDTHS   what a counted battery holds now, 0.01 %: when it is installed, after its bank was replaced
    save                writes what was set
    restart             starts the board
"""

import hashlib

from devices.esp32 import settings

_LONGEST_LINE = 120


class Console:
    """`store` has load() -> dict, save(dict); after `restart` the board is to be started anew."""

    def __init__(self, store) -> None:
        self._store = store
        self.restart = False
        self._line = b""
        self.config = store.load()

    def feed(self, data: bytes) -> bytes:
        """Takes what was typed; returns what is to be shown."""
        out = b""
        for i in range(len(data)):
            byte = data[i : i + 1]
            if byte != b"\n" and byte != b"\r":
                self._line = (self._line + byte)[: _LONGEST_LINE + 1]
                continue
            line, self._line = self._line, b""
            if line:
                out += self._answer(line)
        return out

    def _answer(self, line: bytes) -> bytes:
        try:
            if len(line) > _LONGEST_LINE:
                raise ValueError("a line has at most %d characters" % _LONGEST_LINE)
            lines = self._do(str(line, "utf-8").split())
            lines.append("ok")
        except (ValueError, UnicodeError) as error:
            lines = ["error: %s" % error]
        return "".join([text + "\n" for text in lines]).encode()

    def _do(self, words: list) -> list:
        command = words[0]
        if command == "show" and len(words) == 1:
            return self._shown()
        if command == "set" and len(words) == 3:
            self.config[words[1]] = settings.check(words[1], words[2])
        elif command == "key" and len(words) == 2:
            self.config["key"] = _hex(words[1], settings.KEY_SIZE)
        elif command == "secret" and len(words) == 2:
            self.config["secret"] = _hex(words[1], settings.SECRET_SIZE)
        elif command == "rebase" and len(words) == 2:
            self.config["rebase"] = int(words[1])
        elif command == "charge" and len(words) == 2:
            value = int(words[1])
            if not 0 <= value <= 10000:
                raise ValueError("charge is 0..10000")
            self.config["charge"] = value
        elif command == "save" and len(words) == 1:
            if not self.config["node"] or not self.config["key"]:
                raise ValueError("set node and key first")
            self._store.save(self.config)
        elif command == "restart" and len(words) == 1:
            self.restart = True
        else:
            raise ValueError("commands: set NAME VALUE, key HEX, secret HEX, show, rebase CHIP, charge HUNDREDTHS, save, restart")
        return []

    def _shown(self) -> list:
        lines = []
        for name in settings.LIMITS:
            lines.append("%s %d" % (name, self.config[name]))
        for name in ("key", "secret"):
            lines.append("%s %s" % (name, _check(self.config[name])))
        return lines


def _hex(text: str, size: int) -> str:
    value = bytes.fromhex(text) if len(text) == 2 * size else b""
    if len(value) != size:
        raise ValueError("%d hex digits" % (2 * size))
    return value.hex()


def _check(secret: str) -> str:
    if not secret:
        return "none"
    return hashlib.sha256(bytes.fromhex(secret)).digest()[:4].hex()

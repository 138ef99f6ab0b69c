"""`esp32` of a simulated ESP32: its non-volatile storage and its thermometer."""

from _host import io


def raw_temperature() -> int:
    return 86  # degrees Fahrenheit


class NVS:
    def __init__(self, namespace: str) -> None:
        pass

    def set_blob(self, key: str, value: bytes) -> None:
        io("nvs.set " + key + " " + bytes(value).hex())

    def get_blob(self, key: str, buffer: bytearray) -> int:
        data = bytes.fromhex(io("nvs.get " + key))
        if not data:
            raise OSError(-4354, "ESP_ERR_NVS_NOT_FOUND")
        buffer[: len(data)] = data
        return len(data)

    def commit(self) -> None:
        io("nvs.commit")

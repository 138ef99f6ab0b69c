from __future__ import annotations

from pathlib import Path

import pytest

from backend.config import PROJECT, ConfigError, Settings, load_settings


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = load_settings({})
    assert settings.port == 5000
    assert settings.rpc_url == "http://127.0.0.1:8545"
    assert settings.home == PROJECT / ".ohmstead"
    assert settings.deployments_dir == PROJECT / "deployments"
    assert settings.store_url == f"sqlite:///{PROJECT}/.ohmstead/store.sqlite"
    assert settings.cors_origins == ()
    assert settings.max_clock_skew_s == 5


def test_a_named_home_has_its_own_deployments(tmp_path: Path) -> None:
    settings = load_settings({"OHMSTEAD_HOME": str(tmp_path)})
    assert settings.deployments_dir == tmp_path / "deployments"
    assert settings.keys_dir == tmp_path / "keys"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "ohmstead.toml"
    file.write_text('port = 5801\nlog_level = "DEBUG"\nserial_ports = ["/dev/ttyUSB0"]\n')
    settings = load_settings({"OHMSTEAD_CONFIG": str(file), "OHMSTEAD_PORT": "5802"})
    assert (settings.port, settings.log_level) == (5802, "DEBUG")
    assert settings.serial_ports == ("/dev/ttyUSB0",)


def test_lists_and_pins_from_the_environment() -> None:
    settings = load_settings(
        {
            "OHMSTEAD_SIGNER_URLS": "http://127.0.0.1:1, http://127.0.0.1:2/",
            "OHMSTEAD_BLYNK_CLOUD_PINS": "V0=1, v3=4",
            "OHMSTEAD_CORS_ORIGINS": "http://localhost:5173",
        }
    )
    assert settings.signer_urls == ("http://127.0.0.1:1", "http://127.0.0.1:2")
    assert settings.blynk_cloud_pins == {"v0": 1, "v3": 4}
    assert settings.cors_origins == ("http://localhost:5173",)


def test_an_empty_variable_is_unset() -> None:
    assert load_settings({"OHMSTEAD_PORT": ""}).port == 5000


@pytest.mark.parametrize(
    ("environment", "named", "said"),
    [
        ({"OHMSTEAD_PORT": "70000"}, "OHMSTEAD_PORT", "65535"),
        ({"OHMSTEAD_PORT": "five"}, "OHMSTEAD_PORT", "five"),
        ({"OHMSTEAD_RPC_URL": "127.0.0.1:8545"}, "OHMSTEAD_RPC_URL", "http://"),
        ({"OHMSTEAD_CONFIRMATIONS": "0"}, "OHMSTEAD_CONFIRMATIONS", "1"),
        ({"OHMSTEAD_TIME_SCALE": "-1"}, "OHMSTEAD_TIME_SCALE", "greater than 0"),
        ({"OHMSTEAD_LOG_LEVEL": "LOUD"}, "OHMSTEAD_LOG_LEVEL", "DEBUG, INFO"),
        ({"OHMSTEAD_DATABASE_URL": "mysql://x"}, "OHMSTEAD_DATABASE_URL", "sqlite:///"),
        ({"OHMSTEAD_SIGNER_URLS": "http://a,b"}, "OHMSTEAD_SIGNER_URLS", "http://"),
        ({"OHMSTEAD_BLYNK_CLOUD_PINS": "x1=2"}, "OHMSTEAD_BLYNK_CLOUD_PINS", "v0..v255"),
        ({"OHMSTEAD_BLYNK_CLOUD_PINS": "v1"}, "OHMSTEAD_BLYNK_CLOUD_PINS", "integer"),
        ({"OHMSTEAD_BLYNK_AUTH_TOKEN": "x" * 32}, "OHMSTEAD_BLYNK_BOARD", "set both or neither"),
        ({"OHMSTEAD_MQTT_URL": "http://broker"}, "OHMSTEAD_MQTT_URL", "mqtt://host:port"),
        ({"OHMSTEAD_MQTT_URL": "mqtt://a:b@broker"}, "OHMSTEAD_MQTT_URL", "_MQTT_PASSWORD"),
        ({"OHMSTEAD_MQTT_URL": "mqtt://broker:x"}, "OHMSTEAD_MQTT_URL", "Port"),
        ({"OHMSTEAD_MQTT_PREFIX": "a/#"}, "OHMSTEAD_MQTT_PREFIX", "pattern"),
        ({"OHMSTEAD_MQTT_CONNECTIONS": "0"}, "OHMSTEAD_MQTT_CONNECTIONS", "greater"),
        (
            {"OHMSTEAD_MQTT_URL": "mqtt://broker", "OHMSTEAD_MQTT_CA": "/ca.pem"},
            "OHMSTEAD_MQTT_CA",
            "mqtts://",
        ),
        (
            {"OHMSTEAD_MQTT_URL": "mqtts://broker", "OHMSTEAD_MQTT_KEY": "/key.pem"},
            "OHMSTEAD_MQTT_CERTIFICATE",
            "set both or neither",
        ),
        ({"OHMSTEAD_MQTT_PASSWORD": "x"}, "OHMSTEAD_MQTT_USER", "whose"),
        ({"OHMSTEAD_MQTT_HOME_METERS": "all"}, "OHMSTEAD_MQTT_URL", "where the broker is"),
        (
            {"OHMSTEAD_MQTT_URL": "mqtt://b", "OHMSTEAD_MQTT_HOME_METERS": "4,x"},
            "OHMSTEAD_MQTT_HOME_METERS",
            "leave it unset",
        ),
        (
            {"OHMSTEAD_MQTT_URL": "mqtt://b", "OHMSTEAD_MQTT_SWITCHING": "1"},
            "OHMSTEAD_BLYNK_AUTHORITY_KEY",
            "shown only",
        ),
        ({"OHMSTEAD_CORS_ORIGINS": "http://a/path"}, "OHMSTEAD_CORS_ORIGINS", "host and port"),
        ({"OHMSTEAD_CONFIG": "/nowhere.toml"}, "OHMSTEAD_CONFIG", "does not exist"),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    environment: dict[str, str], named: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(environment)
    assert named in str(caught.value)
    assert said in str(caught.value)


def test_every_wrong_key_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({"OHMSTEAD_PORT": "0", "OHMSTEAD_STALE_AFTER_S": "0"})
    assert "OHMSTEAD_PORT" in str(caught.value)
    assert "OHMSTEAD_STALE_AFTER_S" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", "prot: unknown key"),
        ("port = ", "not readable TOML"),
        ("home_is_set = true", "unknown key home_is_set"),
        ('port = "x"', "port='x'"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "ohmstead.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings({"OHMSTEAD_CONFIG": str(file)})
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_meters_count_faster_only_in_simulated_time() -> None:
    settings = Settings()
    assert settings.time_scale_on(31337, 15) == 60
    assert settings.time_scale_on(31337, 900) == 1
    assert settings.time_scale_on(11155111, 15) == 1
    assert Settings(time_scale=7).time_scale_on(11155111, 900) == 7


def test_the_explorer_is_known_for_sepolia_only_where_there_is_one() -> None:
    assert Settings().explorer_on(11155111) == "https://sepolia.etherscan.io"
    assert Settings().explorer_on(31337) is None


def test_every_key_is_in_the_operators_handbook() -> None:
    handbook = (PROJECT / "docs" / "operations.md").read_text()
    keys = [key.upper() for key in Settings.model_fields if key != "home_is_set"]
    missing = [
        key for key in keys if f"OHMSTEAD_{key}" not in handbook and f"_{key}`" not in handbook
    ]
    assert missing == []

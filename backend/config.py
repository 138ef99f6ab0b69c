"""What the service can be told, where it is told, and what is refused.

Every key comes from the environment (`OHMSTEAD_PORT`), else from the TOML file that
`OHMSTEAD_CONFIG` names (`port = 5000`), else has the default written here.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

PROJECT = Path(__file__).resolve().parents[1]
LOCAL_CHAINS = frozenset({31337, 1337})
"""Chains that exist on one machine only."""
_PREFIX = "OHMSTEAD_"
_PROFILE_SLOT_S = 900
_EXPLORERS = {1: "https://etherscan.io", 11155111: "https://sepolia.etherscan.io"}


class ConfigError(ValueError):
    """The configuration is not usable; each line names the key, what it holds and the fix."""


def _parts(value: Any) -> Any:
    """Lists are `a,b` in the environment and arrays in TOML."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _pin_map(value: Any) -> Any:
    """`v0=1,v1=2` in the environment, a table in TOML: virtual pin -> switch id."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in _parts(value)]
    return {pin.strip().lower(): switch.strip() for pin, _, switch in pairs}


def _node_map(value: Any) -> Any:
    """`7=60,9=30` in the environment, a table in TOML: node -> a number."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in _parts(value)]
    return {node.strip(): number.strip() for node, _, number in pairs}


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http:// or https:// address")
    return value.rstrip("/")


def _loopback_url(value: str) -> str:
    if urlsplit(_http_url(value)).hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError("must be on this machine, as http://127.0.0.1:5055")
    return value.rstrip("/")


def _origin(value: str) -> str:
    parts = urlsplit(_http_url(value))
    if parts.path or parts.query or parts.fragment:
        raise ValueError("must be scheme, host and port only, as http://192.168.1.7:5173")
    return value.rstrip("/")


def _mqtt_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path.strip("/"):
        raise ValueError("must be mqtt://host:port, or mqtts:// for TLS")
    if parts.username or parts.password:
        raise ValueError("must hold no name or password: set OHMSTEAD_MQTT_USER and _MQTT_PASSWORD")
    _ = parts.port  # ValueError if it is none
    return value.rstrip("/")


def _meter_list(value: Any) -> Any:
    """`all`, or `4,12` in the environment and an array in TOML."""
    return value if value == "all" else _parts(value)


def _database_url(value: str) -> str:
    if not value.startswith(("sqlite:///", "postgresql+psycopg://", "postgresql://")):
        raise ValueError("must start with sqlite:/// or postgresql://")
    if value.startswith("postgresql://"):
        return value.replace("postgresql://", "postgresql+psycopg://", 1)
    return value


def _pin(value: str) -> str:
    if not (value.startswith("v") and value[1:].isdecimal() and int(value[1:]) <= 255):
        raise ValueError("names a pin that is not v0..v255")
    return value


HttpUrl = Annotated[str, AfterValidator(_http_url)]
Origin = Annotated[str, AfterValidator(_origin)]
MqttUrl = Annotated[str, AfterValidator(_mqtt_url)]
Topic = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", max_length=100)]
"""Levels of an MQTT topic that holds for every broker: no wildcards, no empty level."""
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
Positive = Annotated[int, Field(ge=1, lt=2**31)]
Pin = Annotated[str, AfterValidator(_pin)]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Settings(BaseModel):
    """Everything that can be configured. Seconds, unless the name says another unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    host: str = "127.0.0.1"
    """Address the service listens on; 0.0.0.0 for all of the machine's."""
    port: int = Field(5000, ge=1, le=65535)
    public_url: HttpUrl | None = None
    """Address people open, if a proxy or another host name stands before the service."""
    trusted_proxies: int = Field(0, ge=0, le=8)
    """How many reverse proxies in front set X-Forwarded-*; 0 = believe none."""

    rpc_url: HttpUrl = "http://127.0.0.1:8545"
    """JSON-RPC of an Ethereum node."""
    public_rpc_url: HttpUrl | None = None
    """The node's address for browsers, where it differs."""
    explorer_url: HttpUrl | None = None
    """Block explorer to link to; known for public chains."""
    confirmations: int = Field(1, ge=1, le=1000)
    """Blocks on top, own included, until what the chain says counts."""

    home: Path = PROJECT / ".ohmstead"
    """Folder of the state (docs/architecture.md)."""
    home_is_set: bool = False
    database_url: DatabaseUrl | None = None
    """The store; default: `store.sqlite` in the home."""
    frontend_dir: Path = PROJECT / "frontend" / "dist"
    """The built web UI."""

    serial_ports: Annotated[tuple[str, ...], BeforeValidator(_parts)] = ()
    """Serial lines with nodes on them, each `path` or `path@baud`."""
    max_clock_skew_s: int = Field(5, ge=0, le=3600)
    """How far a node's clock may be ahead."""
    stale_after_s: int = Field(60, ge=1)
    """A node silent for longer is shown as stale."""
    time_scale: float | None = Field(None, gt=0, le=100_000)
    """How much faster than the clock meters count: only for simulated time (`time_scale_on`)."""
    keep_readings_days: int = Field(400, ge=1)
    """Older readings are deleted, unless a slot's line refers to them."""
    max_body_bytes: int = Field(1 << 20, ge=1024)
    """Larger requests are refused."""

    mqtt_url: MqttUrl | None = None
    """MQTT broker with meters behind it (docs/mqtt.md); mqtts:// for TLS."""
    mqtt_prefix: Topic = "ohmstead"
    """First levels of all topics: each microgrid at a broker has its own."""
    mqtt_client_id: Topic | None = None
    """The session's name at the broker; unless set, `<prefix>-gateway`."""
    mqtt_connections: int = Field(1, ge=1, le=16)
    """More than one share what comes: for thousands of meters."""
    mqtt_user: str | None = Field(None, min_length=1)
    """Name at the broker, of the gateway."""
    mqtt_password: str | None = Field(None, min_length=1)
    """Password of `mqtt_user`."""
    mqtt_ca: Path | None = None
    """PEM certificates that vouch for the broker; unset: those of the system."""
    mqtt_certificate: Path | None = None
    """PEM certificate of the gateway, where the broker asks for one."""
    mqtt_key: Path | None = None
    """PEM key of `mqtt_certificate`."""
    mqtt_home_meters: Annotated[Literal["all"] | tuple[int, ...], BeforeValidator(_meter_list)] = ()
    """Meters that Home Assistant finds at the broker, `all` or ids; none by default, as readings
    are their household's."""
    mqtt_home_prefix: Topic = "homeassistant"
    """Home Assistant's discovery prefix."""
    mqtt_switching: bool = False
    """Home Assistant may switch relays, with `blynk_authority_key` and as a Blynk write would."""

    signer_urls: Annotated[tuple[HttpUrl, ...], BeforeValidator(_parts)] = ()
    """The oracle nodes."""
    close_grace_s: float = Field(2.0, ge=0, le=3600)
    """How long after its end a slot still takes readings measured before it."""
    settle_every_slots: int = Field(1, ge=1)
    """Settlement after every n-th slot."""

    price_round_s: int = Field(15, ge=1, le=86_400)
    """How often the oracle nodes agree on a price, where the deployment has a price feed."""
    price_patience_s: float = Field(2.0, gt=0, le=600)
    """How long the leader of a price round has before another node leads."""
    price_tolerance_bps: int = Field(1_000, ge=1, le=10_000)
    """How far a round's median may be from a node's own price, in 0.01 %."""
    price_base_micro_inr: int = Field(6_000_000, ge=0, le=1_000_000_000)
    """The local formula's price of a kWh at 5 kW of demand and of sun, micro-rupees."""
    price_grid_import_micro_inr: int = Field(7_000_000, ge=0, lt=2**32)
    """What the main grid charges for a kWh, micro-rupees."""
    price_grid_export_micro_inr: int = Field(3_000_000, ge=0, lt=2**32)
    """What the main grid pays for a kWh, micro-rupees."""
    price_stability_permille: int = Field(1_000, ge=0, le=1_000_000)
    """Weight of staying near recent prices, in thousandths of the slope of demand."""

    price_policy: Literal["closed_form", "agent"] = "closed_form"
    """How a price node forms its price: the operator's closed form, or the learned agent where it
    may speak (docs/markets.md)."""
    price_midnight: int | None = Field(None, ge=0, lt=2**40)
    """A Unix second at which a day began where the homes are, in simulated time a simulated one;
    the learned agent goes by the hour and does not speak without."""

    carbon_file: Path = PROJECT / "backend" / "oracle" / "data" / "carbon-typical-days.json"
    """The main grid's carbon intensity by month and hour, g CO2/kWh (docs/certificates.md)."""

    charging_host: str = "127.0.0.1"
    """Address the charging service listens on; 0.0.0.0 for all of the machine's."""
    charging_port: int = Field(9016, ge=0, le=65535)
    """Charge points connect here without TLS (OCPP security profile 1); 0: any free port."""
    charging_tls_port: int = Field(9017, ge=0, le=65535)
    """Charge points connect here under TLS (profile 2), once there is a certificate."""
    charging_tls_certificate: Path | None = None
    """PEM certificate, with its chain, of the charging service."""
    charging_tls_key: Path | None = None
    """PEM key of `charging_tls_certificate`."""
    charging_sample_s: int = Field(10, ge=1, le=3600)
    """How often charge points are asked to tell meter values during a session."""
    charging_heartbeat_s: int = Field(60, ge=5, le=86_400)
    """How often charge points are asked for a sign of life when they have nothing to say."""

    mesh_recharge_per_hour: Annotated[dict[Positive, Positive], BeforeValidator(_node_map)] = Field(
        default_factory=dict
    )
    """Nodes of the mesh on battery, and how many messages' worth of energy each regains in an hour
    at most, as `7=60,9=30`; the energy that others state is not judged."""

    key_epoch_hours: int = Field(24, ge=0, le=24 * 365)
    """How long a key counts that a node's secure element agreed on; 0: none is changed by itself
    (docs/operations.md)."""
    key_epoch_frames: int = Field(100_000, ge=100)
    """How many frames of its node such a key serves at most."""

    demo_control_url: Annotated[str, AfterValidator(_loopback_url)] | None = None
    """Control port of the simulated neighbourhood, whose links the page may then cut; counts on
    chain 31337 only, and `make run` sets it."""

    session_hours: int = Field(12, ge=1, le=24 * 30)
    """How long a wallet's sign-in holds."""
    auth_requests_per_minute: int = Field(30, ge=1)
    """Sign-in requests that one network address may make."""
    cors_origins: Annotated[tuple[Origin, ...], BeforeValidator(_parts)] = ()
    """Other web origins that may call the API; none by default."""

    blynk_auth_token: str | None = Field(None, min_length=16)
    """Token of the relay board `blynk_board` for this service's own Blynk API, beside those in
    `keys/blynk.json`."""
    blynk_board: int | None = Field(None, ge=1)
    """The board that `blynk_auth_token` stands for."""
    blynk_authority_key: Path | None = None
    """Key file of an account with the authority role, for Blynk writes; unset: they are refused."""
    blynk_override_s: int = Field(900, ge=60, le=86_400)
    """How long a relay stays as a Blynk write forced it."""
    blynk_cloud_token: str | None = Field(None, min_length=16)
    """Device token at Blynk.Cloud; with it the service drives that device."""
    blynk_cloud_url: HttpUrl = "https://blynk.cloud"
    """Blynk's server, with the region where needed (https://fra1.blynk.cloud)."""
    blynk_cloud_pins: Annotated[dict[Pin, int], BeforeValidator(_pin_map)] = Field(
        default_factory=dict
    )
    """Virtual pin -> switch id, as `v0=1,v1=2`; V4 and V5 stay the battery's."""

    log_level: Level = "INFO"

    # ---- what follows from it ------------------------------------------------------------------

    @property
    def store_url(self) -> str:
        """Where the store is."""
        return self.database_url or f"sqlite:///{self.home / 'store.sqlite'}"

    @property
    def deployments_dir(self) -> Path:
        """In the home if one was named, otherwise the project's own `deployments/`."""
        return (self.home if self.home_is_set else PROJECT) / "deployments"

    @property
    def keys_dir(self) -> Path:
        """Secrets, mode 600."""
        return self.home / "keys"

    @property
    def browser_rpc_url(self) -> str:
        """Where a browser reaches the node."""
        return self.public_rpc_url or self.rpc_url

    @property
    def mqtt_session(self) -> str:
        """The gateway's client id at the broker."""
        return self.mqtt_client_id or f"{self.mqtt_prefix.replace('/', '-')}-gateway"

    def explorer_on(self, chain_id: int) -> str | None:
        """The block explorer of a chain, if there is one."""
        return self.explorer_url or _EXPLORERS.get(chain_id)

    def time_scale_on(self, chain_id: int, slot_seconds: int) -> float:
        """How much faster than the clock meters count.

        Unless set, 1; on a local chain with short slots what makes a slot last 15 minutes.
        """
        if self.time_scale is not None:
            return self.time_scale
        local = chain_id in LOCAL_CHAINS and slot_seconds < _PROFILE_SLOT_S
        return _PROFILE_SLOT_S / slot_seconds if local else 1.0


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings from the environment and the TOML file it names; ConfigError if one is wrong."""
    environment = os.environ if environment is None else environment
    file = environment.get(_PREFIX + "CONFIG") or None
    values = _from_file(Path(file)) if file else {}
    where = dict.fromkeys(values, file or "")
    for key in Settings.model_fields:
        text = environment.get(_PREFIX + key.upper())
        if text:  # an empty variable is an unset one, as in `OHMSTEAD_PORT= make run`
            values[key], where[key] = text, "environment"
    pem = (
        "charging_tls_certificate",
        "charging_tls_key",
        "mqtt_ca",
        "mqtt_certificate",
        "mqtt_key",
    )
    for key in ("home", "frontend_dir", "blynk_authority_key", *pem):
        if isinstance(values.get(key), str):
            values[key] = Path(values[key]).expanduser().resolve()
    values["home_is_set"] = "home" in values
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(_line(item, where) for item in error.errors())) from None
    if settings.price_grid_export_micro_inr > settings.price_grid_import_micro_inr:
        raise ConfigError(
            f"OHMSTEAD_PRICE_GRID_EXPORT_MICRO_INR={settings.price_grid_export_micro_inr} is above "
            f"OHMSTEAD_PRICE_GRID_IMPORT_MICRO_INR={settings.price_grid_import_micro_inr}: the "
            "main grid pays no more for a kWh than it charges; lower one or raise the other"
        )
    if (settings.charging_tls_certificate is None) != (settings.charging_tls_key is None):
        raise ConfigError(
            "OHMSTEAD_CHARGING_TLS_CERTIFICATE and OHMSTEAD_CHARGING_TLS_KEY go together, as the "
            "key belongs to the certificate: set both or neither"
        )
    _check_mqtt(settings)
    if (settings.blynk_auth_token is None) != (settings.blynk_board is None):
        raise ConfigError(
            "OHMSTEAD_BLYNK_AUTH_TOKEN and OHMSTEAD_BLYNK_BOARD go together, as the token opens "
            "that board: set both or neither"
        )
    return settings


def _check_mqtt(settings: Settings) -> None:
    """Keys of the broker that need each other; ConfigError says which."""
    secure = settings.mqtt_url is not None and settings.mqtt_url.startswith("mqtts:")
    pem = (settings.mqtt_ca, settings.mqtt_certificate, settings.mqtt_key)
    if any(pem) and not secure:
        raise ConfigError(
            "OHMSTEAD_MQTT_CA, _MQTT_CERTIFICATE and _MQTT_KEY are for TLS: give OHMSTEAD_MQTT_URL "
            "as mqtts://..., or unset them"
        )
    if (settings.mqtt_certificate is None) != (settings.mqtt_key is None):
        raise ConfigError(
            "OHMSTEAD_MQTT_CERTIFICATE and OHMSTEAD_MQTT_KEY go together, as the key belongs to "
            "the certificate: set both or neither"
        )
    if settings.mqtt_password is not None and settings.mqtt_user is None:
        raise ConfigError(
            "OHMSTEAD_MQTT_PASSWORD is set without OHMSTEAD_MQTT_USER: say whose it is"
        )
    if settings.mqtt_home_meters and settings.mqtt_url is None:
        raise ConfigError(
            "OHMSTEAD_MQTT_HOME_METERS is set without OHMSTEAD_MQTT_URL: say where the broker is"
        )
    if settings.mqtt_switching and settings.blynk_authority_key is None:
        raise ConfigError(
            "OHMSTEAD_MQTT_SWITCHING needs OHMSTEAD_BLYNK_AUTHORITY_KEY, a key with the "
            "authority's role: set it, or leave relays to be shown only"
        )


def _from_file(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"OHMSTEAD_CONFIG={path} does not exist: create it or unset it") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"OHMSTEAD_CONFIG={path} is not readable TOML: {error}") from None
    if "home_is_set" in values:
        raise ConfigError(f"{path}: unknown key home_is_set: remove it")
    return values


def _line(error: ErrorDetails, where: Mapping[str, str]) -> str:
    key = str(error["loc"][0])
    source = where.get(key, "environment")
    name = _PREFIX + key.upper() if source == "environment" else f"{source}: {key}"
    if error["type"] == "extra_forbidden":
        return f"{name}: unknown key: remove it or correct its spelling"
    given = error["input"]
    reason = error["msg"].removeprefix("Value error, ")
    return f"{name}={given!r}: {reason}; {_hint(key)}"


def _hint(key: str) -> str:
    if key == "log_level":
        return f"use one of {', '.join(get_args(Level))}"
    return "correct it, or leave it unset for its default"

"""Types of the settings. Their validators name the invalid value and the fix."""

import re
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from PIL import ImageColor
from pydantic import AfterValidator, BeforeValidator, SecretStr, WithJsonSchema
from pydantic_settings import NoDecode

from captiond.access.groups import parse_groups
from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.path_fields import compile_pattern
from captiond.operations.retention_limits import parse_camera_limits, parse_limits

HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
HOST_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
MIN_PORT, MAX_PORT = 1024, 65535
RATE = re.compile(r"off|[1-9]\d{0,5}/(second|minute|hour|day)", re.ASCII)


def _check_colour(text: str) -> str:
    try:
        ImageColor.getrgb(text)
    except ValueError as error:
        raise ValueError(f"no CSS colour {text!r}; use a name or #rrggbb") from error
    return text


def _check_template(text: str) -> str:
    CaptionTemplate(text)
    return text


def _check_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no time zone {name!r}; use a name of the IANA database, such as Europe/Moscow") from error
    return name


def _check_path_pattern(pattern: str) -> str:
    compile_pattern(pattern)
    return pattern


def _check_port_range(text: str) -> str:
    found = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)
    if not found or not MIN_PORT <= int(found[1]) <= int(found[2]) <= MAX_PORT:
        raise ValueError(f"not a port range: {text!r}; use for example 30000-30199, from 1024 to 65535")
    return text


def _check_rate(text: str) -> str:
    if not RATE.fullmatch(text):
        raise ValueError(f"not a rate: {text!r}; use for example 10/second, 100/minute, 1000/hour, or off")
    return text


def _check_ipv4_address(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError as error:
        raise ValueError(f"not an IPv4 address: {text!r}") from error


def _check_networks(text: str) -> str:
    for network in text.split(",") if text != "*" else ():
        try:
            ip_network(network.strip())
        except ValueError as error:
            raise ValueError(
                f"{network.strip()!r} is no address or network; use for example 10.0.0.0/8, or *"
            ) from error
    return text


def _check_further_networks(text: str) -> str:
    return _check_networks(text) if text else text


def _check_groups(text: str) -> str:
    parse_groups(text)
    return text


def _check_retention(text: str) -> str:
    parse_limits(text)
    return text


def _check_camera_retention(text: str) -> str:
    parse_camera_limits(text)
    return text


def _check_header_name(name: str) -> str:
    if not HEADER_NAME.fullmatch(name):
        raise ValueError(f"no name of a header: {name!r}; use for example X-Auth-Request-User")
    if name.lower() in {"authorization", "cookie", "host", "x-api-key"}:
        raise ValueError(f"{name!r} is a header that clients send; use for example X-Auth-Request-User")
    return name


def _read_off(value: object) -> object:
    return "off" if value is False else value  # YAML reads `off` as false


def _split_names(names: object) -> object:
    return tuple(name.strip() for name in names.split(",")) if isinstance(names, str) else names


def _check_host_names(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name != "*" and not HOST_NAME.fullmatch(name.removeprefix("*.")) and not _is_address(name):
            raise ValueError(f"no host name: {name!r}; use names or addresses, without scheme, port and brackets")
    return names


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


Auth = Annotated[Literal["off", "keys"], BeforeValidator(_read_off)]
CameraRetention = Annotated[str, AfterValidator(_check_camera_retention)]
Colour = Annotated[str, AfterValidator(_check_colour)]
FurtherNetworks = Annotated[str, AfterValidator(_check_further_networks)]
Groups = Annotated[str, AfterValidator(_check_groups)]
HeaderName = Annotated[str, AfterValidator(_check_header_name)]
HostNames = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_names), AfterValidator(_check_host_names)]
Ipv4 = Annotated[str, AfterValidator(_check_ipv4_address)]
Networks = Annotated[str, AfterValidator(_check_networks)]
PathRegex = Annotated[str, AfterValidator(_check_path_pattern)]
PortRange = Annotated[str, AfterValidator(_check_port_range)]
Rate = Annotated[str, AfterValidator(_check_rate)]
Retention = Annotated[str, BeforeValidator(_read_off), AfterValidator(_check_retention)]
SecretUrl = Annotated[SecretStr, WithJsonSchema({"type": "string", "format": "uri", "writeOnly": True})]
Template = Annotated[str, AfterValidator(_check_template)]
TimeZone = Annotated[str, AfterValidator(_check_time_zone)]
Url = Annotated[str, WithJsonSchema({"type": "string", "format": "uri"})]

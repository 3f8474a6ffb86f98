"""A scenario file: who owns which pumps, how they are used, and which faults are planned."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from simulator.contract import Fault
from simulator.duty import Duty
from simulator.pumps import PUMP_TYPES, PumpType

SCENARIOS = Path(__file__).parent / "scenarios"
DEFAULT = "city_water"
DEVICE_ID = r"^[a-z0-9-]{1,64}$"


class ScenarioError(Exception):
    """The file cannot be read as a scenario; the message names each place and what is wrong there."""


def _known_type(type_id: str) -> str:
    if type_id not in PUMP_TYPES:
        raise ValueError(f"未知泵型 / unknown pump type {type_id!r}, known: {', '.join(PUMP_TYPES)}")
    return type_id


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Customer(_Strict):
    """An organisation that uses pumps."""

    id: str = Field(pattern=DEVICE_ID)
    name_zh: str
    name_en: str
    duty: Duty
    ambient_offset_k: float = Field(default=0.0, ge=-30, le=30, description="Its pump room against the open air")


class Pump(_Strict):
    """One pump, which is one device."""

    id: str = Field(pattern=DEVICE_ID)
    customer: str
    type: Annotated[str, AfterValidator(_known_type)]
    duty: Duty | None = Field(default=None, description="Where it differs from the customer's")

    @property
    def pump_type(self) -> PumpType:
        return PUMP_TYPES[self.type]

    @property
    def serial(self) -> str:
        """Serial number on the name plate."""
        return f"{self.type.removeprefix('pump-').upper()}-{self.id.removeprefix('pump-').upper()}"


class PlannedFault(_Strict):
    """A fault that starts at a known time after the world's start."""

    pump: str
    fault: Fault
    after_minutes: float = Field(ge=0)
    growth_h: float = Field(default=1.0, gt=0, le=10_000, description="Business hours until it is full grown")
    lasts_minutes: float | None = Field(default=None, gt=0, description="Ends by itself; none: until it is repaired")


class Scenario(_Strict):
    """The whole file; checked so that every name in it refers to something in it."""

    name: str = Field(pattern=r"^[a-z0-9_]{1,64}$")
    title_zh: str
    title_en: str
    seed: int = Field(ge=0)
    report_interval_s: float = Field(default=2.0, ge=0.5, le=86_400)
    wear_acceleration: float = Field(default=1.0, gt=0, le=10_000)
    utc_offset_h: float = Field(default=8.0, ge=-12, le=14)
    customers: list[Customer] = Field(min_length=1, max_length=1_000)
    pumps: list[Pump] = Field(min_length=1, max_length=10_000)
    faults: list[PlannedFault] = []

    @model_validator(mode="after")
    def _refers_to_itself(self) -> "Scenario":
        customers = {customer.id for customer in self.customers}
        pumps = {pump.id for pump in self.pumps}
        wrong = [f"编号重复 / the same id twice: {name}" for name in _repeated([c.id for c in self.customers])]
        wrong += [f"编号重复 / the same id twice: {name}" for name in _repeated([p.id for p in self.pumps])]
        strangers = [pump for pump in self.pumps if pump.customer not in customers]
        wrong += [f"{pump.id}: 未知客户 / unknown customer {pump.customer!r}" for pump in strangers]
        wrong += [f"{f.fault}: 未知的泵 / unknown pump {f.pump!r}" for f in self.faults if f.pump not in pumps]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def duty_of(self, pump: Pump) -> Duty:
        """The pump's own duty, else its customer's."""
        return pump.duty or self.customer_of(pump).duty

    def customer_of(self, pump: Pump) -> Customer:
        """Who uses the pump."""
        return next(customer for customer in self.customers if customer.id == pump.customer)


def _repeated(names: list[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def load_scenario(source: str | Path = DEFAULT) -> Scenario:
    """Read a scenario by the name of a built-in one or from a YAML file; raises ScenarioError."""
    built_in = SCENARIOS / f"{source}.yaml"
    path = built_in if built_in.is_file() else Path(source)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except OSError as error:
        names = ", ".join(sorted(file.stem for file in SCENARIOS.glob("*.yaml")))
        raise ScenarioError(
            f"无法读取场景 / cannot read scenario {str(source)!r}: {error.strerror}; built in: {names}"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: 不是有效的 YAML / not valid YAML: {error}") from error
    try:
        return Scenario.model_validate(content)
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, e['loc'])) or '(file)'}: {e['msg']}" for e in error.errors()]
        raise ScenarioError(f"{path}: 场景有误 / not a scenario\n" + "\n".join(lines)) from error

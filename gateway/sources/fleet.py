"""Machines, what they measure and what they are told, for one viewer."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.console.naming import halves, name_of, sentence
from gateway.console.views import (
    Command,
    CommandOffer,
    CommandStep,
    Contribution,
    Diagnosis,
    Fleet,
    FleetFilter,
    Health,
    LivePoint,
    Machine,
    MachineCard,
    Option,
    ParameterOffer,
    Reading,
    SignalInfo,
    SignalSeries,
    StateInterval,
    TimeRange,
    Words,
)
from gateway.sources.shared import Viewing, words_of
from gateway.sources.states import state_with, timeline_with
from gateway.sources.thinning import POINTS_MAX, thinned
from services.kernel.paging import LIMIT_MAX
from services.lifecycle import contract as lifecycle

SIMPLE_COMMANDS = ("capture_waveform", "reset_alarm", "restart")
STATES = ("running", "stopped", "alarm", "offline")
COMMANDS_SHOWN = 20
MACHINE_KEPT_S = 0.5  # Wall seconds; an event ends it before.


class FleetSources(Viewing):
    """See `gateway.console.sources.FleetSource`."""

    async def fleet(self, which: FleetFilter) -> Fleet:
        products, alarms = await asyncio.gather(self.products(), self.active_alarms())
        alarms_of: dict[str, list[lifecycle.Alarm]] = {}
        for alarm in alarms:
            alarms_of.setdefault(alarm.device_id, []).append(alarm)
        cards = [await self._card(each, alarms_of.get(each.product.id, [])) for each in products]
        type_ids, customer_ids = ({each.product.type_id for each in products}, {card.customer_id for card in cards})
        types = [Option(each, _named(await self.type_of(each))) for each in sorted(type_ids)]
        customers = [Option(each, await self.name_of(each)) for each in sorted(customer_ids)]
        return Fleet(
            machines=tuple(
                card for card, each in zip(cards, products, strict=True) if _wanted(card, each.product.type_id, which)
            ),
            total=len(cards),
            states={state: sum(card.state == state for card in cards) for state in STATES},
            customers=tuple(customers),
            types=tuple(types),
        )

    async def _card(self, summary: lifecycle.ProductSummary, alarms: Sequence[lifecycle.Alarm]) -> MachineCard:
        product = summary.product
        return MachineCard(
            id=product.id,
            name=words_of(product),
            type_name=_named(await self.type_of(product.type_id)),
            customer_id=product.organisation_id,
            customer=await self.name_of(product.organisation_id),
            site=halves(product.site),
            state=state_with(summary.state, alarms),
            last_seen=summary.last_seen,
            health_index=summary.health.index,
            health_band=summary.health.band,
            alarms_active=summary.alarms_active,
            diagnosis=summary.diagnosis.fault if summary.diagnosis and summary.diagnosis.fault != "none" else None,
            values=_readings(summary.key_values),
        )

    async def machine(self, machine_id: str) -> Machine:
        (product, twin), alarms = await asyncio.gather(self._machine_now(machine_id), self.active_alarms())
        kind = await self.type_of(product.type_id)
        return Machine(
            id=product.id,
            name=words_of(product),
            type_id=product.type_id,
            type_name=_named(kind),
            serial=product.serial,
            firmware=product.firmware,
            customer_id=product.organisation_id,
            customer=await self.name_of(product.organisation_id),
            site=halves(product.site),
            state=state_with(twin.state, (each for each in alarms if each.device_id == machine_id)),
            last_seen=twin.last_seen,
            registered=product.registered,
            signals=tuple(_signal(each) for each in kind.signals),
            values=_readings(twin.values),
            desired=twin.desired,
            reported=twin.reported,
            commands=_offers(kind),
            recorded=bool(twin.reported.get("recorded")),
        )

    async def _machine_now(self, machine_id: str) -> tuple[lifecycle.Product, lifecycle.Twin]:
        """A machine and its twin: several panels of one page show parts of both."""
        client = self.lifecycle

        async def ask() -> tuple[lifecycle.Product, lifecycle.Twin]:
            product, twin = await asyncio.gather(client.product(machine_id), client.twin(machine_id))
            return product, twin

        return await self.shared.kept.answer(("machine", *self.viewer, machine_id), MACHINE_KEPT_S, ask)

    async def live_points(self, machine_id: str, after: datetime | None, count_max: int) -> Sequence[LivePoint]:
        found = await self.lifecycle.readings(machine_id, after, count_max)
        return [LivePoint(each.time, each.values) for each in found]

    async def health(self, machine_id: str) -> Health:
        _, twin = await self._machine_now(machine_id)
        return Health(
            index=twin.health.index,
            band=twin.health.band,
            as_of=twin.health.as_of,
            contributions=tuple(
                Contribution(
                    signal=each.signal, penalty=each.penalty, reason=Words(each.reason_zh, sentence(each.reason_en))
                )
                for each in twin.health.contributions
            ),
            diagnosis=_diagnosis(twin.diagnosis) if twin.diagnosis else None,
        )

    async def state_timeline(self, machine_id: str, when: TimeRange) -> Sequence[StateInterval]:
        client = self.lifecycle
        found, alarms = await asyncio.gather(
            client.timeline(machine_id, *self.span(when)), client.alarms(device_id=machine_id, limit=LIMIT_MAX)
        )
        return timeline_with([StateInterval(each.state, each.start, each.end) for each in found], alarms.items)

    async def history(self, machine_id: str, signals: Sequence[str], when: TimeRange) -> Sequence[SignalSeries]:
        client, (start, end) = self.lifecycle, self.span(when)
        found = await asyncio.gather(*(client.history(machine_id, signal, start, end) for signal in signals))
        return [
            SignalSeries(
                signal=each.signal,
                width_s=each.width_s or int(len(each.points) > POINTS_MAX),  # What was joined is a range too.
                points=thinned(each.points),
            )
            for each in found
        ]

    async def commands(self, machine_id: str) -> Sequence[Command]:
        client = self.lifecycle
        found, person = await asyncio.gather(
            client.commands(device_id=machine_id, limit=COMMANDS_SHOWN), self.person_of()
        )
        return [_command(each, person) for each in found.items]

    async def send_command(
        self, machine_id: str, name: str, parameters: Mapping[str, Any], idempotency_key: str
    ) -> Command:
        create = lifecycle.CommandCreate(name=name, parameters=dict(parameters), idempotency_key=idempotency_key)
        return _command(await self.lifecycle.send_command(machine_id, create), await self.person_of())

    async def cancel_command(self, command_id: str) -> None:
        await self.lifecycle.cancel_command(command_id)


def _named(kind: lifecycle.ProductType) -> Words:
    return Words(kind.name_zh, kind.name_en)


def _diagnosis(found: lifecycle.Diagnosis) -> Diagnosis:
    return Diagnosis(
        fault=found.fault,
        confidence=found.confidence,
        reason=Words(found.reason_zh, sentence(found.reason_en)),
        as_of=found.as_of,
        others=tuple(found.evidence.get("others", ())),
        ruled_out=tuple(
            (each["fault"], Words(each["reason_zh"], each["reason_en"])) for each in found.evidence.get("ruled_out", ())
        ),
    )


def _readings(values: Mapping[str, lifecycle.Value]) -> dict[str, Reading]:
    return {
        name: Reading(value=each.value, quality=each.quality.value, source_time=each.source_time)
        for name, each in values.items()
    }


def _signal(signal: lifecycle.Signal) -> SignalInfo:
    return SignalInfo(
        name=signal.name,
        label=Words(signal.name_zh, signal.name_en),
        warning_low=signal.warning_low,
        warning_high=signal.warning_high,
        alarm_low=signal.alarm_low,
        alarm_high=signal.alarm_high,
        counter=signal.kind == "counter",
    )


def _wanted(card: MachineCard, type_id: str, which: FleetFilter) -> bool:
    texts = (card.id, *(half for each in (card.name, card.customer, card.site) for half in (each.zh, each.en)))
    return (
        which.text.lower() in " ".join(texts).lower()
        and which.customer_id in ("", card.customer_id)
        and which.type_id in ("", type_id)
        and which.state in ("", card.state)
        and which.band in ("", card.health_band)
    )


def _offers(kind: lifecycle.ProductType) -> tuple[CommandOffer, ...]:
    """What the pumps of the device protocol understand; the speed is offered within what is rated."""
    rated_rpm = kind.rated.get("speed_rpm")
    speed = ParameterOffer(
        name="speed_rpm",
        label=Words("转速，0 为恢复自动", "Speed, 0 follows the demand again"),
        least=0.0,
        most=rated_rpm,
        initial=rated_rpm,
    )
    return (
        CommandOffer(name="set_speed", label=name_of("set_speed", "COMMANDS"), parameters=(speed,)),
        *(CommandOffer(name=name, label=name_of(name, "COMMANDS")) for name in SIMPLE_COMMANDS),
    )


def _command(command: lifecycle.Command, person: Callable[[str], Words]) -> Command:
    return Command(
        id=command.id,
        name=command.name,
        parameters=command.parameters,
        state=command.state.value,
        created=command.created,
        steps=tuple(
            CommandStep(state=each.state.value, at=each.at, by=person(each.by), reason=each.reason)
            for each in command.history
        ),
        correlation_id=command.correlation_id,
        can_cancel=command.state == lifecycle.CommandState.QUEUED,
        result=command.result,
    )

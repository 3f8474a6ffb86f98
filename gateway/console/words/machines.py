"""What machines measure, what can be wrong with them, and what they are told."""

from gateway.console.words.mark import N_

FAULTS = {
    "imbalance": N_("Imbalance"),
    "bearing_defect": N_("Bearing defect"),
    "bearing_inner_race": N_("Bearing, inner race"),
    "bearing_outer_race": N_("Bearing, outer race"),
    "cavitation": N_("Cavitation"),
    "seal_leak": N_("Seal leak"),
    "wear": N_("Impeller wear"),
    "sensor_drift": N_("Sensor drift"),
    "lost_connection": N_("Lost connection"),
    "none": N_("No fault found"),
    "cannot_tell": N_("Cannot tell"),
}
CONFIDENCES = {
    "certain": N_("certain"),
    "likely": N_("likely"),
    "possible": N_("possible"),
    "cannot_tell": N_("Cannot tell"),
}
SIGNALS = {
    "speed_rpm": N_("Speed"),
    "flow_m3_h": N_("Flow"),
    "suction_pressure_bar": N_("Suction pressure"),
    "discharge_pressure_bar": N_("Discharge pressure"),
    "power_kw": N_("Power"),
    "bearing_temperature_c": N_("Bearing temperature"),
    "vibration_velocity_mm_s": N_("Vibration velocity"),
    "vibration_envelope_g": N_("Vibration envelope"),
    "vibration_high_frequency_g": N_("High-frequency vibration"),
    "seal_leakage_ml_h": N_("Seal leakage"),
    "run_seconds": N_("Running time"),
    "volume_l": N_("Volume pumped"),
    "energy_wh": N_("Energy used"),
}
QUALITIES = {"GOOD": N_("Good value"), "STALE": N_("Out of date"), "BAD": N_("Bad value")}
COMMANDS = {
    "set_speed": N_("Set the speed"),
    "reset_alarm": N_("Reset the device's alarm"),
    "capture_waveform": N_("Capture a vibration waveform"),
    "restart": N_("Restart the device"),
    "update_firmware": N_("Update the firmware"),
    "set_parameters": N_("Set parameters"),
}
# What a machine reports of itself; a signal's name is in SIGNALS.
PARAMETERS = {
    "bearing": N_("Bearing"),
    "firmware": N_("Firmware"),
    "tripped": N_("Stopped by its own protection"),
    "recorded": N_("Replays a recording"),
    "speed_setpoint_rpm": N_("Speed setpoint"),
    "report_interval_s": N_("Reporting interval"),
}
ANSWERS = {"True": N_("Yes"), "False": N_("No")}
# Codes that the devices themselves use. The platform's own are a signal's name with one of the endings below.
ALARM_CODES = {
    "bearing-temperature-high": N_("Bearing hot"),
    "bearing-temperature-trip": N_("Stopped: bearing too hot"),
    "vibration-high": N_("Vibration high"),
    "vibration-trip": N_("Stopped: vibration too high"),
    "suction-pressure-low": N_("Suction pressure low"),
    "seal-leakage-high": N_("Seal leakage high"),
}
ALARM_ENDINGS = {
    "_high": N_("%(signal)s above its limit"),
    "_low": N_("%(signal)s below its limit"),
    "_deviation": N_("%(signal)s off its own baseline"),
}
ALARM_DIAGNOSED = N_("Diagnosed: %(fault)s")

//! `modules.pytz` and time zone values.

use std::fmt;

use chrono::{NaiveDateTime, Offset, TimeZone};

use super::Namespace;
use super::globals::string_dict;
use crate::methods::in_zone;
use crate::{CallArgs, Error, ErrorKind, Object, Result, State, Value, Zone};

/// A `tzinfo`.
pub(crate) struct ZoneObject {
    zone: Zone,
    /// Whether it is `pytz.timezone(…)` itself, and not what `localize` made of it.
    unlocalized: bool,
}

/// A zone as a value.
pub(crate) fn zone_value(zone: Zone) -> Value {
    Value::object(ZoneObject { zone, unlocalized: false })
}

/// The zone of a value.
pub(crate) fn zone_of(value: &Value) -> Option<Zone> {
    value.downcast_ref::<ZoneObject>().map(|zone| zone.zone)
}

/// The zone of a datetime that is given a value as its `tzinfo`. A `pytz.timezone(…)` that nobody has localized counts as the zone's
/// first offset there: its local mean time, to the minute.
pub(crate) fn attached_zone_of(value: &Value) -> Option<Zone> {
    let object = value.downcast_ref::<ZoneObject>()?;
    let Zone::Named(zone) = object.zone else { return Some(object.zone) };
    if !object.unlocalized {
        return Some(object.zone);
    }
    let first = zone.offset_from_utc_datetime(&NaiveDateTime::MIN).fix().local_minus_utc();
    Some(Zone::Fixed((first + 30).div_euclid(60) * 60))
}

impl fmt::Debug for ZoneObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.str())
    }
}

impl Object for ZoneObject {
    fn type_name(&self) -> &str {
        "tzinfo"
    }

    fn get_attr(&self, name: &str) -> Option<Value> {
        (name == "zone").then(|| self.str().into())
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(name, "localize" | "normalize" | "fromutc" | "utcoffset" | "tzname")
    }

    fn call_method(&self, state: &mut State<'_>, name: &str, args: CallArgs) -> Result<Value> {
        if !self.has_method(name) {
            return state.call_missing(self.type_name(), name);
        }
        let [value, _] = args.bind(name, ["dt", "is_dst"], 1)?;
        let Some(Value::DateTime(value)) = value else {
            return Err(Error::type_error(format!("{name}() argument must be a datetime")));
        };
        Ok(match name {
            "localize" if value.zone.is_some() => {
                return Err(Error::value_error("Not naive datetime (tzinfo is already set)"));
            }
            "localize" => {
                let aware = crate::DateTime { local: value.local, zone: Some(self.zone) };
                Value::DateTime(std::sync::Arc::new(aware))
            }
            "tzname" => self.str().into(),
            "utcoffset" => {
                let aware = crate::DateTime { local: value.local, zone: Some(self.zone) };
                Value::TimeDelta(chrono::TimeDelta::seconds(i64::from(aware.offset().unwrap_or(0))))
            }
            _ => in_zone(value.utc().unwrap_or(value.local), self.zone),
        })
    }

    fn str(&self) -> String {
        match self.zone {
            Zone::Utc => "UTC".to_owned(),
            Zone::Fixed(seconds) => format!("UTC{}", crate::value::offset_text(seconds, ":")),
            Zone::Named(zone) => zone.name().to_owned(),
        }
    }

    fn repr(&self) -> String {
        match self.zone {
            Zone::Utc => "<UTC>".to_owned(),
            Zone::Fixed(seconds) => format!("pytz.FixedOffset({})", seconds / 60),
            Zone::Named(zone) => format!("<DstTzInfo '{}'>", zone.name()),
        }
    }

    fn eq(&self, other: &Value) -> bool {
        zone_of(other) == Some(self.zone)
    }
}

pub(super) fn module() -> Value {
    let all: Vec<Value> = chrono_tz::TZ_VARIANTS.iter().map(|zone| Value::str(zone.name())).collect();
    Namespace::module(
        "pytz",
        vec![
            ("utc", zone_value(Zone::Utc)),
            ("UTC", zone_value(Zone::Utc)),
            (
                "timezone",
                Value::function("timezone", |_, args| {
                    let [name] = args.bind("timezone", ["zone"], 1)?;
                    let name = name.unwrap_or(Value::None).to_string();
                    if name.eq_ignore_ascii_case("utc") {
                        return Ok(zone_value(Zone::Utc));
                    }
                    match name.parse::<chrono_tz::Tz>() {
                        Ok(zone) => Ok(Value::object(ZoneObject { zone: Zone::Named(zone), unlocalized: true })),
                        Err(_) => Err(Error::new(ErrorKind::Key, Value::from(name).repr())),
                    }
                }),
            ),
            (
                "FixedOffset",
                Value::function("FixedOffset", |_, args| {
                    let [minutes] = args.bind("FixedOffset", ["offset"], 1)?;
                    match minutes.and_then(|minutes| minutes.as_i64()) {
                        Some(minutes) if minutes.abs() < 1440 => Ok(zone_value(Zone::Fixed(minutes as i32 * 60))),
                        _ => Err(Error::value_error("absolute offset is too large")),
                    }
                }),
            ),
            ("all_timezones", Value::list(all.clone())),
            ("common_timezones", Value::list(all)),
            ("country_timezones", string_dict(Vec::new())),
        ],
    )
}

//! `modules.datetime`

use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime, TimeDelta};

use super::{Clock, Namespace, attached_zone_of, zone_of, zone_value};
use crate::methods::{in_zone, parse_iso, strptime};
use crate::{CallArgs, DateTime, Error, ErrorKind, Result, Value, Zone};

pub(super) fn module(clock: Clock) -> Value {
    Namespace::module(
        "datetime",
        vec![
            ("date", date_class(Arc::clone(&clock))),
            ("datetime", datetime_class(clock)),
            (
                "time",
                Namespace::class(
                    "datetime.time",
                    Value::function("time", |_, args| time(args)),
                    vec![
                        ("min", Value::Time(NaiveTime::MIN)),
                        ("max", NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).map_or(Value::None, Value::Time)),
                    ],
                ),
            ),
            (
                "timedelta",
                Namespace::class("datetime.timedelta", Value::function("timedelta", |_, args| timedelta(args)), vec![]),
            ),
            (
                "timezone",
                Namespace::class(
                    "datetime.timezone",
                    Value::function("timezone", |_, args| {
                        let [offset, _name] = args.bind("timezone", ["offset", "name"], 1)?;
                        match offset {
                            Some(Value::TimeDelta(delta)) => match i32::try_from(delta.num_seconds()) {
                                Ok(seconds) if seconds.abs() < 86_400 => Ok(zone_value(Zone::Fixed(seconds))),
                                _ => Err(Error::value_error(
                                    "offset must be a timedelta strictly between -24 and 24 hours",
                                )),
                            },
                            _ => Err(Error::type_error("timezone() argument 1 must be datetime.timedelta")),
                        }
                    }),
                    vec![("utc", zone_value(Zone::Utc))],
                ),
            ),
            (
                "tzinfo",
                Namespace::class(
                    "datetime.tzinfo",
                    Value::function("tzinfo", |_, _| Ok(zone_value(Zone::Utc))),
                    vec![],
                ),
            ),
            ("MINYEAR", Value::Int(1)),
            ("MAXYEAR", Value::Int(9999)),
        ],
    )
}

fn whole(value: &Option<Value>, default: i64) -> Result<i64> {
    match value {
        None => Ok(default),
        Some(value) => value.as_i64().ok_or_else(|| {
            Error::type_error(format!("'{}' object cannot be interpreted as an integer", value.type_name()))
        }),
    }
}

pub(crate) fn make_date(year: i64, month: i64, day: i64) -> Result<NaiveDate> {
    if !(1..=9999).contains(&year) {
        return Err(Error::value_error(format!("year {year} is out of range")));
    }
    if !(1..=12).contains(&month) {
        return Err(Error::value_error("month must be in 1..12"));
    }
    u32::try_from(day)
        .ok()
        .and_then(|day| NaiveDate::from_ymd_opt(year as i32, month as u32, day))
        .ok_or_else(|| Error::value_error("day is out of range for month"))
}

pub(crate) fn make_time(hour: i64, minute: i64, second: i64, micros: i64) -> Result<NaiveTime> {
    for (name, value, limit) in [("hour", hour, 24), ("minute", minute, 60), ("second", second, 60)] {
        if !(0..limit).contains(&value) {
            return Err(Error::value_error(format!("{name} must be in 0..{}", limit - 1)));
        }
    }
    if !(0..1_000_000).contains(&micros) {
        return Err(Error::value_error("microsecond must be in 0..999999"));
    }
    NaiveTime::from_hms_micro_opt(hour as u32, minute as u32, second as u32, micros as u32)
        .ok_or_else(|| Error::value_error("time out of range"))
}

fn date_class(clock: Clock) -> Value {
    let constructor = Value::function("date", |_, args| {
        let [year, month, day] = args.bind("date", ["year", "month", "day"], 3)?;
        make_date(whole(&year, 1)?, whole(&month, 1)?, whole(&day, 1)?).map(Value::Date)
    });
    Namespace::class(
        "datetime.date",
        constructor,
        vec![
            ("today", Value::function("today", move |_, _| Ok(Value::Date(clock().date_naive())))),
            (
                "fromisoformat",
                Value::function("fromisoformat", |_, args| {
                    let text = text_argument("fromisoformat", args)?;
                    match parse_iso(&text)? {
                        Value::DateTime(value) if text.len() == 10 => Ok(Value::Date(value.local.date())),
                        _ => Err(Error::value_error(format!("Invalid isoformat string: {}", Value::from(text).repr()))),
                    }
                }),
            ),
            (
                "fromordinal",
                Value::function("fromordinal", |_, args| {
                    let [days] = args.bind("fromordinal", ["ordinal"], 1)?;
                    i32::try_from(whole(&days, 1)?)
                        .ok()
                        .and_then(NaiveDate::from_num_days_from_ce_opt)
                        .map(Value::Date)
                        .ok_or_else(|| Error::value_error("ordinal must be >= 1"))
                }),
            ),
            (
                "fromtimestamp",
                Value::function("fromtimestamp", |_, args| match from_timestamp(args)? {
                    Value::DateTime(value) => Ok(Value::Date(value.local.date())),
                    other => Ok(other),
                }),
            ),
            ("min", NaiveDate::from_ymd_opt(1, 1, 1).map_or(Value::None, Value::Date)),
            ("max", NaiveDate::from_ymd_opt(9999, 12, 31).map_or(Value::None, Value::Date)),
        ],
    )
}

fn text_argument(name: &str, args: CallArgs) -> Result<String> {
    match args.bind(name, ["date_string"], 1)? {
        [Some(Value::Str(text))] => Ok(text.to_string()),
        _ => Err(Error::type_error(format!("{name}: argument must be str"))),
    }
}

fn from_timestamp(args: CallArgs) -> Result<Value> {
    let [seconds, zone] = args.bind("fromtimestamp", ["timestamp", "tz"], 1)?;
    let seconds =
        seconds.and_then(|seconds| seconds.as_f64()).ok_or_else(|| Error::type_error("a number is required"))?;
    let utc = chrono::DateTime::from_timestamp_micros((seconds * 1e6).round_ties_even() as i64)
        .ok_or_else(|| Error::new(ErrorKind::Overflow, "timestamp out of range"))?;
    Ok(match zone.filter(|zone| !zone.is_none()).and_then(|zone| zone_of(&zone)) {
        Some(zone) => in_zone(utc.naive_utc(), zone),
        None => utc.naive_utc().into(),
    })
}

fn datetime_class(clock: Clock) -> Value {
    let constructor = Value::function("datetime", |_, args| {
        let names = ["year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo"];
        let [year, month, day, hour, minute, second, micros, zone] = args.bind("datetime", names, 3)?;
        let date = make_date(whole(&year, 1)?, whole(&month, 1)?, whole(&day, 1)?)?;
        let time = make_time(whole(&hour, 0)?, whole(&minute, 0)?, whole(&second, 0)?, whole(&micros, 0)?)?;
        let zone = zone.and_then(|zone| attached_zone_of(&zone));
        Ok(Value::DateTime(Arc::new(DateTime { local: date.and_time(time), zone })))
    });
    let (now, today, utcnow) = (Arc::clone(&clock), Arc::clone(&clock), clock);
    Namespace::class(
        "datetime.datetime",
        constructor,
        vec![
            (
                "now",
                Value::function("now", move |_, args| {
                    let [zone] = args.bind("now", ["tz"], 0)?;
                    let utc = truncated(now());
                    Ok(match zone.and_then(|zone| zone_of(&zone)) {
                        Some(zone) => in_zone(utc, zone),
                        None => utc.into(),
                    })
                }),
            ),
            ("today", Value::function("today", move |_, _| Ok(truncated(today()).into()))),
            ("utcnow", Value::function("utcnow", move |_, _| Ok(truncated(utcnow()).into()))),
            (
                "strptime",
                Value::function("strptime", |_, args| match args.bind("strptime", ["date_string", "format"], 2)? {
                    [Some(Value::Str(text)), Some(Value::Str(format))] => strptime(&text, &format),
                    _ => Err(Error::type_error("strptime() argument 1 must be str")),
                }),
            ),
            (
                "fromisoformat",
                Value::function("fromisoformat", |_, args| parse_iso(&text_argument("fromisoformat", args)?)),
            ),
            ("fromtimestamp", Value::function("fromtimestamp", |_, args| from_timestamp(args))),
            ("utcfromtimestamp", Value::function("utcfromtimestamp", |_, args| from_timestamp(args))),
            (
                "combine",
                Value::function("combine", |_, args| match args.bind("combine", ["date", "time"], 2)? {
                    [Some(Value::Date(date)), Some(Value::Time(time))] => Ok(date.and_time(time).into()),
                    [Some(Value::DateTime(value)), Some(Value::Time(time))] => {
                        Ok(value.local.date().and_time(time).into())
                    }
                    _ => Err(Error::type_error("combine() needs a date and a time")),
                }),
            ),
            ("min", NaiveDate::from_ymd_opt(1, 1, 1).map_or(Value::None, |date| date.and_time(NaiveTime::MIN).into())),
        ],
    )
}

/// Python's clock has microseconds.
fn truncated(now: chrono::DateTime<chrono::Utc>) -> chrono::NaiveDateTime {
    chrono::DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now).naive_utc()
}

fn time(args: CallArgs) -> Result<Value> {
    let names = ["hour", "minute", "second", "microsecond"];
    let [hour, minute, second, micros] = args.bind("time", names, 0)?;
    make_time(whole(&hour, 0)?, whole(&minute, 0)?, whole(&second, 0)?, whole(&micros, 0)?).map(Value::Time)
}

fn timedelta(args: CallArgs) -> Result<Value> {
    const NAMES: [&str; 7] = ["days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks"];
    const MICROS: [f64; 7] = [86_400e6, 1e6, 1.0, 1e3, 60e6, 3_600e6, 604_800e6];
    let mut total = 0.0;
    for (value, micros) in args.bind("timedelta", NAMES, 0)?.into_iter().zip(MICROS) {
        let Some(value) = value else { continue };
        let Some(amount) = value.as_f64() else {
            return Err(Error::type_error(format!("unsupported type for timedelta component: {}", value.type_name())));
        };
        total += amount * micros;
    }
    if total.is_nan() || total.abs() > 86_400e6 * 999_999_999.0 {
        return Err(Error::new(ErrorKind::Overflow, "days out of range; must have magnitude <= 999999999"));
    }
    // Beyond 64 bits of microseconds only whole seconds matter.
    if total.abs() > 9e18 {
        return Ok(Value::TimeDelta(TimeDelta::seconds((total / 1e6) as i64)));
    }
    Ok(Value::TimeDelta(TimeDelta::microseconds(total.round_ties_even() as i64)))
}

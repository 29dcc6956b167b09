//! Attributes and methods of `date`, `datetime`, `time` and `timedelta`.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use crate::value::offset_text;
use crate::{CallArgs, DateTime, Error, ErrorKind, Result, Value, Zone};

pub(super) fn has_method(value: &Value, name: &str) -> bool {
    match name {
        "isoformat" | "replace" | "strftime" => !matches!(value, Value::TimeDelta(_)),
        "weekday" | "isoweekday" | "isocalendar" | "toordinal" | "timetuple" | "ctime" => {
            matches!(value, Value::Date(_) | Value::DateTime(_))
        }
        "date" | "time" | "timestamp" | "astimezone" | "utcoffset" | "tzname" => matches!(value, Value::DateTime(_)),
        "total_seconds" => matches!(value, Value::TimeDelta(_)),
        _ => false,
    }
}

fn parts(value: &Value) -> (NaiveDate, NaiveTime, Option<Zone>) {
    match value {
        Value::Date(date) => (*date, NaiveTime::MIN, None),
        Value::DateTime(value) => (value.local.date(), value.local.time(), value.zone),
        Value::Time(time) => (NaiveDate::default(), *time, None),
        _ => (NaiveDate::default(), NaiveTime::MIN, None),
    }
}

pub(super) fn attribute(value: &Value, name: &str) -> Option<Value> {
    if let Value::TimeDelta(delta) = value {
        let (days, seconds, micros) = crate::value::delta_parts(*delta);
        return match name {
            "days" => Some(days.into()),
            "seconds" => Some(seconds.into()),
            "microseconds" => Some(micros.into()),
            _ => None,
        };
    }
    let (date, time, zone) = parts(value);
    let has_date = !matches!(value, Value::Time(_));
    let has_time = !matches!(value, Value::Date(_));
    Some(match name {
        "year" if has_date => date.year().into(),
        "month" if has_date => date.month().into(),
        "day" if has_date => date.day().into(),
        "hour" if has_time => time.hour().into(),
        "minute" if has_time => time.minute().into(),
        "second" if has_time => time.second().into(),
        "microsecond" if has_time => (time.nanosecond() % 1_000_000_000 / 1000).into(),
        "tzinfo" if has_time => zone.map_or(Value::None, crate::modules::zone_value),
        _ => return None,
    })
}

pub(super) fn call(value: &Value, name: &str, args: CallArgs) -> Result<Value> {
    let (date, time, zone) = parts(value);
    Ok(match name {
        "isoformat" => match value {
            Value::DateTime(value) => {
                let [separator, _] = args.bind(name, ["sep", "timespec"], 0)?;
                let separator = separator.and_then(|text| text.as_str().and_then(|text| text.chars().next()));
                value.iso(separator.unwrap_or('T')).into()
            }
            other => other.to_string().into(),
        },
        "strftime" => {
            let [format] = args.bind(name, ["format"], 1)?;
            match format {
                Some(Value::Str(format)) => strftime(value, &format)?.into(),
                _ => return Err(Error::type_error("strftime() argument 1 must be str")),
            }
        }
        "weekday" => date.weekday().num_days_from_monday().into(),
        "isoweekday" => date.weekday().number_from_monday().into(),
        "isocalendar" => {
            let week = date.iso_week();
            Value::tuple(vec![week.year().into(), week.week().into(), date.weekday().number_from_monday().into()])
        }
        "toordinal" => date.num_days_from_ce().into(),
        "ctime" => strftime(value, "%a %b %e %H:%M:%S %Y")?.into(),
        "timetuple" => Value::tuple(vec![
            date.year().into(),
            date.month().into(),
            date.day().into(),
            time.hour().into(),
            time.minute().into(),
            time.second().into(),
            date.weekday().num_days_from_monday().into(),
            date.ordinal().into(),
            Value::Int(-1),
        ]),
        "date" => Value::Date(date),
        "time" => Value::Time(time),
        "total_seconds" => match value {
            Value::TimeDelta(delta) => Value::Float(delta.num_seconds() as f64 + f64::from(delta.subsec_nanos()) / 1e9),
            _ => Value::None,
        },
        "timestamp" => match value {
            Value::DateTime(value) => {
                let utc = value.utc().unwrap_or(value.local).and_utc();
                Value::Float(utc.timestamp() as f64 + f64::from(utc.timestamp_subsec_micros()) / 1e6)
            }
            _ => Value::None,
        },
        "astimezone" => {
            let [to] = args.bind(name, ["tz"], 0)?;
            let to = match to {
                None | Some(Value::None) => Zone::Utc,
                Some(zone) => crate::modules::zone_of(&zone)
                    .ok_or_else(|| Error::type_error("tz argument must be an instance of tzinfo"))?,
            };
            let aware = DateTime { local: date.and_time(time), zone: Some(zone.unwrap_or(Zone::Utc)) };
            in_zone(aware.utc().unwrap_or(aware.local), to)
        }
        "utcoffset" => match value {
            Value::DateTime(value) => value.offset().map(|seconds| TimeDelta::seconds(i64::from(seconds))).into(),
            _ => Value::None,
        },
        "tzname" => strftime(value, "%Z").map(|name| if name.is_empty() { Value::None } else { name.into() })?,
        "replace" => replace(value, args)?,
        _ => {
            return Err(Error::new(
                ErrorKind::Attribute,
                format!("'{}' object has no attribute '{name}'", value.type_name()),
            ));
        }
    })
}

/// A UTC instant as the local time of a zone.
pub(crate) fn in_zone(utc: NaiveDateTime, zone: Zone) -> Value {
    use chrono::{Offset, TimeZone};
    let offset = match zone {
        Zone::Utc => 0,
        Zone::Fixed(seconds) => seconds,
        Zone::Named(zone) => zone.offset_from_utc_datetime(&utc).fix().local_minus_utc(),
    };
    let local = utc.checked_add_signed(TimeDelta::seconds(i64::from(offset))).unwrap_or(utc);
    Value::DateTime(Arc::new(DateTime { local, zone: Some(zone) }))
}

fn replace(value: &Value, args: CallArgs) -> Result<Value> {
    let (date, time, zone) = parts(value);
    let names = match value {
        Value::Time(_) => ["hour", "minute", "second", "microsecond", "", "", "", "tzinfo"],
        _ => ["year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo"],
    };
    let given = args.bind("replace", names, 0)?;
    let pick = |name: &str, old: i64| -> Result<i64> {
        let index = names.iter().position(|known| *known == name);
        match index.and_then(|index| given[index].as_ref()) {
            None => Ok(old),
            Some(value) => value.as_i64().ok_or_else(|| {
                Error::type_error(format!("'{}' object cannot be interpreted as an integer", value.type_name()))
            }),
        }
    };
    let date = crate::modules::make_date(
        pick("year", i64::from(date.year()))?,
        pick("month", i64::from(date.month()))?,
        pick("day", i64::from(date.day()))?,
    )?;
    let time = crate::modules::make_time(
        pick("hour", i64::from(time.hour()))?,
        pick("minute", i64::from(time.minute()))?,
        pick("second", i64::from(time.second()))?,
        pick("microsecond", i64::from(time.nanosecond() % 1_000_000_000 / 1000))?,
    )?;
    let zone = match &given[7] {
        None => zone,
        Some(Value::None) => None,
        Some(zone) => crate::modules::attached_zone_of(zone),
    };
    Ok(match value {
        Value::Date(_) => Value::Date(date),
        Value::Time(_) => Value::Time(time),
        _ => Value::DateTime(Arc::new(DateTime { local: date.and_time(time), zone })),
    })
}

/// Python's `strftime`, with the C locale's names.
pub(crate) fn strftime(value: &Value, format: &str) -> Result<String> {
    const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let (date, time, zone) = parts(value);
    let aware = DateTime { local: date.and_time(time), zone };
    let day = DAYS[date.weekday().num_days_from_monday() as usize % 7];
    let month = MONTHS[date.month0() as usize % 12];
    let hour12 = match time.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let micros = time.nanosecond() % 1_000_000_000 / 1000;
    let sunday = date.weekday().num_days_from_sunday();
    let monday = date.weekday().num_days_from_monday();
    let mut out = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let mut directive = letters.next();
        let unpadded = directive == Some('-');
        if unpadded {
            directive = letters.next();
        }
        let colon = directive == Some(':');
        if colon {
            directive = letters.next();
        }
        let mut number = |amount: u32, width: usize| {
            let text = if unpadded { amount.to_string() } else { format!("{amount:0width$}") };
            out.push_str(&text);
        };
        match directive {
            Some('Y') => out.push_str(&date.year().to_string()),
            Some('G') => out.push_str(&date.iso_week().year().to_string()),
            Some('y') => number(date.year().rem_euclid(100) as u32, 2),
            Some('C') => number(date.year().div_euclid(100) as u32, 2),
            Some('m') => number(date.month(), 2),
            Some('d') => number(date.day(), 2),
            Some('e') => out.push_str(&format!("{:>2}", date.day())),
            Some('H') => number(time.hour(), 2),
            Some('I') => number(hour12, 2),
            Some('M') => number(time.minute(), 2),
            Some('S') => number(time.second(), 2),
            Some('f') => number(micros, 6),
            Some('j') => number(date.ordinal(), 3),
            Some('U') => number((date.ordinal() + 6 - sunday) / 7, 2),
            Some('W') => number((date.ordinal() + 6 - monday) / 7, 2),
            Some('V') => number(date.iso_week().week(), 2),
            Some('w') => number(sunday, 1),
            Some('u') => number(monday + 1, 1),
            Some('p') => out.push_str(if time.hour() < 12 { "AM" } else { "PM" }),
            Some('P') => out.push_str(if time.hour() < 12 { "am" } else { "pm" }),
            Some('a') => out.push_str(&day[..3]),
            Some('A') => out.push_str(day),
            Some('b' | 'h') => out.push_str(&month[..3]),
            Some('B') => out.push_str(month),
            Some('F') => out.push_str(&strftime(value, "%Y-%m-%d")?),
            Some('D' | 'x') => out.push_str(&strftime(value, "%m/%d/%y")?),
            Some('T' | 'X') => out.push_str(&strftime(value, "%H:%M:%S")?),
            Some('R') => out.push_str(&strftime(value, "%H:%M")?),
            Some('r') => out.push_str(&strftime(value, "%I:%M:%S %p")?),
            Some('c') => out.push_str(&strftime(value, "%a %b %e %H:%M:%S %Y")?),
            Some('s') => out.push_str(&aware.utc().unwrap_or(aware.local).and_utc().timestamp().to_string()),
            Some('z') => {
                if let Some(offset) = aware.offset() {
                    out.push_str(&offset_text(offset, if colon { ":" } else { "" }));
                }
            }
            Some('Z') => match zone {
                None => {}
                Some(Zone::Utc) => out.push_str("UTC"),
                Some(Zone::Fixed(seconds)) => {
                    out.push_str("UTC");
                    out.push_str(&offset_text(seconds, ":"));
                }
                Some(Zone::Named(name)) => {
                    use chrono::TimeZone;
                    let found = name.offset_from_local_datetime(&aware.local).earliest();
                    match found {
                        Some(offset) => out.push_str(&offset.to_string()),
                        None => out.push_str(name.name()),
                    }
                }
            },
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('%') => out.push('%'),
            Some(other) => {
                out.push('%');
                out.push(other);
            }
            None => out.push('%'),
        }
    }
    Ok(out)
}

/// `datetime.fromisoformat`
pub(crate) fn parse_iso(text: &str) -> Result<Value> {
    let invalid = || Error::value_error(format!("Invalid isoformat string: {}", Value::str(text).repr()));
    let date = text.get(..10).and_then(|date| NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()).ok_or_else(invalid)?;
    let rest = text.get(10..).unwrap_or("");
    if rest.is_empty() {
        return Ok(date.and_time(NaiveTime::MIN).into());
    }
    let rest = rest.get(1..).ok_or_else(invalid)?;
    let (clock, zone) = match rest.find(['+', '-', 'Z']) {
        Some(at) => (&rest[..at], Some(parse_offset(&rest[at..]).ok_or_else(invalid)?)),
        None => (rest, None),
    };
    let time = ["%H:%M:%S%.f", "%H:%M", "%H"]
        .iter()
        .find_map(|format| NaiveTime::parse_from_str(clock, format).ok())
        .ok_or_else(invalid)?;
    Ok(Value::DateTime(Arc::new(DateTime { local: date.and_time(time), zone })))
}

fn parse_offset(text: &str) -> Option<Zone> {
    if text == "Z" {
        return Some(Zone::Utc);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text.get(1..)?.chars().filter(|letter| *letter != ':').collect();
    let hours: i32 = digits.get(..2)?.parse().ok()?;
    let minutes: i32 = digits.get(2..4).unwrap_or("0").parse().ok()?;
    match sign * (hours * 3600 + minutes * 60) {
        0 => Some(Zone::Utc),
        seconds => Some(Zone::Fixed(seconds)),
    }
}

/// `datetime.strptime`
pub(crate) fn strptime(text: &str, format: &str) -> Result<Value> {
    let failed = || {
        Error::value_error(format!(
            "time data {} does not match format {}",
            Value::str(text).repr(),
            Value::str(format).repr()
        ))
    };
    // Python's `%f` takes one to six digits and is a fraction; chrono's `%f` is nanoseconds.
    let adapted = format.replace(".%f", "%.f");
    let mut parsed = chrono::format::Parsed::new();
    let items: Vec<chrono::format::Item<'_>> = chrono::format::StrftimeItems::new(&adapted).collect();
    chrono::format::parse(&mut parsed, text, items.iter()).map_err(|_| failed())?;
    let year =
        parsed.year().or_else(|| parsed.year_mod_100().map(|year| if year < 69 { year + 2000 } else { year + 1900 }));
    let date = parsed.to_naive_date().or_else(|error| {
        NaiveDate::from_ymd_opt(year.unwrap_or(1900), parsed.month().unwrap_or(1), parsed.day().unwrap_or(1))
            .ok_or(error)
    });
    let date = date.map_err(|_| failed())?;
    let hour = parsed.hour_div_12().unwrap_or(0) * 12 + parsed.hour_mod_12().unwrap_or(0);
    let time = crate::modules::make_time(
        i64::from(hour),
        i64::from(parsed.minute().unwrap_or(0)),
        i64::from(parsed.second().unwrap_or(0)),
        i64::from(parsed.nanosecond().unwrap_or(0) / 1000),
    )?;
    let zone = parsed.offset().map(|seconds| if seconds == 0 { Zone::Utc } else { Zone::Fixed(seconds) });
    Ok(Value::DateTime(Arc::new(DateTime { local: date.and_time(time), zone })))
}

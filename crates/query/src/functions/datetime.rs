//! Dates and times.

use std::sync::{Arc, Mutex};

use chrono::{Datelike, NaiveDateTime, Timelike};

use super::{Resolved, f, invalid, patterns::Pattern};
use crate::{
    analyze::{add_months, add_months_to},
    error::QueryError,
    text::{local, to_date, to_datetime},
    types::{Type, VARCHAR},
    value::Value,
    zone,
};

const DAY: i64 = 86_400_000_000;

/// The wall clock of a date, time or timestamp.
fn wall(value: &Value, ty: &Type) -> NaiveDateTime {
    match ty {
        Type::Date => to_datetime(value.int() * DAY),
        Type::TimestampTz(_, zone) => to_datetime(local(value.int(), zone)),
        _ => to_datetime(value.int()),
    }
}

/// A wall clock as a value of the type.
fn back(wall: i64, ty: &Type) -> i64 {
    match ty {
        Type::Date => wall.div_euclid(DAY),
        Type::TimestampTz(_, name) => zone::instant(to_datetime(wall), name),
        Type::Time(_) => wall.rem_euclid(DAY),
        _ => wall,
    }
}

fn micros(at: NaiveDateTime) -> i64 {
    at.and_utc().timestamp_micros()
}

fn is_time(ty: &Type) -> bool {
    matches!(ty, Type::Date | Type::Time(_) | Type::Timestamp(_) | Type::TimestampTz(..))
}

/// What a function of a timestamp takes: texts are no timestamps in Trino, NULLs are any.
fn moment(ty: &Type) -> Option<Type> {
    match ty {
        Type::Unknown => Some(Type::Timestamp(3)),
        ty if is_time(ty) => Some(ty.clone()),
        _ => None,
    }
}

pub(super) fn resolve(name: &str, types: &[Type], constants: &[Option<Value>]) -> Option<Resolved> {
    use Type::{BigInt, Date, Double, IntervalDayTime, IntervalYearMonth, Timestamp, TimestampTz};
    let utc = |precision: u8| TimestampTz(precision, Arc::from("UTC"));
    let field = |get: fn(NaiveDateTime) -> i64| {
        let ty = moment(&types[0])?;
        f([ty.clone()], BigInt, move |a| Ok(Value::Int(get(wall(&a[0], &ty)))))
    };
    let interval = |divisor: i64, modulus: i64| {
        f([IntervalDayTime], BigInt, move |a| Ok(Value::Int(a[0].int() / divisor % modulus)))
    };
    match (name, types) {
        ("year", [IntervalYearMonth]) => f([IntervalYearMonth], BigInt, |a| Ok(Value::Int(a[0].int() / 12))),
        ("month", [IntervalYearMonth]) => f([IntervalYearMonth], BigInt, |a| Ok(Value::Int(a[0].int() % 12))),
        ("day", [IntervalDayTime]) => interval(86_400_000, i64::MAX),
        ("hour", [IntervalDayTime]) => interval(3_600_000, 24),
        ("minute", [IntervalDayTime]) => interval(60_000, 60),
        ("second", [IntervalDayTime]) => interval(1000, 60),
        ("millisecond", [IntervalDayTime]) => interval(1, 1000),
        ("year", [_]) => field(|at| i64::from(at.year())),
        ("quarter", [_]) => field(|at| i64::from(at.month0() / 3 + 1)),
        ("month", [_]) => field(|at| i64::from(at.month())),
        ("week" | "week_of_year", [_]) => field(|at| i64::from(at.iso_week().week())),
        ("day" | "day_of_month", [_]) => field(|at| i64::from(at.day())),
        ("day_of_week" | "dow", [_]) => field(|at| i64::from(at.weekday().number_from_monday())),
        ("day_of_year" | "doy", [_]) => field(|at| i64::from(at.ordinal())),
        ("year_of_week" | "yow", [_]) => field(|at| i64::from(at.iso_week().year())),
        ("hour", [_]) => field(|at| i64::from(at.hour())),
        ("minute", [_]) => field(|at| i64::from(at.minute())),
        ("second", [_]) => field(|at| i64::from(at.second())),
        ("millisecond", [_]) => field(|at| i64::from(at.nanosecond() / 1_000_000)),
        ("timezone_hour" | "timezone_minute", [TimestampTz(p, zone)]) => {
            let (zone, hour) = (Arc::clone(zone), name == "timezone_hour");
            f([TimestampTz(*p, Arc::clone(&zone))], BigInt, move |a| {
                let offset = zone::offset_at(a[0].int(), &zone);
                Ok(Value::Int(if hour { offset / 3600 } else { offset / 60 % 60 }))
            })
        }
        ("date", [ty]) if crate::cast::castable(ty, &Date) => {
            let ty = ty.clone();
            f([ty.clone()], Date, move |a| crate::cast::convert(&a[0], &ty, &Date))
        }
        ("date_trunc", [_, ty]) => {
            let ty = moment(ty)?;
            let returns = match &ty {
                Timestamp(p) => Timestamp(*p),
                other => other.clone(),
            };
            f([VARCHAR, ty.clone()], returns, move |a| {
                let at = micros(wall(&a[1], &ty));
                let unit = a[0].str().to_lowercase();
                let cut = truncated(at, &unit).filter(|_| ty != Date || !is_clock(&unit));
                let cut =
                    cut.ok_or_else(|| invalid(format!("'{}' is not a valid {} field", a[0].str(), shown(&ty))))?;
                Ok(Value::Int(back(cut, &ty)))
            })
        }
        ("date_add", [_, count, ty]) if count.is_integer() => {
            let ty = moment(ty)?;
            f([VARCHAR, BigInt, ty.clone()], ty.clone(), move |a| {
                let unit = a[0].str().to_lowercase();
                let bad = || invalid(format!("'{}' is not a valid {} field", a[0].str(), shown(&ty)));
                if ty == Date && is_clock(&unit) {
                    return Err(bad());
                }
                let count = a[1].int();
                let at = micros(wall(&a[2], &ty));
                let moved = match months_of(&unit) {
                    Some(months) => add_months_to(at, months * count),
                    None => micros_of(&unit).and_then(|size| at.checked_add(size.checked_mul(count)?)),
                };
                // Hours of a zone are hours of time, whatever its clock does.
                if let (TimestampTz(..), Some(size)) = (&ty, micros_of(&unit))
                    && size < DAY
                {
                    return Ok(Value::Int(a[2].int() + size * count));
                }
                moved.map(|at| Value::Int(back(at, &ty))).ok_or_else(bad)
            })
        }
        ("date_diff", [_, a, b]) => {
            let ty = crate::types::common(&moment(a)?, &moment(b)?)?;
            f([VARCHAR, ty.clone(), ty.clone()], BigInt, move |a| {
                let unit = a[0].str().to_lowercase();
                let bad = || invalid(format!("'{}' is not a valid {} field", a[0].str(), shown(&ty)));
                if ty == Date && is_clock(&unit) {
                    return Err(bad());
                }
                let (from, to) = (micros(wall(&a[1], &ty)), micros(wall(&a[2], &ty)));
                difference(from, to, &unit).map(Value::Int).ok_or_else(bad)
            })
        }
        ("last_day_of_month", [ty]) => {
            let ty = moment(ty)?;
            f([ty.clone()], Date, move |a| {
                let day = micros(wall(&a[0], &ty)).div_euclid(DAY);
                let first = day - i64::from(to_date(day).day0());
                Ok(add_months(first, 1).map_or(Value::Null, |next| Value::Int(next - 1)))
            })
        }
        ("date_format", [ty, _]) => {
            let (ty, patterns) = (moment(ty)?, PatternCache::new(Pattern::mysql));
            f([ty.clone(), VARCHAR], VARCHAR, move |a| print(&a[0], &ty, &*patterns.get(a[1].str())?))
        }
        ("format_datetime", [ty, _]) => {
            let (ty, patterns) = (moment(ty)?, PatternCache::new(Pattern::joda));
            f([ty.clone(), VARCHAR], VARCHAR, move |a| print(&a[0], &ty, &*patterns.get(a[1].str())?))
        }
        ("date_parse", [_, _]) => date_parse(),
        ("parse_datetime", [_, _]) => parse_datetime(),
        ("from_iso8601_date", [_]) => f([VARCHAR], Date, |a| {
            crate::parse_value::date(a[0].str())
                .map(Value::Int)
                .ok_or_else(|| invalid(format!("Invalid format: \"{}\"", a[0].str())))
        }),
        ("from_iso8601_timestamp", [_]) => f([VARCHAR], utc(3), |a| {
            let text = a[0].str();
            let (wall, zone, _) =
                crate::parse_value::timestamp(text).ok_or_else(|| invalid(format!("Invalid format: \"{text}\"")))?;
            Ok(Value::Int(zone::instant(wall, zone.as_deref().unwrap_or("UTC")).div_euclid(1000) * 1000))
        }),
        ("to_iso8601", [ty]) => {
            let ty = moment(ty)?;
            f([ty.clone()], VARCHAR, move |a| {
                Ok(Value::Str(match &ty {
                    Date => crate::text::date(a[0].int()),
                    TimestampTz(p, name) => {
                        let offset = zone::offset_at(a[0].int(), name);
                        let text = crate::text::timestamp(local(a[0].int(), name), *p).replace(' ', "T");
                        let sign = if offset < 0 { '-' } else { '+' };
                        let suffix = format!("{sign}{:02}:{:02}", offset.abs() / 3600, offset.abs() / 60 % 60);
                        format!("{text}{}", if offset == 0 { "Z" } else { &suffix })
                    }
                    Timestamp(p) => crate::text::timestamp(a[0].int(), *p).replace(' ', "T"),
                    _ => crate::text::print(&a[0], &ty).unwrap_or_default(),
                }))
            })
        }
        ("to_unixtime", [ty]) => {
            let ty = match moment(ty)? {
                Date => Timestamp(3),
                ty => ty,
            };
            f([ty], Double, |a| Ok(Value::Double(a[0].int() as f64 / 1e6)))
        }
        ("from_unixtime", [_]) => f([Double], utc(3), |a| Ok(Value::Int(seconds(a[0].double())?))),
        ("from_unixtime", [_, zone]) if zone.is_text() => {
            let name = constants.get(1)?.as_ref().map(|name| name.str().to_owned())?;
            let name = zone::canonical(&name)?;
            f([Double, VARCHAR], TimestampTz(3, Arc::from(name)), |a| Ok(Value::Int(seconds(a[0].double())?)))
        }
        ("from_unixtime_nanos", [_]) => f([BigInt], utc(6), |a| Ok(Value::Int(a[0].int().div_euclid(1000)))),
        ("to_milliseconds", [IntervalDayTime]) => f([IntervalDayTime], BigInt, |a| Ok(a[0].clone())),
        ("with_timezone", [ty, _]) => {
            let name = zone::canonical(constants.get(1)?.as_ref()?.str())?;
            let precision = if let Timestamp(p) = ty { *p } else { 3 };
            let inner = name.clone();
            f([Timestamp(precision), VARCHAR], TimestampTz(precision, Arc::from(name)), move |a| {
                Ok(Value::Int(zone::instant(to_datetime(a[0].int()), &inner)))
            })
        }
        ("at_timezone", [TimestampTz(p, zone), _]) => {
            let name = zone::canonical(constants.get(1)?.as_ref()?.str())?;
            f([TimestampTz(*p, Arc::clone(zone)), VARCHAR], TimestampTz(*p, Arc::from(name)), |a| Ok(a[0].clone()))
        }
        _ => None,
    }
}

/// The last pattern that was used, as most calls have a constant one.
struct PatternCache {
    read: fn(&str) -> Result<Pattern, String>,
    last: Mutex<Option<(String, Arc<Pattern>)>>,
}

impl PatternCache {
    fn new(read: fn(&str) -> Result<Pattern, String>) -> Self {
        Self { read, last: Mutex::default() }
    }

    fn get(&self, text: &str) -> Result<Arc<Pattern>, QueryError> {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((of, pattern)) = &*last
            && of == text
        {
            return Ok(Arc::clone(pattern));
        }
        let pattern = Arc::new((self.read)(text).map_err(invalid)?);
        *last = Some((text.to_owned(), Arc::clone(&pattern)));
        Ok(pattern)
    }
}

fn not_in_format(text: &str) -> QueryError {
    invalid(format!("Invalid format: \"{text}\""))
}

fn date_parse() -> Option<Resolved> {
    let patterns = PatternCache::new(Pattern::mysql);
    f([VARCHAR, VARCHAR], Type::Timestamp(3), move |a| {
        let parsed = patterns.get(a[1].str())?.parse(a[0].str()).ok_or_else(|| not_in_format(a[0].str()))?;
        Ok(Value::Int(micros(parsed.wall).div_euclid(1000) * 1000))
    })
}

fn parse_datetime() -> Option<Resolved> {
    let patterns = PatternCache::new(Pattern::joda);
    f([VARCHAR, VARCHAR], Type::TimestampTz(3, Arc::from("UTC")), move |a| {
        let parsed = patterns.get(a[1].str())?.parse(a[0].str()).ok_or_else(|| not_in_format(a[0].str()))?;
        Ok(Value::Int(zone::instant(parsed.wall, parsed.zone.as_deref().unwrap_or("UTC"))))
    })
}

fn shown(ty: &Type) -> String {
    ty.base_name().to_uppercase()
}

fn seconds(number: f64) -> Result<i64, QueryError> {
    let millis = (number * 1000.0).round() as i64;
    // Trino packs milliseconds in 52 bits.
    if !(-(1 << 51)..1 << 51).contains(&millis) {
        return Err(QueryError::new("INVALID_FUNCTION_ARGUMENT", format!("Millis overflow: {millis}")));
    }
    Ok(millis * 1000)
}

fn print(value: &Value, ty: &Type, pattern: &Pattern) -> Result<Value, QueryError> {
    let (name, offset) = match ty {
        Type::TimestampTz(_, name) => (&**name, zone::offset_at(value.int(), name)),
        _ => ("UTC", 0),
    };
    Ok(Value::Str(pattern.print(wall(value, ty), name, offset)))
}

fn is_clock(unit: &str) -> bool {
    ["millisecond", "second", "minute", "hour"].contains(&unit)
}

fn months_of(unit: &str) -> Option<i64> {
    match unit {
        "month" => Some(1),
        "quarter" => Some(3),
        "year" => Some(12),
        _ => None,
    }
}

fn micros_of(unit: &str) -> Option<i64> {
    match unit {
        "millisecond" => Some(1000),
        "second" => Some(1_000_000),
        "minute" => Some(60_000_000),
        "hour" => Some(3_600_000_000),
        "day" => Some(DAY),
        "week" => Some(7 * DAY),
        _ => None,
    }
}

fn truncated(at: i64, unit: &str) -> Option<i64> {
    let day = at.div_euclid(DAY);
    let date = to_date(day);
    let first = |months_back: u32| {
        let start = day - i64::from(date.day0());
        add_months(start, -i64::from(months_back)).map(|day| day * DAY)
    };
    match unit {
        "week" => Some((day - i64::from(date.weekday().num_days_from_monday())) * DAY),
        "month" => first(0),
        "quarter" => first(date.month0() % 3),
        "year" => first(date.month0()),
        _ => micros_of(unit).map(|size| at.div_euclid(size) * size),
    }
}

/// Whole units from one moment to another, towards zero.
fn difference(from: i64, to: i64, unit: &str) -> Option<i64> {
    if let Some(months) = months_of(unit) {
        let index = |at: i64| {
            let date = to_datetime(at);
            i64::from(date.year()) * 12 + i64::from(date.month0())
        };
        let mut count = index(to) - index(from);
        // An incomplete month does not count.
        let reached = add_months_to(from, count)?;
        if count > 0 && reached > to {
            count -= 1;
        } else if count < 0 && reached < to {
            count += 1;
        }
        return Some(count / months);
    }
    Some((to - from) / micros_of(unit)?)
}

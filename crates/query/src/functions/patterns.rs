//! Date patterns: MySQL's (`%Y-%m-%d`) and Joda's (`yyyy-MM-dd`), to print and to parse.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

/// An element of a pattern.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    /// Digits, at least so many.
    Number(Field, usize),
    MonthName(bool),
    DayName(bool),
    HalfDay,
    ZoneOffset(bool),
    ZoneName,
    Fraction(usize),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Field {
    Year,
    ShortYear,
    WeekYear,
    Month,
    Day,
    DayOfYear,
    DayOfWeek,
    Week,
    Hour,
    Hour12,
    Minute,
    Second,
}

/// A pattern that was read.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Vec<Part>);

/// What a text says under a pattern: the wall clock and a zone.
pub(super) struct Parsed {
    pub wall: NaiveDateTime,
    pub zone: Option<String>,
}

impl Pattern {
    /// `date_format`'s patterns. Source: Trino documentation, "MySQL date functions".
    pub(super) fn mysql(text: &str) -> Result<Self, String> {
        use Field::{Day, DayOfYear, Hour, Hour12, Minute, Month, Second, ShortYear, Week, WeekYear, Year};
        let mut parts = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                parts.push(Part::Text(c.to_string()));
                continue;
            }
            let Some(code) = chars.next() else { return Err("Invalid date format: %".to_owned()) };
            match code {
                'a' => parts.push(Part::DayName(true)),
                'W' => parts.push(Part::DayName(false)),
                'b' => parts.push(Part::MonthName(true)),
                'M' => parts.push(Part::MonthName(false)),
                'c' => parts.push(Part::Number(Month, 1)),
                'm' => parts.push(Part::Number(Month, 2)),
                'd' => parts.push(Part::Number(Day, 2)),
                'e' => parts.push(Part::Number(Day, 1)),
                'f' => parts.push(Part::Fraction(6)),
                'H' => parts.push(Part::Number(Hour, 2)),
                'k' => parts.push(Part::Number(Hour, 1)),
                'h' | 'I' => parts.push(Part::Number(Hour12, 2)),
                'l' => parts.push(Part::Number(Hour12, 1)),
                'i' => parts.push(Part::Number(Minute, 2)),
                's' | 'S' => parts.push(Part::Number(Second, 2)),
                'j' => parts.push(Part::Number(DayOfYear, 3)),
                'p' => parts.push(Part::HalfDay),
                'Y' => parts.push(Part::Number(Year, 4)),
                'y' => parts.push(Part::Number(ShortYear, 2)),
                'x' => parts.push(Part::Number(WeekYear, 4)),
                'v' => parts.push(Part::Number(Week, 2)),
                'r' => parts.extend(Self::mysql("%h:%i:%s %p")?.0),
                'T' => parts.extend(Self::mysql("%H:%i:%s")?.0),
                '%' => parts.push(Part::Text("%".to_owned())),
                'D' | 'U' | 'u' | 'V' | 'w' | 'X' => {
                    return Err(format!("%{code} not supported in date format string"));
                }
                other => parts.push(Part::Text(other.to_string())),
            }
        }
        Ok(Self(parts))
    }

    /// `format_datetime`'s patterns. Source: Joda-Time, `DateTimeFormat`.
    pub(super) fn joda(text: &str) -> Result<Self, String> {
        use Field::{Day, DayOfWeek, DayOfYear, Hour, Hour12, Minute, Month, Second, ShortYear, Week, WeekYear, Year};
        let mut parts = Vec::new();
        let chars: Vec<char> = text.chars().collect();
        let mut at = 0;
        while at < chars.len() {
            let c = chars[at];
            if c == '\'' {
                let mut quoted = String::new();
                at += 1;
                if chars.get(at) == Some(&'\'') {
                    parts.push(Part::Text("'".to_owned()));
                    at += 1;
                    continue;
                }
                while at < chars.len() && chars[at] != '\'' {
                    quoted.push(chars[at]);
                    at += 1;
                }
                at += 1;
                parts.push(Part::Text(quoted));
                continue;
            }
            if !c.is_ascii_alphabetic() {
                parts.push(Part::Text(c.to_string()));
                at += 1;
                continue;
            }
            let start = at;
            while at < chars.len() && chars[at] == c {
                at += 1;
            }
            let count = at - start;
            parts.push(match c {
                'y' | 'Y' | 'u' if count == 2 => Part::Number(ShortYear, 2),
                'y' | 'Y' | 'u' => Part::Number(Year, count),
                'x' => Part::Number(WeekYear, count),
                'w' => Part::Number(Week, count),
                'M' | 'L' if count >= 4 => Part::MonthName(false),
                'M' | 'L' if count == 3 => Part::MonthName(true),
                'M' | 'L' => Part::Number(Month, count),
                'd' => Part::Number(Day, count),
                'D' => Part::Number(DayOfYear, count),
                'e' => Part::Number(DayOfWeek, count),
                'E' => Part::DayName(count < 4),
                'a' => Part::HalfDay,
                'H' => Part::Number(Hour, count),
                'h' => Part::Number(Hour12, count),
                'm' => Part::Number(Minute, count),
                's' => Part::Number(Second, count),
                'S' => Part::Fraction(count),
                'Z' if count >= 3 => Part::ZoneName,
                'Z' => Part::ZoneOffset(count == 2),
                'z' => Part::ZoneName,
                other => return Err(format!("Illegal pattern component: {}", other.to_string().repeat(count))),
            });
        }
        Ok(Self(parts))
    }

    /// A wall clock in a zone, printed.
    pub(super) fn print(&self, wall: NaiveDateTime, zone: &str, offset: i64) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Number(field, width) => {
                    let number = match field {
                        Field::Year => i64::from(wall.year()),
                        Field::ShortYear => i64::from(wall.year().rem_euclid(100)),
                        Field::WeekYear => i64::from(wall.iso_week().year()),
                        Field::Month => i64::from(wall.month()),
                        Field::Day => i64::from(wall.day()),
                        Field::DayOfYear => i64::from(wall.ordinal()),
                        Field::DayOfWeek => i64::from(wall.weekday().number_from_monday()),
                        Field::Week => i64::from(wall.iso_week().week()),
                        Field::Hour => i64::from(wall.hour()),
                        Field::Hour12 => i64::from(wall.hour12().1),
                        Field::Minute => i64::from(wall.minute()),
                        Field::Second => i64::from(wall.second()),
                    };
                    out.push_str(&format!("{number:0width$}"));
                }
                Part::MonthName(short) => out.push_str(&wall.format(if *short { "%b" } else { "%B" }).to_string()),
                Part::DayName(short) => out.push_str(&wall.format(if *short { "%a" } else { "%A" }).to_string()),
                Part::HalfDay => out.push_str(if wall.hour12().0 { "PM" } else { "AM" }),
                Part::Fraction(digits) => {
                    out.push_str(&format!("{:09}", wall.nanosecond() % 1_000_000_000)[..(*digits).min(9)])
                }
                Part::ZoneName => out.push_str(zone),
                Part::ZoneOffset(colon) => {
                    let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
                    let colon = if *colon { ":" } else { "" };
                    out.push_str(&format!("{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60));
                }
            }
        }
        out
    }

    /// A text, parsed; `None` when it does not follow the pattern.
    pub(super) fn parse(&self, text: &str) -> Option<Parsed> {
        let mut rest = text;
        let (mut year, mut month, mut day, mut ordinal) = (1970, 1, 1, None);
        let (mut hour, mut minute, mut second, mut nanos, mut half, mut zone) = (0, 0, 0, 0_u32, None, None);
        for (at, part) in self.0.iter().enumerate() {
            match part {
                Part::Text(text) => rest = rest.strip_prefix(text.as_str())?,
                Part::Number(field, width) => {
                    let next_number = matches!(self.0.get(at + 1), Some(Part::Number(..) | Part::Fraction(_)));
                    let longest = match field {
                        _ if next_number => *width,
                        Field::Year | Field::WeekYear => 9,
                        Field::DayOfYear => 3,
                        _ => 2,
                    };
                    let digits = rest.bytes().take(longest).take_while(u8::is_ascii_digit).count();
                    let number: i64 = rest[..digits].parse().ok()?;
                    rest = &rest[digits..];
                    let small = u32::try_from(number).ok()?;
                    match field {
                        Field::Year | Field::WeekYear => year = i32::try_from(number).ok()?,
                        Field::ShortYear => {
                            year = i32::try_from(if number < 70 { 2000 + number } else { 1900 + number }).ok()?
                        }
                        Field::Month => month = small,
                        Field::Day => day = small,
                        Field::DayOfYear => ordinal = Some(small),
                        Field::DayOfWeek | Field::Week => {}
                        Field::Hour | Field::Hour12 => hour = small,
                        Field::Minute => minute = small,
                        Field::Second => second = small,
                    }
                }
                Part::MonthName(_) => {
                    let names = [
                        "january",
                        "february",
                        "march",
                        "april",
                        "may",
                        "june",
                        "july",
                        "august",
                        "september",
                        "october",
                        "november",
                        "december",
                    ];
                    let lower = rest.to_lowercase();
                    let found = names.iter().position(|name| lower.starts_with(&name[..3]))?;
                    month = u32::try_from(found).ok()? + 1;
                    rest = &rest[if lower.starts_with(names[found]) { names[found].len() } else { 3 }..];
                }
                Part::DayName(_) => rest = rest.trim_start_matches(|c: char| c.is_alphabetic()),
                Part::HalfDay => {
                    half = Some(match rest.get(..2)?.to_uppercase().as_str() {
                        "AM" => false,
                        "PM" => true,
                        _ => return None,
                    });
                    rest = &rest[2..];
                }
                Part::Fraction(_) => {
                    let digits = rest.bytes().take(9).take_while(u8::is_ascii_digit).count();
                    if digits == 0 {
                        return None;
                    }
                    nanos = format!("{:0<9}", &rest[..digits]).parse().ok()?;
                    rest = &rest[digits..];
                }
                Part::ZoneName | Part::ZoneOffset(_) => {
                    let end = rest.find(|c: char| !(c.is_alphanumeric() || "+-:/_".contains(c))).unwrap_or(rest.len());
                    zone = Some(crate::zone::canonical(&rest[..end])?);
                    rest = &rest[end..];
                }
            }
        }
        if !rest.is_empty() {
            return None;
        }
        if let Some(pm) = half {
            hour = hour % 12 + if pm { 12 } else { 0 };
        }
        let date = match ordinal {
            Some(ordinal) => NaiveDate::from_yo_opt(year, ordinal)?,
            None => NaiveDate::from_ymd_opt(year, month, day)?,
        };
        let wall = date.and_time(NaiveTime::from_hms_nano_opt(hour, minute, second, nanos)?);
        Some(Parsed { wall, zone })
    }
}

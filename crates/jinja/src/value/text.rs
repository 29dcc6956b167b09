//! Python's `str()` and `repr()`.

use std::fmt::{self, Write};

use chrono::{Datelike, TimeDelta, Timelike};

use super::{DateTime, Value, Zone};

const MAX_DEPTH: usize = 120;

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Value::Str(text) = self {
            return f.write_str(text);
        }
        let mut text = String::new();
        self.write_str(&mut text);
        f.write_str(&text)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repr())
    }
}

impl Value {
    /// Python's `str(value)`, appended.
    pub fn write_str(&self, out: &mut String) {
        match self {
            Value::Str(text) => out.push_str(text),
            Value::Undefined(_) => {}
            Value::Object(object) => out.push_str(&object.str()),
            Value::Date(_) | Value::DateTime(_) | Value::Time(_) | Value::TimeDelta(_) | Value::Decimal(_) => {
                self.write_temporal(out);
            }
            _ => self.write_repr(out),
        }
    }

    fn write_temporal(&self, out: &mut String) {
        match self {
            Value::Date(date) => write_date(out, *date),
            Value::DateTime(value) => out.push_str(&value.iso(' ')),
            Value::Time(time) => write_time(out, *time),
            Value::TimeDelta(delta) => write_delta(out, *delta),
            Value::Decimal(number) => write_display(out, number),
            _ => {}
        }
    }

    /// Python's `repr(value)`.
    pub fn repr(&self) -> String {
        let mut out = String::new();
        self.write_repr(&mut out);
        out
    }

    /// Python's `repr(value)`, appended.
    pub fn write_repr(&self, out: &mut String) {
        self.repr_at(out, &mut Vec::new());
    }

    /// `open` holds the containers being printed: one inside itself is shown as `[...]`.
    fn repr_at(&self, out: &mut String, open: &mut Vec<usize>) {
        match self {
            Value::Undefined(_) => out.push_str("Undefined"),
            Value::None => out.push_str("None"),
            Value::Bool(flag) => out.push_str(if *flag { "True" } else { "False" }),
            Value::Int(number) => write_display(out, number),
            Value::BigInt(number) => write_display(out, number),
            Value::Float(number) => out.push_str(&float_repr(*number)),
            Value::Str(text) => write_str_repr(out, text),
            Value::Bytes(bytes) => write_bytes_repr(out, bytes),
            Value::List(list) => {
                if !enter(open, list.address()) {
                    return out.push_str("[...]");
                }
                out.push('[');
                write_items(out, &list.items(), open);
                out.push(']');
                open.pop();
            }
            Value::Tuple(items) => {
                if !enter(open, items.address()) {
                    return out.push_str("(...)");
                }
                out.push('(');
                write_items(out, items, open);
                out.push_str(if items.len() == 1 { ",)" } else { ")" });
                open.pop();
            }
            Value::Dict(dict) => {
                if !enter(open, dict.address()) {
                    return out.push_str("{...}");
                }
                out.push('{');
                for (index, (key, value)) in dict.entries().iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    key.repr_at(out, open);
                    out.push_str(": ");
                    value.repr_at(out, open);
                }
                out.push('}');
                open.pop();
            }
            Value::Set(set) => {
                let items = set.items();
                if items.is_empty() {
                    return out.push_str("set()");
                }
                out.push('{');
                write_items(out, &items, open);
                out.push('}');
            }
            Value::Decimal(number) => {
                out.push_str("Decimal('");
                write_display(out, number);
                out.push_str("')");
            }
            Value::Date(date) => {
                push(out, format_args!("datetime.date({}, {}, {})", date.year(), date.month(), date.day()));
            }
            Value::Time(time) => {
                push(out, format_args!("datetime.time({}, {}", time.hour(), time.minute()));
                write_seconds_repr(out, time.second(), micros(*time));
                out.push(')');
            }
            Value::DateTime(value) => {
                let local = value.local;
                push(
                    out,
                    format_args!(
                        "datetime.datetime({}, {}, {}, {}, {}",
                        local.year(),
                        local.month(),
                        local.day(),
                        local.hour(),
                        local.minute()
                    ),
                );
                write_seconds_repr(out, local.second(), micros(local.time()));
                if let Some(zone) = value.zone {
                    push(out, format_args!(", tzinfo={}", zone_repr(zone)));
                }
                out.push(')');
            }
            Value::TimeDelta(delta) => write_delta_repr(out, *delta),
            Value::Object(object) => out.push_str(&object.repr()),
        }
    }
}

fn push(out: &mut String, arguments: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(arguments);
}

fn write_display(out: &mut String, value: &dyn fmt::Display) {
    push(out, format_args!("{value}"));
}

fn enter(open: &mut Vec<usize>, address: usize) -> bool {
    let new = open.len() < MAX_DEPTH && !open.contains(&address);
    if new {
        open.push(address);
    }
    new
}

fn write_items(out: &mut String, items: &[Value], open: &mut Vec<usize>) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        item.repr_at(out, open);
    }
}

/// `repr` of a string: single quotes unless it has some and no double ones.
pub(crate) fn write_str_repr(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter == quote => {
                out.push('\\');
                out.push(letter);
            }
            letter if letter.is_control() && (letter as u32) < 0x100 => {
                push(out, format_args!("\\x{:02x}", letter as u32));
            }
            '\u{a0}' | '\u{ad}' => push(out, format_args!("\\x{:02x}", letter as u32)),
            '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' | '\u{3000}' | '\u{feff}' => {
                push(out, format_args!("\\u{:04x}", letter as u32));
            }
            letter => out.push(letter),
        }
    }
    out.push(quote);
}

fn write_bytes_repr(out: &mut String, bytes: &[u8]) {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    out.push('b');
    out.push(quote);
    for byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            byte if char::from(*byte) == quote => {
                out.push('\\');
                out.push(quote);
            }
            0x20..=0x7e => out.push(char::from(*byte)),
            byte => push(out, format_args!("\\x{byte:02x}")),
        }
    }
    out.push(quote);
}

/// `repr` of a float: the shortest digits that read back, exponents from 1e16 and below 1e-4.
pub(crate) fn float_repr(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    let mut text = number.to_string();
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}

fn write_date(out: &mut String, date: chrono::NaiveDate) {
    push(out, format_args!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day()));
}

fn micros(time: chrono::NaiveTime) -> u32 {
    time.nanosecond() % 1_000_000_000 / 1000
}

fn write_time(out: &mut String, time: chrono::NaiveTime) {
    push(out, format_args!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second()));
    if micros(time) != 0 {
        push(out, format_args!(".{:06}", micros(time)));
    }
}

fn write_seconds_repr(out: &mut String, seconds: u32, micros: u32) {
    if seconds != 0 || micros != 0 {
        push(out, format_args!(", {seconds}"));
    }
    if micros != 0 {
        push(out, format_args!(", {micros}"));
    }
}

fn zone_repr(zone: Zone) -> String {
    match zone {
        // What `datetime.timezone.utc`, `pytz.utc` and `pytz.timezone(...)` print.
        Zone::Utc => "datetime.timezone.utc".to_owned(),
        Zone::Fixed(seconds) => {
            let mut delta = String::new();
            write_delta_repr(&mut delta, TimeDelta::seconds(i64::from(seconds)));
            format!("datetime.timezone({delta})")
        }
        Zone::Named(name) if name == chrono_tz::UTC => "<UTC>".to_owned(),
        Zone::Named(name) => format!("<DstTzInfo '{name}'>"),
    }
}

/// `+02:00`, with seconds only when there are any.
pub(crate) fn offset_text(seconds: i32, separator: &str) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    let mut text = format!("{sign}{:02}{separator}{:02}", seconds / 3600, seconds / 60 % 60);
    if !seconds.is_multiple_of(60) {
        push(&mut text, format_args!("{separator}{:02}", seconds % 60));
    }
    text
}

impl DateTime {
    /// `isoformat(separator)`.
    pub fn iso(&self, separator: char) -> String {
        let mut out = String::with_capacity(32);
        write_date(&mut out, self.local.date());
        out.push(separator);
        write_time(&mut out, self.local.time());
        if let Some(offset) = self.offset() {
            out.push_str(&offset_text(offset, ":"));
        }
        out
    }

    /// The offset from UTC in seconds, when aware.
    pub fn offset(&self) -> Option<i32> {
        use chrono::{Offset, TimeZone};
        match self.zone? {
            Zone::Utc => Some(0),
            Zone::Fixed(seconds) => Some(seconds),
            Zone::Named(zone) => {
                let found = zone.offset_from_local_datetime(&self.local);
                let offset = found.earliest().unwrap_or_else(|| zone.offset_from_utc_datetime(&self.local));
                Some(offset.fix().local_minus_utc())
            }
        }
    }

    /// The instant as UTC, when aware.
    pub fn utc(&self) -> Option<chrono::NaiveDateTime> {
        let offset = self.offset()?;
        self.local.checked_sub_signed(TimeDelta::seconds(i64::from(offset)))
    }
}

/// Days, seconds and microseconds as Python normalises them: only the days are negative.
pub(crate) fn delta_parts(delta: TimeDelta) -> (i64, i64, i64) {
    let seconds = delta.num_seconds();
    let mut micros = i64::from(delta.subsec_nanos()) / 1000;
    let mut whole = seconds;
    if micros < 0 {
        micros += 1_000_000;
        whole -= 1;
    }
    (whole.div_euclid(86_400), whole.rem_euclid(86_400), micros)
}

fn write_delta(out: &mut String, delta: TimeDelta) {
    let (days, seconds, micros) = delta_parts(delta);
    if days != 0 {
        push(out, format_args!("{days} day{}, ", if days.abs() == 1 { "" } else { "s" }));
    }
    push(out, format_args!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
    if micros != 0 {
        push(out, format_args!(".{micros:06}"));
    }
}

fn write_delta_repr(out: &mut String, delta: TimeDelta) {
    let (days, seconds, micros) = delta_parts(delta);
    let parts: Vec<String> = [("days", days), ("seconds", seconds), ("microseconds", micros)]
        .into_iter()
        .filter(|(_, amount)| *amount != 0)
        .map(|(name, amount)| format!("{name}={amount}"))
        .collect();
    let parts = if parts.is_empty() { "0".to_owned() } else { parts.join(", ") };
    push(out, format_args!("datetime.timedelta({parts})"));
}

//! `%` formatting, `str.format` and the format specifications both share.

use num_traits::{Signed, ToPrimitive};

use crate::value::{Operator, float_repr};
use crate::{CallArgs, Error, ErrorKind, Result, State, Value};

/// No field is padded or printed wider than this.
const MAX_WIDTH: usize = 100_000;

/// A parsed `[[fill]align][sign][#][0][width][,][.precision][type]`.
#[derive(Clone, Debug, Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// `'%s and %d' % args`
pub(crate) fn percent(text: &str, args: &Value) -> Result<Value> {
    let mut out = String::with_capacity(text.len() + 16);
    let positional: Vec<Value> = match args {
        Value::Tuple(items) => items.to_vec(),
        other => vec![other.clone()],
    };
    let mapping = crate::methods::mapping_entries(args);
    let mut used_names = false;
    let mut next = positional.iter();
    let mut argument =
        || next.next().cloned().ok_or_else(|| Error::type_error("not enough arguments for format string"));
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let mut spec = Spec::default();
        let mut named = None;
        if letters.next_if_eq(&'(').is_some() {
            let mut key = String::new();
            let mut depth = 1;
            for letter in letters.by_ref() {
                match letter {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
                key.push(letter);
            }
            if depth > 0 {
                return Err(Error::value_error("incomplete format key"));
            }
            if mapping.is_none() {
                return Err(Error::type_error("format requires a mapping"));
            }
            used_names = true;
            let found = args.get_item(&Value::str(key.as_str()));
            named = Some(found.ok_or_else(|| Error::new(ErrorKind::Key, Value::str(key).repr()))?);
        }
        while let Some(flag) = letters.next_if(|letter| "-+ #0".contains(*letter)) {
            match flag {
                '-' => spec.align = Some('<'),
                '0' => spec.zero = true,
                '#' => spec.alternate = true,
                sign => spec.sign = Some(sign),
            }
        }
        let mut number = |letters: &mut std::iter::Peekable<std::str::Chars<'_>>| -> Result<Option<usize>> {
            if letters.next_if_eq(&'*').is_some() {
                return match argument()?.as_i64() {
                    Some(width) => Ok(usize::try_from(width.max(0)).ok()),
                    None => Err(Error::type_error("* wants int")),
                };
            }
            Ok(digits(letters))
        };
        spec.width = number(&mut letters)?.unwrap_or(0);
        if letters.next_if_eq(&'.').is_some() {
            spec.precision = Some(number(&mut letters)?.unwrap_or(0));
        }
        while letters.next_if(|letter| "hlL".contains(*letter)).is_some() {}
        let Some(kind) = letters.next() else { return Err(Error::value_error("incomplete format")) };
        if kind == '%' {
            out.push('%');
            continue;
        }
        let value = match named {
            Some(value) => value,
            None => argument()?,
        };
        if let Value::Undefined(undefined) = &value
            && !matches!(kind, 's' | 'r' | 'a')
        {
            return Err(undefined.error());
        }
        match kind {
            's' | 'r' | 'a' => {
                let shown = match kind {
                    's' => value.to_string(),
                    'r' => value.repr(),
                    _ => ascii(&value.repr()),
                };
                let shown = truncated(&shown, spec.precision);
                spec.align = spec.align.or(Some('>'));
                spec.zero = false;
                pad(&mut out, &spec, "", &shown)?;
            }
            'c' => {
                let shown = match &value {
                    Value::Int(code) => u32::try_from(*code).ok().and_then(char::from_u32).map(String::from),
                    Value::Str(text) if text.chars().count() == 1 => Some(text.to_string()),
                    _ => None,
                };
                let shown = shown.ok_or_else(|| Error::type_error("%c requires int or char"))?;
                pad(&mut out, &spec, "", &shown)?;
            }
            'd' | 'i' | 'u' | 'x' | 'X' | 'o' => {
                let whole = match &value {
                    Value::Float(number) if number.is_finite() && matches!(kind, 'd' | 'i' | 'u') => to_int(&value)?,
                    Value::Decimal(number) if matches!(kind, 'd' | 'i' | 'u') => Value::from_big(number.truncated()),
                    Value::Int(_) | Value::Bool(_) | Value::BigInt(_) => value.clone(),
                    other => {
                        let wanted = if matches!(kind, 'd' | 'i' | 'u') { "a real number" } else { "an integer" };
                        return Err(Error::type_error(format!(
                            "%{kind} format: {wanted} is required, not {}",
                            other.type_name()
                        )));
                    }
                };
                spec.kind = Some(if matches!(kind, 'i' | 'u') { 'd' } else { kind });
                if let Some(minimum) = spec.precision.take() {
                    spec.zero = false;
                    let text = format_number(&Spec { kind: spec.kind, ..Spec::default() }, &whole)?.1;
                    let sign = if whole.compare(&Value::Int(0), "<")?.is_some_and(|o| o.is_lt()) { "-" } else { "" };
                    let text = format!("{text:0>minimum$}", minimum = minimum.min(MAX_WIDTH));
                    pad(&mut out, &spec, sign, &text)?;
                    continue;
                }
                let (sign, text) = format_number(&spec, &whole)?;
                pad(&mut out, &spec, &sign, &text)?;
            }
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
                let Some(number) = value.as_f64() else {
                    return Err(Error::type_error(format!("must be real number, not {}", value.type_name())));
                };
                spec.kind = Some(kind);
                let (sign, text) = format_number(&spec, &Value::Float(number))?;
                pad(&mut out, &spec, &sign, &text)?;
            }
            other => {
                return Err(Error::value_error(format!(
                    "unsupported format character '{other}' ({:#x}) at index {}",
                    other as u32,
                    text.find(other).unwrap_or(0)
                )));
            }
        }
    }
    // Whatever can be subscripted counts as a mapping here, used or not.
    let subscripts =
        matches!(args, Value::List(_) | Value::Dict(_) | Value::Undefined(_) | Value::Bytes(_) | Value::Object(_));
    if !used_names && !subscripts && next.next().is_some() {
        return Err(Error::type_error("not all arguments converted during string formatting"));
    }
    Ok(out.into())
}

fn digits(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<usize> {
    let mut text = String::new();
    while let Some(digit) = letters.next_if(char::is_ascii_digit) {
        text.push(digit);
    }
    if text.is_empty() { None } else { Some(text.parse().unwrap_or(usize::MAX)) }
}

fn truncated(text: &str, precision: Option<usize>) -> String {
    match precision {
        Some(most) => text.chars().take(most).collect(),
        None => text.to_owned(),
    }
}

pub(crate) fn ascii(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter as u32 {
            0..=0x7f => out.push(letter),
            code @ 0x80..=0xff => out.push_str(&format!("\\x{code:02x}")),
            code @ 0x100..=0xffff => out.push_str(&format!("\\u{code:04x}")),
            code => out.push_str(&format!("\\U{code:08x}")),
        }
    }
    out
}

/// Python's `int(x)` of a number.
pub(crate) fn to_int(value: &Value) -> Result<Value> {
    Ok(match value {
        Value::Float(number) if number.is_nan() => {
            return Err(Error::value_error("cannot convert float NaN to integer"));
        }
        Value::Float(number) if number.is_infinite() => {
            return Err(Error::new(ErrorKind::Overflow, "cannot convert float infinity to integer"));
        }
        Value::Float(number) => match <num_bigint::BigInt as num_traits::FromPrimitive>::from_f64(number.trunc()) {
            Some(whole) => Value::from_big(whole),
            None => Value::Int(0),
        },
        Value::Decimal(number) => Value::from_big(number.truncated()),
        Value::Bool(flag) => Value::Int(i64::from(*flag)),
        other => other.clone(),
    })
}

/// The sign and the digits of a number.
fn format_number(spec: &Spec, value: &Value) -> Result<(String, String)> {
    let kind = spec.kind;
    if let (Value::Decimal(number), None | Some('f' | 'F' | 'g' | '%')) = (value, kind) {
        let mut text = match (kind, spec.precision) {
            (Some('%'), places) => {
                let hundred = number.multiply(&crate::Decimal::from(100));
                hundred.quantized(places.unwrap_or(6).min(MAX_WIDTH) as i64).to_string() + "%"
            }
            (Some('f' | 'F'), places) => {
                number.quantized(places.map_or_else(|| (-number.exponent()).max(0), |p| p.min(1000) as i64)).to_string()
            }
            (_, Some(places)) => number.quantized(places.min(1000) as i64).to_string(),
            _ => number.to_string(),
        };
        let sign = if text.starts_with('-') { text.remove(0).to_string() } else { positive_sign(spec) };
        if let Some(separator) = spec.grouping {
            text = grouped(&text, separator);
        }
        return Ok((sign, text));
    }
    let float = matches!(value, Value::Float(_) | Value::Decimal(_))
        || matches!(kind, Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%'));
    let (sign, mut text) = if float {
        let number = value.as_f64().unwrap_or(f64::NAN);
        let sign = if number.is_sign_negative() && !number.is_nan() { "-".to_owned() } else { positive_sign(spec) };
        (sign, float_text(spec, number.abs())?)
    } else {
        let Some(whole) = value.to_big() else {
            return Err(Error::value_error(format!(
                "Unknown format code '{}' for object of type '{}'",
                kind.unwrap_or('d'),
                value.type_name()
            )));
        };
        let sign = if whole.is_negative() { "-".to_owned() } else { positive_sign(spec) };
        let whole = whole.abs();
        let text = match kind {
            None | Some('d' | 'n') => whole.to_string(),
            Some('x') => prefixed(spec, "0x", whole.to_str_radix(16)),
            Some('X') => prefixed(spec, "0X", whole.to_str_radix(16).to_uppercase()),
            Some('o') => prefixed(spec, "0o", whole.to_str_radix(8)),
            Some('b') => prefixed(spec, "0b", whole.to_str_radix(2)),
            Some('c') => whole.to_u32().and_then(char::from_u32).map(String::from).unwrap_or_default(),
            Some(other) => {
                return Err(Error::value_error(format!("Unknown format code '{other}' for object of type 'int'")));
            }
        };
        (sign, text)
    };
    if let Some(separator) = spec.grouping {
        text = grouped(&text, separator);
    }
    Ok((sign, text))
}

fn positive_sign(spec: &Spec) -> String {
    match spec.sign {
        Some('+') => "+".to_owned(),
        Some(' ') => " ".to_owned(),
        _ => String::new(),
    }
}

fn prefixed(spec: &Spec, prefix: &str, digits: String) -> String {
    if spec.alternate { format!("{prefix}{digits}") } else { digits }
}

fn float_text(spec: &Spec, number: f64) -> Result<String> {
    if spec.precision.is_some_and(|places| places > 2000) {
        return Err(Error::value_error("precision too big"));
    }
    if !number.is_finite() {
        let text = if number.is_nan() { "nan" } else { "inf" };
        return Ok(if matches!(spec.kind, Some('F' | 'E' | 'G')) { text.to_uppercase() } else { text.to_owned() });
    }
    let places = spec.precision.unwrap_or(6);
    Ok(match spec.kind {
        None if spec.precision.is_none() => float_repr(number),
        Some('f' | 'F') => format!("{number:.places$}"),
        Some('%') => format!("{:.places$}%", number * 100.0),
        Some('e') => exponent(number, places),
        Some('E') => exponent(number, places).to_uppercase(),
        Some('g' | 'n') => general(number, places, spec.alternate),
        Some('G') => general(number, places, spec.alternate).to_uppercase(),
        None => {
            let text = general(number, places, false);
            if text.contains(['.', 'e', 'n']) { text } else { text + ".0" }
        }
        Some(other) => {
            return Err(Error::value_error(format!("Unknown format code '{other}' for object of type 'float'")));
        }
    })
}

fn exponent(number: f64, places: usize) -> String {
    let text = format!("{number:.places$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

fn general(number: f64, precision: usize, keep_zeros: bool) -> String {
    let precision = precision.max(1);
    if number == 0.0 {
        return "0".to_owned();
    }
    let scientific = exponent(number, precision - 1);
    let power: i64 = scientific.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0);
    let trim = |text: &str| {
        if keep_zeros || !text.contains('.') {
            text.to_owned()
        } else {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    };
    if power < -4 || power >= precision as i64 {
        let (digits, power) = scientific.split_once('e').unwrap_or((&scientific, "+00"));
        return format!("{}e{power}", trim(digits));
    }
    let places = (precision as i64 - 1 - power).max(0) as usize;
    trim(&format!("{number:.places$}"))
}

fn grouped(text: &str, separator: char) -> String {
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (whole, rest) = text.split_at(end);
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(digit);
    }
    out + rest
}

fn pad(out: &mut String, spec: &Spec, sign: &str, text: &str) -> Result<()> {
    let length = sign.chars().count() + text.chars().count();
    if spec.width > MAX_WIDTH {
        return Err(Error::value_error("width too big"));
    }
    let missing = spec.width.saturating_sub(length);
    let (fill, align) = match (spec.fill, spec.align, spec.zero) {
        (None, None, true) => ('0', '='),
        (fill, align, zero) => {
            (fill.unwrap_or(if zero && align != Some('<') { '0' } else { ' ' }), align.unwrap_or('>'))
        }
    };
    let fills = |count: usize| std::iter::repeat_n(fill, count);
    match align {
        '<' => {
            out.push_str(sign);
            out.push_str(text);
            out.extend(fills(missing));
        }
        '^' => {
            out.extend(fills(missing / 2));
            out.push_str(sign);
            out.push_str(text);
            out.extend(fills(missing - missing / 2));
        }
        '=' => {
            out.push_str(sign);
            out.extend(fills(missing));
            out.push_str(text);
        }
        _ => {
            out.extend(fills(missing));
            out.push_str(sign);
            out.push_str(text);
        }
    }
    Ok(())
}

fn parse_spec(text: &str) -> Result<Spec> {
    let invalid = || Error::value_error("Invalid format specifier");
    let letters: Vec<char> = text.chars().collect();
    let mut at = 0;
    let mut spec = Spec::default();
    if letters.get(1).is_some_and(|letter| "<>=^".contains(*letter)) {
        spec.fill = Some(letters[0]);
        spec.align = Some(letters[1]);
        at = 2;
    } else if letters.first().is_some_and(|letter| "<>=^".contains(*letter)) {
        spec.align = Some(letters[0]);
        at = 1;
    }
    let mut rest = letters[at..].iter().copied().collect::<String>();
    let mut take = |accepted: &str| {
        let first = rest.chars().next().filter(|letter| accepted.contains(*letter))?;
        rest.remove(0);
        Some(first)
    };
    spec.sign = take("+- ");
    take("z");
    spec.alternate = take("#").is_some();
    spec.zero = take("0").is_some();
    let mut letters = rest.chars().peekable();
    spec.width = digits(&mut letters).unwrap_or(0);
    spec.grouping = letters.next_if(|letter| matches!(letter, ',' | '_'));
    if letters.next_if_eq(&'.').is_some() {
        spec.precision =
            Some(digits(&mut letters).ok_or_else(|| Error::value_error("Format specifier missing precision"))?);
    }
    spec.kind = letters.next();
    if letters.next().is_some() {
        return Err(invalid());
    }
    Ok(spec)
}

/// Python's `format(value, spec)`.
pub(crate) fn format_value(value: &Value, text: &str) -> Result<String> {
    if text.is_empty() {
        return Ok(value.to_string());
    }
    let mut out = String::new();
    match value {
        Value::Date(_) | Value::DateTime(_) | Value::Time(_) => return crate::methods::strftime(value, text),
        Value::Int(_) | Value::Float(_) | Value::BigInt(_) | Value::Decimal(_) => {
            let spec = parse_spec(text)?;
            let (sign, text) = format_number(&spec, value)?;
            pad(&mut out, &spec, &sign, &text)?;
        }
        Value::Bool(flag) => {
            let spec = parse_spec(text)?;
            if spec.kind.is_some() {
                let (sign, text) = format_number(&spec, value)?;
                pad(&mut out, &spec, &sign, &text)?;
            } else {
                let spec = Spec { align: spec.align.or(Some('>')), ..spec };
                pad(&mut out, &spec, "", if *flag { "1" } else { "0" })?;
            }
        }
        Value::Str(shown) => {
            let mut spec = parse_spec(text)?;
            if let Some(kind) = spec.kind.filter(|kind| *kind != 's') {
                return Err(Error::value_error(format!("Unknown format code '{kind}' for object of type 'str'")));
            }
            let shown = truncated(shown, spec.precision);
            if spec.zero && spec.fill.is_none() {
                spec.fill = Some('0');
            }
            spec.align = spec.align.or(Some('<'));
            pad(&mut out, &spec, "", &shown)?;
        }
        other => {
            return Err(Error::type_error(format!(
                "unsupported format string passed to {}.__format__",
                other.type_name()
            )));
        }
    }
    Ok(out)
}

/// `str.format`
pub(crate) fn format(state: &State<'_>, text: &str, args: &CallArgs) -> Result<String> {
    let mut automatic = 0;
    format_at(state, text, args, &mut automatic, 0)
}

fn format_at(state: &State<'_>, text: &str, args: &CallArgs, automatic: &mut i64, depth: u32) -> Result<String> {
    if depth > 2 {
        return Err(Error::value_error("Max string recursion exceeded"));
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if rest.starts_with(brace) {
            out.push_str(brace);
            rest = &rest[1..];
            continue;
        }
        if brace == "}" {
            return Err(Error::value_error("Single '}' encountered in format string"));
        }
        let mut nesting = 1;
        let close = rest.char_indices().find(|(_, letter)| {
            match letter {
                '{' => nesting += 1,
                '}' => nesting -= 1,
                _ => {}
            }
            nesting == 0
        });
        let Some((close, _)) = close else {
            return Err(Error::value_error(if rest.is_empty() {
                "Single '{' encountered in format string"
            } else {
                "expected '}' before end of string"
            }));
        };
        let field = &rest[..close];
        rest = &rest[close + 1..];
        let split = field.find([':', '!']).unwrap_or(field.len());
        let (path, tail) = field.split_at(split);
        let (conversion, spec) = match tail.strip_prefix('!') {
            Some(tail) => {
                let (conversion, spec) = tail.split_once(':').unwrap_or((tail, ""));
                (conversion, spec)
            }
            None => ("", tail.strip_prefix(':').unwrap_or("")),
        };
        let value = field_value(state, path, args, automatic)?;
        let value = match conversion {
            "" => value,
            "s" => Value::from(value.to_string()),
            "r" => Value::from(value.repr()),
            "a" => Value::from(ascii(&value.repr())),
            other => {
                return Err(Error::value_error(format!("Unknown conversion specifier {other}")));
            }
        };
        let spec =
            if spec.contains('{') { format_at(state, spec, args, automatic, depth + 1)? } else { spec.to_owned() };
        out.push_str(&format_value(&value, &spec)?);
    }
    out.push_str(rest);
    Ok(out)
}

fn field_value(state: &State<'_>, path: &str, args: &CallArgs, automatic: &mut i64) -> Result<Value> {
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (first, mut rest) = path.split_at(end);
    let index = if first.is_empty() {
        let index = *automatic;
        *automatic += 1;
        Some(index)
    } else {
        first.parse::<i64>().ok()
    };
    let mut value = match index {
        Some(index) => args
            .positional
            .get(usize::try_from(index).unwrap_or(usize::MAX))
            .cloned()
            .ok_or_else(|| Error::new(ErrorKind::Index, "tuple index out of range"))?,
        None => args
            .keyword
            .iter()
            .find(|(name, _)| **name == *first)
            .map(|(_, value)| value.clone())
            .ok_or_else(|| Error::new(ErrorKind::Key, Value::str(first).repr()))?,
    };
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            value = state.attribute(&value, &after[..end])?;
            rest = &after[end..];
        } else if let Some((key, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let key = key.parse::<i64>().map_or_else(|_| Value::str(key), Value::Int);
            value = state.item(&value, &key)?;
            rest = after;
        } else {
            return Err(Error::value_error("Only '.' or '[' may follow ']' in format field specifier"));
        }
    }
    Ok(value)
}

/// Python's `round(number, places)`.
pub(crate) fn round(value: &Value, places: i64) -> Result<Value> {
    Ok(match value {
        Value::Float(number) if places.abs() > 300 => Value::Float(*number),
        Value::Float(number) if places >= 0 => {
            Value::Float(format!("{number:.places$}", places = places as usize).parse().unwrap_or(*number))
        }
        Value::Float(number) => {
            let scale = 10_f64.powi(i32::try_from(-places).unwrap_or(300));
            Value::Float((number / scale).round_ties_even() * scale)
        }
        Value::Decimal(number) => number.quantized(places).into(),
        whole if places >= 0 => to_int(whole)?,
        whole => {
            let scale = Value::Int(10).operate(Operator::Power, &Value::Int(-places.max(-400)))?;
            let doubled = whole.operate(Operator::Multiply, &Value::Int(2))?.operate(Operator::Add, &scale)?;
            let twice = scale.operate(Operator::Multiply, &Value::Int(2))?;
            let rounded = doubled.operate(Operator::FloorDivide, &twice)?;
            let tie = doubled.operate(Operator::Remainder, &twice)? == Value::Int(0);
            let odd = rounded.operate(Operator::Remainder, &Value::Int(2))? == Value::Int(1);
            let rounded = if tie && odd { rounded.operate(Operator::Subtract, &Value::Int(1))? } else { rounded };
            rounded.operate(Operator::Multiply, &scale)?
        }
    })
}

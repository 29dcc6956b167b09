//! Filters of texts and single values.

use super::{Filter, flag, integer};
use crate::methods::{capitalize, is_space, split_lines, strip_chars};
use crate::value::float_repr;
use crate::{CallArgs, Error, ErrorKind, Result, State, Value};

/// The filter of this name.
pub(super) fn filter(name: &str) -> Option<Filter> {
    Some(match name {
        "upper" => |_, value, _| Ok(value.to_string().to_uppercase().into()),
        "lower" => |_, value, _| Ok(value.to_string().to_lowercase().into()),
        "capitalize" => |_, value, _| Ok(capitalize(&value.to_string()).into()),
        "title" => |_, value, _| Ok(title(&value.to_string()).into()),
        "string" => |_, value, _| match value {
            Value::Str(_) => Ok(value),
            other => Ok(other.to_string().into()),
        },
        "trim" => |_, value, args| {
            let [letters] = args.bind("trim", ["chars"], 0)?;
            let letters = letters.filter(|letters| !letters.is_none()).map(|letters| letters.to_string());
            Ok(strip_chars(&value.to_string(), letters.as_deref(), true, true).into())
        },
        "replace" => |_, value, args| {
            let [old, new, count] = args.bind("replace", ["old", "new", "count"], 2)?;
            let (old, new) = (old.unwrap_or(Value::None).to_string(), new.unwrap_or(Value::None).to_string());
            let text = value.to_string();
            Ok(match count.filter(|count| !count.is_none()) {
                Some(count) if integer(Some(count.clone()), -1)? >= 0 => {
                    text.replacen(&*old, &new, integer(Some(count), 0)? as usize)
                }
                _ => text.replace(&*old, &new),
            }
            .into())
        },
        "center" => |state, value, args| {
            let [width] = args.bind("center", ["width"], 0)?;
            let args = CallArgs::positional(vec![width.unwrap_or(Value::Int(80))]);
            state.call_method(&Value::from(value.to_string()), "center", args)
        },
        "escape" | "e" | "forceescape" => |_, value, _| Ok(escaped(&value.to_string()).into()),
        "safe" => |_, value, _| Ok(value.to_string().into()),
        "format" => |_, value, args| {
            if !args.positional.is_empty() && !args.keyword.is_empty() {
                return Err(Error::new(
                    ErrorKind::Runtime,
                    "can't handle positional and keyword arguments at the same time",
                ));
            }
            let given = if args.keyword.is_empty() { Value::tuple(args.positional) } else { Value::dict(args.keyword) };
            crate::format::percent(&value.to_string(), &given)
        },
        "indent" => indent,
        "truncate" => truncate,
        "wordwrap" => wordwrap,
        "wordcount" => |_, value, _| {
            let text = value.to_string();
            Ok(text
                .split(|letter: char| !(letter == '_' || letter.is_alphanumeric()))
                .filter(|word| !word.is_empty())
                .count()
                .into())
        },
        "striptags" => |_, value, _| Ok(striptags(&value.to_string()).into()),
        "urlencode" => urlencode,
        "urlize" => urlize,
        "xmlattr" => xmlattr,
        "pprint" => |_, value, _| Ok(value.repr().into()),
        "int" => to_integer,
        "float" => |_, value, args| {
            let [default] = args.bind("float", ["default"], 0)?;
            let default = default.unwrap_or(Value::Float(0.0));
            Ok(match &value {
                Value::Str(text) => parse_float(text).map_or(default, Value::Float),
                Value::Undefined(undefined) => return Err(undefined.error()),
                other => other.as_f64().map_or(default, Value::Float),
            })
        },
        "abs" => |_, value, _| match &value {
            Value::Undefined(undefined) => Err(undefined.error()),
            Value::Decimal(number) if number.is_negative() => value.negate(),
            Value::Float(number) => Ok(Value::Float(number.abs())),
            Value::TimeDelta(delta) => Ok(Value::TimeDelta(delta.abs())),
            _ if value.is_number() => {
                if value.compare(&Value::Int(0), "<")?.is_some_and(|order| order.is_lt()) {
                    value.negate()
                } else {
                    value.positive()
                }
            }
            _ => Err(Error::type_error(format!("bad operand type for abs(): '{}'", value.type_name()))),
        },
        "round" => round,
        "filesizeformat" => filesizeformat,
        "default" | "d" => |_, value, args| {
            let [default, boolean] = args.bind("default", ["default_value", "boolean"], 0)?;
            if value.is_undefined() || (flag(boolean) && !value.is_true()) {
                return Ok(default.unwrap_or_else(|| "".into()));
            }
            Ok(value)
        },
        "attr" => |state, value, args| {
            let [name] = args.bind("attr", ["name"], 1)?;
            let name = name.unwrap_or(Value::None).to_string();
            // Unlike `x.name`, items are not looked at.
            match &value {
                Value::Dict(_) if !crate::methods::has_method(&value, &name) => {
                    let undefined = state.undefined(&name);
                    Ok(match undefined {
                        Value::Undefined(_) => value.missing(&Value::from(name), state.captures()),
                        other => other,
                    })
                }
                _ => state.attribute(&value, &name),
            }
        },
        "tojson" => |_, value, args| {
            let [indent] = args.bind("tojson", ["indent"], 0)?;
            let indent = match indent {
                None | Some(Value::None) => None,
                some => Some(integer(some, 0)?.clamp(0, 100) as usize),
            };
            let text = crate::modules::dump_json(&value, true, indent)?;
            let text =
                text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('\'', "\\u0027");
            Ok(text.into())
        },
        _ => return None,
    })
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            letter => out.push(letter),
        }
    }
    out
}

/// Jinja's own title case: words start after white space, a hyphen or an opening bracket.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut start = true;
    for letter in text.chars() {
        if start {
            out.extend(letter.to_uppercase());
        } else {
            out.extend(letter.to_lowercase());
        }
        start = letter == '-' || is_space(letter) || "({[<".contains(letter);
    }
    out
}

fn indent(_: &mut State<'_>, value: Value, args: CallArgs) -> Result<Value> {
    let [width, first, blank] = args.bind("indent", ["width", "first", "blank"], 0)?;
    let indention = match width {
        Some(Value::Str(text)) => text.to_string(),
        width => " ".repeat(integer(width, 4)?.clamp(0, 10_000) as usize),
    };
    let (first, blank) = (flag(first), flag(blank));
    if value.type_name() != "str" {
        if let Value::Undefined(undefined) = &value {
            return Err(undefined.error());
        }
        return Err(Error::type_error(format!(
            "unsupported operand type(s) for +=: '{}' and 'str'",
            value.type_name()
        )));
    }
    let text = value.to_string() + "\n";
    let mut out = String::new();
    if blank {
        let lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        out = lines.join(&format!("\n{indention}"));
        // The newline added above makes one line too many.
        out.truncate(out.len() - indention.len() - 1);
    } else {
        for (index, line) in split_lines(&text, false).iter().enumerate() {
            let line = line.to_string();
            if index > 0 {
                out.push('\n');
                if !line.is_empty() {
                    out.push_str(&indention);
                }
            }
            out.push_str(&line);
        }
    }
    Ok(if first { format!("{indention}{out}") } else { out }.into())
}

fn truncate(_: &mut State<'_>, value: Value, args: CallArgs) -> Result<Value> {
    let [length, kill, end, leeway] = args.bind("truncate", ["length", "killwords", "end", "leeway"], 0)?;
    let length = integer(length, 255)?;
    let end = end.map_or_else(|| "...".to_owned(), |end| end.to_string());
    let leeway = integer(leeway.filter(|leeway| !leeway.is_none()), 5)?;
    let end_length = end.chars().count() as i64;
    if length < end_length {
        return Err(Error::value_error(format!("expected length >= {end_length}, got {length}")));
    }
    let Some(given) = value.len() else {
        return Err(Error::type_error(format!("object of type '{}' has no len()", value.type_name())));
    };
    if given as i64 <= length + leeway {
        return Ok(value);
    }
    let text = value.to_string();
    let cut: String = text.chars().take((length - end_length) as usize).collect();
    if flag(kill) {
        return Ok((cut + &end).into());
    }
    let words = cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words);
    Ok(format!("{words}{end}").into())
}

fn wordwrap(_: &mut State<'_>, value: Value, args: CallArgs) -> Result<Value> {
    let [width, breaks, separator, _] =
        args.bind("wordwrap", ["width", "break_long_words", "wrapstring", "break_on_hyphens"], 0)?;
    let width = integer(width, 79)?.max(1) as usize;
    let breaks = breaks.is_none_or(|breaks| breaks.is_true());
    let separator = separator.filter(|s| !s.is_none()).map_or_else(|| "\n".to_owned(), |s| s.to_string());
    let mut lines: Vec<String> = Vec::new();
    for line in split_lines(&value.to_string(), false) {
        let mut current = String::new();
        let mut wrapped = Vec::new();
        let line = line.to_string();
        let mut words: std::collections::VecDeque<String> = line.split_inclusive(' ').map(str::to_owned).collect();
        while let Some(word) = words.pop_front() {
            let length = word.trim_end_matches(' ').chars().count();
            let used = current.chars().count();
            if used + length <= width {
                current.push_str(&word);
            } else if length > width && breaks {
                let space = (width - used.min(width)).max(usize::from(used == 0));
                let head: String = word.chars().take(space).collect();
                let tail: String = word.chars().skip(space).collect();
                current.push_str(&head);
                wrapped.push(std::mem::take(&mut current).trim_end_matches(' ').to_owned());
                words.push_front(tail);
            } else if current.is_empty() {
                wrapped.push(word.trim_end_matches(' ').to_owned());
            } else {
                wrapped.push(std::mem::take(&mut current).trim_end_matches(' ').to_owned());
                words.push_front(word);
            }
        }
        if !current.is_empty() || wrapped.is_empty() {
            wrapped.push(current.trim_end_matches(' ').to_owned());
        }
        lines.push(wrapped.join(&separator));
    }
    Ok(lines.join(&separator).into())
}

fn striptags(text: &str) -> String {
    let mut text = text.to_owned();
    while let Some(start) = text.find("<!--") {
        match text[start..].find("-->") {
            Some(end) => text.replace_range(start..start + end + 3, ""),
            None => break,
        }
    }
    while let Some(start) = text.find('<') {
        match text[start..].find('>') {
            Some(end) => text.replace_range(start..start + end + 1, ""),
            None => break,
        }
    }
    let text = text.split(is_space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#39;", "'")
        .replace("&#34;", "\"")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

fn quote_url(text: &str, in_query: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => out.push(char::from(byte)),
            b'/' if !in_query => out.push('/'),
            b' ' if in_query => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn urlencode(_: &mut State<'_>, value: Value, _: CallArgs) -> Result<Value> {
    if matches!(value, Value::Str(_)) || !value.is_iterable() {
        return Ok(quote_url(&value.to_string(), false).into());
    }
    let parts: Vec<String> = crate::methods::entries_of(&value)?
        .iter()
        .map(|(key, value)| format!("{}={}", quote_url(&key.to_string(), true), quote_url(&value.to_string(), true)))
        .collect();
    Ok(parts.join("&").into())
}

fn urlize(_: &mut State<'_>, value: Value, args: CallArgs) -> Result<Value> {
    let [limit, nofollow, target, rel, _] =
        args.bind("urlize", ["trim_url_limit", "nofollow", "target", "rel", "extra_schemes"], 0)?;
    let limit = limit.and_then(|limit| limit.as_i64()).map(|limit| limit.max(0) as usize);
    let mut rels: Vec<String> =
        rel.map(|rel| rel.to_string().split_whitespace().map(str::to_owned).collect()).unwrap_or_default();
    if flag(nofollow) {
        rels.push("nofollow".to_owned());
    }
    rels.push("noopener".to_owned());
    rels.sort();
    rels.dedup();
    let target =
        target.filter(|t| !t.is_none()).map(|t| format!(" target=\"{}\"", escaped(&t.to_string()))).unwrap_or_default();
    let text = escaped(&value.to_string());
    let mut out = String::new();
    for piece in text.split_inclusive(is_space) {
        let word = piece.trim_end_matches(is_space);
        let tail = &piece[word.len()..];
        let linked = word.trim_end_matches(['.', ',', ')', ';', ':']);
        let punctuation = &word[linked.len()..];
        let href = if linked.starts_with("http://") || linked.starts_with("https://") {
            Some(linked.to_owned())
        } else if linked.starts_with("www.") {
            Some(format!("https://{linked}"))
        } else {
            None
        };
        match href {
            Some(href) => {
                let shown = match limit {
                    Some(limit) if linked.chars().count() > limit => {
                        format!("{}...", linked.chars().take(limit).collect::<String>())
                    }
                    _ => linked.to_owned(),
                };
                out.push_str(&format!(
                    "<a href=\"{href}\" rel=\"{}\"{target}>{shown}</a>{punctuation}",
                    rels.join(" ")
                ));
            }
            None => out.push_str(word),
        }
        out.push_str(tail);
    }
    Ok(out.into())
}

fn xmlattr(_: &mut State<'_>, value: Value, args: CallArgs) -> Result<Value> {
    let [space] = args.bind("xmlattr", ["autospace"], 0)?;
    let mut parts = Vec::new();
    for (key, value) in crate::methods::entries_of(&value)? {
        if value.is_none() || value.is_undefined() {
            continue;
        }
        let key = key.to_string();
        if key.contains(|letter: char| is_space(letter) || "/>=".contains(letter)) {
            return Err(Error::value_error(format!(
                "Invalid character in attribute name: {}",
                Value::from(key).repr()
            )));
        }
        parts.push(format!("{}=\"{}\"", escaped(&key), escaped(&value.to_string())));
    }
    let text = parts.join(" ");
    let space = space.is_none_or(|space| space.is_true()) && !text.is_empty();
    Ok(if space { format!(" {text}") } else { text }.into())
}

fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim().replace('_', "");
    let valid = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
        || matches!(text.trim_start_matches(['+', '-']).to_lowercase().as_str(), "inf" | "infinity" | "nan");
    valid.then(|| text.parse().ok()).flatten()
}

fn to_integer(_: &mut State<'_>, value: Value, args: CallArgs) -> Result<Value> {
    let [default, base] = args.bind("int", ["default", "base"], 0)?;
    let default = default.unwrap_or(Value::Int(0));
    let base = integer(base, 10)?;
    Ok(match &value {
        Value::Str(text) => match parse_integer(text, base) {
            Some(number) => Value::from_big(number),
            None => match parse_float(text).filter(|number| number.is_finite()) {
                Some(number) => crate::format::to_int(&Value::Float(number))?,
                None => default,
            },
        },
        Value::Undefined(undefined) => return Err(undefined.error()),
        other if other.is_number() => crate::format::to_int(other).unwrap_or(default),
        _ => default,
    })
}

fn parse_integer(text: &str, base: i64) -> Option<num_bigint::BigInt> {
    let text = text.trim().replace('_', "").to_lowercase();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    let prefix = match base {
        2 => "0b",
        8 => "0o",
        16 => "0x",
        _ => "",
    };
    let digits = digits.strip_prefix(prefix).unwrap_or(digits);
    let radix = u32::try_from(base).ok().filter(|radix| (2..=36).contains(radix))?;
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let number = crate::value::parse_digits(digits, radix).ok()??;
    Some(if negative { -number } else { number })
}

fn round(_: &mut State<'_>, value: Value, args: CallArgs) -> Result<Value> {
    let [precision, method] = args.bind("round", ["precision", "method"], 0)?;
    let precision = integer(precision, 0)?.clamp(-300, 300);
    let method = method.map_or_else(|| "common".to_owned(), |method| method.to_string());
    if !value.is_number() {
        return Err(Error::type_error(format!("type {} doesn't define __round__ method", value.type_name())));
    }
    if method == "common" {
        return crate::format::round(&value, precision);
    }
    let scale = 10_f64.powi(precision as i32);
    let number = value.as_f64().unwrap_or(f64::NAN) * scale;
    let number = match method.as_str() {
        "ceil" => number.ceil(),
        "floor" => number.floor(),
        _ => return Err(Error::new(ErrorKind::Runtime, "method must be common, ceil or floor")),
    };
    Ok(Value::Float(number / scale))
}

fn filesizeformat(_: &mut State<'_>, value: Value, args: CallArgs) -> Result<Value> {
    let [binary] = args.bind("filesizeformat", ["binary"], 0)?;
    let (base, units) = if flag(binary) {
        (1024.0, ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"])
    } else {
        (1000.0, ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"])
    };
    let bytes = match &value {
        Value::Str(text) => parse_float(text),
        other => other.as_f64(),
    };
    let Some(bytes) = bytes else {
        return Err(Error::value_error(format!("could not convert string to float: {}", value.repr())));
    };
    if bytes == 1.0 {
        return Ok("1 Byte".into());
    }
    if bytes < base {
        return Ok(format!("{} Bytes", float_repr(bytes.trunc()).trim_end_matches(".0")).into());
    }
    let mut unit = base;
    for (index, name) in units.iter().enumerate() {
        unit *= base;
        if bytes < unit || index + 1 == units.len() {
            return Ok(format!("{:.1} {name}", base * bytes / unit).into());
        }
    }
    Ok(Value::None)
}

//! Types in Hive's spelling, as Glue keeps them: `struct<a:int,b:array<decimal(10,2)>>`.

use std::{fmt, str::FromStr};

/// A type in Hive's spelling. Names are lower-case; printed without spaces.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HiveType {
    /// `bigint`, `varchar(10)`, `decimal(10,2)`, `timestamp with local time zone`.
    Primitive {
        /// The name, with all its words.
        name: String,
        /// Its numbers.
        arguments: Vec<u32>,
    },
    /// `array<t>`.
    Array(Box<HiveType>),
    /// `map<k,v>`.
    Map(Box<HiveType>, Box<HiveType>),
    /// `struct<a:t,b:u>`.
    Struct(Vec<(String, HiveType)>),
}

impl HiveType {
    /// A type without numbers.
    pub fn primitive(name: &str) -> Self {
        Self::Primitive { name: name.to_owned(), arguments: Vec::new() }
    }
}

impl fmt::Display for HiveType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Primitive { name, arguments } if arguments.is_empty() => f.write_str(name),
            Self::Primitive { name, arguments } => {
                let arguments: Vec<String> = arguments.iter().map(u32::to_string).collect();
                write!(f, "{name}({})", arguments.join(","))
            }
            Self::Array(element) => write!(f, "array<{element}>"),
            Self::Map(key, value) => write!(f, "map<{key},{value}>"),
            Self::Struct(fields) => {
                let fields: Vec<String> = fields.iter().map(|(name, ty)| format!("{name}:{ty}")).collect();
                write!(f, "struct<{}>", fields.join(","))
            }
        }
    }
}

/// Text that is no Hive type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a Hive type: {cause}")]
pub struct HiveTypeError {
    /// The whole text.
    pub text: String,
    /// What is wrong with it.
    pub cause: String,
}

impl FromStr for HiveType {
    type Err = HiveTypeError;

    fn from_str(text: &str) -> Result<Self, HiveTypeError> {
        let fail = |cause: String| HiveTypeError { text: text.to_owned(), cause };
        let (ty, rest) = read(text, 0).map_err(fail)?;
        let rest = rest.trim();
        if rest.is_empty() { Ok(ty) } else { Err(fail(format!("'{rest}' is left over"))) }
    }
}

type Read<'a, T> = Result<(T, &'a str), String>;

fn read(text: &str, depth: u32) -> Read<'_, HiveType> {
    if depth > 64 {
        return Err("it is nested too deeply".to_owned());
    }
    let text = text.trim_start();
    let end = text.find(|c: char| "<>(),:".contains(c)).unwrap_or(text.len());
    let name = text[..end].trim().to_lowercase();
    let rest = &text[end..];
    if let Some(inside) = rest.strip_prefix('<') {
        return match name.as_str() {
            "array" => {
                let (element, rest) = read(inside, depth + 1)?;
                Ok((HiveType::Array(Box::new(element)), close(rest, '>')?))
            }
            "map" => {
                let (key, rest) = read(inside, depth + 1)?;
                let (value, rest) = read(close(rest, ',')?, depth + 1)?;
                Ok((HiveType::Map(Box::new(key), Box::new(value)), close(rest, '>')?))
            }
            "struct" => fields(inside, depth),
            _ => Err(format!("'{name}' takes no types")),
        };
    }
    if name.is_empty() {
        return Err("a type is missing".to_owned());
    }
    let Some(inside) = rest.strip_prefix('(') else {
        return Ok((HiveType::Primitive { name, arguments: Vec::new() }, rest));
    };
    let (numbers, rest) = inside.split_once(')').ok_or("')' is missing")?;
    let arguments: Result<Vec<u32>, String> = numbers
        .split(',')
        .map(|number| number.trim().parse().map_err(|_| format!("'{number}' is no number")))
        .collect();
    Ok((HiveType::Primitive { name, arguments: arguments? }, rest))
}

fn fields(text: &str, depth: u32) -> Read<'_, HiveType> {
    let (mut fields, mut rest) = (Vec::new(), text);
    loop {
        let (name, after) = rest.split_once(':').ok_or("a field has no ':'")?;
        let (ty, after) = read(after, depth + 1)?;
        fields.push((name.trim().trim_matches('`').to_lowercase(), ty));
        let after = after.trim_start();
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Ok((HiveType::Struct(fields), close(after, '>')?)),
        }
    }
}

fn close(text: &str, what: char) -> Result<&str, String> {
    text.trim_start().strip_prefix(what).ok_or_else(|| format!("'{what}' is missing"))
}

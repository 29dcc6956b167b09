//! CAST, TRY_CAST and the coercions that nobody wrote.

use std::sync::Arc;

use datafusion::logical_expr::{Cast, Expr};

use crate::{
    error::QueryError,
    functions::json,
    parse_value,
    scalar::{Body, call},
    text,
    types::Type,
    value::Value,
    zone,
};

/// Whether a cast exists at all.
pub(crate) fn castable(from: &Type, to: &Type) -> bool {
    use Type::{
        Array, Boolean, Char, Date, IntervalDayTime, IntervalYearMonth, IpAddress, Json, Map, Row, Time, Timestamp,
        TimestampTz, Unknown, Uuid, Varbinary, Varchar,
    };
    if from == to {
        return true;
    }
    match (from, to) {
        (Unknown, _) => true,
        (Json, Varchar(_) | Boolean) => true,
        (Json, Array(element)) => castable(&Json, element),
        (Json, Map(key, item)) => (key.is_text() || is_json_scalar(key)) && castable(&Json, item),
        (Json, Row(fields)) => fields.iter().all(|(_, ty)| castable(&Json, ty)),
        (Json, _) => to.is_numeric(),
        (Array(element), Json) => castable(element, &Json),
        (Map(key, item), Json) => is_json_scalar(key) && castable(item, &Json),
        (Row(fields), Json) => fields.iter().all(|(_, ty)| castable(ty, &Json)),
        (Date | Timestamp(_), Json) => true,
        (_, Json) => is_json_scalar(from),
        (Array(a), Array(b)) => castable(a, b),
        (Map(k1, v1), Map(k2, v2)) => castable(k1, k2) && castable(v1, v2),
        (Row(a), Row(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| castable(&a.1, &b.1)),
        (Varchar(_), Varbinary) => true,
        (Char(_), Varbinary) | (Varbinary, Varchar(_) | Char(_)) => false,
        (Varchar(_) | Char(_), Array(_) | Map(..) | Row(_) | IntervalDayTime | IntervalYearMonth) => false,
        (Varchar(_) | Char(_), _) => true,
        (Array(_) | Map(..) | Row(_), _) => false,
        (Varbinary, Uuid | IpAddress) | (Uuid | IpAddress, Varbinary) => true,
        (Varbinary, _) | (_, Varbinary) => false,
        (_, Varchar(_)) => true,
        // Only texts become `char`.
        (_, Char(_)) => false,
        (Boolean, _) => to.is_numeric(),
        (_, Boolean) => from.is_numeric(),
        (Date, Timestamp(_) | TimestampTz(..)) => true,
        (Timestamp(_), Date | Time(_) | TimestampTz(..) | Timestamp(_)) => true,
        (TimestampTz(..), Date | Time(_) | Timestamp(_) | TimestampTz(..)) => true,
        (Time(_), Time(_)) => true,
        _ => from.is_numeric() && to.is_numeric(),
    }
}

/// Whether a value of the type is one text, number or truth value of JSON, and can be the key of an object.
fn is_json_scalar(ty: &Type) -> bool {
    ty.is_numeric() || matches!(ty, Type::Unknown | Type::Boolean | Type::Varchar(_))
}

/// The expression as a value of another type. The types must be [`castable`].
pub(crate) fn cast(expr: Expr, from: &Type, to: &Type, safe: bool) -> Expr {
    use Type::{Char, Date, Decimal, Double, Real, Timestamp, Varchar};
    if from == to {
        return expr;
    }
    let plain = match (from, to) {
        (Type::Unknown, _) => true,
        (Varchar(_), Varchar(None)) | (Char(_), Varchar(None)) => return expr,
        (Varchar(Some(a)), Varchar(Some(b))) if a <= b => return expr,
        (Timestamp(a), Timestamp(b)) if a <= b => return expr,
        (Type::Time(a), Type::Time(b)) if a <= b => return expr,
        (Type::TimestampTz(a, _), Type::TimestampTz(b, _)) if a <= b => true,
        _ if from.arrow() == to.arrow()
            && matches!(from, Type::Row(_) | Type::Array(_) | Type::Map(..))
            && same_but_names(from, to) =>
        {
            return expr;
        }
        (Date, Timestamp(_)) => true,
        (Type::Boolean | Date, Varchar(None)) => true,
        (_, Varchar(None)) if from.is_integer() => true,
        (Decimal(p1, s1), Decimal(p2, s2)) => s2 >= s1 && p2 - s2 >= p1 - s1,
        (_, Decimal(p, s)) if from.is_integer() => from.as_decimal().is_some_and(|(digits, _)| p - s >= digits),
        (Real, Double) | (Decimal(..), Double | Real) => true,
        _ if from.is_integer() && to.is_integer() => crate::types::coerces(from, to),
        _ => from.is_integer() && matches!(to, Double | Real),
    };
    if plain {
        return Expr::Cast(Cast::new(Box::new(expr), to.arrow()));
    }
    let (source, target) = (from.clone(), to.clone());
    let function = Arc::new(move |row: &[Value]| match convert(&row[0], &source, &target) {
        Err(_) if safe => Ok(Value::Null),
        result => result,
    });
    let name = if safe { "try_cast" } else { "cast" };
    call(name, format!("{from}>{to}"), to.arrow(), false, Body::Rows { strict: true, function }, vec![expr])
}

/// Whether two nested types differ only in what Arrow does not see.
fn same_but_names(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Array(a), Type::Array(b)) => same_but_names(a, b),
        (Type::Map(k1, v1), Type::Map(k2, v2)) => same_but_names(k1, k2) && same_but_names(v1, v2),
        (Type::Row(a), Type::Row(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_but_names(&a.1, &b.1)),
        (Type::Varchar(_), Type::Varchar(None)) => true,
        (Type::Varchar(Some(a)), Type::Varchar(Some(b))) => a <= b,
        (Type::Timestamp(a), Type::Timestamp(b)) => a <= b,
        _ => a == b,
    }
}

fn cannot(value: &Value, from: &Type, to: &Type) -> QueryError {
    let shown = text::print(value, from).unwrap_or_default();
    let shown = if from.is_text() { format!("'{shown}'") } else { shown };
    let target = match to {
        Type::Integer => "INT".to_owned(),
        Type::Decimal(precision, scale) => format!("DECIMAL({precision}, {scale})"),
        Type::Date | Type::Timestamp(_) | Type::TimestampTz(..) | Type::Time(_) => {
            return QueryError::new(
                "INVALID_CAST_ARGUMENT",
                format!("Value cannot be cast to {}: {}", to.base_name(), shown.trim_matches('\'')),
            );
        }
        other => other.base_name().to_uppercase(),
    };
    QueryError::new("INVALID_CAST_ARGUMENT", format!("Cannot cast {shown} to {target}"))
}

fn out_of_range(value: &Value, from: &Type, to: &Type) -> QueryError {
    let shown = text::print(value, from).unwrap_or_default();
    let message = match to {
        Type::Decimal(precision, scale) => {
            return QueryError::new(
                "INVALID_CAST_ARGUMENT",
                format!("Cannot cast {} '{shown}' to DECIMAL({precision}, {scale})", from.to_string().to_uppercase()),
            );
        }
        other => format!("Out of range for {other}: {shown}"),
    };
    QueryError::new("INVALID_CAST_ARGUMENT", message)
}

fn integer(number: i128, value: &Value, from: &Type, to: &Type) -> Result<Value, QueryError> {
    let fits = match to {
        Type::TinyInt => i8::try_from(number).is_ok(),
        Type::SmallInt => i16::try_from(number).is_ok(),
        Type::Integer => i32::try_from(number).is_ok(),
        _ => i64::try_from(number).is_ok(),
    };
    match i64::try_from(number) {
        Ok(number) if fits => Ok(Value::Int(number)),
        _ => Err(out_of_range(value, from, to)),
    }
}

/// Rounds microseconds to a precision.
pub(crate) fn round_to(microseconds: i64, precision: u8) -> i64 {
    let unit = 10_i64.pow(u32::from(6 - precision.min(6)));
    (microseconds + unit / 2).div_euclid(unit) * unit
}

/// One value in another type.
pub(crate) fn convert(value: &Value, from: &Type, to: &Type) -> Result<Value, QueryError> {
    use Type::{
        Array, Boolean, Char, Date, Decimal, Double, IntervalDayTime, IpAddress, Json, Map, Real, Row, Time, Timestamp,
        TimestampTz, Uuid, Varbinary, Varchar,
    };
    if value.is_null() {
        return Ok(Value::Null);
    }
    let fail = || cannot(value, from, to);
    let whole_digits = |number: f64| {
        if number.is_finite() { Ok(number) } else { Err(fail()) }
    };
    Ok(match (from, to) {
        (Json, _) => return json::cast_from(value.str(), to),
        (_, Json) => Value::Str(json::print(&json::from_value(value, from))),
        (Array(a), Array(b)) => Value::Array(each(value.array(), a, b)?),
        (Map(k1, v1), Map(k2, v2)) => Value::Map(
            value
                .map()
                .iter()
                .map(|(key, item)| Ok((convert(key, k1, k2)?, convert(item, v1, v2)?)))
                .collect::<Result<_, QueryError>>()?,
        ),
        (Row(a), Row(b)) => Value::Row(
            value
                .array()
                .iter()
                .zip(a.iter().zip(b))
                .map(|(item, (a, b))| convert(item, &a.1, &b.1))
                .collect::<Result<_, _>>()?,
        ),
        (_, Varchar(limit)) => {
            let printed = match from {
                Char(_) => value.str().to_owned(),
                Varbinary => return Err(fail()),
                _ => text::print(value, from).unwrap_or_default(),
            };
            match limit {
                Some(limit) if printed.chars().count() > *limit as usize => {
                    if !from.is_text() {
                        let shown = format!("Value {printed} cannot be represented as varchar({limit})");
                        return Err(QueryError::new("INVALID_CAST_ARGUMENT", shown));
                    }
                    Value::Str(printed.chars().take(*limit as usize).collect())
                }
                _ => Value::Str(printed),
            }
        }
        (_, Char(length)) => {
            let printed = text::print(value, from).unwrap_or_default();
            let cut: String = printed.chars().take(*length as usize).collect();
            Value::Str(text::pad(&cut, *length))
        }
        (Varchar(_), Varbinary) => Value::Bytes(value.str().as_bytes().to_vec()),
        (Varchar(_) | Char(_), _) => from_text(value.str(), to).ok_or_else(fail)?,
        (Boolean, _) => match to {
            Double | Real => Value::Double(f64::from(u8::from(value.bool()))),
            Decimal(_, scale) => Value::Decimal(i128::from(value.bool()) * 10_i128.pow(u32::from(*scale))),
            _ => Value::Int(i64::from(value.bool())),
        },
        (_, Boolean) => match value {
            Value::Double(number) => Value::Bool(*number != 0.0),
            Value::Decimal(number) => Value::Bool(*number != 0),
            other => Value::Bool(other.int() != 0),
        },
        (Double | Real, Double | Real) => value.clone(),
        (Double | Real, Decimal(precision, scale)) => {
            let (digits, found) =
                parse_value::decimal(&text::double(whole_digits(value.double())?)).ok_or_else(fail)?;
            let number = parse_value::rescale(digits, found, i32::from(*scale));
            let number = number.filter(|number| parse_value::fits(*number, *precision));
            Value::Decimal(number.ok_or_else(|| out_of_range(value, from, to))?)
        }
        (Double | Real, _) if to.is_integer() => {
            let number = whole_digits(value.double())?;
            // Java's Math.round: halves go up.
            let rounded = (number + 0.5).floor();
            if rounded.abs() > 1e19 {
                return Err(out_of_range(value, from, to));
            }
            return integer(rounded as i128, value, from, to);
        }
        (Decimal(_, s1), Decimal(precision, s2)) => {
            let Value::Decimal(number) = value else { return Err(fail()) };
            let number = parse_value::rescale(*number, i32::from(*s1), i32::from(*s2));
            let number = number.filter(|number| parse_value::fits(*number, *precision));
            Value::Decimal(number.ok_or_else(|| out_of_range(value, from, to))?)
        }
        (Decimal(_, scale), Double | Real) => {
            let Value::Decimal(number) = value else { return Err(fail()) };
            Value::Double(text::decimal(*number, *scale).parse().unwrap_or(f64::NAN))
        }
        (Decimal(_, scale), _) if to.is_integer() => {
            let Value::Decimal(number) = value else { return Err(fail()) };
            let number = parse_value::rescale(*number, i32::from(*scale), 0).ok_or_else(fail)?;
            return integer(number, value, from, to);
        }
        (_, Decimal(precision, scale)) if from.is_integer() => {
            let number = parse_value::rescale(i128::from(value.int()), 0, i32::from(*scale));
            let number = number.filter(|number| parse_value::fits(*number, *precision));
            Value::Decimal(number.ok_or_else(|| out_of_range(value, from, to))?)
        }
        (_, Double | Real) if from.is_integer() => Value::Double(value.double()),
        _ if from.is_integer() && to.is_integer() => return integer(i128::from(value.int()), value, from, to),
        (Date, Timestamp(_)) => Value::Int(value.int() * 86_400_000_000),
        (Date, TimestampTz(_, zone)) => {
            Value::Int(zone::instant(text::to_datetime(value.int() * 86_400_000_000), zone))
        }
        (Timestamp(_), Date) => Value::Int(value.int().div_euclid(86_400_000_000)),
        (Timestamp(_), Time(precision)) => Value::Int(round_to(value.int().rem_euclid(86_400_000_000), *precision)),
        (Timestamp(_) | Time(_), Timestamp(precision) | Time(precision)) => {
            Value::Int(round_to(value.int(), *precision))
        }
        (Timestamp(_), TimestampTz(precision, zone)) => {
            Value::Int(round_to(zone::instant(text::to_datetime(value.int()), zone), *precision))
        }
        (TimestampTz(_, zone), Timestamp(precision)) => {
            Value::Int(round_to(text::local(value.int(), zone), *precision))
        }
        (TimestampTz(_, zone), Date) => Value::Int(text::local(value.int(), zone).div_euclid(86_400_000_000)),
        (TimestampTz(_, zone), Time(precision)) => {
            Value::Int(round_to(text::local(value.int(), zone).rem_euclid(86_400_000_000), *precision))
        }
        (TimestampTz(..), TimestampTz(precision, _)) => Value::Int(round_to(value.int(), *precision)),
        (Uuid, Varbinary) => Value::Bytes(value.str().parse::<uuid::Uuid>().map_err(|_| fail())?.as_bytes().to_vec()),
        (Varbinary, Uuid) => Value::Str(uuid::Uuid::from_slice(value.bytes()).map_err(|_| fail())?.to_string()),
        (IpAddress, Varbinary) => {
            let address: std::net::IpAddr = value.str().parse().map_err(|_| fail())?;
            let address = match address {
                std::net::IpAddr::V4(address) => address.to_ipv6_mapped(),
                std::net::IpAddr::V6(address) => address,
            };
            Value::Bytes(address.octets().to_vec())
        }
        (Varbinary, IpAddress) => {
            let address = match value.bytes() {
                [a, b, c, d] => std::net::IpAddr::from([*a, *b, *c, *d]),
                bytes => {
                    let octets: [u8; 16] = bytes.try_into().map_err(|_| {
                        let message = format!("Invalid IP address binary length: {}", bytes.len());
                        QueryError::new("INVALID_CAST_ARGUMENT", message)
                    })?;
                    std::net::IpAddr::from(octets).to_canonical()
                }
            };
            Value::Str(address.to_string())
        }
        (IntervalDayTime, IntervalDayTime) => value.clone(),
        _ => return Err(fail()),
    })
}

fn each(items: &[Value], from: &Type, to: &Type) -> Result<Vec<Value>, QueryError> {
    items.iter().map(|item| convert(item, from, to)).collect()
}

/// A text as a value of a type that is no text.
pub(crate) fn from_text(text: &str, to: &Type) -> Option<Value> {
    let trimmed = text.trim();
    Some(match to {
        Type::Boolean => match trimmed.to_lowercase().as_str() {
            "t" | "true" | "1" => Value::Bool(true),
            "f" | "false" | "0" => Value::Bool(false),
            _ => return None,
        },
        Type::TinyInt => Value::Int(i64::from(trimmed.parse::<i8>().ok()?)),
        Type::SmallInt => Value::Int(i64::from(trimmed.parse::<i16>().ok()?)),
        Type::Integer => Value::Int(i64::from(trimmed.parse::<i32>().ok()?)),
        Type::BigInt => Value::Int(trimmed.parse().ok()?),
        Type::Real => Value::Double(f64::from(number(trimmed)?.parse::<f32>().ok()?)),
        Type::Double => Value::Double(number(trimmed)?.parse().ok()?),
        Type::Decimal(precision, scale) => {
            let (digits, found) = parse_value::decimal(trimmed)?;
            let number = parse_value::rescale(digits, found, i32::from(*scale))?;
            if !parse_value::fits(number, *precision) {
                return None;
            }
            Value::Decimal(number)
        }
        Type::Date => Value::Int(parse_value::date(trimmed)?),
        Type::Time(precision) => Value::Int(round_to(parse_value::time(trimmed)?, *precision)),
        Type::Timestamp(precision) => {
            let (wall, _, _) = parse_value::timestamp(trimmed)?;
            Value::Int(round_to(wall.and_utc().timestamp_micros(), *precision))
        }
        Type::TimestampTz(precision, zone) => {
            let (wall, found, _) = parse_value::timestamp(trimmed)?;
            Value::Int(round_to(zone::instant(wall, found.as_deref().unwrap_or(zone)), *precision))
        }
        Type::Uuid => Value::Str(trimmed.parse::<uuid::Uuid>().ok()?.to_string()),
        Type::IpAddress => Value::Str(trimmed.parse::<std::net::IpAddr>().ok()?.to_string()),
        _ => return None,
    })
}

/// Java's spelling of the special doubles, and nobody else's.
fn number(text: &str) -> Option<&str> {
    match text {
        "NaN" | "Infinity" | "-Infinity" | "+Infinity" => Some(text),
        _ if text.bytes().any(|c| c.is_ascii_digit()) => Some(text.trim_end_matches(['d', 'D', 'f', 'F'])),
        _ => None,
    }
}

//! Numbers.

use super::{Resolved, f, invalid};
use crate::{
    analyze::overflow,
    parse_value::{fits, rescale},
    types::{Type, VARCHAR},
    value::Value,
};

pub(super) fn random_double() -> f64 {
    // 53 random bits of a random UUID's 122.
    (uuid::Uuid::new_v4().as_u128() >> 75) as u64 as f64 / (1_u64 << 53) as f64
}

pub(super) fn resolve(name: &str, types: &[Type], _: &[Option<Value>]) -> Option<Resolved> {
    use Type::{BigInt, Boolean, Decimal, Double};
    let d = |number: f64| Ok(Value::Double(number));
    let double = |function: fn(f64) -> f64| f([Double], Double, move |a| Ok(Value::Double(function(a[0].double()))));
    match (name, types) {
        ("abs", [Decimal(p, s)]) => f([Decimal(*p, *s)], Decimal(*p, *s), |a| match &a[0] {
            Value::Decimal(number) => Ok(Value::Decimal(number.abs())),
            other => Ok(other.clone()),
        }),
        ("abs", [ty]) if ty.is_integer() => f([ty.clone()], ty.clone(), |a| {
            a[0].int().checked_abs().map(Value::Int).ok_or_else(|| overflow("Value out of range for abs"))
        }),
        ("abs", [ty]) => f([floating(ty)], floating(ty), move |a| d(a[0].double().abs())),
        ("sign", [ty]) if ty.is_integer() => f([ty.clone()], ty.clone(), |a| Ok(Value::Int(a[0].int().signum()))),
        ("sign", [Decimal(p, s)]) => f([Decimal(*p, *s)], Decimal(1, 0), |a| match &a[0] {
            Value::Decimal(number) => Ok(Value::Decimal(number.signum())),
            other => Ok(other.clone()),
        }),
        ("sign", [_]) => f([Double], Double, move |a| {
            let number = a[0].double();
            d(if number == 0.0 || number.is_nan() { number } else { number.signum() })
        }),
        ("ceil" | "ceiling" | "floor", [ty]) if ty.is_integer() => f([ty.clone()], ty.clone(), |a| Ok(a[0].clone())),
        ("ceil" | "ceiling" | "floor", [Decimal(p, s)]) => {
            let (up, unit) = (name != "floor", 10_i128.pow(u32::from(*s)));
            f([Decimal(*p, *s)], Decimal((p - s + u8::from(*s > 0)).min(38), 0), move |a| match &a[0] {
                Value::Decimal(number) => {
                    let floor = number.div_euclid(unit);
                    Ok(Value::Decimal(floor + i128::from(up && number.rem_euclid(unit) != 0)))
                }
                other => Ok(other.clone()),
            })
        }
        ("ceil" | "ceiling", [ty]) => f([floating(ty)], floating(ty), move |a| d(a[0].double().ceil())),
        ("floor", [ty]) => f([floating(ty)], floating(ty), move |a| d(a[0].double().floor())),
        ("round", [ty]) if ty.is_integer() => f([ty.clone()], ty.clone(), |a| Ok(a[0].clone())),
        ("round", [ty, _]) if ty.is_integer() => f([ty.clone(), BigInt], ty.clone(), |a| {
            let number = rescale(i128::from(a[0].int()), 0, i32::try_from(a[1].int().clamp(-38, 0)).unwrap_or(0));
            let places = u32::try_from(-a[1].int().clamp(-38, 0)).unwrap_or(0);
            let number = number.and_then(|number| number.checked_mul(10_i128.checked_pow(places)?));
            number
                .and_then(|number| i64::try_from(number).ok())
                .map(Value::Int)
                .ok_or_else(|| overflow("Value out of range for round"))
        }),
        ("round" | "truncate", [Decimal(p, s)]) => {
            let (round, scale) = (name == "round", i32::from(*s));
            let precision = (p - s + u8::from(*s > 0 && round)).clamp(1, 38);
            f([Decimal(*p, *s)], Decimal(precision, 0), move |a| match &a[0] {
                Value::Decimal(number) if round => Ok(rescale(*number, scale, 0).map_or(Value::Null, Value::Decimal)),
                Value::Decimal(number) => Ok(Value::Decimal(number / 10_i128.pow(scale.unsigned_abs()))),
                other => Ok(other.clone()),
            })
        }
        ("round" | "truncate", [Decimal(p, s), _]) => {
            let (round, scale) = (name == "round", i32::from(*s));
            let precision = (p + u8::from(round)).min(38);
            f([Decimal(*p, *s), BigInt], Decimal(precision, *s), move |a| match &a[0] {
                Value::Decimal(number) => {
                    let places = i32::try_from(a[1].int().clamp(-38, i64::from(scale))).unwrap_or(0);
                    let cut = if round {
                        rescale(*number, scale, places)
                    } else {
                        10_i128.checked_pow((scale - places).unsigned_abs()).map(|unit| number / unit)
                    };
                    let back =
                        cut.and_then(|cut| rescale(cut, places, scale)).filter(|number| fits(*number, precision));
                    back.map(Value::Decimal).ok_or_else(|| overflow("decimal overflow"))
                }
                other => Ok(other.clone()),
            })
        }
        ("round", [ty]) => f([floating(ty)], floating(ty), move |a| d(round(a[0].double(), 0))),
        ("round", [ty, _]) => f([floating(ty), BigInt], floating(ty), move |a| d(round(a[0].double(), a[1].int()))),
        ("truncate", [ty]) => f([floating(ty)], floating(ty), move |a| d(a[0].double().trunc())),
        ("mod", [a, b]) => modulo(a, b),
        ("power" | "pow", [_, _]) => f([Double, Double], Double, move |a| d(a[0].double().powf(a[1].double()))),
        ("sqrt", [_]) => double(f64::sqrt),
        ("cbrt", [_]) => double(f64::cbrt),
        ("exp", [_]) => double(f64::exp),
        ("ln", [_]) => double(f64::ln),
        ("log2", [_]) => double(f64::log2),
        ("log10", [_]) => double(f64::log10),
        ("log", [_, _]) => f([Double, Double], Double, move |a| d(a[1].double().ln() / a[0].double().ln())),
        ("sin", [_]) => double(f64::sin),
        ("cos", [_]) => double(f64::cos),
        ("tan", [_]) => double(f64::tan),
        ("asin", [_]) => double(f64::asin),
        ("acos", [_]) => double(f64::acos),
        ("atan", [_]) => double(f64::atan),
        ("sinh", [_]) => double(f64::sinh),
        ("cosh", [_]) => double(f64::cosh),
        ("tanh", [_]) => double(f64::tanh),
        ("atan2", [_, _]) => f([Double, Double], Double, move |a| d(a[0].double().atan2(a[1].double()))),
        ("degrees", [_]) => double(f64::to_degrees),
        ("radians", [_]) => double(f64::to_radians),
        ("pi", []) => f([], Double, move |_| d(std::f64::consts::PI)),
        ("e", []) => f([], Double, move |_| d(std::f64::consts::E)),
        ("nan", []) => f([], Double, move |_| d(f64::NAN)),
        ("infinity", []) => f([], Double, move |_| d(f64::INFINITY)),
        ("is_nan", [_]) => f([Double], Boolean, |a| Ok(Value::Bool(a[0].double().is_nan()))),
        ("is_finite", [_]) => f([Double], Boolean, |a| Ok(Value::Bool(a[0].double().is_finite()))),
        ("is_infinite", [_]) => f([Double], Boolean, |a| Ok(Value::Bool(a[0].double().is_infinite()))),
        ("random" | "rand", []) => f([], Double, move |_| d(random_double())).map(Resolved::volatile),
        ("random" | "rand", [_]) => f([BigInt], BigInt, |a| random_below(0, a[0].int())).map(Resolved::volatile),
        ("random" | "rand", [_, _]) => {
            f([BigInt, BigInt], BigInt, |a| random_below(a[0].int(), a[1].int())).map(Resolved::volatile)
        }
        ("bitwise_and", [_, _]) => f([BigInt, BigInt], BigInt, |a| Ok(Value::Int(a[0].int() & a[1].int()))),
        ("bitwise_or", [_, _]) => f([BigInt, BigInt], BigInt, |a| Ok(Value::Int(a[0].int() | a[1].int()))),
        ("bitwise_xor", [_, _]) => f([BigInt, BigInt], BigInt, |a| Ok(Value::Int(a[0].int() ^ a[1].int()))),
        ("bitwise_not", [_]) => f([BigInt], BigInt, |a| Ok(Value::Int(!a[0].int()))),
        ("bit_count", [_, _]) => f([BigInt, BigInt], BigInt, |a| {
            let bits = a[1].int();
            if !(2..=64).contains(&bits) {
                return Err(invalid(format!("Bits specified in bit_count must be between 2 and 64, got {bits}")));
            }
            let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
            Ok(Value::Int(i64::from((a[0].int() as u64 & mask).count_ones())))
        }),
        ("to_base", [_, _]) => f([BigInt, BigInt], VARCHAR, |a| {
            let radix = radix(a[1].int())?;
            let (mut number, mut digits) = (a[0].int().unsigned_abs(), Vec::new());
            loop {
                digits.push(char::from_digit((number % u64::from(radix)) as u32, radix).unwrap_or('0'));
                number /= u64::from(radix);
                if number == 0 {
                    break;
                }
            }
            digits.extend((a[0].int() < 0).then_some('-'));
            Ok(Value::Str(digits.into_iter().rev().collect()))
        }),
        ("from_base", [_, _]) => f([VARCHAR, BigInt], BigInt, |a| {
            let radix = radix(a[1].int())?;
            i64::from_str_radix(a[0].str(), radix)
                .map(Value::Int)
                .map_err(|_| invalid(format!("Not a valid base-{radix} number: {}", a[0].str())))
        }),
        ("width_bucket", [_, _, _, _]) => f([Double, Double, Double, BigInt], BigInt, |a| {
            let (x, low, high, count) = (a[0].double(), a[1].double(), a[2].double(), a[3].int());
            if count <= 0 {
                return Err(invalid("bucketCount must be greater than 0"));
            }
            let at = ((x - low) / (high - low) * count as f64).floor() as i64 + 1;
            Ok(Value::Int(at.clamp(0, count + 1)))
        }),
        _ => None,
    }
}

fn floating(ty: &Type) -> Type {
    if *ty == Type::Real { Type::Real } else { Type::Double }
}

/// Halves away from zero, on the decimal digits that are shown.
fn round(number: f64, places: i64) -> f64 {
    if !number.is_finite() {
        return number;
    }
    let factor = 10_f64.powi(i32::try_from(places.clamp(-300, 300)).unwrap_or(0));
    let scaled = number * factor;
    if !scaled.is_finite() {
        return number;
    }
    // A value such as 1.005 is a little less than it looks; Trino rounds what is there.
    scaled.round() / factor
}

fn modulo(a: &Type, b: &Type) -> Option<Resolved> {
    let ty = crate::types::common(a, b)?;
    if ty.is_integer() {
        return f([ty.clone(), ty.clone()], ty, |row| {
            if row[1].int() == 0 {
                return Err(crate::analyze::division_by_zero());
            }
            Ok(Value::Int(row[0].int().wrapping_rem(row[1].int())))
        });
    }
    f([Type::Double, Type::Double], Type::Double, |row| Ok(Value::Double(row[0].double() % row[1].double())))
}

fn random_below(low: i64, high: i64) -> Result<Value, crate::error::QueryError> {
    if high <= low {
        return Err(invalid("bound must be positive"));
    }
    Ok(Value::Int(low + (random_double() * (high - low) as f64) as i64))
}

fn radix(radix: i64) -> Result<u32, crate::error::QueryError> {
    u32::try_from(radix)
        .ok()
        .filter(|radix| (2..=36).contains(radix))
        .ok_or_else(|| invalid("Radix must be between 2 and 36"))
}

//! `decimal.Decimal`: any number of digits, Python's rounding (28 digits, half even) and text.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use num_bigint::{BigInt, Sign};
use num_traits::{Pow, Signed, ToPrimitive, Zero};

/// Digits a result of arithmetic is rounded to, Python's default context.
const PRECISION: u64 = 28;
/// Exponents beyond this are refused: aligning two numbers would need that many digits.
const MAX_EXPONENT: i64 = 4000;

/// A decimal number, `mantissa * 10^exponent`.
#[derive(Clone, Debug)]
pub struct Decimal {
    mantissa: BigInt,
    exponent: i64,
    negative_zero: bool,
}

impl Decimal {
    /// From an unscaled integer and its scale: `(12345, 2)` is `123.45`.
    pub fn from_unscaled(unscaled: impl Into<BigInt>, scale: i64) -> Decimal {
        Decimal { mantissa: unscaled.into(), exponent: -scale, negative_zero: false }
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.mantissa.is_zero()
    }

    pub(crate) fn is_negative(&self) -> bool {
        self.mantissa.is_negative()
    }

    /// The nearest float.
    pub fn to_f64(&self) -> f64 {
        format!("{}e{}", self.mantissa, self.exponent).parse().unwrap_or(f64::NAN)
    }

    /// The integer it is exactly equal to, if any.
    pub fn to_integer(&self) -> Option<BigInt> {
        let whole = self.truncated();
        (Decimal::from(whole.clone()).cmp(self) == Ordering::Equal).then_some(whole)
    }

    /// Towards zero.
    pub(crate) fn truncated(&self) -> BigInt {
        if self.exponent >= 0 {
            &self.mantissa * power_of_ten(self.exponent)
        } else {
            &self.mantissa / power_of_ten(-self.exponent)
        }
    }

    /// `(sign, digits, exponent)` and the pieces of it.
    pub(crate) fn exponent(&self) -> i64 {
        self.exponent
    }

    pub(crate) fn mantissa(&self) -> &BigInt {
        &self.mantissa
    }

    fn aligned(&self, other: &Decimal) -> (BigInt, BigInt, i64) {
        let exponent = self.exponent.min(other.exponent);
        (
            &self.mantissa * power_of_ten(self.exponent - exponent),
            &other.mantissa * power_of_ten(other.exponent - exponent),
            exponent,
        )
    }

    fn of(mantissa: BigInt, exponent: i64) -> Decimal {
        Decimal { mantissa, exponent, negative_zero: false }.rounded()
    }

    fn rounded(self) -> Decimal {
        let digits = digit_count(&self.mantissa);
        if digits <= PRECISION {
            return self;
        }
        let drop = (digits - PRECISION) as i64;
        Decimal::of(round_half_even(&self.mantissa, &power_of_ten(drop)), self.exponent + drop)
    }

    pub(crate) fn negate(&self) -> Decimal {
        Decimal::of(-&self.mantissa, self.exponent)
    }

    pub(crate) fn add(&self, other: &Decimal) -> Decimal {
        let (a, b, exponent) = self.aligned(other);
        Decimal::of(a + b, exponent)
    }

    pub(crate) fn subtract(&self, other: &Decimal) -> Decimal {
        let (a, b, exponent) = self.aligned(other);
        Decimal::of(a - b, exponent)
    }

    pub(crate) fn multiply(&self, other: &Decimal) -> Decimal {
        Decimal::of(&self.mantissa * &other.mantissa, clamp(self.exponent + other.exponent))
    }

    /// `None` when dividing by zero.
    pub(crate) fn divide(&self, other: &Decimal) -> Option<Decimal> {
        if other.is_zero() {
            return None;
        }
        let ideal = self.exponent - other.exponent;
        let shift =
            (PRECISION as i64 + 3 + digit_count(&other.mantissa) as i64 - digit_count(&self.mantissa) as i64).max(0);
        let scaled = &self.mantissa * power_of_ten(shift);
        let quotient = &scaled / &other.mantissa;
        let remainder = &scaled % &other.mantissa;
        let mut exponent = clamp(ideal - shift);
        if remainder.is_zero() {
            let mut mantissa = quotient;
            let ten = BigInt::from(10);
            while exponent < ideal && !mantissa.is_zero() && (&mantissa % &ten).is_zero() {
                mantissa /= &ten;
                exponent += 1;
            }
            if mantissa.is_zero() {
                exponent = ideal;
            }
            return Some(Decimal::of(mantissa, exponent));
        }
        // A digit that is not zero keeps half-even from seeing a tie that is none.
        let sign = if (scaled.sign() == Sign::Minus) == (other.mantissa.sign() == Sign::Minus) { 1 } else { -1 };
        Some(Decimal::of(quotient * 10 + sign, exponent - 1))
    }

    /// The quotient towards zero, and the remainder with the sign of `self`.
    pub(crate) fn divide_whole(&self, other: &Decimal) -> Option<(Decimal, Decimal)> {
        if other.is_zero() {
            return None;
        }
        let (a, b, exponent) = self.aligned(other);
        Some((Decimal::of(&a / &b, 0), Decimal::of(&a % &b, exponent)))
    }

    pub(crate) fn power(&self, exponent: u32) -> Decimal {
        Decimal::of(Pow::pow(&self.mantissa, exponent), clamp(self.exponent * i64::from(exponent)))
    }

    /// Rounded half-even to this many places after the point (`quantize`).
    pub(crate) fn quantized(&self, places: i64) -> Decimal {
        let exponent = -places;
        let mantissa = if self.exponent >= exponent {
            &self.mantissa * power_of_ten(self.exponent - exponent)
        } else {
            round_half_even(&self.mantissa, &power_of_ten(exponent - self.exponent))
        };
        Decimal { mantissa, exponent, negative_zero: false }
    }

    /// Without trailing zeros (`normalize`).
    pub(crate) fn normalized(&self) -> Decimal {
        let mut result = Decimal::of(self.mantissa.clone(), self.exponent);
        let ten = BigInt::from(10);
        if result.is_zero() {
            result.exponent = 0;
        }
        while !result.is_zero() && (&result.mantissa % &ten).is_zero() {
            result.mantissa /= &ten;
            result.exponent += 1;
        }
        result
    }
}

fn clamp(exponent: i64) -> i64 {
    exponent.clamp(-MAX_EXPONENT * 2, MAX_EXPONENT * 2)
}

fn power_of_ten(exponent: i64) -> BigInt {
    Pow::pow(BigInt::from(10), exponent.clamp(0, MAX_EXPONENT * 4) as u32)
}

fn digit_count(number: &BigInt) -> u64 {
    number.magnitude().to_string().len() as u64
}

fn round_half_even(number: &BigInt, divisor: &BigInt) -> BigInt {
    let (quotient, remainder) = (number / divisor, number % divisor);
    let doubled: BigInt = remainder.abs() * 2_i32;
    let up = match doubled.cmp(divisor) {
        Ordering::Greater => true,
        Ordering::Equal => (&quotient % 2_i32) != BigInt::zero(),
        Ordering::Less => false,
    };
    match (up, number.is_negative()) {
        (true, true) => quotient - 1,
        (true, false) => quotient + 1,
        (false, _) => quotient,
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Decimal {
        Decimal { mantissa: number.into(), exponent: 0, negative_zero: false }
    }
}

impl From<BigInt> for Decimal {
    fn from(number: BigInt) -> Decimal {
        Decimal { mantissa: number, exponent: 0, negative_zero: false }
    }
}

/// The text is not a decimal number.
#[derive(Debug, thiserror::Error)]
#[error("not a decimal number: '{0}'")]
pub struct InvalidDecimal(String);

impl FromStr for Decimal {
    type Err = InvalidDecimal;

    fn from_str(text: &str) -> Result<Decimal, InvalidDecimal> {
        let invalid = || InvalidDecimal(text.to_owned());
        let trimmed = text.trim();
        let (number, exponent) = match trimmed.find(['e', 'E']) {
            Some(at) => (&trimmed[..at], trimmed[at + 1..].parse::<i64>().map_err(|_| invalid())?),
            None => (trimmed, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{fraction}").replace('_', "");
        let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(&digits);
        if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        let exponent = exponent.checked_sub(fraction.len() as i64).ok_or_else(invalid)?;
        if exponent.abs() > MAX_EXPONENT {
            return Err(invalid());
        }
        let mantissa: BigInt = digits.parse().map_err(|_| invalid())?;
        let negative_zero = mantissa.is_zero() && digits.starts_with('-');
        Ok(Decimal { mantissa, exponent, negative_zero })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        let (a, b, _) = self.aligned(other);
        a.cmp(&b)
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mantissa.is_negative() || self.negative_zero {
            f.write_str("-")?;
        }
        let digits = self.mantissa.magnitude().to_string();
        let adjusted = self.exponent + digits.len() as i64 - 1;
        if self.exponent <= 0 && adjusted >= -6 {
            let places = (-self.exponent).to_usize().unwrap_or(0);
            if places == 0 {
                return f.write_str(&digits);
            }
            let padded = format!("{digits:0>width$}", width = places + 1);
            let (whole, fraction) = padded.split_at(padded.len() - places);
            return write!(f, "{whole}.{fraction}");
        }
        let (first, rest) = digits.split_at(1);
        f.write_str(first)?;
        if !rest.is_empty() {
            write!(f, ".{rest}")?;
        }
        write!(f, "E{adjusted:+}")
    }
}

//! agate's numbers: Python's `Decimal` after currency signs, percent signs and thousands separators are gone.

/// Signs that agate strips from both ends.
const CURRENCY: &str = "؋$ƒ៛¥₡₱£€¢﷼₪₩₭₮₦฿₤₫";

/// More digits than this are text: no column type holds them.
const MOST_DIGITS: usize = 400;

/// The number in plain digits without trailing zeros, `1e5` → `100000`; `None` if it is none.
pub(super) fn parse(text: &str) -> Option<String> {
    let text = text.trim_matches('%');
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let text = text.trim_matches(|c| CURRENCY.contains(c)).replace(',', "");
    let text = text.trim();
    // Python's Decimal takes one sign of its own.
    let (negative, text) = match (text.strip_prefix('-'), text.strip_prefix('+')) {
        (Some(rest), _) => (!negative, rest),
        (None, Some(rest)) => (negative, rest),
        (None, None) => (negative, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let point = i64::try_from(whole.len()).ok()? + exponent;
    plain(&format!("{whole}{fraction}"), point, negative)
}

/// Digits and the place of the point in them → plain text.
fn plain(digits: &str, point: i64, negative: bool) -> Option<String> {
    if digits.len() > MOST_DIGITS || point.unsigned_abs() as usize > MOST_DIGITS {
        return None;
    }
    let (whole, fraction) = if point <= 0 {
        (String::new(), "0".repeat(usize::try_from(-point).ok()?) + digits)
    } else {
        let point = usize::try_from(point).ok()?;
        let padded = format!("{digits:0<point$}");
        (padded[..point].to_owned(), padded[point..].to_owned())
    };
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if negative && (whole != "0" || !fraction.is_empty()) { "-" } else { "" };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn plain_digits() {
        for (text, expected) in [
            ("1.50e1", Some("15")),
            (".5", Some("0.5")),
            ("5.", Some("5")),
            ("-0.0", Some("0")),
            ("-$1,234.50", Some("-1234.5")),
            ("€3", Some("3")),
            ("1e-3", Some("0.001")),
            ("12e", None),
            ("", None),
            ("1e999999999", None),
            ("1.2.3", None),
        ] {
            assert_eq!(parse(text).as_deref(), expected, "{text}");
        }
    }
}

//! Which cron expressions the official client accepts: croniter's language, with seconds and years. Only that; [`crate::Cron`] reads ours.

/// Least and greatest values of minute, hour, day, month, weekday, second, year.
const RANGES: [(u32, u32); 7] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6), (0, 59), (1970, 2099)];
const DAY: usize = 2;
const MONTH: usize = 3;
const WEEKDAY: usize = 4;
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const ALIASES: [&str; 7] = ["@midnight", "@hourly", "@daily", "@weekly", "@monthly", "@yearly", "@annually"];

/// Whether croniter 6 takes `text` for a valid expression.
pub fn is_accepted(text: &str) -> bool {
    let text = text.to_lowercase();
    if ALIASES.contains(&text.as_str()) {
        return true;
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    (5..=7).contains(&fields.len())
        && fields.iter().enumerate().all(|(index, field)| accepts_field(field, index, fields.len()))
}

fn accepts_field(field: &str, index: usize, count: usize) -> bool {
    if let Some(accepted) = accepts_random(field) {
        return accepted;
    }
    if field.contains('?') {
        return field == "?" && matches!(index, DAY | WEEKDAY);
    }
    let items: Vec<&str> = field.split(',').collect();
    let mut numbered = 0;
    for item in &items {
        let mut item = *item;
        if index == WEEKDAY {
            if let Some((weekdays, nth)) = item.split_once('#').filter(|(_, nth)| is_digits(nth)) {
                if !nth.parse::<u32>().is_ok_and(|nth| (1..=5).contains(&nth)) {
                    return false;
                }
                (item, numbered) = (weekdays, numbered + 1);
            } else if let Some(weekday) = item.strip_prefix('l').filter(|weekday| is_digits(weekday)) {
                (item, numbered) = (weekday, numbered + 1);
            }
        }
        if index == DAY && is_nearest_weekday(item) {
            let day = item.trim_matches('w').parse().unwrap_or(0);
            return items.len() == 1 && (1..=31).contains(&day);
        }
        if !accepts_item(item, index, count) {
            return false;
        }
    }
    // Weekdays with a number and without one do not go together, unless all of them are named.
    numbered == 0 || numbered == items.len()
}

/// `R`, `R(1-5)/2`: random. `H`: by a hash of a name that the client does not give. `None` when it is neither.
fn accepts_random(field: &str) -> Option<bool> {
    let rest = field.strip_prefix(['h', 'r'])?;
    let (range, rest) = match rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((range, rest)) => {
            (Some(range.split_once('-').filter(|(from, to)| is_digits(from) && is_digits(to))?), rest)
        }
        None => (None, rest),
    };
    let step = match rest.strip_prefix('/') {
        Some(step) => Some(step).filter(|step| is_digits(step)),
        None if rest.is_empty() => None,
        None => return None,
    };
    if rest.starts_with('/') && step.is_none() {
        return None;
    }
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    let rising = range.is_none_or(|(from, to)| number(from) < number(to));
    Some(field.starts_with('r') && rising && step.is_none_or(|step| number(step) > 0))
}

fn is_nearest_weekday(item: &str) -> bool {
    item.strip_suffix('w').or_else(|| item.strip_prefix('w')).is_some_and(is_digits)
}

fn accepts_item(item: &str, index: usize, count: usize) -> bool {
    let (least, greatest) = RANGES[index];
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (item, None),
    };
    if step.is_some_and(|step| !is_digits(step) || step.parse() == Ok(0)) {
        return false;
    }
    if range == "*" {
        return true;
    }
    let within = |text| value(text, index, count).is_some_and(|value| (least..=greatest).contains(&value));
    match range.split_once('-') {
        Some((low, high)) => {
            let high = if index == DAY && high == "l" { "31" } else { high };
            within(low) && within(high)
        }
        None if index == DAY && item == "l" => true,
        None => within(range),
    }
}

/// The value of a number or a name.
fn value(text: &str, index: usize, count: usize) -> Option<u32> {
    let named = |names: &[&str], first: usize| {
        names.iter().position(|name| *name == text).and_then(|at| u32::try_from(at + first).ok())
    };
    let number = match index {
        _ if is_digits(text) => Some(text.parse().unwrap_or(u32::MAX)),
        MONTH => named(&MONTHS, 1),
        WEEKDAY => named(&WEEKDAYS, 0),
        _ => None,
    }?;
    Some(match (index, number) {
        (WEEKDAY, 7) if count == 5 => 0,
        (DAY, 0) if count == 6 => 1,
        _ => number,
    })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

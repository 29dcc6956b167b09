//! One field: lists of values, ranges and steps.

use super::CronError;

/// Which of the five.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
}

/// A set of numbers below 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Values(u64);

impl Values {
    pub fn add(&mut self, value: u32) {
        self.0 |= 1 << value;
    }

    pub fn has(self, value: u32) -> bool {
        self.0 >> value & 1 == 1
    }

    /// The least value that is `value` or more.
    pub fn at_least(self, value: u32) -> Option<u32> {
        let rest = self.0.checked_shr(value).unwrap_or(0);
        (rest != 0).then(|| value + rest.trailing_zeros())
    }

    pub fn iter(self) -> impl Iterator<Item = u32> {
        (0..64).filter(move |value| self.has(*value))
    }

    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn is_full(self, low: u32, high: u32) -> bool {
        (low..=high).all(|value| self.has(value))
    }
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Field {
    pub fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day-of-month",
            Self::Month => "month",
            Self::DayOfWeek => "day-of-week",
        }
    }

    /// Least and greatest value.
    pub fn range(self) -> (u32, u32) {
        match self {
            Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            // 7 is read as 0.
            Self::DayOfWeek => (0, 6),
        }
    }

    /// The values of a field without day specialties, and whether a `*` or a step is in it.
    pub fn parse(self, text: &str) -> Result<(Values, bool), CronError> {
        let mut values = Values::default();
        let mut counted = false;
        for item in text.split(',') {
            counted |= item == "*" || item.contains('/');
            self.parse_item(item, text, &mut values)?;
        }
        Ok((values, counted))
    }

    /// Adds what one item of the list says: `*`, `5`, `1-5`, `*/10`, `5/10`, `1-30/10`.
    pub fn parse_item(self, item: &str, text: &str, values: &mut Values) -> Result<(), CronError> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step, text)?)),
            None => (item, None),
        };
        let (low, high) = self.range();
        let every = step.unwrap_or(1);
        if range == "*" {
            self.add_range(low, high, every, values);
        } else if let Some((first, last)) = range.split_once('-') {
            let (from, to) = (self.value(first, text)?, self.value(last, text)?);
            // `0-7` and `7-0` name Sunday twice and mean the whole week.
            if from == to && first != last {
                self.add_range(low, high, every, values);
            } else if from == to {
                let problem = format!("has the range '{range}' of one value, which programs read differently");
                return Err(CronError::in_field(self, text, problem, format!("write '{first}', or '*' for all")));
            } else {
                self.add_range(from, to, every, values);
            }
        } else {
            let value = self.value(range, text)?;
            match step {
                Some(step) => self.add_range(value, high, step, values),
                None => values.add(value),
            }
        }
        Ok(())
    }

    /// Every `step`th value from `from` to `to`; when `to` is less, over the end of the field and on from its beginning.
    fn add_range(self, from: u32, to: u32, step: u32, values: &mut Values) {
        let (low, high) = self.range();
        let size = high - low + 1;
        let length = if from <= to { to - from } else { to + size - from };
        for distance in (0..=length).step_by(step as usize) {
            values.add(low + (from - low + distance) % size);
        }
    }

    fn step(self, step: &str, text: &str) -> Result<u32, CronError> {
        let (low, high) = self.range();
        match number(step) {
            Some(0) => Err(CronError::in_field(self, text, "has the step 0", "write a step of 1 or more")),
            // A larger step is legal and means the first value alone.
            Some(step) => Ok(step.min(high - low + 1)),
            None => {
                let problem = format!("has the step '{step}', which is not a number");
                Err(CronError::in_field(self, text, problem, "write a number after the slash, as in '*/15'"))
            }
        }
    }

    /// A number or a name; Sunday is 0 whichever way it is written.
    pub fn value(self, word: &str, text: &str) -> Result<u32, CronError> {
        let (low, high) = self.range();
        let highest = if self == Self::DayOfWeek { 7 } else { high };
        if let Some(number) = number(word) {
            if number < low || number > highest {
                let problem = format!("has {word}, which is not within {low} to {highest}");
                return Err(CronError::in_field(self, text, problem, self.range_fix()));
            }
            return Ok(if self == Self::DayOfWeek { number % 7 } else { number });
        }
        let named = |names: &[&str]| names.iter().position(|name| name.eq_ignore_ascii_case(word));
        let index = match self {
            Self::Month => named(&MONTHS).map(|index| index + 1),
            Self::DayOfWeek => named(&WEEKDAYS),
            _ => None,
        };
        match index.and_then(|index| u32::try_from(index).ok()) {
            Some(value) => Ok(value),
            None => Err(self.not_a_value(word, text)),
        }
    }

    fn range_fix(self) -> String {
        let (low, high) = self.range();
        match self {
            Self::DayOfWeek => "write 0 to 7 (0 and 7 are Sunday) or SUN to SAT".to_owned(),
            Self::Month => "write 1 to 12 or JAN to DEC".to_owned(),
            _ => format!("write a number from {low} to {high}"),
        }
    }

    fn not_a_value(self, word: &str, text: &str) -> CronError {
        let upper = word.to_ascii_uppercase();
        let of_random = |letter: char| upper == letter.to_string() || upper.starts_with(&format!("{letter}("));
        if of_random('H') {
            let fix = "choose a fixed value; different minutes for different schedules spread the load as H would";
            return CronError::in_field(self, text, "uses H, which needs a hash of the job's name", fix);
        }
        if of_random('R') {
            let problem = "uses R (random): a slot that changes with each reading cannot be kept";
            return CronError::in_field(self, text, problem, "choose a fixed value");
        }
        if word.is_empty() {
            return CronError::in_field(self, text, "lacks a value", self.range_fix());
        }
        if upper == "?" {
            return CronError::in_field(self, text, "has ?, which belongs into a day field alone", "write *");
        }
        if upper.contains('L') && matches!(self, Self::DayOfMonth | Self::DayOfWeek) && word.len() <= 2 {
            let fix = "write L alone in the day-of-month field, or L5 in the day-of-week field for the last Friday";
            return CronError::in_field(self, text, format!("has '{word}'"), fix);
        }
        let names: &[&str] = match self {
            Self::Month => &MONTHS,
            Self::DayOfWeek => &WEEKDAYS,
            _ => &[],
        };
        let short: String = upper.chars().take(3).collect();
        let fix = match names.iter().find(|name| **name == short) {
            Some(name) => format!("write {name}"),
            None => self.range_fix(),
        };
        CronError::in_field(self, text, format!("has '{word}', which is not a value of it"), fix)
    }
}

/// Digits only; too many of them are a number too large for every field.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}

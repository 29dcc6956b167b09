//! From local times to instants, where clocks are moved.

use chrono::{
    DateTime, Days as DayCount, MappedLocalTime, NaiveDateTime, Offset, SubsecRound, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;

use super::{Cron, Gap};

/// The next instant of a schedule with fixed hours.
///
/// Local times are tried in order. Each has one instant ([`fixed_instant`]), and a local time whose instant is later than `instant` is itself
/// later than the clock on the wall at `instant`: before a gap because the clock has not reached it, in the second pass of a fold because
/// what the clock shows has had its instant in the first pass.
pub(super) fn next_fixed(cron: &Cron, instant: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
    let mut local = cron.local_from(after(instant.with_timezone(&zone).naive_local())?)?;
    loop {
        let found = fixed_instant(local, zone)?;
        if found > instant {
            return Some(found);
        }
        local = cron.local_from(after(local)?)?;
    }
}

/// The instant of a local time: the first of two in a fold, the end of the gap in a gap.
fn fixed_instant(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(instant) => Some(instant.to_utc()),
        MappedLocalTime::Ambiguous(first, second) => Some(first.min(second).to_utc()),
        MappedLocalTime::None => end_of_gap(local, zone),
    }
}

/// The first instant at which the wall clock shows more than `local`, which it skips.
fn end_of_gap(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    let shows = |instant: DateTime<Utc>| instant.with_timezone(&zone).naive_local();
    // Offsets lie within a day of UTC; the clock shows less than `local` at the one and more at the other.
    let mut before = local.and_utc().checked_sub_signed(TimeDelta::days(2))?;
    let mut behind = local.and_utc().checked_add_signed(TimeDelta::days(2))?;
    while behind - before > TimeDelta::seconds(1) {
        let middle = before + TimeDelta::seconds((behind - before).num_seconds() / 2);
        if shows(middle) < local { before = middle } else { behind = middle }
    }
    Some(behind)
}

/// See [`Cron::next_gap`].
pub(super) fn next_gap(cron: &Cron, from: DateTime<Utc>, to: DateTime<Utc>, zone: Tz) -> Option<Gap> {
    let offset = |instant: DateTime<Utc>| zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc();
    let mut day = from;
    while day < to {
        let next_day = day + TimeDelta::days(1);
        if offset(next_day) > offset(day) {
            let runs_at = change_of_offset(day, next_day, offset);
            let ends = runs_at.with_timezone(&zone).naive_local();
            let begins = ends - TimeDelta::seconds(i64::from(offset(next_day) - offset(day)));
            let local = cron.local_from(begins)?;
            if local < ends {
                return Some(Gap { local, runs_at });
            }
        }
        day = next_day;
    }
    None
}

/// The first instant with another offset than `before` has, up to `behind`.
fn change_of_offset(
    mut before: DateTime<Utc>,
    mut behind: DateTime<Utc>,
    offset: impl Fn(DateTime<Utc>) -> i32,
) -> DateTime<Utc> {
    let old = offset(before);
    while behind - before > TimeDelta::seconds(1) {
        let middle = before + TimeDelta::seconds((behind - before).num_seconds() / 2);
        if offset(middle) == old { before = middle } else { behind = middle }
    }
    behind.trunc_subsecs(0)
}

/// The next instant of a schedule whose hours pass: the wall clock matches.
pub(super) fn next_elapsed(cron: &Cron, instant: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
    let here = instant.with_timezone(&zone);
    let wall = here.naive_local();
    let local = cron.local_from(after(wall)?)?;
    // As a rule no clock is moved before the next match: then the distance on the wall is the distance in time. No zone moves its clock
    // forth and back within a day.
    let near = instant.checked_add_signed(local - wall)?;
    if local - wall < TimeDelta::hours(26) && near.with_timezone(&zone).naive_local() == local {
        return Some(near);
    }
    // Else all matches of a local day and the days beside it, as a fold over midnight mixes their order. The day of `instant` may come again.
    let mut date = wall.date().checked_sub_days(DayCount::new(1))?;
    loop {
        date = cron.date_from(date)?;
        let next_day = date.checked_add_days(DayCount::new(1))?;
        let found = [date, next_day].into_iter().flat_map(|date| instants_of_day(cron, date, zone));
        if let Some(next) = found.filter(|found| *found > instant).min() {
            return Some(next);
        }
        date = next_day;
    }
}

fn instants_of_day(cron: &Cron, date: chrono::NaiveDate, zone: Tz) -> Vec<DateTime<Utc>> {
    let mut found = Vec::new();
    if cron.date_from(date) != Some(date) {
        return found;
    }
    for hour in cron.hours.iter() {
        for minute in cron.minutes.iter() {
            let Some(local) = date.and_hms_opt(hour, minute, 0) else { continue };
            match zone.from_local_datetime(&local) {
                MappedLocalTime::None => {}
                MappedLocalTime::Single(instant) => found.push(instant.to_utc()),
                MappedLocalTime::Ambiguous(first, second) => found.extend([first.to_utc(), second.to_utc()]),
            }
        }
    }
    found
}

/// The least local time that is later.
fn after(local: NaiveDateTime) -> Option<NaiveDateTime> {
    local.checked_add_signed(TimeDelta::nanoseconds(1))
}

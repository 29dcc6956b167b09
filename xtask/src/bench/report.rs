//! The table, in Markdown, as it goes into docs/benchmarks.md.

use std::{fmt::Write, time::Duration};

use super::{
    engine::{Kind, Task},
    measure::{Load, Sample, median},
};

/// One command by one engine.
pub struct Row {
    task: Task,
    kind: Kind,
    median: Option<Sample>,
    /// CPU time of all its runs.
    cpu: Duration,
    /// Why there is no median.
    reason: Option<String>,
}

impl Row {
    pub fn new(task: Task, kind: Kind, samples: &[Sample], reason: Option<String>) -> Self {
        let middle = if reason.is_some() { None } else { median(samples) };
        Self { task, kind, median: middle, cpu: samples.iter().map(|sample| sample.cpu).sum(), reason }
    }
}

/// A row per command and engine that could; the ratios are Owlet's measure to the other's.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "\n| command | engine | wall s | CPU s | peak MB | wall, owlet : it | CPU, owlet : it | memory, owlet : it |\n\
         |---|---|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let Some(sample) = &row.median else { continue };
        let owlet = rows.iter().find(|other| other.task == row.task && other.kind == Kind::Owlet);
        let owlet = owlet.filter(|_| row.kind != Kind::Owlet).and_then(|owlet| owlet.median.as_ref());
        let to_owlet = |measure: fn(&Sample) -> f64| {
            owlet.map_or_else(String::new, |owlet| ratio(measure(sample) / measure(owlet)))
        };
        writeln!(
            text,
            "| {} | {} | {:.3} | {:.3} | {:.0} | {} | {} | {} |",
            row.task.name(),
            row.kind.name(),
            wall(sample),
            cpu(sample),
            memory(sample) / 1e6,
            to_owlet(wall),
            to_owlet(cpu),
            to_owlet(memory),
        )
        .expect("writing to a String cannot fail");
    }
    text
}

/// What is missing in the table, and how busy the machine was with other things.
pub fn footnotes(rows: &[Row], before: &Load, after: &Load) -> String {
    let mut lines: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let reason = row.reason.as_ref()?;
            Some(format!("{} of {} is left out, it fails: {reason}", row.task.name(), row.kind.name()))
        })
        .collect();
    let measured = rows.iter().map(|row| row.cpu).sum();
    if let Some(percent) = before.elsewhere(after, measured) {
        lines.push(format!("Everything else on the machine used {percent:.0} % of its CPUs meanwhile."));
    }
    lines.join("\n")
}

fn wall(sample: &Sample) -> f64 {
    sample.wall.as_secs_f64()
}

fn cpu(sample: &Sample) -> f64 {
    sample.cpu.as_secs_f64()
}

fn memory(sample: &Sample) -> f64 {
    sample.peak_rss as f64
}

fn ratio(times: f64) -> String {
    if times < 10.0 { format!("1 : {times:.1}") } else { format!("1 : {times:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_to_owlet_and_what_failed_is_left_out() {
        let sample = |milliseconds, peak_rss| Sample {
            wall: Duration::from_millis(milliseconds),
            cpu: Duration::from_millis(milliseconds * 2),
            peak_rss,
        };
        let rows = [
            Row::new(Task::Parse, Kind::Owlet, &[sample(100, 10_000_000)], None),
            Row::new(Task::Parse, Kind::DbtCore, &[sample(2_500, 52_000_000)], None),
            Row::new(Task::Parse, Kind::RustAlpha, &[], Some("no driver".to_owned())),
        ];
        let table = table(&rows);
        assert_eq!(
            table.lines().skip(3).collect::<Vec<_>>(),
            [
                "| parse | owlet | 0.100 | 0.200 | 10 |  |  |  |",
                "| parse | dbt Core | 2.500 | 5.000 | 52 | 1 : 25 | 1 : 25 | 1 : 5.2 |",
            ]
        );
        let notes = footnotes(&rows, &Load::now(), &Load::now());
        assert!(notes.starts_with("parse of Rust alpha is left out, it fails: no driver"), "{notes}");
    }
}

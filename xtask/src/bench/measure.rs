//! One process: wall time, CPU time, peak memory; and what else the machine was doing.

use std::{
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use wait4::Wait4;

/// What a process took.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub wall: Duration,
    /// User and system time of the process and of the children it waited for.
    pub cpu: Duration,
    /// `ru_maxrss`, in bytes.
    pub peak_rss: u64,
}

/// Runs the command to its end; the kernel's accounting of the child, as `wait4` gives it.
pub fn measure(command: &mut Command) -> Result<(ExitStatus, Sample)> {
    let start = Instant::now();
    let child = command.spawn().with_context(|| format!("starting {}", command.get_program().display()))?;
    let used = child.wait4()?;
    let wall = start.elapsed();
    let cpu = used.rusage.utime + used.rusage.stime;
    Ok((used.status, Sample { wall, cpu, peak_rss: used.rusage.maxrss }))
}

/// The middle sample of each measure; of an even number, the greater of the two in the middle.
pub fn median(samples: &[Sample]) -> Option<Sample> {
    fn middle<T: Ord + Copy>(samples: &[Sample], measure: impl Fn(&Sample) -> T) -> Option<T> {
        let mut values: Vec<T> = samples.iter().map(measure).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied()
    }
    Some(Sample {
        wall: middle(samples, |sample| sample.wall)?,
        cpu: middle(samples, |sample| sample.cpu)?,
        peak_rss: middle(samples, |sample| sample.peak_rss)?,
    })
}

/// The machine's counters at one moment; nothing where there is no `/proc`.
pub struct Load {
    at: Instant,
    /// CPU time used by everything since boot.
    busy: Option<Duration>,
    cpus: usize,
}

impl Load {
    pub fn now() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { at: Instant::now(), busy: busy_since_boot(), cpus }
    }

    /// How much of the machine everything but `measured` used from this moment to `later`, in percent.
    pub fn elsewhere(&self, later: &Self, measured: Duration) -> Option<f64> {
        let busy = later.busy?.checked_sub(self.busy?)?.saturating_sub(measured);
        let available = (later.at - self.at).as_secs_f64() * self.cpus as f64;
        (available > 0.0).then(|| 100.0 * busy.as_secs_f64() / available)
    }
}

/// `cpu  user nice system idle iowait irq softirq …` of /proc/stat, in hundredths of a second.
fn busy_since_boot() -> Option<Duration> {
    let text = fs_err::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> = text.lines().next()?.split_whitespace().skip(1).flat_map(str::parse).collect();
    let busy: u64 = ticks.iter().take(7).enumerate().filter(|(field, _)| !matches!(field, 3 | 4)).map(|(_, n)| n).sum();
    Some(Duration::from_millis(busy * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_taken_of_each_measure() {
        let samples = [(3, 10, 7), (1, 30, 9), (2, 20, 8)].map(|(wall, cpu, peak_rss)| Sample {
            wall: Duration::from_secs(wall),
            cpu: Duration::from_secs(cpu),
            peak_rss,
        });
        let middle = median(&samples).unwrap();
        assert_eq!((middle.wall.as_secs(), middle.cpu.as_secs(), middle.peak_rss), (2, 20, 8));
        assert!(median(&[]).is_none());
    }

    #[test]
    fn a_process_that_works_uses_cpu_time_and_memory() {
        let loop_of_shell = "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; exit 3";
        let (status, sample) = measure(Command::new("sh").args(["-c", loop_of_shell])).unwrap();
        assert_eq!(status.code(), Some(3));
        assert!(sample.cpu > Duration::from_millis(1) && sample.peak_rss > 100_000, "{sample:?}");
    }
}

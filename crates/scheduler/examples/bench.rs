//! Measures the scheduler: `cargo run --release -p scheduler --example bench -- due|history DATABASE-URL`.
//!
//! `due`: 10,000 schedules of which 1,000 are due in the same second; how late each is claimed, what that costs, and what idling costs.
//! `history`: a million runs; the size of the database, and how long pages of the history take.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program that measures, and ends when something fails")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use scheduler::clock::{Clock, SECOND, SystemClock};
use scheduler::model::{Actor, Outcome};
use scheduler::read::{Reader, RunFilter};
use scheduler::request::Deploy;
use scheduler::{Options, Scheduler, Server};
use schedules::{Schedule, ScheduleCommand};
use store::sqlx::{self, AssertSqlSafe};
use store::{Backend, Database, Durability};

const SCHEDULES: usize = 10_000;
const DUE: usize = 1_000;
const RUNS: i64 = 1_000_000;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, what, url] = arguments.as_slice() else { panic!("say `due` or `history`, and a database's URL") };
    let database = Database::open(url, Durability::Power).await.unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let server = Server { host: "bench".to_owned(), pid: std::process::id(), version: "0".to_owned() };
    let scheduler = Scheduler::open(database, clock, server, Options::default()).await.unwrap();
    match what.as_str() {
        "due" => due(scheduler).await,
        "history" => Box::pin(history(scheduler)).await,
        _ => panic!("say `due` or `history`"),
    }
}

fn schedule(n: usize, cron: &str) -> Schedule {
    let command = ScheduleCommand::new("dbt build --select tag:nightly");
    let mut schedule = Schedule::new(format!("s{n}"), format!("Schedule {n}"), "production", vec![command]);
    schedule.cron = Some(cron.parse().unwrap());
    schedule
}

async fn due(scheduler: Scheduler) {
    // A minute that lies far enough ahead to deploy and to measure idling before it.
    let slot = (scheduler.clock().now() / SECOND / 60 + 2) * 60 * SECOND;
    let minute = slot / SECOND / 60 % 60;
    let (now, later) = (format!("{minute} * * * *"), format!("{} * * * *", (minute + 30) % 60));
    let schedules = (0..SCHEDULES).map(|n| schedule(n, if n < DUE { &now } else { &later })).collect();
    let began = Instant::now();
    let deploy = Deploy { schedules, source: "yaml".to_owned(), actor: Actor::system("bench"), is_dry_run: false };
    scheduler.deploy(deploy).await.unwrap();
    println!("deployed {SCHEDULES} schedules in {:.1} s", began.elapsed().as_secs_f64());

    let ticker = scheduler.clone();
    tokio::spawn(async move {
        loop {
            ticker.tick().await.unwrap();
            ticker.beat().await.unwrap();
            ticker.reap().await.unwrap();
            let until_next_second = SECOND - ticker.clock().now() % SECOND;
            tokio::time::sleep(Duration::from_micros(until_next_second.unsigned_abs())).await;
        }
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (began, used) = (Instant::now(), cpu_time());
    let idle =
        Duration::from_micros((slot - scheduler.clock().now()).unsigned_abs()).saturating_sub(Duration::from_secs(2));
    tokio::time::sleep(idle.min(Duration::from_secs(60))).await;
    let share = 100.0 * (cpu_time() - used).as_secs_f64() / began.elapsed().as_secs_f64();
    println!(
        "idle for {:.0} s with a look at the clock each second: {share:.2} % of one CPU",
        began.elapsed().as_secs_f64()
    );

    let mut lateness = Vec::new();
    let mut leases = Vec::new();
    let used = cpu_time();
    while lateness.len() < DUE {
        let nudged = scheduler.nudged();
        let claimed = scheduler.claim(200).await.unwrap();
        let now = scheduler.clock().now();
        if claimed.is_empty() {
            let _ = tokio::time::timeout(Duration::from_millis(200), nudged).await;
        }
        for claim in claimed {
            lateness.push((now - slot) / 1000);
            leases.push(claim.lease);
        }
    }
    let used = cpu_time() - used;
    lateness.sort_unstable();
    let at = |percent: usize| lateness[(lateness.len() - 1) * percent / 100];
    println!(
        "{DUE} due in one second: claimed after p50 {} ms, p99 {} ms, last {} ms; {:.2} s CPU",
        at(50),
        at(99),
        at(100),
        used.as_secs_f64()
    );
    let began = Instant::now();
    for lease in leases {
        scheduler.finish(lease, Outcome::success()).await.unwrap();
    }
    println!("finishing each: {:.2} ms", began.elapsed().as_secs_f64() * 1000.0 / DUE as f64);
    println!("memory: {}", status("VmRSS"));
    println!("peak memory: {}", status("VmHWM"));
}

async fn history(scheduler: Scheduler) {
    let began = Instant::now();
    let deploy = Deploy {
        schedules: (0..200).map(|n| schedule(n, "0 4 * * *")).collect(),
        source: "yaml".to_owned(),
        actor: Actor::system("bench"),
        is_dry_run: false,
    };
    scheduler.deploy(deploy).await.unwrap();
    let now = scheduler.clock().now();
    let spec = r#"{"environment":"production","commands":[{"text":"dbt build --select tag:nightly"}],"interval":{"start":1772456400000000,"end":1772460000000000},"max_runtime_seconds":86400,"token_seed":"0195b5f2-3f0c-7a51-9c52-3b1e7c6d2a10"}"#;
    let first: i64 =
        sqlx::query_scalar("SELECT min(id) FROM schedule").fetch_one(scheduler.database().readers()).await.unwrap();
    for from in (0..RUNS).step_by(50_000) {
        let until = from + 50_000;
        let numbers = match scheduler.database().backend() {
            Backend::Sqlite => {
                format!("WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {until})")
            }
            Backend::Postgres => format!("WITH n(i) AS (SELECT generate_series(CAST({from} AS BIGINT), {until} - 1))"),
        };
        // A run each 30 seconds over a year; one in ten failed; what the scheduler itself writes with each.
        let at = format!("{now} - ({RUNS} - i) * 30000000");
        let mut change = scheduler.database().write().await.unwrap();
        for sql in [
            format!(
                "INSERT INTO slot (schedule_id, planned_at, decision, reason, run_id, decided_at, decided_by) {numbers} \
                 SELECT {first} + i % 200, {at}, 'STARTED', 'on time', i + 1, {at}, '0195b5f2-3f0c-7a51-9c52-3b1e7c6d2a10' FROM n"
            ),
            format!(
                "INSERT INTO run (uuid, schedule_id, family_id, slot_id, cause, actor, branch, commit_hash, spec, state, created_at, \
                 not_before, started_at, ended_at, lease_server, lease_fence) {numbers} \
                 SELECT '0195b5f2-3f0c-7a51-9c52-' || i, {first} + i % 200, i + 1, i + 1, 'slot', 'schedule', 'main', \
                 '0123456789abcdef0123456789abcdef01234567', '{spec}', CASE WHEN i % 10 = 3 THEN 'FAILED' ELSE 'SUCCESS' END, {at}, {at}, {at}, \
                 {at} + 20000000, '0195b5f2-3f0c-7a51-9c52-3b1e7c6d2a10', 1 FROM n"
            ),
            format!(
                "INSERT INTO audit (at, actor_type, actor, event_type, source, source_id, metadata) {numbers}, e(event) AS \
                 (SELECT 'run.created' UNION ALL SELECT 'run.claimed' UNION ALL SELECT 'run.ended') \
                 SELECT {at}, 'system', '0195b5f2-3f0c-7a51-9c52-3b1e7c6d2a10', event, 'run', i + 1, '{{\"fence\":1,\"state\":\"SUCCESS\"}}' FROM n CROSS JOIN e"
            ),
        ] {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut *change).await.unwrap();
        }
        change.commit().await.unwrap();
    }
    println!("wrote {RUNS} runs with their slots and decisions in {:.0} s", began.elapsed().as_secs_f64());
    let size = match scheduler.database().backend() {
        Backend::Sqlite => "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        Backend::Postgres => "SELECT pg_database_size(current_database())",
    };
    let size: i64 = sqlx::query_scalar(size).fetch_one(scheduler.database().readers()).await.unwrap();
    println!("size of the database: {} MB", size / 1_000_000);

    let reader = Reader::new(scheduler.database().clone());
    let all = RunFilter { limit: 50, ..RunFilter::default() };
    let failed = vec!["FAILED".to_owned()];
    for (name, filter) in [
        ("newest 50 runs", all.clone()),
        ("newest 50 of one schedule", RunFilter { schedule_id: Some(first + 7), ..all.clone() }),
        ("newest 50 that failed", RunFilter { states: failed.clone(), ..all.clone() }),
        (
            "newest 50 of one schedule that failed",
            RunFilter { schedule_id: Some(first + 3), states: failed, ..all.clone() },
        ),
        ("newest 50 of a month ago", RunFilter { until: Some(now - 30 * 86_400 * SECOND), ..all.clone() }),
        ("newest 1000 of one schedule", RunFilter { schedule_id: Some(first + 7), limit: 1000, ..all }),
    ] {
        let mut times = Vec::new();
        for _ in 0..20 {
            let began = Instant::now();
            let runs = reader.runs(&filter).await.unwrap();
            times.push(began.elapsed().as_micros());
            assert!(!runs.is_empty(), "{name}: nothing found");
        }
        times.sort_unstable();
        println!("{name}: median {:.1} ms, worst {:.1} ms", times[10] as f64 / 1000.0, times[19] as f64 / 1000.0);
    }
    for (name, result) in [
        ("tick", time(scheduler.tick()).await),
        ("claim", time(scheduler.claim(10)).await),
        ("reap", time(scheduler.reap()).await),
    ] {
        println!("{name} beside them: {result:.1} ms");
    }
    println!("memory: {}", status("VmRSS"));
}

async fn time<T, E: std::fmt::Debug>(call: impl Future<Output = Result<T, E>>) -> f64 {
    let began = Instant::now();
    call.await.unwrap();
    began.elapsed().as_secs_f64() * 1000.0
}

/// User and system time of this process.
fn cpu_time() -> Duration {
    let stat = fs_err::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn status(name: &str) -> String {
    let status = fs_err::read_to_string("/proc/self/status").unwrap();
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default().trim().to_owned()
}

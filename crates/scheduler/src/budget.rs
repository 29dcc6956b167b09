//! Money that may be spent: a budget warns, or stops what would spend more.
//!
//! What was spent is added up from `query_execution`, which workers keep while queries run.

use std::collections::HashMap;

use chrono::{DateTime, Datelike, NaiveTime, Utc};
use schedules::Event;
use serde_json::json;
use store::sqlx::{self, AssertSqlSafe};

use crate::audit::Decision;
use crate::clock::Micros;
use crate::error::SchedulerError;
use crate::model::StopCause;
use crate::notice::News;
use crate::scheduler::Scheduler;
use crate::slots::instant;

/// A row of `budget`.
#[derive(Debug, Clone)]
struct Budget {
    scope: String,
    period: String,
    stops: bool,
    micro_dollars: i64,
}

impl Budget {
    fn words(&self, spent: i64) -> String {
        let (spent, allowed) = (dollars(spent), dollars(self.micro_dollars));
        format!("the budget of {} is {allowed} per {}, and {spent} are spent", self.scope, self.period)
    }

    /// What counts as spent, in queries `q` of runs `r` of schedules `s`.
    fn condition(&self) -> Option<String> {
        match self.scope.split_once(':') {
            None if self.scope == "workspace" => Some("1 = 1".to_owned()),
            Some(("schedule", slug)) => Some(format!("s.slug = '{}'", slug.replace('\'', "''"))),
            Some(("connection", slug)) => Some(format!("r.connection = '{}'", slug.replace('\'', "''"))),
            _ => None,
        }
    }

    /// When the period began that `now` lies in, UTC.
    fn began(&self, now: Micros) -> Option<Micros> {
        let today = instant(now)?.date_naive();
        let day = if self.period == "month" { today.with_day(1)? } else { today };
        Some(DateTime::<Utc>::from_naive_utc_and_offset(day.and_time(NaiveTime::MIN), Utc).timestamp_micros())
    }
}

/// Budgets that let no more runs begin: by scope, their words.
#[derive(Debug, Default)]
pub(crate) struct Exhausted(HashMap<String, String>);

impl Exhausted {
    /// The first one that a run of this schedule under these keys falls under.
    pub fn of(&self, slug: &str, keys: &[String]) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let schedule = self.0.get(&format!("schedule:{slug}"));
        schedule.or_else(|| keys.iter().find_map(|key| self.0.get(key))).cloned()
    }
}

impl Scheduler {
    async fn budgets(&self) -> Result<Vec<Budget>, SchedulerError> {
        let rows: Vec<(String, String, String, i64)> =
            sqlx::query_as("SELECT scope, period, action, micro_dollars FROM budget ORDER BY id")
                .fetch_all(self.database().readers())
                .await
                .map_err(|source| self.failed("reading the budgets of", source))?;
        let budget = |(scope, period, action, micro_dollars): (_, _, String, _)| Budget {
            scope,
            period,
            stops: action == "stop",
            micro_dollars,
        };
        Ok(rows.into_iter().map(budget).collect())
    }

    /// Budgets of a day or a month whose money is spent and that stop.
    pub(crate) async fn exhausted_budgets(&self) -> Result<Exhausted, SchedulerError> {
        let mut exhausted = Exhausted::default();
        for budget in self.budgets().await?.into_iter().filter(|budget| budget.stops && budget.period != "run") {
            let spent = self.spent(&budget).await?;
            if spent >= budget.micro_dollars {
                exhausted.0.entry(budget.scope.clone()).or_insert_with(|| budget.words(spent));
            }
        }
        Ok(exhausted)
    }

    /// What this period has cost under a budget's scope.
    async fn spent(&self, budget: &Budget) -> Result<i64, SchedulerError> {
        let (Some(condition), Some(began)) = (budget.condition(), budget.began(self.now())) else { return Ok(0) };
        let sql = format!(
            "SELECT CAST(COALESCE(sum(q.micro_dollars), 0) AS BIGINT) FROM query_execution q JOIN run r ON r.id = q.run_id \
             JOIN schedule s ON s.id = r.schedule_id WHERE q.started_at >= $1 AND {condition}"
        );
        let spent = sqlx::query_scalar(AssertSqlSafe(sql)).bind(began).fetch_one(self.database().readers()).await;
        spent.map_err(|source| self.failed("adding up the costs in", source))
    }

    /// Stops the active runs that budgets do not allow, and warns, once per run or period.
    pub(crate) async fn enforce_budgets(&self) -> Result<(), SchedulerError> {
        let budgets = self.budgets().await?;
        if budgets.is_empty() {
            return Ok(());
        }
        for budget in budgets {
            let Some(condition) = budget.condition() else { continue };
            let active = "r.state IN ('STARTING', 'RUNNING')";
            let costs = format!(
                "SELECT r.id, CAST(COALESCE((SELECT sum(q.micro_dollars) FROM query_execution q WHERE q.run_id = r.id), 0) AS BIGINT) \
                 FROM run r JOIN schedule s ON s.id = r.schedule_id WHERE {active} AND {condition} ORDER BY r.id"
            );
            let costs: Vec<(i64, i64)> = sqlx::query_as(AssertSqlSafe(costs))
                .fetch_all(self.database().readers())
                .await
                .map_err(|source| self.failed("adding up the costs in", source))?;
            if budget.period == "run" {
                for (run_id, spent) in costs.into_iter().filter(|(_, spent)| *spent >= budget.micro_dollars) {
                    self.over_budget(&budget, spent, run_id, &format!("run:{run_id}")).await?;
                }
            } else if !costs.is_empty() {
                let spent = self.spent(&budget).await?;
                let Some(began) = budget.began(self.now()).filter(|_| spent >= budget.micro_dollars) else { continue };
                for (run_id, _) in costs {
                    self.over_budget(&budget, spent, run_id, &format!("{}:{began}", budget.period)).await?;
                }
            }
        }
        Ok(())
    }

    async fn over_budget(&self, budget: &Budget, spent: i64, run_id: i64, period: &str) -> Result<(), SchedulerError> {
        let words = budget.words(spent);
        let mut change = self.database().write().await?;
        let Some(run) = self.locked_run(&mut change, run_id).await?.filter(|run| run.state.is_active()) else {
            return Ok(());
        };
        if budget.stops {
            self.ask_to_stop(&mut change, run_id, StopCause::Budget, &words, &self.myself()).await?;
            change.commit().await?;
            self.nudge();
            return Ok(());
        }
        // A warning is given once for its period and scope: the decision's row says that it was.
        let event = format!("budget.warned:{}:{period}", budget.scope);
        let given: i64 = sqlx::query_scalar("SELECT count(*) FROM trigger_key WHERE key = $1")
            .bind(event.clone())
            .fetch_one(&mut *change)
            .await
            .map_err(|source| self.failed("reading the budgets of", source))?;
        if given > 0 {
            return Ok(());
        }
        let sql = "INSERT INTO trigger_key (key, run_id, created_at) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING";
        let mark = sqlx::query(sql).bind(event).bind(run_id).bind(self.now()).execute(&mut *change).await;
        if mark.map_err(|source| self.failed("marking a warning in", source))?.rows_affected() == 0 {
            return Ok(());
        }
        let details = json!({ "scope": budget.scope, "period": budget.period, "spent_micro_dollars": spent });
        self.record(&mut change, &self.myself(), Decision::run("budget.warned", run_id, details)).await?;
        let definitions = self.schedules_where(&mut change, &format!("s.id = {}", run.schedule_id)).await?;
        if let Some(definition) = definitions.first() {
            let about = format!("budget:{}:{period}", budget.scope);
            let message = format!("{}: {words}", definition.schedule.name);
            let news = News { event: Event::System, about, message, run: Some(&run), planned_at: None };
            self.tell(&mut change, &definition.schedule, news).await?;
        }
        Ok(change.commit().await?)
    }
}

/// To the cent; what is less than ten cents to the millionth, so that no two amounts which differ look the same.
fn dollars(micro_dollars: i64) -> String {
    let (whole, micros) = (micro_dollars / 1_000_000, micro_dollars % 1_000_000);
    if (1..100_000).contains(&micro_dollars) {
        format!("$0.{micros:06}")
    } else {
        format!("${whole}.{:02}", micros / 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_amounts_are_told_in_full() {
        assert_eq!([0, 1, 99_999, 2_509_999].map(dollars), ["$0.00", "$0.000001", "$0.099999", "$2.50"]);
    }
}

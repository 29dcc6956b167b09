//! Table `budget`: what may be spent. The decision to warn or stop is the scheduler's.

use diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};
use store::sqlx;

use super::{Entry, Settings, SettingsError, unknown};
use crate::model::Actor;

/// For how long the money must last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BudgetPeriod {
    Run,
    Day,
    Month,
}

/// What happens when it is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BudgetAction {
    Warn,
    Stop,
}

impl BudgetPeriod {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

impl BudgetAction {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Stop => "stop",
        }
    }
}

/// Money that may be spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// `workspace`, `schedule:<slug>` or `connection:<slug>`.
    pub scope: String,
    pub period: BudgetPeriod,
    pub action: BudgetAction,
    /// Millionths of a dollar.
    pub micro_dollars: i64,
}

impl Settings {
    /// All budgets.
    ///
    /// # Errors
    /// The database fails.
    pub async fn budgets(&self) -> Result<Vec<Budget>, SettingsError> {
        let select = "SELECT scope, period, action, micro_dollars FROM budget ORDER BY scope, period, action";
        let rows: Vec<(String, String, String, i64)> = sqlx::query_as(select)
            .fetch_all(self.database.readers())
            .await
            .map_err(|source| self.failed("reading the budgets of", source))?;
        rows.into_iter()
            .map(|(scope, period, action, micro_dollars)| {
                let damaged = |problem: String| SettingsError::Damaged { what: "budget", name: scope.clone(), problem };
                let period = word(&period).ok_or_else(|| damaged(format!("period '{period}'")))?;
                let action = word(&action).ok_or_else(|| damaged(format!("action '{action}'")))?;
                Ok(Budget { scope: scope.clone(), period, action, micro_dollars })
            })
            .collect()
    }

    /// Sets a budget, replacing the one of the same scope, period and action.
    ///
    /// # Errors
    /// The scope is none, or names what is not there; the amount is not above zero; the database fails.
    pub async fn set_budget(&self, budget: &Budget, actor: &Actor) -> Result<(), SettingsError> {
        check(budget).map_err(|problem| SettingsError::Refused(vec![problem]))?;
        self.check_scope(&budget.scope).await?;
        let mut change = self.database.write().await?;
        let upsert = "INSERT INTO budget (scope, period, action, micro_dollars, created_at) VALUES ($1, $2, $3, $4, $5) \
                      ON CONFLICT (scope, period, action) DO UPDATE SET micro_dollars = excluded.micro_dollars RETURNING id";
        let id: i64 = sqlx::query_scalar(upsert)
            .bind(budget.scope.as_str())
            .bind(budget.period.as_str())
            .bind(budget.action.as_str())
            .bind(budget.micro_dollars)
            .bind(self.now())
            .fetch_one(&mut *change)
            .await
            .map_err(|source| self.failed("setting a budget in", source))?;
        let metadata = serde_json::json!(budget);
        let entry = Entry { actor, event_type: "budget.set", source: "budget", source_id: Some(id), metadata };
        self.audit(&mut change, entry).await?;
        Ok(change.commit().await?)
    }

    /// What it names is there.
    async fn check_scope(&self, scope: &str) -> Result<(), SettingsError> {
        if let Some(slug) = scope.strip_prefix("connection:") {
            self.connection(slug).await?;
        }
        if let Some(slug) = scope.strip_prefix("schedule:") {
            let known = self.schedules().await?;
            if !known.iter().any(|schedule| schedule.slug == slug) {
                return Err(unknown("schedule", slug, known.iter().map(|schedule| schedule.slug.as_str())));
            }
        }
        Ok(())
    }

    /// Removes a budget.
    ///
    /// # Errors
    /// It is not there.
    pub async fn remove_budget(
        &self,
        scope: &str,
        period: BudgetPeriod,
        action: BudgetAction,
        actor: &Actor,
    ) -> Result<(), SettingsError> {
        let mut change = self.database.write().await?;
        let delete = "DELETE FROM budget WHERE scope = $1 AND period = $2 AND action = $3 RETURNING id";
        let id: Option<i64> = sqlx::query_scalar(delete)
            .bind(scope)
            .bind(period.as_str())
            .bind(action.as_str())
            .fetch_optional(&mut *change)
            .await
            .map_err(|source| self.failed("removing a budget from", source))?;
        let Some(id) = id else {
            let name = format!("{} per {} of {scope}", action.as_str(), period.as_str());
            return Err(SettingsError::Unknown { what: "budget", name, nearest: None });
        };
        let metadata = serde_json::json!({"scope": scope, "period": period, "action": action});
        let entry = Entry { actor, event_type: "budget.removed", source: "budget", source_id: Some(id), metadata };
        self.audit(&mut change, entry).await?;
        Ok(change.commit().await?)
    }
}

/// Millionths as dollars.
#[expect(clippy::cast_precision_loss, reason = "below nine billion dollars nothing is lost")]
pub fn dollars_of(micro_dollars: i64) -> f64 {
    micro_dollars as f64 / 1e6
}

/// Dollars as millionths; none for what is no amount.
#[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
pub fn micro_dollars(dollars: f64) -> Option<i64> {
    let micros = (dollars * 1e6).round();
    (micros.is_finite() && micros.abs() < 9e15).then_some(micros as i64)
}

fn word<T: serde::de::DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(word.into()).ok()
}

fn check(budget: &Budget) -> Result<(), Diagnostic> {
    let named = ["schedule:", "connection:"]
        .iter()
        .any(|kind| budget.scope.strip_prefix(kind).is_some_and(|name| !name.is_empty()));
    if budget.scope != "workspace" && !named {
        return Err(Diagnostic::error(format!("'{}' is no scope of a budget", budget.scope))
            .cause("a budget holds for everything, for a schedule or for a connection")
            .fix("write workspace, schedule:<slug> or connection:<slug>"));
    }
    if budget.micro_dollars <= 0 {
        return Err(Diagnostic::error("A budget must be above zero")
            .cause("nothing could run with it")
            .fix("give an amount, or suspend the schedule"));
    }
    Ok(())
}

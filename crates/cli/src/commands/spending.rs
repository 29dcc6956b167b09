//! `budget` and `limit`: what runs may spend, and how many may run at once.

use anyhow::bail;
use scheduler::settings::{Budget, Limit, dollars_of, micro_dollars};

use super::{Outcome, env};
use crate::{
    args::settings::{BudgetCommand, LimitCommand},
    environment::Environment,
    server,
    settings::Settings,
    table::{Cell, Table},
    terminal::Stream,
};

/// Runs a `budget` command.
pub async fn budget(
    command: &BudgetCommand,
    settings: &Settings,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let (BudgetCommand::Set { server, .. } | BudgetCommand::List { server, .. } | BudgetCommand::Rm { server, .. }) =
        command;
    let store = server::open_settings(server, settings, environment).await?;
    let actor = server::actor(environment);
    let refused = |error| server::refused(&error);
    match command {
        BudgetCommand::Set { scope, dollars, per, action, .. } => {
            let Some(micro_dollars) = micro_dollars(*dollars) else { bail!("{dollars} dollars are no amount") };
            let budget =
                Budget { scope: scope.clone(), period: (*per).into(), action: (*action).into(), micro_dollars };
            store.set_budget(&budget, &actor).await.map_err(refused)?;
            let (period, action) = (budget.period.as_str(), budget.action.as_str());
            Stream::Stderr.write_line(&format!("Set the budget: {action} above ${dollars} per {period} of {scope}"));
        }
        BudgetCommand::List { format, .. } => {
            let rows = store.budgets().await.map_err(refused)?;
            let rows = rows.into_iter().map(|budget| {
                let dollars = dollars_of(budget.micro_dollars).to_string();
                let texts =
                    [budget.scope, budget.period.as_str().to_owned(), dollars, budget.action.as_str().to_owned()];
                texts.into_iter().map(Cell::Text).collect()
            });
            let columns = ["scope", "per", "dollars", "action"].map(str::to_owned).to_vec();
            env::print(&Table { columns, rows: rows.collect() }, *format, settings)?;
        }
        BudgetCommand::Rm { scope, per, action, .. } => {
            store.remove_budget(scope, (*per).into(), (*action).into(), &actor).await.map_err(refused)?;
            Stream::Stderr.write_line(&format!("Removed the budget of {scope}"));
        }
    }
    Ok(Outcome::Success)
}

/// Runs a `limit` command.
pub async fn limit(command: &LimitCommand, settings: &Settings, environment: &Environment) -> anyhow::Result<Outcome> {
    let (LimitCommand::Set { server, .. } | LimitCommand::List { server, .. } | LimitCommand::Rm { server, .. }) =
        command;
    let store = server::open_settings(server, settings, environment).await?;
    let actor = server::actor(environment);
    let refused = |error| server::refused(&error);
    match command {
        LimitCommand::Set { key, max_active, .. } => {
            let limit = Limit { key: key.clone(), max_active: *max_active };
            store.set_limit(&limit, &actor).await.map_err(refused)?;
            Stream::Stderr.write_line(&format!("Set the limit: {max_active} runs at once under {key}"));
        }
        LimitCommand::List { format, .. } => {
            let rows = store.limits().await.map_err(refused)?;
            let rows =
                rows.into_iter().map(|limit| vec![Cell::Text(limit.key), Cell::Text(limit.max_active.to_string())]);
            let columns = ["key", "max_active"].map(str::to_owned).to_vec();
            env::print(&Table { columns, rows: rows.collect() }, *format, settings)?;
        }
        LimitCommand::Rm { key, .. } => {
            store.remove_limit(key, &actor).await.map_err(refused)?;
            Stream::Stderr.write_line(&format!("Removed the limit of {key}"));
        }
    }
    Ok(Outcome::Success)
}

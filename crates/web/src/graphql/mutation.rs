//! Changing.

use async_graphql::{Context, Object, Result};
use scheduler::{
    model::Cause,
    read::ScheduleFilter,
    request::{CommandOverride, Idempotency, RetryMode, Trigger},
};

use super::{
    Client, allowed,
    input::{
        BoltCommandInput, BoltScheduleInput, DinoAiAgentSlackInput, IntegrationNodeChartLike,
        IntegrationNodeDashboardLike, IntegrationNodeDatasourceLike, IntegrationNodeTypeInfo, UserAccountType,
    },
    one_slug,
    other::{self, DinoaiAgentTrigger, IntegrationRef, SnapshotRef, UuidRef},
    types::{Done, RunRef, SlugList, SlugRef, id},
};
use crate::{api::actor, auth::Scope, error::ApiError};

pub struct Mutation;

#[Object]
impl Mutation {
    /// Persists the wish and answers at once: one client sends it again after ten seconds.
    #[expect(clippy::too_many_arguments, reason = "the clients' document has them")]
    async fn trigger_bolt_run(
        &self,
        context: &Context<'_>,
        slug: Option<String>,
        schedule_name: Option<String>,
        commands: Option<Vec<String>>,
        branch: Option<String>,
        pr_number: Option<i32>,
        reason: Option<String>,
        command_configs: Option<Vec<BoltCommandInput>>,
        continue_on_error: Option<bool>,
    ) -> Result<RunRef> {
        let (app, identity) = allowed(context, Scope::BoltWrite)?;
        let slug = one_slug(slug, schedule_name)?;
        let commands = match (commands, command_configs) {
            (Some(_), Some(_)) => {
                return Err(ApiError::bad_request("`commands` and `commandConfigs` are both given")
                    .fix("give one of them")
                    .into());
            }
            (Some(commands), None) => Some(commands.into_iter().map(plain).collect()),
            (None, Some(configs)) => Some(configs.into_iter().map(configured).collect()),
            (None, None) => None,
        };
        let client = context.data::<Client>().ok().and_then(|client| client.0.clone());
        let trigger = Trigger {
            commands,
            branch,
            pull_request: pr_number.map(|number| number.to_string()),
            reason: reason.or_else(|| client.map(|client| format!("by {client}"))),
            continue_on_error,
            cause: Cause::Api,
            idempotency: Idempotency::Identical,
            ..Trigger::new(&slug, actor(identity))
        };
        let triggered = app.parts.scheduler.trigger(trigger).await.map_err(ApiError::from)?;
        Ok(RunRef { run_id: id(triggered.run_id) })
    }

    /// `runId` is what the oldest Airflow provider calls it.
    async fn cancel_bolt_run(
        &self,
        context: &Context<'_>,
        schedule_run_id: Option<i32>,
        run_id: Option<i32>,
    ) -> Result<Done> {
        let (app, identity) = allowed(context, Scope::BoltWrite)?;
        let run_id = match (schedule_run_id, run_id) {
            (Some(id), None) | (None, Some(id)) => id,
            _ => return Err(ApiError::bad_request("not exactly one run is named").fix("give `scheduleRunId`").into()),
        };
        app.parts.scheduler.cancel(run_id.into(), "", &actor(identity)).await.map_err(ApiError::from)?;
        Ok(Done::YES)
    }

    /// From the first command that failed.
    async fn retry_bolt_run(&self, context: &Context<'_>, schedule_run_id: i32) -> Result<RunRef> {
        retry(context, schedule_run_id, RetryMode::FromFailure).await
    }

    /// All commands.
    async fn retry_all_bolt_run(&self, context: &Context<'_>, schedule_run_id: i32) -> Result<RunRef> {
        retry(context, schedule_run_id, RetryMode::All).await
    }

    /// The newest run of the schedule, from the first command that failed.
    async fn retry_bolt_run_from_failure(
        &self,
        context: &Context<'_>,
        slug: Option<String>,
        schedule_name: Option<String>,
    ) -> Result<RunRef> {
        let (app, identity) = allowed(context, Scope::BoltWrite)?;
        let slug = one_slug(slug, schedule_name)?;
        let run_id = app.parts.scheduler.retry_schedule_from_failure(&slug, &actor(identity)).await;
        Ok(RunRef { run_id: id(run_id.map_err(ApiError::from)?) })
    }

    async fn suspend_bolt_schedule(
        &self,
        context: &Context<'_>,
        slug: Option<String>,
        schedule_name: Option<String>,
        suspend: bool,
    ) -> Result<Done> {
        let (app, identity) = allowed(context, Scope::BoltWrite)?;
        let slug = one_slug(slug, schedule_name)?;
        let actor = actor(identity);
        if suspend {
            app.parts.scheduler.suspend(&slug, None, &actor).await.map_err(ApiError::from)?;
        } else {
            app.parts.scheduler.resume(&slug, &actor).await.map_err(ApiError::from)?;
        }
        Ok(Done::YES)
    }

    async fn create_bolt_schedule(&self, context: &Context<'_>, schedule: BoltScheduleInput) -> Result<SlugRef> {
        let (app, identity) = allowed(context, Scope::BoltWrite)?;
        let schedule = schedule.into_schedule(&app.parts.workspace.name)?;
        let slug = schedule.slug.clone();
        app.parts.scheduler.create_schedule(&schedule, "api", &actor(identity)).await.map_err(ApiError::from)?;
        Ok(SlugRef { slug })
    }

    async fn delete_bolt_schedule(&self, context: &Context<'_>, slug: String) -> Result<Done> {
        let (app, identity) = allowed(context, Scope::BoltWrite)?;
        app.parts.scheduler.delete_schedule(&slug, &actor(identity)).await.map_err(ApiError::from)?;
        Ok(Done::YES)
    }

    /// Slugs for labels, in their order; nothing is kept.
    async fn create_schedule_slugs(&self, context: &Context<'_>, display_names: Vec<String>) -> Result<SlugList> {
        let (app, _) = allowed(context, Scope::BoltRead)?;
        let filter = ScheduleFilter { limit: 100_000, ..ScheduleFilter::default() };
        let rows = app.parts.reader.schedules(&filter).await.map_err(ApiError::from)?;
        let mut taken: std::collections::HashSet<String> = rows.into_iter().map(|row| row.slug).collect();
        let mut slugs = Vec::with_capacity(display_names.len());
        for name in &display_names {
            let slug = loop {
                let slug = other::slug(name);
                if taken.insert(slug.clone()) {
                    break slug;
                }
            };
            slugs.push(slug);
        }
        Ok(SlugList { ok: true, slugs })
    }

    /// Answers at once; Owlet reads the catalog when it is asked for, so there is nothing to refresh.
    async fn refresh_catalog(&self, context: &Context<'_>) -> Result<Done> {
        allowed(context, Scope::BoltWrite)?;
        Ok(Done::YES)
    }

    async fn invite_user(&self, context: &Context<'_>, email: String, account_type: UserAccountType) -> Result<Done> {
        let (app, identity) = allowed(context, Scope::UsersWrite)?;
        other::invite(app, identity, &email, account_type.word()).await?;
        Ok(Done::YES)
    }

    async fn update_user_account_type(
        &self,
        context: &Context<'_>,
        uid: String,
        account_type: UserAccountType,
    ) -> Result<Done> {
        let (app, identity) = allowed(context, Scope::UsersWrite)?;
        other::change_member(app, identity, &uid, Some(account_type.word())).await?;
        Ok(Done::YES)
    }

    async fn disable_user(&self, context: &Context<'_>, uid: String) -> Result<Done> {
        let (app, identity) = allowed(context, Scope::UsersWrite)?;
        other::change_member(app, identity, &uid, None).await?;
        Ok(Done::YES)
    }

    async fn add_custom_integration(
        &self,
        logo_url: Option<String>,
        name: String,
        node_types: Vec<IntegrationNodeTypeInfo>,
    ) -> Result<IntegrationRef> {
        drop((logo_url, name, node_types));
        Err(other::unsupported("custom integrations").into())
    }

    async fn update_custom_integration(
        &self,
        integration_uid: String,
        name: Option<String>,
        logo_url: Option<String>,
        node_types: Option<Vec<IntegrationNodeTypeInfo>>,
        active: Option<bool>,
    ) -> Result<Done> {
        drop((integration_uid, name, logo_url, node_types, active));
        Err(other::unsupported("custom integrations").into())
    }

    #[expect(clippy::too_many_arguments, reason = "the clients' document has them")]
    async fn add_custom_integration_nodes(
        &self,
        chart_like_nodes: Vec<IntegrationNodeChartLike>,
        dashboard_like_nodes: Vec<IntegrationNodeDashboardLike>,
        datasource_like_nodes: Vec<IntegrationNodeDatasourceLike>,
        integration_uid: String,
        snapshot_has_more_nodes: bool,
        snapshot_id: Option<i32>,
    ) -> Result<SnapshotRef> {
        drop((chart_like_nodes, dashboard_like_nodes, datasource_like_nodes));
        let _ = (integration_uid, snapshot_has_more_nodes, snapshot_id);
        Err(other::unsupported("custom integrations").into())
    }

    #[expect(clippy::too_many_arguments, reason = "the clients' document has them")]
    async fn trigger_lineage_diff_report(
        &self,
        bolt_run_id: Option<i32>,
        base_commit_sha: Option<String>,
        head_commit_sha: Option<String>,
        repository_name: Option<String>,
        pull_request_number: i32,
        user_email: String,
        changed_file_paths: Vec<String>,
    ) -> Result<UuidRef> {
        drop((base_commit_sha, head_commit_sha, repository_name, user_email, changed_file_paths));
        let _ = (bolt_run_id, pull_request_number);
        Err(other::unsupported("lineage diff reports").into())
    }

    async fn trigger_dinoai_agent_run(
        &self,
        agent: Option<String>,
        message: Option<String>,
        slack: Option<DinoAiAgentSlackInput>,
        base_branch: Option<String>,
        model_family: Option<String>,
    ) -> Result<DinoaiAgentTrigger> {
        drop((agent, message, slack, base_branch, model_family));
        Err(other::unsupported("agents").into())
    }

    async fn send_dinoai_agent_message(&self, agent_session_id: String, message: String) -> Result<DinoaiAgentTrigger> {
        drop((agent_session_id, message));
        Err(other::unsupported("agents").into())
    }
}

fn plain(text: String) -> CommandOverride {
    CommandOverride { text, continue_on_error: None }
}

fn configured(command: BoltCommandInput) -> CommandOverride {
    CommandOverride { text: command.command, continue_on_error: command.continue_on_error }
}

async fn retry(context: &Context<'_>, run_id: i32, mode: RetryMode) -> Result<RunRef> {
    let (app, identity) = allowed(context, Scope::BoltWrite)?;
    let run_id = app.parts.scheduler.retry_run(run_id.into(), mode, &actor(identity)).await.map_err(ApiError::from)?;
    Ok(RunRef { run_id: id(run_id) })
}

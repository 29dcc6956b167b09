//! Reading.

use async_graphql::{ComplexObject, Context, Object, Result, SimpleObject};
use scheduler::read::{CommandRow, RunFilter, ScheduleFilter, ScheduleRow, is_final};
use schedules::{DeferralTarget, Event, Notification, Schedule};

use super::{
    allowed, one_slug,
    other::{
        self, AuditLogList, CustomIntegrationList, DinoaiAgentRun, LineageDiffReportResult, UserList, WorkspaceList,
    },
    types::{
        BoltCommandLogs, BoltLogLine, BoltLogStream, BoltResource, BoltResourceUrl, BoltRun, BoltRunGitInfo,
        BoltRunList, BoltSchedule, BoltScheduleDetail, BoltScheduleList, Deferral, Environment, EnvironmentList,
        EnvironmentType, NotificationItem, Notifications, ScheduleName, ScheduleNameList, id, state, time_or_empty,
    },
};
use crate::{api, app::App, auth::Scope, error::ApiError, graphql::input::BoltScheduleFilter, time::bolt};

pub struct Query;

/// The most of each stream that `stdout` and `stderr` show; `boltCommandLogs` shows all.
const STREAM_BYTES: usize = 1 << 20;

#[Object]
impl Query {
    /// Schedules by slug; `showInactive` asks for the deleted ones instead.
    async fn list_bolt_schedules(
        &self,
        context: &Context<'_>,
        offset: i32,
        limit: i32,
        show_inactive: bool,
        filter: Option<BoltScheduleFilter>,
    ) -> Result<BoltScheduleList> {
        let (app, _) = allowed(context, Scope::BoltRead)?;
        let filter = ScheduleFilter {
            deleted: show_inactive,
            suspended: filter.and_then(|filter| filter.suspended),
            offset: from(offset)?,
            limit: up_to(limit, 10_000)?,
            ..ScheduleFilter::default()
        };
        let rows = app.parts.reader.schedules(&filter).await.map_err(ApiError::from)?;
        let total = app.parts.reader.count_schedules(&filter).await.map_err(ApiError::from)?;
        Ok(BoltScheduleList { schedules: rows.into_iter().map(schedule).collect(), total_count: id(total) })
    }

    async fn bolt_schedule_name(
        &self,
        context: &Context<'_>,
        slug: Option<String>,
        schedule_name: Option<String>,
    ) -> Result<BoltScheduleDetail> {
        let (app, _) = allowed(context, Scope::BoltRead)?;
        let row = find(app, &one_slug(slug, schedule_name)?).await?;
        let definition = definition(&row);
        Ok(BoltScheduleDetail {
            ok: true,
            latest_run_id: row.last_run.map(|run| id(run.id)),
            commands: definition.as_ref().map(commands).unwrap_or_default(),
            owner: definition.as_ref().and_then(|definition| definition.owner_email.clone()),
            schedule: schedule_text(definition.as_ref()),
            uuid: row.uuid,
            source: row.source,
            suspended: row.suspended,
        })
    }

    /// Runs of a schedule, newest first.
    async fn list_bolt_runs(
        &self,
        context: &Context<'_>,
        slug: Option<String>,
        schedule_name: Option<String>,
        offset: i32,
        limit: i32,
    ) -> Result<BoltRunList> {
        let (app, _) = allowed(context, Scope::BoltRead)?;
        let schedule = find(app, &one_slug(slug, schedule_name)?).await?;
        let filter = RunFilter {
            schedule_id: Some(schedule.id),
            offset: from(offset)?,
            limit: up_to(limit, 1000)?,
            ..RunFilter::default()
        };
        let rows = app.parts.reader.runs(&filter).await.map_err(ApiError::from)?;
        let runs = rows.into_iter().map(|run| BoltRun {
            id: id(run.id),
            state: state(&run.state),
            actor: run.actor,
            actor_email: run.actor_email,
            start_dttm: bolt(run.started_at.unwrap_or(run.created_at)),
            end_dttm: run.ended_at.map(bolt),
            parent_schedule_run_id: run.parent_run_id.or(run.retry_of_run_id).map(id),
            git_info: BoltRunGitInfo {
                branch: run.branch,
                commit_hash: run.commit_hash,
                pull_request_id: run.pull_request,
            },
        });
        Ok(BoltRunList { ok: true, runs: runs.collect() })
    }

    async fn bolt_run_status(&self, context: &Context<'_>, run_id: i32) -> Result<BoltRunStatus> {
        let (app, _) = allowed(context, Scope::BoltRead)?;
        let run = app.parts.reader.run(run_id.into()).await.map_err(ApiError::from)?;
        let run = run.ok_or_else(|| ApiError::not_found("run", &run_id.to_string()))?;
        Ok(BoltRunStatus { state: state(&run.state), run_id: run.id, is_over: run.is_final() })
    }

    async fn bolt_command(&self, context: &Context<'_>, command_id: i32) -> Result<BoltCommand> {
        let (app, _) = allowed(context, Scope::BoltRead)?;
        let command = app.parts.reader.command(command_id.into()).await.map_err(ApiError::from)?;
        let command = command.ok_or_else(|| ApiError::not_found("command", &command_id.to_string()))?;
        Ok(BoltCommand::of(&command))
    }

    /// Lines after the cursor; `0:0` is the beginning.
    async fn bolt_command_logs(
        &self,
        context: &Context<'_>,
        command_id: i32,
        cursor: Option<String>,
    ) -> Result<BoltCommandLogs> {
        // The official client waits between two pages.
        const CHUNKS: i64 = 500;
        const BYTES: usize = 8 << 20;
        let (app, _) = allowed(context, Scope::BoltRead)?;
        let next = sequence_of(cursor.as_deref().unwrap_or("0:0"))?;
        let page = app.parts.reader.logs(command_id.into(), next - 1, CHUNKS, BYTES).await.map_err(ApiError::from)?;
        let page = page.ok_or_else(|| ApiError::not_found("command", &command_id.to_string()))?;
        let mut lines = Vec::new();
        for chunk in &page.chunks {
            let stream = if chunk.stream == "STDERR" { BoltLogStream::Stderr } else { BoltLogStream::Stdout };
            lines.extend(chunk.text.split_inclusive('\n').map(|line| BoltLogLine { stream, line: line.to_owned() }));
        }
        Ok(BoltCommandLogs { lines, cursor: format!("{}:0", page.last_sequence + 1), finished: page.finished })
    }

    async fn bolt_resource_url(&self, context: &Context<'_>, resource_id: i32) -> Result<BoltResourceUrl> {
        let (app, _) = allowed(context, Scope::BoltRead)?;
        let artifact = app.parts.reader.artifact(resource_id.into()).await.map_err(ApiError::from)?;
        let artifact = artifact.ok_or_else(|| ApiError::not_found("artifact", &resource_id.to_string()))?;
        Ok(BoltResourceUrl { ok: true, url: api::artifact_url(app, artifact.id) })
    }

    /// Identifiers of all schedules, for references between them.
    async fn list_all_schedule_names(&self, context: &Context<'_>) -> Result<ScheduleNameList> {
        let (app, _) = allowed(context, Scope::BoltRead)?;
        let filter = ScheduleFilter { limit: 100_000, ..ScheduleFilter::default() };
        let rows = app.parts.reader.schedules(&filter).await.map_err(ApiError::from)?;
        let name = |row: ScheduleRow| ScheduleName { name: row.slug, workspace_name: app.parts.workspace.name.clone() };
        Ok(ScheduleNameList { ok: true, schedules: rows.into_iter().map(name).collect() })
    }

    async fn environments(
        &self,
        context: &Context<'_>,
        environment_type: Option<EnvironmentType>,
    ) -> Result<EnvironmentList> {
        let (app, _) = allowed(context, Scope::BoltRead)?;
        // All environments here are those of schedules: people's own live in their profiles.yml.
        let rows = match environment_type {
            Some(EnvironmentType::Development) => Vec::new(),
            None | Some(EnvironmentType::Scheduler) => app.parts.reader.environments().await.map_err(ApiError::from)?,
        };
        let environments = rows.into_iter().map(|row| Environment {
            slug: row.slug,
            display_name: row.name,
            is_default: row.is_default,
        });
        Ok(EnvironmentList { ok: true, environments: environments.collect() })
    }

    async fn list_workspaces(&self, context: &Context<'_>) -> Result<WorkspaceList> {
        let (app, _) = allowed(context, Scope::WorkspaceRead)?;
        Ok(WorkspaceList::of(&app.parts.workspace))
    }

    async fn list_users(&self, context: &Context<'_>) -> Result<UserList> {
        let (app, _) = allowed(context, Scope::UsersRead)?;
        Ok(other::users(app).await?)
    }

    /// The newest decisions, at most ten thousand: this API has no pages. `/api/v1/audit` has.
    async fn get_audit_logs(&self, context: &Context<'_>) -> Result<AuditLogList> {
        let (app, _) = allowed(context, Scope::AuditRead)?;
        Ok(other::audit_logs(app).await?)
    }

    /// Owlet has none.
    async fn list_custom_integrations(&self, context: &Context<'_>) -> Result<CustomIntegrationList> {
        allowed(context, Scope::WorkspaceRead)?;
        Ok(CustomIntegrationList { ok: true, integrations: Vec::new() })
    }

    async fn fetch_lineage_diff_report(&self, uuid: String) -> Result<LineageDiffReportResult> {
        let _ = uuid;
        Err(other::unsupported("lineage diff reports").into())
    }

    async fn dinoai_agent_run(&self, agent_session_id: String) -> Result<DinoaiAgentRun> {
        let _ = agent_session_id;
        Err(other::unsupported("agents").into())
    }
}

#[derive(SimpleObject)]
#[graphql(complex)]
pub struct BoltRunStatus {
    state: String,
    #[graphql(skip)]
    run_id: i64,
    #[graphql(skip)]
    is_over: bool,
}

#[ComplexObject]
impl BoltRunStatus {
    /// Those that have begun, in the order of execution; all of them when the run is over.
    async fn commands(&self, context: &Context<'_>) -> Result<Vec<BoltCommand>> {
        let app = context.data::<App>()?;
        let mut commands = app.parts.reader.commands(self.run_id).await.map_err(ApiError::from)?;
        commands.retain(|command| self.is_over || command.started_at.is_some() || is_final(&command.state));
        commands.sort_by_key(|command| command.id);
        Ok(commands.iter().map(BoltCommand::of).collect())
    }
}

#[derive(SimpleObject)]
#[graphql(complex)]
pub struct BoltCommand {
    id: i32,
    command: String,
    start_dttm: String,
    end_dttm: String,
    return_code: Option<i32>,
    schedule_run_id: Option<i32>,
}

impl BoltCommand {
    fn of(row: &CommandRow) -> Self {
        Self {
            id: id(row.id),
            command: row.text.clone(),
            start_dttm: time_or_empty(row.started_at),
            end_dttm: time_or_empty(row.ended_at),
            return_code: row.return_code.map(id),
            schedule_run_id: Some(id(row.run_id)),
        }
    }

    async fn stream(&self, context: &Context<'_>, stream: &str) -> Result<String> {
        let app = context.data::<App>()?;
        let (text, is_whole) =
            app.parts.reader.stream_tail(self.id.into(), stream, STREAM_BYTES).await.map_err(ApiError::from)?;
        if is_whole {
            return Ok(text);
        }
        Ok(format!("[the beginning is left out here: boltCommandLogs has all]\n{text}"))
    }
}

#[ComplexObject]
impl BoltCommand {
    async fn stdout(&self, context: &Context<'_>) -> Result<String> {
        self.stream(context, "STDOUT").await
    }

    async fn stderr(&self, context: &Context<'_>) -> Result<String> {
        self.stream(context, "STDERR").await
    }

    async fn resources(&self, context: &Context<'_>) -> Result<Vec<BoltResource>> {
        let app = context.data::<App>()?;
        let rows = app.parts.reader.artifacts_of_command(self.id.into()).await.map_err(ApiError::from)?;
        Ok(rows.into_iter().map(|row| BoltResource { id: id(row.id), path: row.path }).collect())
    }
}

async fn find(app: &App, slug: &str) -> Result<ScheduleRow, ApiError> {
    let found = app.parts.reader.schedule(slug).await?;
    found.ok_or_else(|| ApiError::not_found("schedule", slug))
}

fn from(offset: i32) -> Result<i64, ApiError> {
    if offset < 0 {
        return Err(ApiError::bad_request(format!("offset is {offset}")).fix("give 0 or more"));
    }
    Ok(offset.into())
}

fn up_to(limit: i32, most: i32) -> Result<i64, ApiError> {
    if (1..=most).contains(&limit) {
        return Ok(limit.into());
    }
    Err(ApiError::bad_request(format!("limit is {limit}")).fix(format!("give a number from 1 to {most}")))
}

/// The first part of a cursor is the sequence that comes next.
fn sequence_of(cursor: &str) -> Result<i64, ApiError> {
    let next = cursor.split(':').next().and_then(|next| next.parse::<i64>().ok()).filter(|next| *next >= 0);
    next.ok_or_else(|| {
        ApiError::bad_request(format!("'{cursor}' is no cursor"))
            .fix("begin with \"0:0\", go on with the cursor of the answer before")
    })
}

fn definition(row: &ScheduleRow) -> Option<Schedule> {
    serde_json::from_str(&row.definition).ok()
}

fn commands(schedule: &Schedule) -> Vec<String> {
    schedule.commands.iter().map(|command| command.command.clone()).collect()
}

fn schedule_text(schedule: Option<&Schedule>) -> String {
    schedule.map_or("OFF", Schedule::schedule_text).to_owned()
}

fn schedule(row: ScheduleRow) -> BoltSchedule {
    let definition = definition(&row);
    let last_run_at = row.last_run.as_ref().map(|run| bolt(run.started_at.unwrap_or(run.created_at)));
    let listed = |select: fn(&schedules::Notifications) -> &Vec<Notification>| {
        definition.as_ref().map(|definition| select(&definition.notifications).clone()).unwrap_or_default()
    };
    let (slack, emails, teams) =
        (listed(|all| &all.slack_channels), listed(|all| &all.emails), listed(|all| &all.microsoft_teams));
    let deferral = |select: fn(&Schedule) -> &Option<schedules::Deferral>| {
        definition.as_ref().and_then(|definition| select(definition).as_ref()).map(deferral)
    };
    BoltSchedule {
        id: id(row.id),
        uuid: row.uuid,
        display_name: Some(row.name.clone()),
        name: row.name,
        slug: Some(row.slug),
        schedule: schedule_text(definition.as_ref()),
        owner: definition.as_ref().and_then(|definition| definition.owner_email.clone()),
        last_run_at,
        last_run_state: row.last_run.map(|run| state(&run.state)),
        next_run_at: row.next_slot_at.map(bolt),
        source: row.source,
        suspended: row.suspended,
        turbo_ci: deferral(|definition| &definition.turbo_ci),
        deferred_schedule: deferral(|definition| &definition.deferred_schedule),
        commands: definition.as_ref().map(commands),
        git_branch: definition.as_ref().and_then(|definition| definition.git_branch.clone()),
        slack_on: Some(events_of(&slack)),
        slack_notify: Some(slack.iter().map(|item| item.channel.clone()).collect()),
        email_on: Some(events_of(&emails)),
        email_notify: Some(emails.iter().map(|item| item.channel.clone()).collect()),
        notifications: Some(Notifications {
            email_notifications: Some(emails.into_iter().map(notification).collect()),
            slack_notifications: Some(slack.into_iter().map(notification).collect()),
            ms_teams_notifications: Some(teams.into_iter().map(notification).collect()),
        }),
    }
}

fn deferral(deferral: &schedules::Deferral) -> Deferral {
    let (schedule, environment) = match &deferral.target {
        DeferralTarget::Schedule(slug) => (Some(slug.clone()), None),
        DeferralTarget::Environment(slug) => (None, Some(slug.clone())),
    };
    Deferral {
        enabled: deferral.enabled,
        deferred_schedule_name: schedule.clone(),
        deferred_schedule_slug: schedule,
        defer_environment_slug: environment,
        successful_run_only: deferral.successful_runs_only,
    }
}

fn word(event: Event) -> &'static str {
    match event {
        Event::Passed => "passed",
        Event::Failed => "failed",
        Event::Sla => "sla",
        Event::Skipped => "skipped",
        Event::System => "system",
    }
}

/// Each event once, as the older lists had it.
fn events_of(items: &[Notification]) -> Vec<String> {
    let mut events: Vec<Event> = items.iter().flat_map(|item| item.events.iter().copied()).collect();
    events.sort();
    events.dedup();
    events.into_iter().map(|event| word(event).to_owned()).collect()
}

fn notification(item: Notification) -> NotificationItem {
    NotificationItem {
        channel: Some(item.channel),
        events: Some(item.events.into_iter().map(|event| word(event).to_owned()).collect()),
        template_name: item.template_slug.clone(),
        template_slug: item.template_slug,
    }
}

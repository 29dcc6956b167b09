//! Who asks, and what they may do.
//!
//! Three spellings of credentials are accepted: `Authorization: Bearer`, the older pair `X-API-KEY` and `X-API-SECRET`, and the cookie that
//! the login page sets. Without any, a server that listens on loopback serves its own machine as an administrator; whatever comes through a
//! proxy, under another host's name or from another site's page has to log in.

mod limiter;
mod request;
mod tokens;

use std::{fmt, str::FromStr};

pub use limiter::FailureLimiter;
pub use request::{Authentication, COOKIE, Denied};
pub use tokens::{Created, NewToken, TokenError, TokenKind, TokenRow, Tokens, equal, to_hex};

/// What a token lets its bearer do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// See schedules, runs, logs, artifacts, costs.
    BoltRead,
    /// Trigger, cancel, retry, suspend, deploy, backfill.
    BoltWrite,
    /// See who decided what.
    AuditRead,
    /// See members.
    UsersRead,
    /// Invite and change members.
    UsersWrite,
    /// See the workspace's name and health.
    WorkspaceRead,
    /// Make and revoke tokens.
    TokensWrite,
    /// See connections, environments, variables, notification settings, budgets and limits; never a secret.
    SettingsRead,
    /// Change them.
    SettingsWrite,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::BoltRead,
        Self::BoltWrite,
        Self::AuditRead,
        Self::UsersRead,
        Self::UsersWrite,
        Self::WorkspaceRead,
        Self::TokensWrite,
        Self::SettingsRead,
        Self::SettingsWrite,
    ];

    /// As it is written in commands and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BoltRead => "bolt:read",
            Self::BoltWrite => "bolt:write",
            Self::AuditRead => "audit:read",
            Self::UsersRead => "users:read",
            Self::UsersWrite => "users:write",
            Self::WorkspaceRead => "workspace:read",
            Self::TokensWrite => "tokens:write",
            Self::SettingsRead => "settings:read",
            Self::SettingsWrite => "settings:write",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| format!("'{text}' is no scope; there are {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// What a bearer may do at most; a token's scopes narrow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// Everything about schedules and runs; sees settings.
    Developer,
    /// Look, don't touch.
    Viewer,
}

impl Role {
    /// As it is written in commands and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Developer => "developer",
            Self::Viewer => "viewer",
        }
    }

    /// What it includes.
    pub fn scopes(self) -> Vec<Scope> {
        match self {
            Self::Admin => Scope::ALL.to_vec(),
            Self::Developer => {
                vec![
                    Scope::BoltRead,
                    Scope::BoltWrite,
                    Scope::AuditRead,
                    Scope::UsersRead,
                    Scope::WorkspaceRead,
                    Scope::SettingsRead,
                ]
            }
            Self::Viewer => vec![Scope::BoltRead, Scope::UsersRead, Scope::WorkspaceRead],
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Admin, Self::Developer, Self::Viewer]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("'{text}' is no role; there are admin, developer, viewer"))
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The token's name, or `local` on the server's own machine.
    pub name: String,
    pub email: Option<String>,
    pub role: Role,
    pub scopes: Vec<Scope>,
    /// The token's row; none on the server's own machine.
    pub token_id: Option<i64>,
}

impl Identity {
    /// Whoever sits at the machine that the server runs on.
    pub fn local() -> Self {
        Self { name: "local".to_owned(), email: None, role: Role::Admin, scopes: Scope::ALL.to_vec(), token_id: None }
    }

    /// Whether this is allowed.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

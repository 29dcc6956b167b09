//! Tokens, for those who may make them.

use axum::{Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    extract::{Body, Caller, Path, instant},
    schedules::Done,
    shape::Page,
};
use crate::{
    app::App,
    auth::{NewToken, Role, Scope, TokenError, TokenKind, TokenRow},
    error::ApiError,
    routes::Operation,
    time::rfc3339,
};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/api/v1/tokens", "listTokens", "Tokens, without their secrets", list)
            .needs(Scope::TokensWrite)
            .answers::<Page<Token>>(),
        Operation::post("/api/v1/tokens", "createToken", "Make a token; its secret is shown this once", create)
            .needs(Scope::TokensWrite)
            .body::<NewTokenBody>()
            .status(StatusCode::CREATED)
            .answers::<CreatedToken>(),
        Operation::delete("/api/v1/tokens/{prefix}", "revokeToken", "End a token", revoke)
            .needs(Scope::TokensWrite)
            .answers::<Done>(),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
struct Token {
    name: String,
    /// The part of it that is no secret.
    prefix: String,
    role: String,
    scopes: Vec<String>,
    email: Option<String>,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    /// To the minute.
    last_used_at: Option<String>,
}

impl Token {
    fn of(row: TokenRow) -> Self {
        Self {
            name: row.name,
            prefix: row.prefix,
            role: row.role.as_str().to_owned(),
            scopes: row.scopes.iter().map(ToString::to_string).collect(),
            email: row.email,
            created_at: rfc3339(row.created_at),
            expires_at: row.expires_at.map(rfc3339),
            revoked_at: row.revoked_at.map(rfc3339),
            last_used_at: row.last_used_at.map(rfc3339),
        }
    }
}

async fn list(State(app): State<App>) -> Result<Json<Page<Token>>, ApiError> {
    let rows = app.parts.authentication.tokens().list().await?;
    Ok(Json(Page { items: rows.into_iter().map(Token::of).collect(), next: None }))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewTokenBody {
    name: String,
    /// admin, developer or viewer.
    role: String,
    /// All that the role includes, if absent.
    scopes: Option<Vec<String>>,
    email: Option<String>,
    /// Never, if absent.
    expires_at: Option<String>,
    /// A pair of key and secret for older clients, instead of a bearer token.
    #[serde(default)]
    pair: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CreatedToken {
    token: Token,
    /// For a pair: the value of `X-API-KEY`.
    key: Option<String>,
    /// The bearer token, or the value of `X-API-SECRET`. It is not shown again.
    secret: String,
}

async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<NewTokenBody>,
) -> Result<(StatusCode, Json<CreatedToken>), ApiError> {
    let scopes = body.scopes.map(|scopes| scopes.iter().map(|scope| scope.parse()).collect::<Result<Vec<Scope>, _>>());
    let new = NewToken {
        name: body.name,
        role: body.role.parse::<Role>().map_err(ApiError::bad_request)?,
        scopes: scopes.transpose().map_err(ApiError::bad_request)?,
        email: body.email,
        expires_at: instant("expires_at", body.expires_at.as_deref())?,
        kind: if body.pair { TokenKind::Pair } else { TokenKind::Workspace },
    };
    // Nobody gives more than they have.
    let given = new.scopes.clone().unwrap_or_else(|| new.role.scopes());
    if let Some(scope) = given.into_iter().find(|scope| !caller.0.may(*scope)) {
        return Err(ApiError::lacks(scope));
    }
    let now = app.parts.clock.now();
    let created = app.parts.authentication.tokens().create(&new, &caller.0.name, now).await?;
    let answer = CreatedToken { token: Token::of(created.row), key: created.key, secret: created.secret };
    Ok((StatusCode::CREATED, Json(answer)))
}

async fn revoke(State(app): State<App>, caller: Caller, Path(prefix): Path<String>) -> Result<Json<Done>, ApiError> {
    let now = app.parts.clock.now();
    app.parts.authentication.tokens().revoke(&prefix, &caller.0.name, now).await?;
    Ok(Done::OK)
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        let fix = error.fix();
        let status = match error {
            TokenError::Database(error) => return error.into(),
            TokenError::NotFound(_) => StatusCode::NOT_FOUND,
            TokenError::Ambiguous(_) => StatusCode::CONFLICT,
            TokenError::NoName | TokenError::ScopeBeyondRole { .. } => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.to_string()).fix(fix)
    }
}

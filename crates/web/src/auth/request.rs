//! From a request's headers to who asks.

use std::{net::IpAddr, sync::Arc};

use axum::http::{HeaderMap, Method, Uri, header};

use super::{FailureLimiter, Identity, Tokens};
use scheduler::clock::Clock;

/// The cookie of people who logged in on the page; it holds their token.
pub const COOKIE: &str = "owlet_token";

/// What a request shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    None,
    /// `prefix` is the part of the secret that finds its row.
    Secret {
        prefix: String,
        secret: String,
    },
    /// Something that cannot be a token of ours.
    Malformed,
}

/// Why a request is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// 401: no credentials, or wrong ones.
    Unauthenticated { what: &'static str, fix: &'static str },
    /// 403: known, but not for this.
    Forbidden { what: String, fix: &'static str },
    /// 429
    TooManyFailures { seconds: u64 },
    /// 503: the tokens cannot be read.
    Unavailable { what: String },
}

/// Decides who asks.
pub struct Authentication {
    tokens: Tokens,
    limiter: FailureLimiter,
    clock: Arc<dyn Clock>,
    workspace_uid: String,
    /// Requests without credentials that come straight from this machine are its owner's.
    trust_loopback: bool,
}

impl Authentication {
    pub fn new(tokens: Tokens, clock: Arc<dyn Clock>, workspace_uid: String, trust_loopback: bool) -> Self {
        Self { tokens, limiter: FailureLimiter::default(), clock, workspace_uid, trust_loopback }
    }

    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Who sent this request.
    ///
    /// # Errors
    /// [`Denied`] is what to answer instead.
    pub async fn identify(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        peer: IpAddr,
    ) -> Result<Identity, Denied> {
        let credentials = Credentials::of(headers);
        // A page of another site can make a browser send requests here, with the cookie or to a server without login.
        let by_browser = credentials == Credentials::None || has_cookie_only(headers);
        if by_browser && !method.is_safe() && is_cross_site(headers) {
            return Err(Denied::Forbidden {
                what: "the request comes from a page of another site".to_owned(),
                fix: "open this server's own page, or send a token",
            });
        }
        match credentials {
            Credentials::None if self.trust_loopback && is_local(headers, uri, peer) => Ok(Identity::local()),
            Credentials::None => Err(Denied::Unauthenticated {
                what: "a token is needed",
                fix: "make one with `owlet token create NAME` on the server and send it as `Authorization: Bearer …`",
            }),
            Credentials::Malformed => Err(self.failure(peer, "", "malformed").await),
            Credentials::Secret { prefix, secret } => self.verify(headers, peer, &prefix, &secret).await,
        }
    }

    /// Checks a token that was typed into the login page.
    ///
    /// # Errors
    /// [`Denied`] is what to answer instead.
    pub async fn log_in(&self, secret: &str, peer: IpAddr) -> Result<Identity, Denied> {
        match Credentials::of_secret(secret.trim()) {
            Credentials::Secret { prefix, secret } => self.verify(&HeaderMap::new(), peer, &prefix, &secret).await,
            _ => Err(self.failure(peer, "", "malformed").await),
        }
    }

    async fn verify(&self, headers: &HeaderMap, peer: IpAddr, prefix: &str, secret: &str) -> Result<Identity, Denied> {
        let wait = self.limiter.wait(peer, prefix, self.clock.monotonic());
        if !wait.is_zero() {
            return Err(Denied::TooManyFailures { seconds: wait.as_secs().max(1) });
        }
        let verified = self.tokens.verify(prefix, secret, self.clock.now()).await;
        let verified = verified.map_err(|error| Denied::Unavailable { what: error.to_string() })?;
        let Some(identity) = verified else {
            return Err(self.failure(peer, prefix, "wrong, expired or revoked token").await);
        };
        match text(headers, "x-paradime-workspace") {
            Some(uid) if uid == self.workspace_uid => Ok(identity),
            Some(uid) => Err(Denied::Forbidden {
                what: format!("this server has no workspace '{uid}'"),
                fix: "use the uid that `owlet up` and GET /api/v1/workspace show",
            }),
            None if prefix.starts_with("prdm_cmp_") => Err(Denied::Forbidden {
                what: "a company token needs the header X-Paradime-Workspace".to_owned(),
                fix: "send the workspace's uid, as `owlet up` and GET /api/v1/workspace show it",
            }),
            None => Ok(identity),
        }
    }

    async fn failure(&self, peer: IpAddr, prefix: &str, reason: &str) -> Denied {
        let monotonic = self.clock.monotonic();
        let wait = self.limiter.wait(peer, prefix, monotonic);
        if !wait.is_zero() {
            return Denied::TooManyFailures { seconds: wait.as_secs().max(1) };
        }
        if self.limiter.failed(peer, prefix, monotonic)
            && let Err(error) = self.tokens.record_failure(&peer.to_string(), reason, self.clock.now()).await
        {
            tracing::warn!(%error, "a failed login could not be written down");
        }
        Denied::Unauthenticated {
            what: "the token is wrong, expired or revoked",
            fix: "`owlet token list` on the server shows the tokens there are; make a new one with `owlet token create NAME`",
        }
    }
}

impl Credentials {
    /// Bearer first, then the pair, then the cookie.
    pub fn of(headers: &HeaderMap) -> Self {
        if let Some(value) = text(headers, header::AUTHORIZATION.as_str()) {
            return match value.split_once(' ') {
                Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Self::of_secret(token.trim()),
                _ => Self::Malformed,
            };
        }
        match (text(headers, "x-api-key"), text(headers, "x-api-secret")) {
            // Older clients know only this header; a bearer token in it is as good.
            (_, Some(secret)) if secret.starts_with("prdm_") => Self::of_secret(secret),
            (Some(key), Some(secret)) if key.starts_with("owlet_key_") => {
                Self::Secret { prefix: key.to_owned(), secret: secret.to_owned() }
            }
            (None, None) => cookie(headers).map_or(Self::None, Self::of_secret),
            _ => Self::Malformed,
        }
    }

    /// A bearer token: `prdm_wsp_<id>_<secret>`.
    fn of_secret(token: &str) -> Self {
        let known = token.starts_with("prdm_wsp_") || token.starts_with("prdm_cmp_");
        match token.rsplit_once('_') {
            Some((prefix, _)) if known && prefix.len() > "prdm_wsp_".len() => {
                Self::Secret { prefix: prefix.to_owned(), secret: token.to_owned() }
            }
            _ => Self::Malformed,
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim).filter(|value| !value.is_empty())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, value)| *name == COOKIE && !value.is_empty()).map(|(_, value)| value)
}

fn has_cookie_only(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::AUTHORIZATION) && !headers.contains_key("x-api-secret") && cookie(headers).is_some()
}

/// What browsers say of a request that a page of another site makes.
fn is_cross_site(headers: &HeaderMap) -> bool {
    if let Some(site) = text(headers, "sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    match (text(headers, header::ORIGIN.as_str()), text(headers, header::HOST.as_str())) {
        (Some(origin), Some(host)) => origin.split_once("://").is_none_or(|(_, origin)| origin != host),
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// Straight from this machine: not through a proxy, and not under a name that a page elsewhere made point here.
fn is_local(headers: &HeaderMap, uri: &Uri, peer: IpAddr) -> bool {
    let proxied = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];
    let host = text(headers, header::HOST.as_str()).or_else(|| uri.authority().map(|authority| authority.as_str()));
    peer.is_loopback() && !proxied.iter().any(|name| headers.contains_key(*name)) && host.is_none_or(is_loopback_name)
}

fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

//! From a profile to the services it names: AWS, another endpoint, or the lakehouse inside.

use std::path::Path;

use adapter_athena::{AthenaProfile, Endpoint};
use athena_api::Services;
use athena_client::{AssumeRole, ClientOptions, CredentialSource, Endpoints};

use crate::{environment::Environment, owlet_yml::OwletYml};

/// Services and what keeps them alive.
pub struct Connection {
    pub services: Services,
    /// For `debug`: `embedded lakehouse in …`, `AWS in eu-west-1`.
    pub description: String,
    #[cfg(feature = "lakehouse")]
    embedded: Option<athena::Lakehouse>,
}

impl Connection {
    /// Connects as the profile says. `project_dir` is where `.owlet` is.
    pub async fn open(profile: &AthenaProfile, project_dir: &Path, environment: &Environment) -> anyhow::Result<Self> {
        match &profile.endpoint {
            Endpoint::Embedded { dir } => {
                let dir = project_dir.join(dir.as_deref().unwrap_or(".owlet"));
                embedded(profile, &dir, OwletYml::load(project_dir)?).await
            }
            Endpoint::Aws { endpoint_url } => {
                let options = client_options(profile, endpoint_url.as_deref(), environment);
                let description = match &options.endpoints.all {
                    Some(url) => format!("{url} ({})", profile.region_name),
                    None => format!("AWS in {}", profile.region_name),
                };
                over_http(options, description).await
            }
        }
    }

    /// No warehouse: everything that is asked of it fails (`--no-introspect`).
    pub fn offline(region: &str) -> Self {
        Self {
            services: crate::offline::services(region),
            description: "no warehouse".to_owned(),
            #[cfg(feature = "lakehouse")]
            embedded: None,
        }
    }

    /// Stops what still runs and closes the lakehouse, if it is ours.
    pub async fn close(self) {
        #[cfg(feature = "lakehouse")]
        if let Some(lakehouse) = self.embedded {
            lakehouse.close().await;
        }
    }
}

/// What a client needs to know of a profile that is not embedded.
pub(crate) fn client_options(
    profile: &AthenaProfile,
    endpoint_url: Option<&str>,
    environment: &Environment,
) -> ClientOptions {
    ClientOptions {
        region: Some(profile.region_name.clone()),
        credentials: credentials(profile),
        assume_role: profile.credentials.assume_role.as_ref().map(|role| AssumeRole {
            role_arn: role.arn.clone(),
            external_id: role.external_id.clone(),
            session_name: Some(role.session_name.clone()),
            duration: Some(role.duration),
        }),
        endpoints: endpoints(endpoint_url, environment),
        poll_interval: profile.poll_interval,
        retries: profile.num_boto3_retries.unwrap_or(profile.num_retries),
        ..ClientOptions::default()
    }
}

async fn over_http(options: ClientOptions, description: String) -> anyhow::Result<Connection> {
    let region = options.region.clone().unwrap_or_default();
    let services = Box::pin(athena_client::connect(options)).await.map_err(|error| {
        anyhow::anyhow!(
            "Could not connect to {description}\n  cause: {error}\n  \
             fix:   check the credentials (aws sts get-caller-identity), the region '{region}' and the profile's keys"
        )
    })?;
    Ok(Connection {
        services,
        description,
        #[cfg(feature = "lakehouse")]
        embedded: None,
    })
}

/// A server that holds the lakehouse directory, as any client would use it.
#[cfg(feature = "lakehouse")]
pub(crate) async fn at_endpoint(profile: &AthenaProfile, endpoint: &str) -> anyhow::Result<Connection> {
    let keys = CredentialSource::Keys {
        access_key_id: "owlet".to_owned(),
        secret_access_key: "owlet".to_owned(),
        session_token: None,
    };
    let options = ClientOptions {
        region: Some(profile.region_name.clone()),
        credentials: keys,
        endpoints: Endpoints { all: Some(endpoint.to_owned()), ..Endpoints::default() },
        poll_interval: std::time::Duration::from_millis(50),
        ..ClientOptions::default()
    };
    over_http(options, format!("the lakehouse at {endpoint}")).await
}

#[cfg(feature = "lakehouse")]
async fn embedded(profile: &AthenaProfile, dir: &Path, settings: OwletYml) -> anyhow::Result<Connection> {
    use crate::lakehouse::{Opened, open};
    match Box::pin(open(dir, &profile.region_name, settings.mounts)).await? {
        Opened::Here(lakehouse) => Ok(Connection {
            services: lakehouse.services(),
            description: format!("the embedded lakehouse in {}", dir.display()),
            embedded: Some(*lakehouse),
        }),
        Opened::Elsewhere(endpoint) => at_endpoint(profile, &endpoint).await,
    }
}

#[cfg(not(feature = "lakehouse"))]
async fn embedded(_: &AthenaProfile, dir: &Path, _: OwletYml) -> anyhow::Result<Connection> {
    anyhow::bail!(
        "The embedded lakehouse in {} cannot be opened\n  \
         cause: this owlet was built without the feature `lakehouse`\n  \
         fix:   build with it, or name a running lakehouse in the profile: `endpoint_url: http://127.0.0.1:4566`",
        dir.display()
    )
}

/// The profile's keys, or where the SDKs look.
fn credentials(profile: &AthenaProfile) -> CredentialSource {
    let credentials = &profile.credentials;
    match (&credentials.access_key_id, &credentials.secret_access_key, &credentials.profile_name) {
        (Some(access_key_id), Some(secret_access_key), _) => CredentialSource::Keys {
            access_key_id: access_key_id.clone(),
            secret_access_key: secret_access_key.clone(),
            session_token: credentials.session_token.clone(),
        },
        (_, _, Some(name)) => CredentialSource::Profile(name.clone()),
        _ => CredentialSource::DefaultChain,
    }
}

/// The profile's endpoint, then the variables of the AWS SDKs.
pub(crate) fn endpoints(endpoint_url: Option<&str>, environment: &Environment) -> Endpoints {
    let variable = |service: &str| environment.get(&format!("AWS_ENDPOINT_URL{service}")).map(str::to_owned);
    if let Some(url) = endpoint_url {
        return Endpoints { all: Some(url.to_owned()), ..Endpoints::default() };
    }
    Endpoints {
        all: variable(""),
        athena: variable("_ATHENA"),
        glue: variable("_GLUE"),
        lake_formation: variable("_LAKEFORMATION"),
        s3: variable("_S3"),
        sts: variable("_STS"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profiles_endpoint_wins_over_the_environment() {
        let environment = Environment::new(&[("AWS_ENDPOINT_URL", "http://a"), ("AWS_ENDPOINT_URL_S3", "http://s3")]);
        let found = endpoints(None, &environment);
        assert_eq!(
            (found.all.as_deref(), found.s3.as_deref(), found.glue),
            (Some("http://a"), Some("http://s3"), None)
        );
        let found = endpoints(Some("http://b"), &environment);
        assert_eq!((found.all.as_deref(), found.s3), (Some("http://b"), None));
    }
}

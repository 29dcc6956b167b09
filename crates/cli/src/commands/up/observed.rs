//! Where lineage and traces go, by the variables that OpenLineage and OpenTelemetry name.
//!
//! Sources: OpenLineage, Python client, "HTTP transport" and "Environment variables"; OpenTelemetry specification, "Environment Variable
//! Specification" and "OTLP Exporter Configuration".

use anyhow::bail;
use notify::{LineageServer, TraceEncoding, TraceServer};
use scheduler::outbox::{Lineage, Traces};

use crate::environment::Environment;

/// What this server tells besides messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observability {
    pub lineage: Option<Lineage>,
    pub traces: Option<Traces>,
    /// What is done otherwise than a variable says.
    pub warnings: Vec<String>,
}

impl Observability {
    /// # Errors
    /// A variable asks for what is not spoken, or has no address.
    pub fn of(environment: &Environment, workspace: &str) -> anyhow::Result<Self> {
        let mut warnings = Vec::new();
        let lineage = lineage(environment, workspace)?;
        let traces = traces(environment, &mut warnings)?;
        Ok(Self { lineage, traces, warnings })
    }
}

fn lineage(environment: &Environment, workspace: &str) -> anyhow::Result<Option<Lineage>> {
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    let Some(url) = set("OPENLINEAGE_URL").filter(|_| !is_true(set("OPENLINEAGE_DISABLED"))) else { return Ok(None) };
    check("OPENLINEAGE_URL", url)?;
    let endpoint = set("OPENLINEAGE_ENDPOINT").unwrap_or(Lineage::ENDPOINT).trim_start_matches('/');
    let server = LineageServer {
        url: format!("{}/{endpoint}", url.trim_end_matches('/')),
        api_key: set("OPENLINEAGE_API_KEY").map(str::to_owned),
    };
    let namespace = set("OPENLINEAGE_NAMESPACE").unwrap_or(workspace).to_owned();
    Ok(Some(Lineage { server, namespace }))
}

fn traces(environment: &Environment, warnings: &mut Vec<String>) -> anyhow::Result<Option<Traces>> {
    let set = |name: &str| environment.get(name).map(str::trim).filter(|value| !value.is_empty());
    let own = set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    let general = set("OTEL_EXPORTER_OTLP_ENDPOINT");
    let exporters: Vec<&str> = set("OTEL_TRACES_EXPORTER").unwrap_or_default().split(',').map(str::trim).collect();
    match exporters.as_slice() {
        _ if is_true(set("OTEL_SDK_DISABLED")) => return Ok(None),
        ["none"] => return Ok(None),
        ["otlp"] => {}
        [""] if own.or(general).is_none() => return Ok(None),
        [""] => {}
        other => bail!(
            "Traces cannot be exported as OTEL_TRACES_EXPORTER asks: '{}'\n  cause: Owlet exports by OTLP\n  fix:   \
             write otlp, or none",
            other.join(",")
        ),
    }
    let protocol = set("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL").or_else(|| set("OTEL_EXPORTER_OTLP_PROTOCOL"));
    let encoding = match protocol {
        None | Some("http/protobuf") => TraceEncoding::Protobuf,
        Some("http/json") => TraceEncoding::Json,
        Some(other) => bail!(
            "Traces cannot be exported as OTEL_EXPORTER_OTLP_PROTOCOL asks: '{other}'\n  cause: Owlet speaks OTLP over HTTP\n  fix:   \
             write http/protobuf or http/json, and the receiver's HTTP port (4318)"
        ),
    };
    if let Some(other) = set("OTEL_TRACES_SAMPLER").filter(|sampler| *sampler != "parentbased_always_on") {
        warnings.push(format!(
            "OTEL_TRACES_SAMPLER is {other}; Owlet exports every run, and every request whose client wants it (parentbased_always_on)"
        ));
    }
    let url = match (own, general) {
        (Some(own), _) => own.to_owned(),
        (None, general) => format!("{}/v1/traces", general.unwrap_or("http://localhost:4318").trim_end_matches('/')),
    };
    check("OTEL_EXPORTER_OTLP_ENDPOINT", &url)?;
    let headers = set("OTEL_EXPORTER_OTLP_TRACES_HEADERS").or_else(|| set("OTEL_EXPORTER_OTLP_HEADERS"));
    let mut resource = pairs(set("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default());
    let named = set("OTEL_SERVICE_NAME").map(str::to_owned);
    if named.is_some() || !resource.iter().any(|(key, _)| key == "service.name") {
        resource.retain(|(key, _)| key != "service.name");
        resource.insert(0, ("service.name".to_owned(), named.unwrap_or_else(|| "owlet".to_owned())));
    }
    if !resource.iter().any(|(key, _)| key == "service.version") {
        resource.push(("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
    }
    Ok(Some(Traces { server: TraceServer { url, headers: pairs(headers.unwrap_or_default()), encoding }, resource }))
}

fn check(name: &str, url: &str) -> anyhow::Result<()> {
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(());
    }
    bail!(
        "{name} is no address: '{url}'\n  cause: it begins neither with https:// nor with http://\n  fix:   write it whole, scheme and port included"
    )
}

fn is_true(value: Option<&str>) -> bool {
    value.is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// `key=value,key=value`, values with `%20`.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        Some((key.trim().to_owned(), decoded(value.trim())))
    };
    text.split(',').filter_map(pair).filter(|(key, _)| !key.is_empty()).collect()
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Observability {
        Observability::of(&Environment::new(pairs), "acme").expect("valid")
    }

    fn refused(pairs: &[(&str, &str)]) -> String {
        Observability::of(&Environment::new(pairs), "acme").expect_err("refused").to_string()
    }

    #[test]
    fn nothing_is_told_unless_a_variable_asks_for_it() {
        assert_eq!(of(&[]), Observability::default());
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
        assert_eq!(of(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]).traces, None);
        assert_eq!(of(&[endpoint, ("OTEL_SDK_DISABLED", "true")]).traces, None);
        assert_eq!(of(&[("OPENLINEAGE_URL", "http://l"), ("OPENLINEAGE_DISABLED", "True")]).lineage, None);
    }

    #[test]
    fn variables_as_their_projects_define_them() {
        let lineage = of(&[("OPENLINEAGE_URL", "https://l/"), ("OPENLINEAGE_API_KEY", "hush")]).lineage.expect("set");
        assert_eq!((lineage.server.url.as_str(), lineage.namespace.as_str()), ("https://l/api/v1/lineage", "acme"));
        assert!(!format!("{lineage:?}").contains("hush"));
        let traces = of(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20abc, x-team = data"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment.name=prod"),
            ("OTEL_SERVICE_NAME", "lake"),
        ]);
        let traces = traces.traces.expect("set");
        assert_eq!(traces.server.url, "http://collector:4318/v1/traces");
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(traces.server.headers, [pair("authorization", "Basic abc"), pair("x-team", "data")]);
        assert_eq!(traces.resource[..2], [pair("service.name", "lake"), pair("deployment.environment.name", "prod")]);
        let own = of(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/x")]).traces.expect("set");
        assert_eq!((own.server.url.as_str(), own.resource[0].1.as_str()), ("http://c/x", "owlet"));
        assert_eq!(
            of(&[("OTEL_TRACES_EXPORTER", "otlp")]).traces.expect("set").server.url,
            "http://localhost:4318/v1/traces"
        );
    }

    #[test]
    fn what_is_not_spoken_is_refused_or_said() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317");
        assert!(refused(&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).contains("4318"));
        assert!(refused(&[endpoint, ("OTEL_TRACES_EXPORTER", "zipkin")]).contains("write otlp"));
        assert!(refused(&[("OPENLINEAGE_URL", "localhost:5000")]).starts_with("OPENLINEAGE_URL is no address"));
        assert_eq!(of(&[endpoint, ("OTEL_TRACES_SAMPLER", "traceidratio")]).warnings.len(), 1);
        assert_eq!(of(&[endpoint, ("OTEL_TRACES_SAMPLER", "parentbased_always_on")]).warnings.len(), 0);
        let encoding =
            |protocols: &[(&str, &str)]| of(&[&[endpoint], protocols].concat()).traces.expect("set").server.encoding;
        assert_eq!(encoding(&[]), TraceEncoding::Protobuf);
        assert_eq!(encoding(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")]), TraceEncoding::Json);
        let own = [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf")];
        assert_eq!(encoding(&own), TraceEncoding::Protobuf);
    }
}

//! A web server for the files of the target folder.

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use project::{DbtProject, Verbatim};
use tokio::net::TcpListener;

use super::page;
use crate::{
    args::DocsServeArgs,
    commands::Outcome,
    interrupt,
    session::{Opening, report},
    settings::Settings,
};

/// Serves until Ctrl-C.
pub async fn serve(args: &DocsServeArgs, opening: &Opening, settings: &Settings) -> anyhow::Result<Outcome> {
    let target = target_dir(opening, settings)?;
    if !target.join("manifest.json").is_file() {
        bail!(
            "There is no documentation yet\n  cause: {} has no manifest.json\n  fix:   run `owlet docs generate` first",
            target.display()
        );
    }
    let listener = listen(args).await?;
    let address = listener.local_addr().context("finding the port")?;
    let host = if address.ip().is_unspecified() { "localhost".to_owned() } else { host_of(address) };
    let url = format!("http://{host}:{}", address.port());
    let say = |text: &str| opening.events.line(engine::events::Level::Info, text);
    say(&format!("Serving docs at {}", address.port()));
    say(&format!("To access from your browser, navigate to: {url}"));
    say("Press Ctrl+C to exit.");
    if !args.no_browser {
        open_browser(&url);
    }
    let interrupted = interrupt::on_interrupt();
    let target = Arc::new(target);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A client that went away before it was heard is no reason to stop.
                let Ok((stream, _)) = accepted else { continue };
                let target = Arc::clone(&target);
                let service = service_fn(move |request| answer(Arc::clone(&target), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
            () = interrupted.cancelled() => return Ok(Outcome::Success),
        }
    }
}

fn target_dir(opening: &Opening, settings: &Settings) -> anyhow::Result<PathBuf> {
    let root = settings.need_project()?;
    if let Some(target) = &settings.target_path {
        return Ok(root.join(target));
    }
    // Templates in dbt_project.yml need a profile; the name of the target folder is none of theirs.
    let (project, diagnostics) = DbtProject::load(root, "", &Verbatim);
    match project {
        Some(project) => Ok(root.join(&project.target_path)),
        None => {
            report(&opening.events, settings, diagnostics)?;
            bail!("dbt_project.yml could not be read")
        }
    }
}

async fn listen(args: &DocsServeArgs) -> anyhow::Result<TcpListener> {
    let place = (args.host.as_str(), args.port);
    TcpListener::bind(place).await.map_err(|error| {
        anyhow::anyhow!(
            "Could not listen on {}:{}\n  cause: {error}\n  fix:   choose another port with --port, or stop what uses this one",
            args.host,
            args.port
        )
    })
}

fn host_of(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

async fn answer(target: Arc<PathBuf>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let head_only = request.method() == Method::HEAD;
    let (status, kind, mut body) = if head_only || request.method() == Method::GET {
        content(&target, request.uri().path()).await
    } else {
        (StatusCode::METHOD_NOT_ALLOWED, "text/plain", Bytes::from_static(b"only GET and HEAD"))
    };
    let length = body.len();
    if head_only {
        body = Bytes::new();
    }
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        .header(header::CONTENT_LENGTH, length)
        // The files change with the next `docs generate`.
        .header(header::CACHE_CONTROL, "no-cache")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(Full::new(body));
    Ok(response.unwrap_or_default())
}

async fn content(target: &Path, path: &str) -> (StatusCode, &'static str, Bytes) {
    if matches!(path, "/" | "/index.html") {
        return (StatusCode::OK, "text/html; charset=utf-8", Bytes::from(page::html()));
    }
    let missing = (StatusCode::NOT_FOUND, "text/plain", Bytes::from_static(b"not found"));
    let Some(file) = inside(target, path) else { return missing };
    match tokio::fs::read(&file).await {
        Ok(body) => (StatusCode::OK, kind_of(&file), Bytes::from(body)),
        Err(_) => missing,
    }
}

/// The file below the target folder, also through links.
fn inside(target: &Path, path: &str) -> Option<PathBuf> {
    let root = fs_err::canonicalize(target).ok()?;
    let file = fs_err::canonicalize(root.join(unescaped(path.trim_start_matches('/'))?)).ok()?;
    (file.starts_with(&root) && file.is_file()).then_some(file)
}

/// `%20` is a blank.
fn unescaped(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn kind_of(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("svg") => "image/svg+xml",
        Some("webp") => "image/webp",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("sql" | "csv" | "txt" | "md" | "yml") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Best effort: on a machine without a browser the address is on the screen.
fn open_browser(url: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let nothing = std::process::Stdio::null;
    let _ = std::process::Command::new(program).arg(url).stdin(nothing()).stdout(nothing()).stderr(nothing()).spawn();
}

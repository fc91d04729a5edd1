//! The front end: routes each request to an app and one of its instances.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{HOST, LOCATION, RETRY_AFTER};
use axum::http::uri::Authority;
use axum::http::{Method, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use tokio::time::{sleep, timeout};

use super::app::{App, Pick};
use super::apps::Apps;
use super::authentication::{self, Visit};
use super::headers::{self, RequestInfo};
use super::instance::ActiveRequest;
use super::names::{Names, azure_name};
use super::{affinity, tls, websocket};
use crate::error::Result;
use crate::host::without_port;
use crate::proxy::{Client, Endpoint, client, forward, remove_named_by_client};
use crate::server::Server;
use crate::state::{Authentication, View as _, WebApp};

/// Azure's ports.
pub(super) const AZURE_PORTS: (u16, u16) = (443, 80);

/// One of the front end's two addresses.
struct Front {
    apps: Arc<Apps>,
    https: bool,
    /// The ports of both addresses, as their clients see them: for HTTPS, and for HTTP.
    ports: (u16, u16),
    client: Client,
}

/// Serves both addresses.
pub(super) fn serve(apps: &Arc<Apps>, https: TcpListener, http: TcpListener) -> Result<Vec<Server>> {
    let tls = tls::config(&apps.platform.azure)?;
    let ports = (apps.platform.https_port, apps.platform.http_port);
    Ok(vec![
        Server::https(https, tls, router(apps, true, ports)?),
        Server::http(http, router(apps, false, ports)?),
    ])
}

/// The routes of the address for HTTPS, or of the one for HTTP. Clients see these two ports.
pub(super) fn router(apps: &Arc<Apps>, https: bool, ports: (u16, u16)) -> Result<Router> {
    let front = Front {
        apps: apps.clone(),
        https,
        ports,
        client: client(apps.platform.azure.authority().client()?),
    };
    Ok(Router::new().fallback(handle).with_state(Arc::new(front)))
}

async fn handle(
    State(front): State<Arc<Front>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    let host = host(&request);
    let found = front.apps.with_host(&host).and_then(|app| Some((app.web_app()?, app)));
    let Some((web_app, app)) = found else {
        return page(
            StatusCode::NOT_FOUND,
            "404 Web Site not found",
            "There is no web app with this name.",
        );
    };
    let platform = &front.apps.platform;
    let authentication = Authentication::of(&platform.azure.state(), web_app.id());
    let needs_https = web_app.https_only || authentication.is_enabled && authentication.requires_https;
    if needs_https && !front.https {
        return redirect_to_https(&request, without_port(&host), front.ports.0);
    }
    // Otherwise a client could have headers removed that are set below.
    remove_named_by_client(request.headers_mut());
    let inside = azure_name(&app.name);
    if authentication.is_enabled {
        let visit = Visit {
            platform,
            name: &app.name,
            memory: &app.visitors,
            web_app: &web_app,
            settings: &authentication,
            host: &host,
            inside: &inside,
            is_in_azure: front.ports == AZURE_PORTS,
            client: &front.client,
        };
        request = match authentication::admit(&visit, request).await {
            Ok(request) => request,
            Err(answer) => return answer,
        };
    }
    let has_affinity = web_app.client_affinity_enabled && platform.azure.state().instances(&web_app) > 1;
    let cookie = has_affinity.then(|| affinity::requested(request.headers())).flatten();
    let limit = platform.options.request_limit;
    let (active, endpoint) = match wait_for_instance(&app, &web_app, cookie.as_deref(), limit).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    // It may still run as it was before authentication was switched off, and believe the headers.
    if !authentication.is_enabled && active.configuration().has_authentication() {
        authentication::strip(request.headers_mut());
    }
    let id = active.instance_id().to_owned();
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str())
        .to_owned();
    let names = names(&front, &host, &inside);
    names.translate_request(request.headers_mut());
    let info = RequestInfo {
        peer,
        https: front.https,
        host: &inside,
        app: &app.name,
        target: &target,
    };
    headers::set(request.headers_mut(), &info);
    let base = endpoint.url();
    let answer = async {
        if websocket::is_requested(&request) {
            websocket::forward(&front.client, &base, request).await
        } else {
            forward(&front.client, &base, request).await
        }
    };
    let mut answer = match timeout(limit, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            tracing::debug!("{}: {error}", app.name);
            return page(
                StatusCode::BAD_GATEWAY,
                "502 Bad Gateway",
                "The app closed the connection without a response.",
            );
        }
        Err(_) => {
            return page(
                StatusCode::GATEWAY_TIMEOUT,
                "504 Gateway Timeout",
                "The app did not respond in time.",
            );
        }
    };
    names.translate_answer(answer.headers_mut());
    let has_cookie = cookie.is_some_and(|cookie| cookie == affinity::value(&id));
    if has_affinity && !has_cookie && !affinity::is_disabled(answer.headers()) {
        affinity::set(answer.headers_mut(), &id, &host, front.https);
    }
    answer.map(|body| with_timeout(body, active, limit))
}

/// The names of the app for a visitor who requested that host. Where clients resolve Azure's names, those lead to accounts and
/// to the tenant's authority.
fn names<'a>(front: &'a Front, outside: &'a str, inside: &'a str) -> Names<'a> {
    let platform = &front.apps.platform;
    let is_outside = front.ports != AZURE_PORTS;
    Names {
        outside,
        inside,
        https_port: front.ports.0,
        http_port: front.ports.1,
        blob_port: platform.blob_port.get().copied().filter(|_| is_outside),
        authority: platform.authority.get().map(String::as_str).filter(|_| is_outside),
    }
}

/// The host that the request names.
fn host(request: &Request) -> String {
    let named = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = named.or_else(|| request.uri().authority().map(Authority::as_str));
    host.unwrap_or_default().to_owned()
}

/// Waits until an instance can serve the request, as App Service's front ends do. Returns where the instance listens
/// too.
async fn wait_for_instance(
    app: &App,
    web_app: &WebApp,
    cookie: Option<&str>,
    limit: Duration,
) -> Result<(ActiveRequest, Endpoint), Response> {
    let mut changes = app.changes();
    let deadline = sleep(limit);
    tokio::pin!(deadline);
    loop {
        match app.pick(cookie) {
            Pick::Instance(instance) => {
                // The request is counted before the state is checked. Either the instance waits for this request when
                // it stops, or this request sees that the instance is stopping.
                let active = ActiveRequest::new(instance);
                match active.serving() {
                    Some(endpoint) => return Ok((active, endpoint)),
                    None => continue,
                }
            }
            Pick::NotRunning if web_app.is_stopped => {
                let why = "The web app is stopped.";
                return Err(page(StatusCode::FORBIDDEN, "403 This web app is stopped", why));
            }
            Pick::NotRunning if app.has_content(web_app) => return Err(unavailable("The app is not running.")),
            Pick::NotRunning => return Err(default_page(web_app)),
            Pick::Failed => return Err(unavailable("The app fails to start. Its log shows why.")),
            Pick::Wait => {}
        }
        tokio::select! {
            _ = changes.changed() => {}
            () = &mut deadline => return Err(unavailable("The app has not started yet.")),
        }
    }
}

fn redirect_to_https(request: &Request, host: &str, port: u16) -> Response {
    let host = match host.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host.to_owned(),
    };
    let port = match port {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    // 307 preserves the method and the body.
    let status = match *request.method() {
        Method::GET | Method::HEAD => StatusCode::MOVED_PERMANENTLY,
        _ => StatusCode::TEMPORARY_REDIRECT,
    };
    (status, [(LOCATION, format!("https://{host}{port}{target}"))]).into_response()
}

/// What an app answers before there is anything that it could start.
fn default_page(app: &WebApp) -> Response {
    let text = "Your web app is running and waiting for your content.";
    page(StatusCode::OK, &format!("Welcome to {}", azure_name(app.name())), text)
}

fn unavailable(why: &str) -> Response {
    let mut answer = page(StatusCode::SERVICE_UNAVAILABLE, "503 Service Unavailable", why);
    answer.headers_mut().insert(RETRY_AFTER, 10.into());
    answer
}

fn page(status: StatusCode, title: &str, text: &str) -> Response {
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><title>{title}</title><h1>{title}</h1><p>{text}</p>\
         <p>Local Azure, App Service</p></html>\n"
    );
    (status, Html(html)).into_response()
}

/// A body that fails when its next part takes longer than `limit`. The request counts as active until the body ends.
fn with_timeout(body: Body, active: ActiveRequest, limit: Duration) -> Body {
    if body.is_end_stream() {
        return body;
    }
    let parts = (body.into_data_stream(), active);
    Body::from_stream(stream::try_unfold(parts, move |(mut parts, active)| async move {
        match timeout(limit, parts.next()).await {
            Ok(None) => Ok(None),
            Ok(Some(part)) => Ok(Some((part.map_err(io::Error::other)?, (parts, active)))),
            Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
        }
    }))
}

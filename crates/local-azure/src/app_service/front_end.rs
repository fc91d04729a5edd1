//! The front end: which app and which instance a request is for, and what becomes of it there.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{HOST, LOCATION, RETRY_AFTER};
use axum::http::uri::Authority;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use tokio::time::{sleep, timeout};

use super::app::{App, Pick};
use super::headers::{self, Visit};
use super::instance::Taken;
use super::platform::{Apps, without_port};
use super::{affinity, tls, websocket};
use crate::Result;
use crate::proxy::{Client, client, forward};
use crate::server::{LOOPBACK, Server};

/// One of the two addresses of the front end.
struct Front {
    apps: Arc<Apps>,
    https: bool,
    client: Client,
}

/// Serves both addresses.
pub(super) fn serve(apps: &Arc<Apps>, https: TcpListener, http: TcpListener) -> Result<Vec<Server>> {
    let azure = &apps.platform.azure;
    let router = |https| -> Result<Router> {
        let front = Front {
            apps: apps.clone(),
            https,
            client: client(azure.authority().client()?),
        };
        Ok(Router::new().fallback(handle).with_state(Arc::new(front)))
    };
    Ok(vec![
        Server::https(https, tls::config(azure)?, router(true)?),
        Server::http(http, router(false)?),
    ])
}

async fn handle(
    State(front): State<Arc<Front>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    let host = host(&request);
    let found = front.apps.of_host(&host).and_then(|app| Some((app.web_app()?, app)));
    let Some((web_app, app)) = found else {
        return page(
            StatusCode::NOT_FOUND,
            "404 Web Site not found",
            "There is no web app of this name.",
        );
    };
    let platform = &front.apps.platform;
    if web_app.https_only && !front.https {
        return to_https(&request, without_port(&host), platform.https_port);
    }
    let several = web_app.instances > 1 && web_app.client_affinity_enabled;
    let wanted = several.then(|| affinity::wanted(request.headers())).flatten();
    let limit = platform.options.request_limit;
    let (taken, port) = match choose(&app, wanted.as_deref(), limit).await {
        Ok(chosen) => chosen,
        Err(answer) => return answer,
    };
    let id = taken.id().to_owned();
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str())
        .to_owned();
    let visit = Visit {
        peer,
        https: front.https,
        host: &host,
        default_host: &platform.host(&app.name),
        app: &app.name,
        target: &target,
    };
    headers::set(request.headers_mut(), &visit);
    let base: Uri = format!("http://{LOOPBACK}:{port}").parse().expect("this is an address");
    let answer = async {
        if websocket::is_asked_for(&request) {
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
                "The app ended the connection without an answer.",
            );
        }
        Err(_) => {
            return page(
                StatusCode::GATEWAY_TIMEOUT,
                "504 Gateway Timeout",
                "The app did not answer in time.",
            );
        }
    };
    let stays = wanted.is_some_and(|wanted| wanted == affinity::value(&id));
    if several && !stays && !affinity::is_refused(answer.headers()) {
        affinity::set(answer.headers_mut(), &id, &host, front.https);
    }
    answer.map(|body| held(body, taken, limit))
}

/// The host that was asked for.
fn host(request: &Request) -> String {
    let named = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = named.or_else(|| request.uri().authority().map(Authority::as_str));
    host.unwrap_or_default().to_owned()
}

/// Waits, as the front ends of App Service do, until an instance takes the request.
async fn choose(app: &App, cookie: Option<&str>, limit: Duration) -> Result<(Taken, u16), Response> {
    let mut changes = app.changes();
    let late = sleep(limit);
    tokio::pin!(late);
    loop {
        match app.pick(cookie) {
            Pick::Instance(instance) => {
                // Either its end waits for this request, or this request sees that it is to end.
                let taken = Taken::by(instance);
                match taken.serving() {
                    Some(port) => return Ok((taken, port)),
                    None => continue,
                }
            }
            Pick::Stopped => {
                let why = "The web app is stopped.";
                return Err(page(StatusCode::FORBIDDEN, "403 This web app is stopped", why));
            }
            Pick::Empty => return Err(unavailable("Nothing is deployed here yet.")),
            Pick::Failed => return Err(unavailable("The app does not start: its log says why.")),
            Pick::Wait => {}
        }
        tokio::select! {
            _ = changes.changed() => {}
            () = &mut late => return Err(unavailable("The app has not started yet.")),
        }
    }
}

fn to_https(request: &Request, host: &str, port: u16) -> Response {
    let port = match port {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    // Other methods keep method and body.
    let status = match *request.method() {
        Method::GET | Method::HEAD => StatusCode::MOVED_PERMANENTLY,
        _ => StatusCode::TEMPORARY_REDIRECT,
    };
    (status, [(LOCATION, format!("https://{host}{port}{target}"))]).into_response()
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

/// A body that ends in an error when no part comes for so long, and holds the instance until it has ended.
fn held(body: Body, taken: Taken, limit: Duration) -> Body {
    if body.is_end_stream() {
        return body;
    }
    let parts = (body.into_data_stream(), taken);
    Body::from_stream(stream::try_unfold(parts, move |(mut parts, taken)| async move {
        match timeout(limit, parts.next()).await {
            Ok(None) => Ok(None),
            Ok(Some(part)) => Ok(Some((part.map_err(io::Error::other)?, (parts, taken)))),
            Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
        }
    }))
}

//! The layer around the staff pages: who gets in, and what everyone else is told.

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, ORIGIN};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use tower_http::request_id::RequestId;

use crate::app::App;
use crate::config::{Principal, StaffAccess};
use crate::error::AppError;
use crate::model::Capability;
use crate::telemetry::ONLY_HERE;
use crate::web::{Chrome, LocalDoor, Page, SESSION_FOR, SignedIn, Staff};

/// The cookie of a session on this machine.
const SESSION: &str = "staff";

/// The address that signs out of App Service Authentication.
const SIGN_OUT: &str = "/.auth/logout?post_logout_redirect_uri=/";

/// Who has a session on this machine, in the history.
const DEVELOPER: &str = "developer on this machine";

/// A page for a visitor who does not get in.
#[derive(Template)]
#[template(path = "admin/refused.html")]
struct RefusedTemplate {
    chrome: Chrome,
    title: &'static str,
    advice: String,
    /// An address that may help, and its text.
    link: Option<(String, &'static str)>,
}

/// What a visitor is answered who does not get in.
struct Refusal(Box<Response>);

impl<T: IntoResponse> From<T> for Refusal {
    fn from(response: T) -> Self {
        Self(Box::new(response.into_response()))
    }
}

/// Layer: lets the staff pass, and no cache keep anything.
pub async fn staff_only(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    mut request: Request,
    next: Next,
) -> Response {
    let admitted = match &app.config.staff {
        StaffAccess::Off | StaffAccess::NoAuthentication => Err(AppError::NotFound.into()),
        StaffAccess::Listed(principals) => signed_in(&app, &request_id, &request, principals),
        StaffAccess::ThisMachine => on_this_machine(&app, &request_id, &request),
    };
    let mut response = match admitted.and_then(|staff| from_a_page(&request).map(|()| staff)) {
        Ok(staff) => {
            request.extensions_mut().insert(staff);
            next.run(request).await
        }
        Err(Refusal(response)) => *response,
    };
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Refuses a form that no page can have sent. A layer around the whole site refuses those that pages of other sites
/// send; browsers name the sender in one of these headers, other clients in none.
fn from_a_page(request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    if is_read(request.method()) || headers.contains_key("sec-fetch-site") || headers.contains_key(ORIGIN) {
        Ok(())
    } else {
        Err(StatusCode::FORBIDDEN.into())
    }
}

/// Someone whom App Service Authentication has signed in, and whom `ADMIN_PRINCIPALS` lists.
fn signed_in(app: &App, request_id: &RequestId, request: &Request, principals: &[Principal]) -> Result<Staff, Refusal> {
    let refused = |status: StatusCode, title, advice, link| {
        let chrome = Chrome::of_error(&app.config, request_id, status);
        let page = RefusedTemplate {
            chrome,
            title,
            advice,
            link,
        };
        Err((status, Page(page)).into())
    };
    match SignedIn::read(request.headers()) {
        Ok(Some(visitor)) if visitor.is_listed(principals) => Ok(Staff {
            name: visitor.name,
            sign_out: Some(SIGN_OUT),
        }),
        Ok(Some(visitor)) => refused(
            StatusCode::FORBIDDEN,
            "This account has no access",
            format!(
                "You are signed in as {}, but ADMIN_PRINCIPALS does not list this account. Ask the person who runs this site to \
                 add it, or sign in with another account.",
                visitor.name
            ),
            Some((SIGN_OUT.to_owned(), "Sign out")),
        ),
        Ok(None) if is_read(request.method()) => {
            // Only a path of this site, never an address.
            let page = request.uri().path_and_query().map_or("/admin/", |page| page.as_str());
            Err(Redirect::to(&sign_in(page)).into())
        }
        Ok(None) => refused(
            StatusCode::UNAUTHORIZED,
            "Your sign-in has ended",
            "Nothing was saved. Sign in again in another tab, then go back here and send the form again.".to_owned(),
            Some((sign_in("/admin/"), "Sign in")),
        ),
        Err(_) => {
            tracing::warn!("a request for the staff pages names its sender unclearly");
            refused(
                StatusCode::FORBIDDEN,
                "Account not recognised",
                "App Service has signed you in, but this site could not tell which account is yours. Sign out, then \
                 sign in again. If that does not help, contact the person who runs this site."
                    .to_owned(),
                Some((SIGN_OUT.to_owned(), "Sign out")),
            )
        }
    }
}

/// The address that signs in and then leads to a page of this site.
fn sign_in(page: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("post_login_redirect_uri", page);
    format!("/.auth/login/aad?{}", query.finish())
}

/// Someone who has opened the link in the log, on this machine.
fn on_this_machine(app: &App, request_id: &RequestId, request: &Request) -> Result<Staff, Refusal> {
    if !LocalDoor::is_here(request.extensions(), request.headers()) {
        return Err(AppError::NotFound.into());
    }
    let cookies = CookieJar::from_headers(request.headers());
    let session: Option<Capability> = cookies.get(SESSION).and_then(|cookie| cookie.value().parse().ok());
    if session.is_some_and(|session| app.local_door.knows(&session)) {
        return Ok(Staff {
            name: DEVELOPER.to_owned(),
            sign_out: None,
        });
    }
    Err(look_at_the_log(app, request_id, request.method()).into())
}

/// Puts a new link into the log, unless an unused one is there, and says so.
pub(super) fn look_at_the_log(app: &App, request_id: &RequestId, method: &Method) -> Response {
    if !app.local_door.has_link() {
        log_link(app);
    }
    let (title, advice) = if is_read(method) {
        (
            "Open the link in the log",
            "On your own machine, a link in the site's log opens the staff pages: look for the last line with “staff \
             pages”. Each link works once, within 15 minutes. If it has been used or is too old, load this page again, and \
             the log gets a new one.",
        )
    } else {
        (
            "Your session has ended",
            "Nothing was saved. Look for the last line with “staff pages” in the site's log, and open its link in another \
             tab. Then go back here and send the form again.",
        )
    };
    let status = StatusCode::FORBIDDEN;
    let page = RefusedTemplate {
        chrome: Chrome::of_error(&app.config, request_id, status),
        title,
        advice: advice.to_owned(),
        link: is_read(method).then(|| ("/admin/".to_owned(), "Try again")),
    };
    (status, Page(page)).into_response()
}

/// Logs a link to the staff pages if they are open on this machine. `site` is the site's address.
pub fn open_on_this_machine(app: &App, site: &str) {
    if app.config.staff == StaffAccess::ThisMachine {
        app.local_door.set_site(site);
        log_link(app);
    }
}

fn log_link(app: &App) {
    let key = app.local_door.new_link();
    let site = app.local_door.site();
    tracing::info!(
        target: ONLY_HERE,
        "staff pages (this link works once, within 15 minutes): {site}/admin/enter/{}",
        key.expose()
    );
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// The cookie of this session.
pub(super) fn session_cookie(session: &Capability) -> CookieJar {
    let cookie = Cookie::build((SESSION, session.expose().to_owned()))
        .path("/admin")
        .http_only(true)
        .same_site(SameSite::Strict)
        .max_age(SESSION_FOR.try_into().expect("a short time"));
    CookieJar::new().add(cookie)
}

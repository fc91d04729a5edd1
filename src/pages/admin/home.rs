//! GET `/admin/`: the way to restaurants and reviews, and the history of all changes.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;

use super::filters;
use super::history::History;
use crate::app::App;
use crate::error::AppError;
use crate::model::Subject;
use crate::web::{Chrome, Page, Staff};

#[derive(Template)]
#[template(path = "admin/home.html")]
struct HomeTemplate {
    chrome: Chrome,
    staff: Staff,
    history: History,
}

/// Shows the page.
pub async fn get(
    State(app): State<App>,
    staff: Staff,
    RawQuery(query): RawQuery,
    cookies: CookieJar,
) -> Result<Response, AppError> {
    let history = History::read(&*app.store, Subject::All, query.as_deref().unwrap_or_default()).await?;
    let (chrome, notice_shown) = Chrome::of(&app.config, &cookies);
    let template = HomeTemplate { chrome, staff, history };
    Ok((notice_shown, Page(template)).into_response())
}

/// GET `/admin`, without the final slash.
pub async fn redirect() -> Redirect {
    Redirect::permanent("/admin/")
}

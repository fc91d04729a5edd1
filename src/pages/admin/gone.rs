//! The page of a restaurant or review that was deleted: its history remains.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::filters;
use super::history::History;
use crate::app::App;
use crate::error::AppError;
use crate::model::Subject;
use crate::web::{Chrome, Page, Staff};

#[derive(Template)]
#[template(path = "admin/gone.html")]
struct GoneTemplate {
    chrome: Chrome,
    staff: Staff,
    /// What it was: `restaurant` or `review`.
    kind: &'static str,
    id: i64,
    /// What was typed into a form for it, by field.
    typed: Vec<(&'static str, String)>,
    /// `None` on the answer to a form, which links to the page with the history.
    history: Option<History>,
}

impl GoneTemplate {
    fn new(staff: Staff, of: Subject) -> Result<Self, AppError> {
        let (kind, id) = match of {
            Subject::Restaurant(id) => ("restaurant", id.0),
            Subject::Review(id) => ("review", id),
            Subject::All => return Err(AppError::NotFound),
        };
        Ok(Self {
            chrome: Chrome::default(),
            staff,
            kind,
            id,
            typed: Vec::new(),
            history: None,
        })
    }
}

/// Shows the history of what does not exist any more. Without a history, it has never existed as far as the site knows.
pub(super) async fn with_history(app: &App, staff: Staff, of: Subject, query: &str) -> Result<Response, AppError> {
    let history = History::read(&*app.store, of, query).await?;
    if history.changes.is_empty() {
        return Err(AppError::NotFound);
    }
    let template = GoneTemplate {
        history: Some(history),
        ..GoneTemplate::new(staff, of)?
    };
    Ok((StatusCode::GONE, Page(template)).into_response())
}

/// Answers a form for what was deleted meanwhile, with everything typed.
pub(super) fn with_typed(staff: Staff, of: Subject, typed: Vec<(&'static str, String)>) -> Result<Response, AppError> {
    let template = GoneTemplate {
        typed,
        ..GoneTemplate::new(staff, of)?
    };
    Ok((StatusCode::GONE, Page(template)).into_response())
}

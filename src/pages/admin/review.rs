//! `/admin/reviews/<id>`: a review, to be changed, and its history.

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use tower_http::request_id::RequestId;

use super::history::History;
use super::{filters, gone};
use crate::app::App;
use crate::error::AppError;
use crate::model::{ReviewForm, ReviewId, StaffReview, Subject};
use crate::pages::review_change::{Changed, FIELDS, ReviewChangeView, change};
use crate::web::{Chrome, FormBody, NextPage, Notice, Page, PathParameter, Staff};

#[derive(Template)]
#[template(path = "admin/review.html")]
struct ReviewTemplate {
    chrome: Chrome,
    staff: Staff,
    view: ReviewChangeView,
    history: Option<History>,
}

/// Shows the review.
pub async fn get(
    State(app): State<App>,
    staff: Staff,
    PathParameter(id): PathParameter<ReviewId>,
    RawQuery(query): RawQuery,
    cookies: CookieJar,
) -> Result<Response, AppError> {
    let (subject, query) = (Subject::Review(id.0), query.as_deref().unwrap_or_default());
    let review = match read(&app, id).await {
        Err(AppError::NotFound) => return gone::with_history(&app, staff, subject, query).await,
        found => found?,
    };
    let history = History::read(&*app.store, subject, query).await?;
    let (chrome, notice_shown) = Chrome::of(&app.config, &cookies);
    let template = ReviewTemplate {
        chrome,
        staff,
        view: ReviewChangeView::with(&app, id.staff_url(), review),
        history: Some(history),
    };
    Ok((notice_shown, Page(template)).into_response())
}

/// Changes the review, unless someone else has changed it meanwhile.
pub async fn post(
    State(app): State<App>,
    staff: Staff,
    PathParameter(id): PathParameter<ReviewId>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Result<Response, AppError> {
    let next_page = NextPage::of(&request);
    let mut body = FormBody::read(&app.uploads, request, &FIELDS).await?;
    let mut view = ReviewChangeView::sent(&app, id.staff_url(), &mut body)?;
    let found = read(&app, id).await;
    match change(&app, &mut view, &mut body, found, &staff.name).await {
        Changed::Done(_) => Ok((Notice::Saved.left(&app.config), next_page.at(&id.staff_url())).into_response()),
        Changed::Refused(AppError::NotFound) => gone::with_typed(staff, Subject::Review(id.0), view.typed()),
        Changed::Refused(error) => Err(error),
        Changed::Again(status) => {
            let template = ReviewTemplate {
                chrome: Chrome::of_error(&app.config, &request_id, status),
                staff,
                view,
                history: None,
            };
            Ok((status, Page(template)).into_response())
        }
    }
}

async fn read(app: &App, id: ReviewId) -> Result<StaffReview, AppError> {
    let found = app.store.staff_reviews_by_id(&[id.0]).await?;
    found.into_iter().next().ok_or(AppError::NotFound)
}

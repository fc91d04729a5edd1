//! `/review/edit/<key>`: the private link of a writer, who changes a review or takes it back. Whoever has the link may do
//! so; the site has no accounts.

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::REFERRER_POLICY;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use tower_http::request_id::RequestId;

use crate::app::App;
use crate::error::AppError;
use crate::model::{Capability, Outcome, ReviewForm, StaffReview, Versioned};
use crate::pages::review_change::{Changed, FIELDS, ReviewChangeView, change};
use crate::photo_cleanup::remove_all_unclaimed;
use crate::web::{
    Chrome, Client, FormBody, FormFields, NextPage, Notice, Page, PathParameter, TOO_MANY_FORMS, WriterLinks,
    writer_url,
};

/// Who changed a review, in the history.
const WRITER: &str = "the writer";

/// The policy of a page with a form. Like the stricter one of all other answers below a private link, it keeps the address
/// from other sites, and out of this one's log as the address where a visitor came from. But `no-referrer` would also hide
/// the origin of the form, by which the site recognises its own forms.
const WITH_FORM: [(HeaderName, &str); 1] = [(REFERRER_POLICY, "strict-origin")];

const CONFIRMATION: FormFields = FormFields {
    texts: &["seen", "confirmed"],
    photo: None,
};

#[derive(Template)]
#[template(path = "edit_review.html")]
struct EditTemplate {
    chrome: Chrome,
    view: ReviewChangeView,
    /// Why the review was not deleted.
    not_deleted: Option<&'static str>,
}

/// There is no such review, or none that its writer may still change.
#[derive(Template)]
#[template(path = "review_gone.html")]
struct GoneTemplate {
    chrome: Chrome,
}

/// Loading the address of a refused deletion again leads to the form.
pub async fn form(PathParameter(key): PathParameter<Capability>) -> Redirect {
    Redirect::to(&writer_url(&key))
}

/// Shows the review in a form.
pub async fn get(
    State(app): State<App>,
    PathParameter(key): PathParameter<Capability>,
    Extension(request_id): Extension<RequestId>,
    client: Option<Extension<Client>>,
) -> Response {
    match read(&app, &key).await {
        Ok(review) => {
            let view = ReviewChangeView::with(&app, writer_url(&key), review);
            page(&app, &request_id, StatusCode::OK, view, None)
        }
        // A wrong key counts as a search, so that a client cannot go on guessing. It does not count as a form: a page of
        // another site can make its visitors' browsers request it.
        Err(AppError::NotFound) => {
            let counted = app.rates.count_search(client.map(|Extension(client)| client));
            without_review(counted.err().unwrap_or(AppError::NotFound))
        }
        Err(error) => without_review(error),
    }
}

/// Changes the review.
pub async fn post(
    State(app): State<App>,
    PathParameter(key): PathParameter<Capability>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Result<Response, AppError> {
    let next_page = NextPage::of(&request);
    let client = request.extensions().get::<Client>().copied();
    let body = FormBody::read(&app.uploads, request, &FIELDS).await;
    let mut body = app.rates.read(client, body)?;
    let view = ReviewChangeView::sent(&app, writer_url(&key), &mut body);
    let mut view = app.rates.read(client, view)?;
    if let Err(refused) = body.count(&app.rates, client) {
        view.form.problem = Some(format!("Review not changed: {TOO_MANY_FORMS}"));
        let answer = page(&app, &request_id, refused.status(), view, None);
        return Ok((refused.retry_after(), answer).into_response());
    }
    let found = read(&app, &key).await;
    Ok(match change(&app, &mut view, &mut body, found, WRITER).await {
        Changed::Done(restaurant) => {
            let notice = Notice::ReviewCorrected.left(&app.config);
            (notice, next_page.at(&restaurant.url())).into_response()
        }
        Changed::Refused(error) => without_review(error),
        // It was hidden meanwhile.
        Changed::Again(_) if view.review.as_ref().is_some_and(|review| review.is_hidden) => {
            without_review(AppError::NotFound)
        }
        Changed::Again(status) => page(&app, &request_id, status, view, None),
    })
}

/// POST `/review/edit/<key>/delete`: takes the review back.
pub async fn delete(
    State(app): State<App>,
    PathParameter(key): PathParameter<Capability>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Result<Response, AppError> {
    let client = request.extensions().get::<Client>().copied();
    let body = FormBody::read_whole(&app.uploads, request, &CONFIRMATION).await;
    let mut body = app.rates.read(client, body)?;
    app.rates.count_post(client)?;
    let review = match read(&app, &key).await {
        Ok(review) => review,
        Err(error) => return Ok(without_review(error)),
    };
    let again = |status, review, why| {
        let view = ReviewChangeView::with(&app, writer_url(&key), review);
        page(&app, &request_id, status, view, Some(why))
    };
    let seen: Option<Versioned> = body.take("seen").parse().ok();
    let Some(seen) = seen.filter(|seen| seen.id == review.review.id && !body.take("confirmed").is_empty()) else {
        let why = "Not deleted: tick “Yes, delete my review” first.";
        return Ok(again(StatusCode::UNPROCESSABLE_ENTITY, review, why));
    };
    let restaurant = review.restaurant;
    let outcome = app.finish(take_back(app.clone(), review, seen)).await??;
    Ok(match outcome {
        Outcome::Missing => without_review(AppError::NotFound),
        Outcome::Stale => match read(&app, &key).await {
            Ok(review) => {
                let why = "Not deleted: someone else changed the review in the meantime. It is shown as it is now.";
                again(StatusCode::CONFLICT, review, why)
            }
            Err(error) => without_review(error),
        },
        Outcome::Done => {
            let notice = Notice::ReviewTakenBack.left(&app.config);
            let link = WriterLinks::of_deleted_review(&app.config, restaurant, &key);
            (notice, link, Redirect::to(&restaurant.url())).into_response()
        }
    })
}

/// Deletes the review, then its photo.
async fn take_back(app: App, review: StaffReview, seen: Versioned) -> Result<Outcome, AppError> {
    let outcome = app.store.take_back_review(seen, WRITER).await;
    // Evicts the page even after a failure: the store may have deleted the review although its answer was lost.
    app.page_cache.restaurant_changed(review.restaurant);
    if let Some(photo) = review.review.photo {
        let site = app.clone();
        // The writer does not wait for this.
        app.save(async move { remove_all_unclaimed(&*site.store, &*site.photos, &[photo]).await });
    }
    Ok(outcome?)
}

/// The review of this key. One that the staff has hidden is not found: its writer need not know why it is gone.
async fn read(app: &App, key: &Capability) -> Result<StaffReview, AppError> {
    let found = app.store.review_of_writer(key.hash()).await?;
    found.filter(|review| !review.is_hidden).ok_or(AppError::NotFound)
}

/// The answer if the review cannot be shown for this reason.
fn without_review(error: AppError) -> Response {
    match error {
        AppError::NotFound => {
            let template = GoneTemplate {
                chrome: Chrome::default(),
            };
            (StatusCode::NOT_FOUND, Page(template)).into_response()
        }
        error => error.into_response(),
    }
}

fn page(
    app: &App,
    request_id: &RequestId,
    status: StatusCode,
    view: ReviewChangeView,
    not_deleted: Option<&'static str>,
) -> Response {
    let chrome = if status.is_success() {
        Chrome::default()
    } else {
        Chrome::of_error(&app.config, request_id, status)
    };
    let template = EditTemplate {
        chrome,
        view,
        not_deleted,
    };
    (status, WITH_FORM, Page(template)).into_response()
}

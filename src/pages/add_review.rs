//! POST `/review/<id>`: adds a review, perhaps with a photo; GET leads to the form.

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use tower_http::request_id::RequestId;

use crate::app::App;
use crate::error::AppError;
use crate::model::{Capability, NewReview, RestaurantId, ReviewForm, ReviewQuery, SubmissionId};
use crate::pages::details::{DetailsTemplate, ReviewFormView};
use crate::pages::review_input::{NotSaved, check, store_photo, submission};
use crate::photo_cleanup::remove_if_unclaimed;
use crate::photos::ProcessedPhoto;
use crate::store::AddedReview;
use crate::web::{
    Chrome, Client, FormBody, FormFields, NextPage, Notice, Page, PathParameter, SiteUrl, TOO_MANY_FORMS, WriterLinks,
};

/// The form alone, for when the restaurant cannot be read.
#[derive(Template)]
#[template(path = "review_again.html")]
struct ReviewAgainTemplate {
    chrome: Chrome,
    /// The restaurant.
    id: RestaurantId,
    form: ReviewFormView,
}

/// The field in which the page's script sends a secret of its own, so that a review that is sent again gets its private
/// link, too. The id of the form cannot serve for this: cached pages have the same one for several visitors.
const WRITER_SECRET: &str = "writer_secret";

/// The fields of the form.
pub const FIELDS: FormFields = FormFields {
    texts: &[SubmissionId::FIELD, WRITER_SECRET, "user_name", "rating", "review_text"],
    photo: Some("reviewImage"),
};

/// GET `/review/<id>`, as when the address of a refused form is loaded again.
pub async fn to_form(PathParameter(id): PathParameter<RestaurantId>) -> Redirect {
    Redirect::to(&format!("{}#new-review", id.url()))
}

/// Adds the review and redirects to the restaurant, or shows the form again with its errors.
pub async fn post(
    State(app): State<App>,
    PathParameter(id): PathParameter<RestaurantId>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Result<Response, AppError> {
    let next_page = NextPage::of(&request);
    let client = request.extensions().get::<Client>().copied();
    let body = FormBody::read(&app.uploads, request, &FIELDS).await;
    let mut body = app.rates.read(client, body)?;
    let mut form = ReviewFormView {
        form_id: body.take(SubmissionId::FIELD),
        typed: ReviewForm {
            user_name: body.take("user_name"),
            rating: body.take("rating"),
            review_text: body.take("review_text"),
        },
        photo_was_sent: body.photo.is_some(),
        ..ReviewFormView::empty(&app)
    };

    if let Err(refused) = body.count(&app.rates, client) {
        form.problem = Some(format!("Review not added: {TOO_MANY_FORMS}"));
        // Without the restaurant: reading it is work, of which the client has had its share.
        let page = alone(&app, &request_id, id, refused.status(), form);
        return Ok((refused.retry_after(), page).into_response());
    }
    if let Some(incomplete) = body.incomplete {
        form.problem = Some(format!("Review not added: {}", incomplete.problem()));
        return with_restaurant(&app, &request_id, id, AppError::from(incomplete).status(), form).await;
    }
    let (new, photo) = match check(&app, &mut form, body.photo.take(), "Review not added").await {
        Ok(checked) => checked,
        Err(status) => return with_restaurant(&app, &request_id, id, status, form).await,
    };

    let submission = submission(&form, &new, photo.as_ref());
    // Opens the writer's private link. The store keeps only its hash.
    let secret: Option<Capability> = body.take(WRITER_SECRET).parse().ok();
    let writer = match (secret, &submission) {
        (Some(secret), Some(submission)) => secret.to_submission(submission),
        _ => Capability::random(),
    };
    let saving = save(app.clone(), id, new, photo, submission, writer.clone());
    match app.finish(saving).await? {
        Ok(AddedReview::NoRestaurant) => Err(AppError::NotFound),
        Ok(added) => {
            // A form that is sent again may come from someone else who saw the same page, and has no secret or another.
            let is_own = added == AddedReview::Added || app.store.review_of_writer(writer.hash()).await?.is_some();
            let link = is_own.then(|| WriterLinks::of_new_review(&app.config, id, &writer));
            let notice = Notice::ReviewAdded.left(&app.config);
            Ok((notice, link, next_page.at(&id.url())).into_response())
        }
        Err(failure) => {
            failure.error().log();
            form.problem = Some(format!("Review not added: {}", failure.advice()));
            match &failure {
                // Without the restaurant: to read it, the visitor would have to wait for the failing store again.
                NotSaved::Store(error) => Ok(alone(&app, &request_id, id, error.status(), form)),
                NotSaved::Photo(error) => with_restaurant(&app, &request_id, id, error.status(), form).await,
            }
        }
    }
}

/// Stores the photo, then the review that shows it. Even if the process dies in between, no review lacks its photo, and
/// no photo remains without a review (see [`crate::photo_cleanup`]).
async fn save(
    app: App,
    id: RestaurantId,
    new: NewReview,
    photo: Option<ProcessedPhoto>,
    submission: Option<SubmissionId>,
    writer: Capability,
) -> Result<AddedReview, NotSaved> {
    let name = match photo {
        Some(photo) => Some(store_photo(&app, &photo).await?),
        None => None,
    };
    let add = app
        .store
        .add_review(id, &new, name.as_ref(), submission.as_ref(), Some(&writer));
    let result = add.await;
    // Evicts the page even after a failure: the store may have saved the review although its answer was lost.
    app.page_cache.restaurant_changed(id);
    if let Some(name) = name
        && !matches!(result, Ok(AddedReview::Added))
    {
        remove_if_unclaimed(&*app.store, &*app.photos, &name).await;
    }
    result.map_err(|error| NotSaved::Store(error.into()))
}

/// The form again, with everything typed: on the restaurant's page, or alone if the restaurant cannot be read.
async fn with_restaurant(
    app: &App,
    request_id: &RequestId,
    id: RestaurantId,
    status: StatusCode,
    form: ReviewFormView,
) -> Result<Response, AppError> {
    let query = ReviewQuery::default();
    let (restaurant, page) = match app.store.details(id, &query).await {
        Ok(details) => details.ok_or(AppError::NotFound)?,
        Err(error) => {
            tracing::warn!(%error, "the form is shown without its restaurant");
            return Ok(alone(app, request_id, id, status, form));
        }
    };
    let template = DetailsTemplate {
        chrome: Chrome::of_error(&app.config, request_id, status),
        site_url: SiteUrl::of(&app.config),
        photo_urls: app.photo_urls.clone(),
        restaurant,
        photos: Vec::new(),
        query,
        page,
        form,
        links: WriterLinks::default(),
    };
    Ok((status, Page(template)).into_response())
}

/// The form again, without its restaurant.
fn alone(app: &App, request_id: &RequestId, id: RestaurantId, status: StatusCode, form: ReviewFormView) -> Response {
    let template = ReviewAgainTemplate {
        chrome: Chrome::of_error(&app.config, request_id, status),
        id,
        form,
    };
    (status, Page(template)).into_response()
}

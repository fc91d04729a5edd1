//! GET `/create`: the form for a new restaurant. POST `/add`: adds the restaurant.

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use tower_http::request_id::RequestId;

use crate::app::App;
use crate::error::AppError;
use crate::model::{FieldErrors, RestaurantForm, RestaurantId, SubmissionId};
use crate::web::{Chrome, FormBody, Notice, Page};

#[derive(Template, Default)]
#[template(path = "create.html")]
struct CreateTemplate {
    chrome: Chrome,
    form_id: String,
    typed: RestaurantForm,
    errors: FieldErrors,
    /// The message above the form.
    problem: Option<&'static str>,
}

/// Shows the empty form.
pub async fn get() -> Response {
    let form = CreateTemplate {
        form_id: SubmissionId::new_form_id(),
        ..CreateTemplate::default()
    };
    Page(form).into_response()
}

/// Adds the restaurant and redirects to its page, or shows the form again with its errors.
pub async fn post(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Result<Response, AppError> {
    let mut body = FormBody::read(&app.uploads, request, "").await?;
    let mut form = CreateTemplate {
        form_id: body.take(SubmissionId::FIELD),
        typed: RestaurantForm {
            restaurant_name: body.take("restaurant_name"),
            street_address: body.take("street_address"),
            description: body.take("description"),
        },
        ..CreateTemplate::default()
    };
    match add(&app, &mut form).await {
        Ok(id) => Ok((Notice::RestaurantAdded.left(&app.config), Redirect::to(&id.url())).into_response()),
        Err(status) => {
            form.chrome = Chrome::of_error(&app.config, &request_id, status);
            Ok((status, Page(form)).into_response())
        }
    }
}

/// Adds the restaurant. If that fails, notes the reason in the form and returns the status of the response.
async fn add(app: &App, form: &mut CreateTemplate) -> Result<RestaurantId, StatusCode> {
    let new = form.typed.validate().map_err(|errors| {
        form.errors = errors;
        form.problem = Some(if form.typed.is_incomplete() {
            "Restaurant not added. Include at least a restaurant name and description."
        } else {
            "Restaurant not added. Correct the marked fields and send again."
        });
        StatusCode::UNPROCESSABLE_ENTITY
    })?;
    let contents = [
        new.name.as_bytes(),
        new.street_address.as_bytes(),
        new.description.as_bytes(),
    ];
    let submission = SubmissionId::of(&form.form_id, &contents);
    let added = app.store.add_restaurant(&new, submission.as_ref()).await;
    // Evicts the list even after a failure: the store may have saved the restaurant although its answer was lost.
    app.page_cache.list_changed();
    added.map_err(|error| {
        let error = AppError::from(error);
        error.log();
        form.problem = Some("Restaurant not added: the site could not save it just now. Send it again in a moment.");
        error.status()
    })
}

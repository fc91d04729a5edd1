//! GET `/create`: the form for a new restaurant; POST `/add`: what it sends.

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use tower_http::request_id::RequestId;

use crate::app::App;
use crate::error::AppError;
use crate::model::{FieldErrors, RestaurantForm};
use crate::web::{Chrome, FormBody, Notice, Page, SubmissionId};

#[derive(Template)]
#[template(path = "create.html")]
struct CreateTemplate {
    chrome: Chrome,
    form_id: String,
    typed: RestaurantForm,
    errors: FieldErrors,
    problem: Option<&'static str>,
}

/// Shows the empty form.
pub async fn get() -> Response {
    Page(CreateTemplate {
        chrome: Chrome::default(),
        form_id: SubmissionId::new_form_id(),
        typed: RestaurantForm::default(),
        errors: FieldErrors::default(),
        problem: None,
    })
    .into_response()
}

/// Adds the restaurant and goes to its page, or shows the form again with what is wrong.
pub async fn post(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Result<Response, AppError> {
    let mut body = FormBody::read(&app, request, "").await?;
    let form_id = body.take(SubmissionId::FIELD);
    let typed = RestaurantForm {
        restaurant_name: body.take("restaurant_name"),
        street_address: body.take("street_address"),
        description: body.take("description"),
    };
    let again = |status: StatusCode, typed, form_id, errors, problem| {
        let page = CreateTemplate {
            chrome: Chrome::of_fault(&app.config, &request_id, status),
            form_id,
            typed,
            errors,
            problem: Some(problem),
        };
        Ok((status, Page(page)).into_response())
    };

    let new = match typed.validate() {
        Ok(new) => new,
        Err(errors) => {
            let problem = if typed.is_incomplete() {
                "Restaurant not added. Include at least a restaurant name and description."
            } else {
                "Restaurant not added. Correct the marked fields and send again."
            };
            return again(StatusCode::UNPROCESSABLE_ENTITY, typed, form_id, errors, problem);
        }
    };
    let contents = [
        new.name.as_bytes(),
        new.street_address.as_bytes(),
        new.description.as_bytes(),
    ];
    let submission = SubmissionId::of(&form_id, &contents);
    let added = app.store.add_restaurant(&new, submission.as_ref()).await;
    // Also when it failed: it may have been saved, and the answer lost.
    app.pages.added();
    match added {
        Ok(id) => Ok((Notice::RestaurantAdded, Redirect::to(&id.url())).into_response()),
        Err(error) => {
            // The form itself needs no store: nothing typed is lost.
            let error = AppError::from(error);
            error.log();
            let problem = "Restaurant not added: the site could not save it just now. Send it again in a moment.";
            again(error.status(), typed, form_id, FieldErrors::default(), problem)
        }
    }
}

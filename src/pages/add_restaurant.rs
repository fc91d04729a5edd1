//! GET `/create`: the form for a new restaurant. POST `/add`: adds the restaurant; GET leads to the form.

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use tower_http::request_id::RequestId;

use crate::app::App;
use crate::error::AppError;
use crate::model::{FieldErrors, RestaurantForm, RestaurantId, SubmissionId};
use crate::web::{Chrome, Client, FormBody, FormFields, Notice, Page, TOO_MANY_FORMS};

#[derive(Template, Default)]
#[template(path = "create.html")]
struct CreateTemplate {
    chrome: Chrome,
    form_id: String,
    typed: RestaurantForm,
    errors: FieldErrors,
    /// The message above the form.
    problem: Option<String>,
}

/// The fields of the form.
pub const FIELDS: FormFields = FormFields {
    texts: &[SubmissionId::FIELD, "restaurant_name", "street_address", "description"],
    photo: None,
};

/// Shows the empty form.
pub async fn get() -> Response {
    let form = CreateTemplate {
        form_id: SubmissionId::new_form_id(),
        ..CreateTemplate::default()
    };
    Page(form).into_response()
}

/// GET `/add`, as when the address of a refused form is loaded again.
pub async fn to_form() -> Redirect {
    Redirect::to("/create")
}

/// Adds the restaurant and redirects to its page, or shows the form again with its errors.
pub async fn post(
    State(app): State<App>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Result<Response, AppError> {
    let client = request.extensions().get::<Client>().copied();
    let body = FormBody::read(&app.uploads, request, &FIELDS).await;
    let mut body = app.rates.read(client, body)?;
    let mut form = CreateTemplate {
        form_id: body.take(SubmissionId::FIELD),
        typed: RestaurantForm {
            restaurant_name: body.take("restaurant_name"),
            street_address: body.take("street_address"),
            description: body.take("description"),
        },
        ..CreateTemplate::default()
    };
    if let Err(refused) = app.rates.count_post(client) {
        form.problem = Some(format!("Restaurant not added: {TOO_MANY_FORMS}"));
        form.chrome = Chrome::of_error(&app.config, &request_id, refused.status());
        return Ok((refused.status(), refused.retry_after(), Page(form)).into_response());
    }
    let added = match body.incomplete {
        None => add(&app, &mut form).await,
        Some(incomplete) => {
            form.problem = Some(format!("Restaurant not added: {}", incomplete.problem()));
            Err(AppError::from(incomplete).status())
        }
    };
    match added {
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
        let problem = if form.typed.is_incomplete() {
            "Restaurant not added. Include at least a restaurant name and description."
        } else {
            "Restaurant not added. Correct the marked fields and send again."
        };
        form.problem = Some(problem.to_owned());
        StatusCode::UNPROCESSABLE_ENTITY
    })?;
    let contents = [
        new.name.as_bytes(),
        new.street_address.as_bytes(),
        new.description.as_bytes(),
    ];
    let submission = SubmissionId::of(&form.form_id, &contents);
    let site = app.clone();
    let saving = async move {
        let added = site.store.add_restaurant(&new, submission.as_ref()).await;
        // Evicts the list even after a failure: the store may have saved the restaurant although its answer was lost.
        site.page_cache.list_changed();
        Ok(added?)
    };
    app.finish(saving).await.flatten().map_err(|error: AppError| {
        error.log();
        form.problem = Some(format!("Restaurant not added: {}", error.not_saved()));
        error.status()
    })
}

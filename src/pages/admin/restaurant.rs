//! `/admin/restaurants/<id>`: a restaurant's texts, to be changed, and its history. `/admin/restaurants/add`: the form for
//! a new one.

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use tower_http::request_id::RequestId;

use super::history::History;
use super::{filters, gone};
use crate::app::App;
use crate::error::AppError;
use crate::model::{
    FieldErrors, NewRestaurant, Outcome, RestaurantForm, RestaurantId, StaffRestaurant, Subject, SubmissionId,
    Versioned,
};
use crate::web::{Chrome, FormBody, FormFields, Notice, Page, PathParameter, Staff};

#[derive(Template)]
#[template(path = "admin/restaurant.html")]
struct RestaurantTemplate {
    chrome: Chrome,
    staff: Staff,
    /// The restaurant as it is stored; `None` for a new one, and if it could not be read.
    restaurant: Option<StaffRestaurant>,
    history: Option<History>,
    form: RestaurantFormView,
}

/// The form: as it was sent, or with the texts of the restaurant.
#[derive(Default)]
struct RestaurantFormView {
    /// The version that the form shows; `None` in the form for a new restaurant.
    seen: Option<Versioned>,
    form_id: String,
    typed: RestaurantForm,
    errors: FieldErrors,
    /// The message above the form.
    problem: Option<String>,
    /// Whether someone else has changed the restaurant meanwhile, so that both texts must be shown.
    is_stale: bool,
}

const FIELDS: FormFields = FormFields {
    texts: &[
        SubmissionId::FIELD,
        "seen",
        "restaurant_name",
        "street_address",
        "description",
    ],
    photo: None,
};

impl RestaurantFormView {
    fn with(restaurant: &StaffRestaurant) -> Self {
        let texts = &restaurant.texts;
        Self {
            seen: Some(restaurant.versioned()),
            typed: RestaurantForm {
                restaurant_name: texts.name.clone(),
                street_address: texts.street_address.clone(),
                description: texts.description.clone(),
            },
            ..Self::default()
        }
    }

    fn sent(body: &mut FormBody) -> Self {
        Self {
            form_id: body.take(SubmissionId::FIELD),
            typed: RestaurantForm {
                restaurant_name: body.take("restaurant_name"),
                street_address: body.take("street_address"),
                description: body.take("description"),
            },
            ..Self::default()
        }
    }

    /// What was typed, by field.
    fn typed(self) -> Vec<(&'static str, String)> {
        vec![
            ("Name", self.typed.restaurant_name),
            ("Street Address", self.typed.street_address),
            ("Description", self.typed.description),
        ]
    }

    /// Whether the form reports an error.
    fn has_error(&self) -> bool {
        self.is_stale || self.problem.is_some()
    }

    /// The valid texts, or the status of the response if they are not valid or did not arrive.
    fn check(&mut self, body: &FormBody) -> Result<NewRestaurant, StatusCode> {
        if let Some(incomplete) = body.incomplete {
            self.problem = Some(format!("Not saved: {}", incomplete.problem()));
            return Err(AppError::from(incomplete).status());
        }
        self.typed.validate().map_err(|errors| {
            self.errors = errors;
            self.problem = Some("Not saved. Correct the marked fields and send again.".to_owned());
            StatusCode::UNPROCESSABLE_ENTITY
        })
    }

    /// Notes that the store failed.
    fn failed(&mut self, error: &AppError) -> StatusCode {
        error.log();
        self.problem = Some(format!("Not saved: {}", error.not_saved()));
        error.status()
    }
}

/// GET `/admin/restaurants/add`
pub async fn get_new(staff: Staff) -> Response {
    Page(RestaurantTemplate {
        chrome: Chrome::default(),
        staff,
        restaurant: None,
        history: None,
        form: RestaurantFormView {
            form_id: SubmissionId::new_form_id(),
            ..RestaurantFormView::default()
        },
    })
    .into_response()
}

/// POST `/admin/restaurants/add`
pub async fn add(
    State(app): State<App>,
    staff: Staff,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Result<Response, AppError> {
    let mut body = FormBody::read(&app.uploads, request, &FIELDS).await?;
    let mut form = RestaurantFormView::sent(&mut body);
    let added = match form.check(&body) {
        Ok(new) => {
            let contents = [&new.name, &new.street_address, &new.description].map(String::as_bytes);
            let submission = SubmissionId::of(&form.form_id, &contents);
            let (site, by) = (app.clone(), staff.name.clone());
            let adding = async move {
                let added = site.store.staff_add_restaurant(&new, submission.as_ref(), &by).await;
                // Evicts the list even after a failure: the store may have saved the restaurant although its answer was
                // lost.
                site.page_cache.list_changed();
                Ok(added?)
            };
            app.finish(adding).await.flatten().map_err(|error| form.failed(&error))
        }
        Err(status) => Err(status),
    };
    match added {
        Ok(id) => Ok((Notice::Saved.left(&app.config), Redirect::to(&page_of(id))).into_response()),
        Err(status) => Ok(again(&app, &request_id, staff, status, None, form)),
    }
}

/// GET `/admin/restaurants/<id>`
pub async fn get(
    State(app): State<App>,
    staff: Staff,
    PathParameter(id): PathParameter<RestaurantId>,
    RawQuery(query): RawQuery,
    cookies: CookieJar,
) -> Result<Response, AppError> {
    let query = query.as_deref().unwrap_or_default();
    let restaurant = match read(&app, id).await {
        Err(AppError::NotFound) => return gone::with_history(&app, staff, Subject::Restaurant(id), query).await,
        found => found?,
    };
    let history = History::read(&*app.store, Subject::Restaurant(id), query).await?;
    let (chrome, notice_shown) = Chrome::of(&app.config, &cookies);
    let template = RestaurantTemplate {
        chrome,
        staff,
        form: RestaurantFormView::with(&restaurant),
        restaurant: Some(restaurant),
        history: Some(history),
    };
    Ok((notice_shown, Page(template)).into_response())
}

/// POST `/admin/restaurants/<id>`: changes the texts, unless someone else has changed them meanwhile.
pub async fn post(
    State(app): State<App>,
    staff: Staff,
    PathParameter(id): PathParameter<RestaurantId>,
    Extension(request_id): Extension<RequestId>,
    request: Request,
) -> Result<Response, AppError> {
    let mut body = FormBody::read(&app.uploads, request, &FIELDS).await?;
    let seen: Option<Versioned> = body.take("seen").parse().ok();
    let seen = seen
        .filter(|seen| seen.id == id.0)
        .ok_or_else(|| AppError::BadRequest("Open the form again and send it from there.".into()))?;
    let mut form = RestaurantFormView {
        seen: Some(seen),
        ..RestaurantFormView::sent(&mut body)
    };
    let changed = match form.check(&body) {
        Ok(new) => {
            let (site, by) = (app.clone(), staff.name.clone());
            let changing = async move {
                let changed = site.store.change_restaurant(seen, &new, &by).await;
                // Evicts the page even after a failure, as above.
                site.page_cache.restaurant_changed(id);
                Ok(changed?)
            };
            app.finish(changing)
                .await
                .flatten()
                .map_err(|error| form.failed(&error))
        }
        Err(status) => Err(status),
    };
    let status = match changed {
        Ok(Outcome::Done) => {
            return Ok((Notice::Saved.left(&app.config), Redirect::to(&page_of(id))).into_response());
        }
        Ok(Outcome::Missing) => return gone::with_typed(staff, Subject::Restaurant(id), form.typed()),
        Ok(Outcome::Stale) => StatusCode::CONFLICT,
        // Without the restaurant: to read it, the staff would have to wait for the failing store again.
        Err(status) if status.is_server_error() => return Ok(again(&app, &request_id, staff, status, None, form)),
        Err(status) => status,
    };
    match read(&app, id).await {
        Ok(current) => {
            if status == StatusCode::CONFLICT {
                form.is_stale = true;
                form.seen = Some(current.versioned());
            }
            Ok(again(&app, &request_id, staff, status, Some(current), form))
        }
        Err(AppError::NotFound) => gone::with_typed(staff, Subject::Restaurant(id), form.typed()),
        Err(error) => {
            let status = form.failed(&error);
            Ok(again(&app, &request_id, staff, status, None, form))
        }
    }
}

/// The form again, with everything typed.
fn again(
    app: &App,
    request_id: &RequestId,
    staff: Staff,
    status: StatusCode,
    restaurant: Option<StaffRestaurant>,
    form: RestaurantFormView,
) -> Response {
    let template = RestaurantTemplate {
        chrome: Chrome::of_error(&app.config, request_id, status),
        staff,
        restaurant,
        history: None,
        form,
    };
    (status, Page(template)).into_response()
}

/// The restaurant as it is stored.
pub(super) async fn read(app: &App, id: RestaurantId) -> Result<StaffRestaurant, AppError> {
    let found = app.store.staff_restaurants_by_id(&[id]).await?;
    found.into_iter().next().ok_or(AppError::NotFound)
}

fn page_of(id: RestaurantId) -> String {
    format!("/admin/restaurants/{id}")
}

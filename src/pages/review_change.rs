//! Changing a review that exists: the form that the staff and a writer share (`templates/review_change_form.html`), and
//! what happens when it is sent. The staff adds reviews with the same form.

use axum::http::StatusCode;

use crate::app::App;
use crate::error::AppError;
use crate::model::{
    Outcome, PhotoChange, RestaurantId, ReviewChange, ReviewForm, StaffReview, SubmissionId, Versioned,
};
use crate::pages::details::ReviewFormView;
use crate::pages::review_input::{NotSaved, check, store_photo};
use crate::photo_cleanup::remove_if_unclaimed;
use crate::photos::{PhotoName, PhotoUrls, ProcessedPhoto};
use crate::web::{FormBody, FormFields};

pub(super) const FIELDS: FormFields = FormFields {
    texts: &["seen", "user_name", "rating", "review_text", "remove_photo"],
    photo: Some("reviewImage"),
};

/// The form, with the review as it is stored.
pub(super) struct ReviewChangeView {
    /// Where the form is sent.
    pub(super) action: String,
    /// The review as it is stored; `None` if it could not be read, or was not looked up.
    pub(super) review: Option<StaffReview>,
    /// The version that the form shows; `None` in the form for a new review.
    pub(super) seen: Option<Versioned>,
    pub(super) form: ReviewFormView,
    pub(super) removes_photo: bool,
    /// Whether someone else has changed the review meanwhile, so that both texts must be shown.
    pub(super) is_stale: bool,
    pub(super) photo_urls: PhotoUrls,
}

impl ReviewChangeView {
    /// The empty form for a new review.
    pub(super) fn empty(app: &App, action: String) -> Self {
        Self {
            action,
            review: None,
            seen: None,
            form: ReviewFormView::empty(app),
            removes_photo: false,
            is_stale: false,
            photo_urls: app.photo_urls.clone(),
        }
    }

    /// The form with the texts of the review.
    pub(super) fn with(app: &App, action: String, review: StaffReview) -> Self {
        let mut view = Self::empty(app, action);
        view.form.typed = ReviewForm {
            user_name: review.review.user_name.clone(),
            rating: review.review.rating.stars().to_string(),
            review_text: review.review.review_text.clone(),
        };
        view.seen = Some(review.versioned());
        view.review = Some(review);
        view
    }

    /// The form for a new review as it was sent.
    pub(super) fn sent_new(app: &App, action: String, body: &mut FormBody) -> Self {
        let mut view = Self::empty(app, action);
        view.form.form_id = body.take(SubmissionId::FIELD);
        view.form.typed = ReviewForm {
            user_name: body.take("user_name"),
            rating: body.take("rating"),
            review_text: body.take("review_text"),
        };
        view.form.photo_was_sent = body.photo.is_some();
        view
    }

    /// The form as it was sent. The review is not read for it, so nothing that was typed is lost if it cannot be read.
    pub(super) fn sent(app: &App, action: String, body: &mut FormBody) -> Result<Self, AppError> {
        let seen = body.take("seen").parse().map_err(|()| open_again())?;
        Ok(Self {
            seen: Some(seen),
            removes_photo: !body.take("remove_photo").is_empty(),
            ..Self::sent_new(app, action, body)
        })
    }

    /// What was typed, by field.
    pub(super) fn typed(self) -> Vec<(&'static str, String)> {
        let typed = self.form.typed;
        vec![
            ("Name", typed.user_name),
            ("Rating", typed.rating),
            ("Review", typed.review_text),
        ]
    }

    /// The photo of the review.
    pub(super) fn photo(&self) -> Option<&PhotoName> {
        self.review.as_ref()?.review.photo.as_ref()
    }

    /// Whether the form reports an error.
    pub(super) fn has_error(&self) -> bool {
        self.is_stale || self.form.problem.is_some()
    }
}

/// The form is not one that a page of this review has shown.
fn open_again() -> AppError {
    AppError::BadRequest("Open the form again and send it from there.".into())
}

/// How a form was answered.
pub(super) enum Changed {
    /// The review of this restaurant was changed.
    Done(RestaurantId),
    /// The form must be shown again, with this status.
    Again(StatusCode),
    /// There is no form to show, for instance because the review does not exist any more.
    Refused(AppError),
}

/// Changes the review that was found, unless someone else has changed it meanwhile. If it is not changed, notes the reason
/// in the form.
pub(super) async fn change(
    app: &App,
    view: &mut ReviewChangeView,
    body: &mut FormBody,
    found: Result<StaffReview, AppError>,
    by: &str,
) -> Changed {
    let review = match found {
        Ok(review) => review,
        Err(AppError::NotFound) => return Changed::Refused(AppError::NotFound),
        Err(error) => return failed(view, &NotSaved::Store(error)),
    };
    let Some(seen) = view.seen.filter(|seen| seen.id == review.review.id) else {
        return Changed::Refused(open_again());
    };
    let restaurant = review.restaurant;
    view.review = Some(review.clone());
    if let Some(incomplete) = body.incomplete {
        view.form.problem = Some(format!("Review not changed: {}", incomplete.problem()));
        return Changed::Again(AppError::from(incomplete).status());
    }
    let (new, photo) = match check(app, &mut view.form, body.photo.take(), "Review not changed").await {
        Ok(checked) => checked,
        Err(status) => return Changed::Again(status),
    };
    let change = ReviewChange {
        new,
        photo: if view.removes_photo {
            PhotoChange::Remove
        } else {
            PhotoChange::Keep
        },
    };
    let saving = save(app.clone(), review, seen, change, photo, by.to_owned());
    let saved = match app.finish(saving).await {
        Ok(saved) => saved,
        Err(error) => Err(NotSaved::Store(error)),
    };
    match saved {
        Ok(Outcome::Done) => Changed::Done(restaurant),
        Ok(Outcome::Missing) => Changed::Refused(AppError::NotFound),
        Ok(Outcome::Stale) => match app.store.staff_reviews_by_id(&[seen.id]).await {
            Ok(mut found) => match found.pop() {
                None => Changed::Refused(AppError::NotFound),
                Some(current) => {
                    view.seen = Some(current.versioned());
                    view.review = Some(current);
                    view.is_stale = true;
                    // It may have another photo now.
                    view.removes_photo = false;
                    Changed::Again(StatusCode::CONFLICT)
                }
            },
            Err(error) => failed(view, &NotSaved::Store(error.into())),
        },
        Err(failure) => failed(view, &failure),
    }
}

fn failed(view: &mut ReviewChangeView, failure: &NotSaved) -> Changed {
    failure.error().log();
    view.form.problem = Some(format!("Review not changed: {}", failure.advice()));
    Changed::Again(failure.error().status())
}

/// Stores the new photo, changes the review, and removes the photo that no review shows then.
async fn save(
    app: App,
    review: StaffReview,
    seen: Versioned,
    mut change: ReviewChange,
    photo: Option<ProcessedPhoto>,
    by: String,
) -> Result<Outcome, NotSaved> {
    let mut photos: Vec<_> = review.review.photo.into_iter().collect();
    if let Some(photo) = photo {
        let name = store_photo(&app, &photo).await?;
        photos.push(name.clone());
        change.photo = PhotoChange::Replace(name);
    }
    let result = app.store.change_review(seen, &change, &by).await;
    // Evicts the page even after a failure: the store may have saved the change although its answer was lost.
    app.page_cache.restaurant_changed(review.restaurant);
    if change.photo != PhotoChange::Keep {
        for photo in &photos {
            remove_if_unclaimed(&*app.store, &*app.photos, photo).await;
        }
    }
    result.map_err(|error| NotSaved::Store(error.into()))
}

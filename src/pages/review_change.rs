//! Changing a review that exists: the form that the staff and a writer share (`templates/review_change_form.html`), and
//! what happens when it is sent.

use axum::http::StatusCode;

use crate::app::App;
use crate::error::AppError;
use crate::model::{Outcome, PhotoChange, ReviewChange, ReviewForm, StaffReview, Versioned};
use crate::pages::details::ReviewFormView;
use crate::pages::review_input::{NotSaved, check, store_photo};
use crate::photo_cleanup::remove_if_unclaimed;
use crate::photos::{PhotoUrls, ProcessedPhoto};
use crate::web::{FormBody, FormFields};

pub(super) const FIELDS: FormFields = FormFields {
    texts: &["seen", "user_name", "rating", "review_text", "remove_photo"],
    photo: Some("reviewImage"),
};

/// The form, with the review as it is stored.
pub(super) struct ReviewChangeView {
    /// Where the form is sent.
    pub(super) action: String,
    pub(super) review: StaffReview,
    /// The version that the form shows.
    pub(super) seen: Versioned,
    pub(super) form: ReviewFormView,
    pub(super) removes_photo: bool,
    /// Whether someone else has changed the review meanwhile, so that both texts must be shown.
    pub(super) is_stale: bool,
    pub(super) photo_urls: PhotoUrls,
}

impl ReviewChangeView {
    /// The form with the texts of the review.
    pub(super) fn with(app: &App, action: String, review: StaffReview) -> Self {
        let form = ReviewFormView {
            typed: ReviewForm {
                user_name: review.review.user_name.clone(),
                rating: review.review.rating.stars().to_string(),
                review_text: review.review.review_text.clone(),
            },
            ..ReviewFormView::empty(app, review.restaurant)
        };
        Self {
            action,
            seen: review.versioned(),
            review,
            form,
            removes_photo: false,
            is_stale: false,
            photo_urls: app.photo_urls.clone(),
        }
    }

    /// The form as it was sent.
    pub(super) fn sent(app: &App, action: String, review: StaffReview, body: &mut FormBody) -> Result<Self, AppError> {
        let seen = body.take("seen").parse().ok();
        let seen = seen.filter(|seen: &Versioned| seen.id == review.review.id);
        let opened = || AppError::BadRequest("Open the form again and send it from there.".into());
        let mut view = Self::with(app, action, review);
        view.seen = seen.ok_or_else(opened)?;
        view.form.typed = ReviewForm {
            user_name: body.take("user_name"),
            rating: body.take("rating"),
            review_text: body.take("review_text"),
        };
        view.removes_photo = !body.take("remove_photo").is_empty();
        view.form.photo_was_sent = body.photo.is_some();
        Ok(view)
    }

    /// Whether the review has a photo that the form can remove.
    pub(super) fn has_photo(&self) -> bool {
        self.review.review.photo.is_some()
    }
}

/// How a form was answered.
pub(super) enum Changed {
    /// The review was changed.
    Done,
    /// The form must be shown again, with this status.
    Again(StatusCode),
    /// The review does not exist any more.
    Missing,
}

/// Changes the review, unless someone else has changed it meanwhile. If it is not changed, notes the reason in the form.
pub(super) async fn change(app: &App, view: &mut ReviewChangeView, body: &mut FormBody, by: &str) -> Changed {
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
    // A separate task, which finishes even if the page is closed now.
    let saving = save(
        app.clone(),
        view.review.clone(),
        view.seen,
        change,
        photo,
        by.to_owned(),
    );
    let saved = match app.saves.spawn(saving).await {
        Ok(saved) => saved,
        Err(error) => Err(NotSaved::Store(AppError::Internal(error.into()))),
    };
    match saved {
        Ok(Outcome::Done) => Changed::Done,
        Ok(Outcome::Missing) => Changed::Missing,
        Ok(Outcome::Stale) => match app.store.staff_reviews_by_id(&[view.seen.id]).await {
            Ok(mut found) => match found.pop() {
                None => Changed::Missing,
                Some(current) => {
                    view.seen = current.versioned();
                    view.review = current;
                    view.is_stale = true;
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

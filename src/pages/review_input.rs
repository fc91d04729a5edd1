//! What a form for a review goes through, whether it adds one or changes one: its fields and its photo are checked, and
//! the photo is stored before the review that shows it.

use axum::http::StatusCode;

use crate::app::App;
use crate::error::AppError;
use crate::model::{NewReview, SubmissionId};
use crate::pages::details::ReviewFormView;
use crate::photos::{PhotoError, PhotoName, ProcessedPhoto};
use crate::web::SentPhoto;

/// Which of the two stores failed.
pub(super) enum NotSaved {
    /// That of reviews.
    Store(AppError),
    /// That of photos.
    Photo(AppError),
}

impl NotSaved {
    /// The error itself.
    pub(super) fn error(&self) -> &AppError {
        match self {
            Self::Store(error) | Self::Photo(error) => error,
        }
    }

    /// What to tell the visitor, after words such as "Review not added".
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::Store(error) => error.not_saved(),
            Self::Photo(AppError::InsufficientStorage(_)) => {
                "the site has no room for its photo. Send it again without the photo, or later."
            }
            Self::Photo(_) => {
                "its photo could not be stored just now. Send it again in a moment, or without the photo."
            }
        }
    }
}

/// Returns the review and its processed photo. If something is wrong with them, notes it in the form and returns the
/// status of the response. `not_saved` begins the message, such as "Review not added".
pub(super) async fn check(
    app: &App,
    form: &mut ReviewFormView,
    photo: Option<SentPhoto>,
    not_saved: &str,
) -> Result<(NewReview, Option<ProcessedPhoto>), StatusCode> {
    let mut status = StatusCode::UNPROCESSABLE_ENTITY;
    let mut problem = format!("{not_saved}. Correct the marked fields and send again.");
    let new = form.typed.validate().map_err(|errors| form.errors = errors).ok();
    let mut processed = None;
    match photo {
        Some(SentPhoto::TooBig) => {
            status = StatusCode::PAYLOAD_TOO_LARGE;
            "Image too big, try again.".clone_into(&mut problem);
            form.errors.add("reviewImage", form.too_big());
        }
        Some(SentPhoto::NoRoom | SentPhoto::TooMany(_)) => {
            status = StatusCode::TOO_MANY_REQUESTS;
            form.errors.add("reviewImage", PhotoError::Busy.to_string());
        }
        Some(SentPhoto::Empty) => form.errors.add("reviewImage", ReviewFormView::EMPTY_PHOTO),
        // A photo is processed only if the other fields are valid: otherwise the form must be sent again anyway.
        Some(SentPhoto::Bytes(bytes, _held)) if new.is_some() => match app.photo_processor.process(bytes).await {
            Ok(photo) => processed = Some(photo),
            Err(error) => {
                if error == PhotoError::Busy {
                    status = StatusCode::TOO_MANY_REQUESTS;
                }
                form.errors.add("reviewImage", error.to_string());
            }
        },
        Some(SentPhoto::Bytes(..) | SentPhoto::Cut) | None => {}
    }
    if form.typed.is_incomplete() {
        problem = format!("{not_saved}. Include at least a name and rating for review.");
    }
    match new {
        Some(new) if form.errors.is_empty() => Ok((new, processed)),
        _ => {
            form.problem = Some(problem);
            Err(status)
        }
    }
}

/// Identifies this form with these contents, so that it adds nothing when it is sent again.
pub(super) fn submission(
    form: &ReviewFormView,
    new: &NewReview,
    photo: Option<&ProcessedPhoto>,
) -> Option<SubmissionId> {
    let rating = [new.rating.stars()];
    let photo_bytes = photo.map_or(&[][..], |photo| &photo.photo);
    let contents = [
        new.user_name.as_bytes(),
        &rating,
        new.review_text.as_bytes(),
        photo_bytes,
    ];
    SubmissionId::of(&form.form_id, &contents)
}

/// Stores a photo under a new name. Even if the process dies before its review is saved, it does not remain without a
/// review (see [`crate::photo_cleanup`]).
pub(super) async fn store_photo(app: &App, photo: &ProcessedPhoto) -> Result<PhotoName, NotSaved> {
    let name = PhotoName::random();
    let announced = app.store.announce_photo(&name).await;
    announced.map_err(|error| NotSaved::Store(error.into()))?;
    // If this fails, part of the photo may be stored, or still arrive. The clean-up removes it later: to
    // remove it now, the visitor would have to wait for the failing store again.
    let stored = app.photos.put(&name, photo).await;
    stored.map_err(|error| NotSaved::Photo(error.into()))?;
    Ok(name)
}

//! Path parameters. What cannot name anything is a 404 before the store is asked.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::error::AppError;
use crate::model::RestaurantId;
use crate::photos::PhotoName;

/// The restaurant's id in `/<id>/` and `/review/<id>`.
pub struct IdPath(pub RestaurantId);

/// The photo's name in `/photos/<name>`.
pub struct PhotoPath(pub PhotoName);

impl<S: Send + Sync> FromRequestParts<S> for IdPath {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AppError> {
        parsed(parts, state).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PhotoPath {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AppError> {
        parsed(parts, state).await.map(Self)
    }
}

async fn parsed<T: FromStr, S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<T, AppError> {
    let Path(text) = Path::<String>::from_request_parts(parts, state)
        .await
        .map_err(|_| AppError::NotFound)?;
    text.parse().map_err(|_| AppError::NotFound)
}

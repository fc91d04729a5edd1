//! Path parameters. A path that cannot name anything gets a 404 without a query to the store.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::error::AppError;

/// The one parameter of a path, such as the id in `/<id>/`.
pub struct PathParameter<T>(pub T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for PathParameter<T> {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AppError> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = text.map_err(|_| AppError::NotFound)?;
        text.parse().map(Self).map_err(|_| AppError::NotFound)
    }
}

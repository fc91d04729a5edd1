//! The member of staff who sent a request.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::error::AppError;

/// A member of staff. The layer around the staff pages (`pages/admin/gate.rs`) puts it into a request that it lets pass.
#[derive(Debug, Clone)]
pub struct Staff {
    /// The name that the history records.
    pub name: String,
    /// The address that signs out, if there is one.
    pub sign_out: Option<&'static str>,
}

impl<S: Sync> FromRequestParts<S> for Staff {
    type Rejection = AppError;

    /// Fails on a page that lacks the layer.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AppError> {
        parts.extensions.get().cloned().ok_or(AppError::NotFound)
    }
}

//! Reads a form that a browser or a script has sent. Every address that receives a form accepts both
//! `application/x-www-form-urlencoded` and `multipart/form-data`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::multipart::Field;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::AppError;

/// The maximum number of bytes of text in a form. The longest valid form has about 10 kB when every character is
/// percent-encoded.
const TEXT_MAX: usize = 256 * 1024;
/// How many multipart forms, which may have a photo of up to `MAX_UPLOAD_BYTES`, are in memory at the same time.
const UPLOADS_AT_ONCE: usize = 16;
/// How long a form waits for its turn.
const TURN_LIMIT: Duration = Duration::from_secs(20);

/// Limits the memory that uploaded photos use.
pub struct Uploads {
    turns: Arc<Semaphore>,
    photo_max: usize,
}

impl Uploads {
    /// Allows photos of at most this many bytes.
    #[must_use]
    pub fn new(photo_max: usize) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(UPLOADS_AT_ONCE)),
            photo_max,
        }
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, AppError> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        let turn = tokio::time::timeout(TURN_LIMIT, turn).await;
        let turn = turn.map_err(|_| AppError::TooManyRequests)?;
        Ok(turn.expect("the semaphore is never closed"))
    }
}

/// A form as it was sent: its text fields, and its photo.
#[derive(Debug, Default)]
pub struct FormBody {
    fields: HashMap<String, String>,
    /// The file in the photo field.
    pub photo: Option<SentPhoto>,
    /// Held while the photo is in memory.
    _turn: Option<OwnedSemaphorePermit>,
}

/// A file that was sent with a form.
#[derive(Debug)]
pub enum SentPhoto {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// It has no bytes.
    Empty,
    /// It has more bytes than allowed; they were dropped.
    TooBig,
}

impl FormBody {
    /// Reads a form. `photo_field` names the field whose file is kept; other files are skipped.
    ///
    /// A photo beyond `MAX_UPLOAD_BYTES` is read to its end and dropped, so that the visitor gets the form back with
    /// everything typed: browsers show "connection reset" for a form that is refused while it is being sent. The
    /// limit of the whole body, in [`crate::routes`], bounds how much is read.
    pub async fn read(uploads: &Uploads, request: Request, photo_field: &str) -> Result<Self, AppError> {
        let content_type = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default();
        match essence.trim().to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => Self::read_urlencoded(request).await,
            "multipart/form-data" => {
                let turn = uploads.turn().await?;
                let multipart = Multipart::from_request(request, &()).await.map_err(|_| {
                    AppError::BadRequest("The form is not complete: its multipart boundary is missing.".into())
                })?;
                let form = Self::read_multipart(multipart, photo_field, uploads.photo_max).await?;
                Ok(Self {
                    _turn: Some(turn),
                    ..form
                })
            }
            _ => Err(AppError::UnsupportedMediaType),
        }
    }

    async fn read_urlencoded(request: Request) -> Result<Self, AppError> {
        let body = to_bytes(request.into_body(), TEXT_MAX)
            .await
            .map_err(|error| body_error(&error))?;
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(&body) {
            // The decoder replaces bytes that are not UTF-8 with U+FFFD, which the field's check reports.
            form.fields.insert(name.into_owned(), value.into_owned());
        }
        Ok(form)
    }

    async fn read_multipart(mut multipart: Multipart, photo_field: &str, photo_max: usize) -> Result<Self, AppError> {
        let mut form = Self::default();
        let mut text_left = TEXT_MAX;
        while let Some(field) = multipart.next_field().await.map_err(|error| body_error(&error))? {
            let name = field.name().unwrap_or_default().to_owned();
            let file_name = field.file_name().map(str::to_owned);
            if file_name.is_some() || name == photo_field {
                let photo = match read_field(field, photo_max).await? {
                    // A browser sends an empty file without a name if none was chosen.
                    Some(bytes) if bytes.is_empty() && file_name.is_none_or(|name| name.is_empty()) => continue,
                    Some(bytes) if bytes.is_empty() => SentPhoto::Empty,
                    Some(bytes) => SentPhoto::Bytes(bytes),
                    None => SentPhoto::TooBig,
                };
                if name == photo_field {
                    form.photo = Some(photo);
                }
            } else {
                let text = read_field(field, text_left).await?.ok_or(AppError::PayloadTooLarge)?;
                text_left -= text.len();
                form.fields.insert(name, String::from_utf8_lossy(&text).into_owned());
            }
        }
        Ok(form)
    }

    /// The text of this field; empty if it was not sent.
    pub fn take(&mut self, field: &str) -> String {
        self.fields.remove(field).unwrap_or_default()
    }
}

/// Reads a field to its end and returns its bytes, or `None` if they are more than `max`.
async fn read_field(mut field: Field<'_>, max: usize) -> Result<Option<Vec<u8>>, AppError> {
    let mut bytes = Some(Vec::new());
    while let Some(chunk) = field.chunk().await.map_err(|error| body_error(&error))? {
        bytes = bytes.filter(|bytes| bytes.len() + chunk.len() <= max);
        if let Some(bytes) = &mut bytes {
            bytes.extend_from_slice(&chunk);
        }
    }
    Ok(bytes)
}

/// Distinguishes a body that is too long or too slow from one that is malformed or incomplete.
fn body_error(error: &(dyn std::error::Error + 'static)) -> AppError {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return AppError::PayloadTooLarge;
        }
        if error.is::<tower_http::timeout::TimeoutError>() {
            return AppError::RequestTimeout;
        }
        cause = error.source();
    }
    AppError::BadRequest("The form did not arrive complete. Go back and send it again.".into())
}

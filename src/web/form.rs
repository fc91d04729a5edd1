//! Reading a sent form, as a browser or a script sends it: `application/x-www-form-urlencoded` or
//! `multipart/form-data`, whichever, at every address that takes a form.

use std::collections::HashMap;

use axum::body::to_bytes;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use tokio::sync::OwnedSemaphorePermit;

use crate::app::App;
use crate::error::AppError;

/// The most bytes of text in one form; the longest valid one has about 10 kB when every character is
/// percent-encoded.
const TEXT_MAX: usize = 256 * 1024;

/// A form as it was sent: its text fields, and the photo if the form has one.
#[derive(Debug, Default)]
pub struct FormBody {
    fields: HashMap<String, String>,
    /// The file in the field that was asked for.
    pub photo: Option<SentPhoto>,
    /// Held while the body is in memory.
    _turn: Option<OwnedSemaphorePermit>,
}

/// A file that came with a form.
#[derive(Debug)]
pub enum SentPhoto {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// It has more bytes than are allowed; they were not kept.
    TooBig,
}

impl FormBody {
    /// Reads a form. `photo_field` names the field whose file is kept; other files are skipped.
    ///
    /// A photo beyond `MAX_UPLOAD_BYTES` is read over, not refused at once: only so can the person
    /// get an answer with all that was typed (a browser shows "connection reset" for a form that is
    /// refused while it is being sent). What ends that patience is the limit of the whole body, see
    /// [`crate::routes`].
    pub async fn read(app: &App, request: Request, photo_field: &str) -> Result<Self, AppError> {
        let content_type = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let essence = content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        match essence.as_str() {
            "application/x-www-form-urlencoded" => Self::read_urlencoded(request).await,
            "multipart/form-data" => {
                let turn = app.upload_turn().await.ok_or(AppError::TooManyRequests)?;
                let multipart = Multipart::from_request(request, &()).await.map_err(|_| {
                    AppError::BadRequest("The form is not complete: its multipart boundary is missing.".into())
                })?;
                let form = Self::read_multipart(multipart, photo_field, app.config.max_upload_bytes).await?;
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
            .map_err(|error| body_fault(&error))?;
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(&body) {
            // The decoder puts U+FFFD where the bytes are no UTF-8, and the person sees it at the field.
            form.fields.insert(name.into_owned(), value.into_owned());
        }
        Ok(form)
    }

    async fn read_multipart(mut multipart: Multipart, photo_field: &str, photo_max: usize) -> Result<Self, AppError> {
        let mut form = Self::default();
        let mut text_left = TEXT_MAX;
        while let Some(field) = multipart.next_field().await.map_err(|error| multipart_fault(&error))? {
            let name = field.name().unwrap_or_default().to_owned();
            if field.file_name().is_some() || name == photo_field {
                let photo = read_file(field, photo_max).await?;
                // A browser sends an empty file when none was chosen.
                let empty = matches!(&photo, SentPhoto::Bytes(bytes) if bytes.is_empty());
                if name == photo_field && !empty {
                    form.photo = Some(photo);
                }
            } else {
                let text = read_text(field, &mut text_left).await?;
                form.fields.insert(name, text);
            }
        }
        Ok(form)
    }

    /// What was typed into that field; empty when it was not sent.
    pub fn take(&mut self, field: &str) -> String {
        self.fields.remove(field).unwrap_or_default()
    }
}

async fn read_file(mut field: Field<'_>, max: usize) -> Result<SentPhoto, AppError> {
    let mut bytes = Vec::new();
    let mut too_big = false;
    while let Some(chunk) = field.chunk().await.map_err(|error| multipart_fault(&error))? {
        too_big |= bytes.len() + chunk.len() > max;
        if too_big {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(&chunk);
        }
    }
    Ok(if too_big {
        SentPhoto::TooBig
    } else {
        SentPhoto::Bytes(bytes)
    })
}

async fn read_text(mut field: Field<'_>, left: &mut usize) -> Result<String, AppError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| multipart_fault(&error))? {
        *left = left.checked_sub(chunk.len()).ok_or(AppError::PayloadTooLarge)?;
        bytes.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn multipart_fault(error: &MultipartError) -> AppError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return AppError::PayloadTooLarge;
    }
    body_fault(error)
}

/// Tells a body that is too long or too slow from one that is malformed or broke off.
fn body_fault(error: &(dyn std::error::Error + 'static)) -> AppError {
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

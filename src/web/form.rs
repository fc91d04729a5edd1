//! Reads a form that a browser or a script has sent. Every address that receives a form accepts both
//! `application/x-www-form-urlencoded` and `multipart/form-data`.
//!
//! A client decides how much it sends, in how many parts and how fast, so each of these has a limit. A form beyond a
//! limit still comes back with every text that arrived.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use multer::{Field, Multipart};

use super::Client;
use super::incomplete::Incomplete;
use super::rates::{PhotoRate, Rates};
use super::received::{PIECE, Received};
use super::upload_memory::{Allowance, Held, UploadMemory};
use crate::config::{Config, Pace};
use crate::error::AppError;

/// The maximum number of bytes of text in a form, with the headers of its parts. The longest valid form has about 10 kB
/// when every character is percent-encoded.
const TEXT_MAX: usize = 128 << 10;
/// The text that every form may have. More of it takes a part of the memory for photos.
const TEXT_FREE: usize = 16 << 10;
/// The maximum number of fields. The site's forms have at most six.
const FIELDS_MAX: usize = 20;
/// The maximum number of bytes before a part of a multipart form and in its headers, to the nearest piece.
const HEADERS_MAX: usize = PIECE;

/// Receives forms, within limits for all forms together.
pub struct Uploads {
    memory: UploadMemory,
    photo_rate: PhotoRate,
    photo_max: usize,
    pace: Pace,
    turn: Duration,
}

/// The fields of a form. All others are skipped.
pub struct FormFields {
    /// The text fields.
    pub texts: &'static [&'static str],
    /// The field of the photo, if there is one.
    pub photo: Option<&'static str>,
}

/// A form as it was sent: its text fields, and its photo.
#[derive(Debug, Default)]
pub struct FormBody {
    texts: HashMap<&'static str, String>,
    /// The file in the photo field.
    pub photo: Option<SentPhoto>,
    /// Why the form was not read to its end. The fields are those that had arrived.
    pub incomplete: Option<Incomplete>,
    /// The memory that the texts have taken.
    held: Held,
}

/// A file that was sent with a form.
#[derive(Debug)]
pub enum SentPhoto {
    /// Its bytes, and the memory that they have taken.
    Bytes(Vec<u8>, Held),
    /// It has no bytes.
    Empty,
    /// It has more bytes than allowed; they were dropped.
    TooBig,
    /// There was no memory for it; its bytes were dropped.
    NoRoom,
    /// Its client has sent too many and must wait for so long; its bytes were dropped.
    TooMany(Duration),
    /// It did not arrive complete.
    Cut,
}

impl Uploads {
    /// Applies the limits of this configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let limits = &config.limits;
        Self {
            memory: UploadMemory::new(limits.upload_memory, limits.upload_share, limits.upload_patience),
            photo_rate: PhotoRate::new(limits),
            photo_max: config.max_upload_bytes,
            pace: limits.upload_pace,
            turn: limits.upload_turn,
        }
    }

    /// The memory that forms use, in bytes.
    #[must_use]
    pub fn memory_used(&self) -> usize {
        self.memory.used()
    }
}

impl FormBody {
    /// Reads a form.
    ///
    /// A photo beyond `MAX_UPLOAD_BYTES` is read to its end and dropped, so that the visitor gets the form back with
    /// everything typed.
    pub async fn read(uploads: &Uploads, request: Request, fields: &FormFields) -> Result<Self, AppError> {
        let content_type = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let client = request.extensions().get().copied();
        let memory = uploads.memory.allow(client);
        let mut received = Received::new(request.into_body(), uploads.pace, uploads.turn, &memory);
        let mut form = Self::default();
        let essence = content_type.split(';').next().unwrap_or_default();
        let read = match essence.trim().to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => form.read_urlencoded(&memory, &mut received, fields).await,
            "multipart/form-data" => {
                let boundary = multer::parse_boundary(&content_type).map_err(|_| {
                    AppError::BadRequest("The form is not complete: its multipart boundary is missing.".into())
                })?;
                form.read_multipart(uploads, client, &memory, &mut received, boundary, fields)
                    .await
            }
            _ => return Err(AppError::UnsupportedMediaType),
        };
        if let Err(incomplete) = read {
            if !matches!(incomplete, Incomplete::TooSlow | Incomplete::LostTurn) {
                received.drain().await;
            }
            if form.texts.values().all(String::is_empty) {
                // Nothing was typed that the visitor could get back.
                return Err(incomplete.into());
            }
            form.incomplete = Some(incomplete);
        }
        Ok(form)
    }

    /// Reads a form in which nothing is typed: if it is not complete, nothing is done with the part that arrived.
    pub async fn read_whole(uploads: &Uploads, request: Request, fields: &FormFields) -> Result<Self, AppError> {
        let form = Self::read(uploads, request, fields).await?;
        match form.incomplete {
            Some(incomplete) => Err(incomplete.into()),
            None => Ok(form),
        }
    }

    async fn read_urlencoded(
        &mut self,
        memory: &Allowance,
        received: &mut Received<'_>,
        fields: &FormFields,
    ) -> Result<(), Incomplete> {
        let mut body = Vec::new();
        let mut result = loop {
            match received.next().await {
                Ok(None) => break Ok(()),
                Ok(Some(piece)) => match self.count_text(memory, body.len() + piece.len()) {
                    Ok(()) => body.extend_from_slice(&piece),
                    error => break error,
                },
                Err(error) => break Err(Incomplete::because_of(&*error)),
            }
        };
        if result.is_err() {
            // The last field may be cut.
            body.truncate(body.iter().rposition(|byte| *byte == b'&').unwrap_or(0));
        }
        for (index, (name, value)) in form_urlencoded::parse(&body).enumerate() {
            if index == FIELDS_MAX {
                result = result.and(Err(Incomplete::TooManyFields));
                break;
            }
            // The decoder replaces bytes that are not UTF-8 with U+FFFD, which the field's check reports.
            self.add_text(fields, &name, || value.into_owned());
        }
        result
    }

    async fn read_multipart(
        &mut self,
        uploads: &Uploads,
        client: Option<Client>,
        memory: &Allowance,
        received: &mut Received<'_>,
        boundary: String,
        fields: &FormFields,
    ) -> Result<(), Incomplete> {
        let fed = AtomicUsize::new(0);
        let mut multipart = Multipart::new(received.pieces(&fed), boundary);
        let mut text_length = 0;
        let mut parts = 0;
        while let Some(mut part) = next_part(&mut multipart, &fed).await? {
            parts += 1;
            if parts > FIELDS_MAX {
                return Err(Incomplete::TooManyFields);
            }
            for (name, value) in part.headers() {
                text_length += name.as_str().len() + value.len();
            }
            self.count_text(memory, text_length)?;
            let name = part.name().unwrap_or_default().to_owned();
            let is_file = part.file_name().is_some();
            if fields.photo == Some(&*name) {
                self.read_photo(uploads, client, memory, part).await?;
            } else if !is_file && fields.texts.contains(&&*name) {
                let mut text = Vec::new();
                while let Some(chunk) = next_chunk(&mut part).await? {
                    text_length += chunk.len();
                    self.count_text(memory, text_length)?;
                    text.extend_from_slice(&chunk);
                }
                self.add_text(fields, &name, || String::from_utf8_lossy(&text).into_owned());
            } else {
                while next_chunk(&mut part).await?.is_some() {}
            }
        }
        Ok(())
    }

    async fn read_photo(
        &mut self,
        uploads: &Uploads,
        client: Option<Client>,
        memory: &Allowance,
        mut part: Field<'_>,
    ) -> Result<(), Incomplete> {
        let has_name = part.file_name().is_some_and(|name| !name.is_empty());
        let earlier = self.photo.replace(SentPhoto::Cut);
        let mut bytes = Vec::new();
        let mut held = Held::default();
        let mut dropped = None;
        while let Some(chunk) = next_chunk(&mut part).await? {
            if dropped.is_some() {
                continue;
            }
            let length = bytes.len() + chunk.len();
            // Counted when it begins to arrive: a photo too many takes no memory.
            let counted = if bytes.is_empty() {
                uploads.photo_rate.count(client)
            } else {
                Ok(())
            };
            if let Err(wait) = counted {
                dropped = Some(SentPhoto::TooMany(wait));
            } else if length > uploads.photo_max {
                dropped = Some(SentPhoto::TooBig);
            } else if !memory.cover(&mut held, length).await {
                dropped = Some(SentPhoto::NoRoom);
            }
            if dropped.is_none() {
                bytes.extend_from_slice(&chunk);
            } else {
                (bytes, held) = (Vec::new(), Held::default());
            }
        }
        self.photo = match dropped {
            Some(dropped) => Some(dropped),
            None if !bytes.is_empty() => Some(SentPhoto::Bytes(bytes, held)),
            None if has_name => Some(SentPhoto::Empty),
            // A browser sends an empty file without a name if none was chosen.
            None => earlier,
        };
        Ok(())
    }

    /// Counts the text of this form, which has this many bytes so far.
    fn count_text(&mut self, memory: &Allowance, length: usize) -> Result<(), Incomplete> {
        if length > TEXT_MAX {
            return Err(Incomplete::TooLong);
        }
        if length > TEXT_FREE && !memory.cover_now(&mut self.held, length - TEXT_FREE) {
            return Err(Incomplete::NoRoom);
        }
        Ok(())
    }

    /// Keeps the text if the form has a field of that name. The last field of a name wins, as in the sample.
    fn add_text(&mut self, fields: &FormFields, name: &str, text: impl FnOnce() -> String) {
        if let Some(name) = fields.texts.iter().find(|known| **known == name) {
            self.texts.insert(name, text());
        }
    }

    /// Counts this form, and its photo if there is one.
    pub fn count(&self, rates: &Rates, client: Option<Client>) -> Result<(), AppError> {
        rates.count_post(client)?;
        match self.photo {
            Some(SentPhoto::TooMany(wait)) => Err(AppError::RateLimited(wait)),
            _ => Ok(()),
        }
    }

    /// The text of this field; empty if it was not sent.
    pub fn take(&mut self, field: &str) -> String {
        self.texts.remove(field).unwrap_or_default()
    }
}

/// The next part of a multipart form. Its headers, or what precedes them, may be endless, and multer would buffer them.
async fn next_part<'r>(multipart: &mut Multipart<'r>, fed: &AtomicUsize) -> Result<Option<Field<'r>>, Incomplete> {
    let start = fed.load(Ordering::Relaxed);
    poll_fn(|context| match multipart.poll_next_field(context) {
        Poll::Pending if fed.load(Ordering::Relaxed) - start > HEADERS_MAX => Poll::Ready(Err(Incomplete::TooLong)),
        part => part.map_err(|error| Incomplete::because_of(&error)),
    })
    .await
}

async fn next_chunk(part: &mut Field<'_>) -> Result<Option<Bytes>, Incomplete> {
    part.chunk().await.map_err(|error| Incomplete::because_of(&error))
}

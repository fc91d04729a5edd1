//! Reads a form as the site does, without a connection.

use std::cell::RefCell;
use std::convert::Infallible;
use std::path::PathBuf;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use restaurant_review::config::Config;
use restaurant_review::error::AppError;
use restaurant_review::web::{FormBody, FormFields, SentPhoto, Uploads};
use tokio::runtime::{Builder, Runtime};

/// The largest photo, in bytes. It is small, so that an input can be larger.
const PHOTO_MAX: usize = 2000;
/// The memory of all forms together, in bytes.
const MEMORY: usize = 8 << 10;

/// What was read of a form.
#[derive(Debug, PartialEq)]
pub struct Read {
    /// The text of each field that the form may have, in that order.
    pub texts: Vec<String>,
    pub photo: Photo,
    /// The status with which the form is refused, if it did not arrive complete.
    pub refused: Option<StatusCode>,
}

/// The photo of a form.
#[derive(Debug, PartialEq)]
pub enum Photo {
    None,
    Bytes(Vec<u8>),
    Empty,
    Refused,
}

thread_local! {
    static SITE: RefCell<(Runtime, Uploads)> = RefCell::new(site());
}

fn site() -> (Runtime, Uploads) {
    let mut config = Config::for_test(PathBuf::new());
    config.max_upload_bytes = PHOTO_MAX;
    config.limits.upload_memory = MEMORY;
    // The clock does not wait: what is too slow is too slow at once.
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    (runtime.expect("a runtime"), Uploads::new(&config))
}

/// The most pieces of a body. More of them only take longer.
const PIECES_MAX: usize = 100;

/// Reads a body that arrives in pieces of so many bytes, or of more if there were too many. Asserts that it stays within
/// its bounds.
pub fn read(content_type: &str, body: &[u8], piece: usize, fields: &FormFields) -> Read {
    let pieces: Vec<_> = body
        .chunks(piece.max(body.len() / PIECES_MAX))
        .map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)))
        .collect();
    let body_length = body.len();
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    let request = Request::post("/")
        .header(CONTENT_TYPE, content_type)
        .body(body)
        .expect("a request");
    let form = SITE.with_borrow(|(runtime, uploads)| runtime.block_on(FormBody::read(uploads, request, fields)));
    let mut form = match form {
        Ok(form) => form,
        Err(error) => {
            let texts = vec![String::new(); fields.texts.len()];
            return Read {
                texts,
                photo: Photo::None,
                refused: Some(error.status()),
            };
        }
    };
    let photo = match form.photo.take() {
        None => Photo::None,
        Some(SentPhoto::Bytes(bytes, _)) => {
            assert!(!bytes.is_empty() && bytes.len() <= PHOTO_MAX, "{} bytes", bytes.len());
            assert!(fields.photo.is_some());
            Photo::Bytes(bytes)
        }
        Some(SentPhoto::Empty) => Photo::Empty,
        Some(SentPhoto::TooBig | SentPhoto::NoRoom | SentPhoto::TooMany(_) | SentPhoto::Cut) => Photo::Refused,
    };
    let texts: Vec<String> = fields.texts.iter().map(|field| form.take(field)).collect();
    let length: usize = texts.iter().map(String::len).sum();
    // A byte that is not UTF-8 becomes a character of three bytes.
    assert!(
        length <= 3 * body_length && length <= 3 * ((16 << 10) + MEMORY),
        "{length} bytes"
    );
    let refused = form.incomplete.map(|incomplete| AppError::from(incomplete).status());
    Read { texts, photo, refused }
}

//! A page as it is kept, and what a browser is sent of it.

use std::sync::OnceLock;

use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::gzip::Gzip;
use crate::web::{SubmissionId, accepts_gzip, has_etag};

/// A page as it was rendered.
#[derive(Debug)]
pub struct RenderedPage {
    /// The page.
    pub html: String,
    /// The id of its form, where it has one: every visitor is to get another one.
    pub form_id: Option<String>,
}

impl IntoResponse for RenderedPage {
    fn into_response(self) -> Response {
        Html(self.html).into_response()
    }
}

/// A rendered page that is kept, with a gap where the id of its form stands.
#[derive(Debug)]
pub(super) struct KeptPage {
    before: Bytes,
    /// What follows the form's id; `None` for a page without one.
    after: Option<Bytes>,
    /// Of all but the form's id, so that instances agree on it.
    etag: HeaderValue,
    /// Made for the first browser that takes it.
    gzip: OnceLock<Gzip>,
}

impl KeptPage {
    pub(super) fn new(page: &RenderedPage) -> Self {
        let html = Bytes::copy_from_slice(page.html.as_bytes());
        // Nobody can have written the id into the page before: it is random, and was made for this page.
        let form = page
            .form_id
            .as_ref()
            .and_then(|id| Some((page.html.find(id)?, id.len())));
        let (before, after) = match form {
            Some((start, length)) => (html.slice(..start), Some(html.slice(start + length..))),
            None => (html, None),
        };
        let mut hash = Sha256::new();
        hash.update((before.len() as u64).to_le_bytes());
        hash.update(&before);
        hash.update(after.as_deref().unwrap_or_default());
        let hash: [u8; 32] = hash.finalize().into();
        let (head, _) = hash.split_first_chunk().expect("32 bytes");
        // Weak: the compressed form has it too, and so has the page with another form id.
        let etag = format!("W/\"{:032x}\"", u128::from_be_bytes(*head));
        Self {
            before,
            after,
            etag: etag.try_into().expect("plain ASCII"),
            gzip: OnceLock::new(),
        }
    }

    /// About how many bytes of memory it takes, its compressed form included.
    pub(super) fn weight(&self) -> u64 {
        let html = self.before.len() + self.after.as_ref().map_or(0, Bytes::len);
        (html + html / 4 + 512) as u64
    }

    /// The whole page, with that form id where it has a form.
    fn html(&self, form_id: &str) -> Bytes {
        match &self.after {
            Some(after) => [&*self.before, form_id.as_bytes(), after].concat().into(),
            None => self.before.clone(),
        }
    }

    /// The answer to a request with those headers: 304 to a browser that has the page.
    pub(super) fn respond(&self, request: &HeaderMap) -> Response {
        let mut headers = HeaderMap::with_capacity(12);
        headers.insert(ETAG, self.etag.clone());
        if self.after.is_some() {
            // A form's id is for one person: no cache between may hand it to two.
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        }
        if has_etag(request, self.etag.as_bytes()) {
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        let form_id = self.after.as_ref().map(|_| SubmissionId::new_form_id());
        let form_id = form_id.as_deref().unwrap_or_default();
        let body = if accepts_gzip(request) {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
            self.gzip
                .get_or_init(|| Gzip::new(&self.before, self.after.as_deref()))
                .with(form_id)
        } else {
            self.html(form_id)
        };
        (headers, body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use axum::body::to_bytes;
    use axum::http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};
    use flate2::read::GzDecoder;

    use super::*;

    fn kept(html: String, form_id: Option<&str>) -> KeptPage {
        let form_id = form_id.map(str::to_owned);
        KeptPage::new(&RenderedPage { html, form_id })
    }

    async fn body(response: Response) -> Vec<u8> {
        to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
    }

    fn request(header: axum::http::HeaderName, value: &HeaderValue) -> HeaderMap {
        HeaderMap::from_iter([(header, value.clone())])
    }

    #[tokio::test]
    async fn every_visitor_gets_a_form_id_of_their_own() {
        let made = "a".repeat(36);
        let page = kept(format!("<p>é</p><i>{made}</i>"), Some(&made));
        let mut seen = vec![made];
        for encoding in ["identity", "gzip", "gzip"] {
            let headers = request(ACCEPT_ENCODING, &HeaderValue::from_static(encoding));
            let response = page.respond(&headers);
            assert_eq!(response.headers().contains_key(CONTENT_ENCODING), encoding == "gzip");
            assert_eq!(response.headers()[CACHE_CONTROL], "private, no-cache");
            let mut html = body(response).await;
            if encoding == "gzip" {
                let sent = html.split_off(0);
                GzDecoder::new(&sent[..]).read_to_end(&mut html).unwrap();
            }
            let html = String::from_utf8(html).unwrap();
            let id = html.strip_prefix("<p>é</p><i>").unwrap().strip_suffix("</i>").unwrap();
            assert_eq!(id.len(), 36);
            assert!(!seen.contains(&id.to_owned()));
            seen.push(id.to_owned());
        }
    }

    #[tokio::test]
    async fn a_browser_that_has_the_page_gets_none() {
        let page = kept("a page".into(), None);
        let etag = page.respond(&HeaderMap::new()).headers()[ETAG].clone();
        let again = page.respond(&request(IF_NONE_MATCH, &etag));
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(again.headers()[ETAG], etag);
        assert!(body(again).await.is_empty());
        let changed = kept("another page".into(), None).respond(&request(IF_NONE_MATCH, &etag));
        assert_eq!(changed.status(), StatusCode::OK);
    }

    #[test]
    fn pages_have_the_same_etag_but_for_their_form_id() {
        let (a, b) = ("a".repeat(36), "b".repeat(36));
        let page = |id: &str, text: &str| kept(format!("{text}{id}."), Some(id)).etag;
        assert_eq!(page(&a, "1"), page(&b, "1"));
        assert_ne!(page(&a, "1"), page(&a, "2"));
    }
}

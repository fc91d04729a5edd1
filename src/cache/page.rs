//! A page as it is cached, and how it answers a request.

use std::io::Write as _;
use std::sync::OnceLock;

use axum::body::{Bytes, to_bytes};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::error::AppError;
use crate::web::{HTML, accepts_gzip, has_etag};

/// The maximum size of a page in bytes. The longest page has about 100 kB.
const LONGEST_PAGE: usize = 1 << 20;

/// A rendered page. Every visitor gets the same bytes.
#[derive(Debug)]
pub(super) struct CachedPage {
    html: Bytes,
    etag: HeaderValue,
    /// The page as gzip, created for the first request that accepts it.
    gzip: OnceLock<Bytes>,
}

impl CachedPage {
    /// The page in a response, or the response itself if it has no page to keep.
    pub(super) async fn from_response(response: Response) -> Result<Self, Response> {
        if response.status() != StatusCode::OK || response.headers().get(CONTENT_TYPE) != Some(&HTML) {
            return Err(response);
        }
        match to_bytes(response.into_body(), LONGEST_PAGE).await {
            Ok(html) => Ok(Self::new(&html)),
            Err(error) => Err(AppError::Internal(error.into()).into_response()),
        }
    }

    fn new(html: &[u8]) -> Self {
        // Weak, because the plain page and the gzip form share it.
        let etag = format!("W/\"{}\"", hex::encode(Sha256::digest(html)));
        Self {
            html: Bytes::copy_from_slice(html),
            etag: etag.try_into().expect("an ETag is ASCII"),
            gzip: OnceLock::new(),
        }
    }

    /// The approximate number of bytes of memory that the page uses, including its gzip form.
    pub(super) fn weight(&self) -> u64 {
        (self.html.len() + self.html.len() / 4 + 512) as u64
    }

    fn gzip(&self) -> Bytes {
        let compress = || {
            // The best level: 2 ms for the longest page, once for many visitors.
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(&self.html).expect("writing to a Vec cannot fail");
            encoder.finish().expect("writing to a Vec cannot fail").into()
        };
        self.gzip.get_or_init(compress).clone()
    }

    /// Answers a request with these headers. The status is 304 if the browser already has the page.
    pub(super) fn respond(&self, request: &HeaderMap) -> Response {
        // With room for the headers that layers add.
        let mut headers = HeaderMap::with_capacity(12);
        headers.insert(ETAG, self.etag.clone());
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if has_etag(request, self.etag.as_bytes()) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        headers.insert(CONTENT_TYPE, HTML);
        let body = if accepts_gzip(request) {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            self.gzip()
        } else {
            self.html.clone()
        };
        (headers, body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use axum::http::HeaderName;
    use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, IF_NONE_MATCH};
    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    async fn body(response: Response) -> Vec<u8> {
        to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
    }

    fn request(header: HeaderName, value: &HeaderValue) -> HeaderMap {
        HeaderMap::from_iter([(header, value.clone())])
    }

    fn unpacked(file: &[u8]) -> String {
        let mut text = String::new();
        GzDecoder::new(file).read_to_string(&mut text).expect("a gzip file");
        text
    }

    #[tokio::test]
    async fn every_visitor_gets_the_same_page() {
        let html = "<p>é</p>".repeat(100);
        let page = CachedPage::new(html.as_bytes());
        for encoding in ["identity", "gzip", "gzip"] {
            let headers = request(ACCEPT_ENCODING, &HeaderValue::from_static(encoding));
            let response = page.respond(&headers);
            assert_eq!(response.headers().contains_key(CONTENT_ENCODING), encoding == "gzip");
            assert!(
                !response.headers().contains_key(CACHE_CONTROL),
                "a shared cache may keep it"
            );
            let body = body(response).await;
            if encoding == "gzip" {
                assert_eq!(unpacked(&body), html);
            } else {
                assert_eq!(body, html.as_bytes());
            }
        }
    }

    #[tokio::test]
    async fn a_browser_that_has_the_page_gets_only_a_status() {
        let page = CachedPage::new(b"a page");
        let etag = page.respond(&HeaderMap::new()).headers()[ETAG].clone();
        let again = page.respond(&request(IF_NONE_MATCH, &etag));
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(again.headers()[ETAG], etag);
        assert!(body(again).await.is_empty());
        let changed = CachedPage::new(b"another page").respond(&request(IF_NONE_MATCH, &etag));
        assert_eq!(changed.status(), StatusCode::OK);
    }

    #[test]
    fn the_etag_depends_only_on_the_bytes() {
        assert_eq!(CachedPage::new(b"1").etag, CachedPage::new(b"1").etag);
        assert_ne!(CachedPage::new(b"1").etag, CachedPage::new(b"2").etag);
    }

    proptest! {
        #[test]
        fn a_compressed_page_unpacks_to_the_same_page(html in ".{0,3000}") {
            prop_assert_eq!(unpacked(&CachedPage::new(html.as_bytes()).gzip()), html);
        }
    }
}

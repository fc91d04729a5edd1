//! The bodies of requests: how much of them is read, and the JSON in them.

use axum::body::{Body, Bytes};
use futures_util::StreamExt as _;
use serde_json::Value;

/// How much of a body that is too large is read before the answer.
const DISCARD_LIMIT: usize = 64 << 20;
/// How deep the lists and objects of JSON may be nested.
const DEPTH_LIMIT: usize = 64;

/// The body is larger than the limit, or the connection broke before its end.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable;

/// Reads a body of at most that many bytes. The rest of a larger one is read too, and discarded: many clients read the
/// response only after they have sent the whole request.
///
/// # Errors
///
/// The body is larger, or the connection broke.
pub async fn read(body: Body, limit: usize) -> Result<Bytes, Unreadable> {
    let mut stream = body.into_data_stream();
    let mut read = Vec::new();
    let mut discarded = 0;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Unreadable)?;
        if discarded == 0 && read.len() + chunk.len() <= limit {
            read.extend_from_slice(&chunk);
            continue;
        }
        read = Vec::new();
        discarded += chunk.len();
        if discarded > DISCARD_LIMIT {
            break;
        }
    }
    if discarded > 0 {
        Err(Unreadable)
    } else {
        Ok(read.into())
    }
}

/// Parses JSON.
///
/// # Errors
///
/// A message that says what is wrong: it is not JSON, or it is nested too deeply.
pub fn parse(bytes: &[u8]) -> Result<Value, String> {
    if depth(bytes) > DEPTH_LIMIT {
        return Err(format!("the JSON is nested more than {DEPTH_LIMIT} levels deep"));
    }
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

/// How deep lists and objects are nested.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut is_text = false;
    let mut bytes = bytes.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if is_text => drop(bytes.next()),
            b'"' => is_text = !is_text,
            b'[' | b'{' if !is_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::stream;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_body_of_the_limit_is_read() {
        for (length, expected) in [(0, Ok(0)), (9, Ok(9)), (10, Ok(10)), (11, Err(Unreadable))] {
            let found = read(Body::from(vec![0; length]), 10).await.map(|bytes| bytes.len());
            assert_eq!(found, expected, "{length}");
        }
    }

    #[tokio::test]
    async fn the_rest_of_a_larger_body_is_discarded() {
        const CHUNK: usize = 1 << 20;
        for (chunks, expected) in [(2, 2), (60, 60), (100, 65)] {
            let sent = Arc::new(AtomicUsize::new(0));
            let counter = sent.clone();
            let body = stream::iter(0..chunks).map(move |_| {
                counter.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Infallible>(Bytes::from(vec![0; CHUNK]))
            });
            assert_eq!(read(Body::from_stream(body), 10).await, Err(Unreadable));
            assert_eq!(sent.load(Ordering::Relaxed), expected, "{chunks}");
        }
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_not_read() {
        let chunks = [Ok(Bytes::from_static(b"{}")), Err(std::io::Error::other("reset"))];
        assert_eq!(read(Body::from_stream(stream::iter(chunks)), 10).await, Err(Unreadable));
    }

    #[test]
    fn json_may_be_nested_64_levels_deep() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(nested(64).as_bytes()).is_ok());
        for wrong in [nested(65), "{\"a\":".repeat(65), "[".repeat(1_000_000), "{".to_owned()] {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let text = format!("{{\"text\": \"\\\"{}\"}}", "[".repeat(100));
        assert_eq!(
            parse(text.as_bytes()),
            Ok(json!({"text": format!("\"{}", "[".repeat(100))}))
        );
        let long = format!("[{}[]]", "[],".repeat(1000));
        assert!(parse(long.as_bytes()).is_ok());
    }
}

//! The answer to a client for which there is no place.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How many clients get the answer at the same time. The connections of others are closed without one.
pub(super) const AT_ONCE: usize = 32;

/// How long a client has to read the answer.
const PATIENCE: Duration = Duration::from_secs(1);

const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 52\r\n\
    cache-control: no-store\r\n\
    retry-after: 10\r\n\
    connection: close\r\n\r\n\
    The site is busy. Wait ten seconds, then try again.\n";

/// Answers 503, without waiting for the request.
pub(super) async fn turn_away(mut stream: TcpStream) {
    let answer = async {
        stream.write_all(ANSWER).await?;
        stream.shutdown().await?;
        // A connection that is closed while data arrives is reset, and the client may lose the answer.
        while stream.read(&mut [0; 1024]).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    // A client that does not take the answer goes without.
    let _ = tokio::time::timeout(PATIENCE, answer).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_states_its_length() {
        let answer = std::str::from_utf8(ANSWER).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {}\r\n", body.len())),
            "{}",
            body.len()
        );
    }
}

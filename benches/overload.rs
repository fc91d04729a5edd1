//! Sends requests for a page at a fixed rate, whether or not earlier ones have been answered, as independent visitors do. A load generator that waits for answers, such as wrk, cannot overload a server.
//!
//! ```text
//! overload PORT PATH REQUESTS_PER_SECOND SECONDS
//! ```
//!
//! It prints one line of JSON: for each status, the number of answers and the percentiles of the time in milliseconds
//! from when a request was due until its answer had arrived.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [port, path, rate, seconds] = &arguments[..] else {
        return Err("usage: overload PORT PATH REQUESTS_PER_SECOND SECONDS".into());
    };
    let (rate, seconds): (f64, f64) = (rate.parse()?, seconds.parse()?);
    let visitors = Arc::new(Visitors {
        port: port.parse()?,
        request: format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        unused: Mutex::default(),
    });
    let start = Instant::now();
    let mut requests = Vec::new();
    for number in 0_u32.. {
        let after = f64::from(number) / rate;
        if after >= seconds {
            break;
        }
        let due = start + Duration::from_secs_f64(after);
        sleep_until(due).await;
        let visitors = visitors.clone();
        requests.push(tokio::spawn(async move {
            let status = visitors.request().await?;
            Ok::<_, Failure>((status, due.elapsed()))
        }));
    }
    let mut times: BTreeMap<u16, Vec<Duration>> = BTreeMap::new();
    for request in requests {
        let (status, time) = request.await??;
        times.entry(status).or_default().push(time);
    }
    let answers: BTreeMap<_, _> = times
        .into_iter()
        .map(|(status, times)| (status.to_string(), summary(times)))
        .collect();
    println!("{}", json!(answers));
    Ok(())
}

fn summary(mut times: Vec<Duration>) -> serde_json::Value {
    times.sort();
    let percentile = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    json!({ "answers": times.len(), "p50": percentile(50), "p99": percentile(99) })
}

struct Visitors {
    port: u16,
    request: String,
    /// Open connections without a request in flight.
    unused: Mutex<Vec<TcpStream>>,
}

impl Visitors {
    /// Sends the request, on a new connection if all are in use. Returns the status of the answer.
    async fn request(&self) -> Result<u16, Failure> {
        let unused = self.unused.lock().expect("nothing panics here").pop();
        let mut stream = match unused {
            Some(stream) => stream,
            None => TcpStream::connect(("127.0.0.1", self.port)).await?,
        };
        stream.write_all(self.request.as_bytes()).await?;
        let status = answer(&mut stream).await?;
        self.unused.lock().expect("nothing panics here").push(stream);
        Ok(status)
    }
}

/// Reads an answer to its end. Returns its status.
async fn answer(stream: &mut TcpStream) -> Result<u16, Failure> {
    let mut read = Vec::with_capacity(64 << 10);
    let mut ends_at = None;
    while ends_at.is_none_or(|end| read.len() < end) {
        if stream.read_buf(&mut read).await? == 0 {
            return Err("a connection was closed".into());
        }
        if ends_at.is_none() {
            ends_at = end_of_answer(&read)?;
        }
    }
    let status = read.get(9..12).ok_or("no status")?;
    Ok(str::from_utf8(status)?.parse()?)
}

/// The length of an answer, as soon as its headers have arrived.
fn end_of_answer(read: &[u8]) -> Result<Option<usize>, Failure> {
    let blank = b"\r\n\r\n";
    let Some(end) = read.windows(blank.len()).position(|window| window == blank) else {
        return Ok(None);
    };
    let head = str::from_utf8(&read[..end])?.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.ok_or("an answer has no length")?.parse()?;
    Ok(Some(end + blank.len() + length))
}

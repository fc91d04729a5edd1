//! Whether the head of a request is beyond doubt.
//!
//! hyper accepts some heads that a server before it may read differently: two lengths, line ends without a carriage
//! return, a missing host. Whoever makes two servers disagree about where a request ends can smuggle a second one past
//! the first server. Such heads are refused here, before hyper reads them; the standard (RFC 9112) allows or demands
//! it. So is everything else that hyper would refuse: its answers would be empty.

use std::net::Ipv6Addr;

use axum::http::Uri;

/// Why the head of a request was refused. The request has this as an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedHead {
    /// It is not clear. The text says what to do.
    Malformed(&'static str),
    /// It has too many bytes or headers.
    TooLarge,
}

/// The most headers. hyper refuses more.
const HEADERS_MAX: usize = 100;
/// The longest body. hyper refuses numbers that are slightly larger than this one doubled.
const LENGTH_MAX: u64 = u64::MAX / 2;

/// The body that follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// It has this many bytes.
    Exactly(u64),
    /// It is in chunks, and the last one says so.
    Chunked,
}

const LINE_ENDS: RefusedHead = RefusedHead::Malformed("Every line of the request's head must end with CR and LF.");
const CONTROLS: RefusedHead = RefusedHead::Malformed("The head of the request must not contain control characters.");
const REQUEST_LINE: RefusedHead =
    RefusedHead::Malformed("The first line of the request must be a method, an address and HTTP/1.1 or HTTP/1.0.");
const ADDRESS: RefusedHead =
    RefusedHead::Malformed("The first line of the request must contain an address such as / or /create.");
const HEADER: RefusedHead = RefusedHead::Malformed(
    "Every header of the request must be one line with a name, a colon directly after it, and a value.",
);
const HOST: RefusedHead =
    RefusedHead::Malformed("The request needs exactly one Host header, with the name of this site.");
const LENGTH: RefusedHead = RefusedHead::Malformed(
    "The length of the request's body is not clear. Send either one Content-Length or \"Transfer-Encoding: chunked\".",
);

/// The end of the first head in a buffer; `None` if it is not complete. `seen` bytes were in the buffer before.
pub fn end(buffer: &[u8], seen: usize) -> Result<Option<usize>, RefusedHead> {
    let mut is_first_line = !buffer[..seen].contains(&b'\n');
    for at in seen..buffer.len() {
        let after_cr = at > 0 && buffer[at - 1] == b'\r';
        match buffer[at] {
            b'\n' if after_cr => {
                let lines = &buffer[..=at];
                if lines.ends_with(b"\r\n\r\n") {
                    return Ok(Some(at + 1));
                }
                // What is not HTTP, or is a version without headers, never has an end that could be waited for.
                if is_first_line {
                    request_line(&lines[..at - 1])?;
                    is_first_line = false;
                }
            }
            b'\n' => return Err(LINE_ENDS),
            _ if after_cr => return Err(LINE_ENDS),
            b'\t' | b'\r' | b' '..=b'~' | 0x80.. => {}
            _ => return Err(CONTROLS),
        }
    }
    Ok(None)
}

/// Checks a complete head, and returns what follows it.
pub fn check(head: &[u8]) -> Result<BodyLength, RefusedHead> {
    let text = head.strip_suffix(b"\r\n\r\n").unwrap_or(head);
    let mut lines = text
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let is_1_1 = request_line(lines.next().unwrap_or_default())?;
    let (mut host, mut length, mut coding) = (None, None, None);
    for (index, line) in lines.enumerate() {
        if index == HEADERS_MAX {
            return Err(RefusedHead::TooLarge);
        }
        let (name, value) = header(line)?;
        let (found, refusal) = if name.eq_ignore_ascii_case(b"host") {
            (&mut host, HOST)
        } else if name.eq_ignore_ascii_case(b"content-length") {
            (&mut length, LENGTH)
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            (&mut coding, LENGTH)
        } else {
            continue;
        };
        if found.replace(value).is_some() {
            return Err(refusal);
        }
    }
    // Version 1.0 does without.
    if host.map_or(is_1_1, |host| !is_host(host)) {
        return Err(HOST);
    }
    match (length, coding) {
        (None, None) => Ok(BodyLength::Exactly(0)),
        (Some(length), None) => number(length)
            .filter(|length| *length <= LENGTH_MAX)
            .map(BodyLength::Exactly)
            .ok_or(LENGTH),
        (None, Some(coding)) if is_1_1 && coding.eq_ignore_ascii_case(b"chunked") => Ok(BodyLength::Chunked),
        _ => Err(LENGTH),
    }
}

/// Checks the first line, and returns whether the version is 1.1.
fn request_line(line: &[u8]) -> Result<bool, RefusedHead> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(REQUEST_LINE);
    };
    if !is_token(method) || !matches!(version, b"HTTP/1.1" | b"HTTP/1.0") {
        return Err(REQUEST_LINE);
    }
    if !target.iter().all(u8::is_ascii_graphic) || !is_address(method, target) || Uri::try_from(target).is_err() {
        return Err(ADDRESS);
    }
    Ok(version == b"HTTP/1.1")
}

/// Whether a request may have this target. CONNECT, which asks a proxy for a tunnel, has one of another form.
fn is_address(method: &[u8], target: &[u8]) -> bool {
    if method == b"CONNECT" {
        return false;
    }
    if target == b"*" {
        return method == b"OPTIONS";
    }
    if target.starts_with(b"/") {
        return true;
    }
    let lower = target.to_ascii_lowercase();
    let rest = lower
        .strip_prefix(b"http://")
        .or_else(|| lower.strip_prefix(b"https://"));
    rest.and_then(|rest| rest.split(|byte| b"/?#".contains(byte)).next())
        .is_some_and(is_host)
}

/// The name and the value of a header. A line that begins with a space would continue the one before it.
fn header(line: &[u8]) -> Result<(&[u8], &[u8]), RefusedHead> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(HEADER)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if is_token(name) {
        Ok((name, value.trim_ascii()))
    } else {
        Err(HEADER)
    }
}

/// Whether this can be a method or the name of a header (RFC 9110, section 5.6.2).
fn is_token(text: &[u8]) -> bool {
    let in_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(in_token)
}

/// Whether this is the name or the address of a host, with or without a port.
fn is_host(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (is_name, port) = if let Some((address, port)) = bracketed {
        (address.parse::<Ipv6Addr>().is_ok(), port)
    } else {
        let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
        let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        (!name.is_empty() && name.bytes().all(in_name), port)
    };
    let is_port = match port.strip_prefix(':') {
        Some(digits) => digits.is_empty() || number(digits.as_bytes()).is_some_and(|port| port <= 0xffff),
        None => port.is_empty(),
    };
    is_name && is_port
}

/// A number that consists of digits alone.
fn number(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse()
        .ok()
        .filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests;
